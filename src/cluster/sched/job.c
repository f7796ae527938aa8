/* SPDX-License-Identifier: Apache-2.0
 *
 * job: from submitted to forgotten. A job ends by itself when all its tasks have ended, or early (cancelled,
 * on_error: cancel, exit_with): then it is `ending`, its live attempts are killed, and it has ended when the last
 * of them has exited.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

/* Names that no expression can hold are left out: nobody has them. */
static size_t data_init(struct sched *s, const struct sched_task_spec *spec,
			struct selection *data[static SCHED_DATA_MAX])
{
	size_t n = 0;

	for (size_t k = 0; k < spec->n_data; k++) {
		data[n] = sched_selection_data(s, spec->data[k]);
		n += data[n] != NULL;
	}
	return n;
}

static void task_init(struct sched *s, struct job *j, struct task *t, const struct sched_task_spec *spec)
{
	struct selection *data[SCHED_DATA_MAX];
	mem_cleanup struct need *needs = sched_licence_needs(s, spec->licences, spec->n_licences);
	bool alone = spec->gang || spec->exclusive || spec->topology != SCHED_TOPO_ANY || spec->per_node ||
		     spec->n_rules || spec->n_spread || sched_home_is(spec);
	struct shape like = {.slots = spec->slots,
			     .cpu_milli = spec->cpu_milli,
			     .memory = spec->memory,
			     .walltime_ms = spec->service ? 0 : spec->walltime_ms,
			     .topology = (uint8_t)spec->topology,
			     .gang = spec->gang,
			     .tenant = j->tenant,
			     .quotas = {j->quotas[0], j->quotas[1]},
			     .exclusive = spec->exclusive,
			     .image = spec->image ? sched_selection_image(s, spec->image) : NULL,
			     .selection = spec->select ? sched_selection_get(s, spec->select) : NULL,
			     .probe = spec->probe ? sched_probe_get(s, spec->probe, spec->probe_age_ms) : NULL,
			     .needs = needs,
			     .n_needs = spec->n_licences,
			     .owner = alone ? t : NULL};

	sched_counter_init(&like, spec->counters);
	like.n_data = data_init(s, spec, data);
	like.data = data;
	t->name = mem_strdup(spec->name);
	t->service = spec->service;
	t->expand = spec->expand;
	t->healthcheck = spec->healthcheck;
	t->elsewhere = spec->elsewhere;
	t->on_error = (uint8_t)spec->on_error;
	t->restart = (uint8_t)spec->restart;
	t->idx = (uint32_t)(t - j->tasks);
	t->count = spec->expand ? 0 : spec->count;
	t->attempts = spec->attempts;
	t->restart_max = spec->restart_max;
	t->delay_ms = spec->delay_ms;
	t->walltime_ms = spec->walltime_ms;
	t->backoff = spec->backoff;
	t->gang = spec->gang;
	t->max_running = spec->max_running;
	t->preemptible = spec->preemptible;
	t->home = sched_home_is(spec);
	t->base.job = j; /* the name of a shape that serves one task alone has the job's number */
	t->base = (struct item){.job = j, .task = t, .shape = sched_shape_get(s, &like), .pos = NOT_LISTED};
	for (size_t k = 0; k < like.n_data; k++)
		sched_selection_drop(s, data[k]);
	sched_selection_drop(s, like.image);
	sched_probe_drop(s, like.probe);
	sched_selection_drop(s, like.selection); /* the shape has its own */
	t->n_deps = t->unmet = spec->n_deps;
	t->deps = mem_new_n(struct dep, spec->n_deps ? spec->n_deps : 1);
	t->fresh_state = SCHED_TASK_WAITING;
}

static void deps_init(struct job *j, struct task *t, const struct sched_task_spec *spec)
{
	for (size_t d = 0; d < spec->n_deps; d++) {
		struct task *on = &j->tasks[spec->deps[d].task];

		t->deps[d] = (struct dep){.task = spec->deps[d].task,
					  .condition = (uint8_t)spec->deps[d].condition,
					  .state = DEP_OPEN,
					  .required = spec->deps[d].required};
		mem_grow(&on->out, &on->cap_out, on->n_out);
		on->out[on->n_out++] = (struct edge){.task = t->idx, .dep = (uint32_t)d};
	}
}

/* The spec has been checked. Nothing is ready yet: sched_workflow_begin() does that. */
struct job *sched_job_new(struct sched *s, const struct sched_job_spec *spec)
{
	struct job *j = mem_new(struct job);

