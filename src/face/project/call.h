/* SPDX-License-Identifier: Apache-2.0
 *
 * call: requests to the daemon that go on side by side on one loop, each over a connection of its own. A reply is read as a whole
 * (JSON), or handed on as it comes. Nothing is held for a stream but what its reader takes.
 */
#pragma once

#include "base/wire/json.h"

#include <stddef.h>

struct call;
struct err;
struct http_dial;
struct loop;

struct call_request {
	const char *method, *target;
	const char *body; /* JSON, or NULL */
	const void *tar;  /* instead of it, tar_len bytes */
	size_t tar_len;
	/* The status is 2xx and the reply begins. May be NULL. */
	void (*on_begin)(void *ctx);
	/* Bytes of the reply; NULL: it is collected and parsed. */
	void (*on_data)(void *ctx, const char *data, size_t n);
	/* Once, at the end: `e` is NULL when all went well, `reply` is NULL when there is none. The call may be freed in it. */
	void (*on_end)(void *ctx, int status, yyjson_val *reply, const struct err *e);
	void *ctx;
};

/* The strings of `rq` are not needed afterwards. The caller frees the call, also after its end. */
int call_open(struct loop *l, const struct http_dial *d, const struct call_request *rq, struct call **ret,
	      struct err *err);
const char *call_header(const struct call *c, const char *name); /* of the reply, from on_begin on; or NULL */
/* Closes the connection; nothing is called any more. May be called from its own callbacks. Takes NULL, returns NULL. */
struct call *call_free(struct call *c);
/* Connects to the daemon and writes the whole request; for those who read the reply themselves. The descriptor, or a negative errno. */
int call_connect(const struct http_dial *d, const struct call_request *rq, const char *headers, struct err *err);
