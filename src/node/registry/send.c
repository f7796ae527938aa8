/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/send.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OCTETS "Content-Type: application/octet-stream"
#define TELL_MS 100

void send_free(struct send *s)
{
	url_free(&s->location);
}

static int refused(const struct send *s, const struct exchange *e, struct err *err)
{
	mem_cleanup char *what = mem_printf("push of %s to %s", s->id, s->repo);

	return exchange_refused(e, what, err);
}

static void tell(const struct send *s, uint64_t done, uint64_t total)
{
	const struct image_progress p = {.id = s->id, .action = "Pushing", .done = done, .total = total};

	if (s->progress)
		s->progress(s->ctx, &p);
}

int send_exists(struct send *s, const char *hex, uint64_t *ret_size, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	mem_cleanup char *path = mem_printf("v2/%s/blobs/sha256:%s", s->repo, hex);
	const struct call c = {.method = "HEAD", .path = path, .scope = s->scope};
	const char *length;
	int r = session_call(s->session, &c, &e, err);

	if (r < 0)
		return r;
	if (r == 404)
		return 0;
	if (r != 200)
		return refused(s, e, err);
	length = exchange_header(e, HEADER_LENGTH);
	if (ret_size)
		*ret_size = length ? strtoull(length, NULL, 10) : 0;
	return 1;
}

/* Where the next request of this upload goes. */
static int moved(struct send *s, const struct exchange *e, struct err *err)
{
	const char *location = exchange_header(e, HEADER_LOCATION);
	struct url to = URL_INIT;
	int r;

	if (!location)
		return err_set(err, EPROTO, "the registry %s does not say where the upload goes on",
			       session_name(s->session));
	r = url_resolve(exchange_url(e), location, &to, err);
	if (r < 0)
		return err_wrap(err, "where the registry %s wants the upload", session_name(s->session));
	if (exchange_url(e)->https && !to.https) {
		r = err_set(err, EPERM, "the registry %s wants the upload without TLS, at http://%s; that is not done",
			    session_name(s->session), to.host);
		url_free(&to);
		return r;
	}
	url_free(&s->location);
	s->location = to;
	return 0;
}

int send_begin(struct send *s, const char *mount, const char *from, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	mem_cleanup char *other = from ? url_escape(from, "") : NULL;
	mem_cleanup char *query = mount ? mem_printf("?mount=sha256%%3A%s&from=%s", mount, other) : mem_strdup("");
	mem_cleanup char *path = mem_printf("v2/%s/blobs/uploads/%s", s->repo, query);
	mem_cleanup char *both = mount ? mem_printf("%s repository:%s:pull", s->scope, from) : mem_strdup(s->scope);
	const struct call c = {.method = "POST", .path = path, .scope = both, .body_max = TRANSPORT_ERROR_BODY_MAX};
	int r = session_call(s->session, &c, &e, err);

	if (r < 0)
		return r;
	if (mount && r == 201)
		return 1;
	return r == 202 ? moved(s, e, err) : refused(s, e, err);
}

/* The location with ?digest= or &digest=. */
static int with_digest(const struct send *s, const char *hex, struct url *ret, struct err *err)
{
	mem_cleanup char *at = url_text(&s->location);
	mem_cleanup char *whole = mem_printf("%s%cdigest=sha256%%3A%s", at, strchr(at, '?') ? '&' : '?', hex);

	return url_parse(whole, ret, err);
}

static int put(struct send *s, const char *hex, const struct call *body, struct exchange **ret, struct err *err)
{
	struct call c = *body;
	cleanup_with(url_free) struct url to = URL_INIT;
	char *headers[] = {(char *)(uintptr_t)OCTETS, NULL};
	int r = with_digest(s, hex, &to, err);

	if (r < 0)
		return r;
	c.method = "PUT";
	c.url = &to;
	c.scope = s->scope;
	c.headers = headers;
	c.body_max = TRANSPORT_ERROR_BODY_MAX;
	r = session_call(s->session, &c, ret, err);
	if (r < 0)
		return r;
	return r == 201 || r == 204 ? 0 : refused(s, *ret, err);
}

int send_finish(struct send *s, const char *hex, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	struct call c = {.body_size = 0};

	return put(s, hex, &c, &e, err);
}

int send_text(struct send *s, const char *hex, const char *text, size_t n, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	struct call c = {.body = text, .body_size = (int64_t)n};
	int r = send_begin(s, NULL, NULL, err);

	return r < 0 ? r : put(s, hex, &c, &e, err);
}

/* ---- from a pipe ---- */

struct source {
	struct send *s;
	int fd;
	uint64_t sent, total;
	int64_t told_ms;
};

static ssize_t on_read(void *ctx, void *data, size_t cap)
{
	struct source *p = ctx;
	ssize_t n = read(p->fd, data, cap);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n < 0)
		return -errno;
	if (n == 0 && p->sent < p->total)
		return -ENODATA; /* fewer than were promised */
	p->sent += (uint64_t)n;
	if (clock_mono_ms() - p->told_ms >= TELL_MS) {
		p->told_ms = clock_mono_ms();
		tell(p->s, p->sent, p->total);
	}
	return n;
}

