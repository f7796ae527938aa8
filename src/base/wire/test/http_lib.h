/* SPDX-License-Identifier: Apache-2.0
 *
 * http_lib: a server in its own thread for the tests of both ends, and raw sockets to talk to it.
 *
 * The handler knows these paths: /hello (a fixed body), /echo (the request body comes back), /info (method, path, query a, uid), /stream (chunks, size
 * given by n=), /upload (counts a streamed body, pausing after each piece), /refuse (403 in on_headers), /wait (never answers by itself), /none (204),
 * /hijack (counts what comes until its end, then says the number, 1000000 more bytes, and closes), /sized (7 bytes, announced, of 10), /short (5 of 7 announced), /err (an error), /twice (answers two times), /early (replies while the body comes).
 */
#pragma once

#include "base/wire/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct http_lib {
	char dir[64], path[96];
	struct http_server *server;
	atomic_long requests, closed, body_bytes, max_buffered, streamed, taken, given;
	atomic_bool drained;
};

/* Starts the server; limits may be NULL. */
struct http_lib *http_lib_start(const struct http_limits *limits);
struct http_lib *http_lib_start_tls(const struct http_limits *limits, struct tls *tls); /* NULL = plain */
/* Stops it, checks that every request was closed exactly once, removes the socket. */
void http_lib_stop(struct http_lib *t);
/* Runs fn(t) on the loop's thread and waits for it. */
void http_lib_call(struct http_lib *t, void (*fn)(struct http_lib *t));
/* Waits until the number has been reached (the server changes it); fails the test after 20 s. */
void http_lib_until(atomic_long *number, long at_least);

int http_lib_connect(struct http_lib *t);
void http_lib_send(int fd, const void *data, size_t n);
/* Reads until the peer closes (or n bytes when n > 0), into new memory. A missing answer for 20 s fails the test. */
char *http_lib_recv(int fd, size_t n, size_t *ret_len);
/* Sends all of `text`, reads until the end, closes. */
char *http_lib_talk(struct http_lib *t, const char *text);
