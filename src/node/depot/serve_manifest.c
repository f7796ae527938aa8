/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/serve_impl.h"

#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "node/depot/document.h"

#include <stdio.h>
#include <string.h>

static int find_digest(struct call *c)
{
	if (!*c->route.tag) {
		c->digest = c->route.digest;
		return 0;
	}
	return depot_tag_read(c->s->depot, c->route.name, c->route.tag, &c->digest, &c->err);
}

static int read_document(struct call *c, char **ret, size_t *ret_n, struct document *ret_doc)
{
	int r = find_digest(c);

	if (r == 0)
		r = depot_manifest_read(c->s->depot, c->route.name, &c->digest, ret, ret_n, &c->err);
	return r == 0 ? document_parse(*ret, *ret_n, NULL, ret_doc, &c->err) : r;
}

void serve_manifest_answer(struct call *c)
{
	char digest[DEPOT_DIGEST_MAX], etag[DEPOT_DIGEST_MAX + 2];
	const char *known = http_req_header(c->r, "If-None-Match");
	mem_cleanup char *text = NULL;
	struct document doc = {.json = NULL};
	size_t n = 0;

	if (read_document(c, &text, &n, &doc) < 0) {
		call_fail_err(c, CODE_MANIFEST_UNKNOWN);
		return;
	}
	snprintf(etag, sizeof etag, "\"%s\"", depot_digest_text(&c->digest, digest));
	http_reply_header(c->r, "Docker-Content-Digest", digest);
	http_reply_header(c->r, "ETag", etag);
	if (known && strstr(known, etag))
		http_reply(c->r, 304, NULL, NULL, 0);
	else
		http_reply(c->r, 200, doc.media_type, text, n);
	document_free(&doc);
}

void serve_manifest_get(struct call *c)
{
	if (c->s->mirror)
		mirror_manifest(c);
	else
		serve_manifest_answer(c);
}

/* ---- put ---- */

static void put(struct call *c)
{
	const char *tag = *c->route.tag ? c->route.tag : NULL;
	struct document doc;

	c->result = document_parse(buf_str(&c->body), c->body.len, c->type, &doc, &c->err);
	if (c->result < 0)
		return;
	depot_digest_of(tag ? DEPOT_SHA256 : c->route.digest.hash, buf_str(&c->body), c->body.len, &c->digest);
	if (!tag && !depot_digest_equal(&c->digest, &c->route.digest))
		c->result = err_set(&c->err, EBADMSG, "the manifest has another digest");
	else
		c->result = depot_manifest_put(c->s->depot, c->route.name, &c->digest, tag, buf_str(&c->body),
					       c->body.len, &doc, &c->missing, &c->err);
	if (c->result == 0 && doc.has_subject)
		buf_adds(&c->text, depot_digest_text(&doc.subject, (char[DEPOT_DIGEST_MAX]){0}));
	document_free(&doc);
}

static void put_done(struct call *c)
{
	static const struct {
		int result;
		enum serve_code code;
	} table[] = {{-EINVAL, CODE_MANIFEST_INVALID},
		     {-E2BIG, CODE_MANIFEST_INVALID},
		     {-ENOTSUP, CODE_UNSUPPORTED_TYPE},
		     {-EBADMSG, CODE_DIGEST_INVALID}};
	char digest[DEPOT_DIGEST_MAX];
	mem_cleanup char *location = NULL;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].result == c->result) {
			call_fail(c, table[i].code, c->err.text);
			return;
		}
	if (c->result < 0) {
		call_fail_err(c, CODE_MANIFEST_BLOB_UNKNOWN);
		return;
	}
	depot_digest_text(&c->digest, digest);
	location = mem_printf("/v2/%s/manifests/%s", c->route.name, digest);
	http_reply_header(c->r, "Location", location);
	http_reply_header(c->r, "Docker-Content-Digest", digest);
	if (c->text.len)
		http_reply_header(c->r, "OCI-Subject", buf_str(&c->text));
	http_reply(c->r, 201, NULL, NULL, 0);
}

static void put_collected(struct call *c)
{
	if (depot_check_room(c->s->depot, c->body.len, &c->err) < 0)
		call_fail_err(c, CODE_MANIFEST_UNKNOWN);
	else
		call_work(c, put, put_done);
}

void serve_manifest_put(struct call *c)
{
	c->type = mem_strdup(http_req_header(c->r, "Content-Type"));
	call_collect(c, put_collected);
}

/* ---- delete ---- */

static void delete (struct call *c)
{
	if (*c->route.tag)
		c->result = depot_tag_delete(c->s->depot, c->route.name, c->route.tag, &c->err);
	else
		c->result = depot_manifest_delete(c->s->depot, c->route.name, &c->route.digest, &c->err);
}

static void deleted(struct call *c)
{
	if (c->result < 0)
		call_fail_err(c, CODE_MANIFEST_UNKNOWN);
	else
		http_reply(c->r, 202, NULL, NULL, 0);
}

void serve_manifest_delete(struct call *c)
{
	call_work(c, delete, deleted);
}
