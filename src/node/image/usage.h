/* SPDX-License-Identifier: Apache-2.0
 *
 * usage: bytes on the disk, counted as du(1) counts: the blocks of every file and directory, of several hard links only the first that is
 * met. Links are not followed, other file systems not entered, and the depth of a tree does not matter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/image/image.h"

/* The files with several links that were met so far: one for everything that is to be added up. */
struct usage_seen {
	uint64_t (*inodes)[2]; /* device, inode; inode 0 = free */
	size_t cap, n;
};
#define USAGE_SEEN_INIT                                                                                                \
	{                                                                                                              \
		.inodes = NULL                                                                                         \
	}
void usage_seen_free(struct usage_seen *seen);

/* Bytes of dir/name and everything below it; 0 for what is not there (any more). */
uint64_t usage_tree(int dir, const char *name, struct usage_seen *seen);
/* The same by the sizes of what is no directory, not by the disk: what Docker calls the size of a tree. */
uint64_t usage_files(int dir, const char *name, struct usage_seen *seen);

/* The store. The sums of layers, EROFS files, documents and rest are all of images/. */
struct image_usage_layer {
	char hex[65];
	uint64_t bytes;
	size_t n_images; /* that have it */
};
struct image_usage {
	struct image_usage_layer *layers;
	size_t n_layers;
	uint64_t layer_bytes, document_bytes, rest_bytes;
	size_t n_erofs;
	uint64_t erofs_bytes, erofs_reclaimable; /* of the images' EROFS files; of those whose image no lease is on */
	uint64_t reclaimable; /* bytes of the layers that no lease is on and no image has that a lease is on */
};
int image_usage(struct image_store *s, struct usage_seen *seen, struct image_usage *ret, struct err *err);
void image_usage_free(struct image_usage *u);
/* Bytes of the image's layers; *ret_unique: of those that no other image has. */
uint64_t image_usage_of(const struct image_usage *u, const struct image_info *i, uint64_t *ret_unique);
