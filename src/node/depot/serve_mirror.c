/* SPDX-License-Identifier: Apache-2.0 */
/* A mirror answers with what it has and fetches the rest. A flight is one thing that is on its way, for all calls that want it: it works on a helper
 * thread, and its calls hear of it on the loop. A call that goes leaves its flight; one that nobody waits for ends.
 *
 * The bytes of a blob go to the readers while they come, but for the last one of each reply: that waits until all were checked against the
 * digest. So a reader of bytes that turn out to be wrong never gets to the end, and they are not kept. */
#include "node/depot/serve_impl.h"

#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/http_server.h"
#include "node/depot/document.h"
#include "node/depot/upstream.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Threads for short questions and for blobs: one kind does not wait for the other. */
#define ASKS 8
#define FETCHES 12
#define FLIGHTS_MAX 1000u

enum kind { FLIGHT_BLOB, FLIGHT_SIZE, FLIGHT_MANIFEST, FLIGHT_TAGS, FLIGHT_REFERRERS };

struct flight {
	struct helper_job job; /* first: the two are one pointer */
	struct mirror *m;
	enum kind kind;
	char *key;
	struct route route;
	struct call *calls;
	bool done;
	atomic_bool unwanted;

	/* of the thread, and the loop's when it is done */
	struct err err;
	int result;
	bool stale; /* it failed, but what is here will do */
	char **tags;
	struct buf text;

	/* a blob: `fd` and `size` may be looked at when it is sized */
	int fd; /* -1 = it is in the depot already */
	uint64_t size;
	atomic_bool sized;
	_Atomic uint64_t got;
};

struct mirror {
	struct serve *s;
	struct upstream *upstream;
	struct helper *asks, *fetches;
	struct loop_post *moved;
	struct loop_timer *timer;
	struct map flights; /* those that may be joined */
	size_t n_flights;   /* all */
	atomic_bool stopping;
	struct trim {
		struct helper_job job; /* first */
		struct mirror *m;
		struct depot_trim t;
		struct err err;
		int result;
		bool running;
	} trim;
};

const char *mirror_name(const struct mirror *m)
{
	return upstream_name(m->upstream);
}

/* ---- forgetting ---- */

static bool is_stopping(void *ctx)
{
	const struct mirror *m = ctx;

	return atomic_load(&m->stopping);
}

static void trim_work(struct helper_job *j)
{
	struct trim *t = (struct trim *)j;

	t->result = depot_trim(t->m->s->depot, &t->t, &t->err);
}

static void trim_done(struct helper_job *j)
{
	struct trim *t = (struct trim *)j;

	t->running = false;
	if (t->result < 0)
		log_err(&t->err, "collection of the mirror");
	else if (t->t.blobs)
		log_info("the mirror has forgotten %llu blobs and manifests (%llu bytes)",
			 (unsigned long long)t->t.blobs, (unsigned long long)t->t.freed);
	if (t->m->timer && t->m->s->o->gc_every_ms)
		loop_timer_arm(t->m->timer, t->m->s->o->gc_every_ms);
}

static void trim_run(struct mirror *m, bool shrink)
{
	const struct serve_options *o = m->s->o;
	struct trim *t = &m->trim;

	if (t->running || atomic_load(&m->stopping))
		return;
	t->running = true;
	t->m = m;
	t->job.work = trim_work;
	t->job.done = trim_done;
	t->t = (struct depot_trim){
	    .age_ms = o->mirror_keep_ms, .bytes = o->quota, .shrink = shrink, .pause = is_stopping, .ctx = m};
	helper_run(m->asks, &t->job);
}

static void on_timer(void *ctx)
{
	trim_run(ctx, false);
}

static void check_room(struct mirror *m, int result)
{
	bool full = result == -ENOSPC || result == -EDQUOT;

	if (full || depot_check_room(m->s->depot, 0, NULL) < 0)
		trim_run(m, full);
}

/* ---- what the threads do ---- */

