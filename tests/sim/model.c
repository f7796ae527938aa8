/* SPDX-License-Identifier: Apache-2.0
 *
 * model: the world's own book, kept from the events and actions alone. It knows nothing of how the scheduler decides.
 */
#include "sim.h"

#include "base/core/err.h"

#include <stdio.h>
#include <string.h>

#define ASKED_EVERY 16

struct sim_instance *sim_instance(struct sim *w, const struct sched_attempt_id *id, struct sim_job **ret_job)
{
	struct sim_job *j = sim_job_find(w, id->job);

	if (!j || id->task >= j->spec.n_tasks || id->index >= SIM_COPIES)
		sim_fail(w, "the scheduler speaks of %s/%u/%u, which does not exist", id->job, id->task, id->index);
	*ret_job = j;
	return &j->tasks[id->task].instances[id->index];
}

static void release(struct sim *w, struct sim_job *j, uint32_t task, struct sim_instance *i)
{
	struct sim_node *n = &w->nodes[i->node];

	i->ended = true;
	i->healthy = false;
	n->slots_used -= j->specs[task].slots;
	n->cpu_used -= j->specs[task].cpu_milli;
	n->memory_used -= j->specs[task].memory;
	sim_count_end(&j->specs[task], n);
	sim_limits_end(w, j, &j->specs[task]);
}

static void take_as_finished(struct sim_job *j, uint32_t task, struct sim_instance *i)
{
	i->begun = i->healthy = i->finished = true;
	j->tasks[task].n_finished++;
}

static void milestones(struct sim *w, const struct sched_attempt_id *id);

static void release_lost(struct sim *w, struct sim_job *j, uint32_t task, struct sim_instance *i)
{
	struct sched_attempt_id id = {.task = task};

	release(w, j, task, i);
	if (!i->by_hand)
		return;
	snprintf(id.job, sizeof id.job, "%s", j->id);
	take_as_finished(j, task, i);
	milestones(w, &id);
}

static void node_is_down(struct sim *w, const char *name)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		struct sim_job *j = w->jobs[k];

		for (uint32_t t = 0; t < j->spec.n_tasks && !j->ended; t++) {
			for (uint32_t x = 0; x < SIM_COPIES; x++) {
				struct sim_instance *i = &j->tasks[t].instances[x];

				if (i->epoch && !i->ended && !strcmp(w->nodes[i->node].name, name))
					release_lost(w, j, t, i);
			}
		}
	}
}

static void fact(struct sim *w, const struct sched_event *e)
{
	struct sim_job *j;
	struct sim_instance *i = sim_instance(w, &e->attempt, &j);
	bool was_healthy;

	if (e->attempt.epoch != i->epoch || i->ended)
		return;
	i->told = true;
	was_healthy = i->healthy;
	if (e->type != SCHED_EV_EXITED || e->outcome == SCHED_OUT_EXITED)
		i->begun = true;
	if (e->type == SCHED_EV_HEALTH)
		i->healthy = e->healthy;
	if (e->type != SCHED_EV_EXITED)
		return;
	release(w, j, e->attempt.task, i);
	w->preempted_end = i->preempted;
	if (i->by_hand)
		take_as_finished(j, e->attempt.task, i);
	if (e->outcome == SCHED_OUT_EXITED && e->exit_code == 0 && !i->killed)
		i->healthy = was_healthy;
	if (e->outcome == SCHED_OUT_EXITED && e->exit_code == 0 && !i->killed && !j->specs[e->attempt.task].service) {
		i->finished = true;
		j->tasks[e->attempt.task].n_finished++;
	}
}

/* The milestones of the task that the fact is about. */
static void milestones(struct sim *w, const struct sched_attempt_id *id)
{
	struct sim_job *j = sim_job_find(w, id->job);
	struct sim_task *t = &j->tasks[id->task];
	uint32_t begun = 0, healthy = 0;
	struct sched_task_view v;

	if (sched_task_view(w->s, j->id, id->task, &v) < 0)
		return;
	for (uint32_t k = 0; k < v.n_instances; k++) {
		begun += t->instances[k].begun;
		healthy += t->instances[k].healthy;
	}
	t->all_begun |= begun == v.n_instances;
	t->all_healthy |= (j->specs[id->task].healthcheck ? healthy : begun) == v.n_instances;
}

