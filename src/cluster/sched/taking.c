/* SPDX-License-Identifier: Apache-2.0
 *
 * taking: see taking.h. On each node those of least priority are taken first, of these those who have of a licence or quota that is short, then the
 * youngest; among nodes the one with the lowest priority taken, then with the fewest copies, then with the least work lost. A gang is taken whole.
 */
#include "cluster/sched/taking.h"

#include "base/core/mem.h"

#include <stdlib.h>

#define VICTIMS_MAX 1024 /* of one node that are looked at */

/* What one more copy on a seat would cost. */
struct price {
	uint32_t seat;
	int32_t priority; /* the highest that is taken */
	size_t copies;
	int64_t lost_ms;
};

void taking_free(struct taking *t)
{
	free(t->seats);
	free(t->victims);
	free(t->ending);
	free(t->claims);
}

static const struct attempt *attempt_of(const struct live *l)
{
	return sched_instance_last(l->instance);
}

static const struct shape *shape_of(const struct live *l)
{
	return sched_instance_shape(l->task, l->instance);
}

static int32_t priority_of(const struct victim *v)
{
	return v->live.task->base.job->priority;
}

/* What was sent in this very moment is left: its start is the next occasion. Shares may have changed who goes first meanwhile. */
static bool may_go(const struct taking *t, const struct live *l)
{
	return l->task->preemptible &&
	       !(l->instance->state == SCHED_TASK_STARTING && attempt_of(l)->sent_ms == t->s->now_ms);
}

/* ---- seats ---- */

static uint64_t sum(uint64_t a, uint64_t b, uint64_t most)
{
	return a + b < most ? a + b : most;
}

static void seat_gain(const struct taking *t, struct seat *e, const struct shape *sh, bool other)
{
	const struct node *n = e->node;

	if (t->shape)
		sched_counter_gain(t->shape, sh, e->counters);
	e->room.slots = sum(e->room.slots, sh->slots, n->slots);
	e->room.cpu_milli = sum(e->room.cpu_milli, sh->cpu_milli, n->cpu_milli);
	e->room.memory = sum(e->room.memory, sh->memory, n->memory);
	e->others -= other;
	e->tight = false;
}

static int victim_compare(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;
	const struct task *tx = x->live.task, *ty = y->live.task;
	int64_t sent_x = attempt_of(&x->live)->sent_ms, sent_y = attempt_of(&y->live)->sent_ms;

	if (priority_of(x) != priority_of(y))
		return priority_of(x) < priority_of(y) ? -1 : 1;
	if (x->useful != y->useful)
		return x->useful ? -1 : 1;
	if (sent_x != sent_y)
		return sent_x > sent_y ? -1 : 1;
	if (tx->base.job != ty->base.job)
		return tx->base.job->seq > ty->base.job->seq ? -1 : 1;
	if (tx != ty)
		return tx->idx < ty->idx ? -1 : 1;
	return x->live.instance->index > y->live.instance->index ? -1 : 1;
}

static void seat_sort(const struct taking *t, const struct seat *e)
{
	if (e->n > 1)
		qsort(&t->victims[e->first], e->n, sizeof *t->victims, victim_compare);
}

static void add_ending(struct taking *t, const struct shape *sh)
{
	mem_grow(&t->ending, &t->cap_ending, t->n_ending);
	t->ending[t->n_ending++] = sh;
}

static void seat_make(struct taking *t, struct node *n)
{
	struct seat *e = &t->seats[n->pos];

	*e = (struct seat){.node = n, .room = sched_node_room(n), .first = t->n_victims};
	for (size_t k = 0; (n->n_preemptible || n->n_dying) && k < n->n_live; k++) {
		const struct live *l = &n->live[k];

		if (attempt_of(l)->kill != KILL_NONE) {
			seat_gain(t, e, shape_of(l), false);
			add_ending(t, shape_of(l));
		} else if (may_go(t, l)) {
			mem_grow(&t->victims, &t->cap_victims, t->n_victims);
			t->victims[t->n_victims++] = (struct victim){.live = *l, .seat = n->pos};
		}
	}
	e->n = t->n_victims - e->first;
	seat_sort(t, e);
}

void taking_make(struct taking *t, const struct sched *s)
{
	*t = (struct taking){.s = s, .seats = mem_new_n(struct seat, s->n_nodes + 1)};
	for (size_t k = 0; k < s->n_nodes; k++)
		seat_make(t, s->nodes[k]);
}

