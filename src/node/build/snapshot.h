/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the root of a stage while a step works on it. Below are the unpacked layers; above is a directory in the store's folder for work in
 * progress, which holds
 *
 *   fs/      what the step writes: a draft (COPY) or the upper directory of an overlay (RUN)
 *   work/    overlay's own
 *   extra/   whatever the step needs meanwhile: unpacked archives, files to mount
 *
 * and becomes a layer (image_layer_from_dir). A step that changes nothing gives a layer without entries, as docker's builder does, so that
 * the number of layers does not depend on what a command found to do.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "node/build/draft.h"
#include "node/image/image.h"
#include "node/image/lease.h"

/* A chain of layers, opened. */
struct snapshot_root {
	int *lowers; /* topmost first */
	size_t n;
	int view; /* -1 without layers */
};
#define SNAPSHOT_ROOT_NULL                                                                                             \
	{                                                                                                              \
		.view = -1                                                                                             \
	}

/* `layers`: diff ids in hex, bottom first; NULL or empty = scratch. */
int snapshot_root_open(struct image_store *s, char *const *layers, struct snapshot_root *ret, struct err *err);
void snapshot_root_close(struct snapshot_root *r);

struct snapshot {
	struct image_store *store;
	struct image_lease *lease;
	struct snapshot_root below;
	struct draft draft; /* view and fs/ */
	int tmp, work, extra;
	char tmp_name[64];
};
#define SNAPSHOT_NULL                                                                                                  \
	{                                                                                                              \
		.below = SNAPSHOT_ROOT_NULL, .draft = {-1, -1}, .tmp = -1, .work = -1, .extra = -1                     \
	}

int snapshot_open(struct image_store *s, struct image_lease *lease, char *const *layers, struct snapshot *ret,
		  struct err *err);
/* Makes the layer. `epoch`: SOURCE_DATE_EPOCH or -1. */
int snapshot_commit(struct snapshot *s, int64_t epoch, struct image_unpacked *ret, struct err *err);
/* Closes it; what was not committed is left to snapshot_discard(). */
void snapshot_close(struct snapshot *s);
/* Removes what is left of a snapshot that was not committed, and closes it. */
void snapshot_discard(struct snapshot *s);
/* Removes a temporary directory of a lease (image_lease_tmp), if it is still there. */
void snapshot_remove(int tmp, const char *name);
