/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting in order. Who waits for a condition looks at the containers once, and again when an event tells that something has happened.
 */
#include "face/project/converge.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/events.h"
#include "face/project/hooks.h"
#include "face/project/steps.h"
#include "face/project/step_calls.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A program that cannot start needs some time to say so: Compose looks only then, too. */
#define SETTLE_MS 500

enum want { WANT_HEALTHY, WANT_COMPLETED, WANT_UP };

/* Waits until all containers of a service are as wanted. Lives in the list of its start. */
struct waiting {
	struct start *start;
	struct step *step;
	const char *service;
	enum want want;
	size_t at; /* slots before it are as wanted */
	struct loop_timer *settling;
	bool settled;
	bool again; /* something has happened since the request was sent */
};

struct start {
	struct converge *c;
	struct steps *plan;
	struct waiting **waits;
	size_t n, cap;
	bool late;
};

static int look(struct waiting *w, struct err *err);

/* 1: as wanted; 0: not yet; < 0: it will never be. */
static int judge(const struct waiting *w, const struct slot *slot, yyjson_val *reply, struct err *err)
{
	yyjson_val *state = yyjson_obj_get(reply, "State"), *health = yyjson_obj_get(state, "Health");
	const char *status = show_str(state, "Status", ""), *healthy = show_str(health, "Status", "");
	int64_t code = show_int(state, "ExitCode", 0);
	bool over = !strcmp(status, "exited") || !strcmp(status, "dead");

	if (w->want == WANT_COMPLETED) {
		if (!over)
			return 0;
		return code == 0 ? 1
				 : err_set(err, ECHILD,
					   "dependency failed to start: service \"%s\" didn't complete successfully: "
					   "%s exited with "
					   "code %" PRId64,
					   w->service, slot->name, code);
	}
	if (over)
		return err_set(err, ECHILD, "%scontainer %s exited with code %" PRId64,
			       w->want == WANT_UP ? "" : "dependency failed to start: ", slot->name, code);
	if (!health || !strcmp(healthy, "none"))
		return w->want == WANT_UP
			   ? !strcmp(status, "running")
			   : err_set(err, EINVAL,
				     "dependency failed to start: container %s has no healthcheck configured",
				     slot->name);
	if (!strcmp(healthy, "unhealthy"))
		return err_set(err, ECHILD, "dependency failed to start: container %s is unhealthy", slot->name);
	return !strcmp(healthy, "healthy");
}

static void on_settled(void *ctx)
{
	struct waiting *w = ctx;
	struct err err = ERR_INIT;

	w->settled = true;
	if (w->step->state != STEP_RUNS)
		return;
	if (w->step->call)
		w->again = true;
	else if (look(w, &err) < 0)
		step_fail(w->step, &err);
}

/* Whether one that has just been started, and says nothing of its health, must be looked at once more. */
static bool settles(struct waiting *w, const struct slot *slot, yyjson_val *reply)
{
	yyjson_val *health = yyjson_obj_get(yyjson_obj_get(reply, "State"), "Health");

	if (w->want != WANT_UP || w->settled || !slot->started ||
	    strcmp(show_str(health, "Status", "none"), "none") != 0)
		return false;
	if (!w->settling) {
		w->settling = loop_timer_new(w->start->c->p->loop, on_settled, w);
		loop_timer_arm(w->settling, SETTLE_MS);
	}
	return true;
}

static int looked(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct waiting *w = s->ctx;
	struct slot *slot = &w->start->c->slots[w->at];
	int r;

	if (failed)
		return err_set(err, failed->code, "container %s: %s", slot->name, failed->text);
	r = judge(w, slot, reply, err);
	if (r > 0 && settles(w, slot, reply))
		r = 0;
	if (r > 0)
		w->at++;
	else if (r < 0 || !w->again)
		return r;
	return look(w, err);
}

static int look(struct waiting *w, struct err *err)
{
	struct converge *c = w->start->c;
	mem_cleanup char *target = NULL;

	w->again = false;
	while (w->at < c->n && strcmp(c->slots[w->at].service, w->service) != 0)
		w->at++;
	if (w->at == c->n) {
		step_end(w->step);
		return 0;
	}
	target = mem_printf("/containers/%s/json", c->slots[w->at].id);
	return step_call(w->step, "GET", target, NULL, looked, err);
}

static int begin_wait(struct step *s, struct err *err)
{
	return look(s->ctx, err);
}

static void on_event(void *ctx, const struct event *e)
{
	struct start *st = ctx;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < st->n; i++) {
		struct waiting *w = st->waits[i];

		if (w->step->state != STEP_RUNS || strcmp(w->service, e->service) != 0)
			continue;
		if (w->step->call)
			w->again = true;
		else if (look(w, &err) < 0)
			step_fail(w->step, &err);
	}
}

static void on_lost(void *ctx, const struct err *e)
{
	struct start *st = ctx;
	struct err own = ERR_INIT;

	err_set(&own, EPIPE, "berth has ended while the services were starting; the containers go on");
	for (size_t i = 0; i < st->n; i++)
		step_fail(st->waits[i]->step, e ? e : &own);
}

static struct step *add_wait(struct start *st, const char *service, enum want want, bool required)
{
	static const char *const did[] = {[WANT_HEALTHY] = "Healthy", [WANT_COMPLETED] = "Exited", [WANT_UP] = "Ready"};
	mem_cleanup char *subject = mem_printf("Service %s", service);
	struct waiting *w = mem_new(struct waiting);

	*w = (struct waiting){.start = st, .service = service, .want = want};
	w->step = steps_add(st->plan, subject, "Waiting", did[want], begin_wait, w);
	w->step->optional = !required;
	w->step->watches = true;
	mem_grow(&st->waits, &st->cap, st->n);
	st->waits[st->n++] = w;
	return w->step;
}

