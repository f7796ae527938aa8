/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/compress.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_SIZE (128u << 10)

struct packer {
	const char *name, *library;
	int level_default, level_most;
	int (*open)(struct compress *c, struct err *err);
	/* All of in; `end`: and what is inside. */
	int (*pack)(struct compress *c, const void *in, size_t n, bool end, struct err *err);
};

struct compress {
	const struct packer *packer;
	int level;
	struct sink to;
	unsigned char *out;
	uint64_t n;
	struct sha256 sha;
	z_stream z;
	bool z_made, ended;
	ZSTD_CCtx *zstd;
};

static int emit(struct compress *c, const void *data, size_t n, struct err *err)
{
	if (n == 0)
		return 0;
	c->n += n;
	sha256_add(&c->sha, data, n);
	return sink_write(&c->to, data, n, err);
}

static int plain_open(struct compress *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}

static int plain_pack(struct compress *c, const void *in, size_t n, bool end, struct err *err)
{
	(void)end;
	return emit(c, in, n, err);
}

static int gzip_open(struct compress *c, struct err *err)
{
	/* 15 bits of window, +16: the gzip header that zlib writes has no name, time 0 and operating system 3 (Unix) */
	if (deflateInit2(&c->z, c->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, ENOMEM, "there is not enough memory to write gzip");
	c->z_made = true;
	return 0;
}

/* One call of zlib takes at the most 4 GiB. */
static int gzip_some(struct compress *c, const unsigned char *in, uInt n, int flush, struct err *err)
{
	int z, r;

	c->z.next_in = (unsigned char *)in;
	c->z.avail_in = n;
	do {
		c->z.next_out = c->out;
		c->z.avail_out = OUT_SIZE;
		z = deflate(&c->z, flush);
		if (z == Z_STREAM_ERROR)
			return err_set(err, EIO, "the gzip packer failed");
		r = emit(c, c->out, OUT_SIZE - c->z.avail_out, err);
		if (r < 0)
			return r;
	} while (flush == Z_FINISH ? z != Z_STREAM_END : c->z.avail_out == 0);
	return 0;
}

static int gzip_pack(struct compress *c, const void *in, size_t n, bool end, struct err *err)
{
	const unsigned char *p = in;

	while (n > 0) {
		uInt some = n < (1u << 30) ? (uInt)n : 1u << 30;
		int r = gzip_some(c, p, some, Z_NO_FLUSH, err);

		if (r < 0)
			return r;
		p += some;
		n -= some;
	}
	return end ? gzip_some(c, NULL, 0, Z_FINISH, err) : 0;
}

static int zstd_open(struct compress *c, struct err *err)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, c->level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1)))
		return err_set(err, ENOMEM, "there is not enough memory to write zstd");
	return 0;
}

static int zstd_pack(struct compress *c, const void *in, size_t n, bool end, struct err *err)
{
	ZSTD_inBuffer from = {.src = in, .size = n};
	size_t left;

	do {
		ZSTD_outBuffer to = {.dst = c->out, .size = OUT_SIZE};
		int r;

		left = ZSTD_compressStream2(c->zstd, &to, &from, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(err, EIO, "the zstd packer failed: %s", ZSTD_getErrorName(left));
		r = emit(c, c->out, to.pos, err);
		if (r < 0)
			return r;
	} while (end ? left > 0 : from.pos < from.size);
	return 0;
}

/* In the order of enum compress_kind. */
static const struct packer packers[] = {
    {"none", "", 0, 0, plain_open, plain_pack},
    {"gzip", "zlib-" ZLIB_VERSION, 6, 9, gzip_open, gzip_pack},
    {"zstd", "zstd-" ZSTD_VERSION_STRING, 3, 19, zstd_open, zstd_pack},
};

int compress_new(enum compress_kind kind, int level, const struct sink *to, struct compress **ret, struct err *err)
{
	cleanup_with(compress_freep) struct compress *c = mem_new(struct compress);
	int r;

	c->packer = &packers[kind];
	c->level = level == COMPRESS_LEVEL_DEFAULT ? c->packer->level_default : level;
	if (c->level < 0 || c->level > c->packer->level_most)
		return err_set(err, EINVAL, "%s has no level %d; its levels are 1 to %d", c->packer->name, level,
			       c->packer->level_most);
	c->to = *to;
	c->out = mem_zalloc(1, OUT_SIZE);
	sha256_init(&c->sha);
	r = c->packer->open(c, err);
	if (r == 0)
		*ret = mem_take(c);
	return r;
}

int compress_write(struct compress *c, const void *data, size_t n, struct err *err)
{
	if (c->ended)
		return err_set(err, EINVAL, "the packed data has ended already");
	return c->packer->pack(c, data, n, false, err);
}

int compress_sink(void *ctx, const void *data, size_t n, struct err *err)
{
	return compress_write(ctx, data, n, err);
}

int compress_end(struct compress *c, struct compressed *ret, struct err *err)
{
	int r = c->ended ? err_set(err, EINVAL, "the packed data has ended already")
			 : c->packer->pack(c, NULL, 0, true, err);

	c->ended = true;
	if (r < 0)
		return r;
	sha256_hex(&c->sha, ret->hex);
	ret->size = c->n;
	if (*c->packer->library)
		snprintf(ret->params, sizeof ret->params, "%s:%d:%s", c->packer->name, c->level, c->packer->library);
	else
		snprintf(ret->params, sizeof ret->params, "%s", c->packer->name);
	return 0;
}

struct compress *compress_free(struct compress *c)
{
	if (!c)
		return NULL;
	if (c->z_made)
		deflateEnd(&c->z);
	ZSTD_freeCCtx(c->zstd);
	free(c->out);
	free(c);
	return NULL;
}

int compress_kind_parse(const char *word, enum compress_kind *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof packers / sizeof *packers; i++) {
		if (!strcmp(packers[i].name, word)) {
			*ret = (enum compress_kind)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "\"%.50s\" is no compression; there are gzip, zstd and none", word);
}

int compress_params_parse(const char *text, enum compress_kind *ret_kind, int *ret_level, struct err *err)
{
	char name[16], library[48] = "";
	int level = 0, n = sscanf(text, "%15[a-z]:%d:%47s", name, &level, library);

	if (n < 1 || compress_kind_parse(name, ret_kind, NULL) < 0 || (n != 3 && *ret_kind != COMPRESS_NONE) ||
	    level < 0 || level > packers[*ret_kind].level_most)
		return err_set(err, EINVAL, "\"%.60s\" does not say how a layer was packed", text);
	if (strcmp(library, packers[*ret_kind].library) != 0)
		return err_set(err, ENOTSUP, "the layer was packed by %s; this program has %s", library,
			       packers[*ret_kind].library);
	*ret_level = level;
	return 0;
}
