/* SPDX-License-Identifier: Apache-2.0
 *
 * What is over is judged twice: events tell of each end, and when all have ended the daemon is asked once more, as one may be about to be started
 * again, or made anew by somebody else.
 */
#include "face/project/foreground.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/project/converge.h"
#include "face/project/events.h"
#include "face/project/follow.h"
#include "face/project/life.h"
#include "face/project/steps.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One container. Its end is told after the last of its output. `attached`: the start that is to come is that of the life whose output we have. */
struct shown {
	char *id, *name, *service;
	bool ended, untold, attached;
	int64_t code;
};

struct foreground {
	struct converge *c;
	const struct foreground_how *how;
	struct follow *follow;
	struct events *events;
	struct loop_signal *interrupt, *terminate;
	unsigned signals;
	struct shown *v;
	size_t n, cap;
	bool any_attached, stopping, aborted, known;
	int status, code; /* of who ended it all; of exit_from, when it is known */
	struct err lost;
};

/* ---- which containers ---- */

static bool attaches(const struct foreground *f, const char *service)
{
	const struct foreground_how *how = f->how;
	yyjson_val *attach = yyjson_obj_get(project_service(f->c->p, service), "attach");

	if (how->no_attach && project_in(how->no_attach, service))
		return false;
	if (how->attach)
		return project_in(how->attach, service);
	return !yyjson_is_false(attach) && (how->all || project_in(how->wanted, service));
}

/* Those whose ends matter: what the user named, not what that depends on; without names, what is attached. */
static bool counts(const struct foreground *f, const char *service)
{
	const struct foreground_how *how = f->how;

	if (how->exit_from && !strcmp(how->exit_from, service))
		return true;
	if (how->wanted && *how->wanted)
		return project_in(how->wanted, service);
	return !f->any_attached || attaches(f, service);
}

static bool is_ours(const struct foreground *f, const char *service)
{
	return project_in(f->c->how.services, service) && (attaches(f, service) || counts(f, service));
}

static struct shown *find(const struct foreground *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->v[i].id, id))
			return &f->v[i];
	}
	return NULL;
}

static struct shown *add(struct foreground *f, const char *id, const char *name, const char *service)
{
	struct shown *s;

	mem_grow(&f->v, &f->cap, f->n);
	s = &f->v[f->n++];
	*s = (struct shown){.id = mem_strdup(id), .name = mem_strdup(name), .service = mem_strdup(service)};
	return s;
}

static void shown_free(struct shown *s)
{
	free(s->id);
	free(s->name);
	free(s->service);
}

static void forget(struct foreground *f, struct shown *s)
{
	shown_free(s);
	*s = f->v[--f->n];
}

/* ---- what happens ---- */

static bool all_ended(const struct foreground *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (counts(f, f->v[i].service) && (!f->v[i].ended || follow_has(f->follow, f->v[i].id)))
			return false;
	}
	return true;
}

static bool is_broken_off(const struct foreground *f)
{
	return f->aborted || f->signals > 0 || f->lost.code || follow_failed(f->follow) < 0;
}

/* A plan that runs has the loop for itself. */
static void wake(struct foreground *f)
{
	if (!f->c->p->plan && (is_broken_off(f) || all_ended(f)))
		loop_stop(f->c->p->loop);
}

static void say_end(struct foreground *f, struct shown *s)
{
	mem_cleanup char *text = mem_printf("exited with code %" PRId64, s->code);

	if (!s->untold || follow_has(f->follow, s->id))
		return;
	s->untold = false;
	follow_say(f->follow, follow_label(f->c->p, s->name), text);
}

static void on_closed(void *ctx, const char *id)
{
	struct foreground *f = ctx;
	struct shown *s = find(f, id);

	if (s)
		say_end(f, s);
	wake(f);
}

static void on_idle(void *ctx)
{
	wake(ctx);
}

/* What others wait for to be over has done its duty; what the user asks for is never that. */
static bool aborts(const struct foreground *f, const char *service, int64_t code)
{
	const struct foreground_how *how = f->how;

	if (f->aborted || f->stopping || !counts(f, service))
		return false;
	if (code != 0)
		return how->abort_any || how->abort_failed;
	return how->abort_any &&
	       ((how->exit_from && !strcmp(how->exit_from, service)) || !converge_is_end(f->c, service));
}

static void on_die(struct foreground *f, struct shown *s, const struct event *e)
{
	s->ended = true;
	s->untold = !f->stopping;
	s->attached = false;
	s->code = e->exit_code;
	follow_over(f->follow, s->id, e->time_ns);
	say_end(f, s);
	if (f->how->exit_from && !f->known && !strcmp(f->how->exit_from, s->service)) {
		f->known = true;
		f->code = (int)e->exit_code;
	}
	if (!aborts(f, s->service, e->exit_code))
		return;
	f->aborted = true;
	f->status = (int)e->exit_code;
	fputs("Aborting on container exit...\n", stderr);
	if (f->c->p->plan)
		steps_abandon(f->c->p->plan);
}

