/* SPDX-License-Identifier: Apache-2.0
 *
 * merge: directory by directory, what an overlay of unpacked layers shows: the topmost layer that has a name says what it is; a removed name (a
 * character device 0:0) hides it in the layers below; directories of one name are one, down to the first that is opaque. Everything
 * happens below descriptors, and what is open or in memory is of one directory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/* The layers that have a part in a directory: their indices, topmost first. */
struct merge_parts {
	unsigned short *layers;
	size_t n;
};
void merge_parts_free(struct merge_parts *p);
/* All of n layers: for the top. */
void merge_parts_all(struct merge_parts *p, size_t n);

struct merge_entry {
	char *name;
	unsigned short part; /* whose it is: an index of the parts of its directory */
	mode_t type;
	struct merge_parts parts; /* of a directory */
};

struct merge_dir {
	const struct merge_parts *parts;
	int *fds;		     /* of the parts; -1 after merge_dir_shut() */
	struct merge_entry *entries; /* in the order of their names' bytes */
	size_t n;
};
/* `path` below the layers' tops, "" for the top. parts must live as long as *ret, which is the caller's when the call has succeeded. */
int merge_dir_open(const int *layers, const struct merge_parts *parts, const char *path, struct merge_dir *ret,
		   struct err *err);
/* The directory's descriptor in the layer of an entry. */
int merge_dir_fd(const struct merge_dir *d, const struct merge_entry *e);
void merge_dir_shut(struct merge_dir *d); /* closes the descriptors, keeps the entries */
void merge_dir_free(struct merge_dir *d);

/* True for an attribute that only overlay itself reads. */
bool merge_is_overlay_xattr(const char *name);