static bool is_unwanted(const void *ctx)
{
	const struct flight *f = ctx;

	return atomic_load(&f->unwanted);
}

static struct upstream_ask ask_of(const struct flight *f)
{
	return (struct upstream_ask){.repo = f->route.name, .unwanted = is_unwanted, .ctx = f};
}

static void on_sized(void *ctx, uint64_t size)
{
	struct flight *f = ctx;

	f->size = size;
	atomic_store(&f->sized, true);
	loop_post_send(f->m->moved);
}

static int on_write(void *ctx, const void *data, size_t n, struct err *err)
{
	struct flight *f = ctx;
	int r = fd_write_all(f->fd, data, n);

	if (r < 0)
		return err_sys(err, -r, "write a blob of %s", f->route.name);
	atomic_fetch_add(&f->got, n);
	loop_post_send(f->m->moved);
	return 0;
}

/* Into a file of the uploads, which becomes a blob when all is well; a server that starts removes what has such a name. */
static int download(struct flight *f, const struct upstream_ask *ask)
{
	struct serve *s = f->m->s;
	struct upstream_blob b = {.max = s->o->blob_max, .sized = on_sized, .write = on_write, .ctx = f};
	char name[] = "mirror-0123456789abcdef";
	int r;

	random_hex(name + sizeof "mirror-" - 1, 16);
	f->fd = openat(depot_uploads_fd(s->depot), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_sys(&f->err, errno, "make \"%s/uploads/%s\"", s->o->data, name);
	r = upstream_blob(f->m->upstream, ask, &f->route.digest, &b, &f->err);
	/* What is larger than the whole cache is handed on and not kept. */
	if (r == 0 && (!s->o->quota || b.size <= s->o->quota))
		r = depot_blob_put(s->depot, f->route.name, &f->route.digest, name, &f->err);
	(void)unlinkat(depot_uploads_fd(s->depot), name, 0);
	/* Once it was told it stays: the loop goes by it. */
	if (!atomic_load(&f->sized))
		f->size = b.size;
	return r;
}

static bool is_final(int r)
{
	return r == -ENOENT || r == -EACCES || r == -ECANCELED;
}

/* Another repository may have it here, but that upstream shows it in this one, too, must be asked. */
static void blob_work(struct flight *f)
{
	const struct upstream_ask ask = ask_of(f);
	struct depot *d = f->m->s->depot;
	uint64_t size;
	int r = -ENODATA;

	if (depot_blob_known(d, &f->route.digest, &size))
		r = upstream_blob_size(f->m->upstream, &ask, &f->route.digest, &size, &f->err);
	if (r == 0)
		r = depot_blob_adopt(d, f->route.name, &f->route.digest, &f->err) == 0 ? 0 : -ENODATA;
	f->result = r == 0 || is_final(r) ? r : download(f, &ask);
}

static void size_work(struct flight *f)
{
	const struct upstream_ask ask = ask_of(f);

	f->result = upstream_blob_size(f->m->upstream, &ask, &f->route.digest, &f->size, &f->err);
}

static bool tag_is_here(const struct flight *f, struct depot_digest *ret)
{
	struct depot *d = f->m->s->depot;

	return *f->route.tag && depot_tag_read(d, f->route.name, f->route.tag, ret, NULL) == 0 &&
	       depot_manifest_used(d, f->route.name, ret);
}

static int fetch_manifest(struct flight *f, const struct upstream_ask *ask)
{
	const char *tag = *f->route.tag ? f->route.tag : NULL;
	struct upstream_manifest m;
	struct document doc;
	int r = upstream_manifest(f->m->upstream, ask, tag, tag ? NULL : &f->route.digest, &m, &f->err);

	if (r < 0)
		return r;
	r = document_parse(m.text, m.n, m.media_type, &doc, &f->err);
	if (r == 0) {
		r = depot_manifest_keep(f->m->s->depot, f->route.name, &m.digest, tag, m.text, m.n, &doc, &f->err);
		document_free(&doc);
	} else {
		r = err_wrap(&f->err, "%s of %s", tag ? tag : "manifest", f->route.name);
	}
	upstream_manifest_free(&m);
	return r;
}

/* The tag means here what it means upstream: that is asked first, as it costs little. */
static void manifest_work(struct flight *f)
{
	struct upstream_ask ask = ask_of(f);
	struct depot_digest here, there = {.hash = DEPOT_SHA256};
	bool known = tag_is_here(f, &here);
	int r = -ENODATA;

	ask.hurry = known;
	if (known)
		r = upstream_tag(f->m->upstream, &ask, f->route.tag, &there, &f->err);
	if (r == 0 && depot_digest_equal(&here, &there))
		return;
	if (r == 0 || r == -ENODATA || r == -EIO)
		r = fetch_manifest(f, &ask);
	if (r == -ENOENT && known)
		(void)depot_tag_delete(f->m->s->depot, f->route.name, f->route.tag, NULL);
	f->result = r;
	f->stale = known && r < 0 && !is_final(r);
}

static void tags_work(struct flight *f)
{
	const struct upstream_ask ask = ask_of(f);
	char **some cleanup_with(mem_strv_freep) = NULL;
	bool more;

	f->result = upstream_tags(f->m->upstream, &ask, &f->tags, &f->err);
	f->stale = f->result < 0 && !is_final(f->result) &&
		   depot_tags(f->m->s->depot, f->route.name, NULL, 1, &some, &more, NULL) == 0;
}

static void referrers_work(struct flight *f)
{
	const struct upstream_ask ask = ask_of(f);

	f->result = upstream_referrers(f->m->upstream, &ask, &f->route.digest, &f->text, &f->err);
	if (f->result == 0 || is_final(f->result))
		return;
	/* An empty list would say that there are none. */
	buf_clear(&f->text);
	f->stale = serve_referrers_here(f->m->s, f->route.name, &f->route.digest, NULL, &f->text, NULL) > 0;
}

/* ---- what the calls do ---- */

static void fail(struct call *c, const struct flight *f, enum serve_code missing)
{
	static const struct {
		int result;
		enum serve_code code;
	} table[] = {{-EACCES, CODE_DENIED},
		     {-EBUSY, CODE_TOO_MANY},
		     {-EFBIG, CODE_TOO_LARGE},
		     {-ENOSPC, CODE_NO_ROOM},
		     {-EDQUOT, CODE_NO_ROOM}};
	mem_cleanup char *who = mem_printf("so says %s, which this registry mirrors", mirror_name(f->m));
	enum serve_code code = f->result == -ENOENT ? missing : CODE_UPSTREAM;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].result == f->result)
			code = table[i].code;
	call_fail(c, code, f->result == -ENOENT || f->result == -EACCES || f->result == -EBUSY ? who : NULL);
}

