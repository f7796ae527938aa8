/* SPDX-License-Identifier: Apache-2.0
 *
 * hold: the reservation, so that what needs much room is not overtaken for ever by what needs little. Before
 * something starts that stands behind an item without room, nodes are held for that item: the ones where, by the
 * walltimes of what runs, it can start first. From then on others start there only if they have ended by then, or in
 * the room that is spare even then (EASY backfill). What has no walltime ends some day, but nobody knows when; a
 * service never does.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

#define NOWHERE UINT32_MAX /* an end that gives back licences, on whatever node */
#define CANDIDATES 256	   /* nodes looked at first, the emptiest */

struct candidate {
	struct node *node;
	uint64_t slots, cpu_milli, memory; /* free, as the plan goes on */
	size_t others;			   /* live there and in the way: of other tasks, or not apart */
	uint32_t copies;
	int64_t counters[SCHED_WANTS_MAX]; /* by the shape's list, as the plan goes on */
};

struct end {
	int64_t at_ms;
	uint32_t candidate;
	bool other; /* counted in `others` */
	const struct shape *shape;
};

struct plan {
	const struct sched *s;
	const struct shape *shape;
	uint32_t need;
	int64_t at_ms;
	struct candidate *candidates;
	size_t n, cap;
	struct end *ends;
	size_t n_ends, cap_ends;
	uint64_t copies;		    /* of all candidates */
	uint64_t licences[SCHED_NEEDS_MAX]; /* free, of those that the shape needs */
};

static void plan_free(struct plan *p)
{
	free(p->candidates);
	free(p->ends);
}

static uint32_t room(const struct plan *p, const struct candidate *c)
{
	const struct shape *sh = p->shape;
	uint64_t n = p->need;

	if (c->others)
		return 0;
	if (sh->slots && c->slots / sh->slots < n)
		n = c->slots / sh->slots;
	if (sh->cpu_milli && c->cpu_milli / sh->cpu_milli < n)
		n = c->cpu_milli / sh->cpu_milli;
	if (sh->memory && c->memory / sh->memory < n)
		n = c->memory / sh->memory;
	n = sched_counter_room_for(sh, c->counters, n);
	if (sh->topology == SCHED_TOPO_APART && n > 1)
		n = 1;
	if (sh->owner)
		n = sched_wish_copies(sh->owner, c->node, (uint32_t)n);
	return (uint32_t)(sh->topology == SCHED_TOPO_ONE && n < p->need ? 0 : n);
}

static void recount(struct plan *p, struct candidate *c)
{
	p->copies -= c->copies;
	c->copies = room(p, c);
	p->copies += c->copies;
}

/* What is being killed ends at once: what was taken for somebody is his. */
static int64_t end_of(const struct live *l, int64_t now_ms)
{
	const struct attempt *a = sched_instance_last(l->instance);

	if (a->kill != KILL_NONE)
		return now_ms;
	if (!l->task->walltime_ms)
		return INT64_MAX;
	return sched_later(a->started_ms ? a->started_ms : a->sent_ms, l->task->walltime_ms);
}

/* A service never ends by itself. */
static bool stays(const struct live *l)
{
	return l->task->service && sched_instance_last(l->instance)->kill == KILL_NONE;
}

static void add_candidate(struct plan *p, struct node *n)
{
	const struct task *owner = p->shape->owner;
	bool alone = (p->shape->exclusive || n->exclusive) && (!owner || n->exclusive != owner);
	bool apart = p->shape->topology == SCHED_TOPO_APART;
	struct candidate c = {.node = n,
			      .slots = sched_node_free_slots(n),
			      .cpu_milli = sched_node_free_cpu(n),
			      .memory = sched_node_free_memory(n)};

	sched_counter_room(n, p->shape, c.counters);
	for (size_t k = 0; k < n->n_live; k++) {
		const struct live *l = &n->live[k];
		bool other = alone || (apart && l->task == owner);

		c.others += other;
		if (stays(l))
			continue;
		mem_grow(&p->ends, &p->cap_ends, p->n_ends);
		p->ends[p->n_ends++] = (struct end){.at_ms = end_of(l, p->s->now_ms),
						    .candidate = (uint32_t)p->n,
						    .other = other,
						    .shape = sched_instance_shape(l->task, l->instance)};
	}
	mem_grow(&p->candidates, &p->cap, p->n);
	p->candidates[p->n++] = c;
	recount(p, &p->candidates[p->n - 1]);
}

