/* SPDX-License-Identifier: Apache-2.0
 *
 * Three rounds over the sources: count what there is, grow in order, shrink in reverse. What waits is reckoned in nodes: so many copies of a kind fill one node
 * of a source, and a part of a node is enough to ask for one.
 */
#include "cluster/source/decide.h"

#include "base/core/mem.h"
#include "base/core/tz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000LL
#define MINUTE_MS 60000LL
#define DAY_MS (24 * HOUR_MS)

const char *const machine_states[MACHINE_N_STATES] = {"creating", "joining", "up", "draining", "destroying", "failed"};

/* What is counted of a source. */
struct tally {
	const struct decide_source *s;
	size_t nth;
	uint32_t exist;	     /* all but failed ones */
	uint32_t calls;	     /* creating */
	uint32_t coming;     /* creating or joining */
	uint32_t staying;    /* coming, or up and not lost */
	uint32_t idle, busy; /* up, open */
	uint32_t slots;	     /* of a node */
	uint32_t wanted;
};

struct work {
	const struct decide_state *in;
	struct decision *out;
	struct tally *tallies, **order;
	double *left; /* copies, by demand */
};

static void later(struct decision *d, int64_t ms)
{
	if (ms < d->next_ms)
		d->next_ms = ms;
}

static void wish(struct work *w, const struct tally *t, enum decide_wish_type type, uint32_t index, const char *why)
{
	struct decision *d = w->out;

	mem_grow(&d->wishes, &d->cap, d->n);
	d->wishes[d->n++] = (struct decide_wish){.type = type, .source = t->nth, .index = index, .why = why};
	if (type == DECIDE_DRAIN)
		d->wishes[d->n - 1].deadline_ms = t->s->spec->policy.drain_ms;
}

/* ---- counting ---- */

static bool is_up(const struct decide_machine *m)
{
	return m->state == MACHINE_UP && !m->lost;
}

static void count(struct tally *t, const struct decide_machine *m)
{
	bool coming = m->state == MACHINE_CREATING || m->state == MACHINE_JOINING;

	t->exist += m->state != MACHINE_FAILED;
	t->calls += m->state == MACHINE_CREATING;
	t->coming += coming;
	t->staying += coming || is_up(m);
	t->busy += is_up(m) && m->live;
	t->idle += is_up(m) && !m->live && !m->locked;
	if (m->slots > t->slots)
		t->slots = m->slots;
}

static int by_order(const void *a, const void *b)
{
	const struct source_spec *x = (*(struct tally *const *)a)->s->spec, *y = (*(struct tally *const *)b)->s->spec;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->price != y->price)
		return x->price < y->price ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void count_all(struct work *w)
{
	for (size_t i = 0; i < w->in->n; i++) {
		struct tally *t = &w->tallies[i];

		*t = (struct tally){.s = &w->in->sources[i], .nth = i, .slots = w->in->sources[i].spec->slots};
		for (size_t k = 0; k < t->s->n; k++)
			count(t, &t->s->machines[k]);
		w->order[i] = t;
	}
	qsort(w->order, w->in->n, sizeof *w->order, by_order);
	for (size_t k = 0; k < w->in->n_demand; k++)
		w->left[k] = (double)w->in->demand[k].count;
}

/* ---- what waits ---- */

/* Copies that fill one node of the source; 0: a node of it could not hold any. */
static double per_node(const struct tally *t, const struct decide_demand *d)
{
	const struct source_spec *s = t->s->spec;
	double n = 1;

	if ((t->slots && d->slots > t->slots) || (s->memory && d->memory > s->memory))
		return 0;
	if (t->slots && d->slots)
		n = floor((double)t->slots / d->slots);
	else if (t->slots)
		n = t->slots;
	if (s->memory && d->memory)
		n = fmin(n, floor((double)s->memory / (double)d->memory));
	for (size_t k = 0; d->counters && k < d->counters->n; k++) {
		const struct count *want = &d->counters->list[k];

		n = fmin(n, floor((double)counts_get(&s->counters, want->name) / want->n));
	}
	return n;
}