uint64_t mirror_ready(const struct call *c)
{
	uint64_t got = atomic_load(&c->flight->got), ready = got > c->at ? got - c->at : 0;

	return !RT_GUARD(I8) || ready < c->left ? ready : c->left - 1;
}

/* From the file of the flight, or from the depot when it had no need of one. */
static void begin_blob(struct call *c, struct flight *f)
{
	uint64_t size = f->size;

	if (f->fd >= 0)
		c->fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	else
		c->fd = depot_blob_open(c->s->depot, c->route.name, &c->route.digest, DEPOT_KEEP, &size, &c->err);
	if (c->fd < 0) {
		call_fail(c, CODE_UNKNOWN, NULL);
		return;
	}
	serve_blob_answer(c, size);
	if (!c->begun || c->route.method == ROUTE_HEAD)
		mirror_leave(c);
}

static void blob_moves(struct call *c)
{
	struct flight *f = c->flight;

	if (f->done)
		mirror_leave(c);
	if (f->done && f->result < 0 && c->begun)
		http_reply_end(c->r); /* short of what it announced: the reader sees that it failed */
	else if (f->done && f->result < 0)
		fail(c, f, CODE_BLOB_UNKNOWN);
	else if (c->begun)
		serve_blob_more(c);
	else if (f->done || atomic_load(&f->sized))
		begin_blob(c, f);
}