static bool seat_fits(const struct taking *t, const struct seat *e, uint64_t copies)
{
	const struct shape *sh = t->shape;

	return !e->others && (copies <= 1 || sh->topology != SCHED_TOPO_APART) && sh->slots * copies <= e->room.slots &&
	       (!sh->cpu_milli || copies <= e->room.cpu_milli / sh->cpu_milli) &&
	       (!sh->memory || copies <= e->room.memory / sh->memory) &&
	       sched_counter_room_for(sh, e->counters, copies) == copies;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void seat_use(const struct taking *t, struct seat *e, const struct shape *sh, uint64_t copies)
{
	if (sh == t->shape)
		sched_counter_use(sh, e->counters, copies);
	e->room.slots = minus(e->room.slots, sh->slots * copies);
	e->room.cpu_milli = minus(e->room.cpu_milli, sh->cpu_milli * copies);
	e->room.memory = minus(e->room.memory, sh->memory * copies);
}

void taking_claim(struct taking *t, struct item *it, uint32_t seat, uint32_t copies)
{
	struct claimed *last = t->n_claims ? &t->claims[t->n_claims - 1] : NULL;

	seat_use(t, &t->seats[seat], it->shape, copies);
	if (last && last->item == it && last->seat == seat) {
		last->copies += copies;
		return;
	}
	mem_grow(&t->claims, &t->cap_claims, t->n_claims);
	t->claims[t->n_claims++] = (struct claimed){.item = it, .seat = seat, .copies = copies};
}

uint64_t taking_claimed(const struct taking *t, const struct item *it)
{
	uint64_t copies = 0;

	for (size_t k = 0; k < t->n_claims; k++)
		copies += t->claims[k].item == it ? t->claims[k].copies : 0;
	return copies;
}

/* ---- licences and quotas ---- */

static int64_t whole(uint64_t n)
{
	return n < INT64_MAX / 4 ? (int64_t)n : INT64_MAX / 4;
}

static int64_t amount(const struct limit *l, const struct shape *sh)
{
	uint64_t each[SCHED_QUOTA_N];

	if (l->licence)
		return sched_licence_of(sh, l->licence);
	if (sh->quotas[0] != l->quota && sh->quotas[1] != l->quota)
		return 0;
	sched_quota_request(each, sh);
	return whole(each[l->what]);
}

/* Negative when more is in use than may be. */
static int64_t have(const struct taking *t, const struct limit *l)
{
	int64_t n = 0;

	if (l->licence)
		n = whole(l->licence->total) - whole(l->licence->used);
	else if (l->quota)
		n = whole(sched_quota_cap(t->s, l->quota, l->what)) - whole(l->quota->used[l->what]);
	for (size_t k = 0; k < t->n_ending; k++)
		n += amount(l, t->ending[k]);
	for (size_t k = 0; k < t->n_claims; k++)
		n -= amount(l, t->claims[k].item->shape) * (int64_t)t->claims[k].copies;
	return n;
}

uint64_t taking_spare(const struct taking *t, const struct licence *l, const struct quota *q, enum sched_quota what)
{
	struct limit limit = {.licence = l, .quota = q, .what = what};
	int64_t n;

	if (q && sched_quota_cap(t->s, q, what) == SCHED_NO_LIMIT)
		return SCHED_NO_LIMIT;
	n = have(t, &limit);
	return n > 0 ? (uint64_t)n : 0;
}

/* ---- counters of nodes ---- */

static int64_t ending_of(const struct taking *t, uint32_t seat, const char *name)
{
	const struct node *n = t->seats[seat].node;
	int64_t sum = 0;

	for (size_t k = 0; n->n_dying && k < n->n_live; k++) {
		const struct counts *wants = shape_of(&n->live[k])->wants;

		if (wants && attempt_of(&n->live[k])->kill != KILL_NONE)
			sum += counts_get(wants, name);
	}
	for (size_t k = 0; k < t->seats[seat].n; k++) {
		const struct victim *v = &t->victims[t->seats[seat].first + k];

		if (v->taken && shape_of(&v->live)->wants)
			sum += counts_get(shape_of(&v->live)->wants, name);
	}
	return sum;
}

static int64_t counter_left(const struct taking *t, uint32_t seat, const char *name)
{
	int64_t n = sched_counter_left(t->seats[seat].node, name) + ending_of(t, seat, name);

	for (size_t k = 0; k < t->n_claims; k++) {
		const struct counts *wants = t->claims[k].item->shape->wants;

		if (wants && t->claims[k].seat == seat)
			n -= (int64_t)counts_get(wants, name) * t->claims[k].copies;
	}
	return n;
}

uint32_t taking_spare_counter(const struct taking *t, uint32_t seat, const char *name)
{
	int64_t n = counter_left(t, seat, name);

	return n <= 0 ? 0 : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX - 1;
}

/* ---- the limits of the item ---- */

static void add_limit(struct taking *t, struct limit l)
{
	l.each = amount(&l, t->shape);
	if (!l.each)
		return;
	l.have = have(t, &l);
	t->limits[t->n_limits++] = l;
}

static void find_limits(struct taking *t)
{
	const struct shape *sh = t->shape;

	t->n_limits = 0;
	for (size_t k = 0; k < sh->n_needs; k++)
		add_limit(t, (struct limit){.licence = sh->needs[k].licence});
	for (size_t k = 0; k < 2; k++) {
		for (unsigned w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++) {
			if (sched_quota_cap(t->s, sh->quotas[k], (enum sched_quota)w) != SCHED_NO_LIMIT)
				add_limit(t, (struct limit){.quota = sh->quotas[k], .what = (enum sched_quota)w});
		}
	}
}

/* How many copies there could be, if all that may be taken were. */
static uint32_t limit_copies(const struct taking *t, uint32_t want)
{
	for (size_t k = 0; k < t->n_limits; k++) {
		const struct limit *l = &t->limits[k];
		int64_t n = l->have;

		for (size_t v = 0; n < l->each * (int64_t)want && v < t->n_victims; v++) {
			if (!t->victims[v].taken && priority_of(&t->victims[v]) < t->item->job->priority)
				n += amount(l, shape_of(&t->victims[v].live));
		}
		n = n > 0 ? n / l->each : 0;
		want = n < want ? (uint32_t)n : want;
	}
	return want;
}

static bool is_useful(const struct taking *t, const struct shape *sh, uint32_t want)
{
	for (size_t k = 0; k < t->n_limits; k++) {
		const struct limit *l = &t->limits[k];

		if (l->have < l->each * (int64_t)want && amount(l, sh))
			return true;
	}
	return false;
}

/* ---- the item ---- */

static bool is_of(const struct taking *t, const struct task *task)
{
	return t->shape->owner == task;
}

/* Who is in the way there, and who of them could be taken. */
static void count_others(struct taking *t, struct seat *e)
{
	const struct node *n = e->node;
	bool alone = (t->shape->exclusive || n->exclusive) && (!n->exclusive || !is_of(t, n->exclusive));
	bool apart = t->shape->topology == SCHED_TOPO_APART;

	e->others = 0;
	for (size_t k = 0; (alone || apart) && k < n->n_live; k++)
		e->others += attempt_of(&n->live[k])->kill == KILL_NONE && (alone || is_of(t, n->live[k].task));
	for (size_t k = e->first; k < e->first + e->n; k++) {
		struct victim *v = &t->victims[k];

		v->other = alone || (apart && is_of(t, v->live.task));
		e->others -= v->other && v->taken;
	}
}

static void count_claims(struct taking *t)
{
	for (size_t k = 0; k < t->n_claims; k++) {
		const struct claimed *c = &t->claims[k];
		bool own = is_of(t, c->item->task);

		if (t->shape->topology == SCHED_TOPO_APART ? own : false)
			t->seats[c->seat].others += c->copies;
		else if ((t->shape->exclusive || c->item->shape->exclusive) && !own)
			t->seats[c->seat].others += c->copies;
	}
}

static void find_useful(struct taking *t, struct seat *e, uint32_t want)
{
	bool changed = false;

	for (size_t k = e->first; k < e->first + e->n; k++) {
		struct victim *v = &t->victims[k];
		bool useful = t->n_limits && is_useful(t, shape_of(&v->live), want);

		changed |= v->useful != useful;
		v->useful = useful;
	}
	if (changed)
		seat_sort(t, e);
	for (e->n_up = 0; e->n_up < e->n; e->n_up++) {
		if (priority_of(&t->victims[e->first + e->n_up]) >= t->item->job->priority)
			break;
	}
}

static void prepare(struct taking *t, struct item *it, uint32_t want)
{
	t->item = it;
	t->number++;
	t->shape = it->shape;
	find_limits(t);
	for (size_t k = 0; k < t->s->n_nodes; k++) {
		struct seat *e = &t->seats[k];

		e->shut = !sched_node_allows(e->node, t->shape);
		e->tight = false;
		for (size_t c = 0; t->shape->wants && !e->shut && c < t->shape->wants->n; c++)
			e->counters[c] = counter_left(t, (uint32_t)k, t->shape->wants->list[c].name);
		find_useful(t, e, want);
		count_others(t, e);
	}
	count_claims(t);
}

/* ---- whom to take on one node ---- */

/* Marks in `chosen` the victims of the seat without whom so many copies would not fit. False: it is not possible. */
static bool choose(const struct taking *t, const struct seat *e, uint64_t copies, bool *chosen)
{
	size_t n = e->n_up < VICTIMS_MAX ? e->n_up : VICTIMS_MAX, used = 0;
	struct seat room = *e;

	for (; used < n && !seat_fits(t, &room, copies); used++) {
		const struct victim *v = &t->victims[e->first + used];

		chosen[used] = !v->taken;
		if (chosen[used])
			seat_gain(t, &room, shape_of(&v->live), v->other);
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
			const struct victim *v = &t->victims[e->first + x];

			if (chosen[x])
				seat_gain(t, &room, shape_of(&v->live), v->other);
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

	for (size_t k = 0; k < e->n_up && k < VICTIMS_MAX; k++) {
		const struct victim *v = &t->victims[e->first + k];
		const struct task *task = v->live.task;
		size_t n = task->gang ? task->counts[SCHED_TASK_STARTING] + task->counts[SCHED_TASK_RUNNING] : 1;

		if (!chosen[k])
			continue;
		p.priority = priority_of(v) > p.priority ? priority_of(v) : p.priority;
		p.copies += n;
		p.lost_ms += (int64_t)n * (t->s->now_ms - attempt_of(&v->live)->sent_ms);
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

		if (v->taken || (gang && v->live.task != gang))
			continue;
		v->taken = t->number;
		seat_gain(t, &t->seats[v->seat], shape_of(&v->live), v->other);
		add_ending(t, shape_of(&v->live));
		for (size_t l = 0; l < t->n_limits; l++)
			t->limits[l].have += amount(&t->limits[l], shape_of(&v->live));
		t->taken++;
	}
}

/* ---- places ---- */

static void get_place(struct taking *t, uint32_t seat, uint32_t copies)
{
	taking_claim(t, t->item, seat, copies);
	/* The next copy would be in the way of itself. */
	t->seats[seat].others += t->shape->topology == SCHED_TOPO_APART;
	for (size_t l = 0; l < t->n_limits; l++)
		t->limits[l].have -= t->limits[l].each * (int64_t)copies;
}

static bool take_on(struct taking *t, uint32_t seat, uint32_t copies, bool *chosen)
{
	const struct seat *e = &t->seats[seat];

	if (!choose(t, e, copies, chosen))
		return false;
	for (size_t k = 0; k < e->n_up && k < VICTIMS_MAX; k++) {
		if (chosen[k])
			take_victim(t, e->first + k);
	}
	get_place(t, seat, copies);
	return true;
}

/* What is free, or will be without taking more. */
static uint32_t use_free(struct taking *t, uint32_t want, uint32_t each)
{
	uint32_t got = 0;

	for (uint32_t k = 0; k < t->s->n_nodes && got < want; k++) {
		for (; !t->seats[k].shut && got < want && seat_fits(t, &t->seats[k], each); got += each)
			get_place(t, k, each);
	}
	return got;
}

/* One more of so many copies on each node in turn, the cheapest first. Returns how many found a place. */
static uint32_t take_round(struct taking *t, uint32_t want, uint32_t each)
{
	mem_cleanup struct price *prices = mem_new_n(struct price, t->s->n_nodes + 1);
	mem_cleanup bool *chosen = mem_new_n(bool, VICTIMS_MAX);
	uint32_t got = 0;
	size_t n = 0;

	for (uint32_t k = 0; k < t->s->n_nodes; k++) {
		if (t->seats[k].shut || t->seats[k].tight || !t->seats[k].n_up)
			continue;
		t->seats[k].tight = !choose(t, &t->seats[k], each, chosen);
		if (!t->seats[k].tight)
			prices[n++] = price_of(t, k, chosen);
	}
	if (n)
		qsort(prices, n, sizeof *prices, price_compare);
	for (size_t k = 0; k < n && got < want; k++)
		got += take_on(t, prices[k].seat, each, chosen) ? each : 0;
	return got;
}

static uint32_t find_places(struct taking *t, uint32_t want)
{
	uint32_t got = 0, more = 1, each = t->shape->topology == SCHED_TOPO_ONE ? want : 1;

	while (got < want && more) {
		more = use_free(t, want - got, each);
		if (got + more < want)
			more += take_round(t, want - got - more, each);
		got += more;
	}
	return got;
}

/* ---- what licences and quotas lack beside the room ---- */

/* The cheapest that has of it. */
static struct victim *pick(const struct taking *t, const struct limit *l)
{
	struct victim *best = NULL;

	for (size_t k = 0; k < t->n_victims; k++) {
		struct victim *v = &t->victims[k];

		if (!v->taken && !v->picked && priority_of(v) < t->item->job->priority &&
		    amount(l, shape_of(&v->live)) && (!best || victim_compare(v, best) < 0))
			best = v;
	}
	return best;
}

/* Who was picked and is not needed after all stays, the dearest first. */
static void unpick(struct victim **picked, size_t n, const struct limit *l, int64_t over)
{
	for (size_t k = n; k-- > 0;) {
		int64_t part = amount(l, shape_of(&picked[k]->live));

		if (part > over)
			continue;
		over -= part;
		picked[k]->picked = false;
	}
}

static void take_for_limit(struct taking *t, const struct limit *l, int64_t need)
{
	mem_cleanup struct victim **picked = NULL;
	size_t n = 0, cap = 0;
	int64_t got = l->have - need;

	for (struct victim *v; got < 0 && (v = pick(t, l)); got += amount(l, shape_of(&v->live))) {
		v->picked = true;
		mem_grow(&picked, &cap, n);
		picked[n++] = v;
	}
	if (got > 0)
		unpick(picked, n, l, got);
	for (size_t k = 0; k < n; k++) {
		if (picked[k]->picked)
			take_victim(t, (size_t)(picked[k] - t->victims));
		picked[k]->picked = false;
	}
}

static void take_for_limits(struct taking *t, uint32_t copies)
{
	for (size_t k = 0; k < t->n_limits; k++)
		take_for_limit(t, &t->limits[k], t->limits[k].each * (int64_t)copies);
}

static bool is_short(const struct taking *t, uint32_t copies)
{
	for (size_t k = 0; k < t->n_limits; k++) {
		if (t->limits[k].have < t->limits[k].each * (int64_t)copies)
			return true;
	}
	return false;
}

/* ---- all of it ---- */

struct before {
	struct seat *seats;
	size_t n_claims, n_ending, taken;
	uint32_t last_copies, number;
};

static void before_free(struct before *b)
{
	free(b->seats);
}

static struct before note(const struct taking *t)
{
	return (struct before){.seats = mem_dup(t->seats, (t->s->n_nodes + 1) * sizeof *t->seats),
			       .n_claims = t->n_claims,
			       .n_ending = t->n_ending,
			       .taken = t->taken,
			       .last_copies = t->n_claims ? t->claims[t->n_claims - 1].copies : 0,
			       .number = t->number};
}

static void go_back(struct taking *t, const struct before *b)
{
	for (size_t k = 0; k < t->s->n_nodes; k++)
		t->seats[k].room = b->seats[k].room;
	for (size_t k = 0; k < t->n_victims; k++)
		t->victims[k].taken = t->victims[k].taken > b->number ? 0 : t->victims[k].taken;
	t->n_claims = b->n_claims;
	if (t->n_claims)
		t->claims[t->n_claims - 1].copies = b->last_copies;
	t->n_ending = b->n_ending;
	t->taken = b->taken;
}

/* Either who has of what is short goes first, or who is in the way. */
static uint32_t find(struct taking *t, struct item *it, uint32_t want, bool limits_first)
{
	uint32_t copies, got;

	prepare(t, it, want);
	copies = limit_copies(t, want);
	if (!copies || (it->task->gang && copies < want))
		return 0;
	if (limits_first)
		take_for_limits(t, copies);
	got = find_places(t, copies);
	take_for_limits(t, 0);
	return got;
}

uint32_t taking_find(struct taking *t, struct item *it, uint32_t want)
{
	cleanup_with(before_free) struct before b = {.seats = NULL};
	bool limited;
	uint32_t got;
	size_t taken;

	prepare(t, it, want);
	/* What is never gone back to is not noted. */
	if (!it->task->gang && !is_short(t, want))
		return find(t, it, want, false);
	b = note(t);
	limited = is_short(t, want);
	got = find(t, it, want, false);
	taken = t->taken;
	if (got && limited) {
		go_back(t, &b);
		if (find(t, it, want, true) < got || t->taken > taken) {
			go_back(t, &b);
			got = find(t, it, want, false);
		}
	}
	if (it->task->gang ? got < want : !got)
		go_back(t, &b);
	return it->task->gang && got < want ? 0 : got;
}
