/* SPDX-License-Identifier: Apache-2.0 */
/* by_hand: what a person does to one task of a job. */
#include "base/core/err.h"
#include "cluster/server/server.h"
#include "cluster/server/server_private.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(SERVER_ALL_COPIES == SCHED_ALL, "one word for all copies");

static int find_task(struct server *s, const char *job, const char *task, uint32_t *ret, struct sched_task_view *ret_v,
		     struct err *err)
{
	for (*ret = 0; sched_task_view(s->sched, job, *ret, ret_v) == 0; ++*ret) {
		if (!strcmp(ret_v->name, task))
			return 0;
	}
	return err_set(err, ENOENT, "job %s has no task \"%s\" (berth job %s lists them)", job, task, job);
}

static int no_copy(const struct sched_task_view *t, const char *job, uint32_t index, struct err *err)
{
	return err_set(err, ENOENT, "task \"%s\" of job %s has no copy %" PRIu32 " (it has %zu, from 0)", t->name, job,
		       index, t->n_instances);
}

static bool may(enum sched_task_state state)
{
	return state == SCHED_TASK_STARTING || state == SCHED_TASK_RUNNING || state == SCHED_TASK_DELAYED ||
	       state == SCHED_TASK_IN_ERROR;
}

static int check_copy(struct server *s, const char *job, const struct sched_task_view *t, uint32_t task, uint32_t index,
		      struct err *err)
{
	struct sched_instance_view v;

	if (sched_instance_view(s->sched, job, task, index, &v) < 0)
		return no_copy(t, job, index, err);
	if (may(v.state))
		return 0;
	return err_set(err, EBUSY,
		       "copy %" PRIu32
		       " of task \"%s\" is %s; only what runs, waits for its next try or is in error is "
		       "started again by hand",
		       index, t->name, sched_task_state_name(v.state));
}

/* Its list of files that could not be read will do, too. */
static int check_task(const struct sched_task_view *t, struct err *err)
{
	bool any = t->state == SCHED_TASK_IN_ERROR;

	for (enum sched_task_state k = SCHED_TASK_WAITING; k <= SCHED_TASK_ABORTED; k++)
		any |= t->counts[k] && may(k);
	if (any)
		return 0;
	return err_set(err, EBUSY,
		       "task \"%s\" is %s; only what runs, waits for its next try or is in error is started again "
		       "by hand",
		       t->name, sched_task_state_name(t->state));
}

static void by_hand(struct server *s, struct ingest in, const char *job, const char *task,
		    int (*check)(struct server *, const struct sched_event *, const struct sched_task_view *,
				 struct err *))
{
	char id[SCHED_ID_MAX] = "";
	struct sched_task_view v = {.name = NULL};
	struct err err = ERR_INIT;
	int r = server_find(s, job, id, sizeof id, &err);

	in.event.job = id;
	if (r == 0)
		r = find_task(s, id, task, &in.event.task, &v, &err);
	if (r == 0)
		r = check(s, &in.event, &v, &err);
	if (r < 0) {
		if (in.done)
			in.done(in.ctx, id, &err);
		return;
	}
	in.extra.task_name = v.name;
	ingest(s, &in);
}

static int check_restart(struct server *s, const struct sched_event *e, const struct sched_task_view *v,
			 struct err *err)
{
	return e->index == SCHED_ALL ? check_task(v, err) : check_copy(s, e->job, v, e->task, e->index, err);
}

void server_restart(struct server *s, const char *job, const char *task, uint32_t index, server_done_fn done, void *ctx)
{
	struct ingest in = {.event = {.type = SCHED_EV_RESTART, .index = index}, .done = done, .ctx = ctx};

	by_hand(s, in, job, task, check_restart);
}

static bool has_ended(enum sched_task_state state)
{
	return state >= SCHED_TASK_FINISHED;
}

/* What has not started does so as a whole, and one that shall not run leaves the others without it. */
static int check_gang(const struct sched_event *e, const struct sched_task_view *v, enum sched_task_state state,
		      struct err *err)
{
	bool live = state == SCHED_TASK_STARTING || state == SCHED_TASK_RUNNING;

	if (!v->gang || (live && e->as == SCHED_AS_DONE))
		return 0;
	return err_set(err, EBUSY,
		       "copy %" PRIu32 " of task \"%s\" is one of a gang of %zu, which %s: name the whole task, %s/%s",
		       e->index, v->name, v->n_instances, live ? "runs together" : "starts together or not at all",
		       e->job, v->name);
}

static int check_finish(struct server *s, const struct sched_event *e, const struct sched_task_view *v, struct err *err)
{
	struct sched_instance_view copy = {.state = v->state};

	if (e->index != SCHED_ALL && !v->expanded && !has_ended(v->state))
		return err_set(err, EBUSY,
			       "how many copies task \"%s\" of job %s has is not known yet: name the whole task, %s/%s",
			       v->name, e->job, e->job, v->name);
	if (e->index != SCHED_ALL && sched_instance_view(s->sched, e->job, e->task, e->index, &copy) < 0)
		return no_copy(v, e->job, e->index, err);
	if (!has_ended(copy.state))
		return e->index == SCHED_ALL ? 0 : check_gang(e, v, copy.state, err);
	if (e->index == SCHED_ALL)
		return err_set(err, EBUSY, "task \"%s\" of job %s is %s already", v->name, e->job,
			       sched_task_state_name(v->state));
	return err_set(err, EBUSY, "copy %" PRIu32 " of task \"%s\" of job %s is %s already", e->index, v->name, e->job,
		       sched_task_state_name(copy.state));
}

void server_finish(struct server *s, const char *job, const char *task, uint32_t index, const char *as,
		   server_done_fn done, void *ctx)
{
	struct ingest in = {
	    .event = {.type = SCHED_EV_FINISH, .index = index, .waiting = true}, .done = done, .ctx = ctx};
	struct err err = ERR_INIT;

	if (!as || event_as(as, &in.event.as)) {
		by_hand(s, in, job, task, check_finish);
		return;
	}
	(void)err_set(&err, EINVAL, "a task is taken as done or failed, not as \"%s\"", as);
	if (done)
		done(ctx, job, &err);
}

size_t server_gang(struct server *s, const char *job, const char *task)
{
	char id[SCHED_ID_MAX];
	struct sched_task_view v;
	uint32_t index;

	if (server_find(s, job, id, sizeof id, NULL) < 0 || find_task(s, id, task, &index, &v, NULL) < 0)
		return 0;
	return v.gang ? v.n_instances : 0;
}