static int end_compare(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	if (x->candidate != y->candidate)
		return x->candidate < y->candidate ? -1 : 1;
	if (x->other != y->other)
		return x->other;
	if (x->shape->slots != y->shape->slots)
		return x->shape->slots < y->shape->slots ? -1 : 1;
	if (x->shape->cpu_milli != y->shape->cpu_milli)
		return x->shape->cpu_milli < y->shape->cpu_milli ? -1 : 1;
	if (x->shape->memory != y->shape->memory)
		return x->shape->memory < y->shape->memory ? -1 : 1;
	return sched_counter_compare(x->shape, y->shape);
}

static void pass_room(struct plan *p, const struct end *e)
{
	struct candidate *c = &p->candidates[e->candidate];
	const struct node *n = c->node;

	c->slots += e->shape->slots;
	c->cpu_milli += e->shape->cpu_milli;
	c->memory += e->shape->memory;
	/* A node that came back smaller than what runs on it. */
	c->slots = c->slots < n->slots ? c->slots : n->slots;
	c->cpu_milli = c->cpu_milli < n->cpu_milli ? c->cpu_milli : n->cpu_milli;
	c->memory = c->memory < n->memory ? c->memory : n->memory;
	sched_counter_gain(p->shape, e->shape, c->counters);
	c->others -= e->other;
	recount(p, c);
	p->at_ms = e->at_ms;
}

/* ---- licences ---- */

static void add_licences(struct plan *p)
{
	for (size_t k = 0; k < p->shape->n_needs; k++) {
		const struct licence *l = p->shape->needs[k].licence;

		p->licences[k] = l->used < l->total ? l->total - l->used : 0;
	}
}

static bool shares_licence(const struct shape *a, const struct shape *b)
{
	for (size_t k = 0; k < a->n_needs; k++) {
		if (sched_licence_of(b, a->needs[k].licence))
			return true;
	}
	return false;
}

/* Whatever holds one of the licences gives it back at its end. */
static void add_holders(struct plan *p, const struct node *n)
{
	for (size_t k = 0; k < n->n_live; k++) {
		const struct live *l = &n->live[k];
		const struct shape *sh = sched_instance_shape(l->task, l->instance);

		if (stays(l) || !shares_licence(p->shape, sh))
			continue;
		mem_grow(&p->ends, &p->cap_ends, p->n_ends);
		p->ends[p->n_ends++] =
		    (struct end){.at_ms = end_of(l, p->s->now_ms), .candidate = NOWHERE, .shape = sh};
	}
}

static void pass_holder(struct plan *p, const struct end *e)
{
	p->at_ms = e->at_ms;
	for (size_t k = 0; k < p->shape->n_needs; k++) {
		const struct licence *l = p->shape->needs[k].licence;

		p->licences[k] += sched_licence_of(e->shape, l);
		p->licences[k] = p->licences[k] < l->total ? p->licences[k] : l->total;
	}
}

static bool is_enough(const struct plan *p)
{
	for (size_t k = 0; k < p->shape->n_needs; k++) {
		if (p->licences[k] < (uint64_t)p->shape->needs[k].n * p->need)
			return false;
	}
	return p->copies >= p->need;
}

static void pass_end(struct plan *p, const struct end *e)
{
	if (e->candidate == NOWHERE)
		pass_holder(p, e);
	else
		pass_room(p, e);
}

/* Lets what runs on the emptiest `limit` nodes end, one after the other, until there is room. */
static bool plan_make(struct plan *p, const struct sched *s, const struct item *it, size_t limit)
{
	struct order_at at = {.block = s->order.n_blocks};
	size_t k;

	*p = (struct plan){.s = s, .shape = it->shape, .need = it->task->gang ? sched_gang_size(it) : 1};
	p->at_ms = s->now_ms;
	for (struct node *n; p->n < limit && (n = sched_order_prev(&s->order, &at));) {
		if (sched_node_allows(n, it->shape))
			add_candidate(p, n);
	}
	add_licences(p);
	for (k = 0; it->shape->n_needs && k < s->n_nodes; k++)
		add_holders(p, s->nodes[k]);
	if (p->n_ends)
		qsort(p->ends, p->n_ends, sizeof *p->ends, end_compare);
	for (k = 0; k < p->n_ends && !is_enough(p); k++)
		pass_end(p, &p->ends[k]);
	/* Whichever of them ended first: what is free then does not depend on their order. */
	for (; k < p->n_ends && p->ends[k].at_ms == p->at_ms; k++) {
		if (p->ends[k].candidate == NOWHERE)
			pass_end(p, &p->ends[k]);
	}
	return is_enough(p);
}

static bool plan_find(struct plan *p, const struct sched *s, const struct item *it)
{
	/* Where something was taken is not among the emptiest. */
	if (!s->n_preempted && plan_make(p, s, it, CANDIDATES))
		return true;
	plan_free(p);
	return plan_make(p, s, it, SIZE_MAX);
}

/* ---- the reservation ---- */