/* Nodes of the source that what is left would fill. As long as nobody knows how large a node is, one is asked for and looked at. */
static double nodes_for(const struct work *w, const struct tally *t)
{
	double nodes = 0;

	for (size_t k = 0; k < w->in->n_demand; k++) {
		double n = per_node(t, &w->in->demand[k]);

		nodes += n > 0 ? w->left[k] / n : 0;
	}
	if (!t->slots && nodes > 0)
		nodes = t->coming ? 0 : 1;
	return nodes;
}

/* Something waits that a node of the source could hold. */
static bool is_waited_for(const struct work *w, const struct tally *t)
{
	for (size_t k = 0; k < w->in->n_demand; k++) {
		if (per_node(t, &w->in->demand[k]) > 0)
			return true;
	}
	return false;
}

/* So many nodes of the source take their part. */
static void serve(struct work *w, const struct tally *t, double nodes)
{
	for (size_t k = 0; k < w->in->n_demand && nodes > 0; k++) {
		double n = per_node(t, &w->in->demand[k]), take;

		if (n <= 0)
			continue;
		take = fmin(w->left[k], nodes * n);
		w->left[k] -= take;
		nodes -= take / n;
	}
}

/* ---- policies: how many nodes there should be ---- */

static uint32_t clamp(const struct tally *t, double n)
{
	uint32_t most = source_spec_limit(t->s->spec), least = t->s->spec->min;

	return n >= most ? most : n <= least ? least : (uint32_t)n;
}

static double want_static(struct work *w, struct tally *t)
{
	(void)w;
	return t->s->spec->policy.nodes;
}

/* What is left waits although every idle node has had its chance: those count as taken. */
static double want_idle(struct work *w, struct tally *t)
{
	return t->staying + ceil(nodes_for(w, t) - 1e-9);
}

/* Slots that are used or waited for, over all slots that are there or coming. */
static double load_with(const struct work *w, double more_slots)
{
	double slots = (double)w->in->slots + more_slots, used = (double)(w->in->slots - w->in->free);

	for (size_t i = 0; i < w->in->n; i++)
		slots += (double)w->tallies[i].coming * (w->tallies[i].slots ? w->tallies[i].slots : 1);
	for (size_t k = 0; k < w->in->n_demand; k++)
		used += (double)w->in->demand[k].count * (w->in->demand[k].slots ? w->in->demand[k].slots : 1);
	if (slots <= 0)
		return used > 0 ? INFINITY : 0;
	return used / slots;
}

static double want_load(struct work *w, struct tally *t)
{
	double high = t->s->spec->policy.high, size = t->slots ? t->slots : 1, need, slots, load = load_with(w, 0);

	if (load <= high || nodes_for(w, t) <= 0)
		return t->staying;
	slots = (double)w->in->slots;
	for (size_t i = 0; i < w->in->n; i++)
		slots += (double)w->tallies[i].coming * (w->tallies[i].slots ? w->tallies[i].slots : 1);
	need = isinf(load) ? nodes_for(w, t) : slots * (load / high - 1) / size;
	return t->staying + ceil(need - 1e-9);
}

static int64_t local_ms(const struct work *w, const struct tally *t)
{
	const struct tz *z = t->s->spec->policy.zone;

	return w->in->now_ms + (z ? (int64_t)tz_span(z, w->in->now_ms / 1000).offset * 1000 : 0);
}

static double want_times(struct work *w, struct tally *t)
{
	const struct source_spec *s = t->s->spec;
	int64_t local = local_ms(w, t), day = local / DAY_MS, minute = local % DAY_MS / MINUTE_MS;
	double nodes = -1;

	for (size_t i = 0; i < s->policy.n_times; i++) {
		const struct source_time *x = &s->policy.times[i];
		bool over = x->to <= x->from; /* it ends on the next day */
		bool today = x->days & 1u << (day + 4) % 7, before = x->days & 1u << (day + 3) % 7;
		bool in =
		    (today && minute >= x->from && (over || minute < x->to)) || (over && before && minute < x->to);

		if (in && x->nodes > nodes)
			nodes = x->nodes;
		later(w->out,
		      w->in->now_ms + ((x->from - minute + 1440 - 1) % 1440 + 1) * MINUTE_MS - local % MINUTE_MS);
		later(w->out, w->in->now_ms + ((x->to - minute + 1440 - 1) % 1440 + 1) * MINUTE_MS - local % MINUTE_MS);
	}
	/* The clocks may be changed meanwhile. */
	later(w->out, w->in->now_ms + HOUR_MS - local % HOUR_MS);
	return nodes < 0 ? s->policy.nodes : nodes;
}

