/* SPDX-License-Identifier: Apache-2.0
 *
 * tally: who is where, counted for those who ask. Groups, domains and tallies come with the first task that asks and go with the last.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX (2 * NAME_TEXT_MAX + 32)

/* ---- domains ---- */

uint32_t sched_domain_value(const struct domain *d, const struct node *n)
{
	if (d->by_node)
		return n->pos + 1;
	return n->pos < d->n_of_node ? d->of_node[n->pos] : 0;
}

uint32_t sched_domain_first(const struct domain *d, uint32_t value)
{
	return value < d->n_first ? d->first[value] : 0;
}

static void chain(struct domain *d, uint32_t node, uint32_t value)
{
	if (value >= d->n_first)
		mem_grow_to((void **)&d->first, &d->n_first, value + 1, sizeof *d->first);
	d->next[node] = d->first[value];
	d->first[value] = node + 1;
	d->of_node[node] = value;
}

static void unchain(struct domain *d, uint32_t node)
{
	uint32_t *link = &d->first[d->of_node[node]];

	while (*link != node + 1)
		link = &d->next[*link - 1];
	*link = d->next[node];
}

/* It has said nothing yet. */
static void meet(struct domain *d, const struct node *n)
{
	size_t cap = d->n_of_node;

	mem_grow_to((void **)&d->next, &cap, n->pos + 1, sizeof *d->next);
	mem_grow_to((void **)&d->of_node, &d->n_of_node, n->pos + 1, sizeof *d->of_node);
	chain(d, n->pos, 0);
}

void sched_domain_meet(struct sched *s, const struct node *n)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&s->by_domain, slot));) {
		struct domain *d = slot->value;

		if (!d->by_node)
			meet(d, n);
	}
}

static void domain_look(struct domain *d, const struct node *n)
{
	const char *value = sched_facts_get(&n->facts, d->label);
	uintptr_t number = value ? (uintptr_t)map_get(&d->values, value) : 0;

	if (value && !number) {
		number = ++d->n_values;
		map_put(&d->values, value, (void *)number); // NOLINT(performance-no-int-to-ptr)
	}
	unchain(d, n->pos);
	chain(d, n->pos, (uint32_t)number);
}

static struct domain *domain_get(struct sched *s, const char *label)
{
	struct domain *d = map_get(&s->by_domain, label);

	if (!d) {
		d = mem_new(struct domain);
		d->label = mem_strdup(label);
		d->by_node = !strcmp(label, "node");
		map_put(&s->by_domain, label, d);
		for (size_t k = 0; !d->by_node && k < s->n_nodes; k++) {
			meet(d, s->nodes[k]);
			domain_look(d, s->nodes[k]);
		}
	}
	d->refs++;
	return d;
}

static void domain_drop(struct sched *s, struct domain *d)
{
	if (--d->refs)
		return;
	sched_parts_drop(s, d->parts);
	map_remove(&s->by_domain, d->label);
	map_free(&d->values);
	free(d->of_node);
	free(d->next);
	free(d->first);
	free(d->label);
	free(d);
}

/* ---- groups ---- */

static bool in_group(const struct task *t, const struct group *g)
{
	for (size_t k = 0; k < t->n_groups; k++) {
		if (t->groups[k] == g)
			return true;
	}
	return false;
}

static void join(struct task *t, struct group *g)
{
	mem_grow(&t->groups, &t->cap_groups, t->n_groups);
	t->groups[t->n_groups++] = g;
	g->refs++;
}

/* The names that a task can be asked about by. */
static void key_of(const struct task *t, unsigned kind, char key[static KEY_MAX])
{
	const struct job *j = t->base.job;

	if (kind == 0)
		snprintf(key, KEY_MAX, "#%" PRIu64 "/%s", j->seq, t->name);
	else
		snprintf(key, KEY_MAX, "%s/%s", j->name, kind == 1 ? t->name : "*");
}

void sched_tally_join(struct sched *s, struct task *t)
{
	char key[KEY_MAX];

	for (unsigned kind = 0; s->by_group.n && kind < 3; kind++) {
		struct group *g;

		key_of(t, kind, key);
		g = map_get(&s->by_group, key);
		if (g && !in_group(t, g))
			join(t, g);
	}
}

static struct group *group_get(struct sched *s, const char *key)
{
	struct group *g = map_get(&s->by_group, key);
	char own[KEY_MAX];

