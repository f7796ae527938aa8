/* SPDX-License-Identifier: Apache-2.0
 *
 * pack: a directory as overlay writes its upper one becomes the tar of a layer (image-spec 1.1, layer.md). Equal trees give equal bytes:
 * entries are in the order of their directories (a directory's files by name, then its directories by name), nothing of the machine is in
 * it but what the tree says.
 *
 *   character device 0:0, or an empty file with the attribute overlay.whiteout in a directory that says overlay.opaque = "x":  .wh.NAME
 *   directory with overlay.opaque = "y":  an entry .wh..wh..opq behind it
 *   the further names of a file:  hard links to its first
 *   extended attributes user.* (without user.overlay.*) and security.capability:  pax records SCHILY.xattr.*
 *   sockets:  left out
 *   the top:  only when it is not 0755 root:root without attributes, because its time says nothing
 *
 * Refused: names that a reader would take for a whiteout, and directories that overlay renamed (overlay.redirect).
 * The tree is somebody else's: it is read by descriptors, links are not followed. It must be at rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/image.h"
#include "node/image/sink.h"

struct tar_record;
struct image_lease;

struct pack_options {
	int64_t epoch;	    /* no time is later than this, in seconds (SOURCE_DATE_EPOCH); -1 = times as they are */
	bool whole_seconds; /* times without their parts of a second, as docker's layers have them */
	bool user_xattr; /* overlay's marks are user.overlay.*, not trusted.overlay.* (a mount without root's power) */
	uint64_t bytes_limit; /* of the tar; 0 = 64 GiB */
};
#define PACK_OPTIONS_INIT                                                                                              \
	{                                                                                                              \
		.epoch = -1                                                                                            \
	}

struct packed_tree {
	uint64_t size, n_files, n_sockets_left_out, n_xattrs_dropped;
};

/* The tar of `tree` into the sink, and its record, if rec is not NULL. With a record the tree is made what the tar says: times are clamped
 * there, too, and sockets removed. The text of an error names the entry. */
int pack_tree(int tree, const struct pack_options *o, struct tar_record *rec, const struct sink *to,
	      struct packed_tree *ret, struct err *err);

/* Makes a layer of images/tmp/<tmp_name> (image_lease_tmp), which holds the tree as fs/. The directory is gone afterwards in any case of
 * success: when the store has a layer of these bytes already, that one is taken. */
int image_layer_from_dir(struct image_store *s, struct image_lease *lease, const char *tmp_name,
			 const struct pack_options *o, struct image_unpacked *ret, struct err *err);
