/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /containers/NAME/logs: what the engine has kept, at the reader's speed; in frames, or raw when the container has a terminal.
 */
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/shape.h"

#include <string.h>
#include <time.h>

enum { OUT = 1, ERR = 2 };

struct logs {
	struct http_req *r; /* NULL once it has ended */
	struct engine_log *log;
	struct loop_timer *until; /* nothing new comes after that */
	int64_t until_ms;	  /* INT64_MAX = for ever */
	bool wanted[3], raw, timestamps, details;
	bool mid_line[3]; /* by stream: the last byte was not the end of a line */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct logs *l = ctx;

	(void)r;
	engine_log_close(l->log);
	loop_timer_free(l->until);
	free(l);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct logs *l = ctx;

	(void)r;
	if (l->log)
		engine_log_resume(l->log);
}

static void finish(void *ctx)
{
	struct logs *l = ctx;
	struct http_req *r = l->r;

	if (!r)
		return;
	l->r = NULL;
	http_reply_end(r);
}

static int send_bytes(struct logs *l, int stream, const char *data, size_t n)
{
	const unsigned char head[8] = {
	    (unsigned char)stream, 0, 0, 0, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
	    (unsigned char)n};

	if (!l->raw)
		(void)http_reply_data(l->r, head, sizeof head);
	return http_reply_data(l->r, data, n);
}

/* Each line in a frame of its own, as docker-py wants it of Docker, and all of them in one piece. */
static int send_frames(struct logs *l, int stream, const char *data, size_t n)
{
	buf_cleanup struct buf out = BUF_INIT;

	while (n > 0) {
		const char *end = memchr(data, '\n', n);
		size_t piece = end ? (size_t)(end - data) + 1 : n;
		const unsigned char head[8] = {(unsigned char)stream,
					       0,
					       0,
					       0,
					       (unsigned char)(piece >> 24),
					       (unsigned char)(piece >> 16),
					       (unsigned char)(piece >> 8),
					       (unsigned char)piece};

		buf_add(&out, head, sizeof head);
		buf_add(&out, data, piece);
		data += piece;
		n -= piece;
	}
	return http_reply_data(l->r, out.data, out.len);
}

/* Each line with what is to stand before it, in one frame; a line that comes in pieces has it once. */
static int send_lines(struct logs *l, int stream, int64_t time_ms, const char *data, size_t n)
{
	int full = 0;

	while (n > 0) {
		const char *end = memchr(data, '\n', n);
		size_t piece = end ? (size_t)(end - data) + 1 : n;
		buf_cleanup struct buf line = BUF_INIT;
		char time[DOCKER_TIME_MAX];

		if (!l->mid_line[stream] && l->timestamps) {
			docker_time(time_ms, time);
			buf_printf(&line, "%.*s000000Z ", (int)strlen(time) - 1, time);
		}
		if (!l->mid_line[stream] && l->details)
			buf_addc(&line, ' ');
		buf_add(&line, data, piece);
		l->mid_line[stream] = !end;
		full = send_bytes(l, stream, line.data, line.len);
		data += piece;
		n -= piece;
	}
	return full;
}

static int on_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct logs *l = ctx;
	mem_cleanup char *note = NULL;

	if (!l->r)
		return 0;
	if (n == 0 || time_ms > l->until_ms) {
		finish(l);
		return 0;
	}
	if (stream == 0) {
		if (!l->wanted[ERR])
			return 0;
		note = mem_printf("berth: %.*s\n", (int)n, (const char *)data);
		return send_bytes(l, ERR, note, strlen(note));
	}
	if (stream > ERR || !l->wanted[stream])
		return 0;
	if (l->timestamps || l->details)
		return send_lines(l, stream, time_ms, data, n);
	return l->raw ? send_bytes(l, stream, data, n) : send_frames(l, stream, data, n);
}

