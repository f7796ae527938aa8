/* SPDX-License-Identifier: Apache-2.0
 *
 * preempt: what must hold when the scheduler takes a running copy's room for another.
 */
#include "sim.h"

#include <string.h>

/* Somebody of a higher priority waits for room. */
static bool somebody_waits(struct sim *w, int32_t priority)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];
		struct sched_job_view v;

		if (!j->ended && j->spec.priority > priority && sched_job_view(w->s, j->id, &v) == 0 &&
		    v.counts[SCHED_TASK_PENDING])
			return true;
	}
	return false;
}

void sim_preempt_kill(struct sim *w, const struct sched_action *a)
{
	struct sim_job *j;
	struct sim_instance *i = sim_instance(w, &a->attempt, &j);
	const struct sched_task_spec *t = &j->specs[a->attempt.task];
	const struct sim_task *all = &j->tasks[a->attempt.task];

	i->preempted = w->preempted_now = true;
	w->preempted_priority = j->spec.priority;
	w->preempted++;
	if (!t->preemptible)
		sim_fail(w, "%s/%s is preempted and may not be", j->id, t->name);
	if (i->start_step == w->steps)
		sim_fail(w, "%s/%s starts and is preempted in one step", j->id, t->name);
	if (!somebody_waits(w, j->spec.priority))
		sim_fail(w, "%s/%s is preempted for nobody", j->id, t->name);
	for (uint32_t k = 0; t->gang && k < SIM_COPIES; k++) {
		struct sched_attempt_id id = a->attempt;
		struct sched_attempt_view v;
		struct sched_instance_view view;

		id.index = k;
		if (sched_instance_view(w->s, id.job, id.task, k, &view) < 0 || !view.n_attempts ||
		    sched_attempt_view(w->s, id.job, id.task, k, view.n_attempts - 1, &v) < 0)
			continue;
		if (!v.ended && !v.kill_reason && !all->instances[k].killed)
			sim_fail(w, "%s/%s: a part of a gang is preempted", j->id, t->name);
	}
}

static uint64_t at_most(uint64_t n, uint64_t have, uint64_t each)
{
	return each && have / each < n ? have / each : n;
}

/* How many copies of the task a node has room for when all that is killed there has ended. */
static uint64_t room_on(struct sim *w, const struct sim_node *n, const struct sched_task_spec *t)
{
	uint64_t slots = n->slots - n->slots_used, cpu = n->cpu_milli - n->cpu_used,
		 memory = n->memory - n->memory_used;
	int64_t counters[SIM_COUNTERS];

	sim_count_free(n, counters);
	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];

		for (uint32_t x = 0; x < j->spec.n_tasks && !j->ended; x++) {
			for (uint32_t c = 0; c < SIM_COPIES; c++) {
				const struct sim_instance *i = &j->tasks[x].instances[c];

				if (!i->epoch || i->ended || !i->killed || &w->nodes[i->node] != n)
					continue;
				slots += j->specs[x].slots;
				cpu += j->specs[x].cpu_milli;
				memory += j->specs[x].memory;
				sim_count_gain(&j->specs[x], counters);
			}
		}
	}
	return sim_count_copies(
	    t, counters, at_most(at_most(at_most(SIM_COPIES, slots, t->slots), cpu, t->cpu_milli), memory, t->memory));
}

/* How many of a licence come back when all that is killed has ended. */
static uint64_t licences_back(const struct sim *w, const char *name)
{
	uint64_t n = 0;

	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];

		for (uint32_t x = 0; x < j->spec.n_tasks && !j->ended; x++) {
			uint32_t killed = 0;

			for (uint32_t c = 0; c < SIM_COPIES; c++) {
				const struct sim_instance *i = &j->tasks[x].instances[c];

				killed += i->epoch && !i->ended && i->killed;
			}
			for (size_t l = 0; l < j->specs[x].n_licences; l++)
				n +=
				    strcmp(j->specs[x].licences[l].name, name) ? 0 : j->specs[x].licences[l].n * killed;
		}
	}
	return n;
}

static bool has_licences(const struct sim *w, const struct sched_task_spec *t, uint64_t copies)
{
	for (size_t l = 0; l < t->n_licences; l++) {
		size_t k = sim_licence(t->licences[l].name);

		if (w->licences_used[k] + t->licences[l].n * copies >
		    w->licences[k] + licences_back(w, t->licences[l].name))
			return false;
	}
	return true;
}

static bool is_helped(struct sim *w, const struct sim_job *j, uint32_t task)
{
	const struct sched_task_spec *t = &j->specs[task];
	struct sched_task_view v;
	uint64_t room = 0, most = 0;

	if (sched_task_view(w->s, j->id, task, &v) < 0 || !v.counts[SCHED_TASK_PENDING])
		return false;
	if (!has_licences(w, t, t->gang ? v.counts[SCHED_TASK_PENDING] : 1))
		return false;
	for (size_t k = 0; k <= SIM_NODES; k++) {
		uint64_t here = w->nodes[k].up ? room_on(w, &w->nodes[k], t) : 0;

		room += t->topology == SCHED_TOPO_APART && here ? 1 : here;
		most = here > most ? here : most;
	}
	return (t->topology == SCHED_TOPO_ONE ? most : room) >= (t->gang ? v.counts[SCHED_TASK_PENDING] : 1);
}

/* What was preempted in this step makes room for somebody above. */
static void check_helps(struct sim *w)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];

		for (uint32_t t = 0; t < j->spec.n_tasks && !j->ended; t++) {
			if (j->spec.priority > w->preempted_priority && is_helped(w, j, t))
				return;
		}
	}
	sim_fail(w, "copies were preempted, and it helps nobody");
}

/* What was preempted waits again, whatever its exit code and however many tries it had. */
void sim_preempt_after(struct sim *w, const struct sched_event *e)
{
	struct sched_instance_view v;
	struct sched_job_view job;

	if (w->preempted_now)
		check_helps(w);
	w->preempted_now = false;
	if (!w->preempted_end || e->outcome == SCHED_OUT_LOST)
		return;
	if (sched_job_view(w->s, e->attempt.job, &job) < 0 ||
	    sched_instance_view(w->s, e->attempt.job, e->attempt.task, e->attempt.index, &v) < 0)
		return;
	if (v.state == SCHED_TASK_FINISHED || v.state == SCHED_TASK_FAULTY || v.state == SCHED_TASK_IN_ERROR ||
	    v.state == SCHED_TASK_DELAYED)
		sim_fail(w, "%s/%u/%u was preempted and is %s", e->attempt.job, e->attempt.task, e->attempt.index,
			 sched_task_state_name(v.state));
}
