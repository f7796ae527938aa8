/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs of a job, of one of its tasks or copies: JOB, JOB/TASK, JOB/TASK/INDEX. Each attempt's output lies at the node that ran it, and is a source of one
 * stream, as on one machine (api/logs.c): at most SOURCES_OPEN are read at once; without `follow` one after the other.
 *
 * A node that cannot be asked is named in one line. What is followed waits for it as long as the attempt may still be there, and goes on where it was.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/frame.h"
#include "base/wire/http_ask.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SOURCES_OPEN 64
#define PIECE_MAX (256u << 10) /* a piece of output goes on whole up to here: sources take turns between lines */
#define ERROR_MAX 4096

enum source_state { SOURCE_NEW, SOURCE_OPEN, SOURCE_AWAY, SOURCE_ENDED };

struct source {
	struct job_logs *logs;
	struct source *next;
	char node[NODE_NAME_MAX];
	char *container, *label;
	int64_t sent_ms, started_ms;
	size_t number; /* in the order they were found */
	bool over;     /* the server knows its end */
	enum source_state state;
	struct http_ask *ask;
	int status;
	struct frame_reader frames;
	struct buf piece, error;
	bool complete;	     /* the node has said that it was all */
	uint64_t told, skip; /* bytes of output; of a second reading those that were told before */
	int64_t time_ms;     /* of the output that comes, -1: not said */
	bool timed;	     /* it was said and has not been passed on */
	int64_t last_ms;     /* with a tail: of what was told last ... */
	uint64_t told_last;  /* ... and how much of that time */
	bool mid_line[3];    /* by stream: the last byte that was told was no newline */
};

struct job_logs {
	struct onehost *h;
	struct http_req *r; /* NULL: it has ended */
	char *job, *task;   /* task NULL: all */
	uint32_t index;
	bool follow, timestamps;
	int64_t tail, since_ms, until_ms; /* -1: not said */
	struct source *first, **last, *speaking;
	struct map by_container;
	struct map said; /* nodes that cannot be asked */
	struct server_listener *server;
};

static void source_free(struct source *s)
{
	http_ask_free(s->ask);
	frame_free(&s->frames);
	buf_free(&s->piece);
	buf_free(&s->error);
	free(s->container);
	free(s->label);
	free(s);
}

static void job_logs_free(struct job_logs *l)
{
	server_unlisten(l->server);
	while (l->first) {
		struct source *s = l->first;

		l->first = s->next;
		source_free(s);
	}
	map_free(&l->by_container);
	map_free(&l->said);
	free(l->job);
	free(l->task);
	free(l);
}

static void on_close(struct http_req *r, void *ctx)
{
	(void)r;
	job_logs_free(ctx);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct job_logs *l = ctx;

	(void)r;
	for (struct source *s = l->first; s; s = s->next) {
		if (s->ask)
			http_ask_resume(s->ask);
	}
}

/* ---- the end ---- */

static bool job_ended(const struct job_logs *l)
{
	mem_cleanup char *text = NULL;

	return server_job_ended(l->h->server, l->job, &text);
}

static void finish_if_done(struct job_logs *l)
{
	struct http_req *r = l->r;

	for (const struct source *s = l->first; s; s = s->next) {
		if (s->state != SOURCE_ENDED)
			return;
	}
	if (!r || (l->follow && !job_ended(l)))
		return;
	l->r = NULL;
	frame_note(r, "{\"end\":true}");
	http_reply_end(r);
}

static void open_sources(struct job_logs *l);

static void source_end(struct source *s)
{
	s->state = SOURCE_ENDED;
	s->ask = http_ask_free(s->ask);
	frame_free(&s->frames);
	buf_free(&s->piece);
}

/* One line for each node, until it is there again. */
static void say_away(struct source *s, const char *why)
{
	struct job_logs *l = s->logs;
	mem_cleanup char *text = mem_printf("%s: what it has of %s is %s", why, l->job,
					    l->follow && !s->over ? "shown when it is there again" : "not shown");

	if (map_get(&l->said, s->node))
		return;
	map_put(&l->said, s->node, l);
	frame_text(l->r, "notice", text);
}

/* The node cannot be asked, or has stopped answering. */
static void source_away(struct source *s, const char *why)
{
	say_away(s, why);
	source_end(s);
	if (s->logs->follow && !s->over)
		s->state = SOURCE_AWAY;
}

/* ---- what a node tells ---- */

static void speak(struct source *s)
{
	struct job_logs *l = s->logs;

	if (l->speaking == s)
		return;
	l->speaking = s;
	frame_text(l->r, "source", s->label);
}