	j->id = mem_strdup(spec->id);
	j->name = mem_strdup(spec->name);
	j->exit_with = spec->exit_with;
	j->priority = spec->priority;
	j->seq = s->next_seq++;
	j->tenant = sched_tenant_get(s, spec->tenant);
	sched_quota_join(s, j, spec->project);
	j->max_running = spec->max_running;
	j->start_at_ms = spec->start_at_ms;
	j->deadline_ms = spec->deadline_ms;
	j->submitted_ms = s->now_ms;
	j->n_tasks = spec->n_tasks;
	j->tasks = mem_new_n(struct task, spec->n_tasks);
	for (size_t k = 0; k < spec->n_tasks; k++)
		task_init(s, j, &j->tasks[k], &spec->tasks[k]);
	for (size_t k = 0; k < spec->n_tasks; k++) {
		deps_init(j, &j->tasks[k], &spec->tasks[k]);
		if (!spec->tasks[k].expand)
			sched_workflow_size(j, &j->tasks[k], spec->tasks[k].count);
	}
	mem_grow(&s->jobs, &s->cap_jobs, s->n_jobs);
	s->jobs[s->n_jobs++] = j;
	map_put(&s->by_id, j->id, j);
	for (size_t k = 0; k < spec->n_tasks; k++)
		sched_tally_join(s, &j->tasks[k]);
	for (size_t k = 0; k < spec->n_tasks; k++)
		sched_wish_init(s, &j->tasks[k], &spec->tasks[k]);
	return j;
}

static void task_deinit(struct sched *s, struct task *t)
{
	uint32_t past = sched_instance_past(t);

	sched_place_clear(s, t);
	for (uint32_t k = 0; k < past; k++) {
		struct instance *i = sched_instance_at(t, k);

		if (i)
			sched_instance_drop(s, i);
	}
	for (uint32_t k = 0; k < past; k += PAGE_SIZE)
		free(t->pages[k / PAGE_SIZE]);
	free(t->pages);
	sched_shape_drop(s, t->base.shape);
	sched_wish_free(s, t);
	sched_tally_leave(s, t);
	free(t->name);
	free(t->deps);
	free(t->out);
	free(t->failure);
}

struct job *sched_job_free(struct sched *s, struct job *j)
{
	if (!j)
		return NULL;
	sched_timer_unstart(s, j);
	for (size_t k = 0; k < j->n_tasks; k++)
		task_deinit(s, &j->tasks[k]);
	sched_quota_leave(s, j);
	free(j->tasks);
	free(j->id);
	free(j->name);
	free(j->reason);
	free(j->live);
	free(j->queue);
	free(j);
	return NULL;
}

/* ---- finding ---- */

struct job *sched_job_find(const struct sched *s, const char *id)
{
	return id ? map_get(&s->by_id, id) : NULL;
}

bool sched_job_may_start(const struct job *j)
{
	return !j->paused && !j->ending && !j->ended && !j->early;
}

static int live_compare(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->task != y->task)
		return x->task->idx < y->task->idx ? -1 : 1;
	return x->instance->index < y->instance->index ? -1 : x->instance->index > y->instance->index;
}

struct live *sched_job_live(const struct job *j)
{
	struct live *live = mem_new_n(struct live, j->n_live ? j->n_live : 1);

	if (j->n_live) {
		memcpy(live, j->live, j->n_live * sizeof *live);
		qsort(live, j->n_live, sizeof *live, live_compare);
	}
	return live;
}

enum sched_job_state sched_job_state_of(const struct job *j)
{
	if (j->ended)
		return (enum sched_job_state)j->final;
	if (j->ending)
		return SCHED_JOB_RUNNING;
	if (j->paused)
		return SCHED_JOB_PAUSED;
	if (j->n_in_error || j->counts[SCHED_TASK_IN_ERROR])
		return SCHED_JOB_IN_ERROR;
	if (j->n_live || j->n_expanding)
		return SCHED_JOB_RUNNING;
	return j->started_ms ? SCHED_JOB_STALLED : SCHED_JOB_PENDING;
}

/* ---- ending ---- */

