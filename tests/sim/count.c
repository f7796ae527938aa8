/* SPDX-License-Identifier: Apache-2.0
 *
 * count: what nodes have of two counters, one of units and one an amount, and the world's own count of what is taken. A node may come back with fewer than are in use; what must
 * never happen is a start beyond what it has. The spare node has enough of both.
 */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#define MOST 6

static const char *const names[SIM_COUNTERS] = {COUNTS_GPU, COUNTS_DISK};

void sim_count_init(struct sim *w, struct sim_node *n)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++)
		n->counters[k] = sim_chance(w, 500) ? sim_below(w, MOST) : 0;
}

/* Texts that live as long as the log of events that has them. */
const char *sim_count_text(const struct sim_node *n)
{
	static char texts[MOST + 1][MOST + 1][32];
	char *text;

	if (n->counters[0] > MOST)
		return "gpu 1000\ndisk 1000\n";
	text = texts[n->counters[0]][n->counters[1]];

	if (!n->counters[0] && !n->counters[1])
		return NULL;
	snprintf(text, sizeof texts[0][0], "%s %u\n%s %u\n", names[0], n->counters[0], names[1], n->counters[1]);
	return text;
}

void sim_count_wish(struct sim *w, struct sim_job *j, struct sched_task_spec *t)
{
	struct counts *c = &j->counters[t - j->specs];

	for (size_t k = 0; k < SIM_COUNTERS; k++) {
		if (sim_chance(w, 120))
			(void)counts_set(c, names[k], 1 + sim_below(w, 3), NULL);
	}
	t->counters = c;
}

void sim_count_plenty(struct sim_node *n)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++)
		n->counters[k] = 1000;
}

bool sim_count_allows(const struct sched_task_spec *t, const struct sim_node *n)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++) {
		if (counts_get(t->counters, names[k]) > n->counters[k])
			return false;
	}
	return true;
}

/* What jobs may have of it now. */
static uint32_t for_jobs(const struct sim_node *n, size_t k)
{
	uint32_t others = k == 0 ? n->by_hand : 0;

	return others < n->counters[k] ? n->counters[k] - others : 0;
}

void sim_count_start(struct sim *w, const struct sim_job *j, const struct sched_task_spec *t, struct sim_node *n)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++) {
		uint32_t more = counts_get(t->counters, names[k]);

		n->counters_used[k] += more;
		if (more && n->counters_used[k] > for_jobs(n, k))
			sim_fail(w, "%s/%s starts on %s, which has not enough %s", j->id, t->name, n->name, names[k]);
	}
}

void sim_count_end(const struct sched_task_spec *t, struct sim_node *n)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++)
		n->counters_used[k] -= counts_get(t->counters, names[k]);
}

void sim_count_free(const struct sim_node *n, int64_t ret[static SIM_COUNTERS])
{
	for (size_t k = 0; k < SIM_COUNTERS; k++)
		ret[k] = (int64_t)for_jobs(n, k) - n->counters_used[k];
}

void sim_count_gain(const struct sched_task_spec *t, int64_t have[static SIM_COUNTERS])
{
	for (size_t k = 0; k < SIM_COUNTERS; k++)
		have[k] += counts_get(t->counters, names[k]);
}

uint64_t sim_count_copies(const struct sched_task_spec *t, const int64_t have[static SIM_COUNTERS], uint64_t most)
{
	for (size_t k = 0; k < SIM_COUNTERS; k++) {
		uint32_t each = counts_get(t->counters, names[k]);

		if (each && (have[k] < 0 || (uint64_t)have[k] / each < most))
			most = have[k] < 0 ? 0 : (uint64_t)have[k] / each;
	}
	return most;
}
