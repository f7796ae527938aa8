/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_msg.h"

#include "base/core/mem.h"
#include "base/wire/protobuf.h"

#include <errno.h>
#include <string.h>

/* ---- writing ---- */

void etcd_msg_range(struct buf *m, const struct etcd_range *r)
{
	enum { ASCENDING = 1, BY_CREATION = 2 };

	pb_text(m, 1, r->key);
	pb_text(m, 2, r->end);
	pb_uint(m, 3, r->limit);
	pb_uint(m, 4, r->revision);
	if (r->order == ETCD_OLDEST) {
		pb_uint(m, 5, ASCENDING);
		pb_uint(m, 6, BY_CREATION);
	}
	pb_uint(m, 8, r->keys_only);
}

enum { COMPARE_EQUAL = 0, COMPARE_CREATED = 1, COMPARE_VALUE = 3 };

void etcd_msg_if_created(struct buf *m, const char *key, uint64_t revision)
{
	struct buf c buf_cleanup = BUF_INIT;

	pb_uint(&c, 1, COMPARE_EQUAL);
	pb_uint(&c, 2, COMPARE_CREATED);
	pb_text(&c, 3, key);
	pb_uint(&c, 5, revision);
	pb_message(m, 1, &c);
}

void etcd_msg_if_value(struct buf *m, const char *key, const void *value, size_t n)
{
	struct buf c buf_cleanup = BUF_INIT;

	pb_uint(&c, 1, COMPARE_EQUAL);
	pb_uint(&c, 2, COMPARE_VALUE);
	pb_text(&c, 3, key);
	pb_bytes(&c, 7, value, n);
	pb_message(m, 1, &c);
}

enum { OP_RANGE = 1, OP_PUT = 2, OP_DELETE = 3 };

static void put_op(struct buf *m, enum etcd_branch branch, unsigned kind, const struct buf *op)
{
	struct buf wrapped buf_cleanup = BUF_INIT;

	pb_message(&wrapped, kind, op);
	pb_message(m, branch, &wrapped);
}

void etcd_msg_put(struct buf *m, const char *key, const void *value, size_t n, uint64_t lease)
{
	struct buf op buf_cleanup = BUF_INIT;

	pb_text(&op, 1, key);
	pb_bytes(&op, 2, value, n);
	pb_uint(&op, 3, lease);
	put_op(m, ETCD_THEN, OP_PUT, &op);
}

void etcd_msg_delete(struct buf *m, const char *key, const char *end)
{
	struct buf op buf_cleanup = BUF_INIT;

	pb_text(&op, 1, key);
	pb_text(&op, 2, end);
	put_op(m, ETCD_THEN, OP_DELETE, &op);
}

void etcd_msg_get(struct buf *m, enum etcd_branch branch, const char *key)
{
	struct buf op buf_cleanup = BUF_INIT;

	pb_text(&op, 1, key);
	put_op(m, branch, OP_RANGE, &op);
}

void etcd_msg_watch(struct buf *m, const char *key, const char *end, uint64_t from_revision)
{
	struct buf create buf_cleanup = BUF_INIT;

	pb_text(&create, 1, key);
	pb_text(&create, 2, end);
	pb_uint(&create, 3, from_revision);
	pb_uint(&create, 8, 1); /* an answer that would be too large comes in pieces */
	pb_message(m, 1, &create);
}

void etcd_msg_authenticate(struct buf *m, const char *user, const char *password)
{
	pb_text(m, 1, user);
	pb_text(m, 2, password);
}

void etcd_msg_grant(struct buf *m, uint64_t ttl_s)
{
	pb_uint(m, 1, ttl_s);
}

void etcd_msg_lease(struct buf *m, uint64_t id)
{
	pb_uint(m, 1, id);
}

void etcd_msg_compact(struct buf *m, uint64_t revision)
{
	pb_uint(m, 1, revision);
}

char *etcd_msg_prefix_end(const char *prefix)
{
	char *end = mem_strdup(prefix);

	end[strlen(end) - 1]++; /* our prefixes end in '/' or a digit */
	return end;
}

/* ---- reading ---- */

/* Any number of levels is read by one function: it calls `fn` for each field of the message. */
typedef int (*field_fn)(void *ctx, const struct pb_field *f);

static int each_field(const char *data, size_t n, field_fn fn, void *ctx)
{
	const char *at = data, *end = data + n;
	struct pb_field f;
	int x = 0;

	while (x == 0 && (x = pb_next(&at, end, &f)) == 1)
		x = fn(ctx, &f);
	return x;
}

static int in_header(void *ctx, const struct pb_field *f)
{
	if (f->field == 3)
		((struct etcd_answer *)ctx)->revision = f->number;
	return 0;
}

