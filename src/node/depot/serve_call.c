/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/serve_impl.h"

#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "node/depot/document.h"

#include <string.h>
#include <unistd.h>

static const struct {
	const char *code;
	int status;
	const char *message;
} codes[] = {
    [CODE_BLOB_UNKNOWN] = {"BLOB_UNKNOWN", 404, "the repository does not have this blob"},
    [CODE_UPLOAD_INVALID] = {"BLOB_UPLOAD_INVALID", 400, "the upload cannot go on like this"},
    [CODE_UPLOAD_ORDER] = {"BLOB_UPLOAD_INVALID", 416, "the chunk does not begin where the upload ends"},
    [CODE_UPLOAD_UNKNOWN] = {"BLOB_UPLOAD_UNKNOWN", 404, "there is no such upload; begin a new one"},
    [CODE_DIGEST_INVALID] = {"DIGEST_INVALID", 400, "the digest is wrong"},
    [CODE_MANIFEST_BLOB_UNKNOWN] = {"MANIFEST_BLOB_UNKNOWN", 404, "the manifest names something that is not here"},
    [CODE_MANIFEST_INVALID] = {"MANIFEST_INVALID", 400, "the manifest is not valid"},
    [CODE_MANIFEST_UNKNOWN] = {"MANIFEST_UNKNOWN", 404, "the repository does not have this manifest"},
    [CODE_NAME_INVALID] = {"NAME_INVALID", 400, "the name of the repository is not valid"},
    [CODE_NAME_UNKNOWN] = {"NAME_UNKNOWN", 404, "there is no such repository"},
    [CODE_TAG_INVALID] = {"TAG_INVALID", 400, "the tag is not valid"},
    [CODE_SIZE_INVALID] = {"SIZE_INVALID", 400, "the size is not the one that was announced"},
    [CODE_TOO_LARGE] = {"SIZE_INVALID", 413, "more than this registry takes"},
    [CODE_UNAUTHORIZED] = {"UNAUTHORIZED", 401, "log in first"},
    [CODE_DENIED] = {"DENIED", 403, "not allowed"},
    [CODE_UNSUPPORTED] = {"UNSUPPORTED", 405, "this cannot be done here"},
    [CODE_UNSUPPORTED_TYPE] = {"MANIFEST_INVALID", 415, "the media type is not known here"},
    [CODE_PAGE_INVALID] = {"PAGINATION_NUMBER_INVALID", 400, "the number of results is not valid"},
    [CODE_TOO_MANY] = {"TOOMANYREQUESTS", 429, "too many at once; try again later"},
    [CODE_NO_ROOM] = {"DENIED", 507, "the registry has no room left"},
    [CODE_UNKNOWN] = {"UNKNOWN", 500, "the registry failed; its log says why"},
    [CODE_UPSTREAM] = {"UNKNOWN", 502, "the registry that this one mirrors cannot be asked; the log says why"},
    [CODE_NOT_FOUND] = {"UNSUPPORTED", 404, "no such path"},
};

void call_reply_json(struct call *c, int status, const char *type, const char *text, size_t n)
{
	http_reply(c->r, status, type ? type : "application/json", text, n);
}

void call_fail(struct call *c, enum serve_code code, const char *detail)
{
	struct buf b buf_cleanup = BUF_INIT;

	if (!c->r || c->failed)
		return;
	c->failed = true;
	c->on_body = NULL;
	buf_printf(&b, "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"", codes[code].code, codes[code].message);
	if (detail && *detail) {
		buf_adds(&b, ",\"detail\":");
		json_quote(&b, detail, strlen(detail));
	}
	buf_adds(&b, "}]}\n");
	if (codes[code].status == 429)
		http_reply_header(c->r, "Retry-After", "5");
	call_reply_json(c, codes[code].status, NULL, buf_str(&b), b.len);
}

void call_fail_err(struct call *c, enum serve_code missing)
{
	static const struct {
		int error;
		enum serve_code code;
	} kinds[] = {{EDQUOT, CODE_NO_ROOM},
		     {ENOSPC, CODE_NO_ROOM},
		     {EFBIG, CODE_TOO_LARGE},
		     {E2BIG, CODE_TOO_LARGE},
		     {EAGAIN, CODE_TOO_MANY}};

	if (c->err.code == ENOENT) {
		call_fail(c, missing, c->err.text);
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].error == c->err.code) {
			call_fail(c, kinds[i].code, c->err.text);
			return;
		}
	log_err(&c->err, "registry");
	call_fail(c, CODE_UNKNOWN, NULL);
}

