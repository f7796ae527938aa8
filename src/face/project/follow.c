/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/follow.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/frame.h"
#include "face/cli/term.h"
#include "face/cli/text.h"
#include "face/project/call.h"
#include "face/project/project.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 10) /* what is longer is shown in pieces */

struct source {
	struct follow *f;
	struct call *call;
	char *id, *label;
	char *next_method, *next_target; /* to be opened when it has ended, or NULL */
	int64_t ended_ns;		 /* 0: it did not end yet */
	unsigned number;
	struct frame_reader frames;
	struct buf line[2];
	bool framed, open, begun;
	bool over, next_over; /* the life of the container that it shows, that the next one will */
};

struct follow {
	struct project *p;
	struct follow_how how;
	struct source **sources;
	size_t n, cap, open, waiting, width;
	int failed;
};

struct follow *follow_new(struct project *p, const struct follow_how *how)
{
	struct follow *f = mem_new(struct follow);

	f->p = p;
	f->how = *how;
	return f;
}

static void free_source(struct source *s)
{
	call_free(s->call);
	frame_free(&s->frames);
	buf_free(&s->line[0]);
	buf_free(&s->line[1]);
	free(s->id);
	free(s->label);
	free(s->next_method);
	free(s->next_target);
	free(s);
}

struct follow *follow_free(struct follow *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		free_source(f->sources[i]);
	free(f->sources);
	free(f);
	return NULL;
}

const char *follow_label(const struct project *p, const char *name)
{
	size_t n = strlen(p->name);

	return !strncmp(name, p->name, n) && (name[n] == '-' || name[n] == '_') && name[n + 1] ? name + n + 1 : name;
}

void follow_widen(struct follow *f, const char *label)
{
	size_t n = strlen(label);

	f->width = n > f->width ? n : f->width;
}

static void print(struct follow *f, const char *label, unsigned number, int fd, const char *text, size_t n)
{
	struct buf out buf_cleanup = BUF_INIT;
	bool color = !f->how.no_color;
	int r;

	if (!f->how.no_prefix) {
		mem_cleanup char *safe = text_escaped(label);

		buf_printf(&out, "%s%-*s  | %s", color ? term_prefix_color(fd, number) : "", (int)f->width, safe,
			   color ? term_plain(fd) : "");
	}
	if (term_is(fd)) {
		struct text_filter filter = {.n = 0};

		text_filter_add(&filter, &out, text, n);
		text_filter_end(&filter, &out);
	} else {
		buf_add(&out, text, n);
	}
	buf_addc(&out, '\n');
	r = fd_write_all(fd, buf_str(&out), out.len);
	if (r < 0 && f->failed == 0) {
		f->failed = r;
		loop_stop(f->p->loop);
	}
}

static void print_source(struct source *s, int stream)
{
	struct buf *line = &s->line[stream];

	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	print(s->f, s->label, s->number, stream ? STDERR_FILENO : STDOUT_FILENO, buf_str(line), line->len);
	buf_clear(line);
}

static void output(struct source *s, int stream, const char *data, size_t n)
{
	while (n > 0) {
		const char *newline = memchr(data, '\n', n);
		size_t part = newline ? (size_t)(newline - data) : n, room = LINE_MAX_BYTES - s->line[stream].len;

		if (part > room) {
			part = room;
			newline = NULL;
		}
		buf_add(&s->line[stream], data, part);
		if (newline || s->line[stream].len >= LINE_MAX_BYTES)
			print_source(s, stream);
		data += part + (newline != NULL);
		n -= part + (newline != NULL);
	}
}

static int on_frame(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	(void)err;
	output(ctx, type == FRAME_STDERR, data, n);
	return 0;
}

static void set_begun(struct source *s)
{
	struct follow *f = s->f;

	if (s->begun)
		return;
	s->begun = true;
	f->waiting--;
	if (f->waiting == 0 && f->how.ready)
		f->how.ready(f->how.ctx);
}

static void on_begin(void *ctx)
{
	struct source *s = ctx;
	const char *type = call_header(s->call, "Content-Type");

	s->framed = type && strstr(type, "multiplexed");
	set_begun(s);
}

static void open_source(struct source *s, const char *method, const char *target);

