/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/upstream.h"

#include "base/core/clock.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/depot/document.h"
#include "node/registry/blob_stream.h"
#include "node/registry/remote.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define HURRY_MS 5000
/* A line keeps its connections, tokens and what the configuration said: not for ever. */
#define LINE_USES 64
#define LINE_MS (5 * 60 * 1000)

/* The registry as one thread at a time speaks to it. */
struct line {
	struct remote remote;
	struct line *next;
	unsigned uses;
	int64_t opened_ms;
	int attempts; /* as configured */
	/* while it is used */
	struct upstream *u;
	const struct upstream_ask *ask;
	int64_t until_ms; /* 0 = no end */
};

struct upstream {
	char *registry;
	pthread_mutex_t lock;
	struct line *idle;
	atomic_bool stopped;
};

int upstream_new(const char *registry, struct upstream **ret, struct err *err)
{
	cleanup_with(remote_close) struct remote probe = REMOTE_INIT;
	mem_cleanup char *host = NULL;
	struct upstream *u;
	int r = name_host(registry, &host, err);

	/* Says what is wrong with the configuration now, and loads libcurl before there are threads. */
	if (r == 0)
		r = remote_open(host, false, &probe, err);
	if (r < 0)
		return r;
	u = mem_new(struct upstream);
	u->registry = mem_take(host);
	pthread_mutex_init(&u->lock, NULL);
	*ret = u;
	return 0;
}

void upstream_stop(struct upstream *u)
{
	atomic_store(&u->stopped, true);
}

const char *upstream_name(const struct upstream *u)
{
	return u->registry;
}

static void line_free(struct line *l)
{
	remote_close(&l->remote);
	free(l);
}

struct upstream *upstream_free(struct upstream *u)
{
	if (!u)
		return NULL;
	while (u->idle) {
		struct line *l = u->idle;

		u->idle = l->next;
		line_free(l);
	}
	pthread_mutex_destroy(&u->lock);
	free(u->registry);
	free(u);
	return NULL;
}

/* ---- lines ---- */

static bool is_over(void *ctx)
{
	const struct line *l = ctx;

	if (atomic_load(&l->u->stopped) || (l->until_ms && clock_mono_ms() >= l->until_ms))
		return true;
	return l->ask->unwanted && l->ask->unwanted(l->ask->ctx);
}

static struct line *take_idle(struct upstream *u)
{
	struct line *l;

	pthread_mutex_lock(&u->lock);
	l = u->idle;
	if (l)
		u->idle = l->next;
	pthread_mutex_unlock(&u->lock);
	return l;
}

static int line_take(struct upstream *u, const struct upstream_ask *a, struct line **ret, struct err *err)
{
	struct line *l = take_idle(u);

	if (l && (l->uses >= LINE_USES || clock_mono_ms() - l->opened_ms > LINE_MS)) {
		line_free(l);
		l = NULL;
	}
	if (!l) {
		int r;

		l = mem_new(struct line);
		r = remote_open(u->registry, false, &l->remote, err);
		if (r < 0) {
			free(l);
			return r;
		}
		l->attempts = l->remote.hosts.attempts;
		l->opened_ms = clock_mono_ms();
		l->u = u;
		transport_stop_when(l->remote.transport, is_over, l);
	}
	l->uses++;
	l->ask = a;
	l->until_ms = a->hurry ? clock_mono_ms() + HURRY_MS : 0;
	l->remote.hosts.attempts = a->hurry ? 1 : l->attempts;
	*ret = l;
	return 0;
}

/* After a failure it is not used again: what upstream said of who may ask, and its half-done transfers, go with it. */
static void line_give(struct line *l, int result)
{
	struct upstream *u = l->u;

	l->ask = NULL;
	if (result < 0 && result != -ENOENT && result != -ENODATA) {
		line_free(l);
		return;
	}
	pthread_mutex_lock(&u->lock);
	l->next = u->idle;
	u->idle = l;
	pthread_mutex_unlock(&u->lock);
}

/* Too late is another thing than not wanted. */
static int ended(const struct line *l, int r, struct err *err)
{
	if (r == -ECANCELED && l->until_ms && clock_mono_ms() >= l->until_ms)
		return err_set(err, ETIMEDOUT, "the registry %s did not answer within %d s", l->u->registry,
			       HURRY_MS / 1000);
	return r;
}

/* ---- documents ---- */

struct request {
	const char *method, *path, *what;
	char *const *headers;
	size_t body_max;
};

/* *ret is an answer with status 200, and *ret_line is the line that it came by: give it back after the exchange was freed. */
static int request(struct upstream *u, const struct upstream_ask *a, const struct request *q, struct line **ret_line,
		   struct exchange **ret, struct err *err)
{
	mem_cleanup char *scope = remote_scope(a->repo, "pull");
	const struct call c = {
	    .method = q->method, .path = q->path, .scope = scope, .headers = q->headers, .body_max = q->body_max};
	struct line *l;
	int r = line_take(u, a, &l, err);

