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
		return err_set(err, ENOENT, "task \"%s\" of job %s has no copy %" PRIu32 " (it has %zu, from 0)",
			       t->name, job, index, t->n_instances);
	if (may(v.state))
		return 0;
	return err_set(err, EBUSY,
		       "copy %" PRIu32
		       " of task \"%s\" is %s; only what runs, waits for its next try or is in error is "
		       "started again or finished by hand",
		       index, t->name, sched_task_state_name(v.state));
}

/* expansion: its list of files that could not be read will do, too. */
static int check_task(const struct sched_task_view *t, bool expansion, struct err *err)
{
	bool any = expansion && t->state == SCHED_TASK_IN_ERROR;

	for (enum sched_task_state k = SCHED_TASK_WAITING; k <= SCHED_TASK_ABORTED; k++)
		any |= t->counts[k] && may(k);
	if (any)
		return 0;
	return err_set(err, EBUSY,
		       "task \"%s\" is %s; only what runs, waits for its next try or is in error is started again or "
		       "finished by hand",
		       t->name, sched_task_state_name(t->state));
}

static void by_hand(struct server *s, enum sched_event_type type, const char *job, const char *task, uint32_t index,
		    server_done_fn done, void *ctx)
{
	char id[SCHED_ID_MAX] = "";
	struct ingest in = {.event = {.type = type, .job = id, .index = index}, .done = done, .ctx = ctx};
	struct sched_task_view v = {.name = NULL};
	struct err err = ERR_INIT;
	int r = server_find(s, job, id, sizeof id, &err);

	if (r == 0)
		r = find_task(s, id, task, &in.event.task, &v, &err);
	if (r == 0)
		r = index == SCHED_ALL ? check_task(&v, type == SCHED_EV_RESTART, &err)
				       : check_copy(s, id, &v, in.event.task, index, &err);
	if (r < 0) {
		if (done)
			done(ctx, id, &err);
		return;
	}
	in.extra.task_name = v.name;
	ingest(s, &in);
}

void server_restart(struct server *s, const char *job, const char *task, uint32_t index, server_done_fn done, void *ctx)
{
	by_hand(s, SCHED_EV_RESTART, job, task, index, done, ctx);
}

void server_finish(struct server *s, const char *job, const char *task, uint32_t index, server_done_fn done, void *ctx)
{
	by_hand(s, SCHED_EV_FINISH, job, task, index, done, ctx);
}
