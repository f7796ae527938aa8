/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_follow.h"

#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"
#include "base/store/etcd_cell.h"
#include "base/store/store_mem.h"
#include "base/wire/grpc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_MS 500

/* The changes of one transaction come in the order of its operations, and those of later ones later; a value's pieces come before what refers to them. */
struct etcd_follow {
	struct etcd *etcd;
	struct etcd_state *state;
	char *prefix, *end;
	size_t prefix_len;
	uint64_t seen;	/* the newest revision */
	uint64_t whole; /* that has come as a whole: the watch goes on behind it, and what comes twice does nothing */
	uint64_t last_seq; /* of the last event in the mirror */
	struct map pieces; /* id -> struct buf * */
	struct grpc_call *watch;
	struct loop_timer *turn;
	bool is_stale;
	void (*stale)(void *ctx);
	void *ctx;
};

static void buf_destroy(struct buf *b)
{
	if (b)
		buf_free(b);
	free(b);
}

/* ---- values ---- */

static void forget_blob(struct etcd_follow *f, const char *key)
{
	free(map_remove(&f->state->blobs, key));
}

static void set_value(struct etcd_follow *f, const char *key, const struct cell_value *v, const char *data)
{
	const struct store_doc d = {.key = key + strlen("doc/"), .value = data, .len = v->len};

	if (strcmp(key, "snap") != 0) {
		store_mem_doc(f->state->mirror, &d);
		return;
	}
	store_mem_snapshot(f->state->mirror, v->seq, data, v->len);
	store_mem_prune(f->state->mirror, v->first);
}

/* -ESTALE: its pieces have not come. */
static int take_value(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	mem_cleanup char *data = NULL;
	struct cell_value v;
	struct buf *whole;

	if (cell_get_value(kv->value, kv->value_len, &v) < 0)
		return -EBADMSG;
	forget_blob(f, key);
	if (v.data) {
		data = mem_strndup(v.data, v.len);
		set_value(f, key, &v, data);
		return 0;
	}
	whole = map_get(&f->pieces, v.blob);
	if (!whole || whole->len != v.len)
		return -ESTALE;
	set_value(f, key, &v, buf_str(whole));
	map_put(&f->state->blobs, key, mem_strdup(v.blob));
	buf_destroy(map_remove(&f->pieces, v.blob));
	return 0;
}

static int on_value(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	const struct store_doc gone = {.key = key + strlen("doc/")};

	if (!kv->deleted)
		return take_value(f, key, kv);
	if (!strcmp(key, "snap"))
		return -ESTALE;
	forget_blob(f, key);
	store_mem_doc(f->state->mirror, &gone);
	return 0;
}

/* "blob/ID/N" */
static int on_piece(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	const char *at = key + strlen("blob/"), *slash = strchr(at, '/');
	mem_cleanup char *id = slash ? mem_strndup(at, (size_t)(slash - at)) : NULL;
	struct buf *whole = id ? map_get(&f->pieces, id) : NULL;

	if (!id)
		return -EBADMSG;
	if (kv->deleted) {
		buf_destroy(map_remove(&f->pieces, id));
		return 0;
	}
	if (!whole) {
		whole = mem_new(struct buf);
		whole->limit = CELL_VALUE_MAX;
		map_put(&f->pieces, id, whole);
	}
	/* One that comes again, as after a write of which nobody knew what became of it, is there already. */
	if (strtoul(slash + 1, NULL, 16) * (size_t)CELL_PIECE == whole->len)
		buf_add(whole, kv->value, kv->value_len);
	return 0;
}

/* ---- the log ---- */

static int take_event(void *ctx, const struct store_event *e)
{
	struct etcd_follow *f = ctx;

	if (e->seq <= f->last_seq)
		return 0;
	if (e->seq != f->last_seq + 1)
		return -ESTALE;
	f->last_seq = e->seq;
	store_mem_event(f->state->mirror, e);
	return 0;
}

/* What is deleted there is pruned with the snapshot. */
static int on_group(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	(void)key;
	return kv->deleted ? 0 : cell_get_events(kv->value, kv->value_len, 1, take_event, f);
}

