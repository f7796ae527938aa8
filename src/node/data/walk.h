/* SPDX-License-Identifier: Apache-2.0
 *
 * walk: visits a directory tree that others may change meanwhile, by descriptors, no link followed. Memory grows with the depth only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/core/buf.h"

struct err;

struct walk_entry {
	int dir;	  /* the directory it is in */
	const char *name; /* its name there */
	const char *path; /* relative to the top */
	size_t depth;	  /* 0 = in the top directory */
	const struct stat *st;
};

struct walk {
	/* Each entry but directories. 0, or a negative errno that ends the walk. */
	int (*on_entry)(void *ctx, const struct walk_entry *e, struct err *err);
	/* Before a directory: 1 = go in, 0 = pass over, or a negative errno. */
	int (*on_dir)(void *ctx, const struct walk_entry *e, struct err *err);
	/* After a directory that was gone into. May be NULL. */
	void (*on_leave)(void *ctx, size_t depth);
	void *ctx;
	uint64_t n; /* entries so far */
	struct buf path;
};

int walk_tree(struct walk *w, int top, struct err *err);

/* Names that data_copy() gives to files in the making; a walk does not see them. */
#define WALK_TMP_PREFIX ".berth-tmp-"
