/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_load.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"
#include "base/store/etcd_cell.h"
#include "base/store/etcd_lead.h"
#include "base/store/store_mem.h"

#include <stdio.h>
#include <string.h>

#define LOAD_MS 20000
#define KEYS_PAGE 1000

enum stage { STAGE_HEAD, STAGE_SNAP, STAGE_DOCS, STAGE_LOG, STAGE_PIECES, STAGE_KEYS, STAGE_DONE };

/* A value that lies in pieces, to be fetched when the pages of keys have been read. */
struct wanted {
	struct wanted *next;
	char *key;
	struct cell_value value;
	struct buf data;
};

struct etcd_load {
	struct etcd *etcd;
	struct etcd_state *state;
	etcd_load_fn fn;
	void *ctx;
	char *prefix, *from, *end; /* from, end: of the page that is on its way */
	size_t prefix_len;
	enum stage stage;
	uint64_t revision, first, next_seq; /* first: the oldest event that counts */
	struct wanted *wanted;
	struct map unknown; /* ids of pieces; those that nothing refers to are left */
	struct err err;
};

static void next_page(struct etcd_load *l);

static int damaged(struct etcd_load *l, const struct etcd_kv *kv)
{
	return err_set(&l->err, EBADMSG, "the key \"%.*s\" in etcd (%s) is damaged", (int)kv->key_len, kv->key,
		       etcd_endpoint(l->etcd));
}

/* ---- what is found ---- */

static int take_head(struct etcd_load *l, const struct etcd_kv *kv)
{
	struct cell_head head;

	if (cell_get_head(kv->value, kv->value_len, &head) < 0)
		return damaged(l, kv);
	if (head.format > STORE_FORMAT)
		return err_set(
		    &l->err, EPROTO,
		    "the store in etcd (%s, %s) has format %llu, this berth (%s) knows formats up to %d: use the "
		    "newer berth again",
		    etcd_endpoint(l->etcd), l->prefix, (unsigned long long)head.format, BERTH_VERSION, STORE_FORMAT);
	l->state->last_seq = head.last_seq;
	buf_add(&l->state->head, kv->value, kv->value_len);
	return 0;
}

static void want_pieces(struct etcd_load *l, const char *key, const struct cell_value *v)
{
	struct wanted *w = mem_new(struct wanted);

	w->next = l->wanted;
	w->key = mem_strdup(key);
	w->value = *v;
	w->data.limit = CELL_VALUE_MAX;
	l->wanted = w;
	free(map_put(&l->state->blobs, key, mem_strdup(v->blob)));
}

static void set_value(struct etcd_load *l, const char *key, const struct cell_value *v, const char *data)
{
	struct store_doc d = {.key = key + strlen("doc/"), .value = data, .len = v->len};

	if (!strcmp(key, "snap"))
		store_mem_snapshot(l->state->mirror, v->seq, data, v->len);
	else
		store_mem_doc(l->state->mirror, &d);
}

static int take_value(struct etcd_load *l, const struct etcd_kv *kv)
{
	mem_cleanup char *key = mem_strndup(kv->key + l->prefix_len, kv->key_len - l->prefix_len);
	mem_cleanup char *data = NULL;
	struct cell_value v;

	if (strlen(key) != kv->key_len - l->prefix_len || cell_get_value(kv->value, kv->value_len, &v) < 0)
		return damaged(l, kv);
	if (l->stage == STAGE_SNAP)
		l->first = v.first;
	if (!v.data) {
		want_pieces(l, key, &v);
		return 0;
	}
	data = mem_strndup(v.data, v.len);
	if (strlen(data) != v.len)
		return damaged(l, kv);
	set_value(l, key, &v, data);
	return 0;
}

