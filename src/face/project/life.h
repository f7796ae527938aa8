/* SPDX-License-Identifier: Apache-2.0
 *
 * life: what is done to containers that are there: stop, kill, pause and the rest, side by side but in the order of what depends on what.
 */
#pragma once

#include <stdbool.h>

struct err;
struct members;
struct project;

enum life_verb { LIFE_STOP, LIFE_KILL, LIFE_PAUSE, LIFE_UNPAUSE, LIFE_RESTART, LIFE_REMOVE };

struct life_how {
	enum life_verb verb;
	char *const *services; /* NULL or empty: all */
	const char *signal;    /* of a kill */
	bool volumes;	       /* removed with the containers: anonymous ones */
	bool oneoff;	       /* those of `run`, too */
	bool stop;	       /* remove those that run as well */
	bool no_deps;
};
/* *ret_n (may be NULL): of how many containers. */
int life_do(struct project *p, const struct members *m, const struct life_how *how, int *ret_n, struct err *err);
