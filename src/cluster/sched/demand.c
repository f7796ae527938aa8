/* SPDX-License-Identifier: Apache-2.0
 *
 * demand: what waits for room and nothing else, so that somebody can bring nodes for it (cluster/source). Only what is listed in a shape may start now:
 * what waits for another task, for its date, for a quota, a licence or a limit of its own is not counted.
 */
#include "cluster/sched/state.h"

/* Beyond that many nobody can tell the difference, and a queue of a million jobs need not be walked. */
#define COUNTED_MAX 100000

static uint64_t waiting(const struct item *it)
{
	const struct task *t = it->task;
	uint64_t n = it->n;
	uint32_t live = t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING];

	if (it == &t->base && t->fresh_state == SCHED_TASK_PENDING)
		n += sched_instance_n_fresh(t);
	if (t->max_running && n > t->max_running - live)
		n = t->max_running - live;
	return n;
}

/* Nodes do not help what a quota or a licence holds back. */
static uint64_t allowed(const struct sched *s, const struct shape *sh, uint64_t n)
{
	uint64_t low = 0;

	while (low < n) {
		uint64_t mid = n - (n - low) / 2;

		if (sched_quota_allows(s, sh, (uint32_t)mid, false) &&
		    sched_licence_allows(s, sh, (uint32_t)mid, false))
			low = mid;
		else
			n = mid - 1;
	}
	return n;
}

int sched_demand(const struct sched *s, sched_demand_fn fn, void *ctx)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		const struct shape *sh = s->shapes[k];
		struct sched_demand d = {
		    .slots = sh->slots, .cpu_milli = sh->cpu_milli, .memory = sh->memory, .counters = sh->wants};
		int r;

		for (size_t i = 0; i < sh->n_items && d.count < COUNTED_MAX; i++)
			d.count += waiting(sh->items[i]);
		d.count = allowed(s, sh, d.count < COUNTED_MAX ? d.count : COUNTED_MAX);
		r = d.count ? fn(ctx, &d) : 0;
		if (r)
			return r;
	}
	return 0;
}
