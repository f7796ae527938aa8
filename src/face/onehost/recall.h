/* SPDX-License-Identifier: Apache-2.0
 *
 * recall: what several nodes remember, put into one order by time. At most RECALL_BYTES_MAX are kept; beyond it the older half is forgotten, as a node
 * forgets what is oldest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RECALL_BYTES_MAX (16u << 20)

struct recall_item {
	int64_t time_ns;
	uint64_t number; /* as it came: the order of what has one time */
	char *text;
};

struct recall {
	struct recall_item *items;
	size_t n, cap, next;
	size_t bytes;
	uint64_t number;
};

/* Takes the text. What is added after the first recall_next() comes last, and is forgotten when there is no room. */
void recall_add(struct recall *p, int64_t time_ns, char *text);
void recall_sort(struct recall *p);
/* The next text from the oldest on, valid as long as the recall; NULL at the end. */
const char *recall_next(struct recall *p);
void recall_free(struct recall *p);
