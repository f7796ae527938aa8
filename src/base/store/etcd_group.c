/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_group.h"

#include "base/core/mem.h"
#include "base/store/etcd_cell.h"
#include "base/store/etcd_msg.h"
#include "base/store/store_mem.h"

#include <stdio.h>
#include <string.h>

#define OPS_MAX 50 /* each may delete the pieces of the value before, too: below 128 with what is around them */
#define DROPS_MAX 20
#define BYTES_MAX (768u << 10)
#define EVENT_MAX (1u << 20)
#define WRITE_COST 64 /* of an event or a document beside its text */

/* ---- choosing ---- */

static size_t cost_of(const struct store_write *w)
{
	size_t n = w->event.len + WRITE_COST;

	for (size_t i = 0; i < w->n_docs; i++)
		n += strlen(w->docs[i].key) + WRITE_COST + (w->docs[i].len > CELL_INLINE ? 0 : w->docs[i].len);
	return n;
}

static bool is_below(const char *key, const char *prefix)
{
	size_t n = strlen(prefix);

	return n > 0 && prefix[n - 1] == '/' && !strncmp(key, prefix, n);
}

/* etcd refuses a transaction that touches a key twice. The same key is put once, but what is deleted with others must not be put beside. */
static bool meets(const struct etcd_group *g, const char *doc_key, bool drop)
{
	for (size_t i = 0; i < g->n_ops; i++) {
		const char *other = g->ops[i].key + strlen("doc/");

		if (is_below(other, doc_key) || is_below(doc_key, other) || (drop && !strcmp(other, doc_key)))
			return true;
	}
	return false;
}

static bool fits(const struct etcd_group *g, const struct store_write *w)
{
	if (!g->first)
		return true;
	if (g->snapshot || w->is_snapshot || g->n_ops + w->n_docs > OPS_MAX || g->bytes + cost_of(w) > BYTES_MAX)
		return false;
	for (size_t i = 0; i < w->n_docs; i++) {
		if (meets(g, w->docs[i].key, w->is_drop))
			return false;
	}
	return true;
}

static struct etcd_op *op_of(struct etcd_group *g, const char *doc_key)
{
	struct etcd_op *op;

	for (size_t i = 0; i < g->n_ops; i++)
		if (!strcmp(g->ops[i].key + strlen("doc/"), doc_key))
			return &g->ops[i];
	mem_grow(&g->ops, &g->cap_ops, g->n_ops);
	op = &g->ops[g->n_ops++];
	op->key = mem_printf("doc/%s", doc_key);
	return op;
}

static void take(struct etcd_group *g, struct store_write *w)
{
	w->next = NULL;
	*g->end = w;
	g->end = &w->next;
	g->bytes += cost_of(w);
	for (size_t i = 0; i < w->n_docs; i++) {
		struct etcd_op *op = op_of(g, w->docs[i].key);

		op->value = w->docs[i].value;
		op->len = w->docs[i].len;
	}
	if (!w->is_snapshot)
		return;
	g->snapshot = w;
	mem_grow(&g->ops, &g->cap_ops, g->n_ops);
	g->ops[g->n_ops++] = (struct etcd_op){.key = mem_strdup("snap"), .value = w->event.data, .len = w->event.len};
}

/* What is too large for etcd is refused alone; the numbers have no gap. */
static void number(struct etcd_group *g, uint64_t last_seq)
{
	uint64_t next = last_seq + 1;

	g->last_seq = store_writes_number(g->first, next);
	if (g->first->next || (g->first->event.len <= EVENT_MAX && g->n_ops <= OPS_MAX) || g->snapshot)
		return;
	g->first->code = E2BIG;
	g->last_seq = last_seq;
}

static void choose_large(struct etcd_group *g, const struct etcd_ids *ids)
{
	for (size_t i = 0; i < g->n_ops; i++) {
		if (g->ops[i].value && g->ops[i].len > CELL_INLINE)
			g->ops[i].id = mem_printf("%016llx-%llx", (unsigned long long)ids->lease,
						  (unsigned long long)++*ids->counter);
	}
}