/* One that was started again, or is new. */
static void on_start(struct foreground *f, struct shown *s, const struct event *e)
{
	int64_t since = follow_since(f->follow, s->id, e->time_ns);
	mem_cleanup char *target =
	    mem_printf("/containers/%s/logs?follow=1&stdout=1&stderr=1&since=%" PRId64 ".%09" PRId64, s->id,
		       since / 1000000000, since % 1000000000);

	s->ended = false;
	/* One that takes the place of another had a name of its own until then. */
	free(s->name);
	s->name = mem_strdup(e->name);
	if (attaches(f, s->service) && !s->attached)
		follow_add(f->follow, s->id, follow_label(f->c->p, s->name), "GET", target);
	s->attached = false;
}

static void on_event(void *ctx, const struct event *e)
{
	struct foreground *f = ctx;
	bool start = !strcmp(e->action, "start");
	struct shown *s = find(f, e->id);

	if (!s && start && !e->oneoff && is_ours(f, e->service))
		s = add(f, e->id, e->name, e->service);
	if (!s)
		return;
	if (start)
		on_start(f, s, e);
	else if (!strcmp(e->action, "die"))
		on_die(f, s, e);
	else if (!strcmp(e->action, "stop"))
		s->ended = true;
	else if (!strcmp(e->action, "destroy") && !follow_has(f->follow, s->id))
		forget(f, s);
	else if (!strcmp(e->action, "destroy"))
		s->ended = true;
	wake(f);
}

static void on_lost(void *ctx, const struct err *e)
{
	struct foreground *f = ctx;

	if (e)
		f->lost = *e;
	else
		err_set(&f->lost, EPIPE, "berth has ended; the containers go on");
	loop_stop(f->c->p->loop);
}

/* The first one stops what runs, the second kills it, the third ends us. What is being started is waited for: it could not be stopped else. */
static void on_signal(void *ctx, int signal)
{
	struct foreground *f = ctx;

	(void)signal;
	f->signals++;
	if (f->signals > 2)
		_exit(CLI_INTERRUPTED);
	if (f->signals == 1)
		fputs("Gracefully stopping... (press Ctrl+C again to force)\n", stderr);
	if (f->c->p->plan && (f->stopping || f->signals > 1))
		steps_cancel(f->c->p->plan);
	else if (f->c->p->plan)
		steps_abandon(f->c->p->plan);
	loop_stop(f->c->p->loop);
}

/* ---- the beginning ---- */

static void attach(struct foreground *f)
{
	for (size_t i = 0; i < f->c->n; i++) {
		if (attaches(f, f->c->slots[i].service))
			follow_widen(f->follow, follow_label(f->c->p, f->c->slots[i].name));
	}
	for (size_t i = 0; i < f->c->n; i++) {
		const struct slot *s = &f->c->slots[i];
		mem_cleanup char *target = mem_printf("/containers/%s/attach?stream=1&stdout=1&stderr=1", s->id);

		if (is_ours(f, s->service))
			add(f, s->id, s->name, s->service)->attached = attaches(f, s->service);
		if (attaches(f, s->service))
			follow_add(f->follow, s->id, follow_label(f->c->p, s->name), "POST", target);
	}
}

static void on_ready(void *ctx)
{
	struct foreground *f = ctx;

	if (!f->c->p->plan)
		loop_stop(f->c->p->loop);
}

/* A container that is started before its stream is open may have said all it says by then. */
static int wait_for_streams(struct foreground *f, struct err *err)
{
	int r = 0;

	while (r == 0 && follow_waiting(f->follow) > 0 && f->signals == 0 && !f->lost.code)
		r = loop_run(f->c->p->loop, err);
	return r;
}

/* ---- the end ---- */

static int end_all(struct foreground *f, enum life_verb verb, struct err *err)
{
	struct members m = MEMBERS_INIT;
	const struct life_how how = {.verb = verb, .services = f->c->how.services};
	int r = members_read(f->c->p, &m, err);

	if (r == 0)
		r = life_do(f->c->p, &m, &how, NULL, err);
	members_free(&m);
	return r;
}

static int stop_all(struct foreground *f, struct err *err)
{
	int r;

	f->stopping = true;
	r = f->signals > 1 ? -ECANCELED : end_all(f, LIFE_STOP, err);
	if (r != -ECANCELED)
		return r;
	err_clear(err);
	return end_all(f, LIFE_KILL, err);
}

/* One that was never started says nothing, and its stream does not end. */
static bool is_said(const struct foreground *f)
{
	for (size_t i = 0; i < f->c->n; i++) {
		const struct slot *s = &f->c->slots[i];

		if ((s->running || s->started) && follow_has(f->follow, s->id))
			return false;
	}
	return true;
}

