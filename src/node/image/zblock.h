/* SPDX-License-Identifier: Apache-2.0
 *
 * zblock: one block of memory as one zstd frame (RFC 8878), and back. For formats that are read at any place, such as packed logs.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct zblock; /* what a packer keeps between blocks */

struct zblock *zblock_new(void);
struct zblock *zblock_free(struct zblock *z);
/* The most bytes that n can become. */
size_t zblock_bound(size_t n);
/* The length of the frame in out, or -EIO. */
ssize_t zblock_pack(struct zblock *z, void *out, size_t room, const void *in, size_t n);
/* How many bytes are in out, or -EBADMSG: damaged, or more than there is room for. */
ssize_t zblock_unpack(void *out, size_t room, const void *in, size_t n);