static int take_event(void *ctx, const struct store_event *e)
{
	struct etcd_load *l = ctx;

	if (l->next_seq != 0 && e->seq != l->next_seq)
		return err_set(&l->err, EBADMSG, "the log in etcd (%s) has a gap before event %llu",
			       etcd_endpoint(l->etcd), (unsigned long long)e->seq);
	l->next_seq = e->seq + 1;
	store_mem_event(l->state->mirror, e);
	return 0;
}

static int take_group(struct etcd_load *l, const struct etcd_kv *kv)
{
	int r = cell_get_events(kv->value, kv->value_len, l->first, take_event, l);

	return r < 0 && !l->err.code ? damaged(l, kv) : r;
}

static int take_piece(struct etcd_load *l, const struct etcd_kv *kv)
{
	if (kv->value_len > l->wanted->value.len - l->wanted->data.len)
		return damaged(l, kv);
	buf_add(&l->wanted->data, kv->value, kv->value_len);
	return 0;
}

static int take_key(struct etcd_load *l, const struct etcd_kv *kv)
{
	size_t skip = l->prefix_len + strlen("blob/");
	const char *id = kv->key + skip, *slash = kv->key_len > skip ? memchr(id, '/', kv->key_len - skip) : NULL;
	mem_cleanup char *text = slash ? mem_strndup(id, (size_t)(slash - id)) : NULL;

	if (text)
		map_put(&l->unknown, text, l);
	return 0;
}

/* ---- stages ---- */

static const struct {
	const char *key;
	bool prefix;
	uint64_t page;
	int (*take)(struct etcd_load *l, const struct etcd_kv *kv);
} stages[] = {
    [STAGE_HEAD] = {"head", false, 1, take_head},    [STAGE_SNAP] = {"snap", false, 1, take_value},
    [STAGE_DOCS] = {"doc/", true, 64, take_value},   [STAGE_LOG] = {"log/", true, 16, take_group},
    [STAGE_PIECES] = {"blob/", true, 8, take_piece}, [STAGE_KEYS] = {"blob/", true, KEYS_PAGE, take_key},
};

static void finish(struct etcd_load *l, const struct err *error)
{
	struct err own = ERR_INIT;

	if (error && error != &l->err)
		own = *error;
	else if (error)
		own = l->err;
	if (!error)
		store_mem_last(l->state->mirror, l->state->last_seq);
	l->fn(l->ctx, error ? &own : NULL);
}

/* One value has come whole. */
static int end_pieces(struct etcd_load *l)
{
	struct wanted *w = l->wanted;

	if (w->data.len != w->value.len || strlen(buf_str(&w->data)) != w->value.len)
		return err_set(&l->err, EBADMSG, "the value of \"%s%s\" in etcd (%s) is not whole", l->prefix, w->key,
			       etcd_endpoint(l->etcd));
	set_value(l, w->key, &w->value, buf_str(&w->data));
	l->wanted = w->next;
	buf_free(&w->data);
	free(w->key);
	free(w);
	return 0;
}

static int check_log(struct etcd_load *l)
{
	uint64_t last = l->next_seq ? l->next_seq - 1 : l->state->last_seq;

	if (last == l->state->last_seq)
		return 0;
	return err_set(&l->err, EBADMSG, "the log in etcd (%s) ends at event %llu instead of %llu",
		       etcd_endpoint(l->etcd), (unsigned long long)last, (unsigned long long)l->state->last_seq);
}

static int end_stage(struct etcd_load *l)
{
	int r = l->stage == STAGE_PIECES ? end_pieces(l) : l->stage == STAGE_LOG ? check_log(l) : 0;

	if (r == 0 && (l->stage != STAGE_PIECES || !l->wanted))
		l->stage++;
	if (l->stage == STAGE_PIECES && !l->wanted)
		l->stage++;
	free(l->from);
	free(l->end);
	l->from = l->end = NULL;
	return r;
}

