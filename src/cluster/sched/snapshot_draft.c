/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/sched/snapshot_draft.h"

#include "cluster/sched/snapshot_words.h"

static void wish_free(const struct sched_task_spec *t)
{
	for (size_t k = 0; k < t->n_rules; k++) {
		free((char *)t->rules[k].to);
		free((char *)t->rules[k].within);
	}
	free((struct sched_rule *)t->rules);
	mem_strv_free((char **)t->spread);
}

void sched_draft_free(struct draft *d)
{
	for (size_t k = 0; k < d->spec.n_tasks; k++) {
		free((char *)d->tasks[k].name);
		free((char *)d->tasks[k].select);
		free((char *)d->tasks[k].image);
		free((struct counts *)d->tasks[k].counters);
		free((char *)d->tasks[k].probe);
		mem_strv_free((char **)d->tasks[k].data);
		wish_free(&d->tasks[k]);
		free(d->deps[k]);
		free(d->needs[k]);
		free(d->dep_states[k]);
	}
	free(d->tasks);
	free(d->deps);
	free(d->needs);
	free(d->dep_states);
	free(d->id);
	free(d->name);
	free(d->reason);
	free(d->tenant);
	free(d->project);
}

static void load_deps(struct reader *r, struct draft *d, size_t k, size_t n)
{
	d->deps[k] = mem_new_n(struct sched_dep, n ? n : 1);
	d->dep_states[k] = mem_new_n(uint8_t, n ? n : 1);
	for (size_t x = 0; x < n && !r->bad; x++) {
		struct sched_dep *dep = &d->deps[k][x];

		keyword(r, "dep");
		dep->task = number32(r);
		dep->condition = (enum sched_condition)number(r, SCHED_DEP_COMPLETED);
		dep->required = flag(r);
		d->dep_states[k][x] = (uint8_t)number(r, DEP_STATE_N - 1);
	}
	d->tasks[k].deps = d->deps[k];
	d->tasks[k].n_deps = n;
}

static void load_needs(struct reader *r, const struct sched *s, struct draft *d, size_t k)
{
	size_t n;

	if (!optional(r, "need"))
		return;
	n = (size_t)number(r, SCHED_NEEDS_MAX);
	d->needs[k] = mem_new_n(struct sched_need, n + 1);
	for (size_t x = 0; x < n && !r->bad; x++) {
		uint32_t pos = number32(r), count = number32(r);

		if (pos >= s->n_licences)
			fail(r, "a task needs an unknown licence");
		else
			d->needs[k][x] = (struct sched_need){.name = s->licences[pos]->name, .n = count};
	}
	d->tasks[k].licences = d->needs[k];
	d->tasks[k].n_licences = n;
}

void sched_draft_counts(struct reader *r, size_t most, struct counts *ret)
{
	size_t n = (size_t)number(r, most);

	for (size_t k = 0; k < n && !r->bad; k++) {
		mem_cleanup char *name = text(r);
		uint64_t units = number(r, COUNTS_DISK_MAX); /* counts_set() knows better */
		struct err why = ERR_INIT;

		if (r->bad)
			return;
		if (!name || counts_has(ret, name) || counts_set(ret, name, units, &why) < 0)
			fail(r, "a counter has no good name, or is there twice");
	}
}

static void load_wants(struct reader *r, struct sched_task_spec *t)
{
	struct counts *wants;

	if (!optional(r, "want"))
		return;
	wants = mem_new(struct counts);
	t->counters = wants;
	sched_draft_counts(r, SCHED_WANTS_MAX, wants);
}

static void load_wish(struct reader *r, struct sched_task_spec *t)
{
	struct sched_rule *rules;
	char **spread = NULL;
	size_t n;

	t->per_node = number32(r);
	n = (size_t)number(r, SCHED_SPREADS_MAX);
	for (size_t k = 0; k < n && !r->bad; k++) {
		mem_cleanup char *label = text(r);

		mem_strv_add(&spread, label ? label : "");
		t->n_spread++;
	}
	t->spread = (const char *const *)spread;
	n = (size_t)number(r, SCHED_RULES_MAX);
	rules = mem_new_n(struct sched_rule, n + 1);
	t->rules = rules;
	for (; t->n_rules < n && !r->bad; t->n_rules++) {
		struct sched_rule *rule = &rules[t->n_rules];

		rule->apart = flag(r);
		rule->weight = number32(r);
		rule->to = text(r);
		rule->within = text(r);
	}
}

