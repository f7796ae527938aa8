/* SPDX-License-Identifier: Apache-2.0
 *
 * store: what image.c and import.c share: the open store, its table of images, and the files behind them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "base/core/map.h"
#include "node/image/image.h"

struct store_image {
	char *name;		 /* "" = detached */
	char manifest[65];	 /* hex */
	struct image_info *info; /* NULL = its blobs cannot be read: why says the reason */
	char *why;
};

struct image_store {
	int root, blobs, layers, tmp;
	struct store_image *images; /* sorted by name, detached ones first */
	size_t n, cap;
	struct map holds; /* layer hex -> number of holds, as a pointer */
};

/* Reads manifest and config of the image and checks their digests. *ret is without a name. */
int store_load(struct image_store *s, const char *manifest_hex, struct image_info **ret, struct err *err);
/* Writes a document under its digest, synced. */
int store_put_blob(struct image_store *s, const char *text, size_t n, char ret_hex[static 65], struct err *err);

/* The table is changed in memory first, then written by store_save() (refs.json); store_sort() keeps its order. */
struct store_image *store_by_name(struct image_store *s, const char *name);
void store_add(struct image_store *s, const char *name, const char *manifest_hex, struct image_info *info);
void store_drop(struct image_store *s, struct store_image *i);
void store_sort(struct image_store *s);
int store_save(struct image_store *s, struct err *err);

size_t store_holds(const struct image_store *s, const struct image_info *i); /* the highest among its layers */
/* True when another image than `but` that has a name has all layers of i. */
bool store_named_elsewhere(const struct image_store *s, const struct image_info *i, const struct store_image *but);

/* Moves dir/name to tmp/ (one rename: it is there or it is gone, never half) and removes it there. */
void store_discard(struct image_store *s, int dir, const char *name);
/* Removes the layers and blobs that no image uses; held layers stay. */
void store_sweep(struct image_store *s);
