/* SPDX-License-Identifier: Apache-2.0
 *
 * http_parse: bytes -> HTTP/1.1 messages (RFC 9112), without any I/O. Server and client feed it what they read.
 *
 * llhttp does the parsing. In front of it stands a strict scan of the head, because llhttp forgives what two parsers in a row may read
 * differently: a blank before the colon, folded lines, CR or LF alone, NUL and control bytes, more than two blanks in the request line. The
 * framing of a chunked body is held to CR LF too. Anything doubtful is refused, never repaired.
 *
 * One message at a time: feed until HTTP_PARSE_END, then http_parse_reset() and feed the rest.
 */
#pragma once

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/core/buf.h"

struct err;

enum http_parse_kind { HTTP_PARSE_REQUEST, HTTP_PARSE_REPLY };

enum http_parse_event {
	HTTP_PARSE_MORE, /* everything was used; more bytes are needed */
	HTTP_PARSE_HEAD, /* the head is complete: method, target, headers may be asked */
	HTTP_PARSE_BODY, /* a piece of the body is at p->body, p->body_len (it points into the bytes that were fed) */
	HTTP_PARSE_END,	 /* the message is complete */
};

#define HTTP_FIELDS_MAX 200

struct http_field {
	uint32_t name, value; /* offsets in text */
};

struct http_parse {
	llhttp_t ll;
	enum http_parse_kind kind;
	int status; /* after an error in a request: what to answer (400, 431, 501, 505) */
	struct buf text;
	struct http_field *fields;
	size_t n_fields, cap_fields;
	size_t head_max, head_used;
	size_t extra; /* bytes of chunk extensions and trailers */
	const char *body;
	size_t body_len;
	const char *gap; /* start of the framing bytes that have not been looked at */
	uint8_t scan, blanks, version, last;
	bool in_body, head_done, complete, keep_alive, has_body;
	uint64_t length;
	bool no_body; /* set it for the reply to a HEAD request */
};

void http_parse_init(struct http_parse *p, enum http_parse_kind kind, size_t head_max);
void http_parse_reset(struct http_parse *p); /* ready for the next message; keeps its memory */
void http_parse_free(struct http_parse *p);

/* Takes bytes until something is to be told. Returns an event with the number of bytes used in *ret_used, or a negative errno (-EBADMSG; -E2BIG for a head
 * that is too large) with p->status set. Call it again with the rest, of zero length too, until it returns HTTP_PARSE_MORE. */
int http_parse_feed(struct http_parse *p, const void *data, size_t n, size_t *ret_used, struct err *err);

/* The peer closed. HTTP_PARSE_END when that is a proper end (between messages, or of a reply without a length), else -EPROTO. */
int http_parse_eof(struct http_parse *p, struct err *err);

/* Of a complete head. */
const char *http_parse_method(const struct http_parse *p);
const char *http_parse_target(const struct http_parse *p); /* as it came */
int http_parse_reply_status(const struct http_parse *p);
const char *http_parse_header(const struct http_parse *p,
			      const char *name); /* the first of that name, any case, or NULL */
bool http_parse_is_1_1(const struct http_parse *p);
bool http_parse_keep_alive(const struct http_parse *p);
bool http_parse_has_body(const struct http_parse *p);
uint64_t http_parse_length(const struct http_parse *p); /* declared by Content-Length, 0 when chunked or none */
