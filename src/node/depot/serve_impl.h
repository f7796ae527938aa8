/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_impl: the inside of the server, shared by serve*.c. Nobody else includes this.
 *
 * A call is one request: made when its headers are there, gone when the request is closed and no helper works for it any more. So a handler never
 * meets a request that has gone: call_work() comes back only to those that live.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/depot/access.h"
#include "node/depot/depot.h"
#include "node/depot/helper.h"
#include "node/depot/range.h"
#include "node/depot/route.h"
#include "node/depot/serve.h"
#include "node/depot/upload.h"

struct auth;
struct flight;
struct http_req;
struct loop_timer;
struct mirror;
struct tls;

struct serve {
	const struct serve_options *o;
	struct loop *loop;
	struct http_server *http;
	struct tls *tls; /* NULL = plain HTTP */
	struct depot *depot;
	struct uploads *uploads;
	struct helper *helper;
	struct auth *auth;
	struct collector *collector;
	struct mirror *mirror; /* NULL = images of its own */
	struct loop_timer *tick;
	struct loop_signal *term, *interrupt;
};

#define INTAKE_SIZE (256u << 10)

struct call {
	struct helper_job job; /* first: the two are one pointer */
	struct serve *s;
	struct http_req *r; /* NULL = closed */
	struct route route;
	struct access access;
	bool working, paused, body_done, failed;

	/* what helpers hand back */
	struct err err;
	int result;
	void (*work)(struct call *c);
	void (*then)(struct call *c);
	void (*checked)(struct call *c); /* after auth_check() */

	/* the body: collected, or written to an upload */
	struct buf body;
	void (*on_body)(struct call *c, const void *data, size_t n); /* n = 0: the end */

	/* an upload */
	struct upload *upload;
	char *filling, *writing;
	size_t n_filling, n_writing;
	int upload_fd;
	uint64_t expected; /* bytes that the body must have; UINT64_MAX = any number */
	uint64_t taken;
	bool finishes; /* the upload becomes a blob at the end of the body */

	/* a download */
	int fd;
	uint64_t at, left;
	bool begun, full; /* the reply; the reader does not keep up */

	/* a mirror fetches for it */
	struct flight *flight;
	struct call *next_call;		   /* of the same flight */
	void (*on_flight)(struct call *c); /* it has moved or ended */

	struct depot_digest digest, missing;
	struct buf text;
	char *type, *last, *match;
	size_t n;
	bool more;
};

/* ---- serve_call.c ---- */
void serve_on_headers(struct http_req *r, void *ctx);
void serve_on_request(struct http_req *r, void *ctx);
/* Runs `work` on a helper thread and then `then` on the loop, unless the request has gone meanwhile. One at a time. */
void call_work(struct call *c, void (*work)(struct call *c), void (*then)(struct call *c));
void call_collect(struct call *c, void (*then)(struct call *c)); /* the whole body into c->body, at most DOCUMENT_MAX */
void call_pause(struct call *c);
void call_resume(struct call *c);

enum serve_code {
	CODE_BLOB_UNKNOWN,
	CODE_UPLOAD_INVALID,
	CODE_UPLOAD_ORDER,
	CODE_UPLOAD_UNKNOWN,
	CODE_DIGEST_INVALID,
	CODE_MANIFEST_BLOB_UNKNOWN,
	CODE_MANIFEST_INVALID,
	CODE_MANIFEST_UNKNOWN,
	CODE_NAME_INVALID,
	CODE_NAME_UNKNOWN,
	CODE_TAG_INVALID,
	CODE_SIZE_INVALID,
	CODE_TOO_LARGE,
	CODE_UNAUTHORIZED,
	CODE_DENIED,
	CODE_UNSUPPORTED,
	CODE_UNSUPPORTED_TYPE,
	CODE_PAGE_INVALID,
	CODE_TOO_MANY,
	CODE_NO_ROOM,
	CODE_UNKNOWN,
	CODE_UPSTREAM,
	CODE_NOT_FOUND,
};
/* {"errors":[{"code","message","detail"}]} with the status of the code. */
void call_fail(struct call *c, enum serve_code code, const char *detail);
/* c->err: `missing` when it is ENOENT, else by its kind; failures of our own go to the log and not to the client. */
void call_fail_err(struct call *c, enum serve_code missing);
void call_reply_json(struct call *c, int status, const char *type, const char *text, size_t n);

/* ---- handlers ---- */
void serve_blob_get(struct call *c);
void serve_blob_delete(struct call *c);
void serve_upload_begin(struct call *c);
void serve_upload_status(struct call *c);
void serve_upload_patch(struct call *c);
void serve_upload_put(struct call *c);
void serve_upload_cancel(struct call *c);
void serve_upload_release(struct call *c); /* when a call ends */
/* The reply to a GET or HEAD for c->route.digest, when its size is known: from c->fd, as far as it is there. */
void serve_blob_answer(struct call *c, uint64_t size);
void serve_blob_more(struct call *c); /* there may be more */
void serve_manifest_get(struct call *c);
void serve_manifest_answer(struct call *c); /* with what is here */
void serve_manifest_put(struct call *c);
void serve_manifest_delete(struct call *c);
void serve_tags(struct call *c);
void serve_tags_here(struct call *c);
void serve_tags_of(struct call *c, char *const *names); /* a page of these, which are sorted */
/* The document with what is here (of a type, or NULL): 1 = there is something in its list, 0 = not. */
int serve_referrers_here(struct serve *s, const char *name, const struct depot_digest *subject, const char *type,
			 struct buf *out, struct err *err);
void serve_referrers_answer(struct call *c, const char *text, size_t n);
void serve_catalog(struct call *c);
void serve_referrers(struct call *c);
void serve_search(struct call *c);
void serve_images(struct call *c);
void serve_ping(struct call *c);
void serve_base(struct call *c);

/* ---- serve_auth.c ---- */
int auth_new(const struct serve_options *o, struct auth **ret, struct err *err);
struct auth *auth_free(struct auth *a);
/* Finds out what the sender may do (c->access) and calls then(c), maybe later; or refuses. */
void auth_check(struct call *c, void (*then)(struct call *c));
/* 401 with a challenge, or 403 for one that has logged in. */
void auth_refuse(struct call *c, const char *repo, unsigned rights);

/* ---- serve_collect.c: garbage collection by itself, at a low rate ---- */
int collector_new(struct serve *s, struct collector **ret, struct err *err);
struct collector *collector_free(struct collector *g);

/* ---- serve_mirror.c: what is not here is fetched from another registry ---- */
int mirror_new(struct serve *s, struct mirror **ret, struct err *err);
/* After the last call has gone, before the depot is closed. */
struct mirror *mirror_free(struct mirror *m);
const char *mirror_name(const struct mirror *m);
/* Each answers the call, now or later. */
void mirror_blob(struct call *c);
void mirror_manifest(struct call *c);
void mirror_tags(struct call *c);
void mirror_referrers(struct call *c);
/* Bytes of c's blob from c->at on that may be sent now. */
uint64_t mirror_ready(const struct call *c);
void mirror_leave(struct call *c); /* it has gone, or needs nothing more */
