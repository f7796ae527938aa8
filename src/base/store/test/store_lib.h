/* SPDX-License-Identifier: Apache-2.0
 *
 * store_lib: a store under test, and what every back end must do.
 */
#pragma once

#include "base/core/err.h"
#include "base/store/store.h"

/* One store in a directory of its own, and what its callbacks said. */
struct box {
	char dir[64];
	const char *kind;
	struct loop *loop;
	struct store *store;
	long calls, awaited, failed;
	uint64_t last_seq;
	int last_code;
	char last_text[ERR_TEXT_MAX];
	char seen[4096]; /* what a read gave, as text */
};

struct box *box_new(const char *kind);
int box_open(struct box *b, struct err *err);
struct box *box_opened(const char *kind);
void box_free(struct box *b);
void on_done_snapshot(void *ctx, uint64_t seq, const struct err *error);
void append(struct box *b, const char *data);
void append_doc(struct box *b, const char *data, const char *key, const char *value);
void await(struct box *b);
const char *read_events(struct box *b, uint64_t from, size_t limit);
const char *scan(struct box *b, const char *prefix, int want);
void check_basics(const char *kind);
void check_snapshot(const char *kind);
void check_many(const char *kind);
void check_pages(const char *kind);
int count_event(void *ctx, const struct store_event *e);
