/* SPDX-License-Identifier: Apache-2.0
 *
 * order: the nodes that are up, fewest free slots first, then the cheapest, then by number. It is kept in blocks of at most BLOCK_SIZE,
 * so a change moves little memory however many nodes there are, and each block knows the most CPU and memory that
 * one of its nodes has free, and which counters, so a search passes by whole blocks. Those may be too high after a node has left
 * its block; a search that went through a block in vain corrects them.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 256

struct order_block {
	uint64_t cpu_milli, memory; /* no node of the block has more free */
	uint64_t stocked;	    /* counters of which some node of the block may have some free */
	uint32_t n;
	struct node *nodes[BLOCK_SIZE];
};

static bool before(const struct node *n, const struct order_key *k)
{
	uint64_t mine = sched_node_free_slots(n);

	if (mine != k->free_slots)
		return mine < k->free_slots;
	return n->price != k->price ? n->price < k->price : n->pos < k->pos;
}

static struct order_key key_of(const struct node *n)
{
	return (struct order_key){.free_slots = sched_node_free_slots(n), .price = n->price, .pos = n->pos};
}

/* The last block that begins before the key: there it is, or belongs. */
static size_t find_block(const struct order *o, const struct order_key *k)
{
	size_t lo = 0, hi = o->n_blocks;

	while (lo + 1 < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (before(o->blocks[mid]->nodes[0], k))
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t find_in(const struct order_block *b, const struct order_key *k)
{
	uint32_t lo = 0, hi = b->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (before(b->nodes[mid], k))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct order_at sched_order_find(const struct order *o, const struct order_key *k)
{
	struct order_at at = {.block = 0};

	if (!o->n_blocks)
		return at;
	at.block = find_block(o, k);
	at.index = find_in(o->blocks[at.block], k);
	return at;
}

struct node *sched_order_next(const struct order *o, struct order_at *at)
{
	while (at->block < o->n_blocks) {
		const struct order_block *b = o->blocks[at->block];

		if (at->index < b->n)
			return b->nodes[at->index++];
		at->block++;
		at->index = 0;
	}
	return NULL;
}

struct node *sched_order_prev(const struct order *o, struct order_at *at)
{
	while (!at->index) {
		if (!at->block)
			return NULL;
		at->block--;
		at->index = o->blocks[at->block]->n;
	}
	return o->blocks[at->block]->nodes[--at->index];
}

static void raise_most(struct order_block *b, const struct node *n)
{
	uint64_t cpu = sched_node_free_cpu(n), memory = sched_node_free_memory(n);

	b->cpu_milli = cpu > b->cpu_milli ? cpu : b->cpu_milli;
	b->memory = memory > b->memory ? memory : b->memory;
	b->stocked |= n->stocked;
}

static void count_most(struct order_block *b)
{
	b->cpu_milli = b->memory = b->stocked = 0;
	for (uint32_t k = 0; k < b->n; k++)
		raise_most(b, b->nodes[k]);
}

static struct order_block *block_insert(struct order *o, size_t at)
{
	mem_grow(&o->blocks, &o->cap_blocks, o->n_blocks);
	memmove(&o->blocks[at + 1], &o->blocks[at], (o->n_blocks - at) * sizeof(struct order_block *));
	o->n_blocks++;
	return o->blocks[at] = mem_new(struct order_block);
}

static void split(struct order *o, size_t at)
{
	struct order_block *left = o->blocks[at], *right = block_insert(o, at + 1);

	right->n = BLOCK_SIZE / 2;
	left->n = BLOCK_SIZE - right->n;
	memcpy(right->nodes, left->nodes + left->n, right->n * sizeof(struct node *));
	count_most(left);
	count_most(right);
}

void sched_order_insert(struct order *o, struct node *n)
{
	struct order_key k = key_of(n);
	struct order_at at = sched_order_find(o, &k);
	struct order_block *b;

	if (!o->n_blocks)
		block_insert(o, 0);
	if (o->blocks[at.block]->n == BLOCK_SIZE) {
		split(o, at.block);
		at = sched_order_find(o, &k);
	}
	b = o->blocks[at.block];
	memmove(&b->nodes[at.index + 1], &b->nodes[at.index], (b->n - at.index) * sizeof(struct node *));
	b->nodes[at.index] = n;
	b->n++;
	o->n++;
	raise_most(b, n);
}

/* It is at the place found, or at the beginning of the next block. */
void sched_order_remove(struct order *o, const struct node *n)
{
	struct order_key k = key_of(n);
	struct order_at at = sched_order_find(o, &k);
	struct order_block *b = o->blocks[at.block];

	if (at.index == b->n) {
		b = o->blocks[++at.block];
		at.index = 0;
	}
	o->n--;
	b->n--;
	memmove(&b->nodes[at.index], &b->nodes[at.index + 1], (b->n - at.index) * sizeof(struct node *));
	if (b->n)
		return;
	free(b);
	o->n_blocks--;
	memmove(&o->blocks[at.block], &o->blocks[at.block + 1],
		(o->n_blocks - at.block) * sizeof(struct order_block *));
}

struct node *sched_order_best(const struct order *o, const struct sched *s, const struct shape *sh, bool pass)
{
	struct order_at at = sched_order_find(o, &(struct order_key){.free_slots = sh->slots});

	for (; at.block < o->n_blocks; at.block++, at.index = 0) {
		struct order_block *b = o->blocks[at.block];

		if (sh->cpu_milli > b->cpu_milli || sh->memory > b->memory || (sh->wanted & ~b->stocked))
			continue;
		for (uint32_t k = at.index; k < b->n; k++) {
			if (sched_node_fits(s, b->nodes[k], sh, pass))
				return b->nodes[k];
		}
		count_most(b);
	}
	return NULL;
}

/* Of those that have as much free as a dear one, the first (the cheapest) that fits. */
static struct node *cheapest_like(const struct order *o, const struct sched *s, const struct shape *sh, bool pass,
				  struct node *dear)
{
	struct order_at at = sched_order_find(o, &(struct order_key){.free_slots = sched_node_free_slots(dear)});

	for (struct node *n; (n = sched_order_next(o, &at)) && n->price < dear->price;) {
		if (sched_node_fits(s, n, sh, pass))
			return n;
	}
	return dear;
}

struct node *sched_order_emptiest(const struct order *o, const struct sched *s, const struct shape *sh, bool pass)
{
	struct order_at at = {.block = o->n_blocks};

	for (struct node *n; (n = sched_order_prev(o, &at)) && sh->slots <= sched_node_free_slots(n);) {
		if (sched_node_fits(s, n, sh, pass))
			return n->price ? cheapest_like(o, s, sh, pass, n) : n;
	}
	return NULL;
}

bool sched_order_precedes(const struct node *a, const struct node *b)
{
	struct order_key k = key_of(b);

	return before(a, &k);
}

void sched_order_free(struct order *o)
{
	for (size_t k = 0; k < o->n_blocks; k++)
		free(o->blocks[k]);
	free(o->blocks);
}
