/* SPDX-License-Identifier: Apache-2.0
 *
 * counter: numbers of things that a node has (GPUs, places on a scratch disk), of which copies take some while they run there. Which of them
 * they are the agent says. A node that comes back with fewer than are in use ends nothing. What a plan does with them (hold.c, preempt.c) it does
 * in an array by the places of the names in the shape's list.
 *
 * Most nodes have none, and most shapes want none: each node has a bit for every name of which some are free (two names may share one), so that
 * whole blocks of the order are passed by.
 */
#include "cluster/sched/state.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT UINT32_MAX /* of `spare` */

/* ---- what a shape wants ---- */

static uint64_t bit_of(const char *name)
{
	uint32_t sum = 2166136261u;

	for (; *name; name++)
		sum = (sum ^ (unsigned char)*name) * 16777619u;
	return (uint64_t)1 << sum % 64;
}

void sched_counter_init(struct shape *sh, const struct counts *wants)
{
	sh->wants = wants && wants->n ? wants : NULL;
	sh->gpus = sh->wants ? counts_get(wants, COUNTS_GPU) : 0;
	for (size_t k = 0; sh->wants && k < wants->n; k++)
		sh->wanted |= bit_of(wants->list[k].name);
}

/* ---- what a node has ---- */

static struct stock *find(const struct node *n, const char *name)
{
	for (size_t k = 0; k < n->n_stocks; k++) {
		if (!strcmp(n->stocks[k].name, name))
			return &n->stocks[k];
	}
	return NULL;
}

/* Negative: more are in use than there are. */
static int64_t balance(const struct stock *st)
{
	return (int64_t)st->total - st->used - st->others;
}

static uint32_t left(const struct stock *st)
{
	return st && balance(st) > 0 ? (uint32_t)balance(st) : 0;
}

/* By name. */
static struct stock *add(struct node *n, const char *name)
{
	size_t k = n->n_stocks;

	mem_grow(&n->stocks, &n->cap_stocks, n->n_stocks);
	for (n->n_stocks++; k > 0 && strcmp(n->stocks[k - 1].name, name) > 0; k--)
		n->stocks[k] = n->stocks[k - 1];
	n->stocks[k] = (struct stock){.spare = NO_LIMIT};
	snprintf(n->stocks[k].name, sizeof n->stocks[k].name, "%s", name);
	return &n->stocks[k];
}

static void set_bits(struct node *n)
{
	n->stocked = 0;
	for (size_t k = 0; k < n->n_stocks; k++)
		n->stocked |= left(&n->stocks[k]) ? bit_of(n->stocks[k].name) : 0;
}

uint32_t sched_counter_others(const struct node *n, const char *name, uint32_t total)
{
	const char *text = strcmp(name, COUNTS_GPU) == 0 ? sched_facts_get(&n->facts, SCHED_FACT_GPUS_BY_HAND) : NULL;
	uint64_t said = text ? strtoull(text, NULL, 10) : 0;

	return said < total ? (uint32_t)said : total;
}

void sched_counter_told(struct node *n)
{
	for (size_t k = 0; k < n->n_stocks; k++)
		n->stocks[k].others = sched_counter_others(n, n->stocks[k].name, n->stocks[k].total);
	set_bits(n);
}

void sched_counter_set(struct node *n, const struct counts *totals)
{
	size_t kept = 0;

	for (size_t k = 0; k < n->n_stocks; k++) {
		n->stocks[k].total = 0;
		if (n->stocks[k].used)
			n->stocks[kept++] = n->stocks[k];
	}
	n->n_stocks = kept;
	for (size_t k = 0; k < totals->n; k++) {
		struct stock *st = find(n, totals->list[k].name);

		st = st || !totals->list[k].n ? st : add(n, totals->list[k].name);
		if (st)
			st->total = totals->list[k].n;
	}
	sched_counter_told(n);
}

bool sched_counter_over(const struct node *n)
{
	for (size_t k = 0; k < n->n_stocks; k++) {
		if (n->stocks[k].used > n->stocks[k].total)
			return true;
	}
	return false;
}

void sched_counter_take(struct node *n, const struct shape *sh)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		struct stock *st = find(n, sh->wants->list[k].name);

		/* One that the node does not have any more, in a state from a snapshot. */
		st = st ? st : add(n, sh->wants->list[k].name);
		st->used += sh->wants->list[k].n;
	}
	if (sh->wants)
		set_bits(n);
}

void sched_counter_release(struct node *n, const struct shape *sh)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++)
		find(n, sh->wants->list[k].name)->used -= sh->wants->list[k].n;
	if (sh->wants)
		set_bits(n);
}

/* ---- placing ---- */

bool sched_counter_fits(const struct node *n, const struct shape *sh)
{
	if (sh->wanted & ~n->stocked)
		return false;
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		if (sh->wants->list[k].n > left(find(n, sh->wants->list[k].name)))
			return false;
	}
	return true;
}

bool sched_counter_allows(const struct node *n, const struct shape *sh)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct stock *st = find(n, sh->wants->list[k].name);

		if (!st || sh->wants->list[k].n > st->total)
			return false;
	}
	return true;
}

