/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: a process of a build talks with the client's session: it sends one end of a socket pair with the name of the call through `ask` (SOCK_SEQPACKET,
 * shared by all processes of the build), and relay.h does the rest. Everything here blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

struct err;

#define ASK_TEXT_MAX (64u << 10)

struct ask_stream {
	int fd;
	struct buf message; /* the last one */
};
#define ASK_STREAM_NULL                                                                                                \
	{                                                                                                              \
		.fd = -1, .message = BUF_LIMIT(17u << 20)                                                              \
	}

struct ask_field {
	const char *name, *value;
};

/* fields: metadata, ended by a NULL name; may be NULL. *ret is for ask_close() in every case. */
int ask_open(int ask, const char *method, const struct ask_field *fields, struct ask_stream *ret, struct err *err);
int ask_send(struct ask_stream *s, const void *data, size_t n, struct err *err);
/* No more comes from us. */
void ask_shut(struct ask_stream *s);
/* 1 = s->message; 0 = the client's good end. -ENOENT, -EACCES, -ENOSYS or -EREMOTEIO with its words otherwise. */
int ask_next(struct ask_stream *s, struct err *err);
void ask_close(struct ask_stream *s);
/* A call with one message each way; ret->message is the answer. */
int ask_once(int ask, const char *method, const struct buf *message, struct ask_stream *ret, struct err *err);
