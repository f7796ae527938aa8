/* SPDX-License-Identifier: Apache-2.0
 *
 * place: what waits for resources, and which of it goes where. Order: jobs by priority, share of their tenant (share.c),
 * deadline, and as submitted; in a
 * job, tasks as in the file; in a task, instances by index. Something that does not fit now is passed over; the first such
 * item holds nodes for itself (hold.c).
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

/* ---- the heap of items of a shape ---- */

bool sched_item_before(const struct item *a, const struct item *b)
{
	if (a->job != b->job) {
		if (a->job->priority != b->job->priority)
			return a->job->priority > b->job->priority;
		if (a->job->tenant != b->job->tenant && sched_share_compare(a->job->tenant, b->job->tenant))
			return sched_share_compare(a->job->tenant, b->job->tenant) < 0;
		if (a->job->deadline_ms != b->job->deadline_ms)
			return a->job->deadline_ms &&
			       (!b->job->deadline_ms || a->job->deadline_ms < b->job->deadline_ms);
		return a->job->seq < b->job->seq;
	}
	return a->task->idx < b->task->idx;
}

static void item_put(struct shape *sh, size_t pos, struct item *it)
{
	sh->items[pos] = it;
	it->pos = (uint32_t)pos;
}

static void item_rise(struct shape *sh, size_t pos, struct item *it)
{
	for (; pos > 0 && sched_item_before(it, sh->items[(pos - 1) / 2]); pos = (pos - 1) / 2)
		item_put(sh, pos, sh->items[(pos - 1) / 2]);
	item_put(sh, pos, it);
}

static void item_insert(struct item *it)
{
	mem_grow(&it->shape->items, &it->shape->cap_items, it->shape->n_items);
	item_rise(it->shape, it->shape->n_items++, it);
	/* The new head may pass by what is held against the old one. */
	if (it->pos == 0)
		it->shape->blocked = false;
}

static void item_remove(struct sched *s, struct item *it)
{
	struct shape *sh = it->shape;
	struct item *last = sh->items[--sh->n_items];
	size_t pos = it->pos;

	it->pos = NOT_LISTED;
	if (s->hold.item == it)
		sched_hold_drop(s);
	sched_claim_leave(s, it);
	if (pos == sh->n_items)
		return;
	for (size_t child; (child = 2 * pos + 1) < sh->n_items; pos = child) {
		if (child + 1 < sh->n_items && sched_item_before(sh->items[child + 1], sh->items[child]))
			child++;
		if (!sched_item_before(sh->items[child], last))
			break;
		item_put(sh, pos, sh->items[child]);
	}
	item_rise(sh, pos, last);
}

/* ---- the indexes of an item ---- */

static bool has_fresh(const struct item *it)
{
	const struct task *t = it->task;

	return it == &t->base && t->fresh_state == SCHED_TASK_PENDING && t->next_fresh < t->n;
}

/* As the cap of its job says, for all of a gang. */
static bool job_has_room(const struct task *t)
{
	const struct job *j = t->base.job;
	size_t more = t->gang ? t->counts[SCHED_TASK_PENDING] : 1;

	return !j->max_running || (j->n_live < j->max_running && more <= j->max_running - j->n_live);
}

bool sched_task_may_start(const struct task *t)
{
	uint32_t live = t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING];

	return (!t->gang || sched_gang_whole(t)) && (!t->max_running || live < t->max_running) && job_has_room(t);
}

static void item_update(struct sched *s, struct item *it)
{
	bool wanted = (it->n || has_fresh(it)) && sched_job_may_start(it->job) && sched_task_may_start(it->task);

	if (wanted && it->pos == NOT_LISTED)
		item_insert(it);
	else if (!wanted && it->pos != NOT_LISTED)
		item_remove(s, it);
}

/* The smallest index of an item that has one. Indexes in the heap are below every fresh one. */
uint32_t sched_item_head(const struct item *it)
{
	return it->n ? it->heap[0] : it->task->next_fresh;
}

/* Puts an index where it belongs, from a place that is free. */
static void index_put(struct item *it, size_t pos, uint32_t index)
{
	for (; pos > 0 && index < it->heap[(pos - 1) / 2]; pos = (pos - 1) / 2)
		it->heap[pos] = it->heap[(pos - 1) / 2];
	for (size_t child; (child = 2 * pos + 1) < it->n; pos = child) {
		if (child + 1 < it->n && it->heap[child + 1] < it->heap[child])
			child++;
		if (it->heap[child] >= index)
			break;
		it->heap[pos] = it->heap[child];
	}
	it->heap[pos] = index;
}

static void index_take(struct item *it, size_t pos)
{
	uint32_t last = it->heap[--it->n];

	if (pos < it->n)
		index_put(it, pos, last);
}

static uint32_t index_pop(struct item *it)
{
	uint32_t first = it->heap[0];

	index_take(it, 0);
	return first;
}

static void index_push(struct item *it, uint32_t index)
{
	mem_grow(&it->heap, &it->cap, it->n);
	it->n++;
	index_put(it, it->n - 1, index);
}

/* ---- what the other files call ---- */

