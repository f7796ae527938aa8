/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_cell.h"

#include "base/core/mem.h"
#include "base/wire/protobuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_LAST = 1, HEAD_MARK = 2, HEAD_FORMAT = 3 };
enum { VALUE_DATA = 1, VALUE_BLOB = 2, VALUE_LEN = 3, VALUE_SEQ = 4, VALUE_FIRST = 5 };
enum { GROUP_FIRST = 1, GROUP_EVENT = 2 };
enum { EVENT_TIME = 1, EVENT_KIND = 2, EVENT_DATA = 3 };

void cell_put_head(struct buf *b, uint64_t last_seq, const char *mark)
{
	pb_uint(b, HEAD_LAST, last_seq);
	pb_text(b, HEAD_MARK, mark);
	pb_uint(b, HEAD_FORMAT, STORE_FORMAT);
}

int cell_get_head(const char *data, size_t n, struct cell_head *ret)
{
	const char *at = data, *end = data + n;
	struct pb_field f;
	int x;

	*ret = (struct cell_head){.last_seq = 0};
	while ((x = pb_next(&at, end, &f)) == 1) {
		if (f.field == HEAD_LAST)
			ret->last_seq = f.number;
		if (f.field == HEAD_FORMAT)
			ret->format = f.number;
	}
	return x < 0 || ret->format == 0 || ret->last_seq > INT64_MAX ? -EBADMSG : 0;
}

void cell_put_value(struct buf *b, const struct cell_value *v)
{
	if (v->data)
		pb_bytes(b, VALUE_DATA, v->data, v->len);
	else
		pb_text(b, VALUE_BLOB, v->blob);
	pb_uint(b, VALUE_LEN, v->len);
	pb_uint(b, VALUE_SEQ, v->seq);
	pb_uint(b, VALUE_FIRST, v->first);
}

/* Letters of an ID alone: it becomes part of a key. */
static bool take_id(struct cell_value *v, const struct pb_field *f)
{
	if (!f->text || f->n == 0 || f->n >= sizeof v->blob)
		return false;
	memcpy(v->blob, f->text, f->n);
	v->blob[f->n] = '\0';
	return strspn(v->blob, "0123456789abcdef-") == f->n;
}

int cell_get_value(const char *data, size_t n, struct cell_value *ret)
{
	const char *at = data, *end = data + n;
	size_t len = 0;
	struct pb_field f;
	int x;

	*ret = (struct cell_value){.data = NULL};
	while ((x = pb_next(&at, end, &f)) == 1) {
		if (f.field == VALUE_DATA) {
			ret->data = f.text;
			len = f.n;
		} else if (f.field == VALUE_BLOB && !take_id(ret, &f)) {
			return -EBADMSG;
		} else if (f.field == VALUE_LEN) {
			ret->len = f.number;
		} else if (f.field == VALUE_SEQ) {
			ret->seq = f.number;
		} else if (f.field == VALUE_FIRST) {
			ret->first = f.number;
		}
	}
	if (x < 0 || ret->len > CELL_VALUE_MAX || ret->seq > INT64_MAX)
		return -EBADMSG;
	if (*ret->blob)
		return ret->data ? -EBADMSG : 0;
	ret->data = ret->data ? ret->data : "";
	return len == ret->len ? 0 : -EBADMSG;
}

void cell_put_first(struct buf *b, uint64_t seq)
{
	pb_uint(b, GROUP_FIRST, seq);
}

void cell_put_event(struct buf *b, const struct store_event *e)
{
	struct buf one buf_cleanup = BUF_INIT;

	pb_uint(&one, EVENT_TIME, (uint64_t)e->time_ms);
	pb_text(&one, EVENT_KIND, e->kind);
	pb_bytes(&one, EVENT_DATA, e->data, e->len);
	pb_message(b, GROUP_EVENT, &one);
}

static int take_event(const struct pb_field *outer, uint64_t seq, store_event_fn fn, void *ctx)
{
	struct store_event e = {.seq = seq};
	const char *at = outer->text, *end = outer->text + outer->n;
	mem_cleanup char *kind = NULL, *data = NULL;
	struct pb_field f;
	int x;

	while ((x = pb_next(&at, end, &f)) == 1) {
		if (f.field == EVENT_TIME)
			e.time_ms = (int64_t)f.number;
		if (f.field == EVENT_KIND && f.text && !kind)
			kind = mem_strndup(f.text, f.n);
		if (f.field == EVENT_DATA && f.text && !data) {
			if (memchr(f.text, '\0', f.n))
				return -EBADMSG; /* JSON has none */
			data = mem_strndup(f.text, f.n);
			e.len = f.n;
		}
	}
	if (x < 0)
		return x;
	e.kind = kind ? kind : "";
	e.data = data ? data : "";
	return fn(ctx, &e);
}

int cell_get_events(const char *data, size_t n, uint64_t from, store_event_fn fn, void *ctx)
{
	const char *at = data, *end = data + n;
	struct pb_field f;
	uint64_t seq = 0;
	int x = 0;

	while (x == 0 && (x = pb_next(&at, end, &f)) == 1) {
		x = 0;
		if (f.field == GROUP_FIRST)
			seq = f.number;
		if (f.field != GROUP_EVENT)
			continue;
		if (!f.text || seq == 0 || seq > INT64_MAX)
			return -EBADMSG;
		if (seq >= from)
			x = take_event(&f, seq, fn, ctx);
		seq++;
	}
	return x;
}