static void open_next(struct source *s)
{
	mem_cleanup char *method = mem_take(s->next_method), *target = mem_take(s->next_target);

	if (!target)
		return;
	open_source(s, method, target);
	s->over = s->next_over;
}

static void close_source(struct source *s)
{
	struct follow *f = s->f;

	for (int i = 0; i < 2; i++) {
		if (s->line[i].len > 0)
			print_source(s, i);
	}
	if (!s->open)
		return;
	set_begun(s);
	s->open = false;
	s->call = call_free(s->call);
	f->open--;
	if (f->how.closed)
		f->how.closed(f->how.ctx, s->id);
	open_next(s);
	if (f->open == 0 && f->how.idle)
		f->how.idle(f->how.ctx);
}

static void on_data(void *ctx, const char *data, size_t n)
{
	struct source *s = ctx;
	struct err err = ERR_INIT;

	if (!s->framed)
		output(s, 0, data, n);
	else if (frame_feed(&s->frames, data, n, on_frame, s, &err) < 0)
		close_source(s);
}

static void on_end(void *ctx, int status, yyjson_val *reply, const struct err *e)
{
	struct source *s = ctx;

	(void)status;
	(void)reply;
	if (e && e->code != EPIPE)
		text_error("%s: %s", s->label, e->text);
	close_source(s);
}

bool follow_has(const struct follow *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->sources[i]->open && !strcmp(f->sources[i]->id, id))
			return true;
	}
	return false;
}

static struct source *source_of(struct follow *f, const char *id, const char *label)
{
	struct source *s;

	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->sources[i]->id, id))
			return f->sources[i];
	}
	s = mem_new(struct source);
	*s = (struct source){.f = f, .id = mem_strdup(id), .label = mem_strdup(label), .number = (unsigned)f->n};
	mem_grow(&f->sources, &f->cap, f->n);
	f->sources[f->n++] = s;
	return s;
}

static void open_source(struct source *s, const char *method, const char *target)
{
	struct follow *f = s->f;
	const struct call_request rq = {
	    .method = method, .target = target, .on_begin = on_begin, .on_data = on_data, .on_end = on_end, .ctx = s};
	struct err err = ERR_INIT;

	frame_free(&s->frames);
	s->frames = (struct frame_reader)FRAME_READER_INIT;
	if (call_open(f->p->loop, f->p->dial, &rq, &s->call, &err) < 0) {
		text_error("%s: %s", s->label, err.text);
		return;
	}
	s->open = true;
	s->begun = s->over = false;
	f->open++;
	f->waiting++;
}

/* The earliest of several that wait shows what the others would. */
static void keep_next(struct source *s, const char *method, const char *target)
{
	s->next_over = false;
	if (s->next_target)
		return;
	s->next_method = mem_strdup(method);
	s->next_target = mem_strdup(target);
}

void follow_add(struct follow *f, const char *id, const char *label, const char *method, const char *target)
{
	struct source *s = source_of(f, id, label);

	if (s->open && s->over)
		keep_next(s, method, target);
	if (s->open)
		return;
	free(s->label);
	s->label = mem_strdup(label);
	follow_widen(f, label);
	open_source(s, method, target);
}

int64_t follow_since(const struct follow *f, const char *id, int64_t start_ns)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->sources[i]->id, id))
			return f->sources[i]->ended_ns ? f->sources[i]->ended_ns + 1 : start_ns;
	}
	return 0;
}

void follow_over(struct follow *f, const char *id, int64_t time_ns)
{
	for (size_t i = 0; i < f->n; i++) {
		struct source *s = f->sources[i];

		if (strcmp(s->id, id) != 0)
			continue;
		s->next_over = s->next_target != NULL;
		s->over = true;
		s->ended_ns = time_ns;
	}
}

void follow_say(struct follow *f, const char *label, const char *text)
{
	(void)f;
	text_line(stdout, "%s %s", label, text);
	fflush(stdout);
}

int follow_failed(const struct follow *f)
{
	return f->failed;
}

size_t follow_open(const struct follow *f)
{
	return f->open;
}

size_t follow_waiting(const struct follow *f)
{
	return f->waiting;
}
