/* SPDX-License-Identifier: Apache-2.0
 *
 * erofs_file: writes an EROFS file system into a file: uncompressed, and the same bytes for the same calls. Nothing is read back.
 *
 * Nodes (inodes, their attributes and short contents) stand together in pieces of a megabyte, so that a walk through the tree reads few blocks;
 * contents begin at blocks of their own, and holes stay holes. A node gets its number before it is written, because directories and their
 * children name each other: erofs_file_place(), then erofs_file_put() or one of the others. The first one is the root.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/core/buf.h"

struct err;

struct erofs_file {
	int fd;
	uint64_t node_at, node_end; /* the piece that nodes come into */
	uint64_t end;		    /* of the file so far, in whole blocks */
	uint64_t n_nodes;
};
void erofs_file_begin(struct erofs_file *f, int fd);

/* The extended attributes of a node, as they are stored. */
struct erofs_xattrs {
	struct buf data;
};
/* -E2BIG when all of them are too large. What EROFS has no prefix for is left out: 0, otherwise 1. */
int erofs_xattrs_add(struct erofs_xattrs *x, const char *name, const void *value, size_t n, struct err *err);
void erofs_xattrs_free(struct erofs_xattrs *x);

struct erofs_node {
	uint64_t id; /* the kernel's name for it, by erofs_file_place() */
	uint32_t number;
	uint32_t n_tail; /* bytes of the content that stand behind it */
	const struct erofs_xattrs *xattrs;
};
/* Finds a place for a node whose content has `size` bytes. */
int erofs_file_place(struct erofs_file *f, const struct erofs_xattrs *xattrs, const struct stat *st, uint64_t size,
		     struct erofs_node *ret, struct err *err);

/* Type, mode, owner, mtime, device and n_links of st are used. content: `size` bytes; NULL when there are none (FIFO, device). */
int erofs_file_put(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, const void *content,
		   uint64_t size, struct err *err);
/* The content of a regular file, which has st->st_size bytes; -EBUSY when it is shorter. */
int erofs_file_put_from(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, int from,
			struct err *err);
/* Another number of links for a node that was put. */
int erofs_file_links(struct erofs_file *f, uint64_t id, uint32_t n_links, struct err *err);

/* Entries in the order of their names' bytes, "." and ".." among them. */
struct erofs_name {
	const char *name;
	uint64_t id;
	mode_t mode; /* its type */
};
uint64_t erofs_dir_size(const struct erofs_name *names, size_t n);
/* Their bytes, erofs_dir_size() of them; the caller's. */
unsigned char *erofs_dir_bytes(const struct erofs_name *names, size_t n, uint64_t size);

/* The super block, last of all. */
int erofs_file_end(struct erofs_file *f, uint64_t root, const unsigned char uuid[static 16], struct err *err);