/* ---- work ---- */

static void call_free(struct call *c)
{
	serve_upload_release(c);
	mirror_leave(c);
	fd_closep(&c->fd);
	access_free(&c->access);
	buf_free(&c->body);
	buf_free(&c->text);
	free(c->type);
	free(c->last);
	free(c->match);
	free(c);
}

static void on_work(struct helper_job *j)
{
	struct call *c = (struct call *)j;

	c->work(c);
}

static void on_done(struct helper_job *j)
{
	struct call *c = (struct call *)j;

	c->working = false;
	if (c->r)
		c->then(c);
	else
		call_free(c);
}

void call_work(struct call *c, void (*work)(struct call *c), void (*then)(struct call *c))
{
	c->work = work;
	c->then = then;
	c->working = true;
	c->job.work = on_work;
	c->job.done = on_done;
	helper_run(c->s->helper, &c->job);
}

void call_pause(struct call *c)
{
	if (!c->paused)
		http_req_pause(c->r);
	c->paused = true;
}

void call_resume(struct call *c)
{
	if (c->paused)
		http_req_resume(c->r);
	c->paused = false;
}

/* ---- bodies that are collected ---- */

static void collect(struct call *c, const void *data, size_t n)
{
	if (n == 0)
		c->then(c);
	else if (buf_add(&c->body, data, n) < 0)
		call_fail(c, CODE_TOO_LARGE, "a manifest has at the most 4 MiB");
}

void call_collect(struct call *c, void (*then)(struct call *c))
{
	c->body.limit = DOCUMENT_MAX;
	c->then = then;
	c->on_body = collect;
}

/* ---- what each end point does, and who may ask for it ---- */

enum { CHANGES = 1, DELETES = 2, OPEN = 4 /* needs no right, but a login where there is one */ };

static const struct {
	enum route_kind kind;
	unsigned methods; /* bits of enum route_method */
	unsigned rights, flags;
	void (*fn)(struct call *c);
} endpoints[] = {
    {ROUTE_BASE, 1 << ROUTE_GET | 1 << ROUTE_HEAD, 0, OPEN, serve_base},
    {ROUTE_PING, 1 << ROUTE_GET | 1 << ROUTE_HEAD, 0, OPEN, serve_ping},
    {ROUTE_CATALOG, 1 << ROUTE_GET, ACCESS_CATALOG, 0, serve_catalog},
    {ROUTE_SEARCH, 1 << ROUTE_GET, ACCESS_CATALOG, 0, serve_search},
    {ROUTE_IMAGES, 1 << ROUTE_GET, ACCESS_CATALOG, 0, serve_images},
    {ROUTE_TAGS, 1 << ROUTE_GET, ACCESS_PULL, 0, serve_tags},
    {ROUTE_REFERRERS, 1 << ROUTE_GET, ACCESS_PULL, 0, serve_referrers},
    {ROUTE_BLOB, 1 << ROUTE_GET | 1 << ROUTE_HEAD, ACCESS_PULL, 0, serve_blob_get},
    {ROUTE_BLOB, 1 << ROUTE_DELETE, ACCESS_DELETE, CHANGES | DELETES, serve_blob_delete},
    {ROUTE_MANIFEST, 1 << ROUTE_GET | 1 << ROUTE_HEAD, ACCESS_PULL, 0, serve_manifest_get},
    {ROUTE_MANIFEST, 1 << ROUTE_PUT, ACCESS_PUSH, CHANGES, serve_manifest_put},
    {ROUTE_MANIFEST, 1 << ROUTE_DELETE, ACCESS_DELETE, CHANGES | DELETES, serve_manifest_delete},
    {ROUTE_UPLOADS, 1 << ROUTE_POST, ACCESS_PUSH, CHANGES, serve_upload_begin},
    {ROUTE_UPLOAD, 1 << ROUTE_GET | 1 << ROUTE_HEAD, ACCESS_PUSH, CHANGES, serve_upload_status},
    {ROUTE_UPLOAD, 1 << ROUTE_PATCH, ACCESS_PUSH, CHANGES, serve_upload_patch},
    {ROUTE_UPLOAD, 1 << ROUTE_PUT, ACCESS_PUSH, CHANGES, serve_upload_put},
    {ROUTE_UPLOAD, 1 << ROUTE_DELETE, ACCESS_PUSH, CHANGES, serve_upload_cancel},
};

