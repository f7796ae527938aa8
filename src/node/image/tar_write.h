/* SPDX-License-Identifier: Apache-2.0
 *
 * tar_write: headers of tar archives whose every byte is ours: ustar (POSIX.1-1988), with pax records (POSIX.1-2001) only for what ustar
 * cannot say. The same entry gives the same bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/core/buf.h"

struct err;

#define TAR_BLOCK 512u

struct tar_xattr {
	char *name;
	char *value;
	size_t n;
};

struct tar_entry {
	const char *name;   /* relative, without the slash that ends a directory's */
	const char *target; /* of a link; NULL otherwise */
	mode_t mode;	    /* with its type, S_IFMT */
	int hard_link;	    /* whatever the mode says */
	uint32_t uid, gid;
	uint64_t size; /* of what follows */
	int64_t mtime_s;
	long mtime_ns; /* 0 needs no pax record */
	unsigned major, minor;
	const struct tar_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

/* Appends the header blocks of an entry, pax blocks before. -EINVAL: a type that tar has not (a socket). */
int tar_write_header(struct buf *out, const struct tar_entry *e, struct err *err);

/* How many zeros follow a content of n bytes. */
static inline size_t tar_padding(uint64_t n)
{
	return (size_t)(-n & (TAR_BLOCK - 1));
}

/* Zeros for the padding and the end mark, which is two blocks. */
extern const unsigned char tar_zeros[2 * TAR_BLOCK];
