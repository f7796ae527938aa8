/* SPDX-License-Identifier: Apache-2.0
 *
 * frame: application/vnd.berth.stream (docs/API.md, "Streams"), both ways. The decoder takes bytes as they come, in any pieces, and keeps only the header
 * and a note (type 3, at the most FRAME_NOTE_MAX bytes); output passes through uncopied.
 */
#pragma once

#include "base/core/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct http_req;

#define FRAME_TYPE "application/vnd.berth.stream"
enum frame_type { FRAME_STDOUT = 1, FRAME_STDERR = 2, FRAME_NOTE = 3 };

#define FRAME_HEADER 8
#define FRAME_NOTE_MAX (256u << 10)

struct frame_reader {
	unsigned char header[FRAME_HEADER];
	size_t n_header;
	uint32_t left; /* bytes of the present frame that are still to come */
	struct buf note;
};
#define FRAME_READER_INIT                                                                                              \
	{                                                                                                              \
		.note = BUF_LIMIT(FRAME_NOTE_MAX)                                                                      \
	}

/* A piece of output, or one whole note (JSON text). A negative return ends the reading. */
typedef int (*frame_fn)(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err);

/* 0; -EPROTO when the bytes are no such stream (*err says where); or what fn returned. */
int frame_feed(struct frame_reader *r, const void *data, size_t n, frame_fn fn, void *ctx, struct err *err);
/* Nothing of a frame is missing: the stream may end here. */
bool frame_whole(const struct frame_reader *r);
void frame_free(struct frame_reader *r);

/* As the next part of a reply. They return 1 when the reader is slow: stop until drained. */
int frame_send(struct http_req *r, int type, const void *data, size_t n);
int frame_note(struct http_req *r, const char *json);
int frame_text(struct http_req *r, const char *key, const char *text); /* {"key": "text"} */