static struct item *item_of(struct sched *s, struct task *t, const struct shape *sh)
{
	struct item *it;

	if (sh == t->base.shape)
		return &t->base;
	for (it = t->others; it; it = it->next) {
		if (it->shape == sh)
			return it;
	}
	it = mem_new(struct item);
	it->job = t->base.job;
	it->task = t;
	it->shape = sched_shape_get(s, sh);
	it->pos = NOT_LISTED;
	it->next = t->others;
	t->others = it;
	return it;
}

void sched_place_push(struct sched *s, struct task *t, struct instance *i)
{
	struct item *it = item_of(s, t, sched_instance_shape(t, i));

	index_push(it, i->index);
	item_update(s, it);
}

struct item *sched_item_find(const struct task *t, uint32_t index)
{
	const struct instance *i = sched_instance_at(t, index);
	struct item *it = t->others;

	if (!i || !i->shape)
		return (struct item *)&t->base;
	while (it && it->shape != i->shape)
		it = it->next;
	return it;
}

void sched_place_update(struct sched *s, struct task *t)
{
	item_update(s, &t->base);
	for (struct item *it = t->others; it; it = it->next)
		item_update(s, it);
}

void sched_place_job(struct sched *s, struct job *j)
{
	for (size_t k = 0; k < j->n_tasks; k++)
		sched_place_update(s, &j->tasks[k]);
}

static void item_free(struct sched *s, struct item *it)
{
	if (it->pos != NOT_LISTED)
		item_remove(s, it);
	free(it->heap);
	sched_shape_drop(s, it->shape);
	free(it);
}

static void item_drop(struct sched *s, struct item *it)
{
	struct item **link = &it->task->others;

	while (*link != it)
		link = &(*link)->next;
	*link = it->next;
	item_free(s, it);
}

void sched_place_pull(struct sched *s, struct task *t, uint32_t index)
{
	struct item *it = sched_item_find(t, index);
	size_t pos = 0;

	while (pos < it->n && it->heap[pos] != index)
		pos++;
	if (pos < it->n)
		index_take(it, pos);
	/* What was kept was for more of them than wait now. */
	if (s->hold.item == it || sched_claim_of(s, it))
		sched_hold_drop(s);
	item_update(s, it);
	if (!it->n && it != &t->base)
		item_drop(s, it);
}

void sched_place_clear(struct sched *s, struct task *t)
{
	for (struct item *it = t->others, *next; it; it = next) {
		next = it->next;
		item_free(s, it);
	}
	t->others = NULL;
	t->base.n = t->base.cap = 0;
	free(t->base.heap);
	t->base.heap = NULL;
	if (t->base.pos != NOT_LISTED)
		item_remove(s, &t->base);
}

void sched_place_freed(struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		struct shape *sh = s->shapes[k];

		if (sh->blocked && sched_node_fits(s, n, sh, true))
			sh->blocked = false;
		sh->probed = 0;
	}
}

void sched_place_wake(struct sched *s)
{
	for (size_t k = 0; k < s->n_shapes; k++)
		s->shapes[k]->blocked = false;
}

void sched_place_wake_asking(struct sched *s, const struct tally *about)
{
	const struct shape *held = s->hold.item ? s->hold.item->shape : NULL;

	/* It was planned for nodes that may be forbidden now. */
	if (held && held->owner && held->owner->wish && sched_wish_asks(held->owner, about))
		sched_hold_drop(s);
	for (size_t k = 0; k < s->n_shapes; k++) {
		struct shape *sh = s->shapes[k];

		if (sh->blocked && sh->owner && sh->owner->wish && sched_wish_asks(sh->owner, about))
			sh->blocked = false;
	}
}

/* ---- which goes first ---- */

bool sched_item_goes_before(const struct item *a, const struct item *b)
{
	return a->task == b->task ? sched_item_head(a) < sched_item_head(b) : sched_item_before(a, b);
}

static struct item *first_item(const struct sched *s)
{
	struct item *best = NULL;

	for (size_t k = 0; k < s->n_shapes; k++) {
		struct item *it = s->shapes[k]->n_items && !s->shapes[k]->blocked ? s->shapes[k]->items[0] : NULL;

		if (it && (!best || sched_item_goes_before(it, best)))
			best = it;
	}
	return best;
}

/* What stands before the one that holds, or before all takers, does not care for what is held. */
bool sched_item_passes(const struct sched *s, const struct item *it)
{
	for (size_t k = 0; k < s->n_takers; k++) {
		if (it == s->takers[k].item || !sched_item_goes_before(it, s->takers[k].item))
			return false;
	}
	return !s->hold.item || it == s->hold.item || sched_item_goes_before(it, s->hold.item);
}

static struct node *node_for(const struct sched *s, const struct item *it)
{
	if (sched_cost_matters(s, it->shape))
		return sched_cost_best(s, it->shape, sched_item_passes(s, it));
	if (it->shape->topology == SCHED_TOPO_ANY)
		return sched_order_best(&s->order, s, it->shape, sched_item_passes(s, it));
	return sched_order_emptiest(&s->order, s, it->shape, sched_item_passes(s, it));
}

