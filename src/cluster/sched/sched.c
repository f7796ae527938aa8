/* SPDX-License-Identifier: Apache-2.0
 *
 * sched: the door. A step takes the time, hands the event to its handler (a table), then settles the jobs that it
 * touched and starts what fits now. Everything iterates in an order that the events alone decide.
 */
#include "cluster/sched/state.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sched *sched_new(void)
{
	struct sched *s = mem_new(struct sched);

	s->now_ms = 1; /* 0 means "not yet" in every record */
	return s;
}

struct sched *sched_free(struct sched *s)
{
	if (!s)
		return NULL;
	for (size_t k = 0; k < s->n_jobs; k++)
		sched_job_free(s, s->jobs[k]);
	for (size_t k = 0; k < s->n_nodes; k++) {
		free(s->nodes[k]->name);
		free(s->nodes[k]->live);
		free(s->nodes[k]->stocks);
		sched_facts_free(&s->nodes[k]->facts);
		free(s->nodes[k]);
	}
	map_free(&s->by_id);
	map_free(&s->by_node);
	map_free(&s->by_shape);
	map_free(&s->by_selection);
	sched_parts_free(s);
	map_free(&s->by_probe);
	free(s->probes);
	sched_tally_free(s);
	free(s->selections);
	free(s->jobs);
	free(s->nodes);
	sched_order_free(&s->order);
	free(s->hold.nodes);
	sched_claim_clear(s);
	free(s->starts);
	sched_share_free(s);
	sched_quota_free(s);
	free(s->bands);
	sched_licence_free(s);
	free(s->shapes);
	free(s->timers);
	free(s->touched);
	free(s->actions);
	free(s);
	return NULL;
}

/* ---- what the handlers use ---- */

struct sched_action *sched_act(struct sched *s, enum sched_action_type type, const struct job *j)
{
	struct sched_action *act;

	mem_grow(&s->actions, &s->cap_actions, s->n_actions);
	act = &s->actions[s->n_actions++];
	*act = (struct sched_action){.type = type};
	snprintf(act->attempt.job, sizeof act->attempt.job, "%s", j->id);
	return act;
}

void sched_touch(struct sched *s, struct job *j)
{
	if (j->touched)
		return;
	j->touched = true;
	mem_grow(&s->touched, &s->cap_touched, s->n_touched);
	s->touched[s->n_touched++] = j;
}

int64_t sched_later(int64_t ms, int64_t delay_ms)
{
	int64_t sum;

	return __builtin_add_overflow(ms, delay_ms, &sum) ? INT64_MAX - 1 : sum;
}

/* The job, task and instance whose live attempt this is; false when there is none (any more). */
static bool live_attempt(const struct sched *s, const struct sched_attempt_id *id, struct job **ret_job,
			 struct task **ret_task, struct instance **ret_instance)
{
	struct job *j = sched_job_find(s, id->job);
	struct instance *i;

	if (!j || id->task >= j->n_tasks)
		return false;
	i = sched_instance_at(&j->tasks[id->task], id->index);
	if (!i || i->epoch != id->epoch || !sched_instance_live(i))
		return false;
	*ret_job = j;
	*ret_task = &j->tasks[id->task];
	*ret_instance = i;
	return true;
}

/* ---- one handler for each event ---- */

static int node_up(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct counts counters = {.n = 0};
	struct node *n;

	if (!sched_name_ok(e->node, SCHED_ID_MAX))
		return err_set(err, EINVAL,
			       "node up: the node's name is missing, longer than %d bytes or not printable",
			       SCHED_ID_MAX - 1);
	if (e->counters && counts_parse(e->counters, &counters, err) < 0)
		return err_wrap(err, "node %s", e->node);
	n = map_get(&s->by_node, e->node);
	if (!n && s->n_nodes >= NODES_MAX)
		return err_set(err, E2BIG, "node %s: there are %d nodes already", e->node, NODES_MAX);
	if (!n)
		n = sched_node_add(s, e->node);
	sched_node_up(s, n, e->node_slots, e->node_cpu_milli, e->node_memory, &counters);
	return 0;
}