static void size_moves(struct call *c)
{
	struct flight *f = c->flight;

	if (!f->done)
		return;
	mirror_leave(c);
	if (f->result < 0)
		fail(c, f, CODE_BLOB_UNKNOWN);
	else
		serve_blob_answer(c, f->size);
}

static void manifest_moves(struct call *c)
{
	struct flight *f = c->flight;

	if (!f->done)
		return;
	mirror_leave(c);
	if (f->result < 0 && !f->stale)
		fail(c, f, CODE_MANIFEST_UNKNOWN);
	else
		serve_manifest_answer(c);
}

static void tags_move(struct call *c)
{
	struct flight *f = c->flight;

	if (!f->done)
		return;
	mirror_leave(c);
	if (f->result == 0)
		serve_tags_of(c, f->tags);
	else if (f->stale)
		serve_tags_here(c);
	else
		fail(c, f, CODE_NAME_UNKNOWN);
}

static void referrers_move(struct call *c)
{
	struct flight *f = c->flight;

	if (!f->done)
		return;
	mirror_leave(c);
	if (f->result < 0 && !f->stale)
		fail(c, f, CODE_MANIFEST_UNKNOWN);
	else
		serve_referrers_answer(c, buf_str(&f->text), f->text.len);
}

static const struct {
	const char *name;
	void (*work)(struct flight *f);
	void (*moves)(struct call *c);
	bool fetches;
} kinds[] = {
    [FLIGHT_BLOB] = {"blob", blob_work, blob_moves, true},
    [FLIGHT_SIZE] = {"size of the blob", size_work, size_moves, false},
    [FLIGHT_MANIFEST] = {"manifest", manifest_work, manifest_moves, false},
    [FLIGHT_TAGS] = {"tags", tags_work, tags_move, false},
    [FLIGHT_REFERRERS] = {"referrers", referrers_work, referrers_move, false},
};

/* ---- flights ---- */

static void flight_free(struct flight *f)
{
	fd_closep(&f->fd);
	mem_strv_free(f->tags);
	buf_free(&f->text);
	free(f->key);
	free(f);
}

static void on_work(struct helper_job *j)
{
	struct flight *f = (struct flight *)j;

	if (atomic_load(&f->m->stopping) || atomic_load(&f->unwanted))
		f->result = -ECANCELED;
	else
		kinds[f->kind].work(f);
}

static void tell_log(const struct flight *f)
{
	if (f->stale)
		log_warning("mirror: the %s is served as it was fetched before: %s", f->key, f->err.text);
	else if (f->result < 0 && f->result != -ENOENT && f->result != -ECANCELED)
		log_warning("mirror: the %s cannot be fetched: %s", f->key, f->err.text);
}

static void on_done(struct helper_job *j)
{
	struct flight *f = (struct flight *)j;
	struct mirror *m = f->m;

	f->done = true;
	m->n_flights--;
	if (map_get(&m->flights, f->key) == f)
		(void)map_remove(&m->flights, f->key);
	tell_log(f);
	/* Each leaves it. */
	while (f->calls)
		f->calls->on_flight(f->calls);
	check_room(m, f->result);
	flight_free(f);
}

static void on_moved(void *ctx)
{
	struct mirror *m = ctx;

	for (struct map_slot *s = NULL; (s = map_next(&m->flights, s));) {
		struct flight *f = s->value;

		for (struct call *c = f->calls, *next; c; c = next) {
			next = c->next_call;
			c->on_flight(c);
		}
	}
}

static struct flight *start(struct mirror *m, enum kind kind, const struct route *route, const char *key)
{
	struct flight *f = mem_new(struct flight);