/* ---- the plan ---- */

struct dependents {
	struct start *st;
	struct map *started; /* service -> the barrier after its starts */
	struct step *first;
};

static bool has_slots(const struct converge *c, const char *service)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!strcmp(c->slots[i].service, service))
			return true;
	}
	return false;
}

static void after_dep(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct dependents *d = ctx;
	struct step *started = map_get(d->started, name), *wait = NULL;

	(void)restart;
	if (!started || !has_slots(d->st->c, name))
		return;
	/* The name in the list outlives labels. */
	for (char *const *s = d->st->c->how.services; *s; s++)
		name = !strcmp(*s, name) ? *s : name;
	if (!strcmp(condition, "service_healthy"))
		wait = add_wait(d->st, name, WANT_HEALTHY, required);
	else if (!strcmp(condition, "service_completed_successfully"))
		wait = add_wait(d->st, name, WANT_COMPLETED, required);
	steps_after(wait, started);
	steps_after(d->first, wait ? wait : started);
}

static int has_started(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;

	if (failed)
		return step_done(s, reply, failed, err);
	slot->started = true;
	return hooks_run(s, slot->c->p, HOOKS_POST_START, slot->service, slot->id, step_done, err);
}

static int begin_start(struct step *s, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = mem_printf("/containers/%s/start", slot->id);

	return step_call(s, "POST", target, NULL, has_started, err);
}

static bool needed(const struct converge *c, const char *service)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->slots[i].running && !strcmp(c->slots[i].service, service))
			return true;
	}
	return false;
}

struct end {
	const char *service;
	bool wanted;
};

static void is_end(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct end *e = ctx;

	(void)required;
	(void)restart;
	e->wanted |= !strcmp(name, e->service) && !strcmp(condition, "service_completed_successfully");
}

bool converge_is_end(const struct converge *c, const char *service)
{
	struct end e = {.service = service};

	for (char *const *s = c->how.services; *s; s++)
		project_deps(c->p, &c->members, *s, is_end, &e);
	return e.wanted;
}

/* What somebody wants to be over will not stay up for who waits for all of them. */
static enum want held_for(const struct converge *c, const char *service)
{
	return converge_is_end(c, service) ? WANT_COMPLETED : WANT_UP;
}

static void add_service(struct start *st, const char *name, struct map *started, bool hold)
{
	struct converge *c = st->c;
	struct step *first = steps_add(st->plan, NULL, NULL, NULL, step_nothing, NULL);
	struct step *last = steps_add(st->plan, NULL, NULL, NULL, step_nothing, NULL);
	struct dependents d = {.st = st, .started = started, .first = first};

	/* Who runs already waits for nobody. */
	if (needed(c, name))
		project_deps(c->p, &c->members, name, after_dep, &d);
	steps_after(last, first);
	for (size_t i = 0; i < c->n; i++) {
		struct slot *slot = &c->slots[i];
		mem_cleanup char *subject = mem_printf("Container %s", slot->name);
		struct step *s;

		if (slot->running || strcmp(slot->service, name) != 0)
			continue;
		s = steps_add(st->plan, subject, "Starting", "Started", begin_start, slot);
		steps_after(s, first);
		steps_after(last, s);
	}
	map_put(started, name, last);
	if (hold && has_slots(c, name))
		steps_after(add_wait(st, name, held_for(st->c, name), true), last);
}

/* Its own start is somebody else's, after all steps. */
static void wait_before(struct start *st, const char *service, struct map *started)
{
	struct dependents d = {.st = st, .started = started, .first = NULL};

	project_deps(st->c->p, NULL, service, after_dep, &d);
}

static void on_timeout(void *ctx)
{
	struct start *st = ctx;

	st->late = true;
	steps_cancel(st->plan);
}

static int run(struct start *st, int64_t timeout, struct err *err)
{
	struct loop_timer *timer = timeout >= 0 ? loop_timer_new(st->c->p->loop, on_timeout, st) : NULL;
	int r;

	if (timer)
		loop_timer_arm(timer, timeout * 1000);
	r = steps_run(st->plan, err);
	loop_timer_free(timer);
	return st->late ? err_set(err, ETIMEDOUT, "the services are not all up after %" PRId64 " s", timeout) : r;
}

/* To create and recreate takes its time: what ran before may have ended meanwhile. */
static int see_running(struct converge *c, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = members_read(c->p, &m, err);

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct slot *slot = &c->slots[i];
		bool runs = false;

		for (size_t k = 0; slot->running && !runs && k < m.n; k++)
			runs = !strcmp(m.v[k].id, slot->id) && member_runs(&m.v[k]);
		slot->running = runs;
	}
	members_free(&m);
	return r;
}

static void free_wait(struct waiting *w)
{
	loop_timer_free(w->settling);
	free(w);
}

int converge_start(struct converge *c, const struct converge_wait *wait, struct err *err)
{
	struct start st = {.c = c, .plan = steps_new(c->p)};
	struct map started = MAP_INIT;
	struct events *events = NULL;
	int r = see_running(c, err);

	for (char *const *s = c->how.services; *s; s++)
		add_service(&st, *s, &started, wait->hold);
	if (wait->before)
		wait_before(&st, wait->before, &started);
	if (r == 0 && st.n > 0)
		r = events_open(c->p, NULL, on_event, on_lost, &st, &events, err);
	if (r == 0)
		r = run(&st, wait->timeout, err);
	events_free(events);
	steps_free(st.plan);
	for (size_t i = 0; i < st.n; i++)
		free_wait(st.waits[i]);
	free(st.waits);
	map_free(&started);
	return r;
}