/* The last time at or before now: looked for in a minute, an hour, a day ... back. INT64_MIN: none. */
static int64_t fired(const struct cron *c, const struct tz *z, int64_t now_s)
{
	static const int64_t back_s[] = {60, 3600, 86400, 32 * 86400, 366 * 86400, 4400LL * 86400};
	int64_t at = INT64_MIN, next;

	for (size_t i = 0; i < sizeof back_s / sizeof *back_s && at == INT64_MIN; i++) {
		for (next = cron_next(c, z, NULL, NULL, now_s - back_s[i]); next <= now_s;
		     next = cron_next(c, z, NULL, NULL, next))
			at = next;
	}
	return at;
}

static double want_cron(struct work *w, struct tally *t)
{
	const struct source_spec *s = t->s->spec;
	int64_t now_s = w->in->now_ms / 1000, last = INT64_MIN, next;
	uint32_t nodes = s->policy.nodes;

	for (size_t i = 0; i < s->policy.n_crons; i++) {
		int64_t at = fired(&s->policy.crons[i].at, s->policy.zone, now_s);

		if (at != INT64_MIN && at >= last) {
			last = at;
			nodes = s->policy.crons[i].nodes;
		}
		next = cron_next(&s->policy.crons[i].at, s->policy.zone, NULL, NULL, now_s);
		if (next != INT64_MAX)
			later(w->out, next * 1000);
	}
	return nodes;
}

static double want_formula(struct work *w, struct tally *t)
{
	const struct decide_state *in = w->in;
	struct formula_name names[SOURCE_N_NAMES + 1];
	int64_t local = local_ms(w, t), weekday = (local / DAY_MS + 4) % 7;
	int64_t hour = local % DAY_MS / HOUR_MS, minute = local % HOUR_MS / MINUTE_MS;
	double queued = 0, queued_slots = 0, wanted = 0;

	for (size_t k = 0; k < in->n_demand; k++) {
		queued += (double)in->demand[k].count;
		queued_slots += (double)in->demand[k].count * in->demand[k].slots;
	}
	memcpy(names, source_spec_formula_names, sizeof names);
	names[SOURCE_QUEUED].value = queued;
	names[SOURCE_QUEUED_SLOTS].value = queued_slots;
	names[SOURCE_RUNNING].value = (double)in->running;
	names[SOURCE_FREE].value = (double)in->free;
	names[SOURCE_SLOTS].value = (double)in->slots;
	names[SOURCE_NODES].value = t->staying;
	names[SOURCE_BUSY].value = t->busy;
	names[SOURCE_HOUR].value = (double)hour;
	names[SOURCE_MINUTE].value = (double)minute;
	names[SOURCE_WEEKDAY].value = (double)weekday;
	if (strstr(t->s->spec->policy.formula, "minute"))
		later(w->out, in->now_ms + MINUTE_MS - local % MINUTE_MS);
	if (strstr(t->s->spec->policy.formula, "hour") || strstr(t->s->spec->policy.formula, "weekday"))
		later(w->out, in->now_ms + HOUR_MS - local % HOUR_MS);
	w->out->trouble[t->nth] = formula_eval(t->s->spec->policy.formula, names, &wanted, NULL);
	return w->out->trouble[t->nth] ? t->staying : ceil(wanted - 1e-9);
}

/* `busy`: nodes with work have to go, too, when there are too many. `demand`: what waits decides, and an idle node that it could use stays. */
static const struct policy {
	double (*want)(struct work *w, struct tally *t);
	bool busy, demand;
} policies[SOURCE_N_POLICIES] = {
    [SOURCE_POLICY_STATIC] = {want_static, true, false}, [SOURCE_POLICY_IDLE] = {want_idle, false, true},
    [SOURCE_POLICY_LOAD] = {want_load, false, true},	 [SOURCE_POLICY_TIMES] = {want_times, true, false},
    [SOURCE_POLICY_CRON] = {want_cron, true, false},	 [SOURCE_POLICY_FORMULA] = {want_formula, false, false}};