/* A gang that waits is left alone when one of it is named. */
static bool gang_waits(const struct sim_job *j, const struct sched_event *e, const struct sim_instance *i)
{
	return j->specs[e->task].gang && e->index != SCHED_ALL && (!i->epoch || i->ended);
}

static bool rests(const struct sched_event *e, enum sched_task_state state)
{
	if (state == SCHED_TASK_DELAYED || state == SCHED_TASK_IN_ERROR)
		return true;
	return e->waiting && (state == SCHED_TASK_WAITING || state == SCHED_TASK_PENDING || state == SCHED_TASK_PAUSED);
}

/* One copy: what rests gets its end in this step, what is live with its own. */
static void finish_one(struct sim *w, const struct sched_event *e, struct sim_job *j, uint32_t x)
{
	struct sim_instance *i = &j->tasks[e->task].instances[x];
	struct sched_instance_view v;

	if (sched_instance_view(w->s, j->id, e->task, x, &v) < 0 || (e->waiting && gang_waits(j, e, i)))
		return;
	if (rests(e, v.state) && e->as == SCHED_AS_DONE) {
		take_as_finished(j, e->task, i);
	} else if (rests(e, v.state)) {
		i->out = true;
	} else if (e->waiting && (v.state == SCHED_TASK_STARTING || v.state == SCHED_TASK_RUNNING)) {
		i->by_hand = e->as == SCHED_AS_DONE;
		i->out = e->as != SCHED_AS_DONE;
		i->preempted = false;
	}
}

static void finish(struct sim *w, const struct sched_event *e)
{
	struct sim_job *j = sim_job_find(w, e->job);
	struct sched_attempt_id id = {.task = e->task};

	for (uint32_t x = 0; x < SIM_COPIES && !j->ended; x++) {
		if (e->index == SCHED_ALL || e->index == x)
			finish_one(w, e, j, x);
	}
	j->tasks[e->task].closed |= e->waiting && e->index == SCHED_ALL;
	snprintf(id.job, sizeof id.job, "%s", j->id);
	milestones(w, &id);
}

void sim_model_event(struct sim *w, const struct sched_event *e)
{
	sim_limits_event(w, e);
	w->preempted_end = false;
	if (e->type == SCHED_EV_NODE_DOWN)
		node_is_down(w, e->node);
	if (e->type == SCHED_EV_FINISH)
		finish(w, e);
	if (e->type == SCHED_EV_JOB_PAUSE || e->type == SCHED_EV_JOB_RESUME)
		sim_job_find(w, e->job)->paused = e->type == SCHED_EV_JOB_PAUSE;
	if (e->type != SCHED_EV_STARTED && e->type != SCHED_EV_HEALTH && e->type != SCHED_EV_EXITED)
		return;
	fact(w, e);
	milestones(w, &e->attempt);
}

/* Nothing goes on where nothing shall be. */
static void check_emptied(struct sim *w, const char *name)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];

		for (uint32_t t = 0; t < j->spec.n_tasks && !j->ended; t++) {
			for (uint32_t x = 0; x < SIM_COPIES; x++) {
				const struct sim_instance *i = &j->tasks[t].instances[x];

				/* What starts in this very step is not meant. */
				if (i->epoch && !i->ended && !i->killed && i->start_step != w->steps &&
				    !strcmp(w->nodes[i->node].name, name))
					sim_fail(w, "%s/%u/%u goes on on %s, which is to be empty", j->id, t, x, name);
			}
		}
	}
}

