/* SPDX-License-Identifier: Apache-2.0
 *
 * http_server: HTTP/1.1 on a Unix or TCP socket, llhttp on the loop. It knows connections, limits and framing,
 * not routes. One request at a time per connection, keep-alive, pipelined requests wait. Both directions have back-pressure.
 *
 * A request object is valid from on_request until its reply has ended or the connection is lost; then on_close is called exactly once (also after a normal
 * end) and the object is gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct http_server;
struct http_req;
struct tls;

struct http_limits {
	size_t header_bytes; /* request line and headers, default 64 KiB (431) */
	size_t body_bytes;   /* of a buffered body, default 16 MiB (413) */
	size_t connections;  /* default 1024; newcomers get 503 */
	int64_t header_ms;   /* from the first byte to the end of the headers, default 10 s (408) */
	int64_t idle_ms;     /* keep-alive without a request, default 5 min */
	int64_t send_ms;     /* a reader that takes nothing for so long is cut off, default 0: never */
	size_t out_high;     /* bytes waiting for a slow reader before writers are told to stop, default 256 KiB */
};

/* Called when the headers are complete. It must do one of: nothing (the body is buffered, then on_request is called), or http_req_stream_body() and on_request
 * is called at once. It may also reply at once (an error): the body is then discarded or the connection closed. */
struct http_handler {
	bool (*on_accept)(int fd, void *ctx); /* a connection comes: false = it is closed at once. May be NULL */
	void (*on_headers)(struct http_req *r, void *ctx); /* may be NULL */
	void (*on_request)(struct http_req *r, void *ctx);
	void *ctx;
};

/* `fd` is a listening socket (Unix or TCP); the server owns it from now on. limits NULL = defaults. */
int http_server_new(struct loop *l, int fd, const struct http_limits *limits, const struct http_handler *h,
		    struct http_server **ret, struct err *err);
/* From now on new connections speak TLS (tls.h). `t` stays the caller's and must outlive the server. */
void http_server_use_tls(struct http_server *s, struct tls *t);
/* Stops listening, ends idle connections, waits for no one: running requests are cut and their on_close called. Not from a callback of a request; the
 * one of http_server_drain() may. When http_server_new() fails the descriptor is still the caller's. */
struct http_server *http_server_free(struct http_server *s);
/* No new connection or request; calls fn when the last running reply has been sent. */
void http_server_drain(struct http_server *s, void (*fn)(void *ctx), void *ctx);

/* Bytes held for all connections together: what was read and not yet used, buffered bodies, replies that wait. For tests and for information. */
size_t http_server_buffered(const struct http_server *s);

/* Makes, binds and listens on a Unix socket: mode, and group `group` (GROUP_NONE of base/core/group.h = leave). Replaces a dead socket file, -EADDRINUSE when
 * somebody answers on it. */
int http_listen_unix(const char *path, unsigned mode, gid_t group, struct err *err);

/* Listens on "HOST:PORT", "[::1]:PORT" or ":PORT" (every address of the machine); port 0 takes a free one. The first address that HOST has. */
int http_listen_tcp(const char *address, struct err *err);
int http_listen_check(const char *address,
		      struct err *err); /* that it says a place, and the host has an address; nothing is bound */
#define HTTP_NAME_MAX 64
/* Where a TCP socket listens, as "HOST:PORT". */
void http_listen_name(int fd, char name[static HTTP_NAME_MAX]);

/* The request. Strings live as long as it does. */
const char *http_req_method(const struct http_req *r);
const char *http_req_target(const struct http_req *r);			/* as it came */
const char *http_req_path(const struct http_req *r);			/* decoded, without the query */
const char *http_req_query(const struct http_req *r, const char *name); /* decoded value, or NULL */
const char *http_req_query_at(const struct http_req *r, const char *name,
			      size_t nth);				 /* the nth of that name, from 0 */
const char *http_req_header(const struct http_req *r, const char *name); /* any case, or NULL */
const char *http_req_body(const struct http_req *r, size_t *ret_len);	 /* buffered body, never NULL */
uint32_t http_req_peer_uid(const struct http_req *r);			 /* SO_PEERCRED, UINT32_MAX when unknown */
/* The common name of the client's certificate, which one of the issuers asked for has signed; NULL when there is none. */
const char *http_req_peer_name(struct http_req *r);
/* A number of the handler's own, 0 at first. */
unsigned http_req_mark(const struct http_req *r);
void http_req_set_mark(struct http_req *r, unsigned mark);
void *http_req_data(struct http_req *r); /* one pointer of the handler's own */
void http_req_set_data(struct http_req *r, void *data);
void http_req_on_close(struct http_req *r, void (*fn)(struct http_req *r, void *ctx), void *ctx);

/* Streaming the request body: fn(data, n) for each piece, n = 0 at the end; http_req_pause() stops reading until http_req_resume(). */
typedef void (*http_body_fn)(struct http_req *r, void *ctx, const void *data, size_t n);
void http_req_stream_body(struct http_req *r, http_body_fn fn, void *ctx);
void http_req_pause(struct http_req *r);
void http_req_resume(struct http_req *r);

/* Replies. A header of the reply, before it begins; control bytes in the value become "?". */
void http_reply_header(struct http_req *r, const char *name, const char *value);
/* A short one: */
void http_reply(struct http_req *r, int status, const char *content_type, const void *body, size_t n);
void http_reply_json(struct http_req *r, int status, const char *json);
/* {"message": text} with the status that belongs to the error's code (400, 403, 404, 409, 413, 507, 500). */
void http_reply_err(struct http_req *r, const struct err *err);
int http_status_of(int code); /* positive errno -> HTTP status */

/* A long one (chunked): begin sends the headers at once. http_reply_data returns 1 when more than out_high bytes wait: stop until on_drain. */
void http_reply_begin(struct http_req *r, int status, const char *content_type);
/* The same with its size known before. Bytes past it are dropped; with fewer at http_reply_end() the connection is cut. */
void http_reply_begin_sized(struct http_req *r, int status, const char *content_type, uint64_t size);
int http_reply_data(struct http_req *r, const void *data, size_t n);
void http_reply_on_drain(struct http_req *r, void (*fn)(struct http_req *r, void *ctx), void *ctx);
void http_reply_end(struct http_req *r);
/* The reply stops here and is not complete: what was added is still sent, then the connection ends without the end of the body. */
void http_reply_cut(struct http_req *r);

/* Gives the connection away: the peer of a request whose body has been read gets "101 UPGRADED" (with `Connection: Upgrade` and `Upgrade: <protocol>`)
 * when it asked for `protocol`, else 200 without a length, both with the headers of http_reply_header(). When that was sent fn is called, once,
 * with a connected socket (not blocking, fn's own) that reads and writes what the peer does and half-closes as it does: the connection itself, or, with
 * TLS or when bytes of the peer have been read already, one end of a pair that the server pumps, with one piece held for each direction.
 * on_close follows; it comes alone when the peer goes before. The socket outlives the server, unless it is such a pair. */
typedef void (*http_hijack_fn)(void *ctx, int fd);
/* The same without a head: whoever gets the connection answers the request himself. */
void http_req_pass(struct http_req *r, http_hijack_fn fn, void *ctx);
void http_req_hijack(struct http_req *r, const char *protocol, const char *content_type, http_hijack_fn fn, void *ctx);
