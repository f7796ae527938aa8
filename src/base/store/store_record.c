/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/store_record.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <string.h>

#define BYTES_ON_WAY (8u << 20)

void store_count(struct store_counts *c, const struct store_record *r)
{
	c->docs += r->type == STORE_RECORD_DOC;
	c->events += r->type == STORE_RECORD_EVENT;
	c->snapshots += r->type == STORE_RECORD_SNAPSHOT;
}

/* ---- out of a store ---- */

struct walk {
	store_record_fn fn;
	void *ctx;
	uint64_t first;
};

static int see_first(void *ctx, const struct store_event *e)
{
	*(uint64_t *)ctx = e->seq;
	return 1;
}

static int see_doc(void *ctx, const char *key, const char *value, size_t len)
{
	const struct walk *w = ctx;
	const struct store_record r = {.type = STORE_RECORD_DOC, .doc = {.key = key, .value = value, .len = len}};

	return w->fn(w->ctx, &r);
}

static int see_event(void *ctx, const struct store_event *e)
{
	const struct walk *w = ctx;
	const struct store_record r = {.type = STORE_RECORD_EVENT, .event = *e};

	return w->fn(w->ctx, &r);
}

/* An event's number minus one, or, when all events were dropped, that of the last one. */
static int tell_begin(struct store *s, const struct walk *w, struct err *err)
{
	struct store_record r = {.type = STORE_RECORD_BEGIN};
	uint64_t first = 0;
	int x = store_read(s, 0, 1, see_first, &first, err);

	if (x < 0)
		return x;
	r.event.seq = first ? first - 1 : store_last_seq(s);
	return w->fn(w->ctx, &r);
}

static int tell_snapshot(struct store *s, const struct walk *w, struct err *err)
{
	struct store_record r = {.type = STORE_RECORD_SNAPSHOT};
	mem_cleanup char *data = NULL;
	int x = store_snapshot_get(s, &r.event.seq, &data, &r.event.len, err);

	if (x == -ENOENT) {
		err_clear(err);
		return 0;
	}
	r.event.data = data;
	return x < 0 ? x : w->fn(w->ctx, &r);
}

int store_records(struct store *s, store_record_fn fn, void *ctx, struct err *err)
{
	struct walk w = {.fn = fn, .ctx = ctx};
	int r = tell_begin(s, &w, err);

	if (r == 0)
		r = store_scan(s, "", see_doc, &w, err);
	if (r == 0)
		r = store_read(s, 0, 0, see_event, &w, err);
	if (r == 0)
		r = tell_snapshot(s, &w, err);
	return r;
}

/* ---- into one ---- */

struct store_fill {
	struct store *to;
	struct loop *loop;
	uint64_t next; /* event */
	size_t bytes;  /* since the last wait */
	size_t pending;
	bool waits;
	struct err err; /* of the first write that has failed */
};

static void on_done(void *ctx, uint64_t seq, const struct err *error)
{
	struct store_fill *f = ctx;

	(void)seq;
	if (error && !f->err.code)
		f->err = *error;
	if (--f->pending == 0 && f->waits)
		loop_stop(f->loop);
}

static int wait_all(struct store_fill *f, struct err *err)
{
	f->waits = true;
	while (f->pending > 0)
		(void)loop_run(f->loop, NULL);
	f->waits = false;
	f->bytes = 0;
	if (f->err.code && err)
		*err = f->err;
	return -f->err.code;
}

static int see_any(void *ctx, const char *key, const char *value, size_t len)
{
	(void)ctx;
	(void)key;
	(void)value;
	(void)len;
	return 1;
}

static int check_empty(struct store *to, struct err *err)
{
	mem_cleanup char *mark = NULL;
	int r;

	if (store_get(to, STORE_UNFINISHED, &mark, NULL, NULL) == 0)
		return err_set(err, EEXIST, "there is a copy that was not finished: delete it first");
	r = store_scan(to, "", see_any, NULL, err);
	if (r > 0 || (r == 0 && store_last_seq(to) > 0))
		return err_set(err, EEXIST, "there is a state already; nothing was changed");
	return r;
}

static void put(struct store_fill *f, const struct store_doc *d)
{
	f->pending++;
	store_put(f->to, d, 1, on_done, f);
}

int store_fill_new(struct store *to, struct loop *l, struct store_fill **ret, struct err *err)
{
	struct store_fill *f;
	int r = check_empty(to, err);

	if (r < 0)
		return r;
	f = mem_new(struct store_fill);
	f->to = to;
	f->loop = l;
	*ret = f;
	return 0;
}

static int take_event(struct store_fill *f, const struct store_event *e, struct err *err)
{
	if (e->seq != f->next)
		return err_set(err, EBADMSG, "event %" PRIu64 " is missing", f->next);
	f->next++;
	f->pending++;
	store_append(f->to, e, NULL, 0, on_done, f);
	return 0;
}

/* The numbers have to be known before anything is written. */
static int take_begin(struct store_fill *f, uint64_t seq, struct err *err)
{
	const struct store_doc mark = {.key = STORE_UNFINISHED, .value = "{}", .len = 2};

	store_begin_at(f->to, seq);
	f->next = seq + 1;
	put(f, &mark);
	return wait_all(f, err);
}

int store_fill_take(struct store_fill *f, const struct store_record *r, struct err *err)
{
	int x = 0;

	if ((r->type == STORE_RECORD_BEGIN) != (f->next == 0))
		return err_set(err, EBADMSG, "the records are not in their order");
	switch (r->type) {
	case STORE_RECORD_BEGIN:
		x = take_begin(f, r->event.seq, err);
		break;
	case STORE_RECORD_DOC:
		put(f, &r->doc);
		break;
	case STORE_RECORD_EVENT:
		x = take_event(f, &r->event, err);
		break;
	case STORE_RECORD_SNAPSHOT:
		x = wait_all(f, err);
		f->pending++;
		store_snapshot(f->to, r->event.seq, r->event.data, r->event.len, SIZE_MAX, on_done, f);
		break;
	}
	f->bytes += r->event.len + r->doc.len + sizeof *r;
	return x == 0 && f->bytes > BYTES_ON_WAY ? wait_all(f, err) : x;
}

int store_fill_end(struct store_fill *f, struct err *err)
{
	const struct store_doc mark = {.key = STORE_UNFINISHED};
	int r = f->next ? wait_all(f, err) : err_set(err, EBADMSG, "there is no record");

	if (r < 0)
		return r;
	put(f, &mark);
	return wait_all(f, err);
}

struct store_fill *store_fill_free(struct store_fill *f)
{
	if (f)
		(void)wait_all(f, NULL);
	free(f);
	return NULL;
}
