/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc: calls of a gRPC server, from the loop, over one HTTP/2 connection (nghttp2). A call sends one message and gets any number. Without a connection
 * one is made to the next of the endpoints, with growing pauses when none answers; calls wait for it until their time is over.
 *
 * Limits: a message GRPC_MESSAGE_MAX, a header list 16 KiB.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct grpc;
struct grpc_call;
struct loop;
struct tls;

#define GRPC_MESSAGE_MAX (32u << 20)
#define GRPC_TEXT_MAX 256

/* Those of the standard that somebody asks for. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID = 3,
	GRPC_DEADLINE = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_DENIED = 7,
	GRPC_EXHAUSTED = 8,
	GRPC_PRECONDITION = 9,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14, /* also: the connection was lost, whatever became of the call */
	GRPC_UNAUTHENTICATED = 16
};

struct grpc_options {
	char *const *endpoints; /* "HOST:PORT", NULL-terminated; names are looked up once, in grpc_new() */
	struct tls *tls;	/* a client of tls_mutual; NULL: without TLS. Stays the caller's */
};

int grpc_new(struct loop *l, const struct grpc_options *o, struct grpc **ret, struct err *err);
struct grpc *grpc_free(struct grpc *g); /* the calls end without a word; takes NULL */
/* Sent with each call from now on as metadata "token"; NULL: none. */
void grpc_set_token(struct grpc *g, const char *token);
/* The one that is used, or tried. */
const char *grpc_endpoint(const struct grpc *g);
/* Leaves the endpoint for the next one: its calls end with GRPC_UNAVAILABLE. */
void grpc_rotate(struct grpc *g);

/* For tests: the first call of the next connection has this number, as if there had been so many. Numbers are odd, end at 2^31, and none comes twice: then the
 * endpoint is left, as if it had ended the connection. */
void grpc_number_from(struct grpc *g, int32_t number);

struct grpc_hooks {
	void (*message)(void *ctx, const char *data, size_t n);
	/* Once, never from within grpc_call(); the call is gone afterwards. text: of the server, or why it was not reached. */
	void (*end)(void *ctx, enum grpc_status status, const char *text);
};

enum {
	GRPC_STREAM = 1, /* our side stays open: for streams that last */
	GRPC_LEADER = 2	 /* metadata "hasleader": a server without quorum ends the call */
};

/* path: "/package.Service/Method". deadline_ms 0: none. A deadline that passes also leaves the endpoint. */
struct grpc_call *grpc_call(struct grpc *g, const char *path, const struct buf *message, int flags, int64_t deadline_ms,
			    const struct grpc_hooks *hooks, void *ctx);
struct grpc_call *grpc_cancel(struct grpc_call *c); /* takes NULL; no hook is called any more */