/* With a tail a second reading begins at the time of what was told last: all of that time comes once more. */
static void on_time(struct source *s)
{
	if (s->time_ms == s->last_ms)
		return;
	s->last_ms = s->time_ms;
	s->told_last = s->skip = 0;
}

static int tell_piece(struct source *s, enum frame_type type)
{
	struct http_req *r = s->logs->r;
	mem_cleanup char *note = mem_printf("{\"time_ms\":%" PRId64 "}", s->time_ms);
	int full;

	s->told += s->piece.len;
	s->told_last += s->piece.len;
	speak(s);
	if (s->logs->timestamps && s->timed && !s->mid_line[type])
		frame_note(r, note);
	s->timed = false;
	s->mid_line[type] = s->piece.data[s->piece.len - 1] != '\n';
	full = frame_send(r, (int)type, s->piece.data, s->piece.len);
	buf_clear(&s->piece);
	return full;
}

/* Whole pieces go on, so that no line of another source comes into one. */
static int on_output(struct source *s, enum frame_type type, const char *data, size_t n)
{
	size_t again;

	if (s->logs->tail >= 0 && s->timed)
		on_time(s);
	again = s->skip < n ? (size_t)s->skip : n;
	s->skip -= again;
	buf_add(&s->piece, data + again, n - again);
	if (s->piece.len > 0 && (s->frames.left == 0 || s->piece.len > PIECE_MAX))
		return tell_piece(s, type);
	return 0;
}

/* What a node says is not trusted: only what is known goes on, written anew. */
static void on_note(struct source *s, const char *text, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(text, n, 0);
	yyjson_val *o = yyjson_doc_get_root(doc), *time = yyjson_obj_get(o, "time_ms");
	const char *notice = yyjson_get_str(yyjson_obj_get(o, "notice"));

	if (yyjson_get_bool(yyjson_obj_get(o, "end")))
		s->complete = true;
	if (yyjson_is_int(time)) {
		s->time_ms = yyjson_get_sint(time);
		s->timed = true;
	}
	if (s->skip > 0 || !notice)
		return;
	speak(s);
	frame_text(s->logs->r, "notice", notice);
}

static int on_frame(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	struct source *s = ctx;

	(void)err;
	if (!s->logs->r)
		return 0;
	if (type == FRAME_NOTE)
		on_note(s, data, n);
	else if (on_output(s, type, data, n) && s->ask)
		http_ask_pause(s->ask);
	return 0;
}

static void on_head(void *ctx, int status)
{
	struct source *s = ctx;

	s->status = status;
}

static void on_body(void *ctx, const void *data, size_t n)
{
	struct source *s = ctx;
	struct err err = ERR_INIT;

	if (s->status != 200) {
		buf_add(&s->error, data, n);
		return;
	}
	if (frame_feed(&s->frames, data, n, on_frame, s, &err) == 0)
		return;
	source_away(s, err.text);
	open_sources(s->logs);
	finish_if_done(s->logs);
}

/* A container that is not there (any more), or another no of the node. */
static void say_refused(struct source *s)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(buf_str(&s->error), s->error.len, 0);
	const char *message = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "message"));
	mem_cleanup char *text = NULL;

	/* What never ran has written nothing. */
	if (s->status == 404 && s->started_ms == 0)
		return;
	if (s->status == 404)
		text = mem_printf("the output of %s is not kept any more by node %s", s->label, s->node);
	else
		text = mem_printf("the output of %s: node %s: %s", s->label, s->node, message ? message : "no answer");
	frame_text(s->logs->r, "notice", text);
}

static void on_end(void *ctx, const struct err *error)
{
	struct source *s = ctx;
	struct job_logs *l = s->logs;
	mem_cleanup char *why = mem_printf("node %s went away", s->node);

	if (!l->r)
		return;
	if (error || (s->status == 200 && !s->complete)) {
		source_away(s, why);
	} else {
		if (s->status != 200)
			say_refused(s);
		source_end(s);
	}
	open_sources(l);
	finish_if_done(l);
}

/* ---- asking ---- */

