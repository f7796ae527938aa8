/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/logview.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/term.h"

#include <string.h>

#define PIECE (64u << 10)
#define OUT_HIGH (256u << 10)

static int fd_of(const struct logview *v, int stream)
{
	return stream == 0 ? v->fd_out : v->fd_err;
}

static bool filtered(const struct logview *v, int stream)
{
	return !v->raw && term_is(fd_of(v, stream));
}

static int flush(struct logview *v, int stream, struct err *err)
{
	struct buf *out = &v->out[stream];
	int r;

	if (out->len == 0)
		return 0;
	r = fd_write_all(fd_of(v, stream), out->data, out->len);
	buf_clear(out);
	return r < 0 ? err_sys(err, -r, "write the logs") : 0;
}

static void begin_line(struct logview *v, int stream)
{
	struct buf *out = &v->out[stream];
	int fd = fd_of(v, stream);
	char time[CLOCK_TEXT_MAX];

	if (v->indent)
		buf_adds(out, v->indent);
	if (v->source) {
		mem_cleanup char *safe = text_escaped(v->source);

		buf_printf(out, "%s%s |%s ", term_prefix_color(fd, v->source_number), safe, term_plain(fd));
	}
	if (v->utc_times && v->time_ms > 0)
		buf_printf(out, "%s ", clock_format(v->time_ms, time));
	v->in_line[stream] = true;
}

static void end_line(struct logview *v, int stream)
{
	if (!v->in_line[stream])
		return;
	text_filter_end(&v->filter[stream], &v->out[stream]);
	buf_addc(&v->out[stream], '\n');
	v->in_line[stream] = false;
}

static void add(struct logview *v, int stream, const char *data, size_t n)
{
	if (filtered(v, stream))
		text_filter_add(&v->filter[stream], &v->out[stream], data, n);
	else
		buf_add(&v->out[stream], data, n);
}

static bool plain_copy(const struct logview *v, int stream)
{
	return !v->source && !v->utc_times && !v->indent && !filtered(v, stream);
}

static int output(struct logview *v, int stream, const char *data, size_t n, struct err *err)
{
	if (plain_copy(v, stream)) {
		int r = fd_write_all(fd_of(v, stream), data, n);

		return r < 0 ? err_sys(err, -r, "write the logs") : 0;
	}
	while (n > 0) {
		const char *newline = memchr(data, '\n', n);
		size_t part = newline ? (size_t)(newline - data) + 1 : n;

		if (!v->in_line[stream])
			begin_line(v, stream);
		add(v, stream, data, part);
		if (newline)
			v->in_line[stream] = false;
		data += part;
		n -= part;
		if (v->out[stream].len > OUT_HIGH) {
			int r = flush(v, stream, err);

			if (r < 0)
				return r;
		}
	}
	return flush(v, stream, err);
}

static unsigned number_of(const char *source)
{
	unsigned h = 5381;

	for (; *source; source++)
		h = h * 33 + (unsigned char)*source;
	return h;
}

static int note(struct logview *v, const char *text, size_t n, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, FRAME_NOTE_MAX, "a note in the logs", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *source = show_str(root, "source", NULL), *notice = show_str(root, "notice", NULL);

	if (!doc)
		return -EPROTO;
	v->time_ms = show_int(root, "time_ms", v->time_ms);
	if (source && !(v->source && strcmp(v->source, source) == 0)) {
		for (int i = 0; i < 2; i++) {
			int r;

			end_line(v, i);
			r = flush(v, i, err);
			if (r < 0)
				return r;
		}
		free(v->source);
		v->source = mem_strdup(source);
		v->source_number = number_of(source);
	}
	if (notice)
		text_error("%s", notice);
	v->ended = v->ended || show_bool(root, "end");
	return 0;
}

static int on_frame(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	struct logview *v = ctx;

	if (type == FRAME_NOTE)
		return note(v, data, n, err);
	return output(v, type == FRAME_STDERR, data, n, err);
}

int logview_feed(struct logview *v, const void *data, size_t n, struct err *err)
{
	return frame_feed(&v->frames, data, n, on_frame, v, err);
}

void logview_end(struct logview *v)
{
	for (int i = 0; i < 2; i++) {
		if (v->in_line[i] && (v->source || v->indent || term_is(fd_of(v, i))))
			end_line(v, i);
		(void)flush(v, i, NULL);
		buf_free(&v->out[i]);
	}
	free(v->source);
	frame_free(&v->frames);
}

int logview_read(struct logview *v, struct http_client *c, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	ssize_t n = 0;
	int r = 0;

	while (r == 0 && (n = client_read(c, -1, data, PIECE, -1, NULL, err)) > 0)
		r = logview_feed(v, data, (size_t)n, err);
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	if (!v->ended || !frame_whole(&v->frames))
		return err_set(err, EPROTO, "the logs were cut off: berth went away");
	return 0;
}
