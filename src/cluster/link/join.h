/* SPDX-License-Identifier: Apache-2.0
 *
 * join: what a machine says when it comes for the first time, and what it is answered: one JSON document each way, after a length of four bytes, on a
 * connection of its own (ALPN JOIN_ALPN). Its limits hold before anybody has proved anything.
 */
#pragma once

#include <stddef.h>
#include <yyjson.h>

struct buf;
struct err;

#define LINK_ALPN "berth/1"
#define JOIN_ALPN "berth-join/1"
#define JOIN_MAX (16u << 10)

struct join_request {
	const char *token, *node, *request;
};

/* With the length before it. */
void join_encode(const struct join_request *j, struct buf *out);
/* Its strings point into *ret_doc. A name that is none is refused here. */
int join_decode(const char *text, size_t n, struct join_request *ret, yyjson_doc **ret_doc, struct err *err);
/* The answer: a certificate, or an error. */
void join_encode_answer(const char *cert, const struct err *error, struct buf *out);
/* New memory of the caller; a refusal is an error with the server's words. */
int join_decode_answer(const char *text, size_t n, char **ret_cert, struct err *err);
/* How many bytes a whole document has, its length included: 0 when not even that is there yet; -E2BIG. */
int join_length(const struct buf *in, size_t *ret, struct err *err);

/* 1 to 63 of a-z A-Z 0-9 . _ -, a letter or digit first. */
int join_node_ok(const char *name, struct err *err);