/* All that ran is killed, and nothing waits for another try or for somebody. */
static void check_restarted(struct sim *w, const struct sched_event *e)
{
	const struct sim_job *j = sim_job_find(w, e->job);
	struct sched_instance_view v;

	for (uint32_t x = 0; x < SIM_COPIES && !j->ended; x++) {
		const struct sim_instance *i = &j->tasks[e->task].instances[x];

		if ((e->index != SCHED_ALL && e->index != x) || sched_instance_view(w->s, j->id, e->task, x, &v) < 0)
			continue;
		if (e->type == SCHED_EV_FINISH && e->waiting && gang_waits(j, e, i))
			continue;
		if (i->epoch && !i->ended && !i->killed && i->start_step != w->steps)
			sim_fail(w, "%s/%u/%u goes on after a restart or finish by hand", j->id, e->task, x);
		if (rests(e, v.state))
			sim_fail(w, "%s/%u/%u is %s after a restart or finish by hand", j->id, e->task, x,
				 sched_task_state_name(v.state));
	}
}

/* After the step, for what its event was about. */
void sim_model_after(struct sim *w, const struct sched_event *e)
{
	struct sched_job_view v;

	sim_preempt_after(w, e);
	if (e->type == SCHED_EV_NODE_EMPTY)
		check_emptied(w, e->node);
	if (e->type == SCHED_EV_RESTART || e->type == SCHED_EV_FINISH)
		check_restarted(w, e);
	if (e->type != SCHED_EV_JOB_RESUME || sched_job_view(w->s, e->job, &v) < 0 || sched_job_ended(v.state))
		return;
	if (v.state == SCHED_JOB_PAUSED || v.state == SCHED_JOB_IN_ERROR || v.counts[SCHED_TASK_IN_ERROR])
		sim_fail(w, "%s is %s after a resume", e->job, sched_job_state_name(v.state));
}

static bool dep_holds(struct sim *w, const struct sim_job *j, const struct sched_dep *d)
{
	const struct sched_task_spec *on = &j->specs[d->task];
	const struct sim_task *t = &j->tasks[d->task];
	struct sched_task_view v;

	/* What is faulty under continue holds up nobody; a service completes by its restart policy. */
	sched_task_view(w->s, j->id, d->task, &v);
	if (!d->required || on->on_error == SCHED_ON_ERROR_CONTINUE || (v.expanded && !v.n_instances))
		return true;
	if (t->closed && v.state == SCHED_TASK_FINISHED)
		return true;
	if (d->condition == SCHED_DEP_STARTED)
		return t->all_begun;
	if (d->condition == SCHED_DEP_HEALTHY)
		return t->all_healthy;
	return v.expanded && (on->expand || v.n_instances == on->count) &&
	       (on->service ? v.state == SCHED_TASK_FINISHED : t->n_finished == v.n_instances);
}

static void check_deps(struct sim *w, const struct sim_job *j, uint32_t task)
{
	const struct sched_task_spec *t = &j->specs[task];

	for (size_t d = 0; d < t->n_deps; d++) {
		if (!dep_holds(w, j, &t->deps[d]))
			sim_fail(w, "%s/%s starts too early: it waits for \"%s\", condition %d", j->id, t->name,
				 j->specs[t->deps[d].task].name, t->deps[d].condition);
	}
}

/* All of a gang, or none: when one starts in this step, nothing of it waits any more. */
static void check_gang(struct sim *w, const struct sim_job *j, uint32_t task)
{
	struct sched_task_view v;

	if (j->specs[task].gang && sched_task_view(w->s, j->id, task, &v) == 0 && v.counts[SCHED_TASK_PENDING])
		sim_fail(w, "%s/%s starts a part of its gang", j->id, j->specs[task].name);
}

