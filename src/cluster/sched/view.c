/* SPDX-License-Identifier: Apache-2.0
 *
 * view: what people see of the state. While a job is paused, what would wait otherwise is shown as paused.
 */
#include "cluster/sched/state.h"

#include "base/core/err.h"

#include <string.h>

const char *sched_job_state_name(enum sched_job_state s)
{
	static const char *const names[] = {"pending",	"running",  "stalled",	"paused",
					    "in_error", "finished", "canceled", "failed"};

	return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

const char *sched_task_state_name(enum sched_task_state s)
{
	static const char *const names[] = {"waiting",	"pending",  "starting", "running", "delayed", "paused",
					    "in_error", "finished", "faulty",	"skipped", "aborted"};

	return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

bool sched_job_ended(enum sched_job_state s)
{
	return s >= SCHED_JOB_FINISHED;
}

static enum sched_task_state shown(const struct job *j, enum sched_task_state state)
{
	bool waits = state == SCHED_TASK_WAITING || state == SCHED_TASK_PENDING || state == SCHED_TASK_DELAYED;

	return j->paused && waits ? SCHED_TASK_PAUSED : state;
}

static void pause_counts(const struct job *j, size_t counts[SCHED_TASK_ABORTED + 1])
{
	static const enum sched_task_state waits[] = {SCHED_TASK_WAITING, SCHED_TASK_PENDING, SCHED_TASK_DELAYED};

	for (size_t k = 0; j->paused && k < sizeof waits / sizeof *waits; k++) {
		counts[SCHED_TASK_PAUSED] += counts[waits[k]];
		counts[waits[k]] = 0;
	}
}

static void fill_job(const struct job *j, struct sched_job_view *ret)
{
	*ret = (struct sched_job_view){.id = j->id,
				       .name = j->name,
				       .state = sched_job_state_of(j),
				       .submitted_ms = j->submitted_ms,
				       .started_ms = j->started_ms,
				       .ended_ms = j->ended_ms,
				       .n_tasks = j->n_tasks,
				       .n_instances = j->n_instances,
				       .exit_code = j->exit_code,
				       .reason = j->reason,
				       .owner = j->tenant->name};
	memcpy(ret->counts, j->counts, sizeof ret->counts);
	pause_counts(j, ret->counts);
}

int sched_job_at(const struct sched *s, size_t position, struct sched_job_view *ret)
{
	if (position >= s->n_jobs)
		return -ENOENT;
	fill_job(s->jobs[position], ret);
	return 0;
}

int sched_job_view(const struct sched *s, const char *id, struct sched_job_view *ret)
{
	const struct job *j = sched_job_find(s, id);

	if (!j)
		return -ENOENT;
	fill_job(j, ret);
	return 0;
}

/* The state of a task that has not ended: of its liveliest instance. */
static enum sched_task_state summary(const struct job *j, const struct task *t)
{
	static const enum sched_task_state order[] = {SCHED_TASK_RUNNING, SCHED_TASK_STARTING, SCHED_TASK_IN_ERROR,
						      SCHED_TASK_PENDING, SCHED_TASK_DELAYED};

	if (t->ended)
		return (enum sched_task_state)t->final;
	if (t->in_error)
		return SCHED_TASK_IN_ERROR;
	/* A task of many copies that has begun runs: between two of its copies it does not fall back. */
	if (t->started_ms && t->counts[SCHED_TASK_STARTING])
		return SCHED_TASK_RUNNING;
	for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
		if (t->counts[order[k]])
			return shown(j, order[k]);
	}
	return shown(j, t->ready ? SCHED_TASK_PENDING : SCHED_TASK_WAITING);
}

static const struct task *find_task(const struct sched *s, const char *job, uint32_t task, const struct job **ret_job)
{
	*ret_job = sched_job_find(s, job);
	return *ret_job && task < (*ret_job)->n_tasks ? &(*ret_job)->tasks[task] : NULL;
}

int sched_task_view(const struct sched *s, const char *job, uint32_t task, struct sched_task_view *ret)
{
	const struct job *j;
	const struct task *t = find_task(s, job, task, &j);

	if (!t)
		return -ENOENT;
	*ret = (struct sched_task_view){.name = t->name,
					.service = t->service,
					.state = summary(j, t),
					.n_instances = t->n,
					.expanded = t->expanded,
					.gang = t->gang,
					.started_ms = t->started_ms,
					.ended_ms = t->ended_ms};
	for (size_t k = 0; k <= SCHED_TASK_ABORTED; k++)
		ret->counts[k] = t->counts[k];
	pause_counts(j, ret->counts);
	return 0;
}

int sched_instance_view(const struct sched *s, const char *job, uint32_t task, uint32_t index,
			struct sched_instance_view *ret)
{
	const struct job *j;
	const struct task *t = find_task(s, job, task, &j);
	const struct instance *i;

	if (!t || index >= t->n)
		return -ENOENT;
	i = sched_instance_at(t, index);
	*ret = (struct sched_instance_view){.index = index,
					    .state = shown(j, (enum sched_task_state)(i ? i->state : t->fresh_state))};
	if (i) {
		ret->next_try_ms = i->next_try_ms;
		ret->n_attempts = i->n_attempts;
	}
	return 0;
}

int sched_attempt_view(const struct sched *s, const char *job, uint32_t task, uint32_t index, size_t nth,
		       struct sched_attempt_view *ret)
{
	const struct job *j;
	const struct task *t = find_task(s, job, task, &j);
	const struct instance *i = t ? sched_instance_at(t, index) : NULL;
	const struct attempt *a;

	if (!i || nth >= i->n_attempts)
		return -ENOENT;
	a = &i->attempts[nth];
	*ret = (struct sched_attempt_view){.epoch = a->epoch,
					   .node = s->nodes[a->node]->name,
					   .sent_ms = a->sent_ms,
					   .started_ms = a->started_ms,
					   .ended_ms = a->ended_ms,
					   .warned_ms = a->warned_ms,
					   .ended = a->ended,
					   .healthy = a->healthy,
					   .oom = a->oom,
					   .outcome = (enum sched_outcome)a->outcome,
					   .exit_code = a->exit_code,
					   .error = a->error,
					   .kill_reason = sched_kill_text((enum kill)a->kill)};
	return 0;
}

static int view_node(const struct node *n, struct sched_node_view *ret)
{
	if (!n)
		return -ENOENT;
	*ret = (struct sched_node_view){.name = n->name,
					.up = n->up,
					.closed = n->closed,
					.slots = n->slots,
					.slots_used = (uint32_t)(n->slots_used + n->slots_else),
					.cpu_milli = n->cpu_milli,
					.cpu_used = n->cpu_used + n->cpu_else,
					.memory = n->memory,
					.memory_used = n->memory_used + n->memory_else,
					.live = n->n_live,
					.facts = n->facts.raw};
	return 0;
}

int sched_node_at(const struct sched *s, size_t position, struct sched_node_view *ret)
{
	return view_node(position < s->n_nodes ? s->nodes[position] : NULL, ret);
}

int sched_node_view(const struct sched *s, const char *name, struct sched_node_view *ret)
{
	return view_node(map_get(&s->by_node, name), ret);
}