	if (r < 0)
		return r;
	r = session_call(l->remote.sessions[0], &c, ret, err);
	if (r < 0)
		r = ended(l, r, err);
	else if (r != 200)
		r = exchange_refused(*ret, q->what, err);
	else
		r = 0;
	if (r < 0) {
		*ret = exchange_free(*ret);
		line_give(l, r);
		return r;
	}
	*ret_line = l;
	return 0;
}

void upstream_manifest_free(struct upstream_manifest *m)
{
	free(m->text);
	free(m->media_type);
	*m = (struct upstream_manifest){.text = NULL};
}

static int digest_of(const struct exchange *e, struct depot_digest *ret, struct err *err)
{
	const char *said = exchange_header(e, HEADER_DIGEST);

	return said && depot_digest_parse(said, ret)
		   ? 0
		   : err_set(err, ENODATA, "the registry does not say which digest the tag has");
}

int upstream_tag(struct upstream *u, const struct upstream_ask *a, const char *tag, struct depot_digest *ret,
		 struct err *err)
{
	mem_cleanup char *path = mem_printf("v2/%s/manifests/%s", a->repo, tag);
	mem_cleanup char *what = mem_printf("image %s:%s", a->repo, tag);
	mem_cleanup char *accept = document_accept();
	char *headers[] = {accept, NULL};
	const struct request q = {.method = "HEAD", .path = path, .what = what, .headers = headers};
	struct exchange *e = NULL;
	struct line *l = NULL;
	int r = request(u, a, &q, &l, &e, err);

	if (r < 0)
		return r;
	r = digest_of(e, ret, err);
	exchange_free(e);
	line_give(l, r);
	return r;
}

static int check_manifest(const struct exchange *e, const struct depot_digest *wanted, const char *what,
			  struct upstream_manifest *ret, struct err *err)
{
	const struct buf *body = exchange_body(e);
	char text[DEPOT_DIGEST_MAX];

	depot_digest_of(wanted ? wanted->hash : DEPOT_SHA256, buf_str(body), body->len, &ret->digest);
	if (wanted && RT_GUARD(I8) && !depot_digest_equal(wanted, &ret->digest))
		return err_set(err, EBADMSG, "%s: the bytes that came have the digest %s", what,
			       depot_digest_text(&ret->digest, text));
	ret->n = body->len;
	ret->text = mem_dup(buf_str(body), body->len + 1);
	ret->media_type = mem_strdup(exchange_header(e, HEADER_TYPE));
	return 0;
}

int upstream_manifest(struct upstream *u, const struct upstream_ask *a, const char *tag,
		      const struct depot_digest *digest, struct upstream_manifest *ret, struct err *err)
{
	char text[DEPOT_DIGEST_MAX];
	const char *reference = digest ? depot_digest_text(digest, text) : tag;
	mem_cleanup char *path = mem_printf("v2/%s/manifests/%s", a->repo, reference);
	mem_cleanup char *what = mem_printf("image %s%c%s", a->repo, digest ? '@' : ':', reference);
	mem_cleanup char *accept = document_accept();
	char *headers[] = {accept, NULL};
	const struct request q = {
	    .method = "GET", .path = path, .what = what, .headers = headers, .body_max = DOCUMENT_MAX};
	struct exchange *e = NULL;
	struct line *l = NULL;
	int r = request(u, a, &q, &l, &e, err);

	*ret = (struct upstream_manifest){.text = NULL};
	if (r < 0)
		return r;
	r = check_manifest(e, digest, what, ret, err);
	exchange_free(e);
	line_give(l, r);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int upstream_tags(struct upstream *u, const struct upstream_ask *a, char ***ret, struct err *err)
{
	struct line *l;
	int r = line_take(u, a, &l, err);

	if (r < 0)
		return r;
	r = ended(l, remote_tags(&l->remote, a->repo, ret, err), err);
	if (r == 0)
		qsort(*ret, mem_strv_len(*ret), sizeof **ret, compare);
	line_give(l, r);
	return r;
}

static int check_referrers(const struct buf *body, const char *what, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(buf_str(body), body->len, DOCUMENT_MAX, what, err);

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_arr(yyjson_obj_get(yyjson_doc_get_root(doc), "manifests")))
		return err_set(err, EINVAL, "%s: no list of manifests came", what);
	return 0;
}

