/* SPDX-License-Identifier: Apache-2.0
 *
 * jobview: what the reply of GET /v1/jobs/ID says, counted and drawn.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;

/* Copies of a task by what has become of them. */
struct jobview_counts {
	int64_t total; /* 0 while nobody knows: `over` a space that is not filled yet */
	int64_t running, done, failed;
	int64_t left_out; /* skipped, or ended with the job */
};
/* Of one task, by its "counts", or by its instances when there are none. */
struct jobview_counts jobview_count(yyjson_val *task);

/* The last attempt of a copy, or NULL. */
yyjson_val *jobview_last_attempt(yyjson_val *instance);

/* The copies that failed (state faulty, in_error, or aborted by an error of their own), calling fn for at most
 * `most`. */
typedef void (*jobview_fn)(void *ctx, yyjson_val *task, yyjson_val *instance, yyjson_val *attempt);
size_t jobview_failed(yyjson_val *job, size_t most, jobview_fn fn, void *ctx);

/* The tree of tasks as a table; tasks with more than a few copies are folded into one line (and the ones that failed)
 * unless `all`. */
void jobview_tree(yyjson_val *job, bool all, int64_t now_ms, size_t width, int fd, struct buf *out);