static int node_down(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct node *n;

	if (!e->node)
		return err_set(err, EINVAL, "node down: the node's name is missing");
	n = map_get(&s->by_node, e->node);
	if (n)
		sched_node_down(s, n);
	return 0;
}

/* A node may be closed before it comes for the first time. */
static int node_closed(struct sched *s, const struct sched_event *e, struct err *err, bool closed)
{
	struct node *n;

	if (!sched_name_ok(e->node, SCHED_ID_MAX))
		return err_set(err, EINVAL, "the node's name is missing, longer than %d bytes or not printable",
			       SCHED_ID_MAX - 1);
	n = map_get(&s->by_node, e->node);
	if (!n && s->n_nodes >= NODES_MAX)
		return err_set(err, E2BIG, "node %s: there are %d nodes already", e->node, NODES_MAX);
	sched_node_close(s, n ? n : sched_node_add(s, e->node), closed);
	return 0;
}

static int node_close(struct sched *s, const struct sched_event *e, struct err *err)
{
	return node_closed(s, e, err, true);
}

static int node_open(struct sched *s, const struct sched_event *e, struct err *err)
{
	return node_closed(s, e, err, false);
}

static int node_empty(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct node *n;

	if (!e->node)
		return err_set(err, EINVAL, "node empty: the node's name is missing");
	n = map_get(&s->by_node, e->node);
	if (n)
		sched_node_empty(s, n);
	return 0;
}

/* The same once more changes nothing: what is blocked stays so. */
static int node_facts(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct facts facts = {.raw = NULL};
	struct node *n;
	int r;

	if (!sched_name_ok(e->node, SCHED_ID_MAX) || !e->facts)
		return err_set(
		    err, EINVAL,
		    "facts: the node's name is missing, longer than %d bytes or not printable, or there are none",
		    SCHED_ID_MAX - 1);
	n = map_get(&s->by_node, e->node);
	if (!n && s->n_nodes >= NODES_MAX)
		return err_set(err, E2BIG, "node %s: there are %d nodes already", e->node, NODES_MAX);
	if (n && n->facts.raw && !strcmp(n->facts.raw, e->facts))
		return 0;
	r = sched_facts_parse(e->facts, &facts, err);
	if (r == 0)
		sched_node_tell(s, n ? n : sched_node_add(s, e->node), &facts);
	return r;
}

static int node_use(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct node *n;

	if (!e->node)
		return err_set(err, EINVAL, "node use: the node's name is missing");
	n = map_get(&s->by_node, e->node);
	if (n)
		sched_node_use(s, n, e->node_slots, e->node_cpu_milli, e->node_memory);
	return 0;
}

static int job_submit(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct err why = ERR_INIT;
	struct job *j;
	int r;

	if (!e->job_spec)
		return err_set(err, EINVAL, "submit: the job is missing");
	r = sched_check(s, e->job_spec, &why);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return err_set(err, -r, "%s", why.text);
	j = sched_job_new(s, e->job_spec);
	if (j->start_at_ms > s->now_ms)
		sched_timer_start(s, j);
	sched_touch(s, j);
	sched_workflow_begin(s, j);
	return 0;
}

static int job_event(struct sched *s, const struct sched_event *e, struct err *err,
		     void (*apply)(struct sched *, struct job *))
{
	struct job *j;

	if (!e->job)
		return err_set(err, EINVAL, "the id of the job is missing");
	j = sched_job_find(s, e->job);
	if (j)
		apply(s, j);
	return 0;
}

static int job_cancel(struct sched *s, const struct sched_event *e, struct err *err)
{
	return job_event(s, e, err, sched_job_cancel);
}

static int job_resume(struct sched *s, const struct sched_event *e, struct err *err)
{
	return job_event(s, e, err, sched_job_resume);
}

static int job_pause(struct sched *s, const struct sched_event *e, struct err *err)
{
	return job_event(s, e, err, sched_job_pause);
}

static int restart(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;

	if (!e->job)
		return err_set(err, EINVAL, "restart: the id of the job is missing");
	j = sched_job_find(s, e->job);
	if (j)
		sched_hand_restart(s, j, e->task, e->index);
	return 0;
}