int upstream_referrers(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		       struct buf *out, struct err *err)
{
	char text[DEPOT_DIGEST_MAX];
	mem_cleanup char *path = mem_printf("v2/%s/referrers/%s", a->repo, depot_digest_text(digest, text));
	mem_cleanup char *what = mem_printf("referrers of %s@%s", a->repo, text);
	const struct request q = {.method = "GET", .path = path, .what = what, .body_max = DOCUMENT_MAX};
	struct exchange *e = NULL;
	struct line *l = NULL;
	int r = request(u, a, &q, &l, &e, err);

	if (r < 0)
		return r;
	r = check_referrers(exchange_body(e), what, err);
	if (r == 0)
		r = buf_add(out, buf_str(exchange_body(e)), exchange_body(e)->len);
	exchange_free(e);
	line_give(l, r);
	return r;
}

/* ---- blobs ---- */

static bool length_of(const struct exchange *e, uint64_t *ret)
{
	const char *text = exchange_header(e, HEADER_LENGTH);

	if (!text || !*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*ret = strtoull(text, NULL, 10);
	return true;
}

int upstream_blob_size(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		       uint64_t *ret, struct err *err)
{
	char text[DEPOT_DIGEST_MAX];
	mem_cleanup char *path = mem_printf("v2/%s/blobs/%s", a->repo, depot_digest_text(digest, text));
	mem_cleanup char *what = mem_printf("blob %s of %s", text, a->repo);
	const struct request q = {.method = "HEAD", .path = path, .what = what};
	struct exchange *e = NULL;
	struct line *l = NULL;
	int r = request(u, a, &q, &l, &e, err);

	if (r < 0)
		return r;
	if (!length_of(e, ret))
		r = err_set(err, ENODATA, "%s: the registry does not say how large it is", what);
	exchange_free(e);
	line_give(l, r);
	return r;
}

struct blob_fetch {
	struct blob_stream stream;
	struct exchange *e;
	struct upstream_blob *b;
	struct depot_hasher hasher;
	bool looked, sized;
};

/* At the head of the first answer: how many bytes there will be. */
static bool look(struct blob_fetch *f)
{
	uint64_t size = f->b->max;

	f->looked = true;
	f->sized = exchange_status(f->e) == 200 && length_of(f->e, &size);
	if (size > f->b->max) {
		err_set(&f->stream.failed, EFBIG, "layer %s has %" PRIu64 " bytes; at most %" PRIu64 " are taken",
			f->stream.id, size, f->b->max);
		return false;
	}
	f->stream.size = size;
	if (f->sized)
		f->b->sized(f->b->ctx, size);
	return true;
}

static bool on_bytes(void *ctx, const void *data, size_t n)
{
	struct blob_fetch *f = ctx;
	const char *at = data;

	if ((!f->looked && !look(f)) || !blob_stream_take(&f->stream, f->e, &at, &n))
		return true; /* the loop ends it */
	depot_hasher_add(&f->hasher, at, n);
	(void)f->b->write(f->b->ctx, at, n, &f->stream.failed);
	return true;
}

static void on_try(void *ctx, char ***headers)
{
	struct blob_fetch *f = ctx;

	blob_stream_try(&f->stream, headers);
}

static int finish(struct blob_fetch *f, const char *repo, const struct depot_digest *wanted, struct err *err)
{
	struct depot_digest came;
	char text[DEPOT_DIGEST_MAX];
	int r;

	if (!f->sized)
		f->stream.size = f->stream.received;
	r = blob_stream_end(&f->stream, f->e, repo, err);
	depot_hasher_end(&f->hasher, &came);
	if (r == 0 && RT_GUARD(I8) && !depot_digest_equal(&came, wanted))
		r = err_set(err, EBADMSG, "layer %s of %s came damaged: its bytes have the digest %s", f->stream.id,
			    repo, depot_digest_text(&came, text));
	f->b->size = f->stream.received;
	return r;
}

int upstream_blob(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		  struct upstream_blob *b, struct err *err)
{
	char text[DEPOT_DIGEST_MAX];
	mem_cleanup char *path = mem_printf("v2/%s/blobs/%s", a->repo, depot_digest_text(digest, text));
	mem_cleanup char *scope = remote_scope(a->repo, "pull");
	struct blob_fetch f = {.b = b};
	const struct call c = {
	    .method = "GET", .path = path, .scope = scope, .write = on_bytes, .prepare = on_try, .ctx = &f};
	struct line *l;
	int r = line_take(u, a, &l, err);

	if (r < 0)
		return r;
	blob_stream_init(&f.stream, digest->hex, b->max);
	depot_hasher_init(&f.hasher, digest->hash);
	f.e = exchange_new(l->remote.sessions[0], &c);
	r = blob_stream_run(&f.stream, f.e, err);
	if (r == 0)
		r = finish(&f, a->repo, digest, err);
	exchange_free(f.e);
	blob_stream_free(&f.stream);
	line_give(l, r);
	return r;
}