static char *target_of(const struct source *s)
{
	const struct job_logs *l = s->logs;
	struct buf out = BUF_INIT;

	bool again = l->tail >= 0 && s->told > 0; /* where the last lines began nobody knows any more */
	int64_t since_ms = again ? s->last_ms : l->since_ms;

	buf_printf(&out, "/v1/containers/%s/logs?follow=%d&timestamps=%d", s->container, l->follow,
		   l->timestamps || (l->follow && l->tail >= 0));
	if (l->follow && l->tail >= 0)
		buf_adds(&out, "&pieces=1");
	if (since_ms >= 0)
		buf_printf(&out, "&since_ms=%" PRId64, since_ms);
	if (l->until_ms >= 0)
		buf_printf(&out, "&until_ms=%" PRId64, l->until_ms);
	if (l->tail >= 0 && !again)
		buf_printf(&out, "&tail=%" PRId64, l->tail);
	return buf_take(&out);
}

static int source_ask(struct source *s, struct err *err)
{
	static const struct http_ask_hooks hooks = {.head = on_head, .body = on_body, .end = on_end};
	mem_cleanup char *target = target_of(s);
	const char *const headers[] = {"Berth-Node", s->node, NULL};
	const struct http_ask_what what = {.method = "GET", .target = target, .headers = headers};
	int fd = server_node_dial(s->logs->h->server, s->node, err);

	return fd < 0 ? fd : http_ask_new(s->logs->h->loop, fd, &what, &hooks, s, &s->ask, err);
}

static void source_open(struct source *s)
{
	struct err err = ERR_INIT;

	s->state = SOURCE_OPEN;
	s->status = 0;
	s->complete = false;
	s->frames = (struct frame_reader)FRAME_READER_INIT;
	s->piece = (struct buf)BUF_INIT;
	s->skip = s->logs->tail < 0 ? s->told : s->told_last;
	s->timed = false;
	if (source_ask(s, &err) < 0)
		source_away(s, err.text);
}

static void open_sources(struct job_logs *l)
{
	size_t open = 0, most = l->follow ? SOURCES_OPEN : 1;

	for (const struct source *s = l->first; s; s = s->next)
		open += s->state == SOURCE_OPEN;
	for (struct source *s = l->first; s && open < most; s = s->next) {
		if (s->state != SOURCE_NEW)
			continue;
		source_open(s);
		open += s->state == SOURCE_OPEN;
	}
}

/* ---- what there is ---- */

static void add_attempt(void *ctx, const struct server_attempt *a)
{
	struct job_logs *l = ctx;
	struct source *s = map_get(&l->by_container, a->container);

	if (s)
		s->over = a->ended;
	if (s || (a->started_ms == 0 && !a->ended))
		return;
	s = mem_new(struct source);
	s->logs = l;
	snprintf(s->node, sizeof s->node, "%s", a->node);
	s->container = mem_strdup(a->container);
	s->label = a->epoch > 1 ? mem_printf("%s/%" PRIu32 "#%" PRIu32, a->task, a->index, a->epoch)
				: mem_printf("%s/%" PRIu32, a->task, a->index);
	s->sent_ms = a->sent_ms;
	s->started_ms = a->started_ms;
	s->number = l->by_container.n;
	s->over = a->ended;
	s->time_ms = s->last_ms = -1;
	s->error.limit = ERROR_MAX;
	map_put(&l->by_container, s->container, s);
	*l->last = s;
	l->last = &s->next;
}

static void node_is_there(struct job_logs *l, const char *node)
{
	map_remove(&l->said, node);
	for (struct source *s = l->first; s; s = s->next) {
		if (s->state == SOURCE_AWAY && !strcmp(s->node, node))
			s->state = SOURCE_NEW;
	}
}

/* What is over is waited for no longer. */
static void end_those_over(struct job_logs *l, bool all)
{
	for (struct source *s = l->first; s; s = s->next) {
		if (s->state == SOURCE_AWAY && (s->over || all))
			source_end(s);
	}
}

static void on_job(struct job_logs *l, const char *kind, yyjson_val *event)
{
	const char *task = yyjson_get_str(yyjson_obj_get(event, "task"));
	yyjson_val *index = yyjson_obj_get(event, "index");
	uint32_t copy = (uint32_t)yyjson_get_uint(index);
	struct err err = ERR_INIT;

	if ((!strcmp(kind, "started") || !strcmp(kind, "exited")) && task && index &&
	    (!l->task || !strcmp(task, l->task)) && (l->index == SERVER_ALL_COPIES || l->index == copy))
		(void)server_attempts_each(l->h->server, l->job, task, copy, add_attempt, l, &err);
	end_those_over(l, job_ended(l));
}