struct etcd_group *etcd_group_new(struct store_list *queue, const struct etcd_state *state, const struct etcd_ids *ids)
{
	struct etcd_group *g = mem_new(struct etcd_group);
	char mark[64];

	g->end = &g->first;
	while (queue->first && fits(g, queue->first) && (!g->first || queue->first->event.len <= EVENT_MAX)) {
		struct store_write *w = queue->first;

		queue->first = w->next;
		take(g, w);
	}
	number(g, state->last_seq);
	choose_large(g, ids);
	snprintf(mark, sizeof mark, "%016llx-%llx", (unsigned long long)ids->lease,
		 (unsigned long long)++*ids->counter);
	cell_put_head(&g->head, g->last_seq, mark);
	return g;
}

struct etcd_group *etcd_group_free(struct etcd_group *g)
{
	if (!g)
		return NULL;
	for (size_t i = 0; i < g->n_ops; i++) {
		free(g->ops[i].key);
		free(g->ops[i].id);
	}
	free(g->ops);
	buf_free(&g->head);
	free(g);
	return NULL;
}

bool etcd_group_is_empty(const struct etcd_group *g)
{
	for (const struct store_write *w = g->first; w; w = w->next)
		if (w->code == 0)
			return false;
	return true;
}

/* ---- messages ---- */

static void put_log(const struct etcd_group *g, const struct etcd_ids *ids, struct buf *m)
{
	mem_cleanup char *key = mem_printf("%slog/%016llx", ids->prefix, (unsigned long long)g->last_seq);
	struct buf log buf_cleanup = BUF_INIT;

	for (const struct store_write *w = g->first; w; w = w->next) {
		if (w->is_drop || w->is_docs || w->is_snapshot)
			continue;
		if (log.len == 0)
			cell_put_first(&log, w->event.seq);
		cell_put_event(&log, &w->event);
	}
	if (log.len > 0)
		etcd_msg_put(m, key, log.data, log.len, 0);
}

/* The oldest event that is kept. */
static uint64_t first_kept(const struct etcd_group *g, const struct etcd_state *state)
{
	uint64_t last = state->last_seq, keep = g->snapshot->keep, bound = last > keep ? last - keep : 0;

	return (bound < g->snapshot->event.seq ? bound : g->snapshot->event.seq) + 1;
}

static void drop_pieces(const char *id, const struct etcd_ids *ids, struct buf *m)
{
	mem_cleanup char *from = mem_printf("%sblob/%s/", ids->prefix, id), *end = etcd_msg_prefix_end(from);

	etcd_msg_delete(m, from, end);
}

/* The pieces of what an operation replaces. What does not fit in a transaction is left to the next leader's sweep. */
static void drop_old(const struct etcd_op *op, const struct etcd_state *state, const struct etcd_ids *ids, size_t *room,
		     struct buf *m)
{
	const char *id = map_get(&state->blobs, op->key);

	if (id)
		drop_pieces(id, ids, m);
	for (struct map_slot *s = NULL; !op->value && *room > 0 && (s = map_next(&state->blobs, s));) {
		if (!is_below(s->key, op->key))
			continue;
		drop_pieces(s->value, ids, m);
		--*room;
	}
}

static void put_op(const struct etcd_group *g, const struct etcd_op *op, const struct etcd_state *state,
		   const struct etcd_ids *ids, size_t *room, struct buf *m)
{
	mem_cleanup char *key = mem_printf("%s%s", ids->prefix, op->key);
	struct cell_value v = {.data = op->id ? NULL : op->value, .len = op->len};
	struct buf cell buf_cleanup = BUF_INIT;

	drop_old(op, state, ids, room, m);
	if (!op->value) {
		mem_cleanup char *end = key[strlen(key) - 1] == '/' ? etcd_msg_prefix_end(key) : NULL;

		etcd_msg_delete(m, key, end);
		return;
	}
	if (op->id)
		snprintf(v.blob, sizeof v.blob, "%s", op->id);
	if (g->snapshot) {
		v.seq = g->snapshot->event.seq;
		v.first = first_kept(g, state);
	}
	cell_put_value(&cell, &v);
	etcd_msg_put(m, key, cell.data, cell.len, 0);
}

