/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks: commands that a service wants to be run in its containers (Compose's post_start and pre_stop), one after the other, as a part of a step.
 */
#pragma once

#include "face/project/steps.h"

struct member;

#define HOOKS_POST_START "post_start"
#define HOOKS_PRE_STOP "pre_stop"

/* Runs them in a container that runs; then `then`, with no reply, which is also what happens at once when the file names none. What they print is not
 * shown; the first that does not end with 0 makes the step fail. */
int hooks_run(struct step *s, const struct project *p, const char *kind, const char *service, const char *id,
	      step_reply_fn then, struct err *err);
/* The same before a stop. A container that has ended meanwhile needs none. */
int hooks_before_stop(struct step *s, const struct project *p, const struct member *m, step_reply_fn then,
		      struct err *err);
/* Of steps.c: what a step remembers of them; freed with it. */
struct hooks;
struct hooks *hooks_free(struct hooks *h);
