/* SPDX-License-Identifier: Apache-2.0
 *
 * parts: the nodes that are up, in an order of their own for each value of a domain; or, where a domain has many values, for each number of copies of a
 * group that its values have. All nodes of a part are alike for whoever asks about the domain or the group, so the best of all is among the best of each
 * part, and nobody has to look at every node. Only a cache: made when they are asked for, kept up to date by what moves a node, dropped when others are
 * asked for.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

#define UNUSED 1000 /* questions after which others may take the place */

static uint32_t part_for(uint32_t copies)
{
	return copies < PARTS_LAST ? copies : PARTS_LAST;
}

static uint32_t part_of(const struct parts *p, const struct node *n)
{
	bool said;

	return p->tally ? part_for(sched_tally_at(p->tally, n, &said)) : sched_domain_value(p->domain, n);
}

static void insert_at(struct parts *p, uint32_t at, struct node *n)
{
	if (at >= p->n)
		mem_grow_to((void **)&p->orders, &p->n, at + 1, sizeof *p->orders);
	sched_order_insert(&p->orders[at], n);
}

static void insert(struct parts *p, struct node *n)
{
	insert_at(p, part_of(p, n), n);
}

void sched_parts_insert(struct sched *s, struct node *n)
{
	for (size_t k = 0; k < s->n_parts; k++)
		insert(s->parts[k], n);
}

void sched_parts_remove(struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < s->n_parts; k++)
		sched_order_remove(&s->parts[k]->orders[part_of(s->parts[k], n)], n);
}

void sched_parts_move(struct sched *s, struct parts *p, uint32_t value, const struct node *but, uint32_t before,
		      uint32_t after)
{
	uint32_t from = part_for(before), to = part_for(after);

	if (from == to || p->domain->by_node)
		return;
	for (uint32_t k = sched_domain_first(p->domain, value); k; k = p->domain->next[k - 1]) {
		struct node *n = s->nodes[k - 1];

		if (!n->up || n == but)
			continue;
		sched_order_remove(&p->orders[from], n);
		insert_at(p, to, n);
	}
}

void sched_parts_drop(struct sched *s, struct parts *p)
{
	size_t k = 0;

	if (!p)
		return;
	while (s->parts[k] != p)
		k++;
	s->parts[k] = s->parts[--s->n_parts];
	if (p->tally)
		p->tally->parts = NULL;
	else
		p->domain->parts = NULL;
	for (k = 0; k < p->n; k++)
		sched_order_free(&p->orders[k]);
	free(p->orders);
	free(p);
}

/* A place for new ones: none is free while all are in use. */
static bool make_room(struct sched *s)
{
	struct parts *oldest = s->n_parts ? s->parts[0] : NULL;

	if (s->n_parts < PARTS_MAX)
		return true;
	for (size_t k = 1; k < s->n_parts; k++)
		oldest = s->parts[k]->asked < oldest->asked ? s->parts[k] : oldest;
	if (oldest->asked + UNUSED > s->parts_asked)
		return false;
	sched_parts_drop(s, oldest);
	return true;
}

/* A look goes through all values, a change through all nodes of one value: the fewer of both. */
static bool by_value(const struct sched *s, const struct tally *t)
{
	uint64_t values = t->domain->n_values;

	return !t->domain->by_node && values * values <= 4 * (uint64_t)s->n_nodes;
}

static struct parts *parts_new(struct sched *s, struct tally *t)
{
	struct parts *p = mem_new(struct parts);

	p->domain = t->domain;
	if (!by_value(s, t))
		p->tally = t;
	*(p->tally ? &t->parts : &t->domain->parts) = p;
	for (size_t k = 0; k < s->n_nodes; k++) {
		if (s->nodes[k]->up)
			insert(p, s->nodes[k]);
	}
	s->parts[s->n_parts++] = p;
	return p;
}

struct parts *sched_parts_of(const struct sched *s, const struct tally *t)
{
	return by_value(s, t) ? t->domain->parts : t->parts;
}

void sched_parts_ask(struct sched *s, struct tally *t)
{
	struct parts *p = sched_parts_of(s, t);

	s->parts_asked++;
	/* There were fewer values once, or fewer nodes. */
	sched_parts_drop(s, by_value(s, t) ? t->parts : t->domain->parts);
	if (!p && make_room(s))
		p = parts_new(s, t);
	if (p)
		p->asked = s->parts_asked;
}

/* Each node that is up is in its part, and nothing else is. */
bool sched_parts_sound(const struct sched *s)
{
	for (size_t k = 0; k < s->n_parts; k++) {
		const struct parts *p = s->parts[k];
		size_t listed = 0;

		for (size_t x = 0; x < p->n; x++) {
			struct order_at at = {.block = 0};

			listed += p->orders[x].n;
			for (const struct node *n; (n = sched_order_next(&p->orders[x], &at));) {
				if (!n->up || part_of(p, n) != x)
					return false;
			}
		}
		if (listed != s->order.n)
			return false;
	}
	return true;
}

void sched_parts_free(struct sched *s)
{
	while (s->n_parts)
		sched_parts_drop(s, s->parts[0]);
}
