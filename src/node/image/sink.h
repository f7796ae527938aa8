/* SPDX-License-Identifier: Apache-2.0
 *
 * sink: where bytes go that are made piece by piece: a file, a digest, a packer, a request. 0 or a negative errno with *err set, which
 * ends the work of whoever makes the bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/sha256.h"

struct err;

typedef int sink_fn(void *ctx, const void *data, size_t n, struct err *err);

struct sink {
	sink_fn *write;
	void *ctx;
};

static inline int sink_write(const struct sink *s, const void *data, size_t n, struct err *err)
{
	return s->write(s->ctx, data, n, err);
}

/* Into a descriptor, counted and hashed on the way: `struct sink_fd f; sink_fd_init(&f, fd, "FILE"); struct sink s = sink_to_fd(&f)`.
 * fd = -1: counted and hashed only. */
struct sink_fd {
	int fd;
	const char *what; /* for the text of an error */
	uint64_t n;
	struct sha256 sha;
};
void sink_fd_init(struct sink_fd *s, int fd, const char *what);
sink_fn sink_fd_write;
static inline struct sink sink_to_fd(struct sink_fd *s)
{
	return (struct sink){.write = sink_fd_write, .ctx = s};
}

/* The same without the digest, for what nobody names by it: hashing is half the work of writing into a pipe. */
sink_fn sink_plain_write;
static inline struct sink sink_to_plain(struct sink_fd *s)
{
	return (struct sink){.write = sink_plain_write, .ctx = s};
}
