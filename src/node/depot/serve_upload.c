/* SPDX-License-Identifier: Apache-2.0 */
/* A body is taken into one buffer while a helper hashes and writes the other; when both are full the connection waits. */
#include "node/depot/serve_impl.h"
#include "base/core/guard.h"

#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WRITE_MIN (64u << 10)

static void add_location(struct call *c, const struct upload *up)
{
	char id[UPLOAD_ID_DIGITS + 1], range[48];
	mem_cleanup char *location = NULL;

	upload_id(up, id);
	location = mem_printf("/v2/%s/blobs/uploads/%s", c->route.name, id);
	snprintf(range, sizeof range, "0-%llu", (unsigned long long)(up->size ? up->size - 1 : 0));
	http_reply_header(c->r, "Location", location);
	http_reply_header(c->r, "Docker-Upload-UUID", id);
	http_reply_header(c->r, "Range", range);
}

static void add_blob_location(struct call *c)
{
	char digest[DEPOT_DIGEST_MAX];
	mem_cleanup char *location = NULL;

	depot_digest_text(&c->digest, digest);
	location = mem_printf("/v2/%s/blobs/%s", c->route.name, digest);
	http_reply_header(c->r, "Location", location);
	http_reply_header(c->r, "Docker-Content-Digest", digest);
}

/* ---- the end of an upload ---- */

static int hash_file(int fd, enum depot_hash hash, struct depot_digest *ret, struct err *err)
{
	mem_cleanup char *piece = malloc(INTAKE_SIZE);
	struct depot_hasher h;
	off_t at = 0;
	ssize_t n = piece ? 1 : -1;

	depot_hasher_init(&h, hash);
	while (n > 0) {
		n = pread(fd, piece, INTAKE_SIZE, at);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			depot_hasher_add(&h, piece, (size_t)n);
		at += n > 0 ? n : 0;
	}
	if (n < 0)
		return err_sys(err, errno, "read an upload");
	depot_hasher_end(&h, ret);
	return 0;
}

/* What was hashed on its way counts when that was all of it, with the right hash; else the file is read. */
static void finish(struct call *c)
{
	struct upload *up = c->upload;
	struct depot_digest is;

	c->result = 0;
	if (c->digest.hash == up->hasher.hash && up->hashed == up->size)
		depot_hasher_end(&up->hasher, &is);
	else
		c->result = hash_file(c->upload_fd, c->digest.hash, &is, &c->err);
	if (c->result == 0 && RT_GUARD(I11) && !depot_digest_equal(&is, &c->digest)) {
		char text[DEPOT_DIGEST_MAX], want[DEPOT_DIGEST_MAX];

		c->result = err_set(&c->err, EBADMSG, "what was sent has the digest %s, not %s",
				    depot_digest_text(&is, text), depot_digest_text(&c->digest, want));
	}
	if (c->result == 0)
		c->result = depot_blob_put(c->s->depot, c->route.name, &c->digest, up->file, &c->err);
}

static void end_upload(struct call *c)
{
	struct upload *up = mem_take(c->upload);

	fd_closep(&c->upload_fd);
	if (up)
		uploads_end(c->s->uploads, up);
}

static void finished(struct call *c)
{
	end_upload(c);
	if (c->result == -EBADMSG) {
		call_fail(c, CODE_DIGEST_INVALID, c->err.text);
	} else if (c->result < 0) {
		call_fail_err(c, CODE_UPLOAD_UNKNOWN);
	} else {
		add_blob_location(c);
		http_reply(c->r, 201, NULL, NULL, 0);
	}
}

static void body_done(struct call *c)
{
	uploads_used(c->upload);
	if (c->expected != UINT64_MAX && c->taken != c->expected) {
		call_fail(c, CODE_SIZE_INVALID, "the body is shorter than the Content-Range");
	} else if (c->finishes) {
		call_work(c, finish, finished);
	} else {
		add_location(c, c->upload);
		http_reply(c->r, 202, NULL, NULL, 0);
	}
}

/* ---- the body ---- */