	if (g)
		return g;
	g = mem_new(struct group);
	g->key = mem_strdup(key);
	map_put(&s->by_group, key, g);
	for (size_t k = 0; k < s->n_jobs; k++) {
		struct job *j = s->jobs[k];

		for (size_t x = 0; !j->ended && x < j->n_tasks; x++) {
			for (unsigned kind = 0; kind < 3; kind++) {
				key_of(&j->tasks[x], kind, own);
				if (!strcmp(own, key) && !in_group(&j->tasks[x], g))
					join(&j->tasks[x], g);
			}
		}
	}
	return g;
}

static void group_drop(struct sched *s, struct group *g)
{
	if (--g->refs)
		return;
	map_remove(&s->by_group, g->key);
	free(g->key);
	free(g);
}

void sched_tally_leave(struct sched *s, struct task *t)
{
	for (size_t k = 0; k < t->n_groups; k++)
		group_drop(s, t->groups[k]);
	free(t->groups);
	t->groups = NULL;
	t->n_groups = t->cap_groups = 0;
}

/* ---- tallies ---- */

static void count(struct tally *t, const struct node *n, bool comes)
{
	uint32_t value = sched_domain_value(t->domain, n);

	if (value >= t->n_counts)
		mem_grow_to((void **)&t->counts, &t->n_counts, value + 1, sizeof *t->counts);
	t->counts[value] += comes ? 1 : UINT32_MAX;
	t->total += comes ? 1 : UINT64_MAX;
}

struct tally *sched_tally_get(struct sched *s, const char *key, const char *within)
{
	struct group *g = group_get(s, key);
	struct tally *t = g->tallies;

	while (t && strcmp(t->domain->label, within) != 0)
		t = t->next;
	if (t) {
		t->refs++;
		return t;
	}
	t = mem_new(struct tally);
	*t = (struct tally){.next = g->tallies, .group = g, .domain = domain_get(s, within), .refs = 1};
	g->tallies = t;
	g->refs++;
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];

		for (size_t x = 0; x < n->n_live; x++) {
			if (in_group(n->live[x].task, g))
				count(t, n, true);
		}
	}
	return t;
}

void sched_tally_drop(struct sched *s, struct tally *t)
{
	struct tally **link;

	if (!t || --t->refs)
		return;
	for (link = &t->group->tallies; *link != t;)
		link = &(*link)->next;
	*link = t->next;
	sched_parts_drop(s, t->parts);
	domain_drop(s, t->domain);
	group_drop(s, t->group);
	free(t->counts);
	free(t);
}

uint32_t sched_tally_at(const struct tally *t, const struct node *n, bool *ret_said)
{
	uint32_t value = sched_domain_value(t->domain, n);

	*ret_said = value != 0;
	return value < t->n_counts ? t->counts[value] : 0;
}

/* What is forbidden, or the best, can be another one now. */
void sched_tally_count(struct sched *s, const struct node *n, const struct task *t, bool comes)
{
	bool said;

	for (size_t k = 0; k < t->n_groups; k++) {
		for (struct tally *a = t->groups[k]->tallies; a; a = a->next) {
			uint32_t before = sched_tally_at(a, n, &said);

			count(a, n, comes);
			if (a->parts)
				sched_parts_move(s, a->parts, sched_domain_value(a->domain, n), n, before,
						 sched_tally_at(a, n, &said));
			s->changes++;
			sched_place_wake_asking(s, a);
		}
	}
}

void sched_tally_out(struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < n->n_live; k++)
		sched_tally_count(s, n, n->live[k].task, false);
}

void sched_tally_in(struct sched *s, const struct node *n)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&s->by_domain, slot));) {
		struct domain *d = slot->value;

		if (!d->by_node)
			domain_look(d, n);
	}
	for (size_t k = 0; k < n->n_live; k++)
		sched_tally_count(s, n, n->live[k].task, true);
}

static void count_all(const struct sched *s, bool comes)
{
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];

		for (size_t x = 0; x < n->n_live; x++) {
			const struct task *t = n->live[x].task;

			for (size_t g = 0; g < t->n_groups; g++) {
				for (struct tally *a = t->groups[g]->tallies; a; a = a->next)
					count(a, n, comes);
			}
		}
	}
}

/* Without what is live nothing is left. */
bool sched_tally_sound(const struct sched *s)
{
	bool sound = true;

	count_all(s, false);
	for (struct map_slot *slot = NULL; (slot = map_next(&s->by_group, slot));) {
		const struct group *g = slot->value;

		for (const struct tally *t = g->tallies; t; t = t->next) {
			sound = sound && t->total == 0;
			for (size_t k = 0; k < t->n_counts; k++)
				sound = sound && t->counts[k] == 0;
		}
	}
	count_all(s, true);
	return sound;
}

void sched_tally_free(struct sched *s)
{
	map_free(&s->by_group);
	map_free(&s->by_domain);
}
