/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/life.h"

#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/project/hooks.h"
#include "face/project/steps.h"
#include "face/project/project.h"
#include "face/project/step_calls.h"

#include <inttypes.h>
#include <string.h>

static const struct verb {
	const char *doing, *did, *call;
	bool forward; /* what others depend on first */
	bool (*takes)(const struct member *m);
	step_begin_fn begin;
} verbs[];

static bool takes_any(const struct member *m)
{
	return *m->id != '\0';
}

static bool takes_running(const struct member *m)
{
	return !strcmp(m->state, "running");
}

static bool takes_paused(const struct member *m)
{
	return !strcmp(m->state, "paused");
}

static char *target_of(const struct project *p, const struct life_how *how, const struct member *m)
{
	mem_cleanup char *signal = how->signal ? http_url_encode(how->signal) : NULL;

	if (how->verb == LIFE_STOP)
		return step_stop_target(p, m->id);
	if (how->verb == LIFE_RESTART && p->timeout >= 0)
		return mem_printf("/containers/%s/restart?t=%" PRId64, m->id, p->timeout);
	return mem_printf("/containers/%s/%s%s%s", m->id, verbs[how->verb].call, signal ? "?signal=" : "",
			  signal ? signal : "");
}

static int begin(struct step *s, struct err *err)
{
	return step_call(s, "POST", s->target, NULL, step_gone, err);
}

/* What has ended by itself meanwhile is no container to kill any more (409). */
static int killed(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	return step_gone(s, reply, failed && failed->code == EBUSY ? NULL : failed, err);
}

static int begin_kill(struct step *s, struct err *err)
{
	return step_call(s, "POST", s->target, NULL, killed, err);
}

static int stop(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	(void)reply;
	(void)failed;
	return begin(s, err);
}

static int begin_stop(struct step *s, struct err *err)
{
	return hooks_before_stop(s, steps_project(s->plan), s->ctx, stop, err);
}

static int restarted(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	const struct member *m = s->ctx;

	if (failed || m->oneoff)
		return step_gone(s, reply, failed, err);
	return hooks_run(s, steps_project(s->plan), HOOKS_POST_START, m->service, m->id, step_done, err);
}

static int restart(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	(void)reply;
	(void)failed;
	return step_call(s, "POST", s->target, NULL, restarted, err);
}

static int begin_restart(struct step *s, struct err *err)
{
	return hooks_before_stop(s, steps_project(s->plan), s->ctx, restart, err);
}

static const struct verb verbs[] = {
    [LIFE_STOP] = {"Stopping", "Stopped", "stop", false, member_runs, begin_stop},
    [LIFE_KILL] = {"Killing", "Killed", "kill", false, member_runs, begin_kill},
    [LIFE_PAUSE] = {"Pausing", "Paused", "pause", false, takes_running, begin},
    [LIFE_UNPAUSE] = {"Unpausing", "Unpaused", "unpause", true, takes_paused, begin},
    [LIFE_RESTART] = {"Restarting", "Started", "restart", true, takes_any, begin_restart},
    [LIFE_REMOVE] = {"Removing", "Removed", NULL, false, takes_any, NULL},
};

static struct step *add(struct steps *plan, struct project *p, const struct life_how *how, const struct member *m)
{
	const struct verb *v = &verbs[how->verb];
	mem_cleanup char *subject = mem_printf("Container %s", m->name);
	struct step *s;

	if (how->verb == LIFE_REMOVE)
		return step_remove(plan, p, m, how->volumes, how->stop);
	s = steps_add(plan, subject, v->doing, v->did, v->begin, (void *)m);
	s->target = target_of(p, how, m);
	return s;
}

struct ends {
	struct step *first, *last;
};

struct joining {
	struct map *ends;
	struct ends *own;
	bool forward;
};

static void join(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct joining *j = ctx;
	struct ends *dep = map_get(j->ends, name);

	(void)condition;
	(void)required;
	(void)restart;
	if (!dep)
		return;
	if (j->forward)
		steps_after(j->own->first, dep->last);
	else
		steps_after(dep->first, j->own->last);
}

static bool wanted(const struct life_how *how, const struct member *m)
{
	if (!verbs[how->verb].takes(m) || (m->oneoff && !how->oneoff))
		return false;
	return how->verb != LIFE_REMOVE || how->stop || !member_runs(m);
}

static void add_service(struct steps *plan, struct project *p, const struct members *m, const struct life_how *how,
			const char *service, struct ends *own, int *n)
{
	own->first = steps_add(plan, NULL, NULL, NULL, step_nothing, NULL);
	own->last = steps_add(plan, NULL, NULL, NULL, step_nothing, NULL);
	steps_after(own->last, own->first);
	for (size_t i = 0; i < m->n; i++) {
		struct step *s;

		if (strcmp(m->v[i].service, service) != 0 || !wanted(how, &m->v[i]))
			continue;
		s = add(plan, p, how, &m->v[i]);
		steps_after(s, own->first);
		steps_after(own->last, s);
		(*n)++;
	}
}

int life_do(struct project *p, const struct members *m, const struct life_how *how, int *ret_n, struct err *err)
{
	char **order cleanup_with(mem_strv_freep) = project_order(p, m, how->services, true, err);
	struct steps *plan;
	struct map ends = MAP_INIT;
	struct ends *all;
	int r, n = 0;

	if (!order)
		return -EINVAL;
	plan = steps_new(p);
	all = mem_new_n(struct ends, mem_strv_len(order) + 1);
	for (size_t i = 0; order[i]; i++) {
		struct joining j = {.ends = &ends, .own = &all[i], .forward = verbs[how->verb].forward};

		add_service(plan, p, m, how, order[i], &all[i], &n);
		project_deps(p, m, order[i], join, &j);
		map_put(&ends, order[i], &all[i]);
	}
	r = steps_run(plan, err);
	steps_free(plan);
	map_free(&ends);
	free(all);
	if (ret_n)
		*ret_n = n;
	return r;
}
