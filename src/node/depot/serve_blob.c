/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/serve_impl.h"

#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/wire/http_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE (128u << 10)

/* Reads ahead of the reader by what the kernel thinks fit, and hands on as much as the connection takes. */
void serve_blob_more(struct call *c)
{
	static char piece[PIECE]; /* one loop, one thread */

	while (c->left > 0 && !c->full) {
		uint64_t ready = c->flight ? mirror_ready(c) : c->left;
		size_t want = ready < sizeof piece ? (size_t)ready : sizeof piece;
		ssize_t n = want ? pread(c->fd, piece, want, (off_t)c->at) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (want == 0)
			return;
		if (n <= 0) {
			log_error("registry: a blob of %s could not be sent to its end", c->route.name);
			break;
		}
		c->at += (uint64_t)n;
		c->left -= (uint64_t)n;
		c->full = http_reply_data(c->r, piece, (size_t)n) && c->left > 0;
	}
	if (!c->full)
		http_reply_end(c->r);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct call *c = ctx;

	(void)r;
	c->full = false;
	serve_blob_more(c);
}

static bool not_modified(struct call *c, const char *etag)
{
	const char *known = http_req_header(c->r, "If-None-Match");

	return known && (strcmp(known, "*") == 0 || strstr(known, etag));
}

/* The range counts only while the client means the same content. */
static enum range_answer wanted(struct call *c, uint64_t size, const char *etag, struct range *ret)
{
	const char *same = http_req_header(c->r, "If-Range");

	*ret = (struct range){.length = size};
	if (same && strcmp(same, etag) != 0)
		return RANGE_ALL;
	return range_parse(http_req_header(c->r, "Range"), size, ret);
}

static void begin(struct call *c, uint64_t size, const struct range *part, enum range_answer answer)
{
	char text[80];

	if (answer == RANGE_PART) {
		snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)part->first,
			 (unsigned long long)(part->first + part->length - 1), (unsigned long long)size);
		http_reply_header(c->r, "Content-Range", text);
	}
	c->at = part->first;
	c->left = part->length;
	c->begun = true;
	http_reply_on_drain(c->r, on_drain, c);
	http_reply_begin_sized(c->r, answer == RANGE_PART ? 206 : 200, "application/octet-stream", part->length);
	if (c->route.method == ROUTE_HEAD || c->left == 0) {
		http_reply_end(c->r);
		return;
	}
	(void)posix_fadvise(c->fd, (off_t)c->at, (off_t)c->left, POSIX_FADV_SEQUENTIAL);
	serve_blob_more(c);
}

void serve_blob_answer(struct call *c, uint64_t size)
{
	char digest[DEPOT_DIGEST_MAX], etag[DEPOT_DIGEST_MAX + 2], text[40];
	struct range part;
	enum range_answer answer;

	snprintf(etag, sizeof etag, "\"%s\"", depot_digest_text(&c->route.digest, digest));
	http_reply_header(c->r, "Docker-Content-Digest", digest);
	http_reply_header(c->r, "ETag", etag);
	http_reply_header(c->r, "Accept-Ranges", "bytes");
	http_reply_header(c->r, "Cache-Control", "max-age=31536000");
	if (not_modified(c, etag)) {
		http_reply(c->r, 304, NULL, NULL, 0);
		return;
	}
	answer = wanted(c, size, etag, &part);
	if (answer == RANGE_OUTSIDE) {
		snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
		http_reply_header(c->r, "Content-Range", text);
		http_reply(c->r, 416, NULL, NULL, 0);
		return;
	}
	begin(c, size, &part, answer);
}

void serve_blob_get(struct call *c)
{
	uint64_t size;

	/* Whoever asks may be about to push a manifest that names it. */
	c->fd = depot_blob_open(c->s->depot, c->route.name, &c->route.digest, DEPOT_KEEP, &size, &c->err);
	if (c->fd >= 0)
		serve_blob_answer(c, size);
	else if (c->err.code == ENOENT && c->s->mirror)
		mirror_blob(c);
	else
		call_fail_err(c, CODE_BLOB_UNKNOWN);
}

static void delete_blob(struct call *c)
{
	c->result = depot_blob_delete(c->s->depot, c->route.name, &c->route.digest, &c->err);
}

static void deleted(struct call *c)
{
	if (c->result < 0)
		call_fail_err(c, CODE_BLOB_UNKNOWN);
	else
		http_reply(c->r, 202, NULL, NULL, 0);
}

void serve_blob_delete(struct call *c)
{
	call_work(c, delete_blob, deleted);
}
