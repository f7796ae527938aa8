/* SPDX-License-Identifier: Apache-2.0
 *
 * layer: unpacked layers of the store. A layer comes in by a pipe: whoever downloads writes the bytes as they come, and a worker process of
 * its own, confined, hashes, decompresses and unpacks them.
 *
 *   r = image_layer_begin(store, lease, &from, diff_hex, &layer, &err);
 *   IMAGE_LAYER_WAIT:  another process is at it. Poll image_layer_wait_fd(layer) (POLLIN or POLLHUP), then image_layer_again(layer).
 *   IMAGE_LAYER_THERE: nothing to do, the layer is leased; free it.
 *   IMAGE_LAYER_BEGUN: write the bytes to image_layer_fd(layer), which does not block; image_layer_close(layer) after the last one;
 *		  image_layer_end(layer, &unpacked, &err) collects the worker and puts the layer in its place. EPIPE while writing (ignore SIGPIPE) means that the worker gave
 *		  up: image_layer_end() says why.
 *   image_layer_free(layer) at any time; before image_layer_end() it takes everything back.
 *
 * A layer on disk, images/layers/<hex of the diff id>/:
 *   fs/    the tree, as overlay wants a lower directory: a removed name is a character device 0:0, a directory that hides what is below it has
 *          the attribute trusted.overlay.opaque (user.overlay.opaque where we are not the machine's root) = "y"
 *   meta   JSON: sizes, counts, how it was packed and where it came from
 *   hides  (empty file) the whole layer hides all below it
 *   tar    (record.h) what is needed besides fs/ to write the tar again, bit for bit
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/image.h"
#include "node/image/lease.h"

struct image_layer;

#define LAYER_OPAQUE_NAME "hides"

/* Where the bytes come from: all of it is written into meta, digest and size are checked. */
struct image_layer_from {
	const char *digest;	/* hex of the bytes as they come (compressed, mostly); NULL = not known */
	int64_t size;		/* of them; -1 = not known */
	const char *media_type; /* may be NULL */
	const char *from;	/* a repository, "host/name"; may be NULL */
};

enum { IMAGE_LAYER_BEGUN = 0, IMAGE_LAYER_THERE = 1, IMAGE_LAYER_WAIT = 2 };

/* diff_hex: the diff id that the image's config demands; NULL = whatever comes out. The strings are copied. *ret is the caller's for every
 * result that is not negative. */
int image_layer_begin(struct image_store *s, struct image_lease *lease, const struct image_layer_from *from,
		      const char *diff_hex, struct image_layer **ret, struct err *err);
int image_layer_again(struct image_layer *l, struct err *err); /* results as image_layer_begin */
int image_layer_wait_fd(const struct image_layer *l);
int image_layer_fd(const struct image_layer *l);
void image_layer_close(struct image_layer *l);	      /* the end of the bytes */
int image_layer_done_fd(const struct image_layer *l); /* readable when image_layer_end() will not wait for long */
int image_layer_end(struct image_layer *l, struct image_unpacked *ret, struct err *err);
struct image_layer *image_layer_free(struct image_layer *l);
static inline void image_layer_freep(struct image_layer **l)
{
	image_layer_free(*l);
}

/* What meta says. */
struct image_layer_meta {
	uint64_t tar_size, n_files;
	bool this_boot;		 /* made since the machine was started */
	bool opaque;		 /* it hides all layers below it */
	char packed[65];	 /* hex of the compressed bytes; "" = not known */
	uint64_t packed_size;	 /* of them */
	char *media_type, *from; /* may be NULL */
};
void image_layer_meta_free(struct image_layer_meta *m);
int image_layer_meta_read(struct image_store *s, const char *diff_hex, struct image_layer_meta *ret, struct err *err);

/* The directory images/layers/<hex> (with fs, meta and tar in it), the caller's; -ENOENT. */
int image_layer_open(struct image_store *s, const char *diff_hex, struct err *err);

/* Makes a layer of images/tmp/<tmp_name> (made by image_lease_tmp), which holds fs/ and whatever else belongs to it: writes meta and moves
 * it into its place under u->diff_id; when that layer is there already, the new one is dropped. `from` may be NULL. */
int image_layer_place(struct image_store *s, struct image_lease *lease, const char *tmp_name,
		      const struct image_unpacked *u, const struct image_layer_from *from, struct err *err);

/* ---- the worker's side (unpack.c) ---- */

/* image_unpack_layer: as image_unpack(), for a layer. After it tmp_dir holds fs/, and "opaque", a file of names ended by NUL: the directories
 * that get overlay's mark, which the worker itself may not set (image_layer_mark, the store's side of it). */
int image_unpack_layer(int tar_fd, int tmp_dir, const struct image_limits *limits, struct image_unpacked *ret,
		       struct err *err);
/* Sets the marks that the file "opaque" in tmp_dir asks for, and removes it. The file is the worker's, so nothing in it is believed: a name
 * is resolved inside fs/, and only directories are marked. */
int image_layer_mark(int tmp_dir, struct err *err);