/* ---- growing ---- */

static const struct decide_machine *at_index(const struct decide_source *s, uint32_t index, size_t *pos)
{
	while (*pos < s->n && s->machines[*pos].index < index)
		(*pos)++;
	return *pos < s->n && s->machines[*pos].index == index ? &s->machines[*pos] : NULL;
}

/* At the most `n` machines at free indexes; how many could be made now if there were no limit of calls. */
static uint32_t create(struct work *w, struct tally *t, uint32_t n)
{
	const struct decide_source *s = t->s;
	uint32_t limit = source_spec_limit(s->spec), room = limit > t->exist ? limit - t->exist : 0, could = 0;
	size_t pos = 0;

	if (n > room)
		n = room;
	if (n && s->retry_ms > w->in->now_ms) {
		later(w->out, s->retry_ms);
		return 0;
	}
	for (uint32_t index = 1; could < n && index <= limit; index++) {
		const struct decide_machine *m = at_index(s, index, &pos);

		if (m && m->state == MACHINE_FAILED && m->retry_ms > w->in->now_ms)
			later(w->out, m->retry_ms);
		if (m && (m->state != MACHINE_FAILED || m->retry_ms > w->in->now_ms))
			continue;
		could++;
		if (t->calls >= s->spec->parallel)
			continue;
		t->calls++;
		wish(w, t, DECIDE_CREATE, index, "");
	}
	return could;
}

/* One that is only draining is the quickest to have. */
static uint32_t keep(struct work *w, struct tally *t, uint32_t n)
{
	uint32_t kept = 0;

	for (size_t k = 0; k < t->s->n && kept < n; k++) {
		const struct decide_machine *m = &t->s->machines[k];

		if (m->state != MACHINE_DRAINING || m->lost)
			continue;
		wish(w, t, DECIDE_KEEP, m->index, "");
		kept++;
	}
	return kept;
}

static void grow(struct work *w, struct tally *t)
{
	uint32_t more, got;

	t->wanted = clamp(t, policies[t->s->spec->policy.kind].want(w, t));
	w->out->wanted[t->nth] = t->wanted;
	if (t->s->paused || t->s->leaving || t->wanted <= t->staying)
		return;
	more = t->wanted - t->staying;
	got = keep(w, t, more);
	got += create(w, t, more - got);
	serve(w, t, got);
	t->coming += got;
	t->staying += got;
}

/* ---- shrinking ---- */

static bool may_go(const struct work *w, const struct tally *t, const struct decide_machine *m, bool busy)
{
	const struct source_spec *s = t->s->spec;
	int64_t ready = m->idle_ms + s->policy.idle_ms;

	if (!is_up(m) || m->locked)
		return false;
	if (m->live)
		return busy;
	if (ready > w->in->now_ms)
		later(w->out, ready);
	return ready <= w->in->now_ms;
}

/* Idle ones, the last index first; then, where the policy says so, those with work. */
static void release(struct work *w, struct tally *t, uint32_t n, const char *why)
{
	bool busy = policies[t->s->spec->policy.kind].busy;

	for (int round = 0; round <= (int)busy; round++) {
		for (size_t k = t->s->n; k > 0 && n > 0; k--) {
			const struct decide_machine *m = &t->s->machines[k - 1];

			if ((m->live != 0) != (round == 1) || !may_go(w, t, m, busy))
				continue;
			wish(w, t, DECIDE_DRAIN, m->index, why);
			t->staying--;
			n--;
		}
	}
}

static bool settled(struct work *w, const struct tally *t)
{
	int64_t ready = t->s->grown_ms + t->s->spec->policy.settle_ms;

	if (t->s->spec->policy.kind != SOURCE_POLICY_LOAD && t->s->spec->policy.kind != SOURCE_POLICY_FORMULA)
		return true;
	if (ready > w->in->now_ms)
		later(w->out, ready);
	return ready <= w->in->now_ms;
}

/* How many idle nodes may go with the load still below `high` afterwards, once it is below `low`. */
static uint32_t spare_by_load(const struct work *w, const struct tally *t)
{
	double size = t->slots ? t->slots : 1;
	uint32_t n = 0;

	if (load_with(w, 0) >= t->s->spec->policy.low)
		return 0;
	while (n < t->idle && load_with(w, -(n + 1) * size) < t->s->spec->policy.high)
		n++;
	return n;
}

