/* SPDX-License-Identifier: Apache-2.0
 *
 * place: what waits for resources, and which of it goes where. Order: jobs by priority, then as submitted; in a
 * job, tasks as in the file; in a task, instances by index. Something that does not fit now is passed over, it
 * never holds up what stands behind it.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes ---- */

static char *shape_key(const struct shape *sh)
{
	struct buf key = BUF_INIT;

	buf_printf(&key, "%" PRIu32 " %" PRIu64 " %" PRIu64, sh->slots, sh->cpu_milli, sh->memory);
	for (size_t k = 0; k < sh->n_banned; k++)
		buf_printf(&key, " %" PRIu32, sh->banned[k]);
	return buf_take(&key);
}

struct shape *sched_shape_get(struct sched *s, const struct shape *like)
{
	mem_cleanup char *key = shape_key(like);
	struct shape *sh = map_get(&s->by_shape, key);

	if (sh) {
		sh->refs++;
		return sh;
	}
	sh = mem_new(struct shape);
	sh->slots = like->slots;
	sh->cpu_milli = like->cpu_milli;
	sh->memory = like->memory;
	sh->n_banned = like->n_banned;
	if (like->n_banned)
		sh->banned = mem_dup(like->banned, like->n_banned * sizeof *like->banned);
	sh->refs = 1;
	sh->pos = s->n_shapes;
	sh->key = mem_take(key);
	mem_grow(&s->shapes, &s->cap_shapes, s->n_shapes);
	s->shapes[s->n_shapes++] = sh;
	map_put(&s->by_shape, sh->key, sh);
	return sh;
}

struct shape *sched_shape_ban(struct sched *s, const struct shape *sh, uint32_t node)
{
	mem_cleanup uint32_t *banned = mem_new_n(uint32_t, sh->n_banned + 1);
	struct shape like = *sh;
	size_t k = 0, n = 0;

	for (; k < sh->n_banned && sh->banned[k] < node; k++)
		banned[n++] = sh->banned[k];
	banned[n++] = node;
	for (k += k < sh->n_banned && sh->banned[k] == node; k < sh->n_banned; k++)
		banned[n++] = sh->banned[k];
	like.banned = banned;
	like.n_banned = n;
	return sched_shape_get(s, &like);
}

void sched_shape_drop(struct sched *s, struct shape *sh)
{
	if (!sh || --sh->refs)
		return;
	map_remove(&s->by_shape, sh->key);
	s->shapes[sh->pos] = s->shapes[--s->n_shapes];
	s->shapes[sh->pos]->pos = sh->pos;
	free(sh->key);
	free(sh->banned);
	free(sh->items);
	free(sh);
}

/* ---- the heap of items of a shape ---- */

static bool item_before(const struct item *a, const struct item *b)
{
	if (a->job != b->job) {
		if (a->job->priority != b->job->priority)
			return a->job->priority > b->job->priority;
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
	for (; pos > 0 && item_before(it, sh->items[(pos - 1) / 2]); pos = (pos - 1) / 2)
		item_put(sh, pos, sh->items[(pos - 1) / 2]);
	item_put(sh, pos, it);
}

static void item_insert(struct item *it)
{
	mem_grow(&it->shape->items, &it->shape->cap_items, it->shape->n_items);
	item_rise(it->shape, it->shape->n_items++, it);
}

static void item_remove(struct item *it)
{
	struct shape *sh = it->shape;
	struct item *last = sh->items[--sh->n_items];
	size_t pos = it->pos;

	it->pos = NOT_LISTED;
	if (pos == sh->n_items)
		return;
	for (size_t child; (child = 2 * pos + 1) < sh->n_items; pos = child) {
		if (child + 1 < sh->n_items && item_before(sh->items[child + 1], sh->items[child]))
			child++;
		if (!item_before(sh->items[child], last))
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

static void item_update(struct item *it)
{
	bool wanted = (it->n || has_fresh(it)) && sched_job_may_start(it->job);

	if (wanted && it->pos == NOT_LISTED)
		item_insert(it);
	else if (!wanted && it->pos != NOT_LISTED)
		item_remove(it);
}

/* The smallest index of an item that has one. Indexes in the heap are below every fresh one. */
static uint32_t item_head(const struct item *it)
{
	return it->n ? it->heap[0] : it->task->next_fresh;
}

static void index_push(struct item *it, uint32_t index)
{
	size_t pos;

	mem_grow(&it->heap, &it->cap, it->n);
	for (pos = it->n++; pos > 0 && index < it->heap[(pos - 1) / 2]; pos = (pos - 1) / 2)
		it->heap[pos] = it->heap[(pos - 1) / 2];
	it->heap[pos] = index;
}

static uint32_t index_pop(struct item *it)
{
	uint32_t first = it->heap[0], last = it->heap[--it->n];
	size_t pos = 0;

	for (size_t child; (child = 2 * pos + 1) < it->n; pos = child) {
		if (child + 1 < it->n && it->heap[child + 1] < it->heap[child])
			child++;
		if (it->heap[child] >= last)
			break;
		it->heap[pos] = it->heap[child];
	}
	if (it->n)
		it->heap[pos] = last;
	return first;
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
	item_update(it);
}

void sched_place_update(struct task *t)
{
	item_update(&t->base);
	for (struct item *it = t->others; it; it = it->next)
		item_update(it);
}

static void item_free(struct sched *s, struct item *it)
{
	if (it->pos != NOT_LISTED)
		item_remove(it);
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
		item_remove(&t->base);
}

void sched_place_freed(struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		struct shape *sh = s->shapes[k];

		if (sh->blocked && sched_node_fits(s, n, sh))
			sh->blocked = false;
	}
}

static struct item *first_item(const struct sched *s)
{
	struct item *best = NULL;

	for (size_t k = 0; k < s->n_shapes; k++) {
		struct item *it = s->shapes[k]->n_items && !s->shapes[k]->blocked ? s->shapes[k]->items[0] : NULL;

		if (!it)
			continue;
		if (!best || item_before(it, best) || (it->task == best->task && item_head(it) < item_head(best)))
			best = it;
	}
	return best;
}

static void start_head(struct sched *s, struct item *it, struct node *n)
{
	struct job *j = it->job;
	struct task *t = it->task;
	struct instance *i = it->n ? sched_instance_at(t, index_pop(it)) : sched_instance_open(t);

	item_update(it);
	if (!it->n && it != &t->base)
		item_drop(s, it);
	sched_instance_start(s, j, t, i, n);
}

void sched_place_run(struct sched *s)
{
	for (struct item *it; (it = first_item(s));) {
		struct node *n = sched_node_best(s, it->shape);

		if (n)
			start_head(s, it, n);
		else
			it->shape->blocked = true;
	}
}