static int finish(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;

	if (!e->job || (unsigned)e->as >= SCHED_AS_N)
		return err_set(err, EINVAL, "finish: the id of the job is missing, or what it counts as is not known");
	j = sched_job_find(s, e->job);
	if (j)
		sched_hand_finish(s, j, e->task, e->index, e->as, e->waiting);
	return 0;
}

static int job_forget(struct sched *s, const struct sched_event *e, struct err *err)
{
	return job_event(s, e, err, sched_job_forget);
}

static int expanded(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;

	if (!e->job)
		return err_set(err, EINVAL, "expanded: the id of the job is missing");
	j = sched_job_find(s, e->job);
	if (j && e->task < j->n_tasks)
		sched_workflow_expanded(s, j, &j->tasks[e->task], e->count, e->error);
	return 0;
}

static int started(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;
	struct task *t;
	struct instance *i;

	(void)err;
	if (live_attempt(s, &e->attempt, &j, &t, &i))
		sched_instance_started(s, j, t, i);
	return 0;
}

static int health(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;
	struct task *t;
	struct instance *i;

	(void)err;
	if (live_attempt(s, &e->attempt, &j, &t, &i))
		sched_instance_health(s, j, t, i, e->healthy);
	return 0;
}

static int warned(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct job *j;
	struct task *t;
	struct instance *i;

	(void)err;
	if (live_attempt(s, &e->attempt, &j, &t, &i))
		sched_instance_warned(s, j, t, i);
	return 0;
}

static int exited(struct sched *s, const struct sched_event *e, struct err *err)
{
	struct ending end = {.outcome = e->outcome, .exit_code = e->exit_code, .oom = e->oom, .error = e->error};
	struct job *j;
	struct task *t;
	struct instance *i;

	if ((unsigned)e->outcome > SCHED_OUT_LOST)
		return err_set(err, EINVAL, "exited: unknown outcome %d", (int)e->outcome);
	if (live_attempt(s, &e->attempt, &j, &t, &i))
		sched_instance_end(s, j, t, i, &end);
	return 0;
}

static int time_passed(struct sched *s, const struct sched_event *e, struct err *err)
{
	(void)e;
	(void)err;
	sched_timer_fire(s);
	return 0;
}

static int licence(struct sched *s, const struct sched_event *e, struct err *err)
{
	if (!sched_name_ok(e->licence, SCHED_ID_MAX))
		return err_set(err, EINVAL, "the licence's name is missing, longer than %d bytes or not printable",
			       SCHED_ID_MAX - 1);
	if (!map_get(&s->by_licence, e->licence) && s->n_licences >= SCHED_LICENCES_MAX)
		return err_set(err, E2BIG, "licence %s: there are %d already", e->licence, SCHED_LICENCES_MAX);
	if (e->total != SCHED_NO_LIMIT && e->total > INT64_MAX)
		return err_set(err, EINVAL, "licence %s: too many", e->licence);
	sched_licence_set(s, e->licence, e->total);
	return 0;
}

static int quota(struct sched *s, const struct sched_event *e, struct err *err)
{
	if (!sched_quota_name_ok(e->quota))
		return err_set(err, EINVAL,
			       "a quota is of user:NAME or project:NAME, with a name of at most %d printable bytes",
			       SCHED_ID_MAX - 1);
	sched_quota_set(s, e->quota, e->caps);
	return 0;
}

static int probed(struct sched *s, const struct sched_event *e, struct err *err)
{
	if (!e->probe || !e->node || (unsigned)e->fit > SCHED_FIT_YES)
		return err_set(err, EINVAL, "probed: the probe, the node or the answer is missing");
	sched_probe_answer(s, e->probe, e->node, e->fit, e->error);
	return 0;
}

typedef int (*handler_fn)(struct sched *s, const struct sched_event *e, struct err *err);