bool sched_counter_spares(const struct node *n, const struct shape *sh)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct stock *st = find(n, sh->wants->list[k].name);

		if (!st || sh->wants->list[k].n > st->spare)
			return false;
	}
	return true;
}

uint64_t sched_counter_copies(const struct node *n, const struct shape *sh, uint64_t most, bool spare)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct stock *st = find(n, sh->wants->list[k].name);
		uint32_t have = !spare ? left(st) : st ? st->spare : 0;

		most = have / sh->wants->list[k].n < most ? have / sh->wants->list[k].n : most;
	}
	return most;
}

/* ---- planning ---- */

/* What ends at the same time ends in an order that does not depend on how it was found. */
int sched_counter_compare(const struct shape *a, const struct shape *b)
{
	size_t n = a->wants ? a->wants->n : 0, other = b->wants ? b->wants->n : 0;
	int r = 0;

	if (n != other)
		return n < other ? -1 : 1;
	for (size_t k = 0; k < n && r == 0; k++) {
		const struct count *x = &a->wants->list[k], *y = &b->wants->list[k];

		r = strcmp(x->name, y->name);
		r = r == 0 ? (x->n > y->n) - (x->n < y->n) : r;
	}
	return r;
}

int64_t sched_counter_left(const struct node *n, const char *name)
{
	const struct stock *st = find(n, name);

	return st ? balance(st) : 0;
}

void sched_counter_room(const struct node *n, const struct shape *sh, int64_t room[static SCHED_WANTS_MAX])
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++)
		room[k] = sched_counter_left(n, sh->wants->list[k].name);
}

void sched_counter_gain(const struct shape *sh, const struct shape *ends, int64_t room[static SCHED_WANTS_MAX])
{
	for (size_t k = 0; sh->wants && ends->wants && k < sh->wants->n; k++)
		room[k] += counts_get(ends->wants, sh->wants->list[k].name);
}

uint64_t sched_counter_room_for(const struct shape *sh, const int64_t room[static SCHED_WANTS_MAX], uint64_t most)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		uint64_t copies = room[k] > 0 ? (uint64_t)room[k] / sh->wants->list[k].n : 0;

		most = copies < most ? copies : most;
	}
	return most;
}

void sched_counter_use(const struct shape *sh, int64_t room[static SCHED_WANTS_MAX], uint64_t copies)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++)
		room[k] -= (int64_t)(copies * sh->wants->list[k].n);
}

/* ---- the reservation ---- */

void sched_counter_unkeep(struct node *n)
{
	for (size_t k = 0; k < n->n_stocks; k++)
		n->stocks[k].spare = NO_LIMIT;
}

void sched_counter_keep(struct node *n, const struct shape *sh, const int64_t room[static SCHED_WANTS_MAX],
			uint64_t copies)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		struct stock *st = find(n, sh->wants->list[k].name);

		if (st)
			st->spare = (uint32_t)(room[k] - (int64_t)(copies * sh->wants->list[k].n));
	}
}

bool sched_counter_keep_one(struct node *n, const char *name, uint32_t spare)
{
	struct stock *st = find(n, name);

	if (st)
		st->spare = spare;
	return st && spare != NO_LIMIT;
}

bool sched_counter_kept(const struct stock *st)
{
	return st->spare != NO_LIMIT;
}

void sched_counter_give(struct node *n, const struct shape *sh, uint32_t copies)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		struct stock *st = find(n, sh->wants->list[k].name);

		if (st && st->spare != NO_LIMIT)
			st->spare += sh->wants->list[k].n * copies;
	}
}

void sched_counter_spend(struct node *n, const struct shape *sh)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		struct stock *st = find(n, sh->wants->list[k].name);

		if (st->spare != NO_LIMIT)
			st->spare -= sh->wants->list[k].n;
	}
}

/* ---- looking ---- */

uint32_t sched_counter_free(const struct node *n, const char *name, uint32_t *ret_all)
{
	const struct stock *st = find(n, name);

	*ret_all = st ? st->total : 0;
	return left(st);
}

const struct count *sched_counter_short(const struct node *n, const struct shape *sh, uint32_t *ret_all)
{
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct stock *st = find(n, sh->wants->list[k].name);

		*ret_all = st ? st->total : 0;
		if (sh->wants->list[k].n > *ret_all)
			return &sh->wants->list[k];
	}
	return NULL;
}

uint64_t sched_counter_nearness(const struct node *n, const struct shape *sh)
{
	uint64_t sum = 0;

	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct stock *st = find(n, sh->wants->list[k].name);
		uint32_t want = sh->wants->list[k].n;

		sum += !st ? 0 : st->total < want ? st->total : want;
	}
	return sum;
}

int sched_node_counter(const struct sched *s, const char *node, size_t position, struct sched_counter_view *ret)
{
	const struct node *n = map_get(&s->by_node, node);

	for (size_t k = 0; n && k < n->n_stocks; k++) {
		const struct stock *st = &n->stocks[k];

		if ((st->total || st->used) && position-- == 0) {
			/* What jobs have is told also when the node has not so many any more. */
			uint32_t used = st->total - left(st);

			*ret = (struct sched_counter_view){.name = st->name,
							   .total = st->total,
							   .used = used > st->used ? used : st->used,
							   .others = used - st->used};
			return 0;
		}
	}
	return -ENOENT;
}
