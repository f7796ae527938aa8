/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_stream: the bytes of one blob in their order, over as many connections as it takes. What came is counted; a new try asks for the rest
 * (Range, If-Range), and an answer that begins at the start all the same is passed over up to there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "node/registry/session.h"

struct blob_stream {
	char id[13];	   /* for people */
	uint64_t size;	   /* that it must have */
	uint64_t received; /* handed on */
	uint64_t skip;	   /* of this answer */
	bool looked;	   /* at the head of this answer */
	char *etag;
	struct err failed; /* for good: code != 0 */
};

void blob_stream_init(struct blob_stream *s, const char *hex, uint64_t size);
void blob_stream_free(struct blob_stream *s);
/* Before a try (call.prepare). */
void blob_stream_try(struct blob_stream *s, char ***headers);
/* Of the bytes that came by e, those that are new: *data and *n are changed. False: s->failed is set. */
bool blob_stream_take(struct blob_stream *s, struct exchange *e, const char **data, size_t *n);
/* Does e until it is done or the stream has failed: 0, or the first failure. Waits. */
int blob_stream_run(struct blob_stream *s, struct exchange *e, struct err *err);
/* When e is done: whether all came. `repo` is for the text. */
int blob_stream_end(const struct blob_stream *s, const struct exchange *e, const char *repo, struct err *err);
