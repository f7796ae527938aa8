/* SPDX-License-Identifier: Apache-2.0
 *
 * preempt: what finds no room takes that of running copies whose task may be taken (`preemptible`) and whose job has a lower
 * priority. They are told to end as by a stop, and go back to the queue; nothing of them counts as a try.
 *
 * The first TAKERS_MAX that wait are served, in the order of the queue, each with what those before it leave (taking.c). No more is taken than is
 * needed, and nothing when it would not help: room, licences and quota that are about to be free count as free, and a gang takes for all of it or
 * not at all. Since only a lower priority is taken, nobody takes back what was taken; what ends is kept for the takers (claim.c).
 */
#include "cluster/sched/taking.h"

#include "base/core/mem.h"

#include <stdlib.h>

#define COPIES_MAX 256 /* of a task, for which room is made at a time */

/* ---- how much is live that may be taken, by priority ---- */

void sched_preempt_count(struct sched *s, const struct task *t, int change)
{
	int32_t priority = t->base.job->priority;
	size_t k = 0;

	if (!t->preemptible)
		return;
	while (k < s->n_bands && s->bands[k].priority < priority)
		k++;
	if (k == s->n_bands || s->bands[k].priority != priority) {
		mem_grow(&s->bands, &s->cap_bands, s->n_bands);
		for (size_t x = s->n_bands++; x > k; x--)
			s->bands[x] = s->bands[x - 1];
		s->bands[k] = (struct band){.priority = priority};
	}
	s->bands[k].live += (size_t)change;
	if (s->bands[k].live)
		return;
	for (s->n_bands--; k < s->n_bands; k++)
		s->bands[k] = s->bands[k + 1];
}

/* ---- for whom ---- */

static uint64_t left(uint64_t all, uint64_t used)
{
	return used < all ? all - used : 0;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* How many of its copies may start at the same time, as its task and its job say. */
static uint32_t copies_of(const struct item *it)
{
	const struct task *t = it->task;
	uint64_t n = it->n, live = t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING];

	/* Whether a node is near enough or far enough depends on who is there: nothing is taken for that. */
	if (t->wish)
		return 0;
	/* Where the first one starts is where the others have to. */
	if (t->home && !it->job->home)
		return 1;
	if (t->gang)
		return sched_gang_size(it);
	if (it == &t->base && t->fresh_state == SCHED_TASK_PENDING)
		n += sched_instance_n_fresh(t);
	if (t->max_running)
		n = least(n, left(t->max_running, live));
	if (it->job->max_running)
		n = least(n, left(it->job->max_running, it->job->n_live));
	return least(n, COPIES_MAX);
}

struct heads {
	struct item *items[TAKERS_MAX];
	size_t n;
};

static bool heads_offer(struct heads *h, struct item *it)
{
	size_t at = h->n;

	while (at > 0 && sched_item_goes_before(it, h->items[at - 1]))
		at--;
	if (at == TAKERS_MAX)
		return false;
	h->n += h->n < TAKERS_MAX;
	for (size_t x = h->n - 1; x > at; x--)
		h->items[x] = h->items[x - 1];
	h->items[at] = it;
	return true;
}

/* What stands below an item in the heap goes after it. */
static void heads_walk(const struct sched *s, struct heads *h, const struct shape *sh, size_t at)
{
	if (at >= sh->n_items || sh->items[at]->job->priority <= s->bands[0].priority || !heads_offer(h, sh->items[at]))
		return;
	heads_walk(s, h, sh, 2 * at + 1);
	heads_walk(s, h, sh, 2 * at + 2);
}

/* The first that wait, as the queue has them; those that could take from nobody are left out. */
static struct heads find_heads(const struct sched *s)
{
	struct heads h = {.n = 0};

	for (size_t k = 0; k < s->n_shapes; k++)
		heads_walk(s, &h, s->shapes[k], 0);
	return h;
}

/* ---- the plan ---- */

struct plan {
	struct taking taking;
	const struct item
	    *short_of; /* the first that finds too little while something is kept for one behind it, or NULL */
};

static void plan_free(struct plan *p)
{
	taking_free(&p->taking);
}

static bool is_last(const struct sched *s, const struct item *it)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		if (sched_item_goes_before(it, s->takers[k].item))
			return false;
	}
	return true;
}

static void load_claims(struct taking *t, const struct sched *s)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		const struct taker *taker = &s->takers[k];

		for (size_t p = 0; p < taker->n; p++)
			taking_claim(t, taker->item, taker->places[p].node, taker->places[p].copies);
	}
}

static size_t takers_of(const struct taking *t)
{
	size_t n = 0;

	for (size_t k = 0; k < t->n_claims; k++)
		n += !k || t->claims[k].item != t->claims[k - 1].item;
	return n;
}

/* True when it has, or gets, all it wants. */
static bool serve(struct plan *p, const struct sched *s, struct item *it, bool anew)
{
	uint32_t want = copies_of(it);
	uint64_t claimed = taking_claimed(&p->taking, it);
	/* A gang that has grown looks for all its places again. */
	bool part = it->task->gang && claimed && claimed < want;

	if (!want || claimed >= want)
		return want;
	if (!part && takers_of(&p->taking) < TAKERS_MAX &&
	    taking_find(&p->taking, it, want - (uint32_t)claimed) + claimed >= want)
		return true;
	if (!anew && !p->short_of && (part || !is_last(s, it)))
		p->short_of = it;
	return false;
}

