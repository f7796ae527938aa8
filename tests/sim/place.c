/* SPDX-License-Identifier: Apache-2.0
 *
 * place: each node is in a zone, and some are fast. The spare node (kind 3: zone a, fast) has all that is ever asked for.
 */
#include "sim.h"

#include <string.h>

static bool is_fast(const struct sim_node *n)
{
	return n->kind >= 3;
}

static char zone(const struct sim_node *n)
{
	return (char)('a' + n->kind % 3);
}

const char *sim_place_facts(const struct sim_node *n)
{
	static const char *const facts[SIM_KINDS] = {"labels.zone a\n",
						     "labels.zone b\nhas.slow \n",
						     "labels.zone c\ncores 4\n",
						     "has.fast \nlabels.zone a\n",
						     "has.fast \nlabels.zone b\n",
						     "has.fast \nlabels.zone c\n"};

	return facts[n->kind];
}

static bool in_a(const struct sim_node *n)
{
	return zone(n) == 'a';
}

static bool not_in_b(const struct sim_node *n)
{
	return zone(n) != 'b';
}

static bool fast_or_large(const struct sim_node *n)
{
	return is_fast(n) || n->slots >= 5;
}

static bool not_n0(const struct sim_node *n)
{
	return n->number != 0;
}

static const struct {
	const char *text;
	bool (*holds)(const struct sim_node *n);
} selects[] = {{"labels.zone == a", in_a},
	       {"has(fast)", is_fast},
	       {"labels.zone != b", not_in_b},
	       {"slots >= 5 || has(fast)", fast_or_large},
	       {"hostname != n0 && !(hostname in [n0])", not_n0}};
#define N_SELECTS (sizeof selects / sizeof *selects)

void sim_place_wish(struct sim *w, struct sched_task_spec *t)
{
	if (sim_chance(w, 250))
		t->select = selects[sim_below(w, N_SELECTS)].text;
}

bool sim_place_selects(const struct sched_task_spec *t, const struct sim_node *n)
{
	for (size_t k = 0; t->select && k < N_SELECTS; k++) {
		if (!strcmp(t->select, selects[k].text) && !selects[k].holds(n))
			return false;
	}
	return true;
}

void sim_place_check(struct sim *w, const struct sim_job *j, uint32_t task, const struct sim_node *n)
{
	const struct sched_task_spec *t = &j->specs[task];

	if (!sim_place_selects(t, n))
		sim_fail(w, "%s/%s starts on node %s, which is not selected by %s", j->id, t->name, n->name, t->select);
}
