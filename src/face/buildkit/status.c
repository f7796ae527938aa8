/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/status.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/protobuf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PACE_MS 100

struct vertex {
	uint32_t id;
	char *name;
	struct timespec started, ended;
	int64_t told_ms; /* of its parts */
	bool cached;
};

struct status {
	char *seed;
	struct vertex *v;
	size_t n, cap;
	int fd;
};

struct status *status_new(int fd, const char *seed)
{
	struct status *s = mem_new(struct status);

	s->fd = fd;
	s->seed = mem_strdup(seed);
	return s;
}

struct status *status_free(struct status *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].name);
	free(s->v);
	free(s->seed);
	free(s);
	return NULL;
}

static struct vertex *vertex(struct status *s, uint32_t id)
{
	for (size_t i = s->n; i-- > 0;) {
		if (s->v[i].id == id)
			return &s->v[i];
	}
	mem_grow(&s->v, &s->cap, s->n);
	s->v[s->n] = (struct vertex){.id = id};
	return &s->v[s->n++];
}

static void digest_of(const struct status *s, uint32_t id, char ret[static 80])
{
	char hex[SHA256_HEX_MAX];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_add(&sha, s->seed, strlen(s->seed));
	sha256_add(&sha, &id, sizeof id);
	sha256_hex(&sha, hex);
	snprintf(ret, 80, "sha256:%.64s", hex);
}

static void add_time(struct buf *b, unsigned field, const struct timespec *t)
{
	buf_cleanup struct buf one = BUF_INIT;

	if (t->tv_sec == 0)
		return;
	pb_uint(&one, 1, (uint64_t)t->tv_sec);
	pb_uint(&one, 2, (uint64_t)t->tv_nsec);
	pb_message(b, field, &one);
}

static void now(struct timespec *t)
{
	clock_gettime(CLOCK_REALTIME, t);
}

static void write_message(struct status *s, unsigned field, const struct buf *inner)
{
	buf_cleanup struct buf b = BUF_LIMIT(STATUS_MESSAGE_MAX + 16), all = BUF_LIMIT(STATUS_MESSAGE_MAX + 32);

	pb_message(&b, field, inner);
	if (b.full)
		return;
	buf_addc(&all, (char)b.len);
	buf_addc(&all, (char)(b.len >> 8));
	buf_addc(&all, (char)(b.len >> 16));
	buf_addc(&all, (char)(b.len >> 24));
	buf_add(&all, buf_str(&b), b.len);
	/* Who has gone is told so elsewhere. */
	(void)fd_write_all(s->fd, all.data, all.len);
}

static void tell(struct status *s, const struct vertex *v, const char *failed)
{
	buf_cleanup struct buf b = BUF_LIMIT(STATUS_MESSAGE_MAX);
	char digest[80];

	digest_of(s, v->id, digest);
	pb_text(&b, 1, digest);
	pb_text(&b, 3, v->name);
	pb_uint(&b, 4, v->cached);
	add_time(&b, 5, &v->started);
	add_time(&b, 6, &v->ended);
	if (failed)
		pb_text(&b, 7, failed);
	write_message(s, 1, &b);
}

static struct vertex *start(struct status *s, uint32_t id, const char *name)
{
	struct vertex *v = vertex(s, id);

	if (!v->name)
		v->name = mem_strdup(name);
	if (v->started.tv_sec == 0)
		now(&v->started);
	return v;
}

void status_begin(struct status *s, uint32_t id, const char *name)
{
	tell(s, start(s, id, name), NULL);
}

void status_done(struct status *s, uint32_t id, const char *failed)
{
	struct vertex *v = vertex(s, id);

	if (!v->name || v->ended.tv_sec)
		return;
	now(&v->ended);
	tell(s, v, failed);
}

void status_cached(struct status *s, uint32_t id, const char *name)
{
	struct vertex *v = start(s, id, name);

	v->cached = true;
	now(&v->ended);
	tell(s, v, NULL);
}

void status_line(struct status *s, uint32_t id, const char *text)
{
	buf_cleanup struct buf b = BUF_LIMIT(STATUS_MESSAGE_MAX);
	mem_cleanup char *line = mem_printf("%s\n", text);
	struct timespec t;
	char digest[80];

	digest_of(s, id, digest);
	now(&t);
	pb_text(&b, 1, digest);
	add_time(&b, 2, &t);
	pb_uint(&b, 3, 1);
	pb_text(&b, 4, line);
	write_message(s, 3, &b);
}

struct part {
	const char *name;
	uint64_t bytes, total;
	struct timespec started;
};

static void tell_part(struct status *s, uint32_t id, const struct part *p)
{
	buf_cleanup struct buf b = BUF_LIMIT(STATUS_MESSAGE_MAX);
	struct timespec t;
	char digest[80];

	now(&t);
	digest_of(s, id, digest);
	pb_text(&b, 1, p->name);
	pb_text(&b, 2, digest);
	pb_uint(&b, 4, p->bytes);
	pb_uint(&b, 5, p->total);
	add_time(&b, 6, &t);
	add_time(&b, 7, &p->started);
	if (p->bytes >= p->total)
		add_time(&b, 8, &t);
	write_message(s, 2, &b);
}

void status_part(struct status *s, uint32_t id, const char *name, uint64_t bytes, uint64_t total)
{
	struct vertex *v = vertex(s, id);
	const struct part p = {name, bytes, total, v->started};

	if (bytes < total && clock_mono_ms() - v->told_ms < PACE_MS)
		return;
	v->told_ms = clock_mono_ms();
	tell_part(s, id, &p);
}

void status_mark(struct status *s, uint32_t id, const char *name)
{
	struct part p = {.name = name};

	now(&p.started);
	tell_part(s, id, &p);
}

void status_warn(struct status *s, uint32_t id, const char *text)
{
	buf_cleanup struct buf b = BUF_LIMIT(STATUS_MESSAGE_MAX);
	char digest[80];

	digest_of(s, id, digest);
	pb_text(&b, 1, digest);
	pb_uint(&b, 2, 1);
	pb_text(&b, 3, text);
	write_message(s, 4, &b);
}
