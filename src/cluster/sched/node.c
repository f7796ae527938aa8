/* SPDX-License-Identifier: Apache-2.0
 *
 * node: capacity and use. The nodes that are up stand in sched.order, fewest free slots first, so that the best
 * fit is a binary search and a short walk. A node keeps its number for ever.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct node *sched_node_add(struct sched *s, const char *name)
{
	struct node *n = mem_new(struct node);

	n->name = mem_strdup(name);
	n->pos = (uint32_t)s->n_nodes;
	mem_grow(&s->nodes, &s->cap_nodes, s->n_nodes);
	s->nodes[s->n_nodes++] = n;
	map_put(&s->by_node, name, n);
	return n;
}

/* A node that came back smaller can be used beyond its size: nothing is free then. */
static uint64_t left(uint64_t all, uint64_t used)
{
	return used < all ? all - used : 0;
}

uint64_t sched_node_free_slots(const struct node *n)
{
	return left(n->slots, n->slots_used);
}

/* The first place in the order with at least `slots` free and, among equals, a number of at least `pos`. */
static size_t order_find(const struct sched *s, uint64_t slots, uint32_t pos)
{
	size_t lo = 0, hi = s->n_order;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint64_t free_slots = sched_node_free_slots(s->nodes[s->order[mid]]);

		if (free_slots < slots || (free_slots == slots && s->order[mid] < pos))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void order_remove(struct sched *s, const struct node *n)
{
	size_t at = order_find(s, sched_node_free_slots(n), n->pos);

	s->n_order--;
	memmove(&s->order[at], &s->order[at + 1], (s->n_order - at) * sizeof *s->order);
}

static void order_insert(struct sched *s, const struct node *n)
{
	size_t at = order_find(s, sched_node_free_slots(n), n->pos);

	mem_grow(&s->order, &s->cap_order, s->n_order);
	memmove(&s->order[at + 1], &s->order[at], (s->n_order - at) * sizeof *s->order);
	s->order[at] = n->pos;
	s->n_order++;
}

void sched_node_up(struct sched *s, struct node *n, uint32_t slots, uint64_t cpu_milli, uint64_t memory)
{
	if (n->up)
		order_remove(s, n);
	n->up = true;
	n->slots = slots;
	n->cpu_milli = cpu_milli;
	n->memory = memory;
	n->shrunk = n->slots_used > slots || n->cpu_used > cpu_milli || n->memory_used > memory;
	order_insert(s, n);
	sched_place_freed(s, n);
}

struct lost {
	struct job *job;
	struct live live;
};

static struct lost *lost_on(const struct sched *s, const struct node *n, size_t *ret_n)
{
	struct lost *lost = mem_new_n(struct lost, n->live ? n->live : 1);
	size_t k = 0;

	for (size_t j = 0; j < s->n_jobs; j++) {
		mem_cleanup struct live *live = sched_job_live(s->jobs[j]);

		for (size_t l = 0; l < s->jobs[j]->n_live; l++) {
			if (sched_instance_last(live[l].instance)->node == n->pos)
				lost[k++] = (struct lost){.job = s->jobs[j], .live = live[l]};
		}
	}
	*ret_n = k;
	return lost;
}

void sched_node_down(struct sched *s, struct node *n)
{
	mem_cleanup struct lost *lost = NULL;
	mem_cleanup char *text = NULL;
	size_t n_lost;

	if (!n->up)
		return;
	order_remove(s, n);
	n->up = false;
	text = mem_printf("node %s went down", n->name);
	lost = lost_on(s, n, &n_lost);
	for (size_t k = 0; k < n_lost; k++) {
		struct ending e = {.outcome = SCHED_OUT_LOST, .error = text};

		sched_instance_end(s, lost[k].job, lost[k].live.task, lost[k].live.instance, &e);
	}
}

/* It keeps its place in the order: what it has free is only not to be had. */
void sched_node_close(struct sched *s, struct node *n, bool closed)
{
	n->closed = closed;
	if (!closed && n->up)
		sched_place_freed(s, n);
}

bool sched_node_take(struct sched *s, struct node *n, const struct shape *sh)
{
	uint64_t cpu, memory;

	if (__builtin_add_overflow(n->cpu_used, sh->cpu_milli, &cpu) ||
	    __builtin_add_overflow(n->memory_used, sh->memory, &memory) || n->slots_used + sh->slots > UINT32_MAX)
		return false;
	if (n->up)
		order_remove(s, n);
	n->slots_used += sh->slots;
	n->cpu_used = cpu;
	n->memory_used = memory;
	n->live++;
	if (n->up)
		order_insert(s, n);
	return true;
}

void sched_node_release(struct sched *s, struct node *n, const struct shape *sh)
{
	if (n->up)
		order_remove(s, n);
	n->slots_used -= sh->slots;
	n->cpu_used -= sh->cpu_milli;
	n->memory_used -= sh->memory;
	n->live--;
	if (!n->up)
		return;
	n->shrunk = n->slots_used > n->slots || n->cpu_used > n->cpu_milli || n->memory_used > n->memory;
	order_insert(s, n);
	sched_place_freed(s, n);
}

static bool banned(const struct shape *sh, uint32_t node)
{
	for (size_t k = 0; k < sh->n_banned && sh->banned[k] <= node; k++) {
		if (sh->banned[k] == node)
			return true;
	}
	return false;
}

bool sched_node_fits(const struct sched *s, const struct node *n, const struct shape *sh)
{
	(void)s;
	return n->up && !n->closed && n->live < NODE_LIVE_MAX && sh->slots <= sched_node_free_slots(n) &&
	       sh->cpu_milli <= left(n->cpu_milli, n->cpu_used) && sh->memory <= left(n->memory, n->memory_used) &&
	       !banned(sh, n->pos);
}

/* The node with the fewest free slots that fits, the first of them that came; NULL when there is none. */
struct node *sched_node_best(const struct sched *s, const struct shape *sh)
{
	for (size_t k = order_find(s, sh->slots, 0); k < s->n_order; k++) {
		struct node *n = s->nodes[s->order[k]];

		if (sched_node_fits(s, n, sh))
			return n;
	}
	return NULL;
}
