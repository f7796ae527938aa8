/* SPDX-License-Identifier: Apache-2.0
 *
 * range: which part of a blob is asked for (RFC 9110 section 14) and which part of an upload is sent (distribution-spec 1.1, "Pushing a blob in
 * chunks").
 */
#pragma once

#include <stdint.h>

struct range {
	uint64_t first, length;
};

enum range_answer {
	RANGE_ALL,	/* no range, or one that is to be ignored: the whole blob, 200 */
	RANGE_PART,	/* 206 */
	RANGE_OUTSIDE,	/* 416 */
	RANGE_MALFORMED /* of an upload: 400 */
};

/* A Range header (NULL = none) for `size` bytes. Of one range only: several, another unit or bad grammar are ignored, as the RFC allows. */
enum range_answer range_parse(const char *header, uint64_t size, struct range *ret);

/* The Content-Range of a chunk: "FIRST-LAST", also as "bytes FIRST-LAST/...". RANGE_PART or RANGE_MALFORMED. */
enum range_answer range_parse_chunk(const char *header, struct range *ret);