void sched_hold_put(struct sched *s, struct item *it, int64_t at_ms)
{
	sched_hold_drop(s);
	s->hold.item = it;
	s->hold.at_ms = at_ms;
}

void sched_hold_add(struct sched *s, struct node *n)
{
	mem_grow(&s->hold.nodes, &s->hold.cap_nodes, s->hold.n_nodes);
	s->hold.nodes[s->hold.n_nodes++] = n->pos;
	n->held = true;
	sched_counter_unkeep(n);
}

void sched_hold_remove(struct sched *s, struct node *n)
{
	size_t at = 0;

	while (at < s->hold.n_nodes && s->hold.nodes[at] != n->pos)
		at++;
	if (at == s->hold.n_nodes)
		return;
	for (s->hold.n_nodes--; at < s->hold.n_nodes; at++)
		s->hold.nodes[at] = s->hold.nodes[at + 1];
	n->held = n->alone = false;
	sched_place_freed(s, n);
}

void sched_hold_clear(struct sched *s)
{
	for (size_t k = 0; k < s->hold.n_nodes; k++)
		s->nodes[s->hold.nodes[k]]->held = s->nodes[s->hold.nodes[k]]->alone = false;
	for (size_t k = 0; k < s->n_licences; k++)
		s->licences[k]->held = false;
	free(s->hold.nodes);
	s->hold = (struct hold){.item = NULL};
	sched_claim_clear(s);
	sched_place_wake(s);
}

void sched_hold_drop(struct sched *s)
{
	/* For those that are still there places are looked for again. */
	s->replan |= s->n_takers > 0;
	if (s->hold.item || s->n_takers)
		sched_hold_clear(s);
}

void sched_hold_keep(struct licence *l, uint64_t spare)
{
	l->held = true;
	l->spare = spare;
}

bool sched_hold_find(struct sched *s, struct item *it)
{
	cleanup_with(plan_free) struct plan p = {.at_ms = 0};
	uint32_t left;

	if (!plan_find(&p, s, it))
		return false;
	sched_hold_put(s, it, p.at_ms);
	for (size_t k = 0; k < it->shape->n_needs; k++)
		sched_hold_keep(it->shape->needs[k].licence, p.licences[k] - (uint64_t)it->shape->needs[k].n * p.need);
	left = p.need;
	for (size_t k = 0; k < p.n && left; k++) {
		const struct candidate *c = &p.candidates[k];
		uint32_t n = c->copies < left ? c->copies : left;

		if (!n)
			continue;
		left -= n;
		sched_hold_add(s, c->node);
		c->node->alone = it->shape->exclusive;
		c->node->spare_slots = it->shape->exclusive ? 0 : c->slots - (uint64_t)n * it->shape->slots;
		c->node->spare_cpu = it->shape->exclusive ? 0 : c->cpu_milli - n * it->shape->cpu_milli;
		c->node->spare_memory = it->shape->exclusive ? 0 : c->memory - n * it->shape->memory;
		sched_counter_keep(c->node, it->shape, c->counters, n);
	}
	return true;
}

int64_t sched_hold_when(const struct sched *s, const struct item *it)
{
	cleanup_with(plan_free) struct plan p = {.at_ms = 0};

	if (s->hold.item == it)
		return s->hold.at_ms;
	return plan_find(&p, s, it) ? p.at_ms : INT64_MAX;
}

bool sched_hold_ends_before(const struct sched *s, const struct shape *sh)
{
	return sh->walltime_ms && s->hold.at_ms != INT64_MAX &&
	       sched_later(s->now_ms, sh->walltime_ms) <= s->hold.at_ms;
}

bool sched_hold_wants(const struct shape *sh)
{
	for (size_t k = 0; k < sh->n_needs; k++) {
		if (sh->needs[k].licence->held)
			return true;
	}
	return (sh->quotas[0] && sh->quotas[0]->held) || (sh->quotas[1] && sh->quotas[1]->held);
}

const struct item *sched_hold_first(const struct sched *s)
{
	return s->n_takers ? s->takers[0].item : s->hold.item;
}

void sched_hold_take(struct sched *s, struct node *n, const struct item *it)
{
	const struct shape *sh = it->shape;

	if (s->n_takers)
		sched_claim_use(s, it, n);
	if (!s->hold.item || sched_hold_ends_before(s, sh))
		return;
	for (size_t k = 0; k < sh->n_needs; k++) {
		if (sh->needs[k].licence->held)
			sh->needs[k].licence->spare -= sh->needs[k].n;
	}
	if (!n->held)
		return;
	n->spare_slots -= sh->slots;
	n->spare_cpu -= sh->cpu_milli;
	n->spare_memory -= sh->memory;
	sched_counter_spend(n, sh);
}
