/* SPDX-License-Identifier: Apache-2.0
 *
 * rpc: gRPC over HTTP/2 without TLS on one connected socket, as the side that is called or the side that calls (nghttp2, "prior knowledge"): what
 * BuildKit's clients speak after an upgrade. grpc.h is for servers that are reached by an address.
 *
 * Flow control has back-pressure both ways: rpc_send() says when the peer is slow, rpc_hold() stops what it sends. The sender's side is not the
 * peer's to choose: what waits to be sent is bounded by who calls rpc_send() and heeds its answer.
 *
 * Limits: RPC_STREAMS at a time, a message RPC_MESSAGE_MAX, the unfinished messages of all streams RPC_UNFINISHED_MAX, a header list RPC_HEADERS_MAX, RPC_FIELDS fields that are kept of it.
 * Sources: RFC 9113; "gRPC over HTTP2" of the gRPC project.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire/grpc.h"

struct buf;
struct err;
struct loop;
struct rpc;
struct rpc_stream;

#define RPC_STREAMS 256
#define RPC_MESSAGE_MAX (16u << 20)
#define RPC_UNFINISHED_MAX (24u << 20)
#define RPC_HEADERS_MAX (64u << 10)
#define RPC_FIELDS 64
#define RPC_WAITING (256u << 10) /* bytes for a slow peer from which on rpc_send() says so */

struct rpc_hooks {
	/* At the side that is called: a call has come. rpc_accept() or rpc_end() follows, now or later. */
	void (*call)(void *ctx, struct rpc_stream *s);
	/* Once, at the end of the connection, after the ends of its streams; rpc_free() may be called from within. */
	void (*down)(void *ctx);
};

/* Of one stream. Each may be NULL. */
struct rpc_stream_hooks {
	void (*message)(void *ctx, const char *data, size_t n);
	void (*half)(void *ctx);  /* the peer sends no more messages */
	void (*drain)(void *ctx); /* after rpc_send() gave 1: little waits now */
	/* Once; the stream is gone afterwards. At the side that calls the answer's status; at the other GRPC_OK when all was sent, else GRPC_CANCELLED. */
	void (*end)(void *ctx, enum grpc_status status, const char *text);
};

struct rpc_field {
	const char *name, *value;
};

/* Takes the socket over, also when it fails. */
int rpc_new(struct loop *l, int fd, bool server, const struct rpc_hooks *hooks, void *ctx, struct rpc **ret,
	    struct err *err);
/* No hook is called any more; takes NULL. */
struct rpc *rpc_free(struct rpc *c);

/* ---- the side that is called ---- */

const char *rpc_path(const struct rpc_stream *s);		     /* "/package.Service/Method" */
const char *rpc_field(const struct rpc_stream *s, const char *name); /* metadata, or NULL */
void rpc_accept(struct rpc_stream *s, const struct rpc_stream_hooks *hooks, void *ctx);
/* What was sent goes out, then the status; text may be NULL. The hook `end` is still called. */
void rpc_end(struct rpc_stream *s, enum grpc_status status, const char *text);
/* Before rpc_end(): the whole google.rpc.Status in base64, for clients that look into details; more than RPC_DETAILS_MAX bytes are left out. */
void rpc_details(struct rpc_stream *s, const char *base64);
#define RPC_DETAILS_MAX (48u << 10)

/* ---- the side that calls ---- */

/* fields: metadata, ended by a NULL name; may be NULL. NULL: too many streams, or the connection is gone. */
struct rpc_stream *rpc_call(struct rpc *c, const char *path, const struct rpc_field *fields,
			    const struct rpc_stream_hooks *hooks, void *ctx);
/* No more messages come from us. */
void rpc_half_close(struct rpc_stream *s);

/* ---- both ---- */

/* One message; 1 = the peer is slow: stop until `drain`. */
int rpc_send(struct rpc_stream *s, const void *data, size_t n);
/* While it holds, the peer may send what the window still has (RPC_WINDOW), and no more. */
void rpc_hold(struct rpc_stream *s, bool hold);
#define RPC_WINDOW (1u << 20)
/* The stream goes at once, without a word from its hooks. Takes NULL. */
struct rpc_stream *rpc_cancel(struct rpc_stream *s);
