/* SPDX-License-Identifier: Apache-2.0
 *
 * cost: which of the nodes that fit is the best one. The nodes are looked at in the order of the task's policy (filled ones first, or empty
 * ones first), in which the imbalance only grows: the search ends when that alone is more than the best cost so far, or after NODES_LOOKED_AT.
 * Where a label or a preferred rule tells nodes apart, they are looked at part by part (parts.c): in each the search ends as early.
 *
 * The number of copies that share a value of the labels to spread over counts first. Everything else is measured in slots: a preferred rule
 * of weight 5 is worth a node that is 5 slots further from what the policy would take; a node without the image 2 to 8, by its size; one without a volume or space that
 * the task reads 8.
 */
#include "cluster/sched/state.h"

#define NODES_LOOKED_AT 4096
#define SLOT 16 /* cost of a slot of imbalance */
/* In slots: a missing image, at least and at most; and in bytes, what counts for one more. */
#define IMAGE_LEAST 2
#define IMAGE_MOST 8
#define IMAGE_SLOT ((uint64_t)256 << 20)
/* Missing data does not come by itself: each of it, and all of it at most. */
#define DATA_EACH 8
#define DATA_MOST 16
#define HOME_COST 1000000 /* all other tasks of the job that hand files to each other would have to run there, too */

struct cost {
	uint32_t spread[SCHED_SPREADS_MAX];
	uint64_t rest;
};

/* The emptiest node is as good as the next one when nothing is asked of it: then what is live counts. */
static bool counts_live(const struct shape *sh)
{
	return sh->topology == SCHED_TOPO_SPREAD && !sh->slots;
}

/* When all nodes have it, or none has, it makes no difference. */
bool sched_cost_tells_apart(const struct sched *s, const struct selection *sel)
{
	return sel->n_yes && sel->n_yes < s->n_nodes;
}

static bool counts_image(const struct sched *s, const struct shape *sh)
{
	return sh->image && sched_cost_tells_apart(s, sh->image);
}

static bool counts_data(const struct sched *s, const struct shape *sh)
{
	for (size_t k = 0; k < sh->n_data; k++) {
		if (sched_cost_tells_apart(s, sh->data[k]))
			return true;
	}
	return false;
}

bool sched_cost_matters(const struct sched *s, const struct shape *sh)
{
	const struct wish *w = sh->owner ? sh->owner->wish : NULL;

	if (counts_live(sh) || counts_image(s, sh) || counts_data(s, sh) || (w && w->n_spread) ||
	    sched_home_is_open(sh))
		return true;
	for (size_t k = 0; w && k < w->n_rules; k++) {
		if (w->rules[k].weight)
			return true;
	}
	return false;
}

static bool fills(const struct shape *sh)
{
	return sh->topology == SCHED_TOPO_ANY;
}

static uint64_t imbalance(const struct shape *sh, const struct node *n)
{
	uint64_t slots = sched_node_free_slots(n);

	return (fills(sh) ? slots : UINT32_MAX - slots) * SLOT;
}

static uint64_t preferred(const struct wish *w, const struct node *n)
{
	uint64_t cost = 0;

	for (size_t k = 0; k < w->n_rules; k++) {
		const struct rule *r = &w->rules[k];
		bool said, there = sched_tally_at(r->tally, n, &said) && said;

		if (r->weight && there == r->apart)
			cost += (uint64_t)r->weight * SLOT;
	}
	return cost;
}

/* What would have to come: a slot for each IMAGE_SLOT bytes, within bounds, so that it cannot upset the balance for ever. */
static uint64_t image_cost(uint64_t bytes)
{
	uint64_t cost = IMAGE_LEAST * SLOT + bytes / (IMAGE_SLOT / SLOT);

	return cost < IMAGE_MOST * SLOT ? cost : IMAGE_MOST * SLOT;
}

bool sched_cost_has_places(const struct sched *s, const struct shape *sh)
{
	return counts_image(s, sh) || counts_data(s, sh);
}

