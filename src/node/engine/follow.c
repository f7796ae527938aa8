/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_log_*: reading the log of a container while it may be written and rotated. A reader holds descriptors of the files it still has to read, oldest
 * first, so rotation cannot take them away; it opens new ones when the monitor says "rotated". It works in pieces, one a turn of
 * the loop, and sleeps at the end of the data until the monitor wakes it.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/engine/logread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIECE (256u << 10)
/* A reader that lags keeps at most this many files beyond those there were at its start. */
#define HELD_MORE 6
#define FILES_MAX 128
_Static_assert(PIECE > 2 * LOGFILE_RECORD_MAX, "a piece holds at least one record wherever it is cut");

struct engine_log {
	struct engine_log *next, **at;
	struct engine *e;
	struct container *c; /* NULL: it was removed meanwhile */
	struct engine_log_options o;
	engine_log_fn fn;
	void *ctx;
	struct loop_post *post;
	int dir;
	struct logread held[FILES_MAX];
	size_t n, n_max;
	uint32_t next_generation; /* expected of the next file to read */
	/* seeking: file and position, backwards; reading: held[0] and position */
	bool seeking;
	size_t file;
	int64_t lines; /* still to find */
	bool seen_any;
	off_t pos;
	size_t skip; /* bytes of the first record that belong to earlier lines */
	/* Without `follow`: where the log ended when the reader came, or whoever reads slower than is written would never come to an end. */
	uint32_t end_generation;
	off_t end; /* 0 = not known yet */
	bool paused, ended;
	bool busy, closed; /* closed from inside its own callback: freed when that has returned */
};

/* ---- files ---- */

/* Opens what is newer than the newest file held. Index 0 first: when a rotation happens meanwhile, files are met twice, never skipped. While they
 * move on, from the oldest to the newest, one index has none (for ever, when the monitor was killed then). */
static void adopt(struct engine_log *l)
{
	struct logread found[FILES_MAX];
	size_t n = 0;
	uint32_t newest = l->n ? l->held[l->n - 1].generation : 0;
	unsigned missing = 0;

	for (unsigned i = 0; i < FILES_MAX && l->dir >= 0 && missing < 2; i++) {
		struct logread one = LOGREAD_NULL;
		int r = logread_open(l->dir, i, &one, NULL);

		missing = r == -ENOENT ? missing + 1 : 0;
		/* One that is damaged does not hide those that are older. */
		if (r < 0 && (i == 0 || r == -EBADMSG || r == -ENOENT))
			continue;
		if (r < 0)
			break;
		if (l->n && one.generation <= newest) {
			logread_close(&one);
			break;
		}
		if (n > 0 && one.generation >= found[n - 1].generation)
			logread_close(&one);
		else
			found[n++] = one;
	}
	if (l->n_max == 0 && n > 0)
		l->n_max = n + HELD_MORE < FILES_MAX ? n + HELD_MORE : FILES_MAX;
	while (n-- > 0) {
		if (l->n < l->n_max)
			l->held[l->n++] = found[n];
		else
			logread_close(&found[n]);
	}
}

static void drop_first(struct engine_log *l)
{
	logread_close(&l->held[0]);
	l->n--;
	memmove(l->held, l->held + 1, l->n * sizeof *l->held);
	l->pos = LOGFILE_HEADER;
}

/* ---- where to begin ---- */

/* End of the last whole record: the end of the file, unless its tail is torn. */
static off_t whole_end(struct engine_log *l, struct logread *f)
{
	unsigned char *buf = l->e->log_buf;
	const off_t size = logread_size(f);
	struct logfile_record rec;
	off_t pos = LOGFILE_HEADER;
	ssize_t n, r;

	if (size <= LOGFILE_HEADER)
		return LOGFILE_HEADER;
	n = size - LOGFILE_HEADER < (off_t)PIECE ? size - LOGFILE_HEADER : (ssize_t)PIECE;
	n = logread_at(f, buf, (size_t)n, size - n);
	if (logfile_peek_back(buf, (size_t)n, &rec) > 0)
		return size;
	while ((n = logread_at(f, buf, PIECE, pos)) > 0) {
		off_t before = pos;

		for (off_t at = 0; (r = logfile_peek(buf + at, (size_t)(n - at), &rec)) > 0; at += r)
			pos += r;
		if (pos == before)
			break;
	}
	return pos;
}

