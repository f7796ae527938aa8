/* SPDX-License-Identifier: Apache-2.0
 *
 * limits: quotas that come, change and go, and the world's own count of what is in use. A quota may be set below that; what
 * must never happen is a start beyond it.
 */
#include "sim.h"

#include <string.h>

static const char *const licences[SIM_LICENCES] = {"l0", "l1"};
static const char *const owners[SIM_OWNERS] = {"user:ann", "user:*", "project:p"};

size_t sim_licence(const char *name)
{
	return strcmp(name, licences[0]) != 0;
}

void sim_limits_init(struct sim *w)
{
	for (size_t k = 0; k < SIM_OWNERS; k++) {
		for (size_t q = 0; q < SCHED_QUOTA_N; q++)
			w->owners[k].caps[q] = SCHED_NO_LIMIT;
	}
}

void sim_limits_needs(struct sim *w, struct sim_job *j, struct sched_task_spec *t)
{
	struct sched_need *needs = j->needs[t - j->specs];

	t->licences = needs;
	for (size_t k = 0; k < SIM_LICENCES; k++) {
		if (sim_chance(w, 150))
			needs[t->n_licences++] = (struct sched_need){.name = licences[k], .n = 1 + sim_below(w, 3)};
	}
}

static void change_quota(struct sim *w)
{
	struct sched_event e = {.type = SCHED_EV_QUOTA, .quota = owners[sim_below(w, SIM_OWNERS)]};
	static const uint32_t most[SCHED_QUOTA_N] = {9000, 6000, 6, 5, 5};

	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		e.caps[k] = sim_chance(w, 250) ? sim_below(w, most[k]) : SCHED_NO_LIMIT;
	sim_step(w, e);
}

static void set_licence(struct sim *w, size_t k, uint64_t total)
{
	sim_step(w, (struct sched_event){.type = SCHED_EV_LICENCE, .licence = licences[k], .total = total});
}

void sim_limits_change(struct sim *w)
{
	if (sim_chance(w, 400)) {
		set_licence(w, sim_below(w, SIM_LICENCES), sim_chance(w, 100) ? SCHED_NO_LIMIT : sim_below(w, 8));
		return;
	}
	change_quota(w);
}

void sim_limits_lift(struct sim *w)
{
	for (size_t k = 0; k < SIM_LICENCES; k++)
		set_licence(w, k, 1000);
	for (size_t k = 0; k < SIM_OWNERS; k++) {
		struct sched_event e = {.type = SCHED_EV_QUOTA, .quota = owners[k]};

		for (size_t q = 0; q < SCHED_QUOTA_N; q++)
			e.caps[q] = SCHED_NO_LIMIT;
		sim_step(w, e);
	}
}

void sim_limits_event(struct sim *w, const struct sched_event *e)
{
	for (size_t k = 0; e->type == SCHED_EV_LICENCE && k < SIM_LICENCES; k++) {
		if (!strcmp(licences[k], e->licence))
			w->licences[k] = e->total == SCHED_NO_LIMIT ? 0 : e->total;
	}
	for (size_t k = 0; e->type == SCHED_EV_QUOTA && k < SIM_OWNERS; k++) {
		if (!strcmp(owners[k], e->quota))
			memcpy(w->owners[k].caps, e->caps, sizeof e->caps);
	}
}

/* 0 ann and 2 the project by name; 1 is every other user by itself, of whom there is bob alone. */
static bool counts(const struct sim_job *j, size_t owner)
{
	const char *user = j->spec.tenant ? j->spec.tenant : "";

	return owner == 2 ? j->spec.project != NULL : !strcmp(user, owner ? "bob" : "ann");
}

static bool has_caps(const uint64_t *caps)
{
	for (size_t k = 0; k < SCHED_QUOTA_N; k++) {
		if (caps[k] != SCHED_NO_LIMIT)
			return true;
	}
	return false;
}

static void count(struct sim *w, const struct sim_job *j, const struct sched_task_spec *t, int sign)
{
	const uint64_t each[SCHED_QUOTA_N] = {(uint64_t)t->slots * 1000 + t->cpu_milli, t->memory, 1, 0,
					      counts_get(t->counters, COUNTS_GPU)};

	for (size_t k = 0; k < SIM_OWNERS; k++) {
		struct sim_owner *o = &w->owners[k];
		/* ann without a quota of her own is one of all users. */
		const uint64_t *caps = k == 0 && !has_caps(o->caps) ? w->owners[1].caps : o->caps;

		for (size_t q = 0; counts(j, k) && q < SCHED_QUOTA_N; q++) {
			o->used[q] += sign > 0 ? each[q] : -each[q];
			if (sign > 0 && each[q] && o->used[q] > caps[q])
				sim_fail(w, "%s/%s starts beyond the quota of %s", j->id, t->name, owners[k]);
		}
	}
}

static void count_licences(struct sim *w, const struct sim_job *j, const struct sched_task_spec *t, int sign)
{
	for (size_t n = 0; n < t->n_licences; n++) {
		size_t k = sim_licence(t->licences[n].name);

		w->licences_used[k] += sign > 0 ? t->licences[n].n : -(uint64_t)t->licences[n].n;
		if (sign > 0 && w->licences_used[k] > w->licences[k])
			sim_fail(w, "%s/%s starts without a licence %s", j->id, t->name, licences[k]);
	}
}

void sim_limits_start(struct sim *w, struct sim_job *j, const struct sched_task_spec *t)
{
	count(w, j, t, 1);
	count_licences(w, j, t, 1);
	j->live++;
	if (j->spec.max_running && j->live > j->spec.max_running)
		sim_fail(w, "%s runs more than %u instances", j->id, j->spec.max_running);
}

void sim_limits_end(struct sim *w, struct sim_job *j, const struct sched_task_spec *t)
{
	count(w, j, t, -1);
	count_licences(w, j, t, -1);
	j->live--;
}
