/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/zblock.h"

#include "base/core/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

/* More effort gains little with blocks. */
#define LEVEL 3

struct zblock {
	ZSTD_CCtx *context;
};

struct zblock *zblock_new(void)
{
	struct zblock *z = mem_new(struct zblock);

	z->context = ZSTD_createCCtx();
	return z;
}

struct zblock *zblock_free(struct zblock *z)
{
	if (!z)
		return NULL;
	ZSTD_freeCCtx(z->context);
	free(z);
	return NULL;
}

size_t zblock_bound(size_t n)
{
	return ZSTD_compressBound(n);
}

ssize_t zblock_pack(struct zblock *z, void *out, size_t room, const void *in, size_t n)
{
	size_t len = z->context ? ZSTD_compressCCtx(z->context, out, room, in, n, LEVEL) : (size_t)-1;

	return !z->context || ZSTD_isError(len) ? -EIO : (ssize_t)len;
}

ssize_t zblock_unpack(void *out, size_t room, const void *in, size_t n)
{
	size_t len = ZSTD_decompress(out, room, in, n);

	return ZSTD_isError(len) ? -EBADMSG : (ssize_t)len;
}
