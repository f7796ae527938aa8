/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/foreground.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
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

/* The end is told after the last of the output. `attached`: the start that is to come is that of the life whose output we have. */
struct ending {
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
	struct ending *endings; /* of each slot */
	bool stopping, aborted, started;
	int status;
	struct err lost;
};

static bool is_over(const struct foreground *f)
{
	bool over = f->started && follow_open(f->follow) == 0;

	for (size_t i = 0; over && i < f->c->n; i++)
		over = f->endings[i].ended;
	return over || f->aborted || f->signals > 0 || f->lost.code;
}

static void check_over(struct foreground *f)
{
	if (is_over(f))
		loop_stop(f->c->p->loop);
}

static void on_idle(void *ctx)
{
	check_over(ctx);
}

static bool shows(const struct foreground *f, const char *service)
{
	const struct foreground_how *how = f->how;

	if (how->no_attach && project_in(how->no_attach, service))
		return false;
	if (how->attach)
		return project_in(how->attach, service);
	return how->all || project_in(how->wanted, service);
}

static void say_end(struct foreground *f, size_t i)
{
	mem_cleanup char *text = mem_printf("exited with code %" PRId64, f->endings[i].code);

	if (!f->endings[i].untold || f->stopping || follow_has(f->follow, f->c->slots[i].id))
		return;
	f->endings[i].untold = false;
	follow_say(f->follow, follow_label(f->c->p, f->c->slots[i].name), text);
}

static void on_closed(void *ctx, const char *id)
{
	struct foreground *f = ctx;

	for (size_t i = 0; i < f->c->n; i++) {
		if (f->c->slots[i].id && !strcmp(f->c->slots[i].id, id))
			say_end(f, i);
	}
}

static void on_die(struct foreground *f, size_t i, const struct event *e)
{
	const struct foreground_how *how = f->how;

	f->endings[i].ended = f->endings[i].untold = true;
	f->endings[i].attached = false;
	f->endings[i].code = e->exit_code;
	say_end(f, i);
	if (how->exit_from ? !strcmp(how->exit_from, e->service) && !f->stopping : how->abort_any || how->abort_failed)
		f->status = f->aborted ? f->status : (int)e->exit_code;
	if ((how->abort_any || (how->abort_failed && e->exit_code != 0)) && !f->stopping)
		f->aborted = true;
}

/* One that was restarted goes on where its log does. */
static void on_start(struct foreground *f, size_t i, const struct event *e)
{
	struct slot *s = &f->c->slots[i];
	mem_cleanup char *target =
	    mem_printf("/containers/%s/logs?follow=1&stdout=1&stderr=1&since=%" PRId64 ".%09" PRId64, s->id,
		       e->time_ns / 1000000000, e->time_ns % 1000000000);

	f->endings[i].ended = false;
	if (f->endings[i].attached) {
		f->endings[i].attached = false;
		return;
	}
	if (f->started && shows(f, s->service) && !follow_has(f->follow, s->id))
		follow_add(f->follow, s->id, follow_label(f->c->p, s->name), "GET", target);
}

static void on_event(void *ctx, const struct event *e)
{
	struct foreground *f = ctx;

	for (size_t i = 0; i < f->c->n; i++) {
		if (strcmp(f->c->slots[i].id, e->id) != 0)
			continue;
		if (!strcmp(e->action, "die"))
			on_die(f, i, e);
		else if (!strcmp(e->action, "start"))
			on_start(f, i, e);
		else if (!strcmp(e->action, "destroy"))
			f->endings[i].ended = true;
	}
	check_over(f);
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

/* The first one stops what runs, the second kills it, the third ends us. */
static void on_signal(void *ctx, int signal)
{
	struct foreground *f = ctx;

	(void)signal;
	f->signals++;
	if (f->signals > 2)
		_exit(CLI_INTERRUPTED);
	if (f->signals == 1)
		fputs("Gracefully stopping... (press Ctrl+C again to force)\n", stderr);
	if (f->c->p->plan)
		steps_cancel(f->c->p->plan);
	loop_stop(f->c->p->loop);
}

static void attach(struct foreground *f)
{
	for (size_t i = 0; i < f->c->n; i++) {
		if (shows(f, f->c->slots[i].service))
			follow_widen(f->follow, follow_label(f->c->p, f->c->slots[i].name));
	}
	for (size_t i = 0; i < f->c->n; i++) {
		const struct slot *s = &f->c->slots[i];
		mem_cleanup char *target = mem_printf("/containers/%s/attach?stream=1&stdout=1&stderr=1", s->id);

		if (shows(f, s->service))
			f->endings[i].attached =
			    follow_add(f->follow, s->id, follow_label(f->c->p, s->name), "POST", target);
	}
}

static void on_ready(void *ctx)
{
	struct foreground *f = ctx;

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
	r = end_all(f, LIFE_STOP, err);
	if (r != -ECANCELED)
		return r;
	err_clear(err);
	return end_all(f, LIFE_KILL, err);
}

static int stay(struct foreground *f, struct err *err)
{
	int r = converge_start(f->c, &(struct converge_wait){.timeout = -1}, err);

	f->started = true;
	if (r < 0 && f->signals > 0)
		err_clear(err);
	else if (r < 0)
		return r;
	view_settle(f->c->p->view);
	for (r = 0; r == 0 && !is_over(f);)
		r = loop_run(f->c->p->loop, err);
	if (f->lost.code) {
		*err = f->lost;
		return -err->code;
	}
	if (r == 0 && (f->signals > 0 || f->aborted))
		r = stop_all(f, err);
	if (r < 0)
		return r;
	return f->signals > 0 ? CLI_INTERRUPTED : f->status;
}

static int open_all(struct foreground *f, struct err *err)
{
	struct project *p = f->c->p;
	int r = loop_signal_new(p->loop, SIGINT, on_signal, f, &f->interrupt, err);

	if (r == 0)
		r = loop_signal_new(p->loop, SIGTERM, on_signal, f, &f->terminate, err);
	return r < 0 ? r : events_open(p, NULL, on_event, on_lost, f, &f->events, err);
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

	if (how->exit_from && !project_service(c->p, how->exit_from))
		return err_set(err, ENOENT, "--exit-code-from: no such service: %s", how->exit_from);
	f.follow = follow_new(c->p, &own);
	f.endings = mem_new_n(struct ending, c->n + 1);
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
	free(f.endings);
	return r;
}