static int on_server(void *ctx, const char *json, size_t len, const char *job)
{
	struct job_logs *l = ctx;
	json_doc_cleanup yyjson_doc *doc = NULL;
	bool ours = job && !strcmp(job, l->job);
	const char *kind;

	if (!l->r || (!ours && !strstr(json, "\"node_up\"")))
		return 0;
	doc = yyjson_read(json, len, 0);
	kind = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "kind"));
	if (kind && ours)
		on_job(l, kind, yyjson_doc_get_root(doc));
	else if (kind && !strcmp(kind, "node_up"))
		node_is_there(l, yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "node")));
	open_sources(l);
	finish_if_done(l);
	return 0;
}

/* ---- the question ---- */

/* A whole number of the query; left alone when it is not there. */
static int read_number(const struct http_req *r, const char *name, int64_t max, int64_t *inout, struct err *err)
{
	const char *text = http_req_query(r, name);
	char *end;
	long long n;

	if (!text)
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < -1 || n > max)
		return err_set(err, EINVAL, "%s: \"%s\" is not a whole number within -1 and %lld", name, text,
			       (long long)max);
	*inout = n;
	return 0;
}

static bool read_bool(const struct http_req *r, const char *name)
{
	const char *text = http_req_query(r, name);

	return text && strcmp(text, "0") != 0 && strcmp(text, "false") != 0;
}

static int read_query(struct job_logs *l, const struct http_req *r, struct err *err)
{
	int x = read_number(r, "tail", INT32_MAX, &l->tail, err);

	l->follow = read_bool(r, "follow");
	l->timestamps = read_bool(r, "timestamps");
	if (x == 0)
		x = read_number(r, "since_ms", INT64_MAX, &l->since_ms, err);
	if (x == 0)
		x = read_number(r, "until_ms", INT64_MAX, &l->until_ms, err);
	if (x == 0 && l->follow && l->until_ms >= 0)
		x = err_set(err, EINVAL, "logs are followed, or read until a time, not both");
	return x;
}

/* "JOB/TASK/INDEX" taken apart; the job is looked up by id, prefix or name. */
static int read_name(struct job_logs *l, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *task = strchr(copy, '/'), *index = task ? strchr(task + 1, '/') : NULL, *end;
	char id[128];
	long long n;
	int r;

	if (task)
		*task++ = '\0';
	if (index) {
		*index++ = '\0';
		n = strtoll(index, &end, 10);
		if (!*index || *end || n < 0 || n >= SERVER_ALL_COPIES)
			return err_set(err, EINVAL, "\"%s\" is not the number of a copy of %s", index, task);
		l->index = (uint32_t)n;
	}
	r = server_find(l->h->server, copy, id, sizeof id, err);
	if (r < 0)
		return r;
	l->job = mem_strdup(id);
	l->task = task && *task ? mem_strdup(task) : NULL;
	return server_attempts_each(l->h->server, l->job, l->task, l->index, add_attempt, l, err);
}

static int by_start(const void *a, const void *b)
{
	const struct source *const *x = a, *const *y = b;

	if ((*x)->sent_ms != (*y)->sent_ms)
		return (*x)->sent_ms < (*y)->sent_ms ? -1 : 1;
	return (*x)->number < (*y)->number ? -1 : (*x)->number > (*y)->number;
}

/* In the order in which they ran, as one machine has them. */
static void sort_sources(struct job_logs *l)
{
	mem_cleanup struct source **all = mem_new_n(struct source *, l->by_container.n + 1);
	size_t n = 0;

	for (struct source *s = l->first; s; s = s->next)
		all[n++] = s;
	qsort(all, n, sizeof(struct source *), by_start);
	l->last = &l->first;
	for (size_t i = 0; i < n; i++) {
		*l->last = all[i];
		l->last = &all[i]->next;
	}
	*l->last = NULL;
}

void call_job_logs(const struct call *c)
{
	struct job_logs *l = mem_new(struct job_logs);
	struct err err = ERR_INIT;

	*l = (struct job_logs){
	    .h = c->h, .index = SERVER_ALL_COPIES, .tail = -1, .since_ms = -1, .until_ms = -1, .last = &l->first};
	if (read_query(l, c->r, &err) < 0 || read_name(l, c->arg, &err) < 0) {
		http_reply_err(c->r, &err);
		job_logs_free(l);
		return;
	}
	sort_sources(l);
	l->r = c->r;
	http_req_on_close(c->r, on_close, l);
	http_reply_begin(c->r, 200, FRAME_TYPE);
	http_reply_on_drain(c->r, on_drain, l);
	if (l->follow)
		l->server = server_listen(l->h->server, on_server, l);
	open_sources(l);
	finish_if_done(l);
}
