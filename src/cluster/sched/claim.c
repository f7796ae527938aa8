/* SPDX-License-Identifier: Apache-2.0
 *
 * claim: what is kept for those for whom room was made (preempt.c): the takers, each with so many copies on such nodes, and the
 * licences and quotas of these. Either there are takers, or there is a reservation (hold.c), which is about walltimes.
 *
 * On each node the claims are never more than what is free there and what is being killed. So whoever of the takers comes first to what gets
 * free leaves enough for the others. What is beyond the claims is spare, on the node, of the licence and in the quota; that alone is there
 * for what stands behind. What stands before all takers is not held back, and room is looked for anew after it.
 *
 * A claim belongs to a request (shape): of those that ask for the same the first one in the queue starts.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a + b >= a ? a + b : UINT64_MAX;
}

struct taker *sched_claim_of(const struct sched *s, const struct item *it)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		if (s->takers[k].item == it)
			return (struct taker *)&s->takers[k];
	}
	return NULL;
}

/* ---- making ---- */

struct taker *sched_claim_add(struct sched *s, struct item *it)
{
	struct taker *t = &s->takers[s->n_takers++];

	*t = (struct taker){.item = it};
	return t;
}

void sched_claim_place(struct sched *s, struct taker *t, struct node *n, uint32_t copies)
{
	mem_grow(&t->places, &t->cap, t->n);
	t->places[t->n++] = (struct place){.node = n->pos, .copies = copies};
	t->copies += copies;
	if (!n->held)
		sched_hold_add(s, n);
	n->alone |= t->item->shape->exclusive;
}

void sched_claim_keep(struct quota *q, enum sched_quota what, uint64_t spare)
{
	q->held = true;
	q->spare[what] = spare;
}

/* ---- asking ---- */

uint64_t sched_claim_copies(const struct sched *s, const struct shape *sh, const struct node *n)
{
	uint64_t copies = 0;

	for (size_t k = 0; k < s->n_takers; k++) {
		const struct taker *t = &s->takers[k];

		if (t->item->shape != sh)
			continue;
		copies += n ? 0 : t->copies;
		for (size_t p = 0; n && p < t->n; p++)
			copies += t->places[p].node == n->pos ? t->places[p].copies : 0;
	}
	return copies;
}

/* ---- using ---- */

static void give_room(struct node *n, const struct shape *sh, uint32_t copies)
{
	n->spare_slots += (uint64_t)sh->slots * copies;
	n->spare_cpu += sh->cpu_milli * copies;
	n->spare_memory += sh->memory * copies;
	sched_counter_give(n, sh, copies);
}

static bool is_claimed(const struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		for (size_t p = 0; p < s->takers[k].n; p++) {
			if (s->takers[k].places[p].node == n->pos)
				return true;
		}
	}
	return false;
}

static void remove_place(struct sched *s, struct taker *t, size_t at)
{
	struct node *n = s->nodes[t->places[at].node];

	t->copies -= t->places[at].copies;
	t->n--;
	for (size_t p = at; p < t->n; p++)
		t->places[p] = t->places[p + 1];
	if (!is_claimed(s, n))
		sched_hold_remove(s, n);
}

/* Who has no claim left waits like everybody. */
static void remove_taker(struct sched *s, struct taker *t)
{
	while (t->n)
		remove_place(s, t, t->n - 1);
	free(t->places);
	s->n_takers--;
	for (size_t k = (size_t)(t - s->takers); k < s->n_takers; k++)
		s->takers[k] = s->takers[k + 1];
	if (s->n_takers)
		sched_place_wake(s);
	else
		sched_hold_clear(s);
}

static void use_copy(struct sched *s, struct taker *t, size_t at)
{
	t->copies--;
	if (--t->places[at].copies == 0)
		remove_place(s, t, at);
	if (!t->n)
		remove_taker(s, t);
}

