/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of a container, of a job, of one task or of one copy: JOB, JOB/TASK, JOB/TASK/INDEX. Several containers are sources of one stream, each announced by a
 * note when it starts to speak. At most SOURCES_OPEN are read at once; without `follow` one after the other, so the output is in order. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SOURCES_OPEN 64

struct logs;

struct source {
	struct logs *logs;
	struct source *next;
	char id[65];
	char *label;
	struct engine_log *log;
	bool opened, ended;
	bool mid_line[3]; /* by stream: the last byte was not a newline */
};

struct logs {
	struct api *api;
	struct http_req *req; /* NULL once ended */
	struct engine_log_options options;
	int64_t until_ms; /* INT64_MAX = for ever */
	bool timestamps, several;
	bool pieces;	  /* the time of each piece of output, not of each line alone */
	char *job, *task; /* NULL: one container */
	int64_t index;	  /* -1 = all */
	struct source *first, **last, *speaking;
	struct engine_listener *engine;
	struct server_listener *server;
};

static void logs_free(struct logs *l)
{
	engine_unlisten(l->engine);
	server_unlisten(l->server);
	while (l->first) {
		struct source *s = l->first;

		l->first = s->next;
		engine_log_close(s->log);
		free(s->label);
		free(s);
	}
	free(l->job);
	free(l->task);
	free(l);
}

static void on_close(struct http_req *r, void *ctx)
{
	(void)r;
	logs_free(ctx);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct logs *l = ctx;

	(void)r;
	for (struct source *s = l->first; s; s = s->next) {
		if (s->log && !s->ended)
			engine_log_resume(s->log);
	}
}

static bool more_may_come(const struct logs *l)
{
	char *text = NULL;
	bool ended;

	if (!l->options.follow || !l->job)
		return false;
	ended = server_job_ended(l->api->o.server, l->job, &text);
	free(text);
	return !ended;
}

static void open_sources(struct logs *l);

static void finish_if_done(struct logs *l)
{
	struct http_req *r = l->req;

	for (struct source *s = l->first; s; s = s->next) {
		if (!s->ended)
			return;
	}
	if (!r || more_may_come(l))
		return;
	l->req = NULL;
	frame_note(r, "{\"end\":true}");
	http_reply_end(r);
}

/* With timestamps each line is told its time; a line that came in pieces once. */
static int send_timed(struct source *s, int stream, int64_t time_ms, const char *data, size_t n)
{
	struct http_req *r = s->logs->req;
	char note[64];
	int full = 0;

	snprintf(note, sizeof note, "{\"time_ms\":%" PRId64 "}", time_ms);
	while (n > 0) {
		const char *newline = memchr(data, '\n', n);
		size_t piece = newline ? (size_t)(newline - data) + 1 : n;

		if (!s->mid_line[stream] || s->logs->pieces)
			frame_note(r, note);
		full = frame_send(r, stream, data, piece);
		s->mid_line[stream] = !newline;
		data += piece;
		n -= piece;
	}
	return full;
}

static int on_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct source *s = ctx;
	struct logs *l = s->logs;

	if (!l->req)
		return 0;
	if (n == 0 || (stream != 0 && time_ms > l->until_ms)) {
		if (s->ended)
			return 0;
		s->ended = true;
		open_sources(l);
		finish_if_done(l);
		return 0;
	}
	if (l->several && l->speaking != s) {
		l->speaking = s;
		frame_text(l->req, "source", s->label);
	}
	if (stream == 0) {
		mem_cleanup char *text = mem_strndup(data, n);

		return frame_text(l->req, "notice", text);
	}
	if (l->timestamps)
		return send_timed(s, stream, time_ms, data, n);
	return frame_send(l->req, stream, data, n);
}

static void open_sources(struct logs *l)
{
	size_t open = 0, most = l->options.follow ? SOURCES_OPEN : 1;

	for (struct source *s = l->first; s; s = s->next)
		open += s->opened && !s->ended;
	for (struct source *s = l->first; s && open < most; s = s->next) {
		struct err err = ERR_INIT;

		if (s->opened)
			continue;
		s->opened = true;
		if (engine_log_open(l->api->o.engine, s->id, &l->options, on_log, s, &s->log, &err) < 0) {
			s->ended = true;
			frame_text(l->req, "notice", err.text);
		} else {
			open++;
		}
	}
}

static void add_source(struct logs *l, const struct engine_container *c)
{
	struct source *s = mem_new(struct source);

	s->logs = l;
	snprintf(s->id, sizeof s->id, "%s", c->id);
	if (c->job)
		s->label = c->epoch > 1 ? mem_printf("%s/%u#%u", c->task, c->index, c->epoch)
					: mem_printf("%s/%u", c->task, c->index);
	else
		s->label = mem_strdup(c->name);
	*l->last = s;
	l->last = &s->next;
}