static int on_head(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	struct cell_head head;

	(void)key;
	/* Above what has come: a part was missed. Below: one that comes twice, and the newest follows. */
	if (kv->deleted || cell_get_head(kv->value, kv->value_len, &head) < 0 || head.format > STORE_FORMAT ||
	    head.last_seq > f->last_seq)
		return -ESTALE;
	f->state->last_seq = f->last_seq;
	store_mem_last(f->state->mirror, f->last_seq);
	buf_clear(&f->state->head);
	buf_add(&f->state->head, kv->value, kv->value_len);
	return 0;
}

static int on_leader(struct etcd_follow *f, const char *key, const struct etcd_kv *kv)
{
	(void)f;
	(void)key;
	(void)kv;
	return 0;
}

static int on_kv(void *ctx, const struct etcd_kv *kv)
{
	static const struct {
		const char *key;
		int (*take)(struct etcd_follow *f, const char *key, const struct etcd_kv *kv);
	} table[] = {{"log/", on_group}, {"doc/", on_value},	 {"snap", on_value},
		     {"head", on_head},	 {"leader/", on_leader}, {"blob/", on_piece}};
	struct etcd_follow *f = ctx;
	mem_cleanup char *key = NULL;

	if (kv->key_len < f->prefix_len || memcmp(kv->key, f->prefix, f->prefix_len) != 0 ||
	    memchr(kv->key, '\0', kv->key_len))
		return -EBADMSG;
	if (kv->revision > f->seen)
		f->seen = kv->revision;
	key = mem_strndup(kv->key + f->prefix_len, kv->key_len - f->prefix_len);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (!strncmp(key, table[i].key, strlen(table[i].key)))
			return table[i].take(f, key, kv);
	return 0;
}

/* ---- the watch ---- */

static void give_up(struct etcd_follow *f)
{
	f->watch = grpc_cancel(f->watch);
	f->is_stale = true;
	loop_timer_arm(f->turn, 0);
}

static void on_message(void *ctx, const char *data, size_t n)
{
	struct etcd_follow *f = ctx;
	struct etcd_answer a;

	if (f->is_stale)
		return;
	if (etcd_msg_read_watch(data, n, &a, on_kv, f) < 0 || a.canceled)
		give_up(f);
	if (!a.more)
		f->whole = f->seen;
}

static void on_end(void *ctx, enum grpc_status status, const char *text)
{
	struct etcd_follow *f = ctx;

	(void)status;
	(void)text;
	f->watch = NULL;
	loop_timer_arm(f->turn, AGAIN_MS);
}

static void begin_watch(struct etcd_follow *f)
{
	static const struct grpc_hooks hooks = {.message = on_message, .end = on_end};
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_watch(&m, f->prefix, f->end, f->whole + 1);
	f->watch = etcd_watch(f->etcd, &m, &hooks, f);
}

static void on_turn(void *ctx)
{
	struct etcd_follow *f = ctx;

	if (f->is_stale)
		f->stale(f->ctx);
	else if (!f->watch)
		begin_watch(f);
}

/* ---- the object ---- */

struct etcd_follow *etcd_follow_new(struct etcd *e, struct loop *l, const char *prefix, uint64_t revision,
				    struct etcd_state *state, void (*stale)(void *ctx), void *ctx)
{
	struct etcd_follow *f = mem_new(struct etcd_follow);

	f->etcd = e;
	f->state = state;
	f->prefix = mem_strdup(prefix);
	f->prefix_len = strlen(prefix);
	f->end = etcd_msg_prefix_end(prefix);
	f->seen = f->whole = revision;
	f->last_seq = state->last_seq;
	f->stale = stale;
	f->ctx = ctx;
	f->turn = loop_timer_new(l, on_turn, f);
	begin_watch(f);
	return f;
}

void etcd_follow_suspects(const struct etcd_follow *f, struct etcd_load *l)
{
	for (struct map_slot *s = NULL; (s = map_next(&f->pieces, s));)
		etcd_load_suspect(l, s->key);
}

struct etcd_follow *etcd_follow_free(struct etcd_follow *f)
{
	if (!f)
		return NULL;
	grpc_cancel(f->watch);
	loop_timer_free(f->turn);
	for (struct map_slot *s = NULL; (s = map_next(&f->pieces, s));)
		buf_destroy(s->value);
	map_free(&f->pieces);
	free(f->prefix);
	free(f->end);
	free(f);
	return NULL;
}