static int on_kv(void *ctx, const struct etcd_kv *kv)
{
	struct etcd_load *l = ctx;

	if (kv->key_len < l->prefix_len || memcmp(kv->key, l->prefix, l->prefix_len) != 0)
		return damaged(l, kv);
	/* The next page begins behind this key. */
	free(l->from);
	l->from = mem_zalloc(1, kv->key_len + 2);
	memcpy(l->from, kv->key, kv->key_len);
	l->from[kv->key_len] = '\001';
	return stages[l->stage].take(l, kv);
}

static void on_page(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_load *l = ctx;
	struct etcd_answer a;
	int r;

	if (error) {
		finish(l, error);
		return;
	}
	r = etcd_msg_read_range(data, n, &a, on_kv, l);
	if (r < 0 && !l->err.code)
		err_set(&l->err, EBADMSG, "etcd (%s) gives an answer that is none", etcd_endpoint(l->etcd));
	l->revision = l->revision ? l->revision : a.revision;
	if (r == 0 && !a.more)
		r = end_stage(l);
	if (r < 0)
		finish(l, &l->err);
	else if (l->stage == STAGE_DONE)
		finish(l, NULL);
	else
		next_page(l);
}

static void next_page(struct etcd_load *l)
{
	struct buf m buf_cleanup = BUF_INIT;

	if (!l->from) {
		l->from = l->stage == STAGE_PIECES ? mem_printf("%sblob/%s/", l->prefix, l->wanted->value.blob)
						   : mem_printf("%s%s", l->prefix, stages[l->stage].key);
		l->end = stages[l->stage].prefix ? etcd_msg_prefix_end(l->from) : NULL;
	}
	etcd_msg_range(&m, &(struct etcd_range){.key = l->from,
						.end = l->end,
						.limit = stages[l->stage].page,
						.revision = l->revision,
						.keys_only = l->stage == STAGE_KEYS});
	etcd_call(l->etcd, ETCD_RANGE, &m, LOAD_MS, on_page, l);
}

/* ---- the object ---- */

struct etcd_load *etcd_load_new(struct etcd *e, const char *prefix, struct etcd_state *state, etcd_load_fn fn,
				void *ctx)
{
	struct etcd_load *l = mem_new(struct etcd_load);

	l->etcd = e;
	l->prefix = mem_strdup(prefix);
	l->prefix_len = strlen(prefix);
	l->state = state;
	l->fn = fn;
	l->ctx = ctx;
	next_page(l);
	return l;
}

struct etcd_load *etcd_load_free(struct etcd_load *l)
{
	if (!l)
		return NULL;
	while (l->wanted) {
		struct wanted *w = l->wanted;

		l->wanted = w->next;
		buf_free(&w->data);
		free(w->key);
		free(w);
	}
	map_free(&l->unknown);
	free(l->prefix);
	free(l->from);
	free(l->end);
	free(l);
	return NULL;
}

uint64_t etcd_load_revision(const struct etcd_load *l)
{
	return l->revision;
}

void etcd_load_suspect(struct etcd_load *l, const char *id)
{
	map_put(&l->unknown, id, l);
}

static void ignore(void *ctx, const char *data, size_t n, const struct err *error)
{
	(void)ctx;
	(void)data;
	(void)n;
	(void)error; /* the next leader tries again */
}

void etcd_load_sweep(struct etcd_load *l, const struct etcd_lead *lead)
{
	for (struct map_slot *s = NULL; (s = map_next(&l->state->blobs, s));)
		map_remove(&l->unknown, s->value);
	for (struct map_slot *s = NULL; (s = map_next(&l->unknown, s));) {
		mem_cleanup char *key = mem_printf("%sblob/%s/", l->prefix, s->key), *end = etcd_msg_prefix_end(key);
		struct buf m buf_cleanup = BUF_INIT;

		etcd_msg_if_created(&m, etcd_lead_key(lead), etcd_lead_created(lead));
		etcd_msg_delete(&m, key, end);
		etcd_call(l->etcd, ETCD_TXN, &m, ETCD_CALL_MS, ignore, NULL);
	}
}