static void load_data(struct reader *r, struct sched_task_spec *t)
{
	size_t n = (size_t)number(r, SCHED_DATA_MAX);
	char **names = NULL;

	for (size_t k = 0; k < n && !r->bad; k++) {
		mem_cleanup char *name = text(r);

		mem_strv_add(&names, name ? name : "");
		t->n_data++;
	}
	t->data = (const char *const *)names;
}

static void load_task(struct reader *r, const struct sched *s, struct draft *d, size_t k)
{
	struct sched_task_spec *t = &d->tasks[k];
	size_t n_deps;

	keyword(r, "task");
	t->name = text(r);
	t->service = flag(r);
	t->count = number32(r);
	t->expand = flag(r);
	t->healthcheck = flag(r);
	t->slots = number32(r);
	t->cpu_milli = number(r, UINT64_MAX);
	t->memory = number(r, UINT64_MAX);
	t->attempts = number32(r);
	t->delay_ms = whole(r, -1, INT64_MAX);
	t->backoff = real(r);
	t->elsewhere = flag(r);
	t->on_error = (enum sched_on_error)number(r, SCHED_ON_ERROR_CANCEL);
	t->walltime_ms = time_ms(r);
	t->restart = (enum sched_restart)number(r, SCHED_RESTART_UNLESS_STOPPED);
	t->restart_max = number32(r);
	if (r->version > 1) {
		t->gang = flag(r);
		t->exclusive = flag(r);
		t->topology = (enum sched_topology)number(r, SCHED_TOPO_ONE);
		t->max_running = r->version > 2 ? number32(r) : 0;
	}
	n_deps = (size_t)number(r, DEPS_MAX);
	if (optional(r, "select"))
		t->select = text(r);
	if (optional(r, "image"))
		t->image = text(r);
	if (optional(r, "wish"))
		load_wish(r, t);
	if (optional(r, "preemptible"))
		t->preemptible = flag(r);
	if (optional(r, "home"))
		t->home = flag(r);
	if (optional(r, "data"))
		load_data(r, t);
	if (optional(r, "fit")) {
		t->probe = text(r);
		t->probe_age_ms = time_ms(r);
	}
	load_needs(r, s, d, k);
	load_wants(r, t);
	load_deps(r, d, k, n_deps);
}

static void load_limit(struct reader *r, struct draft *d)
{
	if (!optional(r, "limit"))
		return;
	d->project = text(r);
	d->spec.project = d->project;
	d->spec.max_running = number32(r);
}

void sched_draft_load(struct reader *r, const struct sched *s, struct draft *d)
{
	size_t n_tasks;

	d->id = text(r);
	d->name = text(r);
	d->seq = number(r, UINT64_MAX);
	d->spec.priority = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	d->spec.exit_with = (int32_t)whole(r, -1, SCHED_TASKS_MAX);
	d->submitted_ms = time_ms(r);
	d->started_ms = time_ms(r);
	d->ended_ms = time_ms(r);
	d->paused = flag(r);
	d->ending = flag(r);
	d->ended = flag(r);
	d->final = job_state(r);
	d->exit_code = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	d->reason = text(r);
	if (r->version > 2) {
		d->tenant = text(r);
		d->spec.tenant = d->tenant;
		d->spec.start_at_ms = time_ms(r);
		d->spec.deadline_ms = time_ms(r);
		d->early = flag(r);
	}
	n_tasks = (size_t)number(r, SCHED_TASKS_MAX);
	if ((d->ending || d->ended) != sched_job_ended((enum sched_job_state)d->final) ||
	    (d->reason && !d->ending && !d->ended))
		fail(r, "the job's state and its end disagree");
	d->spec.id = d->id;
	d->spec.name = d->name;
	d->tasks = mem_new_n(struct sched_task_spec, n_tasks + 1);
	d->deps = mem_new_n(struct sched_dep *, n_tasks + 1);
	d->needs = mem_new_n(struct sched_need *, n_tasks + 1);
	d->dep_states = mem_new_n(uint8_t *, n_tasks + 1);
	d->spec.tasks = d->tasks;
	d->spec.n_tasks = n_tasks;
	load_limit(r, d);
	for (size_t k = 0; k < n_tasks && !r->bad; k++)
		load_task(r, s, d, k);
}