/* Places for those that stand before that item (NULL: for all). anew: as if nothing was kept for anybody. */
static void plan_make(struct plan *p, const struct sched *s, const struct item *before, bool anew)
{
	struct heads h = find_heads(s);
	bool open = !s->hold.item;

	*p = (struct plan){.short_of = NULL};
	if (!h.n)
		return;
	taking_make(&p->taking, s);
	if (!anew)
		load_claims(&p->taking, s);
	for (size_t k = 0; k < h.n && (!before || sched_item_goes_before(h.items[k], before)); k++) {
		/* Behind a reservation nothing is taken: it could not be kept. But it may be one of those who take. */
		if (!open && !sched_item_passes(s, h.items[k]))
			return;
		open |= serve(p, s, h.items[k], anew) && h.items[k] == s->hold.item;
	}
}

/* Whoever stands before a taker may have what is kept for that one, if it is enough. True: so it is, and the plan is a new one. */
static bool plan_anew(struct plan *p, const struct sched *s)
{
	cleanup_with(plan_free) struct plan other = {.short_of = NULL};
	struct plan keep;

	if (!p->short_of)
		return false;
	plan_make(&other, s, NULL, true);
	if (taking_claimed(&other.taking, p->short_of) <= taking_claimed(&p->taking, p->short_of))
		return false;
	keep = *p;
	*p = other;
	other = keep;
	return true;
}

bool sched_preempt_wants(const struct sched *s)
{
	cleanup_with(plan_free) struct plan p = {.short_of = NULL};

	if (!s->n_bands)
		return false;
	plan_make(&p, s, NULL, false);
	return plan_anew(&p, s) || p.taking.taken;
}

/* ---- doing it ---- */

static void kill_gang(struct sched *s, struct task *t)
{
	for (uint32_t k = 0; k < t->next_fresh; k++)
		sched_instance_kill(s, t->base.job, t, sched_instance_at(t, k), KILL_PREEMPTED);
}

static void kill_taken(struct sched *s, const struct taking *t)
{
	for (size_t k = 0; k < t->n_victims; k++) {
		const struct live *l = &t->victims[k].live;

		if (t->victims[k].taken && l->task->gang)
			kill_gang(s, l->task);
		else if (t->victims[k].taken)
			sched_instance_kill(s, l->task->base.job, l->task, l->instance, KILL_PREEMPTED);
	}
	s->changes += t->taken > 0;
}

static void keep_limits(const struct taking *t, const struct shape *sh)
{
	for (size_t k = 0; k < sh->n_needs; k++) {
		struct licence *l = sh->needs[k].licence;

		sched_hold_keep(l, taking_spare(t, l, NULL, SCHED_QUOTA_CPU));
	}
	for (size_t k = 0; k < 2; k++) {
		for (unsigned w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++)
			sched_claim_keep(sh->quotas[k], (enum sched_quota)w,
					 taking_spare(t, NULL, sh->quotas[k], (enum sched_quota)w));
	}
}

static void keep_counters(const struct taking *t, const struct claimed *c, struct node *n)
{
	const struct counts *wants = c->item->shape->wants;

	for (size_t k = 0; wants && k < wants->n; k++)
		(void)sched_counter_keep_one(n, wants->list[k].name,
					     taking_spare_counter(t, c->seat, wants->list[k].name));
}

static void keep_claims(struct sched *s, const struct taking *t)
{
	sched_hold_clear(s);
	for (size_t k = 0; k < t->n_claims; k++) {
		const struct claimed *c = &t->claims[k];
		struct node *n = s->nodes[c->seat];
		struct taker *taker = sched_claim_of(s, c->item);

		if (!taker)
			taker = sched_claim_add(s, c->item);
		sched_claim_place(s, taker, n, c->copies);
		n->spare_slots = n->alone ? 0 : t->seats[c->seat].room.slots;
		n->spare_cpu = n->alone ? 0 : t->seats[c->seat].room.cpu_milli;
		n->spare_memory = n->alone ? 0 : t->seats[c->seat].room.memory;
		keep_limits(t, c->item->shape);
		keep_counters(t, c, n);
	}
}

bool sched_preempt_run(struct sched *s, const struct item *before)
{
	cleanup_with(plan_free) struct plan p = {.short_of = NULL};
	bool changed = s->replan;

	s->replan = false;
	if (!s->n_bands)
		return false;
	plan_make(&p, s, before, false);
	changed |= !before && plan_anew(&p, s);
	if (!p.taking.taken && !(changed && p.taking.n_claims))
		return false;
	/* Before the kills, which the taking counts already. */
	keep_claims(s, &p.taking);
	kill_taken(s, &p.taking);
	return true;
}

bool sched_preempt_makes_room(const struct sched *s, const struct item *it)
{
	return s->n_preempted && sched_claim_of(s, it);
}
