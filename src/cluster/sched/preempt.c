/* SPDX-License-Identifier: Apache-2.0
 *
 * preempt: what stands first and finds no room takes that of running copies whose task may be taken (`preemptible`) and whose
 * job has a lower priority. They are told to end as by a stop, and go back to the queue; nothing of them counts as a try.
 *
 * No more is taken than is needed, and nothing when it would not help: room that is about to be free counts as free, and a gang
 * takes for all of it or not at all. On each node those of least priority go first, of these the youngest; among nodes the one
 * with the lowest priority taken, then with the fewest copies, then with the least work lost. A gang is taken whole. Since
 * only a lower priority is taken, nobody takes back what was taken; what ends is kept for the first by its reservation (hold.c).
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

#define HEADS_MAX 8	 /* requests looked at in a step, the first in the queue */
#define COPIES_MAX 256	 /* for which room is made at a time */
#define VICTIMS_MAX 1024 /* of one node that are looked at */

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

/* ---- nodes, as they would be ---- */

struct victim {
	struct live live;
	uint32_t seat; /* its node among the seats */
	bool other;    /* in the way of what needs the node alone, or apart */
	bool gone;
};

struct seat {
	struct node *node;
	uint64_t slots, cpu_milli, memory; /* free, or will be */
	int64_t counters[SCHED_WANTS_MAX]; /* by the shape's list */
	size_t others;			   /* in the way */
	size_t first, n;		   /* victims */
};

/* What one more copy on a seat would cost. */
struct price {
	uint32_t seat;
	int32_t priority; /* the highest that is taken */
	size_t copies;
	int64_t lost_ms;
};

struct taking {
	const struct sched *s;
	const struct item *item;
	const struct shape *shape;
	bool pass;
	struct seat *seats;
	size_t n_seats, cap_seats;
	struct victim *victims;
	size_t n_victims, cap_victims;
	size_t taken;
};

static void taking_free(struct taking *t)
{
	free(t->seats);
	free(t->victims);
}

static const struct attempt *attempt_of(const struct live *l)
{
	return sched_instance_last(l->instance);
}

/* What was sent in this very moment is left: its start is the next occasion. Shares may have changed who goes first meanwhile. */
static bool may_take(const struct taking *t, const struct live *l)
{
	if (l->instance->state == SCHED_TASK_STARTING && attempt_of(l)->sent_ms == t->s->now_ms)
		return false;
	return l->task->preemptible && attempt_of(l)->kill == KILL_NONE &&
	       l->task->base.job->priority < t->item->job->priority;
}

static void seat_gain(const struct taking *t, struct seat *e, const struct live *l, bool other)
{
	const struct shape *sh = sched_instance_shape(l->task, l->instance);
	const struct node *n = e->node;

	sched_counter_gain(t->shape, sh, e->counters);
	e->slots = e->slots + sh->slots < n->slots ? e->slots + sh->slots : n->slots;
	e->cpu_milli = e->cpu_milli + sh->cpu_milli < n->cpu_milli ? e->cpu_milli + sh->cpu_milli : n->cpu_milli;
	e->memory = e->memory + sh->memory < n->memory ? e->memory + sh->memory : n->memory;
	e->others -= other;
}

static int victim_compare(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;
	const struct task *tx = x->live.task, *ty = y->live.task;
	int64_t sent_x = attempt_of(&x->live)->sent_ms, sent_y = attempt_of(&y->live)->sent_ms;

	if (tx->base.job->priority != ty->base.job->priority)
		return tx->base.job->priority < ty->base.job->priority ? -1 : 1;
	if (sent_x != sent_y)
		return sent_x > sent_y ? -1 : 1;
	if (tx->base.job != ty->base.job)
		return tx->base.job->seq > ty->base.job->seq ? -1 : 1;
	if (tx != ty)
		return tx->idx < ty->idx ? -1 : 1;
	return x->live.instance->index > y->live.instance->index ? -1 : 1;
}