static int in_kv(void *ctx, const struct pb_field *f)
{
	struct etcd_kv *kv = ctx;

	if (f->field == 1 && f->text) {
		kv->key = f->text;
		kv->key_len = f->n;
	} else if (f->field == 5 && f->text) {
		kv->value = f->text;
		kv->value_len = f->n;
	} else if (f->field == 2) {
		kv->created = f->number;
	} else if (f->field == 3) {
		kv->revision = f->number;
	}
	return 0;
}

struct reading {
	struct etcd_answer *answer;
	etcd_kv_fn fn;
	void *ctx;
};

static int take_kv(const struct reading *r, const struct pb_field *f, bool deleted)
{
	struct etcd_kv kv = {.key = "", .value = "", .deleted = deleted};
	int x = each_field(f->text, f->n, in_kv, &kv);

	return x == 0 && r->fn ? r->fn(r->ctx, &kv) : x;
}

static int in_range(void *ctx, const struct pb_field *f)
{
	const struct reading *r = ctx;

	if (f->field == 1 && f->text)
		return each_field(f->text, f->n, in_header, r->answer);
	if (f->field == 2 && f->text)
		return take_kv(r, f, false);
	if (f->field == 3)
		r->answer->more = f->number != 0;
	return 0;
}

static int in_response(void *ctx, const struct pb_field *f)
{
	const struct reading *outer = ctx;
	struct etcd_answer inner = {.revision = 0}; /* its header is empty */
	struct reading r = {.answer = &inner, .fn = outer->fn, .ctx = outer->ctx};

	return f->field == 1 && f->text ? each_field(f->text, f->n, in_range, &r) : 0;
}

static int in_txn(void *ctx, const struct pb_field *f)
{
	const struct reading *r = ctx;

	if (f->field == 1 && f->text)
		return each_field(f->text, f->n, in_header, r->answer);
	if (f->field == 2)
		r->answer->succeeded = f->number != 0;
	if (f->field == 3 && f->text)
		return each_field(f->text, f->n, in_response, ctx);
	return 0;
}

struct event {
	bool deleted;
	struct pb_field kv;
};

static int in_event(void *ctx, const struct pb_field *f)
{
	struct event *e = ctx;

	if (f->field == 1)
		e->deleted = f->number == 1;
	if (f->field == 2 && f->text)
		e->kv = *f;
	return 0;
}

static int in_watch(void *ctx, const struct pb_field *f)
{
	const struct reading *r = ctx;
	struct event e = {.deleted = false};
	int x;

	if (f->field == 1 && f->text)
		return each_field(f->text, f->n, in_header, r->answer);
	if (f->field == 3)
		r->answer->created = f->number != 0;
	if (f->field == 4)
		r->answer->canceled = f->number != 0;
	if (f->field == 5)
		r->answer->compacted = f->number;
	if (f->field == 7)
		r->answer->more = f->number != 0;
	if (f->field != 11 || !f->text)
		return 0;
	x = each_field(f->text, f->n, in_event, &e);
	return x == 0 && e.kv.text ? take_kv(r, &e.kv, e.deleted) : x;
}

static int in_lease(void *ctx, const struct pb_field *f)
{
	struct etcd_answer *a = ctx;

	if (f->field == 1 && f->text)
		return each_field(f->text, f->n, in_header, a);
	if (f->field == 2)
		a->id = f->number;
	if (f->field == 3)
		a->ttl = f->number;
	return 0;
}

static int in_token(void *ctx, const struct pb_field *f)
{
	struct etcd_answer *a = ctx;

	if (f->field == 2 && f->text) {
		a->token = (char *)(uintptr_t)f->text;
		a->token_len = f->n;
	}
	return 0;
}

static int read_with(field_fn in, const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx)
{
	struct reading r = {.answer = ret, .fn = fn, .ctx = ctx};

	*ret = (struct etcd_answer){.revision = 0};
	return each_field(data, n, in, &r);
}

int etcd_msg_read_range(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx)
{
	return read_with(in_range, data, n, ret, fn, ctx);
}

int etcd_msg_read_txn(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx)
{
	return read_with(in_txn, data, n, ret, fn, ctx);
}

int etcd_msg_read_watch(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx)
{
	return read_with(in_watch, data, n, ret, fn, ctx);
}

int etcd_msg_read_lease(const char *data, size_t n, struct etcd_answer *ret)
{
	*ret = (struct etcd_answer){.revision = 0};
	return each_field(data, n, in_lease, ret);
}

int etcd_msg_read_token(const char *data, size_t n, struct etcd_answer *ret)
{
	*ret = (struct etcd_answer){.revision = 0};
	return each_field(data, n, in_token, ret);
}
