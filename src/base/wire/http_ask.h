/* SPDX-License-Identifier: Apache-2.0
 *
 * http_ask: one HTTP/1.1 request and its answer over a connected socket, on the loop. The other side of http_server.h, for programs that never block: bodies
 * go both ways in pieces, each at the pace of its reader. The connection ends with the answer.
 *
 * What comes is untrusted: the head has a limit (64 KiB), and everything that http_parse.h refuses ends it with an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct http_ask;

/* Any of them may free the request. */
struct http_ask_hooks {
	void (*head)(void *ctx, int status); /* the head of the answer; 1xx is never told. May be NULL */
	void (*body)(void *ctx, const void *data, size_t n); /* the next piece of it. May be NULL */
	void (*end)(void *ctx, const struct err *error);     /* once: NULL when the answer is complete */
	void (*drain)(void *ctx); /* after http_ask_body() has returned 1: there is room again. May be NULL */
};

struct http_ask_what {
	const char *method, *target; /* percent-encoded */
	const char *const *headers;  /* name, value, ..., NULL; NULL = none. Values without control bytes */
	const void *body;	     /* n bytes, copied */
	size_t n;
	bool chunked; /* the body comes by http_ask_body() instead */
};

/* The socket becomes the request's, also when it fails. */
int http_ask_new(struct loop *l, int fd, const struct http_ask_what *what, const struct http_ask_hooks *hooks,
		 void *ctx, struct http_ask **ret, struct err *err);
struct http_ask *http_ask_free(struct http_ask *a);

/* The next piece of the request's body (copied), n = 0 ends it. 1: enough for now, wait for drain. */
int http_ask_body(struct http_ask *a, const void *data, size_t n);
/* No more of the answer for now. */
void http_ask_pause(struct http_ask *a);
void http_ask_resume(struct http_ask *a);

const char *http_ask_header(const struct http_ask *a, const char *name); /* of the answer, or NULL */
/* -1: it does not say */
int64_t http_ask_length(const struct http_ask *a);