static void seat_add(struct taking *t, struct node *n)
{
	const struct task *owner = t->shape->owner;
	bool alone = (t->shape->exclusive || n->exclusive) && (!owner || n->exclusive != owner);
	bool apart = t->shape->topology == SCHED_TOPO_APART;
	struct seat e = {.node = n,
			 .slots = sched_node_free_slots(n),
			 .cpu_milli = sched_node_free_cpu(n),
			 .memory = sched_node_free_memory(n),
			 .first = t->n_victims};

	sched_counter_room(n, t->shape, e.counters);
	for (size_t k = 0; k < n->n_live; k++)
		e.others += alone || (apart && n->live[k].task == owner);
	for (size_t k = 0; k < n->n_live; k++) {
		const struct live *l = &n->live[k];
		bool other = alone || (apart && l->task == owner);

		if (attempt_of(l)->kill != KILL_NONE) {
			seat_gain(t, &e, l, other);
		} else if (may_take(t, l)) {
			mem_grow(&t->victims, &t->cap_victims, t->n_victims);
			t->victims[t->n_victims++] =
			    (struct victim){.live = *l, .seat = (uint32_t)t->n_seats, .other = other};
		}
	}
	e.n = t->n_victims - e.first;
	if (t->victims && e.n)
		qsort(&t->victims[e.first], e.n, sizeof *t->victims, victim_compare);
	mem_grow(&t->seats, &t->cap_seats, t->n_seats);
	t->seats[t->n_seats++] = e;
}

static bool seat_fits(const struct taking *t, const struct seat *e, uint64_t copies)
{
	const struct shape *sh = t->shape;

	return !e->others && (copies <= 1 || sh->topology != SCHED_TOPO_APART) && sh->slots * copies <= e->slots &&
	       (!sh->cpu_milli || copies <= e->cpu_milli / sh->cpu_milli) &&
	       (!sh->memory || copies <= e->memory / sh->memory) &&
	       sched_counter_room_for(sh, e->counters, copies) == copies;
}

static void seat_use(const struct taking *t, struct seat *e, uint64_t copies)
{
	const struct shape *sh = t->shape;

	e->slots -= sh->slots * copies;
	e->cpu_milli -= sh->cpu_milli * copies;
	e->memory -= sh->memory * copies;
	sched_counter_use(sh, e->counters, copies);
	/* The next copy would be in the way of itself. */
	e->others += sh->topology == SCHED_TOPO_APART;
}

/* ---- whom to take on one node ---- */

/* Marks in `chosen` the victims of the seat without whom so many copies would not fit. False: it is not possible. */
static bool choose(const struct taking *t, const struct seat *e, uint64_t copies, bool *chosen)
{
	size_t n = e->n < VICTIMS_MAX ? e->n : VICTIMS_MAX, used = 0;
	struct seat room = *e;

	for (; used < n && !seat_fits(t, &room, copies); used++) {
		const struct victim *v = &t->victims[e->first + used];

		chosen[used] = !v->gone;
		if (chosen[used])
			seat_gain(t, &room, &v->live, v->other);
	}
	if (!seat_fits(t, &room, copies))
		return false;
	/* The dearest first: who is not needed after all stays. */
	for (size_t k = used; k-- > 0;) {
		if (!chosen[k])
			continue;
		chosen[k] = false;
		room = *e;
		for (size_t x = 0; x < used; x++) {
			if (chosen[x])
				seat_gain(t, &room, &t->victims[e->first + x].live, t->victims[e->first + x].other);
		}
		chosen[k] = !seat_fits(t, &room, copies);
	}
	for (size_t k = used; k < n; k++)
		chosen[k] = false;
	return true;
}

static struct price price_of(const struct taking *t, uint32_t seat, const bool *chosen)
{
	const struct seat *e = &t->seats[seat];
	struct price p = {.seat = seat, .priority = INT32_MIN};

	for (size_t k = 0; k < e->n && k < VICTIMS_MAX; k++) {
		const struct task *v = t->victims[e->first + k].live.task;
		size_t n = v->gang ? v->counts[SCHED_TASK_STARTING] + v->counts[SCHED_TASK_RUNNING] : 1;

		if (!chosen[k])
			continue;
		p.priority = v->base.job->priority > p.priority ? v->base.job->priority : p.priority;
		p.copies += n;
		p.lost_ms += (int64_t)n * (t->s->now_ms - attempt_of(&t->victims[e->first + k].live)->sent_ms);
	}
	return p;
}

