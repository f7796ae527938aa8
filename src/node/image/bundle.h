/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle: an archive of images, a tar (plain or packed as tar_stream.h knows; a file or a pipe) or a directory, and its members by name. Everything in it is
 * somebody else's: names are keys of a table and never paths of ours, links lead to other members and nowhere else, a directory is read
 * without following links. A tar is looked through by a confined process of its own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct bundle;

#define BUNDLE_MEMBERS_MAX 200000u

/* The content of a member: `size` bytes of fd from `offset` on. */
struct bundle_member {
	int fd; /* the bundle's; valid until the next bundle_find() or bundle_free() */
	uint64_t offset, size;
};

/* `fd` stays the caller's and must stay open. What is packed or comes by a pipe is first unpacked into a file below tmp_dir (an empty
 * directory, the caller's), of at most limit bytes (0 = 64 GiB). */
int bundle_open_tar(int fd, int tmp_dir, uint64_t limit, struct bundle **ret, struct err *err);
int bundle_open_dir(int dir_fd, struct bundle **ret, struct err *err);
struct bundle *bundle_free(struct bundle *b);
static inline void bundle_freep(struct bundle **b)
{
	bundle_free(*b);
}

/* -ENOENT: there is no such member. The name may have "./" and double slashes, as in the archive. */
int bundle_find(struct bundle *b, const char *name, struct bundle_member *ret, struct err *err);
/* A whole member of at most `limit` bytes, NUL-terminated, the caller's. */
int bundle_read(struct bundle *b, const char *name, size_t limit, char **ret, size_t *ret_len, struct err *err);

/* ---- the worker's side (bundle_index.c) ----
 * Leaves in tmp_dir the file "index" and, when fd could not be read in place, "archive". The index is a row per member: type ('f', 'l'),
 * offset and size (8 bytes each, little-endian), name and NUL, target of a link and NUL. */
#define BUNDLE_INDEX "index"
#define BUNDLE_ARCHIVE "archive"
int bundle_index(int fd, int tmp_dir, uint64_t limit, struct err *err);