/* What waits for its own quota gets no reservation: room would not help it. */
static bool may_hold(const struct sched *s, const struct item *it)
{
	return sched_quota_allows(s, it->shape, it->task->gang ? sched_gang_size(it) : 1, true);
}

static bool is_allowed(const struct sched *s, const struct item *it)
{
	uint32_t copies = it->task->gang ? sched_gang_size(it) : 1;

	bool pass = sched_item_passes(s, it);

	return sched_quota_allows(s, it->shape, copies, pass) && sched_licence_allows(s, it->shape, copies, pass);
}

/* For the invariants. */
bool sched_item_could_start(const struct sched *s, const struct item *it)
{
	mem_cleanup struct pick *picks = NULL;
	size_t n;

	if (!is_allowed(s, it))
		return false;
	if (!it->task->gang)
		return node_for(s, it) != NULL;
	picks = sched_gang_find(s, it, sched_item_passes(s, it), &n);
	return picks != NULL;
}

/* ---- starting ---- */

static void start_head(struct sched *s, struct item *it, struct node *n)
{
	struct job *j = it->job;
	struct task *t = it->task;
	/* Of one task the smallest index goes first: asked before that is taken out. */
	bool pass = sched_item_passes(s, it);
	struct instance *i = it->n ? sched_instance_at(t, index_pop(it)) : sched_instance_open(t);

	/* What holds has got a place, or has lost what it holds to one that stands before it. */
	if (s->hold.item == it || ((n->held || sched_hold_wants(it->shape)) && pass))
		sched_hold_drop(s);
	else
		sched_hold_take(s, n, it);
	sched_instance_start(s, j, t, i, n);
	/* Its tenant has used more now, which can change who stands before what holds. */
	if (s->n_tenants > 1 && sched_hold_first(s))
		sched_place_wake(s);
	item_update(s, it);
	if (!it->n && it != &t->base)
		item_drop(s, it);
	if (j->max_running)
		sched_place_job(s, j);
	else if (t->max_running)
		sched_place_update(s, t);
}

/* The first item without room that could get it some day, and stands before `it` and before what holds already. */
static struct item *overtaken_by(const struct sched *s, const struct item *it)
{
	struct item *best = NULL;

	for (size_t k = 0; k < s->n_shapes; k++) {
		const struct shape *sh = s->shapes[k];
		struct item *head = sh->n_items && sh->blocked && sh->hopeless != s->changes + 1 ? sh->items[0] : NULL;

		/* Asked anew and not of `limited`, which a state from a snapshot has forgotten. */
		if (head && head != s->hold.item && sched_item_goes_before(head, it) && sched_item_passes(s, head) &&
		    (!best || sched_item_goes_before(head, best)) && may_hold(s, head))
			best = head;
	}
	return best;
}

/* Before anything starts that stands behind one without room, the latter gets its reservation. */
static bool reserve(struct sched *s, const struct item *it)
{
	struct item *head = overtaken_by(s, it);

	if (!head)
		return false;
	if (!sched_hold_find(s, head))
		head->shape->hopeless = s->changes + 1;
	return true;
}

/* Whoever stands before it takes room first: else what starts now would be taken at once. */
static bool would_be_taken(struct sched *s, const struct item *it)
{
	return it->task->preemptible && sched_preempt_run(s, it);
}

/* True when something has changed: it has started, or another one got the reservation. */
static bool start_gang(struct sched *s, struct item *it)
{
	size_t n;
	mem_cleanup struct pick *picks = sched_gang_find(s, it, sched_item_passes(s, it), &n);

	if (!picks || reserve(s, it) || would_be_taken(s, it))
		return picks != NULL;
	for (size_t k = 0; k < n; k++) {
		for (uint32_t c = 0; c < picks[k].n; c++)
			start_head(s, it, picks[k].node);
	}
	return true;
}

static bool start_one(struct sched *s, struct item *it)
{
	struct node *n;

	it->shape->limited = !is_allowed(s, it);
	if (it->shape->limited)
		return false;
	if (it->task->gang)
		return start_gang(s, it);
	if (sched_cost_matters(s, it->shape))
		sched_cost_prepare(s, it->shape);
	n = node_for(s, it);
	if (n && !reserve(s, it) && !would_be_taken(s, it))
		start_head(s, it, n);
	return n != NULL;
}

/* Whoever has lost his claims to a change of the nodes gets new ones first. */
static struct item *next_item(struct sched *s)
{
	if (s->replan)
		(void)sched_preempt_run(s, NULL);
	return first_item(s);
}

void sched_place_run(struct sched *s)
{
	sched_probe_expire(s);
	sched_share_settle(s);
	/* What may not start whatever gets free keeps nobody waiting. */
	if (s->hold.item && !may_hold(s, s->hold.item))
		sched_hold_drop(s);
	if (s->n_tenants > 1 && sched_hold_first(s))
		sched_place_wake(s);
	do {
		for (struct item *it; (it = next_item(s));) {
			if (!start_one(s, it))
				it->shape->blocked = true;
		}
	} while (sched_preempt_run(s, NULL));
	sched_probe_run(s);
}
