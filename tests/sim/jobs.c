/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs: random jobs that use every setting.
 */
#include "sim.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>

static void random_deps(struct sim *w, struct sim_job *j, uint32_t task)
{
	struct sched_task_spec *t = &j->specs[task];

	t->deps = j->deps[task];
	for (uint32_t d = 0; d < SIM_DEPS && task > 0; d++) {
		if (!sim_chance(w, 500))
			continue;
		j->deps[task][t->n_deps++] = (struct sched_dep){
		    .task = sim_below(w, task),
		    .condition = sim_chance(w, 600) ? SCHED_DEP_COMPLETED : (enum sched_condition)sim_below(w, 3),
		    .required = sim_chance(w, 800)};
	}
}

static void random_places(struct sim *w, struct sched_task_spec *t)
{
	t->exclusive = sim_chance(w, 60);
	t->gang = t->slots < 50 && sim_chance(w, 200);
	if (t->gang)
		t->elsewhere = false;
	else if (sim_chance(w, 150))
		t->max_running = 1 + sim_below(w, 4);
	if (sim_chance(w, 300))
		t->topology = t->gang ? (enum sched_topology)(SCHED_TOPO_FEW + sim_below(w, 2))
				      : (enum sched_topology)(SCHED_TOPO_SPREAD + sim_below(w, 2));
	/* There are only so many nodes. */
	if (t->gang && t->count <= 3 && !t->expand && sim_chance(w, 300))
		t->topology = SCHED_TOPO_APART;
}

static void random_task(struct sim *w, struct sim_job *j, uint32_t task)
{
	struct sched_task_spec *t = &j->specs[task];

	snprintf(j->names[task], sizeof j->names[task], "t%u", task);
	*t = (struct sched_task_spec){.name = j->names[task],
				      .service = sim_chance(w, 120),
				      .count = 1 + (sim_chance(w, 400) ? sim_below(w, SIM_COPIES) : 0),
				      .expand = sim_chance(w, 150),
				      .healthcheck = sim_chance(w, 300),
				      .slots = sim_below(w, 4),
				      .attempts = 1 + sim_below(w, 4),
				      .delay_ms = (int64_t)sim_below(w, 3) * 700 - 1,
				      .backoff = 1 + sim_below(w, 3) / 2.0,
				      .elsewhere = sim_chance(w, 200),
				      .on_error = (enum sched_on_error)sim_below(w, 4),
				      .walltime_ms = sim_chance(w, 250) ? 200 + sim_below(w, 4000) : 0,
				      .restart = (enum sched_restart)sim_below(w, 4),
				      .restart_max = sim_below(w, 4)};
	if (sim_chance(w, 30))
		t->slots = 50; /* larger than every node */
	if (sim_chance(w, 200))
		t->cpu_milli = sim_below(w, 3000);
	if (sim_chance(w, 200))
		t->memory = sim_below(w, 3000);
	random_places(w, t);
	sim_place_wish(w, j, task);
	sim_probe_wish(w, t);
	t->preemptible = sim_chance(w, 300);
	t->home = sim_chance(w, 150);
	sim_limits_needs(w, j, t);
	sim_count_wish(w, j, t);
	j->services |= t->service;
	random_deps(w, j, task);
}

/* So many at a time, or as many as its largest gang. */
static void random_cap(struct sim *w, struct sim_job *j)
{
	j->spec.max_running = 1 + sim_below(w, 4);
	for (size_t k = 0; k < j->spec.n_tasks; k++) {
		uint32_t gang = !j->specs[k].gang ? 0 : j->specs[k].expand ? SIM_COPIES : j->specs[k].count;

		if (gang > j->spec.max_running)
			j->spec.max_running = gang;
	}
}

struct sim_job *sim_job_new(struct sim *w)
{
	static const char *const tenants[] = {NULL, "ann", "bob"};
	struct sim_job *j = mem_new(struct sim_job);

	snprintf(j->id, sizeof j->id, "j%zu", w->n_jobs);
	j->spec = (struct sched_job_spec){.id = j->id,
					  .name = j->id,
					  .tasks = j->specs,
					  .n_tasks = 1 + sim_below(w, SIM_TASKS),
					  .exit_with = -1,
					  .priority = (int32_t)sim_below(w, 3) - 1};
	j->spec.tenant = tenants[sim_below(w, 3)];
	j->spec.project = sim_chance(w, 300) ? "p" : NULL;
	if (sim_chance(w, 100))
		j->spec.start_at_ms = w->now_ms + sim_below(w, 3000);
	if (sim_chance(w, 200))
		j->spec.deadline_ms = w->now_ms + sim_below(w, 9000);
	if (sim_chance(w, 200))
		j->spec.exit_with = (int32_t)sim_below(w, (uint32_t)j->spec.n_tasks);
	for (uint32_t k = 0; k < j->spec.n_tasks; k++)
		random_task(w, j, k);
	if (sim_chance(w, 150))
		random_cap(w, j);
	mem_grow(&w->jobs, &w->cap_jobs, w->n_jobs);
	w->jobs[w->n_jobs++] = j;
	w->n_open++;
	return j;
}

struct sim_job *sim_job_find(struct sim *w, const char *id)
{
	unsigned long n;

	if (sscanf(id, "j%lu", &n) != 1 || n >= w->n_jobs)
		sim_fail(w, "unknown job %s", id);
	return w->jobs[n];
}