/* As exchange_run(), woken by the pipe. */
static int run(struct source *p, struct exchange *e, struct err *err)
{
	int r;

	while ((r = exchange_step(e, err)) == 0) {
		const struct transport_fd in = {.fd = p->fd};

		r = transport_step(exchange_transport(e), &in, 1, 1000, err);
		if (r < 0)
			return r;
		exchange_resume(e);
	}
	return r < 0 ? r : exchange_status(e);
}

int send_known(struct send *s, int fd, const char *hex, uint64_t size, struct err *err)
{
	cleanup_with(url_free) struct url to = URL_INIT;
	struct source p = {.s = s, .fd = fd, .total = size};
	char *headers[] = {(char *)(uintptr_t)OCTETS, NULL};
	const struct call c = {.method = "PUT",
			       .url = &to,
			       .scope = s->scope,
			       .headers = headers,
			       .body_size = (int64_t)size,
			       .read = on_read,
			       .ctx = &p,
			       .body_max = TRANSPORT_ERROR_BODY_MAX,
			       .once = true};
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	int r = with_digest(s, hex, &to, err);

	if (r < 0)
		return r;
	e = exchange_new(s->session, &c);
	r = run(&p, e, err);
	if (r < 0)
		return r;
	return r == 201 || r == 204 ? 0 : refused(s, e, err);
}

static int patch_all(struct send *s, int fd, struct err *err)
{
	struct source p = {.s = s, .fd = fd};
	char *headers[] = {(char *)(uintptr_t)OCTETS, NULL};
	const struct call c = {.method = "PATCH",
			       .url = &s->location,
			       .scope = s->scope,
			       .headers = headers,
			       .body_size = -1,
			       .read = on_read,
			       .ctx = &p,
			       .body_max = TRANSPORT_ERROR_BODY_MAX,
			       .once = true};
	cleanup_with(exchange_freep) struct exchange *e = exchange_new(s->session, &c);
	int r = run(&p, e, err);

	if (r < 0)
		return r;
	return r == 202 || r == 204 ? moved(s, e, err) : refused(s, e, err);
}

/* One chunk; its answer may have been lost, then a second try finds it taken (416). */
static int patch_chunk(struct send *s, const char *data, size_t n, uint64_t first, struct err *err)
{
	mem_cleanup char *range = mem_printf("Content-Range: %" PRIu64 "-%" PRIu64, first, first + n - 1);
	char *headers[] = {(char *)(uintptr_t)OCTETS, range, NULL};
	const struct call c = {.method = "PATCH",
			       .url = &s->location,
			       .scope = s->scope,
			       .headers = headers,
			       .body = data,
			       .body_size = (int64_t)n,
			       .body_max = TRANSPORT_ERROR_BODY_MAX};
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	uint64_t last = 0;
	const char *have;
	int r = session_call(s->session, &c, &e, err);

	if (r < 0)
		return r;
	have = exchange_header(e, HEADER_RANGE);
	if (r == 416 && have &&
	    (sscanf(have, "0-%" SCNu64, &last) == 1 || sscanf(have, "bytes=0-%" SCNu64, &last) == 1) &&
	    last == first + n - 1)
		return exchange_header(e, HEADER_LOCATION) ? moved(s, e, err) : 0;
	return r == 202 || r == 204 ? moved(s, e, err) : refused(s, e, err);
}

/* Fills the buffer from the pipe; blocks. */
static ssize_t read_full(int fd, char *data, size_t cap, struct err *err)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = read(fd, data + n, cap - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read the packed layer");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static int patch_chunks(struct send *s, int fd, size_t chunk, struct err *err)
{
	mem_cleanup char *data = mem_new_n(char, chunk);
	uint64_t sent = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read_full(fd, data, chunk, err)) != 0) {
		r = n < 0 ? (int)n : patch_chunk(s, data, (size_t)n, sent, err);
		sent += n > 0 ? (uint64_t)n : 0;
		tell(s, sent, 0);
	}
	return r;
}

int send_unknown(struct send *s, int fd, size_t chunk, struct err *err)
{
	return chunk ? patch_chunks(s, fd, chunk, err) : patch_all(s, fd, err);
}

int send_manifest(struct send *s, const char *reference, const char *media_type, const char *text, size_t n,
		  struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	mem_cleanup char *path = mem_printf("v2/%s/manifests/%s", s->repo, reference);
	mem_cleanup char *type = mem_printf("Content-Type: %s", media_type);
	char *headers[] = {type, NULL};
	const struct call c = {.method = "PUT",
			       .path = path,
			       .scope = s->scope,
			       .headers = headers,
			       .body = text,
			       .body_size = (int64_t)n,
			       .body_max = TRANSPORT_ERROR_BODY_MAX};
	int r = session_call(s->session, &c, &e, err);

	if (r < 0)
		return r;
	return r == 201 || r == 200 ? 0 : refused(s, e, err);
}
