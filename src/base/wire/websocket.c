/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/websocket.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80
#define MASK_SIZE 4

static enum websocket_opcode opcode_of(const struct websocket *w)
{
	return w->head[0] & 0x0f;
}

static bool is_control(const struct websocket *w)
{
	return opcode_of(w) >= WEBSOCKET_CLOSE;
}

/* Bytes of the head, as far as it is known. */
static unsigned head_size(const struct websocket *w)
{
	unsigned length = w->n_head < 2 ? 0 : w->head[1] & 0x7f;

	return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + MASK_SIZE;
}

static uint64_t length_of(const struct websocket *w)
{
	unsigned length = w->head[1] & 0x7f;
	uint16_t two;
	uint64_t eight;

	memcpy(&two, w->head + 2, sizeof two);
	memcpy(&eight, w->head + 2, sizeof eight);
	return length == 126 ? be16toh(two) : length == 127 ? be64toh(eight) : length;
}

/* RFC 6455, 5.2 and 5.4 */
static int begin_frame(struct websocket *w)
{
	bool fin = w->head[0] & FIN, continued = opcode_of(w) == WEBSOCKET_CONTINUED;

	w->length = length_of(w);
	w->at = 0;
	if (w->length > INT64_MAX)
		return -EPROTO;
	w->in_payload = true;
	if (is_control(w)) {
		w->n_control = 0;
		return fin && w->length <= WEBSOCKET_CONTROL_MAX ? 0 : -EPROTO;
	}
	if (continued != w->in_message)
		return -EPROTO;
	w->in_message = !fin;
	return 0;
}

static bool first_bytes_fit(const struct websocket *w)
{
	enum websocket_opcode op = opcode_of(w);

	if ((w->head[0] & RESERVED) || (op > WEBSOCKET_BINARY && op < WEBSOCKET_CLOSE) || op > WEBSOCKET_PONG)
		return false;
	return w->n_head < 2 || (w->head[1] & MASKED);
}

static int take_head(struct websocket *w, uint8_t byte)
{
	w->head[w->n_head++] = byte;
	if (!first_bytes_fit(w))
		return -EPROTO;
	return w->n_head < head_size(w) ? 0 : begin_frame(w);
}

static void take_payload(struct websocket *w, const uint8_t *data, size_t n, uint8_t *to)
{
	const uint8_t *mask = w->head + head_size(w) - MASK_SIZE;

	for (size_t i = 0; i < n; i++)
		to[i] = data[i] ^ mask[(w->at + i) % MASK_SIZE];
	w->at += n;
}

/* Whole now: what the caller has to know of it. */
static int end_frame(struct websocket *w)
{
	enum websocket_opcode op = opcode_of(w);

	w->in_payload = false;
	w->n_head = 0;
	if (op == WEBSOCKET_CLOSE && w->n_control == 1)
		return -EPROTO;
	return op == WEBSOCKET_PING || op == WEBSOCKET_CLOSE ? (int)op : 0;
}

int websocket_feed(struct websocket *w, const uint8_t *data, size_t n, size_t *ret_used, uint8_t *out, size_t *ret_out)
{
	int r = 0;

	*ret_used = *ret_out = 0;
	while (r == 0 && (*ret_used < n || (w->in_payload && w->at == w->length))) {
		uint64_t left = w->length - w->at;
		size_t piece = n - *ret_used;

		if (!w->in_payload) {
			r = take_head(w, data[(*ret_used)++]);
			continue;
		}
		piece = left < piece ? (size_t)left : piece;
		if (is_control(w)) {
			take_payload(w, data + *ret_used, piece, w->control + w->n_control);
			w->n_control += piece;
		} else {
			take_payload(w, data + *ret_used, piece, out + *ret_out);
			*ret_out += piece;
		}
		*ret_used += piece;
		if (w->at == w->length)
			r = end_frame(w);
	}
	return r;
}

unsigned websocket_close_code(const struct websocket *w)
{
	unsigned code = w->n_control < 2 ? 1000 : (unsigned)w->control[0] << 8 | w->control[1];
	/* RFC 6455, 7.4: 1004 to 1006 and 1015 are never sent; below 3000 the others are not given to anybody. */
	bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

	return known ? code : 1002;
}

size_t websocket_head(uint8_t out[static WEBSOCKET_HEAD_MAX], enum websocket_opcode opcode, uint64_t n)
{
	uint16_t two = htobe16((uint16_t)n);
	uint64_t eight = htobe64(n);

	out[0] = FIN | (uint8_t)opcode;
	out[1] = n < 126 ? (uint8_t)n : n <= UINT16_MAX ? 126 : 127;
	if (out[1] < 126)
		return 2;
	if (out[1] == 126) {
		memcpy(out + 2, &two, sizeof two);
		return 4;
	}
	memcpy(out + 2, &eight, sizeof eight);
	return 10;
}
