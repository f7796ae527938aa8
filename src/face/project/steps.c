/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/steps.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "face/project/call.h"
#include "face/project/hooks.h"
#include "face/project/project.h"
#include "face/project/view.h"

#include <string.h>

struct steps {
	struct project *p;
	struct step **steps;
	size_t n, cap, running, done;
	struct err failed;
	bool in_run, canceled, looping;
};

struct steps *steps_new(struct project *p)
{
	struct steps *plan = mem_new(struct steps);

	plan->p = p;
	return plan;
}

struct steps *steps_free(struct steps *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n; i++) {
		call_free(p->steps[i]->call);
		hooks_free(p->steps[i]->hooks);
		free(p->steps[i]->subject);
		free(p->steps[i]->target);
		free(p->steps[i]->after);
		free(p->steps[i]);
	}
	free(p->steps);
	free(p);
	return NULL;
}

const struct project *steps_project(const struct steps *p)
{
	return p->p;
}

struct step *steps_add(struct steps *p, const char *subject, const char *doing, const char *did, step_begin_fn begin,
		       void *ctx)
{
	struct step *s = mem_new(struct step);

	s->plan = p;
	s->subject = mem_strdup(subject);
	s->doing = doing;
	s->did = did;
	s->begin = begin;
	s->ctx = ctx;
	mem_grow(&p->steps, &p->cap, p->n);
	p->steps[p->n++] = s;
	return s;
}

void steps_after(struct step *later, struct step *earlier)
{
	if (!later || !earlier || later == earlier)
		return;
	mem_grow(&earlier->after, &earlier->cap_after, earlier->n_after);
	earlier->after[earlier->n_after++] = later;
	later->waits++;
}

static void go_on(struct steps *p);

static void over(struct step *s)
{
	struct steps *p = s->plan;

	if (s->state != STEP_RUNS)
		return;
	s->state = STEP_DONE;
	p->running--;
	p->done++;
	for (size_t i = 0; i < s->n_after; i++)
		s->after[i]->waits--;
	go_on(p);
}

void step_end(struct step *s)
{
	if (s->state == STEP_RUNS && s->subject)
		view_line(s->plan->p->view, s->subject, s->did, VIEW_DONE);
	over(s);
}

/* What others wait for may never come, and they would keep the reason from being told. */
static void give_up_waits(struct steps *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (!s->watches || s->state != STEP_RUNS)
			continue;
		s->call = call_free(s->call);
		if (s->subject)
			view_line(p->p->view, s->subject, "Interrupted", VIEW_FAILED);
		over(s);
	}
}

void step_fail(struct step *s, const struct err *e)
{
	struct steps *p = s->plan;

	if (s->state != STEP_RUNS)
		return;
	if (s->subject)
		view_line(p->p->view, s->subject, s->optional ? "Skipped" : "Error", VIEW_FAILED);
	if (s->optional)
		view_warn(p->p->view, e->text);
	else if (!p->failed.code)
		p->failed = *e;
	over(s);
	if (p->failed.code)
		give_up_waits(p);
}

static void on_end(void *ctx, int status, yyjson_val *reply, const struct err *e)
{
	struct step *s = ctx;
	struct err err = ERR_INIT;
	int r;

	(void)status;
	s->call = call_free(s->call);
	r = s->reply(s, reply, e, &err);
	if (r < 0)
		step_fail(s, err.code ? &err : e);
}

int step_call(struct step *s, const char *method, const char *target, const char *body, step_reply_fn reply,
	      struct err *err)
{
	const struct call_request rq = {.method = method, .target = target, .body = body, .on_end = on_end, .ctx = s};

	s->reply = reply;
	return call_open(s->plan->p->loop, s->plan->p->dial, &rq, &s->call, err);
}

static void on_nothing(void *ctx, const char *data, size_t n)
{
	(void)ctx;
	(void)data;
	(void)n;
}

int step_drain(struct step *s, const char *method, const char *target, const char *body, step_reply_fn reply,
	       struct err *err)
{
	const struct call_request rq = {
	    .method = method, .target = target, .body = body, .on_data = on_nothing, .on_end = on_end, .ctx = s};

	s->reply = reply;
	return call_open(s->plan->p->loop, s->plan->p->dial, &rq, &s->call, err);
}

int step_send_tar(struct step *s, const char *target, const void *tar, size_t n, step_reply_fn reply, struct err *err)
{
	const struct call_request rq = {
	    .method = "PUT", .target = target, .tar = tar, .tar_len = n, .on_end = on_end, .ctx = s};

	s->reply = reply;
	return call_open(s->plan->p->loop, s->plan->p->dial, &rq, &s->call, err);
}

int step_done(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	(void)reply;
	if (failed)
		return s->subject ? err_set(err, failed->code, "%s: %s", s->subject, failed->text) : -failed->code;
	step_end(s);
	return 0;
}

static void begin(struct step *s)
{
	struct err err = ERR_INIT;

	s->state = STEP_RUNS;
	s->plan->running++;
	if (s->subject && s->doing)
		view_line(s->plan->p->view, s->subject, s->doing, VIEW_BUSY);
	if (s->begin(s, &err) < 0)
		step_fail(s, &err);
}

/* A step that ends at once comes back in here: the outermost call begins them all, so that nothing is nested deeply. */
static void go_on(struct steps *p)
{
	if (p->in_run)
		return;
	p->in_run = true;
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < p->n && !p->failed.code && p->running < STEPS_PARALLEL; i++) {
			if (p->steps[i]->state != STEP_IDLE || p->steps[i]->waits > 0)
				continue;
			begin(p->steps[i]);
			again = true;
		}
	}
	p->in_run = false;
	if (p->running == 0 && p->looping)
		loop_stop(p->p->loop);
}

int steps_run(struct steps *p, struct err *err)
{
	int r = 0;

	p->failed.code = 0;
	p->p->plan = p;
	go_on(p);
	p->looping = true;
	while (p->running > 0 && !p->canceled && r == 0)
		r = loop_run(p->p->loop, err);
	p->looping = false;
	p->p->plan = NULL;
	if (r < 0)
		return r;
	if (p->canceled)
		return err_set(err, ECANCELED, "canceled");
	if (p->failed.code) {
		if (err)
			*err = p->failed;
		return -p->failed.code;
	}
	if (p->done < p->n)
		return err_set(err, ELOOP, "the services depend on each other in a circle");
	return 0;
}

void steps_abandon(struct steps *p)
{
	if (!p->failed.code)
		err_set(&p->failed, ECANCELED, "canceled");
	give_up_waits(p);
	if (p->looping)
		loop_stop(p->p->loop);
}

void steps_cancel(struct steps *p)
{
	p->canceled = true;
	if (p->looping)
		loop_stop(p->p->loop);
}
