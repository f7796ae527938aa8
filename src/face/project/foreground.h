/* SPDX-License-Identifier: Apache-2.0
 *
 * foreground: `up` without -d: starts the containers, shows their output until all have ended, and stops them on Ctrl-C (kills on the second).
 */
#pragma once

#include <stdbool.h>

struct converge;
struct err;

struct foreground_how {
	char *const *wanted, *const *attach, *const *no_attach;
	const char *exit_from; /* service, or NULL */
	bool all;	       /* also what the wanted ones depend on */
	bool abort_any, abort_failed, no_color, no_prefix;
};
/* The exit status, or a negative errno. Containers that others make for the same services meanwhile are shown, too. */
int foreground_run(struct converge *c, const struct foreground_how *how, struct err *err);