static bool wanted(const struct logs *l, const struct engine_container *c)
{
	return l->job && c->job && !strcmp(c->job, l->job) && (!l->task || !strcmp(c->task, l->task)) &&
	       (l->index < 0 || c->index == (uint64_t)l->index);
}

static void on_engine(void *ctx, const struct engine_event *ev)
{
	struct logs *l = ctx;

	if (!l->req || ev->type != ENGINE_EV_CREATED || !ev->c || !wanted(l, ev->c))
		return;
	for (struct source *s = l->first; s; s = s->next) {
		if (!strcmp(s->id, ev->c->id))
			return;
	}
	add_source(l, ev->c);
	open_sources(l);
}

static int on_server(void *ctx, const char *json, size_t len, const char *job)
{
	struct logs *l = ctx;

	(void)json;
	(void)len;
	if (l->req && job && !strcmp(job, l->job))
		finish_if_done(l);
	return 0;
}

static void ignore(void *ctx, const struct server_attempt *a)
{
	(void)ctx;
	(void)a;
}

/* "JOB/TASK/INDEX" taken apart; the job is looked up by id, prefix or name. */
static int parse_job(struct logs *l, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *task = strchr(copy, '/'), *index = NULL, *end;
	char id[128];
	int r;

	if (task) {
		*task++ = '\0';
		index = strchr(task, '/');
	}
	l->index = -1;
	if (index) {
		*index++ = '\0';
		l->index = strtoll(index, &end, 10);
		if (!*index || *end || l->index < 0 || l->index >= SERVER_ALL_COPIES)
			return err_set(err, EINVAL, "\"%s\" is not the number of a copy of %s", index, task);
	}
	r = server_find(l->api->o.server, copy, id, sizeof id, err);
	if (r < 0)
		return r;
	l->job = mem_strdup(id);
	l->task = task && *task ? mem_strdup(task) : NULL;
	return server_attempts_each(l->api->o.server, l->job, l->task,
				    l->index < 0 ? SERVER_ALL_COPIES : (uint32_t)l->index, ignore, NULL, err);
}

static int find_sources(struct logs *l, const char *id, struct err *err)
{
	const struct engine_container *c;
	struct err none = ERR_INIT;
	int r;

	if (engine_find(l->api->o.engine, id, &c, &none) == 0) {
		add_source(l, c);
		return 0;
	}
	r = parse_job(l, id, err);
	if (r == -ENOENT && !l->job)
		return err_set(err, ENOENT,
			       "there is no container and no job \"%s\" (berth ps -a and berth jobs -a list them)", id);
	if (r < 0)
		return r;
	for (size_t i = 0; (c = engine_at(l->api->o.engine, i)); i++) {
		if (wanted(l, c))
			add_source(l, c);
	}
	l->several = true;
	return 0;
}

void logs_get(struct api *a, struct http_req *r, const char *id)
{
	struct logs *l = mem_new(struct logs);
	struct err err = ERR_INIT;

	l->api = a;
	l->req = r;
	l->last = &l->first;
	l->options = (struct engine_log_options){.follow = api_query_bool(r, "follow"), .tail = -1};
	l->until_ms = INT64_MAX;
	l->timestamps = api_query_bool(r, "timestamps");
	l->pieces = api_query_bool(r, "pieces");
	if (api_query_int(r, "tail", -1, INT32_MAX, &l->options.tail) < 0) {
		logs_free(l);
		return;
	}
	if (api_query_int(r, "since_ms", 0, INT64_MAX, &l->options.since_ms) < 0 ||
	    api_query_int(r, "until_ms", 0, INT64_MAX, &l->until_ms) < 0) {
		logs_free(l);
		return;
	}
	if (l->options.follow && l->until_ms != INT64_MAX)
		(void)err_set(&err, EINVAL, "logs are followed, or read until a time, not both");
	if (err.code || find_sources(l, id, &err) < 0) {
		http_reply_err(r, &err);
		logs_free(l);
		return;
	}
	http_req_on_close(r, on_close, l);
	http_reply_begin(r, 200, FRAME_TYPE);
	http_reply_on_drain(r, on_drain, l);
	if (l->job && l->options.follow) {
		l->engine = engine_listen(a->o.engine, on_engine, l);
		l->server = server_listen(a->o.server, on_server, l);
	}
	open_sources(l);
	finish_if_done(l);
}