static int price_compare(const void *a, const void *b)
{
	const struct price *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->copies != y->copies)
		return x->copies < y->copies ? -1 : 1;
	if (x->lost_ms != y->lost_ms)
		return x->lost_ms < y->lost_ms ? -1 : 1;
	return x->seat < y->seat ? -1 : 1;
}

/* With one of a gang all the others go, wherever they are. */
static void take_victim(struct taking *t, size_t at)
{
	const struct task *gang = t->victims[at].live.task->gang ? t->victims[at].live.task : NULL;

	for (size_t k = gang ? 0 : at; k < (gang ? t->n_victims : at + 1); k++) {
		struct victim *v = &t->victims[k];

		if (v->gone || (gang && v->live.task != gang))
			continue;
		v->gone = true;
		seat_gain(t, &t->seats[v->seat], &v->live, v->other);
		t->taken++;
	}
}

static bool take_on(struct taking *t, uint32_t seat, uint64_t copies, bool *chosen)
{
	const struct seat *e = &t->seats[seat];

	if (!choose(t, e, copies, chosen))
		return false;
	for (size_t k = 0; k < e->n && k < VICTIMS_MAX; k++) {
		if (chosen[k])
			take_victim(t, e->first + k);
	}
	seat_use(t, &t->seats[seat], copies);
	return true;
}

/* What is free, or will be without taking more. */
static uint32_t use_free(struct taking *t, uint32_t want, uint64_t each)
{
	uint32_t got = 0;

	for (size_t k = 0; k < t->n_seats; k++) {
		for (; got < want && seat_fits(t, &t->seats[k], each); got += (uint32_t)each)
			seat_use(t, &t->seats[k], each);
	}
	return got;
}

/* One more of so many copies on each node in turn, the cheapest first. Returns how many found a place. */
static uint32_t take_round(struct taking *t, uint32_t want, uint64_t each)
{
	mem_cleanup struct price *prices = mem_new_n(struct price, t->n_seats + 1);
	mem_cleanup bool *chosen = mem_new_n(bool, VICTIMS_MAX);
	uint32_t got = 0;
	size_t n = 0;

	for (uint32_t k = 0; k < t->n_seats; k++) {
		if (choose(t, &t->seats[k], each, chosen))
			prices[n++] = price_of(t, k, chosen);
	}
	if (n)
		qsort(prices, n, sizeof *prices, price_compare);
	for (size_t k = 0; k < n && got < want; k++)
		got += take_on(t, prices[k].seat, each, chosen) ? (uint32_t)each : 0;
	return got;
}

/* ---- for whom ---- */

static uint32_t pending_of(const struct item *it)
{
	const struct task *t = it->task;
	uint64_t n = it->n;

	if (it == &t->base && t->fresh_state == SCHED_TASK_PENDING)
		n += t->n - t->next_fresh;
	if (t->max_running)
		n = n < t->max_running ? n : t->max_running;
	return n < COPIES_MAX ? (uint32_t)n : COPIES_MAX;
}

/* How many of its copies may start for all that anybody has set. */
uint32_t sched_preempt_copies(const struct sched *s, const struct item *it)
{
	const struct shape *sh = it->shape;
	uint32_t n = 0;

	/* Whether a node is near enough or far enough depends on who is there: nothing is taken for that. */
	if (it->task->wish)
		return 0;
	if (it->task->gang) {
		n = sched_gang_size(it);
		return sched_quota_allows(s, sh, n) && sched_licence_allows(s, sh, n, true) ? n : 0;
	}
	n = pending_of(it);
	while (n && !(sched_quota_allows(s, sh, n) && sched_licence_allows(s, sh, n, true)))
		n--;
	return n;
}

static bool may_serve(const struct taking *t, const struct node *n)
{
	if (!sched_node_allows(n, t->shape) || (!t->pass && n->held))
		return false;
	return n->n_preemptible || n->n_dying || t->item->task->gang || sched_node_fits(t->s, n, t->shape, t->pass);
}