/* Starts the end of the job with the result `final`; the first end wins. */
void sched_job_end(struct sched *s, struct job *j, enum sched_job_state final, enum kill why, int32_t exit_code,
		   const char *reason)
{
	mem_cleanup struct live *live = NULL;

	if (j->ending || j->ended)
		return;
	j->ending = true;
	j->paused = false;
	sched_timer_unstart(s, j);
	j->final = (uint8_t) final;
	j->exit_code = exit_code;
	free(j->reason);
	j->reason = mem_strdup(reason);
	live = sched_job_live(j);
	for (size_t k = 0; k < j->n_live; k++)
		sched_instance_kill(s, j, live[k].task, live[k].instance, why);
	for (size_t k = 0; k < j->n_tasks; k++)
		sched_workflow_skip(s, j, &j->tasks[k]);
	sched_touch(s, j);
}

/* What a person cancelled is told rather than what was skipped for it. */
static void by_itself(struct job *j)
{
	const struct task *worst = NULL;

	j->final = SCHED_JOB_FINISHED;
	for (size_t k = 0; k < j->n_tasks; k++) {
		const struct task *t = &j->tasks[k];

		if ((t->final == SCHED_TASK_SKIPPED || t->final == SCHED_TASK_ABORTED) &&
		    (!worst || (t->failure && !worst->failure)))
			worst = t;
	}
	if (!worst)
		return;
	j->final = SCHED_JOB_FAILED;
	j->exit_code = 1;
	j->reason = worst->failure
			? mem_printf("task \"%s\": %s", worst->name, worst->failure)
			: mem_printf("task \"%s\" could not run: what it waits for did not happen", worst->name);
}

/* Has the job ended? Once per step and job, when all its changes are done. */
void sched_job_settle(struct sched *s, struct job *j)
{
	struct sched_action *act;

	if (j->ended || j->n_live || (!j->ending && j->n_ended < j->n_tasks))
		return;
	if (!j->ending)
		by_itself(j);
	sched_timer_unstart(s, j);
	j->ending = j->paused = false;
	j->ended = true;
	sched_quota_ended(j);
	j->ended_ms = s->now_ms;
	act = sched_act(s, SCHED_ACT_JOB_ENDED, j);
	act->job_state = j->final;
	act->reason = NULL;
}

void sched_job_fail(struct sched *s, struct job *j, const struct task *t)
{
	mem_cleanup char *reason = mem_printf("task \"%s\" failed: %s", t->name, t->failure);

	sched_job_end(s, j, SCHED_JOB_FAILED, KILL_CANCELLED, t->exit_code, reason);
}

void sched_job_cancel(struct sched *s, struct job *j)
{
	sched_job_end(s, j, SCHED_JOB_CANCELED, KILL_CANCELLED, 1, "cancelled");
}

/* ---- pause and resume ---- */

void sched_job_pause(struct sched *s, struct job *j)
{
	if (j->ending || j->ended)
		return;
	j->paused = true;
	sched_place_job(s, j);
}

static void task_resume(struct sched *s, struct job *j, struct task *t)
{
	if (t->ended)
		return;
	if (t->counts[SCHED_TASK_IN_ERROR] || t->in_error)
		sched_hand_error_gone(t);
	for (uint32_t k = 0; t->counts[SCHED_TASK_IN_ERROR] && k < t->next_fresh; k++) {
		struct instance *i = sched_instance_at(t, k);

		if (i->state == SCHED_TASK_IN_ERROR)
			sched_instance_retry(s, j, t, i);
	}
	sched_hand_expand_again(s, j, t);
}

void sched_job_resume(struct sched *s, struct job *j)
{
	if (j->ending || j->ended)
		return;
	j->paused = false;
	for (size_t k = 0; k < j->n_tasks; k++)
		task_resume(s, j, &j->tasks[k]);
	sched_place_job(s, j);
	sched_touch(s, j);
}

void sched_job_begin(struct sched *s, struct job *j)
{
	for (size_t k = 0; k < j->n_tasks; k++) {
		if (j->tasks[k].ready && !j->tasks[k].expanded)
			sched_workflow_ask(s, j, &j->tasks[k]);
	}
	sched_place_job(s, j);
	sched_touch(s, j);
}

void sched_job_forget(struct sched *s, struct job *j)
{
	size_t k = 0;

	if (!j->ended)
		return;
	while (s->jobs[k] != j)
		k++;
	s->n_jobs--;
	memmove(&s->jobs[k], &s->jobs[k + 1], (s->n_jobs - k) * sizeof(struct job *));
	map_remove(&s->by_id, j->id);
	sched_job_free(s, j);
}