static void write_piece(struct call *c)
{
	struct upload *up = c->upload;
	size_t done = 0;

	while (done < c->n_writing) {
		ssize_t n = pwrite(c->upload_fd, c->writing + done, c->n_writing - done, (off_t)(up->size + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->result = err_sys(&c->err, errno, "write an upload");
			return;
		}
		done += (size_t)n;
	}
	if (up->hashed == up->size)
		depot_hasher_add(&up->hasher, c->writing, c->n_writing);
	c->result = 0;
}

static void pump(struct call *c);

/* The piece that a helper has written is of the upload now, also when the client has gone meanwhile: it is in the file and in the digest. */
static void settle(struct call *c)
{
	struct upload *up = c->upload;
	size_t n = c->n_writing;

	c->n_writing = 0;
	if (c->result < 0) {
		/* What did not fit is no part of the upload: it can go on when there is room. */
		if (ftruncate(c->upload_fd, (off_t)up->size) < 0)
			log_warning("registry: an upload that failed could not be cut: %s", strerror(errno));
		return;
	}
	if (up->hashed == up->size)
		up->hashed += n;
	up->size += n;
}

static void written(struct call *c)
{
	settle(c);
	if (c->result < 0)
		call_fail_err(c, CODE_UPLOAD_UNKNOWN);
	else if (!c->failed)
		pump(c);
}

static void pump(struct call *c)
{
	if (c->working)
		return;
	if (c->n_filling >= WRITE_MIN || (c->n_filling > 0 && c->body_done)) {
		char *full = c->filling;

		c->filling = c->writing;
		c->writing = full;
		c->n_writing = c->n_filling;
		c->n_filling = 0;
		call_work(c, write_piece, written);
	}
	call_resume(c);
	if (!c->working && c->body_done)
		body_done(c);
}

static int check_size(struct call *c, size_t n)
{
	uint64_t size = c->upload->size + c->n_writing + c->n_filling + n;

	if (c->expected != UINT64_MAX && c->taken > c->expected)
		return err_set(&c->err, EINVAL, "the body is longer than its Content-Range");
	if (RT_GUARD(I11) && size > c->s->o->blob_max)
		return err_set(&c->err, EFBIG, "a blob may have %llu bytes here (--max-blob)",
			       (unsigned long long)c->s->o->blob_max);
	return depot_check_room(c->s->depot, size, &c->err);
}

static void take(struct call *c, const void *data, size_t n)
{
	c->taken += n;
	if (n > 0 && check_size(c, n) < 0) {
		if (c->err.code == EINVAL)
			call_fail(c, CODE_SIZE_INVALID, c->err.text);
		else
			call_fail_err(c, CODE_UPLOAD_UNKNOWN);
		c->on_body = NULL;
		return;
	}
	/* n is at most what one read gives, which fits: the connection waits when less than that is free. */
	if (n > 0)
		memcpy(c->filling + c->n_filling, data, n);
	c->n_filling += n;
	pump(c);
	if (c->n_filling > INTAKE_SIZE / 2)
		call_pause(c);
}

static int take_body(struct call *c, struct upload *up)
{
	if (up->busy) {
		call_fail(c, CODE_TOO_MANY, "another request works on this upload");
		return -EBUSY;
	}
	c->upload_fd = openat(depot_uploads_fd(c->s->depot), up->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (c->upload_fd < 0) {
		err_sys(&c->err, errno, "open the upload");
		call_fail_err(c, CODE_UPLOAD_UNKNOWN);
		return -EIO;
	}
	up->busy = true;
	c->upload = up;
	c->filling = mem_zalloc(1, INTAKE_SIZE);
	c->writing = mem_zalloc(1, INTAKE_SIZE);
	c->on_body = take;
	return 0;
}

void serve_upload_release(struct call *c)
{
	if (c->upload && c->n_writing > 0)
		settle(c);
	if (c->upload && c->work == finish)
		end_upload(c);
	if (c->upload)
		c->upload->busy = false;
	c->upload = NULL;
	fd_closep(&c->upload_fd);
	free(c->filling);
	free(c->writing);
}

/* ---- requests ---- */

static bool get_digest(struct call *c)
{
	const char *text = http_req_query(c->r, "digest");

	if (text && depot_digest_parse(text, &c->digest))
		return true;
	call_fail(c, CODE_DIGEST_INVALID,
		  text ? "a sha256 or sha512 digest is needed" : "the parameter digest is missing");
	return false;
}

static struct upload *find(struct call *c)
{
	struct upload *up = uploads_find(c->s->uploads, c->route.name, c->route.upload);

	if (up)
		uploads_used(up);
	else
		call_fail(c, CODE_UPLOAD_UNKNOWN, NULL);
	return up;
}

static struct upload *begin(struct call *c)
{
	struct upload *up = NULL;

	if (depot_check_room(c->s->depot, 1, &c->err) < 0 ||
	    uploads_begin(c->s->uploads, c->route.name, &up, &c->err) < 0)
		call_fail_err(c, CODE_UPLOAD_UNKNOWN);
	return up;
}

static void begin_plain(struct call *c)
{
	struct upload *up = begin(c);

	if (!up)
		return;
	add_location(c, up);
	http_reply(c->r, 202, NULL, NULL, 0);
}

static void mount(struct call *c)
{
	c->result = depot_blob_mount(c->s->depot, c->match, c->route.name, &c->digest, &c->err);
}

static void mounted(struct call *c)
{
	if (c->result == -ENOENT) {
		begin_plain(c);
	} else if (c->result < 0) {
		call_fail_err(c, CODE_BLOB_UNKNOWN);
	} else {
		add_blob_location(c);
		http_reply(c->r, 201, NULL, NULL, 0);
	}
}

/* Who may not read the other repository is told what he would be told if it did not have the blob. */
static bool begin_mount(struct call *c)
{
	const char *digest = http_req_query(c->r, "mount"), *from = http_req_query(c->r, "from");

	if (!digest || !from || !depot_digest_parse(digest, &c->digest) || !depot_name_ok(from))
		return false;
	if (RT_GUARD(I11) && !access_allows(&c->access, from, ACCESS_PULL))
		return false;
	c->match = mem_strdup(from);
	call_work(c, mount, mounted);
	return true;
}

void serve_upload_begin(struct call *c)
{
	struct upload *up;

	if (http_req_query(c->r, "mount") && begin_mount(c))
		return;
	if (!http_req_query(c->r, "digest")) {
		begin_plain(c);
		return;
	}
	if (!get_digest(c))
		return;
	up = begin(c);
	c->expected = UINT64_MAX;
	c->finishes = true;
	if (up)
		take_body(c, up);
}

void serve_upload_status(struct call *c)
{
	struct upload *up = find(c);

	if (!up)
		return;
	add_location(c, up);
	http_reply(c->r, 204, NULL, NULL, 0);
}

void serve_upload_cancel(struct call *c)
{
	struct upload *up = find(c);

	if (!up)
		return;
	if (up->busy) {
		call_fail(c, CODE_TOO_MANY, "another request works on this upload");
		return;
	}
	uploads_end(c->s->uploads, up);
	http_reply(c->r, 204, NULL, NULL, 0);
}

/* The length that was announced, if it was, is the one of the range: known before anything is written. */
static bool announces(struct call *c, uint64_t length)
{
	const char *header = http_req_header(c->r, "Content-Length");

	return !header || strtoull(header, NULL, 10) == length;
}

/* The chunk must begin where the upload ends; without the header it does. */
static bool check_chunk(struct call *c, const struct upload *up)
{
	const char *header = http_req_header(c->r, "Content-Range");
	struct range part;

	c->expected = UINT64_MAX;
	if (!header)
		return true;
	if (range_parse_chunk(header, &part) != RANGE_PART) {
		call_fail(c, CODE_UPLOAD_INVALID, "Content-Range is FIRST-LAST");
		return false;
	}
	if (part.first != up->size) {
		add_location(c, up);
		call_fail(c, CODE_UPLOAD_ORDER, NULL);
		return false;
	}
	if (!announces(c, part.length)) {
		call_fail(c, CODE_SIZE_INVALID, "Content-Length is not the length of Content-Range");
		return false;
	}
	c->expected = part.length;
	return true;
}

void serve_upload_patch(struct call *c)
{
	struct upload *up = find(c);

	if (up && check_chunk(c, up))
		take_body(c, up);
}

void serve_upload_put(struct call *c)
{
	struct upload *up = find(c);

	if (!up || !get_digest(c) || !check_chunk(c, up))
		return;
	c->finishes = true;
	take_body(c, up);
}