/* True when the record holds the beginning that is looked for; sets skip. */
static bool count_back(struct engine_log *l, const struct logfile_record *rec)
{
	for (size_t i = rec->n; i-- > 0;) {
		bool last = !l->seen_any;

		l->seen_any = true;
		/* The newline at the very end ends the last line and begins none. */
		if (rec->data[i] != '\n' || last)
			continue;
		if (--l->lines == 0) {
			l->skip = i + 1;
			return true;
		}
	}
	return false;
}

static void begin_reading(struct engine_log *l, size_t file, off_t pos)
{
	while (file-- > 0)
		drop_first(l);
	l->pos = pos;
	l->seeking = false;
	if (l->n)
		l->next_generation = l->held[0].generation;
}

/* Walks back over one piece. */
static void seek_piece(struct engine_log *l)
{
	unsigned char *buf = l->e->log_buf;
	off_t from = l->pos - (off_t)PIECE > LOGFILE_HEADER ? l->pos - (off_t)PIECE : LOGFILE_HEADER;
	ssize_t n = logread_at(&l->held[l->file], buf, (size_t)(l->pos - from), from), r;
	struct logfile_record rec;

	if (n != l->pos - from)
		n = 0;
	while (n > 0 && (r = logfile_peek_back(buf, (size_t)n, &rec)) > 0) {
		bool old = l->o.since_ms && rec.time_ns / 1000000 < l->o.since_ms;

		if (old || (rec.stream != 0 && count_back(l, &rec))) {
			begin_reading(l, l->file, old ? l->pos : l->pos - r);
			return;
		}
		l->pos -= r;
		n -= r;
	}
	if (l->pos > from && n > 0 && r == 0)
		return;
	/* The beginning of this file, or damage: no further back in it. */
	if (l->pos > LOGFILE_HEADER && from > LOGFILE_HEADER && n == 0)
		return;
	if (l->pos > LOGFILE_HEADER || l->file == 0) {
		begin_reading(l, l->file, l->pos);
		return;
	}
	logread_rest(&l->held[l->file]);
	l->file--;
	l->pos = whole_end(l, &l->held[l->file]);
}

static void begin(struct engine_log *l)
{
	if (l->n == 0)
		return;
	l->end_generation = l->held[l->n - 1].generation;
	if (l->o.tail < 0) {
		l->end = l->o.follow ? 0 : logread_size(&l->held[l->n - 1]);
		begin_reading(l, 0, LOGFILE_HEADER);
		return;
	}
	l->file = l->n - 1;
	l->pos = whole_end(l, &l->held[l->file]);
	l->end = l->o.follow ? 0 : l->pos;
	l->lines = l->o.tail;
	if (l->lines == 0)
		begin_reading(l, l->file, l->pos);
}

/* ---- reading ---- */

static void give(struct engine_log *l, int stream, int64_t time_ms, const void *data, size_t n)
{
	if (!l->closed && l->fn(l->ctx, stream, time_ms, data, n) == 1)
		l->paused = true;
}

/* Files that were rotated away before they could be opened. */
static void tell_gap(struct engine_log *l)
{
	uint32_t missing = l->held[0].generation - l->next_generation;
	char text[96];
	int n = snprintf(text, sizeof text, "%u log file%s rotated away before it was read", missing,
			 missing == 1 ? " was" : "s were");

	l->next_generation = l->held[0].generation;
	if (missing > 0)
		give(l, 0, 0, text, (size_t)n);
}

static bool give_record(struct engine_log *l, const struct logfile_record *rec)
{
	size_t skip = l->skip;

	l->skip = 0;
	if (l->o.since_ms && rec->time_ns / 1000000 < l->o.since_ms)
		return true;
	if (rec->n > skip)
		give(l, rec->stream, rec->time_ns / 1000000, rec->data + skip, rec->n - skip);
	return !l->paused && !l->closed;
}

/* How much of it may be read at a time. */
static size_t room(const struct engine_log *l)
{
	if (!l->end || l->held[0].generation != l->end_generation || l->end - l->pos >= (off_t)PIECE)
		return PIECE;
	return l->end > l->pos ? (size_t)(l->end - l->pos) : 0;
}

