/* SPDX-License-Identifier: Apache-2.0
 *
 * http_parse_fuzz: the HTTP parser of server and client, and the decoding of targets. The same bytes are fed whole and in pieces: both must tell the same
 * story, so how a peer cuts its packets can never change what is understood. Needs wire_dep.
 *
 * First byte: bit 0 = replies instead of requests, the rest = size of the pieces.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/wire/http_parse.h"
#include "base/wire/http_target.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void tell_head(const struct http_parse *p, struct buf *story)
{
	struct http_target target;

	buf_printf(story, "<%s %s %d %d %d>", http_parse_method(p), http_parse_target(p), http_parse_reply_status(p),
		   http_parse_has_body(p), http_parse_keep_alive(p));
	for (size_t i = 0; i < p->n_fields; i++)
		buf_printf(story, "[%s=%s]", p->text.data + p->fields[i].name, p->text.data + p->fields[i].value);
	if (p->kind == HTTP_PARSE_REQUEST && http_target_parse(&target, http_parse_target(p), NULL) == 0) {
		buf_printf(story, "{%s}", target.path);
		for (size_t i = 0; i < target.n_params; i++)
			buf_printf(story, "{%s=%s}", target.params[i].name, target.params[i].value);
		http_target_free(&target);
	}
}

/* False at an error: the story ends. */
static bool feed(struct http_parse *p, const uint8_t *data, size_t n, struct buf *story)
{
	for (;;) {
		size_t used = 0;
		int event = http_parse_feed(p, data, n, &used, NULL);

		if (event < 0 || used > n)
			return false;
		data += used;
		n -= used;
		if (event == HTTP_PARSE_MORE && n > 0)
			abort();
		if (event == HTTP_PARSE_MORE)
			return true;
		if (event == HTTP_PARSE_HEAD)
			tell_head(p, story);
		if (event == HTTP_PARSE_BODY)
			buf_add(story, p->body, p->body_len);
		if (event == HTTP_PARSE_END) {
			buf_adds(story, "<end>");
			http_parse_reset(p);
		}
	}
}

/* False when it ended with an error. */
static bool tell(enum http_parse_kind kind, const uint8_t *data, size_t n, size_t piece, struct buf *story)
{
	struct http_parse p;
	bool well = true;

	http_parse_init(&p, kind, 4096);
	for (size_t at = 0; at < n && well; at += piece) {
		size_t m = n - at < piece ? n - at : piece;
		/* A copy of its own, so that the sanitizer sees a read past the piece. */
		uint8_t *copy = malloc(m);

		memcpy(copy, data + at, m);
		well = feed(&p, copy, m, story);
		free(copy);
	}
	buf_printf(story, "%s", !well ? "<error>" : http_parse_eof(&p, NULL) < 0 ? "<cut>" : "<eof>");
	http_parse_free(&p);
	return well;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf whole = BUF_INIT, pieces = BUF_INIT;
	bool whole_ok, pieces_ok;
	enum http_parse_kind kind;
	size_t size;

	if (n < 1)
		return 0;
	kind = data[0] & 1 ? HTTP_PARSE_REPLY : HTTP_PARSE_REQUEST;
	size = (size_t)(data[0] >> 1) + 1;
	whole_ok = tell(kind, data + 1, n - 1, n, &whole);
	pieces_ok = tell(kind, data + 1, n - 1, size, &pieces);
	/* A body that turns out to be wrong may be handed out up to different places; with that one difference the stories are the same. */
	if (whole_ok != pieces_ok)
		abort();
	if (whole_ok && (whole.len != pieces.len || memcmp(buf_str(&whole), buf_str(&pieces), whole.len) != 0))
		abort();
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
