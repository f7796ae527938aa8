/* SPDX-License-Identifier: Apache-2.0
 *
 * logview: a stream of logs, from one source or several, as lines on stdout and stderr.
 *
 * With several sources each line begins with its source, "map/3 | ". On a terminal control bytes are escaped (text.h)
 * unless `raw`. A line that another source interrupts is ended first, so that no two lines run into one.
 */
#pragma once

#include "base/wire/frame.h"
#include "face/cli/text.h"

#include <stdbool.h>

struct err;
struct http_client;

struct logview {
	bool raw;	    /* leave the bytes as they are */
	bool utc_times;	    /* begin each line with the time of the note before it */
	const char *indent; /* before each line, NULL: none */
	int fd_out, fd_err; /* 1 and 2, or both 2 */

	/* its own */
	struct frame_reader frames;
	struct text_filter filter[2];
	struct buf out[2];
	char *source;
	unsigned source_number;
	int64_t time_ms; /* of the next line; 0: none */
	bool in_line[2];
	bool ended; /* the last note of the stream came */
};
#define LOGVIEW_INIT                                                                                                   \
	{                                                                                                              \
		.fd_out = 1, .fd_err = 2, .frames = FRAME_READER_INIT                                                  \
	}

/* Bytes of the stream, as they come. 0, or a negative errno: -EPROTO, -EPIPE when nobody reads stdout ... */
int logview_feed(struct logview *v, const void *data, size_t n, struct err *err);
/* Ends open lines on a terminal and frees. */
void logview_end(struct logview *v);

/* Reads the whole reply of a logs request that has begun (client_begin). 0 at the end; -EPROTO when it was cut. */
int logview_read(struct logview *v, struct http_client *c, struct err *err);
