/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: how layers were packed by us, so that the same blob can be made again instead of being kept. A line for each blob in the file
 * "packed" of the layer's directory: hex digest, size, parameters (compress.h).
 */
#pragma once

#include "node/image/compress.h"

struct image_store;

/* Notes that the layer, packed with c->params, is c->hex. Twice is once. A layer that goes meanwhile is no error. */
int packed_note(struct image_store *s, const char *diff_hex, const struct compressed *c, struct err *err);
/* What was noted about a blob of the layer: 1, or 0 when this program cannot make it again. */
int packed_find(struct image_store *s, const char *diff_hex, const char *hex, enum compress_kind *ret_kind,
		int *ret_level, struct err *err);
/* The newest blob of this kind that was noted and can be made again: 1 (ret->hex, ret->size), or 0. COMPRESS_NONE: the plain tar. */
int packed_known(struct image_store *s, const char *diff_hex, enum compress_kind kind, struct compressed *ret);
/* Makes the blob again: the layer packed as it was noted, or as it is when hex is its diff id. The digest is compared at the end: nothing
 * that came out may be used before this has returned 0. -ENODATA: it cannot be made. */
int packed_write(struct image_store *s, const char *diff_hex, const char *hex, const struct sink *to,
		 struct compressed *ret, struct err *err);
/* Packs the layer and notes how. */
int packed_new(struct image_store *s, const char *diff_hex, enum compress_kind kind, int level, const struct sink *to,
	       struct compressed *ret, struct err *err);
