/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/frame.h"

#include "base/core/err.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"

#include <string.h>

static int check_header(struct frame_reader *r, struct err *err)
{
	const unsigned char *h = r->header;

	r->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	if (h[0] < FRAME_STDOUT || h[0] > FRAME_NOTE || h[1] || h[2] || h[3])
		return err_set(err, EPROTO, "the reply is broken: a frame begins with %02x %02x %02x %02x", h[0], h[1],
			       h[2], h[3]);
	if (h[0] == FRAME_NOTE && r->left > FRAME_NOTE_MAX)
		return err_set(err, EPROTO, "the reply is broken: a note of %u bytes; the limit is %u",
			       (unsigned)r->left, FRAME_NOTE_MAX);
	return 0;
}

static int body(struct frame_reader *r, const char *data, size_t n, frame_fn fn, void *ctx, struct err *err)
{
	enum frame_type type = (enum frame_type)r->header[0];
	int result;

	r->left -= (uint32_t)n;
	if (type != FRAME_NOTE)
		return n > 0 ? fn(ctx, type, data, n, err) : 0;
	buf_add(&r->note, data, n);
	if (r->left > 0)
		return 0;
	result = fn(ctx, type, buf_str(&r->note), r->note.len, err);
	buf_clear(&r->note);
	return result;
}

int frame_feed(struct frame_reader *r, const void *data, size_t n, frame_fn fn, void *ctx, struct err *err)
{
	const char *p = data;
	size_t part;
	int result;

	while (n > 0) {
		if (r->n_header < FRAME_HEADER) {
			part = n < FRAME_HEADER - r->n_header ? n : FRAME_HEADER - r->n_header;
			memcpy(r->header + r->n_header, p, part);
			r->n_header += part;
			p += part;
			n -= part;
			if (r->n_header < FRAME_HEADER)
				break;
			result = check_header(r, err);
			if (result < 0)
				return result;
		}
		part = n < r->left ? n : r->left;
		if (part == 0 && r->left > 0)
			break;
		result = body(r, p, part, fn, ctx, err);
		if (result < 0)
			return result;
		p += part;
		n -= part;
		if (r->left == 0)
			r->n_header = 0;
	}
	return 0;
}

bool frame_whole(const struct frame_reader *r)
{
	return r->n_header == 0;
}

void frame_free(struct frame_reader *r)
{
	buf_free(&r->note);
}

int frame_send(struct http_req *r, int type, const void *data, size_t n)
{
	unsigned char head[FRAME_HEADER] = {
	    (unsigned char)type, 0, 0, 0, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
	    (unsigned char)n};
	int full = http_reply_data(r, head, sizeof head);

	return n ? http_reply_data(r, data, n) : full;
}

int frame_note(struct http_req *r, const char *json)
{
	return frame_send(r, FRAME_NOTE, json, strlen(json));
}

int frame_text(struct http_req *r, const char *key, const char *text)
{
	buf_cleanup struct buf json = BUF_INIT;

	buf_printf(&json, "{\"%s\":", key);
	json_quote(&json, text, strlen(text));
	buf_addc(&json, '}');
	return frame_note(r, buf_str(&json));
}
