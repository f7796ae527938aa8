/* SPDX-License-Identifier: Apache-2.0
 *
 * workflow: the edges between the tasks of a job. A task keeps a set of milestones (`met`: all instances started,
 * all healthy at the same time, completed), each reached once and for good. When it reaches one, or ends without
 * it, the tasks that wait for that are looked at: an edge is open, then met or dead. A queue instead of recursion,
 * for chains of 10,000.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

void sched_workflow_size(struct job *j, struct task *t, uint32_t n)
{
	t->n = n;
	t->expanded = true;
	t->counts[t->fresh_state] = n;
	j->counts[t->fresh_state] += n;
	if (t->home)
		sched_home_move(j, SCHED_TASK_WAITING, t->fresh_state, n);
	j->n_instances += n;
	if (n)
		t->pages = mem_new_n(struct instance *, (n + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void queue_add(struct job *j, const struct task *t)
{
	mem_grow(&j->queue, &j->cap_queue, j->n_queue);
	j->queue[j->n_queue++] = t->idx;
}

/* ---- ready ---- */

void sched_workflow_ask(struct sched *s, struct job *j, struct task *t)
{
	struct sched_action *act;

	if (t->expanding || t->expanded || t->ended || t->in_error || !sched_job_may_start(j))
		return;
	t->expanding = true;
	j->n_expanding++;
	act = sched_act(s, SCHED_ACT_EXPAND, j);
	act->attempt.task = t->idx;
}

static void fresh_move(struct job *j, struct task *t, enum sched_task_state to)
{
	/* They may have got their end by hand while others of the task still run. */
	if (t->fresh_state != SCHED_TASK_WAITING && t->fresh_state != SCHED_TASK_PENDING)
		return;
	sched_instance_move(j, t, t->fresh_state, (uint8_t)to, sched_instance_n_fresh(t));
	t->fresh_state = (uint8_t)to;
}

static void instances_ready(struct sched *s, struct job *j, struct task *t)
{
	fresh_move(j, t, SCHED_TASK_PENDING);
	sched_place_update(s, t);
	sched_workflow_look(s, j, t);
}

static void ready(struct sched *s, struct job *j, struct task *t)
{
	t->ready = true;
	if (t->expanded)
		instances_ready(s, j, t);
	else
		sched_workflow_ask(s, j, t);
}

void sched_workflow_begin(struct sched *s, struct job *j)
{
	for (size_t k = 0; k < j->n_tasks; k++) {
		if (!j->tasks[k].unmet)
			ready(s, j, &j->tasks[k]);
	}
}

/* ---- expansion ---- */

static void expansion_failed(struct sched *s, struct job *j, struct task *t, const char *error)
{
	free(t->failure);
	t->failure = mem_strndup(error, strnlen(error, ERROR_TEXT_MAX));
	t->exit_code = 1;
	if (t->on_error == SCHED_ON_ERROR_PAUSE)
		sched_job_pause(s, j);
	if (t->on_error == SCHED_ON_ERROR_PAUSE || t->on_error == SCHED_ON_ERROR_SUSPEND) {
		t->in_error = true;
		j->n_in_error++;
		return;
	}
	t->ended = true;
	t->final = SCHED_TASK_FAULTY;
	t->ended_ms = s->now_ms;
	j->n_ended++;
	if (t->on_error == SCHED_ON_ERROR_CONTINUE) {
		t->met = MET_ALL;
		queue_add(j, t);
		return;
	}
	sched_job_fail(s, j, t);
}

void sched_workflow_expanded(struct sched *s, struct job *j, struct task *t, uint32_t count, const char *error)
{
	mem_cleanup char *too_many = NULL;

	if (!t->expanding)
		return;
	t->expanding = false;
	j->n_expanding--;
	sched_touch(s, j);
	if (!error && count > SCHED_INSTANCES_MAX - j->n_instances) {
		too_many = mem_printf("%u more instances make more than %d in the job", count, SCHED_INSTANCES_MAX);
		error = too_many;
	}
	if (error) {
		expansion_failed(s, j, t, error);
		return;
	}
	sched_workflow_size(j, t, count);
	instances_ready(s, j, t);
}

/* ---- the end of a task ---- */

/* In a job that goes on, what has not run was cancelled by hand: that weighs more than what has failed. */
static enum sched_task_state final_of(const struct job *j, const struct task *t)
{
	if (t->counts[SCHED_TASK_FAULTY] &&
	    (j->ending || !(t->counts[SCHED_TASK_ABORTED] + t->counts[SCHED_TASK_SKIPPED])))
		return SCHED_TASK_FAULTY;
	if (t->counts[SCHED_TASK_ABORTED])
		return SCHED_TASK_ABORTED;
	if (t->counts[SCHED_TASK_SKIPPED])
		return t->counts[SCHED_TASK_FINISHED] || t->counts[SCHED_TASK_FAULTY] ? SCHED_TASK_ABORTED
										      : SCHED_TASK_SKIPPED;
	return SCHED_TASK_FINISHED;
}

static bool all_done(const struct task *t)
{
	return t->expanded && (t->n || t->ready) &&
	       t->counts[SCHED_TASK_FINISHED] + t->counts[SCHED_TASK_FAULTY] + t->counts[SCHED_TASK_SKIPPED] +
		       t->counts[SCHED_TASK_ABORTED] ==
		   t->n;
}

