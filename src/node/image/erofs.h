/* SPDX-License-Identifier: Apache-2.0
 *
 * erofs: a whole image as one read-only file, which the kernel mounts without unpacking anything: images/erofs/<hex of the manifest>. It is made
 * of the unpacked layers, by us and on this machine. One that came from elsewhere is never used: what a kernel makes of a hostile file system is nobody's to
 * find out. The file lives as long as its image does, and a lease on the image keeps it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/image.h"

struct image_erofs {
	uint64_t bytes;	  /* on the disk */
	uint64_t n_nodes; /* files and directories; 0 when it was there before */
	bool fresh;	  /* made by this call */
};
/* A kill leaves the image as it was; when it returns 0 the file is on the disk. */
int image_erofs_make(struct image_store *s, const struct image_info *i, struct image_erofs *ret, struct err *err);
/* Takes the file away; what runs on it keeps it. 1 = there was one. */
int image_erofs_remove(struct image_store *s, const struct image_info *i, struct err *err);
/* Bytes on the disk of the image's file; 0 = it has none. */
uint64_t image_erofs_bytes(struct image_store *s, const struct image_info *i);

/* Opens the file of an image below a data directory; digest: of its manifest, "sha256:<hex>". -ENOENT: it has none. -EPERM: it is not what this
 * user's berth made. */
int image_erofs_open(int data_dir, const char *digest, struct err *err);

/* The tree that an overlay of the layers (topmost first) shows, into a file: the same bytes for the same tree and uuid. */
int image_erofs_write(const int *layers, size_t n, int fd, const unsigned char uuid[static 16], uint64_t *ret_nodes,
		      struct err *err);