static int read_tail(const struct docker_call *c, struct engine_log_options *o)
{
	const char *text = http_req_query(c->r, "tail");
	char *end;
	long long n;

	o->tail = -1;
	if (!text || !*text || !strcmp(text, "all"))
		return 0;
	n = strtoll(text, &end, 10);
	/* Docker takes everything for "all" that is no number. */
	if (!*end && n >= 0)
		o->tail = n > INT32_MAX ? INT32_MAX : n;
	return 0;
}

/* Answers what is wrong with the query. */
static bool read_query(const struct docker_call *c, struct logs *l, struct engine_log_options *o)
{
	int64_t since = docker_moment(c->r, "since", 0), until = docker_moment(c->r, "until", 0);

	l->wanted[OUT] = docker_flag(c->r, "stdout", false);
	l->wanted[ERR] = docker_flag(c->r, "stderr", false);
	l->timestamps = docker_flag(c->r, "timestamps", false);
	l->details = docker_flag(c->r, "details", false);
	o->follow = docker_flag(c->r, "follow", false);
	o->since_ms = since / 1000000;
	l->until_ms = until > 0 ? until / 1000000 : INT64_MAX;
	if (!l->wanted[OUT] && !l->wanted[ERR]) {
		docker_message(c->r, 400, "Bad parameters: you must choose at least one stream");
		return false;
	}
	if (since < 0 || until < 0) {
		docker_message(c->r, 400, "invalid value for \"%s\": a time in seconds is needed",
			       since < 0 ? "since" : "until");
		return false;
	}
	return read_tail(c, o) == 0;
}

/* What goes elsewhere is kept here, too, unless that is not wanted. */
static bool is_kept(yyjson_val *log)
{
	const char *type = shape_text(log, "Type"), *off = shape_text(yyjson_obj_get(log, "Config"), "cache-disabled");

	if (!strcmp(type, "none"))
		return false;
	return !(!strcmp(type, "journald") || !strcmp(type, "syslog")) || !(!strcmp(off, "true") || !strcmp(off, "1"));
}

/* How the container was made says whether its output is in frames, and whether it is kept. */
static bool read_kind(const struct docker_call *c, const struct engine_container *container, struct logs *l)
{
	struct container_doc doc;
	struct err err = ERR_INIT;
	bool kept;

	if (container_doc_read(c->d, container, &doc, &err) < 0) {
		docker_fail(c->r, &err);
		return false;
	}
	l->raw = yyjson_is_true(yyjson_obj_get(doc.config, "Tty"));
	kept = is_kept(yyjson_obj_get(doc.host, "LogConfig"));
	container_doc_free(&doc);
	if (!kept)
		docker_message(c->r, 501, "configured logging driver does not support reading");
	return kept;
}

static void begin(const struct docker_call *c, struct logs *l)
{
	const char *framed = l->raw ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream";
	int64_t left = l->until_ms == INT64_MAX ? 0 : l->until_ms - clock_wall_ms();

	http_req_on_close(c->r, on_close, l);
	http_reply_begin(c->r, 200, docker_since(c, DOCKER_STREAM_TYPES) ? framed : "application/octet-stream");
	http_reply_on_drain(c->r, on_drain, l);
	if (left > 0) {
		l->until = loop_timer_new(c->d->loop, finish, l);
		loop_timer_arm(l->until, left);
	}
}

void docker_container_logs(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct engine_log_options o = {.follow = false};
	struct err err = ERR_INIT;
	struct logs *l;

	if (!container)
		return;
	l = mem_new(struct logs);
	l->r = c->r;
	if (!read_query(c, l, &o) || !read_kind(c, container, l)) {
		free(l);
		return;
	}
	/* What was never started has said nothing. */
	o.follow &= container_runs(container) || container->starting;
	if (l->until_ms != INT64_MAX && l->until_ms < clock_wall_ms())
		o.follow = false;
	if (engine_log_open(c->d->engine, container->id, &o, on_log, l, &l->log, &err) < 0) {
		docker_fail(c->r, &err);
		free(l);
		return;
	}
	begin(c, l);
}
