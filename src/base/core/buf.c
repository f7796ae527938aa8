/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"

#include "base/core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t limit_of(const struct buf *b)
{
	return b->limit ? b->limit : BUF_DEFAULT_LIMIT;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
	if (n > limit_of(b) || b->len > limit_of(b) - n) {
		b->full = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap : 64;

		while (cap < b->len + n + 1)
			cap *= 2;
		mem_grow_to((void **)&b->data, &b->cap, cap, 1);
	}
	return b->data + b->len;
}

void buf_added(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	char *room = buf_room(b, n);

	if (!room)
		return -E2BIG;
	if (n)
		memcpy(room, data, n);
	buf_added(b, n);
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *room;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	room = buf_room(b, (size_t)n);
	if (!room)
		return -E2BIG;
	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_added(b, (size_t)n);
	return 0;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	if (n >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->data, b->data + n, b->len - n + 1);
	b->len -= n;
}

void buf_pass(struct buf *b, size_t *at, size_t n)
{
	*at += n;
	if (*at < b->len - *at)
		return;
	buf_drop(b, *at);
	*at = 0;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *s = b->data ? b->data : mem_strdup("");

	*b = (struct buf){.limit = b->limit};
	return s;
}
