/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: a stream cut into lines, as GET /v1/events sends them. A line may have LINES_MAX bytes; a longer one is an
 * error.
 */
#pragma once

#include "base/core/buf.h"

struct err;

#define LINES_MAX (4u << 20)

struct lines {
	struct buf rest;
};
#define LINES_INIT                                                                                                     \
	{                                                                                                              \
		.rest = BUF_LIMIT(LINES_MAX)                                                                           \
	}

/* Calls fn with each line that is complete, without its newline and NUL-terminated; empty lines are passed over. A
 * negative return of fn ends it. 0, -E2BIG, or what fn returned. */
int lines_feed(struct lines *l, const char *data, size_t n,
	       int (*fn)(void *ctx, const char *line, size_t len, struct err *err), void *ctx, struct err *err);
void lines_free(struct lines *l);