bool sched_cost_is_at(const struct sched *s, const struct shape *sh, const struct node *n, enum sched_cost_place which)
{
	bool lacks = counts_image(s, sh) && !sched_selection_has(sh->image, n);

	for (size_t k = 0; k < sh->n_data; k++)
		lacks = lacks || (sched_cost_tells_apart(s, sh->data[k]) && !sched_selection_has(sh->data[k], n));
	return which == SCHED_COST_ANYWHERE || lacks == (which == SCHED_COST_ELSEWHERE);
}

/* In slots, for people. */
uint64_t sched_cost_image(uint64_t bytes)
{
	return image_cost(bytes) / SLOT;
}

uint64_t sched_cost_data(void)
{
	return DATA_EACH;
}

static uint64_t data_cost(const struct sched *s, const struct shape *sh, const struct node *n)
{
	uint64_t slots = 0;

	for (size_t k = 0; k < sh->n_data; k++) {
		if (sched_cost_tells_apart(s, sh->data[k]) && !sched_selection_has(sh->data[k], n))
			slots += DATA_EACH;
	}
	return (slots < DATA_MOST ? slots : DATA_MOST) * SLOT;
}

static struct cost cost_of(const struct sched *s, const struct shape *sh, const struct node *n, uint64_t image)
{
	const struct wish *w = sh->owner ? sh->owner->wish : NULL;
	struct cost c = {.rest = imbalance(sh, n)};
	bool said;

	for (size_t k = 0; w && k < w->n_spread; k++)
		c.spread[k] = sched_tally_at(w->spread_by[k], n, &said);
	if (w)
		c.rest += preferred(w, n);
	if (image && !sched_selection_has(sh->image, n))
		c.rest += image;
	if (sh->n_data)
		c.rest += data_cost(s, sh, n);
	if (sched_home_is_open(sh) && !sched_home_serves(sh->owner->base.job, n))
		c.rest += HOME_COST * SLOT;
	if (counts_live(sh))
		c.rest += (uint64_t)n->n_live * SLOT;
	return c;
}

/* ---- the search ---- */

struct search {
	const struct sched *s;
	const struct shape *sh;
	bool pass;
	uint64_t image;
	size_t looked;
	struct node *best;
	struct cost least;
};

static int compare(const struct cost *a, const struct cost *b)
{
	for (size_t k = 0; k < SCHED_SPREADS_MAX; k++) {
		if (a->spread[k] != b->spread[k])
			return a->spread[k] < b->spread[k] ? -1 : 1;
	}
	return a->rest == b->rest ? 0 : a->rest < b->rest ? -1 : 1;
}

/* Of two that cost the same the policy takes this one. */
static bool comes_first(const struct shape *sh, const struct node *a, const struct node *b)
{
	return fills(sh) ? sched_order_precedes(a, b) : sched_order_precedes(b, a);
}

static void consider(struct search *q, struct node *n)
{
	struct cost c = cost_of(q->s, q->sh, n, q->image);
	int order = q->best ? compare(&c, &q->least) : -1;

	if (order > 0 || (order == 0 && !comes_first(q->sh, n, q->best)))
		return;
	q->best = n;
	q->least = c;
}

static struct node *next(const struct order *o, const struct shape *sh, struct order_at *at)
{
	struct node *n;

	if (fills(sh))
		return sched_order_next(o, at);
	n = sched_order_prev(o, at);
	return n && sh->slots <= sched_node_free_slots(n) ? n : NULL;
}

/* Neither it nor what comes after it in its order can be better than the best so far, when they cost `base` at least. */
static bool is_hopeless(const struct search *q, const struct node *n, uint64_t base)
{
	uint64_t least = imbalance(q->sh, n) + base;

	return least > q->least.rest || (least == q->least.rest && !comes_first(q->sh, n, q->best));
}

/* All of them cost `base` at least. When they differ in what counts before the rest, the rest does not end the search. */
static void look_through(struct search *q, const struct order *o, uint64_t base, bool alike)
{
	struct order_at at = {.block = o->n_blocks};

	if (fills(q->sh))
		at = sched_order_find(o, &(struct order_key){.free_slots = q->sh->slots});
	for (struct node *n; q->looked < NODES_LOOKED_AT && (n = next(o, q->sh, &at));) {
		if (q->best && alike && is_hopeless(q, n, base))
			return;
		if (!sched_node_fits(q->s, n, q->sh, q->pass))
			continue;
		q->looked++;
		consider(q, n);
	}
}