/* Streams of what was stopped end by themselves, after the last words. */
static int drain(struct foreground *f, struct err *err)
{
	unsigned signals = f->signals;
	int r = 0;

	while (r == 0 && !is_said(f) && f->signals == signals && !f->lost.code)
		r = loop_run(f->c->p->loop, err);
	return r;
}

/* The event of its end may be still on its way when it has been stopped. */
static void ask_code(struct foreground *f)
{
	for (size_t i = 0; f->how->exit_from && !f->known && i < f->c->n; i++) {
		const struct slot *s = &f->c->slots[i];
		mem_cleanup char *target = mem_printf("/containers/%s/json", s->id);
		yyjson_doc *doc json_doc_cleanup = NULL;
		yyjson_val *state;

		if (strcmp(s->service, f->how->exit_from) != 0 || !(s->running || s->started) ||
		    client_call(f->c->p->cli, "GET", target, NULL, &doc, NULL) < 0)
			continue;
		state = yyjson_obj_get(yyjson_doc_get_root(doc), "State");
		f->known = !strcmp(show_str(state, "Status", ""), "exited");
		f->code = (int)show_int(state, "ExitCode", 0);
	}
}

/* 1: all that counts is over; 0: what is not is waited for. */
static int is_over(struct foreground *f, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = members_read(f->c->p, &m, err), over = 1;

	for (size_t i = 0; r == 0 && i < m.n; i++) {
		const struct member *one = &m.v[i];
		struct shown *s = find(f, one->id);

		if (one->oneoff || !project_in(f->c->how.services, one->service) || !counts(f, one->service) ||
		    (!member_runs(one) && strcmp(one->state, "created") != 0))
			continue;
		over = 0;
		if (!s)
			s = add(f, one->id, one->name, one->service);
		s->ended = false;
	}
	members_free(&m);
	return r < 0 ? r : over;
}

static int wait_for_end(struct foreground *f, struct err *err)
{
	int r = 0;

	while (r == 0 && !is_broken_off(f))
		r = all_ended(f) ? is_over(f, err) : loop_run(f->c->p->loop, err);
	if (f->lost.code) {
		*err = f->lost;
		return -err->code;
	}
	if (r >= 0 && follow_failed(f->follow) < 0)
		return err_sys(err, -follow_failed(f->follow), "write the output");
	return r < 0 ? r : 0;
}

static int stay(struct foreground *f, struct err *err)
{
	const struct converge_wait wait = {.timeout = -1};
	struct err own = ERR_INIT;
	int r = is_broken_off(f) ? 0 : converge_start(f->c, &wait, err);

	if (r < 0 && (f->signals > 0 || f->aborted)) {
		err_clear(err);
	} else if (r < 0) {
		if (f->how->abort_any || f->how->abort_failed)
			(void)stop_all(f, &own);
		return r;
	}
	view_settle(f->c->p->view);
	r = wait_for_end(f, err);
	if (r == 0 && (f->signals > 0 || f->aborted))
		r = stop_all(f, err);
	if (r == 0)
		r = drain(f, err);
	if (r < 0)
		return r;
	ask_code(f);
	return f->signals > 0 ? CLI_INTERRUPTED : f->known ? f->code : f->status;
}

/* Signals come last: until then they end us, and nothing has been started. */
static int open_all(struct foreground *f, struct err *err)
{
	struct project *p = f->c->p;
	int r = events_open(p, NULL, on_event, on_lost, f, &f->events, err);

	if (r == 0)
		r = loop_signal_new(p->loop, SIGINT, on_signal, f, &f->interrupt, err);
	return r < 0 ? r : loop_signal_new(p->loop, SIGTERM, on_signal, f, &f->terminate, err);
}

int foreground_run(struct converge *c, const struct foreground_how *how, struct err *err)
{
	struct foreground f = {.c = c, .how = how};
	const struct follow_how own = {.no_color = how->no_color,
				       .no_prefix = how->no_prefix,
				       .ready = on_ready,
				       .closed = on_closed,
				       .idle = on_idle,
				       .ctx = &f};
	int r;

	f.follow = follow_new(c->p, &own);
	for (char *const *s = c->how.services; *s; s++)
		f.any_attached |= attaches(&f, *s);
	r = open_all(&f, err);
	if (r == 0) {
		attach(&f);
		r = wait_for_streams(&f, err);
	}
	if (r == 0)
		r = stay(&f, err);
	events_free(f.events);
	follow_free(f.follow);
	loop_signal_free(f.interrupt);
	loop_signal_free(f.terminate);
	for (size_t i = 0; i < f.n; i++)
		shown_free(&f.v[i]);
	free(f.v);
	return r;
}