/* Returns whether anything was read. */
static bool read_piece(struct engine_log *l)
{
	const unsigned char *buf = l->e->log_buf;
	ssize_t n = logread_at(&l->held[0], l->e->log_buf, room(l), l->pos), r = 0;
	struct logfile_record rec;
	off_t at = 0;

	while (at < n && (r = logfile_peek(buf + at, (size_t)(n - at), &rec)) > 0) {
		at += r;
		l->pos += r;
		if (!give_record(l, &rec))
			break;
	}
	return at > 0;
}

static void at_end(struct engine_log *l, bool over)
{
	if (l->closed)
		return;
	if (over) {
		l->ended = true;
		l->fn(l->ctx, 0, 0, NULL, 0);
		return;
	}
	/* "I have read everything I was told about": the monitor answers at once when there is more. */
	(void)container_tell(l->c, "{\"follow\":true}\n", NULL);
}

/* One turn. What is true before reading (newer files, the end of the container) decides after it. */
static void turn(struct engine_log *l)
{
	const bool over = !l->o.follow || !l->c || container_ended(l->c);

	if (!l->end)
		adopt(l);
	if (l->seeking && l->file == SIZE_MAX)
		begin(l);
	if (l->n == 0) {
		at_end(l, over);
		return;
	}
	if (l->seeking) {
		seek_piece(l);
		loop_post_send(l->post);
		return;
	}
	if (l->held[0].generation != l->next_generation)
		tell_gap(l);
	if (l->paused || read_piece(l)) {
		if (!l->paused)
			loop_post_send(l->post);
	} else if (l->n > 1) {
		drop_first(l);
		l->next_generation++;
		loop_post_send(l->post);
	} else {
		at_end(l, over);
	}
}

static void on_post(void *ctx)
{
	struct engine_log *l = ctx;

	if (l->paused || l->ended)
		return;
	l->busy = true;
	turn(l);
	l->busy = false;
	if (l->closed)
		engine_log_close(l);
}

/* ---- door ---- */

int engine_log_open(struct engine *e, const char *id, const struct engine_log_options *o, engine_log_fn fn, void *ctx,
		    struct engine_log **ret, struct err *err)
{
	const struct engine_container *pub;
	struct engine_log *l;
	int r = engine_find(e, id, &pub, err);

	if (r < 0)
		return r;
	l = mem_new(struct engine_log);
	*l = (struct engine_log){.e = e,
				 .c = (struct container *)pub,
				 .o = *o,
				 .fn = fn,
				 .ctx = ctx,
				 .seeking = true,
				 .file = SIZE_MAX,
				 .pos = LOGFILE_HEADER};
	l->dir = container_dir(l->c, err);
	r = l->dir < 0 ? l->dir : loop_post_new(e->loop, on_post, l, &l->post, err);
	if (r < 0) {
		fd_closep(&l->dir);
		free(l);
		return r;
	}
	if (e->n_logs++ == 0)
		e->log_buf = mem_zalloc(1, PIECE);
	l->at = &l->c->logs;
	l->next = *l->at;
	if (l->next)
		l->next->at = &l->next;
	*l->at = l;
	adopt(l);
	loop_post_send(l->post);
	*ret = l;
	return 0;
}

void engine_log_resume(struct engine_log *l)
{
	if (!l->paused)
		return;
	l->paused = false;
	loop_post_send(l->post);
}

static void leave_container(struct engine_log *l)
{
	if (!l->c)
		return;
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	if (!l->c->logs && l->o.follow)
		(void)container_tell(l->c, "{\"follow\":false}\n", NULL);
	l->c = NULL;
}

struct engine_log *engine_log_close(struct engine_log *l)
{
	if (!l)
		return NULL;
	if (l->busy) {
		l->closed = true;
		return NULL;
	}
	leave_container(l);
	l->post = loop_post_free(l->post);
	while (l->n)
		drop_first(l);
	fd_closep(&l->dir);
	if (--l->e->n_logs == 0) {
		free(l->e->log_buf);
		l->e->log_buf = NULL;
	}
	free(l);
	return NULL;
}

void follow_wake(struct container *c, bool rotated)
{
	for (struct engine_log *l = c->logs; l; l = l->next) {
		if (rotated)
			adopt(l);
		loop_post_send(l->post);
	}
}

void follow_hold(struct container *c)
{
	for (struct engine_log *l = c->logs; l; l = l->next)
		adopt(l);
}

void follow_detach(struct container *c)
{
	while (c->logs) {
		struct engine_log *l = c->logs;

		leave_container(l);
		loop_post_send(l->post);
	}
}
