/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: steps that depend on each other. Each is a chain of requests (or a wait for events); those that wait for nobody run side by
 * side, STEPS_PARALLEL at a time. After the first failure nothing new begins; what runs is waited for, but those
 * that only watch are given up.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct hooks;
struct steps;
struct project;
struct step;

#define STEPS_PARALLEL 64

/* Begins the step: must lead to step_end() or step_call() (or is an error: the step has failed). */
typedef int (*step_begin_fn)(struct step *s, struct err *err);
/* The answer to a step_call(); the same duty. `failed` is NULL or why there is no good one: returning -failed->code with *err as it is passes
 * it on. */
typedef int (*step_reply_fn)(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err);

struct step {
	char *subject;		 /* "Container web-1"; NULL: nothing is shown */
	const char *doing, *did; /* "Starting", "Started" */
	step_begin_fn begin;
	void *ctx, *other; /* of the step */
	struct steps *plan;
	char *target;	     /* a request that was prepared, or NULL; the step frees it */
	bool optional;	     /* a failure is a warning */
	bool kills;	     /* of step_remove() */
	bool watches;	     /* changes nothing: may be given up at any time */
	struct hooks *hooks; /* of hooks.c */

	/* its own */
	struct step **after;
	size_t n_after, cap_after, waits;
	step_reply_fn reply;
	struct call *call;
	enum { STEP_IDLE, STEP_RUNS, STEP_DONE } state;
};

struct steps *steps_new(struct project *p);
struct steps *steps_free(struct steps *p);
const struct project *steps_project(const struct steps *p);
struct step *steps_add(struct steps *p, const char *subject, const char *doing, const char *did, step_begin_fn begin,
		       void *ctx);
/* `later` (may be NULL, as `earlier`) begins when `earlier` is done. */
void steps_after(struct step *later, struct step *earlier);
/* Runs the loop until all steps are done: 0, or the first error. -ECANCELED: steps_cancel(). Meanwhile it is the project's `plan`. */
int steps_run(struct steps *p, struct err *err);
/* Nothing new begins and nothing is waited for. */
void steps_cancel(struct steps *p);
/* Nothing new begins, and what only watches is given up; what was asked for already is waited for. */
void steps_abandon(struct steps *p);

int step_call(struct step *s, const char *method, const char *target, const char *body, step_reply_fn reply,
	      struct err *err);
/* The same for a reply that is no JSON and of no interest. */
int step_drain(struct step *s, const char *method, const char *target, const char *body, step_reply_fn reply,
	       struct err *err);
int step_send_tar(struct step *s, const char *target, const void *tar, size_t n, step_reply_fn reply, struct err *err);
void step_end(struct step *s);
/* Of one that waits for events. */
void step_fail(struct step *s, const struct err *e);
/* A reply fn: whatever was answered well is the end of the step. */
int step_done(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err);