static void shrink(struct work *w, struct tally *t)
{
	const struct source_spec *s = t->s->spec;
	uint32_t floor_at = s->min;
	uint32_t over = t->staying > t->wanted ? t->staying - t->wanted : 0;

	if (t->s->paused || t->s->leaving || !settled(w, t))
		return;
	if (policies[s->policy.kind].demand) {
		if (is_waited_for(w, t))
			return;
		over = s->policy.kind == SOURCE_POLICY_LOAD ? spare_by_load(w, t) : t->idle;
		if (over > t->staying - (t->staying < floor_at ? t->staying : floor_at))
			over = t->staying > floor_at ? t->staying - floor_at : 0;
		release(w, t, over, s->policy.kind == SOURCE_POLICY_LOAD ? "the load is low" : "it was idle");
	} else if (over) {
		release(w, t, over, "there are more nodes than the policy wants");
	}
}

/* ---- what does not depend on the policy ---- */

/* Waits for a time: true when it has passed. */
static bool due(struct work *w, int64_t at_ms)
{
	if (at_ms > w->in->now_ms)
		later(w->out, at_ms);
	return at_ms <= w->in->now_ms;
}

/* A machine is asked for one thing at a time: one that was kept is not destroyed as well. */
static bool is_kept(const struct decision *d, const struct tally *t, uint32_t index)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->wishes[i].type == DECIDE_KEEP && d->wishes[i].source == t->nth && d->wishes[i].index == index)
			return true;
	}
	return false;
}

static void look_at(struct work *w, struct tally *t, const struct decide_machine *m)
{
	const struct source_spec *s = t->s->spec;

	switch (m->state) {
	case MACHINE_JOINING:
		if (t->s->leaving)
			wish(w, t, DECIDE_DESTROY, m->index, "its source is removed");
		else if (due(w, m->since_ms + s->join_ms))
			wish(w, t, DECIDE_DESTROY, m->index, "its agent has not come in time");
		break;
	case MACHINE_UP:
		if (m->lost && due(w, m->since_ms + s->lost_ms))
			wish(w, t, DECIDE_DESTROY, m->index, "its node is lost");
		else if (!m->lost && t->s->leaving)
			wish(w, t, DECIDE_DRAIN, m->index, "its source is removed");
		break;
	case MACHINE_DRAINING:
		if (!is_kept(w->out, t, m->index) && (m->lost ? due(w, m->since_ms + s->lost_ms) : m->live == 0))
			wish(w, t, DECIDE_DESTROY, m->index, m->lost ? "its node is lost" : "");
		break;
	case MACHINE_CREATING:
	case MACHINE_DESTROYING:
	case MACHINE_FAILED:
	case MACHINE_N_STATES:
		break;
	}
}

void decide(const struct decide_state *in, struct decision *ret)
{
	mem_cleanup struct tally *tallies = mem_new_n(struct tally, in->n + 1);
	mem_cleanup struct tally **order = mem_new_n(struct tally *, in->n + 1);
	mem_cleanup double *left = mem_new_n(double, in->n_demand + 1);
	struct work w = {.in = in, .out = ret, .tallies = tallies, .order = order, .left = left};

	*ret = (struct decision){
	    .next_ms = INT64_MAX, .wanted = mem_new_n(uint32_t, in->n + 1), .trouble = mem_new_n(int, in->n + 1)};
	count_all(&w);
	for (size_t i = 0; i < in->n; i++)
		serve(&w, order[i], order[i]->coming + order[i]->idle);
	for (size_t i = 0; i < in->n; i++)
		grow(&w, order[i]);
	for (size_t i = in->n; i > 0; i--)
		shrink(&w, order[i - 1]);
	for (size_t i = 0; i < in->n; i++) {
		for (size_t k = 0; k < order[i]->s->n; k++)
			look_at(&w, order[i], &order[i]->s->machines[k]);
	}
}

void decision_free(struct decision *d)
{
	free(d->wishes);
	free(d->wanted);
	free(d->trouble);
	*d = (struct decision){.n = 0};
}