static size_t endpoint_of(const struct route *r)
{
	size_t i = 0;

	while (endpoints[i].kind != r->kind || !(endpoints[i].methods & 1u << r->method))
		i++;
	return i;
}

static void refuse_change(struct call *c)
{
	mem_cleanup char *text = mem_printf("this registry only mirrors %s: push there", mirror_name(c->s->mirror));

	call_fail(c, CODE_UNSUPPORTED, text);
}

static void dispatch(struct call *c)
{
	size_t i = endpoint_of(&c->route);
	unsigned flags = endpoints[i].flags;

	if ((flags & OPEN) ? !c->access.known : !access_allows(&c->access, c->route.name, endpoints[i].rights)) {
		auth_refuse(c, c->route.name, endpoints[i].rights);
	} else if ((flags & CHANGES) && c->s->mirror) {
		refuse_change(c);
	} else if ((flags & CHANGES) && c->s->o->read_only) {
		call_fail(c, CODE_UNSUPPORTED, "this registry can only be read");
	} else if ((flags & DELETES) && !c->s->o->deletes) {
		call_fail(c, CODE_UNSUPPORTED, "nothing can be deleted here (berth registry --delete allows it)");
	} else {
		endpoints[i].fn(c);
	}
	if (c->r)
		call_resume(c);
}

static bool refuse_wrong(struct call *c)
{
	static const enum serve_code wrongs[] = {[ROUTE_BAD_NAME] = CODE_NAME_INVALID,
						 [ROUTE_BAD_TAG] = CODE_TAG_INVALID,
						 [ROUTE_BAD_DIGEST] = CODE_DIGEST_INVALID,
						 [ROUTE_BAD_UPLOAD] = CODE_UPLOAD_UNKNOWN,
						 [ROUTE_BAD_METHOD] = CODE_UNSUPPORTED};

	if (c->route.kind == ROUTE_NONE) {
		call_fail(c, CODE_NOT_FOUND, NULL);
		return true;
	}
	if (c->route.wrong == ROUTE_WELL)
		return false;
	if (c->route.wrong == ROUTE_BAD_METHOD)
		http_reply_header(c->r, "Allow", route_allow(c->route.kind));
	/* What no tag can be called cannot be there; only to make it is wrong. */
	if (c->route.wrong == ROUTE_BAD_TAG && c->route.method != ROUTE_PUT)
		call_fail(c, CODE_MANIFEST_UNKNOWN, NULL);
	else
		call_fail(c, wrongs[c->route.wrong], NULL);
	return true;
}

static void on_close(struct http_req *r, void *ctx)
{
	struct call *c = ctx;

	(void)r;
	c->r = NULL;
	if (!c->working)
		call_free(c);
}

static void on_body(struct http_req *r, void *ctx, const void *data, size_t n)
{
	struct call *c = ctx;

	(void)r;
	if (n == 0)
		c->body_done = true;
	if (c->on_body)
		c->on_body(c, data, n);
}

void serve_on_headers(struct http_req *r, void *ctx)
{
	struct call *c = mem_new(struct call);

	c->s = ctx;
	c->r = r;
	c->fd = c->upload_fd = -1;
	route_parse(http_req_method(r), http_req_path(r), &c->route);
	http_req_set_data(r, c);
	http_req_on_close(r, on_close, c);
	http_req_stream_body(r, on_body, c);
	http_reply_header(r, "Docker-Distribution-Api-Version", "registry/2.0");
	http_reply_header(r, "X-Content-Type-Options", "nosniff");
}

void serve_on_request(struct http_req *r, void *ctx)
{
	struct call *c = http_req_data(r);

	(void)ctx;
	if (refuse_wrong(c))
		return;
	/* The body waits until it is known who sends it. */
	call_pause(c);
	auth_check(c, dispatch);
}
