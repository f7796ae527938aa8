/* SPDX-License-Identifier: Apache-2.0
 *
 * compress: gzip (RFC 1952) and zstd (RFC 8878) on the way to a sink, counted and hashed behind it. The same bytes with the same
 * parameters give the same blob: the header of gzip has neither name nor time, zstd runs in one thread. Other versions of the libraries
 * may pack otherwise, so their version is a part of the parameters, and who packs again compares the digest. Memory does not depend on
 * the data.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "node/image/sink.h"

enum compress_kind { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

#define COMPRESS_LEVEL_DEFAULT 0 /* gzip 6, zstd 3 */
#define COMPRESS_PARAMS_MAX 64

struct compressed {
	char hex[SHA256_HEX_MAX];
	uint64_t size;
	char params[COMPRESS_PARAMS_MAX]; /* "gzip:6:zlib-1.2.13", "zstd:3:zstd-1.5.4", "none" */
};

struct compress;

/* -EINVAL: a level that the packer has not (gzip 1 to 9, zstd 1 to 19). The sink is copied, its ctx is the caller's. */
int compress_new(enum compress_kind kind, int level, const struct sink *to, struct compress **ret, struct err *err);
int compress_write(struct compress *c, const void *data, size_t n, struct err *err);
/* What is still inside goes to the sink; nothing may be written afterwards. */
int compress_end(struct compress *c, struct compressed *ret, struct err *err);
struct compress *compress_free(struct compress *c);
static inline void compress_freep(struct compress **c)
{
	compress_free(*c);
}

/* A compress as a sink: ctx is the struct compress. */
sink_fn compress_sink;

/* Kind and level of recorded parameters. -ENOTSUP when this program packs with another version of the library. */
int compress_params_parse(const char *text, enum compress_kind *ret_kind, int *ret_level, struct err *err);
/* "gzip", "zstd", "none" (a word of the command line); -EINVAL. */
int compress_kind_parse(const char *word, enum compress_kind *ret, struct err *err);
