/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of frames from a hostile server, cut into pieces by the first byte: however they are cut, the same must
 * come out, and what is shown on a terminal holds no control bytes but newlines and tabs. Needs cli_dep.
 */
#include "base/core/buf.h"
#include "base/wire/frame.h"
#include "face/cli/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
	struct buf seen, shown;
	struct text_filter filter;
};

static int collect(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	struct sink *s = ctx;

	(void)err;
	if (type == FRAME_NOTE)
		buf_printf(&s->seen, "[%zu]", n);
	buf_add(&s->seen, data, n);
	text_filter_add(&s->filter, &s->shown, data, n);
	return 0;
}

static int decode(struct sink *s, const uint8_t *data, size_t size, size_t step)
{
	struct frame_reader r = FRAME_READER_INIT;
	int result = 0;

	for (size_t at = 0; at < size && result == 0; at += step)
		result = frame_feed(&r, data + at, step < size - at ? step : size - at, collect, s, NULL);
	text_filter_end(&s->filter, &s->shown);
	frame_free(&r);
	return result;
}

static void check_shown(const struct buf *shown)
{
	for (size_t i = 0; i < shown->len; i++) {
		unsigned char c = (unsigned char)shown->data[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sink whole = {.seen = BUF_INIT}, cut = {.seen = BUF_INIT};
	int a, b;

	if (size < 2)
		return 0;
	a = decode(&whole, data + 1, size - 1, size);
	b = decode(&cut, data + 1, size - 1, (size_t)data[0] + 1);
	if (a != b || whole.seen.len != cut.seen.len || whole.shown.len != cut.shown.len ||
	    memcmp(buf_str(&whole.seen), buf_str(&cut.seen), whole.seen.len) != 0 ||
	    memcmp(buf_str(&whole.shown), buf_str(&cut.shown), whole.shown.len) != 0)
		abort();
	check_shown(&whole.shown);
	buf_free(&whole.seen);
	buf_free(&whole.shown);
	buf_free(&cut.seen);
	buf_free(&cut.shown);
	return 0;
}