static bool use_place(struct sched *s, const struct shape *sh, const struct node *n)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		struct taker *t = &s->takers[k];

		for (size_t p = 0; t->item->shape == sh && p < t->n; p++) {
			if (t->places[p].node != n->pos)
				continue;
			use_copy(s, t, p);
			return true;
		}
	}
	return false;
}

/* It has started elsewhere: one place of its own less. */
static void give_place(struct sched *s, struct taker *t)
{
	give_room(s->nodes[t->places[t->n - 1].node], t->item->shape, 1);
	use_copy(s, t, t->n - 1);
}

static void use_limits(const struct shape *sh)
{
	uint64_t each[SCHED_QUOTA_N];

	for (size_t k = 0; k < sh->n_needs; k++)
		sh->needs[k].licence->spare = minus(sh->needs[k].licence->spare, sh->needs[k].n);
	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (size_t w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++)
			sh->quotas[k]->spare[w] = minus(sh->quotas[k]->spare[w], each[w]);
	}
}

static bool limits_spare(const struct shape *sh)
{
	uint64_t each[SCHED_QUOTA_N];

	for (size_t k = 0; k < sh->n_needs; k++) {
		if (sh->needs[k].licence->held && sh->needs[k].licence->spare < sh->needs[k].n)
			return false;
	}
	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (size_t w = 0; sh->quotas[k] && sh->quotas[k]->held && w < SCHED_QUOTA_N; w++) {
			if (sh->quotas[k]->spare[w] < each[w])
				return false;
		}
	}
	return true;
}

/* It starts beside its places: so many others still want them. */
static bool wants_places(const struct taker *t)
{
	const struct item *it = t->item;
	const struct task *task = it->task;
	bool fresh = it == &task->base && task->fresh_state == SCHED_TASK_PENDING;

	return t->copies <= it->n + (fresh ? sched_instance_n_fresh(task) : 0) && limits_spare(it->shape);
}

void sched_claim_use(struct sched *s, const struct item *it, struct node *n)
{
	const struct shape *sh = it->shape;
	struct taker *t = sched_claim_of(s, it);

	if (n->held && use_place(s, sh, n))
		return;
	if (!t || wants_places(t))
		use_limits(sh);
	else
		give_place(s, t);
	if (!n->held)
		return;
	n->spare_slots = minus(n->spare_slots, sh->slots);
	n->spare_cpu = minus(n->spare_cpu, sh->cpu_milli);
	n->spare_memory = minus(n->spare_memory, sh->memory);
	sched_counter_spend(n, sh);
}

/* ---- giving back ---- */

static void give_limits(const struct shape *sh, uint64_t copies)
{
	uint64_t each[SCHED_QUOTA_N];

	for (size_t k = 0; k < sh->n_needs; k++)
		sh->needs[k].licence->spare += sh->needs[k].licence->over ? 0 : sh->needs[k].n * copies;
	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (size_t w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++)
			sh->quotas[k]->spare[w] = plus(sh->quotas[k]->spare[w], each[w] * copies);
	}
}

void sched_claim_leave(struct sched *s, const struct item *it)
{
	struct taker *t = sched_claim_of(s, it);

	if (!t)
		return;
	for (size_t p = 0; p < t->n; p++)
		give_room(s->nodes[t->places[p].node], it->shape, t->places[p].copies);
	give_limits(it->shape, t->copies);
	remove_taker(s, t);
}

void sched_claim_freed(struct node *n, const struct shape *sh, const struct room *before)
{
	struct room now = sched_node_room(n);

	give_limits(sh, 1);
	if (!n->held)
		return;
	n->spare_slots += now.slots - before->slots;
	n->spare_cpu += now.cpu_milli - before->cpu_milli;
	n->spare_memory += now.memory - before->memory;
	sched_counter_give(n, sh, 1);
}

void sched_claim_clear(struct sched *s)
{
	for (size_t k = 0; k < s->n_takers; k++)
		free(s->takers[k].places);
	s->n_takers = 0;
	for (size_t k = 0; k < s->n_quotas; k++)
		s->quotas[k]->held = false;
}