static void start(struct sim *w, const struct sched_action *a)
{
	struct sim_job *j;
	struct sim_instance *i = sim_instance(w, &a->attempt, &j);
	const struct sched_task_spec *t = &j->specs[a->attempt.task];
	struct sim_node *n = w->nodes;

	while (strcmp(n->name, a->node) != 0) {
		if (++n == w->nodes + SIM_NODES + 1)
			sim_fail(w, "start on the unknown node %s", a->node);
	}
	if (j->spec.start_at_ms > w->now_ms)
		sim_fail(w, "%s starts before its time", j->id);
	if (j->ended)
		sim_fail(w, "%s starts a task after its end", j->id);
	if (j->paused)
		sim_fail(w, "%s starts a task while it is paused", j->id);
	if (i->epoch && !i->ended)
		sim_fail(w, "%s/%s/%u starts #%u while #%u lives", j->id, t->name, a->attempt.index, a->attempt.epoch,
			 i->epoch);
	if (i->finished || i->out || j->tasks[a->attempt.task].closed)
		sim_fail(w, "%s/%s/%u has finished, or was taken by hand, and starts again", j->id, t->name,
			 a->attempt.index);
	if (a->attempt.epoch != i->epoch + 1)
		sim_fail(w, "%s/%s/%u: #%u after #%u", j->id, t->name, a->attempt.index, a->attempt.epoch, i->epoch);
	check_deps(w, j, a->attempt.task);
	check_gang(w, j, a->attempt.task);
	sim_place_check(w, j, a->attempt.task, n);
	i->epoch = a->attempt.epoch;
	i->start_step = w->steps;
	i->node = n->number;
	i->ended = i->killed = i->told = i->preempted = i->by_hand = false;
	n->slots_used += t->slots;
	n->cpu_used += t->cpu_milli;
	n->memory_used += t->memory;
	sim_count_start(w, j, t, n);
	sim_limits_start(w, j, t);
	if (!n->up || n->slots_used > n->slots || n->cpu_used > n->cpu_milli || n->memory_used > n->memory)
		sim_fail(w, "node %s is down or over-committed", n->name);
}

void sim_model_action(struct sim *w, const struct sched_action *a)
{
	struct sim_job *j = sim_job_find(w, a->attempt.job);
	struct sim_instance *i;

	switch (a->type) {
	case SCHED_ACT_START:
		start(w, a);
		break;
	case SCHED_ACT_KILL:
		i = sim_instance(w, &a->attempt, &j);
		if (i->epoch != a->attempt.epoch || i->ended || i->killed)
			sim_fail(w, "kill of %s/%u/%u#%u, which is not live or was killed before", j->id,
				 a->attempt.task, a->attempt.index, a->attempt.epoch);
		i->killed = true;
		i->preempted = !strcmp(a->reason, "restarted");
		i->by_hand = !strcmp(a->reason, "finished");
		if (!strcmp(a->reason, "preempted"))
			sim_preempt_kill(w, a);
		break;
	case SCHED_ACT_EXPAND:
		break;
	case SCHED_ACT_PROBE:
		sim_probe_ask(w, a);
		break;
	case SCHED_ACT_JOB_ENDED:
		if (j->ended)
			sim_fail(w, "%s ends twice", j->id);
		j->ended = true;
		w->n_open--;
		break;
	}
}

/* asked: the reasons are asked of one job in each step, which costs more than all the rest. */
static void check_job(struct sim *w, const struct sim_job *j, bool asked)
{
	struct sched_job_view v;
	char why[256];
	size_t live;

	if (j->forgotten)
		return;
	if (sched_job_view(w->s, j->id, &v) < 0)
		sim_fail(w, "%s is gone", j->id);
	if (sched_job_ended(v.state) != j->ended)
		sim_fail(w, "%s: state %s, ended %d", j->id, sched_job_state_name(v.state), j->ended);
	live = v.counts[SCHED_TASK_RUNNING];
	if (j->ended || live || !asked)
		return;
	sched_why(w->s, j->id, UINT32_MAX, w->now_ms, why, sizeof why);
	if (!*why)
		sim_fail(w, "%s (%s) does not run and does not say why", j->id, sched_job_state_name(v.state));
}

void sim_model_check(struct sim *w)
{
	struct err err = ERR_INIT;
	struct sched_node_view v;

	if (sched_invariants(w->s, &err) < 0)
		sim_fail(w, "%s", err.text);
	for (size_t k = 0; sched_node_at(w->s, k, &v) == 0; k++) {
		for (size_t x = 0; x <= SIM_NODES; x++) {
			if (!strcmp(v.name, w->nodes[x].name) && v.slots_used != w->nodes[x].slots_used)
				sim_fail(w, "node %s: %u slots used, the model has %u", v.name, v.slots_used,
					 w->nodes[x].slots_used);
		}
	}
	for (size_t k = 0; k < w->n_jobs; k++)
		check_job(w, w->jobs[k], k % ASKED_EVERY == w->steps % ASKED_EVERY);
}