/* Whole groups that end before the oldest event that is kept. */
static void prune(const struct etcd_group *g, const struct etcd_state *state, const struct etcd_ids *ids, struct buf *m)
{
	mem_cleanup char *from = mem_printf("%slog/", ids->prefix);
	mem_cleanup char *end = mem_printf("%slog/%016llx", ids->prefix, (unsigned long long)first_kept(g, state));

	etcd_msg_delete(m, from, end);
}

static void put_piece(const struct etcd_group *g, const struct etcd_ids *ids, struct buf *m)
{
	const struct etcd_op *op = &g->ops[g->at];
	size_t n = op->len - g->offset < CELL_PIECE ? op->len - g->offset : CELL_PIECE;
	mem_cleanup char *key = mem_printf("%sblob/%s/%08x", ids->prefix, op->id, (unsigned)(g->offset / CELL_PIECE));

	etcd_msg_put(m, key, op->value + g->offset, n, 0);
}

static void find_piece(struct etcd_group *g)
{
	while (g->at < g->n_ops && !g->ops[g->at].id)
		g->at++;
}

void etcd_group_message(struct etcd_group *g, const struct etcd_state *state, const struct etcd_ids *ids, struct buf *m)
{
	mem_cleanup char *head = mem_printf("%shead", ids->prefix);
	size_t room = DROPS_MAX;

	/* No transaction: an etcd that is full (3.4) refuses even those that write nothing. */
	if (g->asking) {
		etcd_msg_range(m, &(struct etcd_range){.key = head});
		return;
	}
	find_piece(g);
	etcd_msg_if_created(m, ids->lead_key, ids->lead_created);
	if (g->at < g->n_ops) {
		put_piece(g, ids, m);
		return;
	}
	if (state->head.len > 0)
		etcd_msg_if_value(m, head, state->head.data, state->head.len);
	else
		etcd_msg_if_created(m, head, 0);
	etcd_msg_get(m, ETCD_ELSE, ids->lead_key);
	etcd_msg_get(m, ETCD_ELSE, head);
	put_log(g, ids, m);
	for (size_t i = 0; i < g->n_ops; i++)
		put_op(g, &g->ops[i], state, ids, &room, m);
	if (g->snapshot)
		prune(g, state, ids, m);
	etcd_msg_put(m, head, g->head.data, g->head.len, 0);
}

bool etcd_group_piece_done(struct etcd_group *g)
{
	find_piece(g);
	if (g->at == g->n_ops)
		return false;
	g->offset += CELL_PIECE;
	if (g->offset >= g->ops[g->at].len) {
		g->offset = 0;
		g->at++;
	}
	return true;
}

/* ---- what has happened ---- */

static void forget_pieces(struct etcd_state *state, const char *prefix)
{
	struct map left = MAP_INIT;

	for (struct map_slot *s = NULL; (s = map_next(&state->blobs, s));) {
		if (is_below(s->key, prefix))
			free(s->value);
		else
			map_put(&left, s->key, s->value);
	}
	map_free(&state->blobs);
	state->blobs = left;
}

void etcd_group_apply(struct etcd_group *g, struct etcd_state *state)
{
	for (size_t i = 0; i < g->n_ops; i++) {
		struct etcd_op *op = &g->ops[i];

		free(map_remove(&state->blobs, op->key));
		if (!op->value && op->key[strlen(op->key) - 1] == '/')
			forget_pieces(state, op->key);
		if (op->id)
			map_put(&state->blobs, op->key, mem_take(op->id));
	}
	store_mem_group(state->mirror, g->first);
	store_mem_last(state->mirror, g->last_seq);
	state->last_seq = g->last_seq;
	buf_free(&state->head);
	state->head = g->head;
	g->head = (struct buf)BUF_INIT;
}
