/* SPDX-License-Identifier: Apache-2.0
 *
 * gang: instances that start in one step or not at all, and where. What waits of a gang is one item; it stands in the
 * queue only while nothing of the task is live, delayed or in error.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

bool sched_gang_whole(const struct task *t)
{
	return !t->counts[SCHED_TASK_STARTING] && !t->counts[SCHED_TASK_RUNNING] && !t->counts[SCHED_TASK_DELAYED] &&
	       !t->counts[SCHED_TASK_IN_ERROR];
}

uint32_t sched_gang_size(const struct item *it)
{
	return it->task->counts[SCHED_TASK_PENDING];
}

static uint64_t at_most(uint64_t n, uint64_t have, uint64_t each)
{
	return each && have / each < n ? have / each : n;
}

uint32_t sched_gang_copies(const struct sched *s, const struct node *n, const struct shape *sh, uint32_t most,
			   bool pass)
{
	uint64_t copies = most;

	if (!sched_node_fits(s, n, sh, pass))
		return 0;
	copies = sched_wish_copies(sh->owner, n, most);
	if (sh->topology == SCHED_TOPO_APART)
		return most ? 1 : 0;
	copies = at_most(copies, NODE_LIVE_MAX - n->n_live, 1);
	copies = at_most(copies, sched_node_free_slots(n), sh->slots);
	copies = at_most(copies, sched_node_free_cpu(n), sh->cpu_milli);
	copies = at_most(copies, sched_node_free_memory(n), sh->memory);
	copies = sched_counter_copies(n, sh, copies, false);
	if (!pass && n->held && !sched_hold_ends_before(s, sh)) {
		uint64_t claimed = sched_claim_copies(s, sh, n), spare = copies;

		spare = at_most(spare, n->spare_slots, sh->slots);
		spare = at_most(spare, n->spare_cpu, sh->cpu_milli);
		spare = at_most(spare, n->spare_memory, sh->memory);
		spare = n->alone || sh->exclusive ? 0 : sched_counter_copies(n, sh, spare, true);
		copies = claimed + spare < copies ? claimed + spare : copies;
	}
	return (uint32_t)copies;
}

struct walk {
	const struct sched *s;
	const struct shape *shape;
	struct order_at at;
	bool down;
};

static struct node *walk_next(struct walk *w)
{
	return w->down ? sched_order_prev(&w->s->order, &w->at) : sched_order_next(&w->s->order, &w->at);
}

static struct walk walk_begin(const struct sched *s, const struct shape *sh)
{
	struct walk w = {
	    .s = s, .shape = sh, .down = sh->topology == SCHED_TOPO_FEW || sh->topology == SCHED_TOPO_APART};

	if (w.down)
		w.at.block = s->order.n_blocks;
	else
		w.at = sched_order_find(&s->order, &(struct order_key){.free_slots = sh->slots});
	return w;
}

struct search {
	const struct sched *s;
	const struct item *item;
	bool pass;
	struct pick *picks;
	size_t n, cap;
	uint32_t left;
};

/* What the nodes in `which` can take, in the order of the policy, until there is enough. */
static void gather(struct search *f, enum sched_cost_place which)
{
	const struct shape *sh = f->item->shape;
	struct walk w = walk_begin(f->s, sh);

	for (struct node *at; f->left && (at = walk_next(&w));) {
		uint32_t copies;

		if (!sched_cost_is_at(f->s, sh, at, which))
			continue;
		copies = sched_gang_copies(f->s, at, sh, f->left, f->pass);
		if (!copies || (sh->topology == SCHED_TOPO_ONE && copies < f->left))
			continue;
		mem_grow(&f->picks, &f->cap, f->n);
		f->picks[f->n++] = (struct pick){.node = at, .n = copies};
		f->left -= copies;
	}
}

bool sched_gang_goes_to_data(const struct shape *sh)
{
	return sh->topology != SCHED_TOPO_FEW;
}

struct pick *sched_gang_find(const struct sched *s, const struct item *it, bool pass, size_t *ret_n)
{
	struct search f = {.s = s, .item = it, .pass = pass, .left = sched_gang_size(it)};

	if (sched_gang_goes_to_data(it->shape) && sched_cost_has_places(s, it->shape)) {
		gather(&f, SCHED_COST_THERE);
		gather(&f, SCHED_COST_ELSEWHERE);
	} else {
		gather(&f, SCHED_COST_ANYWHERE);
	}
	*ret_n = f.n;
	if (f.left) {
		free(f.picks);
		return NULL;
	}
	return f.picks;
}
