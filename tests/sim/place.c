/* SPDX-License-Identifier: Apache-2.0
 *
 * place: each node is in a zone, and some are fast. The spare node (kind 3: zone a, fast) has all that is ever asked for.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
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
	static const char *const facts[SIM_KINDS] = {"labels.rack 1\nlabels.zone a\n",
						     "labels.rack 2\nlabels.zone b\nhas.slow \nhas.volume.v \n",
						     "labels.rack 3\nlabels.zone c\ncores 4\n",
						     "has.fast \nlabels.rack 4\nlabels.zone a\nhas.image.i:1 5000000\n",
						     "has.fast \nlabels.rack 5\nlabels.zone b\n",
						     "has.fast \nlabels.rack 6\nlabels.zone c\n"};

	static char texts[SIM_KINDS][SIM_BY_HAND][128];
	char *text = texts[n->kind][n->by_hand];

	snprintf(text, sizeof texts[0][0], "%sgpus_by_hand %" PRIu32 "\n", facts[n->kind], n->by_hand);
	return text;
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

/* ---- rules ---- */

static const char *const data[] = {"volume.v", "space.global"};

/* Few values for so many nodes, and many: the scheduler keeps them differently. */
static const char *const labels[][2] = {{"labels.zone", "labels.none"}, {"labels.rack", "labels.zone"}};

static void random_rule(struct sim *w, struct sim_job *j, struct sched_rule *r, char target[static 24])
{
	uint32_t dice = sim_below(w, 10);

	if (dice < 6)
		snprintf(target, 24, "t%u", sim_below(w, (uint32_t)j->spec.n_tasks));
	else if (dice < 8)
		snprintf(target, 24, "j%u/*", sim_below(w, (uint32_t)w->n_jobs + 1));
	else
		snprintf(target, 24, "j%u/t%u", sim_below(w, (uint32_t)w->n_jobs + 1), sim_below(w, SIM_TASKS));
	*r = (struct sched_rule){.to = target,
				 .apart = sim_chance(w, 600),
				 .within = sim_chance(w, 500) ? "node" : "labels.zone",
				 .weight = sim_chance(w, 400) ? 1 + sim_below(w, 9) : 0};
}

/* Those of a gang start in one step; and only some rules make sense for them. */
static void random_rules(struct sim *w, struct sim_job *j, uint32_t task)
{
	struct sched_task_spec *t = &j->specs[task];

	if (t->gang)
		return;
	if (sim_chance(w, 150))
		t->per_node = 1 + sim_below(w, 3);
	if (sim_chance(w, 100)) {
		t->spread = labels[task % 2];
		t->n_spread = 1 + sim_below(w, 2);
	}
	if (!sim_chance(w, 200))
		return;
	t->rules = j->rules[task];
	t->n_rules = 1 + sim_below(w, SIM_RULES);
	for (size_t k = 0; k < t->n_rules; k++)
		random_rule(w, j, &j->rules[task][k], j->targets[task][k]);
	/* The tasks' names are checked: one that names the own job by its own name must name one of its tasks. */
	for (size_t k = 0; k < t->n_rules; k++) {
		size_t n = strlen(j->id);
		char *to = j->targets[task][k];

		if (!strncmp(to, j->id, n) && to[n] == '/' && to[n + 1] != '*')
			snprintf(to, 24, "t%u", task);
	}
}

void sim_place_wish(struct sim *w, struct sim_job *j, uint32_t task)
{
	if (sim_chance(w, 250))
		j->specs[task].select = selects[sim_below(w, N_SELECTS)].text;
	if (sim_chance(w, 300))
		j->specs[task].image = sim_chance(w, 700) ? "i:1" : "k";
	if (sim_chance(w, 200)) {
		j->specs[task].data = data;
		j->specs[task].n_data = 1 + sim_below(w, 2);
	}
	random_rules(w, j, task);
}

static bool same_place(const struct sim_node *a, const struct sim_node *b, const char *within)
{
	return strcmp(within, "node") ? zone(a) == zone(b) : a == b;
}

/* What the rule names, of which at least one is live in the same place; counted in *ret_all wherever they are. */
static uint32_t live_of(struct sim *w, const struct sim_job *j, const char *to, const char *within,
			const struct sim_node *n, uint32_t *ret_all)
{
	const char *slash = strchr(to, '/');
	uint32_t here = 0;

	*ret_all = 0;
	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *o = w->jobs[k];
		bool job_named =
		    slash ? strlen(o->id) == (size_t)(slash - to) && !strncmp(o->id, to, (size_t)(slash - to)) : o == j;
		const char *task = slash ? slash + 1 : to;

		for (uint32_t t = 0; job_named && t < o->spec.n_tasks; t++) {
			if (strcmp(task, "*") != 0 && strcmp(task, o->names[t]) != 0)
				continue;
			for (uint32_t x = 0; x < SIM_COPIES; x++) {
				const struct sim_instance *i = &o->tasks[t].instances[x];
				bool live = i->epoch && !i->ended;

				*ret_all += live;
				here += live && same_place(&w->nodes[i->node], n, within);
			}
		}
	}
	return here;
}

static bool names_itself(const struct sim_job *j, uint32_t task, const char *to)
{
	char all[SCHED_ID_MAX + 4], one[SCHED_ID_MAX + 20];

	snprintf(all, sizeof all, "%s/*", j->id);
	snprintf(one, sizeof one, "%s/%s", j->id, j->names[task]);
	return !strcmp(to, all) || !strcmp(to, one) || !strcmp(to, j->names[task]);
}

/* The book does not have the new one yet. */
static void check_rules(struct sim *w, const struct sim_job *j, uint32_t task, const struct sim_node *n)
{
	const struct sched_task_spec *t = &j->specs[task];
	uint32_t all, here;

	if (t->per_node && live_of(w, j, j->names[task], "node", n, &all) >= t->per_node)
		sim_fail(w, "%s/%s has more than %u copies on node %s", j->id, t->name, t->per_node, n->name);
	for (size_t k = 0; k < t->n_rules; k++) {
		const struct sched_rule *r = &t->rules[k];

		if (r->weight)
			continue;
		here = live_of(w, j, r->to, r->within, n, &all);
		if (r->apart ? here > 0 : !here && (all || !names_itself(j, task, r->to)))
			sim_fail(w, "%s/%s starts on node %s, %s %s (%s)", j->id, t->name, n->name,
				 r->apart ? "not apart from" : "not near", r->to, r->within);
	}
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

	check_rules(w, j, task, n);
	sim_probe_check(w, t, n);
	if (!sim_place_selects(t, n))
		sim_fail(w, "%s/%s starts on node %s, which is not selected by %s", j->id, t->name, n->name, t->select);
}