/* ---- by parts ---- */

static const struct wish *wish_of(const struct shape *sh)
{
	return sh->owner ? sh->owner->wish : NULL;
}

static const struct rule *first_preferred(const struct wish *w)
{
	for (size_t k = 0; k < w->n_rules; k++) {
		if (w->rules[k].weight)
			return &w->rules[k];
	}
	return NULL;
}

/* By whose parts the nodes are looked at; NULL: none. */
static struct tally *guide_of(const struct shape *sh)
{
	const struct wish *w = wish_of(sh);
	const struct rule *r = w ? first_preferred(w) : NULL;

	if (w && w->n_spread)
		return w->spread_by[0];
	return r ? r->tally : NULL;
}

/* Copies of t in the part: so many at least where p goes by copies. */
static uint64_t copies_in(const struct parts *p, const struct tally *t, size_t part)
{
	if (p->tally)
		return part;
	return part < t->n_counts ? t->counts[part] : 0;
}

/* The values with the fewest copies first; those with more are not looked at once a node was found. */
static void look_by_copies(struct search *q, const struct parts *p, const struct tally *t, bool alike)
{
	uint64_t from = 0, least;

	do {
		least = UINT64_MAX;
		for (size_t k = 0; k < p->n; k++) {
			uint64_t n = copies_in(p, t, k);

			if (p->orders[k].n && n >= from && n < least)
				least = n;
		}
		for (size_t k = 0; least != UINT64_MAX && k < p->n; k++) {
			if (copies_in(p, t, k) == least)
				look_through(q, &p->orders[k], 0, alike && !(p->tally && k == PARTS_LAST));
		}
		from = least + 1;
	} while (least != UINT64_MAX && !q->best);
}

static bool is_preferred(const struct rule *r, const struct parts *p, size_t part)
{
	bool there = (p->tally || part) && copies_in(p, r->tally, part);

	return there != r->apart;
}

static void look_by_rule(struct search *q, const struct parts *p, const struct rule *r)
{
	for (size_t k = 0; k < p->n; k++) {
		if (is_preferred(r, p, k))
			look_through(q, &p->orders[k], 0, true);
	}
	for (size_t k = 0; k < p->n; k++) {
		if (!is_preferred(r, p, k))
			look_through(q, &p->orders[k], (uint64_t)r->weight * SLOT, true);
	}
}

/* NULL: all nodes are looked at in one order. Those by the copies of labels hide who has no label, which rules want to know. */
static const struct parts *parts_for(const struct sched *s, const struct shape *sh)
{
	const struct tally *guide = guide_of(sh);
	const struct parts *p = guide ? sched_parts_of(s, guide) : NULL;

	return p && p->tally && !p->domain->by_node && !wish_of(sh)->n_spread ? NULL : p;
}

static struct search search_for(const struct sched *s, const struct shape *sh, bool pass)
{
	return (struct search){.s = s,
			       .sh = sh,
			       .pass = pass,
			       .image = counts_image(s, sh) ? image_cost(sched_selection_bytes(s, sh->image)) : 0};
}

void sched_cost_prepare(struct sched *s, const struct shape *sh)
{
	struct tally *guide = guide_of(sh);

	if (guide)
		sched_parts_ask(s, guide);
}

struct node *sched_cost_best(const struct sched *s, const struct shape *sh, bool pass)
{
	const struct wish *w = wish_of(sh);
	const struct parts *p = parts_for(s, sh);
	struct search q = search_for(s, sh, pass);

	if (!p)
		look_through(&q, &s->order, 0, !w || !w->n_spread);
	else if (w->n_spread)
		look_by_copies(&q, p, w->spread_by[0], w->n_spread == 1);
	else
		look_by_rule(&q, p, first_preferred(w));
	return q.best;
}

bool sched_cost_sound(const struct sched *s, const struct shape *sh, bool pass)
{
	const struct wish *w = wish_of(sh);
	struct search q = search_for(s, sh, pass);

	if (!parts_for(s, sh))
		return true;
	look_through(&q, &s->order, 0, !w->n_spread);
	return q.best == sched_cost_best(s, sh, pass);
}
