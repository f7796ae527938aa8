/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client: a small blocking HTTP/1.1 client over a Unix socket, TCP or TLS (http_dial.h) for the command line. One request at a time; the reply's body is read as a
 * stream. Replies are untrusted too: header and line lengths are limited.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;
struct http_client;
struct http_dial;

/* A connected (blocking) socket, the caller's. -ENOENT / -ECONNREFUSED: nobody listens there. */
int http_client_connect(const char *socket_path, struct err *err);
/* Connects; errors as above. */
int http_client_open(const char *socket_path, struct http_client **ret, struct err *err);
/* The same wherever it is; `d` must outlive the client, which connects anew when it has to. Errors of http_dial(). */
int http_client_dial(const struct http_dial *d, struct http_client **ret, struct err *err);
/* From now on every target has this before it: "/v1/nodes/n1/api". */
void http_client_prefix(struct http_client *c, const char *prefix);
/* From now on requests have these lines besides (each ended by CRLF); NULL: no more. */
void http_client_headers(struct http_client *c, const char *lines);
struct http_client *http_client_close(struct http_client *c);

/* Sends a request and reads the reply's headers. The body is `body` (may be NULL), or what body_fd holds to its end, chunked, when body_fd >= 0. Returns the HTTP
 * status (any), or a negative errno. If the server replies early the rest of the body is not sent.
 * A signal does not interrupt it (http_client_read tells of signals). The connection is kept and used again where that is possible. */
int http_client_request(struct http_client *c, const char *method, const char *target, const char *content_type,
			const void *body, size_t n, int body_fd, struct err *err);
/* POSTs with a wish to speak `protocol` instead from then on. After status 101 the connection is to be taken by http_client_take(); with any other
 * status there is a reply as usual. */
int http_client_upgrade(struct http_client *c, const char *target, const char *content_type, const void *body, size_t n,
			const char *protocol, struct err *err);
/* The caller's socket (non-blocking) after a 101; what has come on it already is added to *early. The client itself may go on with other requests. */
int http_client_take(struct http_client *c, struct buf *early);
const char *http_client_header(struct http_client *c, const char *name); /* of the reply, or NULL */

/* Reads decoded body bytes: > 0, 0 at the end, -EAGAIN when timeout_ms passed (-1 = for ever), -EINTR when a signal came, or another -errno (a cut reply is -EPROTO). */
ssize_t http_client_read(struct http_client *c, void *data, size_t cap, int timeout_ms, struct err *err);
/* The whole rest of the body, at most `limit` bytes; NUL-terminated, the caller's. */
int http_client_read_all(struct http_client *c, size_t limit, char **ret, size_t *ret_len, struct err *err);
/* The same, written to the file `fd` as it comes, however much it is. -EPIPE: nobody reads there any more. */
int http_client_read_into(struct http_client *c, int fd, struct err *err);
int http_client_fd(const struct http_client *c); /* for poll */

/* Percent-encodes a path component or query value into new memory. */
char *http_url_encode(const char *s);