static const struct {
	handler_fn fn;
	bool attempt; /* carries an attempt id */
} handlers[] = {
    [SCHED_EV_NODE_UP] = {node_up, false},	 [SCHED_EV_NODE_DOWN] = {node_down, false},
    [SCHED_EV_NODE_CLOSE] = {node_close, false}, [SCHED_EV_NODE_OPEN] = {node_open, false},
    [SCHED_EV_JOB_SUBMIT] = {job_submit, false}, [SCHED_EV_JOB_CANCEL] = {job_cancel, false},
    [SCHED_EV_JOB_RESUME] = {job_resume, false}, [SCHED_EV_JOB_FORGET] = {job_forget, false},
    [SCHED_EV_EXPANDED] = {expanded, false},	 [SCHED_EV_STARTED] = {started, true},
    [SCHED_EV_HEALTH] = {health, true},		 [SCHED_EV_EXITED] = {exited, true},
    [SCHED_EV_TIME] = {time_passed, false},	 [SCHED_EV_QUOTA] = {quota, false},
    [SCHED_EV_NODE_EMPTY] = {node_empty, false}, [SCHED_EV_NODE_FACTS] = {node_facts, false},
    [SCHED_EV_LICENCE] = {licence, false},	 [SCHED_EV_NODE_USE] = {node_use, false},
    [SCHED_EV_JOB_PAUSE] = {job_pause, false},	 [SCHED_EV_RESTART] = {restart, false},
    [SCHED_EV_FINISH] = {finish, false},	 [SCHED_EV_WARNED] = {warned, true},
    [SCHED_EV_PROBED] = {probed, false},
};

static void settle(struct sched *s)
{
	for (size_t k = 0; k < s->n_touched; k++) {
		struct job *j = s->touched[k];

		sched_workflow_run(s, j);
		sched_job_settle(s, j);
		j->touched = false;
	}
	s->n_touched = 0;
}

int sched_step(struct sched *s, const struct sched_event *e, struct sched_actions *ret, struct err *err)
{
	int64_t before = s->now_ms;
	int r;

	s->n_actions = 0;
	*ret = (struct sched_actions){.items = NULL};
	if ((unsigned)e->type >= sizeof handlers / sizeof *handlers)
		return err_set(err, EINVAL, "unknown event %d", (int)e->type);
	if (handlers[e->type].attempt && !memchr(e->attempt.job, 0, sizeof e->attempt.job))
		return err_set(err, EINVAL, "the job's id in the attempt does not end");
	if (e->now_ms > s->now_ms)
		s->now_ms = e->now_ms;
	r = handlers[e->type].fn(s, e, err);
	if (r < 0) {
		s->now_ms = before;
		return r;
	}
	settle(s);
	sched_place_run(s);
	*ret = (struct sched_actions){.items = s->actions, .n = s->n_actions};
	return 0;
}

/* ---- after a restart ---- */

static int tell_live(const struct sched *s, const struct live *l, sched_live_fn fn, void *ctx)
{
	const struct attempt *a = sched_instance_last(l->instance);
	struct sched_attempt_id id = {.task = l->task->idx, .index = l->instance->index, .epoch = a->epoch};

	snprintf(id.job, sizeof id.job, "%s", l->task->base.job->id);
	return fn(ctx, &id, s->nodes[a->node]->name, a->started_ms != 0, sched_kill_text(a->kill));
}

int sched_live(const struct sched *s, sched_live_fn fn, void *ctx)
{
	for (size_t k = 0; k < s->n_jobs; k++) {
		const struct job *j = s->jobs[k];
		mem_cleanup struct live *live = sched_job_live(j);

		for (size_t l = 0; l < j->n_live; l++) {
			int r = tell_live(s, &live[l], fn, ctx);

			if (r)
				return r;
		}
	}
	return 0;
}

int sched_live_on(const struct sched *s, const char *node, sched_live_fn fn, void *ctx)
{
	const struct node *n = map_get(&s->by_node, node);
	mem_cleanup struct live *live = n ? sched_node_live(n) : NULL;

	for (size_t l = 0; live && l < n->n_live; l++) {
		int r = tell_live(s, &live[l], fn, ctx);

		if (r)
			return r;
	}
	return 0;
}

int sched_expanding(const struct sched *s, sched_expand_fn fn, void *ctx)
{
	for (size_t k = 0; k < s->n_jobs; k++) {
		const struct job *j = s->jobs[k];

		for (uint32_t t = 0; t < j->n_tasks && j->n_expanding; t++) {
			int r = j->tasks[t].expanding ? fn(ctx, j->id, t) : 0;

			if (r)
				return r;
		}
	}
	return 0;
}
