/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/protobuf.h"

#include "base/core/buf.h"

#include <errno.h>
#include <string.h>

enum { WIRE_NUMBER = 0, WIRE_64 = 1, WIRE_TEXT = 2, WIRE_32 = 5 };

static void add_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		(void)buf_addc(b, (char)(v | 0x80));
	(void)buf_addc(b, (char)v);
}

static void add_bytes(struct buf *b, unsigned field, const char *data, size_t n)
{
	add_varint(b, field << 3 | WIRE_TEXT);
	add_varint(b, n);
	(void)buf_add(b, data, n);
}

void pb_number(struct buf *b, unsigned field, uint64_t value)
{
	add_varint(b, field << 3 | WIRE_NUMBER);
	add_varint(b, value);
}

void pb_uint(struct buf *b, unsigned field, uint64_t value)
{
	if (value != 0)
		pb_number(b, field, value);
}

void pb_bytes(struct buf *b, unsigned field, const void *data, size_t n)
{
	if (n > 0)
		add_bytes(b, field, data, n);
}

void pb_text(struct buf *b, unsigned field, const char *text)
{
	if (text)
		add_bytes(b, field, text, strlen(text));
}

void pb_message(struct buf *b, unsigned field, const struct buf *message)
{
	add_bytes(b, field, buf_str(message), message->len);
}

static int take_varint(const char **at, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		unsigned char c = (unsigned char)*(*at)++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_bytes(const char **at, const char *end, size_t n, struct pb_field *ret)
{
	if (n > (size_t)(end - *at))
		return -EINVAL;
	ret->text = *at;
	ret->n = n;
	*at += n;
	return 0;
}

int pb_next(const char **at, const char *end, struct pb_field *ret)
{
	uint64_t key, n;
	int r;

	if (*at >= end)
		return 0;
	r = take_varint(at, end, &key);
	if (r < 0 || key >> 3 > UINT32_MAX >> 3)
		return -EINVAL;
	*ret = (struct pb_field){.field = (unsigned)(key >> 3)};
	switch (key & 7) {
	case WIRE_NUMBER:
		r = take_varint(at, end, &ret->number);
		break;
	case WIRE_TEXT:
		r = take_varint(at, end, &n);
		if (r == 0)
			r = take_bytes(at, end, n, ret);
		break;
	case WIRE_32:
	case WIRE_64: /* criu has none that we read */
		r = take_bytes(at, end, (key & 7) == WIRE_32 ? 4 : 8, ret);
		break;
	default:
		r = -EINVAL;
	}
	return r < 0 ? r : 1;
}