/* The places for the item: those that are free or will be, then those of whom it may take. Returns how many there are. */
static uint32_t take_for(struct taking *t, uint32_t want)
{
	bool one = t->shape->topology == SCHED_TOPO_ONE;
	uint32_t got = 0, more = 1;

	for (size_t k = 0; k < t->s->n_nodes; k++) {
		struct node *n = t->s->nodes[k];

		if (may_serve(t, n))
			seat_add(t, n);
	}
	while (got < want && more) {
		more = use_free(t, want - got, one ? want : 1);
		if (got + more < want)
			more += take_round(t, want - got - more, one ? want : 1);
		got += more;
	}
	return got;
}

static bool take_made(struct taking *t, const struct sched *s, const struct item *it)
{
	uint32_t want = sched_preempt_copies(s, it), got;

	*t = (struct taking){.s = s, .item = it, .shape = it->shape, .pass = sched_item_passes(s, it)};
	got = want ? take_for(t, want) : 0;
	return it->task->gang ? want && got == want : got > 0;
}

static bool goes_before(const struct item *a, const struct item *b)
{
	return a->task == b->task ? sched_item_head(a) < sched_item_head(b) : sched_item_before(a, b);
}

/* The first of each request, as the queue has them; those that could take from nobody are left out. */
static size_t find_heads(const struct sched *s, struct item *heads[static HEADS_MAX])
{
	size_t n = 0;

	for (size_t k = 0; k < s->n_shapes; k++) {
		struct item *it = s->shapes[k]->n_items ? s->shapes[k]->items[0] : NULL;
		size_t at = n;

		/* Behind a reservation nothing is taken: it could not be kept. */
		if (!it || it->job->priority <= s->bands[0].priority || !sched_item_passes(s, it))
			continue;
		while (at > 0 && goes_before(it, heads[at - 1]))
			at--;
		if (at == HEADS_MAX)
			continue;
		n += n < HEADS_MAX;
		for (size_t x = n - 1; x > at; x--)
			heads[x] = heads[x - 1];
		heads[at] = it;
	}
	return n;
}

/* The first that finds places in that way; whom it takes is in *t. */
static struct item *find_taker(const struct sched *s, struct taking *t, const struct item *before)
{
	struct item *heads[HEADS_MAX];
	size_t n = s->n_bands ? find_heads(s, heads) : 0;

	for (size_t k = 0; k < n && (!before || goes_before(heads[k], before)); k++) {
		taking_free(t);
		if (take_made(t, s, heads[k]))
			return heads[k];
	}
	return NULL;
}

bool sched_preempt_wants(const struct sched *s)
{
	cleanup_with(taking_free) struct taking t = {.s = s};

	return find_taker(s, &t, NULL) && t.taken;
}

static void kill_gang(struct sched *s, struct task *t)
{
	for (uint32_t k = 0; k < t->next_fresh; k++)
		sched_instance_kill(s, t->base.job, t, sched_instance_at(t, k), KILL_PREEMPTED);
}

static void kill_taken(struct sched *s, const struct taking *t)
{
	for (size_t k = 0; k < t->n_victims; k++) {
		struct live *l = &t->victims[k].live;

		if (t->victims[k].gone && l->task->gang)
			kill_gang(s, l->task);
		else if (t->victims[k].gone)
			sched_instance_kill(s, l->task->base.job, l->task, l->instance, KILL_PREEMPTED);
	}
	s->changes++;
}

bool sched_preempt_run(struct sched *s, const struct item *before)
{
	cleanup_with(taking_free) struct taking t = {.s = s};
	struct item *it = find_taker(s, &t, before);

	if (!it || !t.taken)
		return false;
	kill_taken(s, &t);
	/* Kept for it from now on; what it held before may be elsewhere. */
	(void)sched_hold_find(s, it);
	return true;
}

bool sched_preempt_makes_room(const struct sched *s, const struct item *it)
{
	cleanup_with(taking_free) struct taking t = {.s = s};

	return s->n_preempted && it->pos != NOT_LISTED && take_made(&t, s, it) && !t.taken;
}