	f->m = m;
	f->kind = kind;
	f->key = mem_strdup(key);
	f->route = *route;
	f->fd = -1;
	f->text.limit = DOCUMENT_MAX + 1;
	f->job.work = on_work;
	f->job.done = on_done;
	m->n_flights++;
	(void)map_put(&m->flights, key, f);
	helper_run(kinds[kind].fetches ? m->fetches : m->asks, &f->job);
	return f;
}

static char *key_of(enum kind kind, const struct route *r)
{
	char text[DEPOT_DIGEST_MAX];

	if (kind == FLIGHT_TAGS || *r->tag)
		return mem_printf("%s %s:%s", kinds[kind].name, r->name, r->tag);
	return mem_printf("%s %s@%s", kinds[kind].name, r->name, depot_digest_text(&r->digest, text));
}

static void join(struct call *c, enum kind kind)
{
	struct mirror *m = c->s->mirror;
	mem_cleanup char *key = key_of(kind, &c->route);
	struct flight *f = map_get(&m->flights, key);

	/* One that everybody has left is ending. */
	if (f && atomic_load(&f->unwanted))
		f = NULL;
	if (!f && m->n_flights >= FLIGHTS_MAX) {
		call_fail(c, CODE_TOO_MANY, "too much is being fetched already");
		return;
	}
	if (!f)
		f = start(m, kind, &c->route, key);
	c->flight = f;
	c->next_call = f->calls;
	f->calls = c;
	c->on_flight = kinds[kind].moves;
	c->on_flight(c);
}

void mirror_leave(struct call *c)
{
	struct flight *f = c->flight;
	struct call **at;

	if (!f)
		return;
	for (at = &f->calls; *at != c;)
		at = &(*at)->next_call;
	*at = c->next_call;
	c->flight = NULL;
	if (!f->calls && !f->done)
		atomic_store(&f->unwanted, true);
}

void mirror_blob(struct call *c)
{
	mem_cleanup char *key = key_of(FLIGHT_BLOB, &c->route);
	bool size_only = c->route.method == ROUTE_HEAD && !map_get(&c->s->mirror->flights, key);

	join(c, size_only ? FLIGHT_SIZE : FLIGHT_BLOB);
}

void mirror_manifest(struct call *c)
{
	if (!*c->route.tag && depot_manifest_used(c->s->depot, c->route.name, &c->route.digest))
		serve_manifest_answer(c);
	else
		join(c, FLIGHT_MANIFEST);
}

void mirror_tags(struct call *c)
{
	join(c, FLIGHT_TAGS);
}

void mirror_referrers(struct call *c)
{
	join(c, FLIGHT_REFERRERS);
}

/* ---- life ---- */

int mirror_new(struct serve *s, struct mirror **ret, struct err *err)
{
	struct mirror *m = mem_new(struct mirror);
	int r = upstream_new(s->o->mirror, &m->upstream, err);

	m->s = s;
	if (r == 0)
		r = depot_claim(s->depot, mirror_name(m), err);
	if (r == 0)
		r = loop_post_new(s->loop, on_moved, m, &m->moved, err);
	if (r == 0)
		r = helper_new(s->loop, ASKS, &m->asks, err);
	if (r == 0)
		r = helper_new(s->loop, FETCHES, &m->fetches, err);
	if (r < 0) {
		mirror_free(m);
		return r;
	}
	m->timer = loop_timer_new(s->loop, on_timer, m);
	if (s->o->gc_every_ms)
		loop_timer_arm(m->timer, s->o->gc_every_ms);
	check_room(m, 0);
	*ret = m;
	return 0;
}

struct mirror *mirror_free(struct mirror *m)
{
	if (!m)
		return NULL;
	atomic_store(&m->stopping, true);
	if (m->upstream)
		upstream_stop(m->upstream);
	m->timer = loop_timer_free(m->timer);
	helper_free(m->fetches);
	helper_free(m->asks);
	loop_post_free(m->moved);
	map_free(&m->flights);
	upstream_free(m->upstream);
	free(m);
	return NULL;
}