/* exit_with: the end of this task is the end of the job, whose result it gives. */
static void end_job_with(struct sched *s, struct job *j, const struct task *t)
{
	mem_cleanup char *reason = NULL;

	if (t->final == SCHED_TASK_FINISHED) {
		reason = mem_printf("task \"%s\" ended", t->name);
		sched_job_end(s, j, SCHED_JOB_FINISHED, KILL_JOB_ENDED, 0, reason);
		return;
	}
	reason = t->final == SCHED_TASK_SKIPPED
		     ? mem_printf("task \"%s\" could not run", t->name)
		     : mem_printf("task \"%s\" failed: %s", t->name, t->failure ? t->failure : "unknown");
	sched_job_end(s, j, SCHED_JOB_FAILED, KILL_JOB_ENDED, t->exit_code ? t->exit_code : 1, reason);
}

static void task_end(struct sched *s, struct job *j, struct task *t, enum sched_task_state final)
{
	t->ended = true;
	t->final = (uint8_t) final;
	t->ended_ms = s->now_ms;
	j->n_ended++;
	if (final == SCHED_TASK_FINISHED)
		t->met |= t->n && t->ready && t->fresh_state != SCHED_TASK_FINISHED ? MET_COMPLETED : MET_ALL;
	else if (final == SCHED_TASK_FAULTY && t->on_error == SCHED_ON_ERROR_CONTINUE)
		t->met = MET_ALL;
}

/* The counts of the task changed: has it reached a milestone, or its end? */
void sched_workflow_look(struct sched *s, struct job *j, struct task *t)
{
	uint8_t met = t->met;

	if (t->ended)
		return;
	if (t->ready && t->expanded && t->n_started == t->n)
		met |= MET_STARTED;
	if (t->ready && t->expanded && (t->healthcheck ? t->n_healthy : t->n_started) == t->n)
		met |= MET_HEALTHY;
	if (met == t->met && !all_done(t))
		return;
	t->met = met;
	if (all_done(t))
		task_end(s, j, t, final_of(j, t));
	queue_add(j, t);
	sched_touch(s, j);
}

static void expand_no_more(struct job *j, struct task *t)
{
	j->n_expanding -= t->expanding;
	j->n_in_error -= t->in_error;
	t->expanding = t->in_error = false;
}

void sched_workflow_rest(struct sched *s, struct job *j, struct task *t, enum sched_task_state fresh)
{
	if (t->ended)
		return;
	sched_place_clear(s, t);
	expand_no_more(j, t);
	fresh_move(j, t, fresh);
	if (t->expanded && t->n) {
		sched_workflow_look(s, j, t);
		return;
	}
	task_end(s, j, t, fresh);
	queue_add(j, t);
	sched_touch(s, j);
}

static bool has_resting(const struct task *t)
{
	return t->counts[SCHED_TASK_PENDING] || t->counts[SCHED_TASK_DELAYED] || t->counts[SCHED_TASK_IN_ERROR];
}

static void skip_instance(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	if (i->state == SCHED_TASK_IN_ERROR) {
		sched_instance_set(j, t, i, SCHED_TASK_FAULTY);
	} else if (i->state == SCHED_TASK_PENDING || i->state == SCHED_TASK_DELAYED) {
		sched_timer_unset(s, i);
		i->next_try_ms = 0;
		sched_instance_set(j, t, i, SCHED_TASK_SKIPPED);
	}
}

/* What has not run yet never will. Live attempts are left alone. A second call finds nothing to do. */
void sched_workflow_skip(struct sched *s, struct job *j, struct task *t)
{
	if (t->ended)
		return;
	sched_place_clear(s, t);
	expand_no_more(j, t);
	fresh_move(j, t, SCHED_TASK_SKIPPED);
	for (uint32_t k = 0; k < t->next_fresh && has_resting(t); k++)
		skip_instance(s, j, t, sched_instance_at(t, k));
	if (t->expanded && t->n && !all_done(t))
		return;
	task_end(s, j, t, t->expanded && t->n ? final_of(j, t) : SCHED_TASK_SKIPPED);
	queue_add(j, t);
	sched_touch(s, j);
}

/* ---- the edges ---- */

static void edge_look(struct sched *s, struct job *j, const struct task *t, const struct edge *e)
{
	struct task *waits = &j->tasks[e->task];
	struct dep *d = &waits->deps[e->dep];

	if (d->state != DEP_OPEN)
		return;
	if (t->met & (1u << d->condition))
		d->state = DEP_MET;
	else if (t->ended)
		d->state = DEP_DEAD;
	else
		return;
	waits->unmet--;
	if (waits->ended)
		return;
	if (d->state == DEP_DEAD && d->required)
		sched_workflow_skip(s, j, waits);
	else if (!waits->unmet)
		ready(s, j, waits);
}

void sched_workflow_run(struct sched *s, struct job *j)
{
	for (size_t k = 0; k < j->n_queue && !j->ending; k++) {
		const struct task *t = &j->tasks[j->queue[k]];

		for (size_t e = 0; e < t->n_out; e++)
			edge_look(s, j, t, &t->out[e]);
		if (t->ended && j->exit_with >= 0 && (uint32_t)j->exit_with == t->idx && !j->ending)
			end_job_with(s, j, t);
	}
	j->n_queue = 0;
}
