/* SPDX-License-Identifier: Apache-2.0
 *
 * cost: which of the nodes that fit is the best one. The nodes are looked at in the order of the task's policy (filled ones first, or empty
 * ones first), in which the imbalance only grows: the search ends when that alone is more than the best cost so far, or after NODES_LOOKED_AT.
 *
 * The number of copies that share a value of the labels to spread over counts first. Everything else is measured in slots: a preferred rule
 * of weight 5 is worth a node that is 5 slots further from what the policy would take; a node without the image 2 to 8, by its size.
 */
#include "cluster/sched/state.h"

#include <string.h>

#define NODES_LOOKED_AT 4096
#define SLOT 16 /* cost of a slot of imbalance */
/* In slots: a missing image, at least and at most; and in bytes, what counts for one more. */
#define IMAGE_LEAST 2
#define IMAGE_MOST 8
#define IMAGE_SLOT ((uint64_t)256 << 20)

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
static bool counts_image(const struct sched *s, const struct shape *sh)
{
	return sh->image && sh->image->n_yes && sh->image->n_yes < s->n_nodes;
}

bool sched_cost_matters(const struct sched *s, const struct shape *sh)
{
	const struct wish *w = sh->owner ? sh->owner->wish : NULL;

	if (counts_live(sh) || counts_image(s, sh) || (w && w->n_spread))
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

static struct cost cost_of(const struct shape *sh, const struct node *n, uint64_t image)
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
	if (counts_live(sh))
		c.rest += (uint64_t)n->n_live * SLOT;
	return c;
}

static bool cheaper(const struct cost *a, const struct cost *b)
{
	for (size_t k = 0; k < SCHED_SPREADS_MAX; k++) {
		if (a->spread[k] != b->spread[k])
			return a->spread[k] < b->spread[k];
	}
	return a->rest < b->rest;
}

static struct node *next(const struct sched *s, const struct shape *sh, struct order_at *at)
{
	struct node *n;

	if (fills(sh))
		return sched_order_next(&s->order, at);
	n = sched_order_prev(&s->order, at);
	return n && sh->slots <= sched_node_free_slots(n) ? n : NULL;
}

struct node *sched_cost_best(const struct sched *s, const struct shape *sh, bool pass)
{
	bool spreads = sh->owner && sh->owner->wish && sh->owner->wish->n_spread;
	struct order_at at = {.block = s->order.n_blocks};
	struct node *best = NULL;
	struct cost least = {.rest = 0};
	uint64_t image = counts_image(s, sh) ? image_cost(sched_selection_bytes(s, sh->image)) : 0;
	size_t looked = 0;

	if (fills(sh))
		at = sched_order_find(&s->order, &(struct order_key){.free_slots = sh->slots});
	for (struct node *n; looked < NODES_LOOKED_AT && (n = next(s, sh, &at));) {
		struct cost c;

		if (!sched_node_fits(s, n, sh, pass))
			continue;
		looked++;
		if (best && !spreads && imbalance(sh, n) >= least.rest)
			break;
		c = cost_of(sh, n, image);
		if (best && !cheaper(&c, &least))
			continue;
		best = n;
		least = c;
	}
	return best;
}
