/* SPDX-License-Identifier: Apache-2.0
 *
 * The structs and numbers are the libraries' stable interfaces (bzlib.h, lzma/base.h); they never change, so the headers are not needed to build.
 */
#include "node/image/unpacker.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <dlfcn.h>
#include <stdint.h>

struct bz {
	char *next_in;
	unsigned avail_in, total_in[2];
	char *next_out;
	unsigned avail_out, total_out[2];
	void *state;
	void *(*alloc)(void *, int, int);
	void (*free)(void *, void *);
	void *opaque;
};
enum { BZ_OK = 0, BZ_STREAM_END = 4, BZ_MEM_ERROR = -3 };

struct lzma {
	const uint8_t *next_in;
	size_t avail_in;
	uint64_t total_in;
	uint8_t *next_out;
	size_t avail_out;
	uint64_t total_out;
	const void *allocator;
	void *internal;
	void *reserved_pointers[4];
	uint64_t reserved_numbers[2];
	size_t reserved_sizes[2];
	int reserved_enums[2];
};
enum { LZMA_OK = 0, LZMA_STREAM_END = 1, LZMA_MEM_ERROR = 5, LZMA_MEMLIMIT_ERROR = 6, LZMA_BUF_ERROR = 10 };

static struct {
	bool tried, bzip2, xz;
	int (*bz_init)(struct bz *, int verbosity, int small);
	int (*bz_run)(struct bz *);
	int (*bz_end)(struct bz *);
	int (*lzma_init)(struct lzma *, uint64_t memory, uint32_t flags);
	int (*lzma_run)(struct lzma *, int action);
	void (*lzma_end)(struct lzma *);
} library;

struct unpacker {
	enum unpacker_kind kind;
	struct bz bz;
	struct lzma lzma;
};

/* ---- loading ---- */

struct symbol {
	const char *name;
	void **at;
};

static bool load(const char *file, const struct symbol *symbols, size_t n)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; handle && i < n; i++) {
		*symbols[i].at = dlsym(handle, symbols[i].name);
		if (!*symbols[i].at) {
			dlclose(handle);
			return false;
		}
	}
	return handle;
}

void unpacker_load(void)
{
	static const struct symbol bzip2[] = {{"BZ2_bzDecompressInit", (void **)&library.bz_init},
					      {"BZ2_bzDecompress", (void **)&library.bz_run},
					      {"BZ2_bzDecompressEnd", (void **)&library.bz_end}};
	static const struct symbol xz[] = {{"lzma_stream_decoder", (void **)&library.lzma_init},
					   {"lzma_code", (void **)&library.lzma_run},
					   {"lzma_end", (void **)&library.lzma_end}};

	if (library.tried)
		return;
	library.tried = true;
	library.bzip2 = load("libbz2.so.1.0", bzip2, sizeof bzip2 / sizeof *bzip2);
	library.xz = load("liblzma.so.5", xz, sizeof xz / sizeof *xz);
}

/* ---- bzip2 ---- */

static int bz_start(struct unpacker *u, struct err *err)
{
	u->bz = (struct bz){.next_in = NULL};
	return library.bz_init(&u->bz, 0, 0) == BZ_OK
		   ? 0
		   : err_set(err, ENOMEM, "there is not enough memory to read bzip2");
}

static ssize_t bz_run(struct unpacker *u, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
		      bool *ret_end, struct err *err)
{
	int code;

	u->bz.next_in = (char *)(uintptr_t)in;
	u->bz.avail_in = (unsigned)n;
	u->bz.next_out = out;
	u->bz.avail_out = (unsigned)cap;
	code = library.bz_run(&u->bz);
	if (code == BZ_MEM_ERROR)
		return err_set(err, ENOMEM, "there is not enough memory to read the bzip2 data");
	if (code != BZ_OK && code != BZ_STREAM_END)
		return err_set(err, EBADMSG, "the bzip2 data is damaged");
	*ret_used = n - u->bz.avail_in;
	*ret_end = code == BZ_STREAM_END;
	return (ssize_t)(cap - u->bz.avail_out);
}

static void bz_end(struct unpacker *u)
{
	library.bz_end(&u->bz);
}

/* ---- xz ---- */

static int xz_start(struct unpacker *u, struct err *err)
{
	u->lzma = (struct lzma){.next_in = NULL};
	return library.lzma_init(&u->lzma, UNPACKER_MEMORY, 0) == LZMA_OK
		   ? 0
		   : err_set(err, ENOMEM, "there is not enough memory to read xz");
}

static ssize_t xz_run(struct unpacker *u, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
		      bool *ret_end, struct err *err)
{
	int code;

	u->lzma.next_in = in;
	u->lzma.avail_in = n;
	u->lzma.next_out = out;
	u->lzma.avail_out = cap;
	code = library.lzma_run(&u->lzma, 0);
	if (code == LZMA_MEMLIMIT_ERROR)
		return err_set(err, EFBIG, "the xz data needs more than the limit of %llu MiB of memory",
			       UNPACKER_MEMORY >> 20);
	if (code == LZMA_MEM_ERROR)
		return err_set(err, ENOMEM, "there is not enough memory to read the xz data");
	/* "No progress", which no input is, too */
	if (code != LZMA_OK && code != LZMA_STREAM_END && (code != LZMA_BUF_ERROR || n > 0))
		return err_set(err, EBADMSG, "the xz data is damaged");
	*ret_used = n - u->lzma.avail_in;
	*ret_end = code == LZMA_STREAM_END;
	return (ssize_t)(cap - u->lzma.avail_out);
}

static void xz_end(struct unpacker *u)
{
	library.lzma_end(&u->lzma);
}

/* ---- both ---- */

static const struct {
	const char *name, *package;
	const bool *there;
	int (*start)(struct unpacker *u, struct err *err);
	ssize_t (*run)(struct unpacker *u, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
		       bool *ret_end, struct err *err);
	void (*end)(struct unpacker *u);
} kinds[] = {
    [UNPACKER_BZIP2] = {"bzip2", "libbz2-1.0", &library.bzip2, bz_start, bz_run, bz_end},
    [UNPACKER_XZ] = {"xz", "liblzma5", &library.xz, xz_start, xz_run, xz_end},
};

int unpacker_new(enum unpacker_kind kind, struct unpacker **ret, struct err *err)
{
	struct unpacker *u;
	int r;

	if (!library.tried)
		return err_set(err, EINVAL, "it is packed with %s; layers of images are packed with gzip or zstd",
			       kinds[kind].name);
	if (!*kinds[kind].there)
		return err_set(err, ENOSYS,
			       "it is packed with %s, and the library for it is not installed: apt-get install %s",
			       kinds[kind].name, kinds[kind].package);
	u = mem_new(struct unpacker);
	u->kind = kind;
	r = kinds[kind].start(u, err);
	if (r < 0)
		free(u);
	else
		*ret = u;
	return r;
}

struct unpacker *unpacker_free(struct unpacker *u)
{
	if (u)
		kinds[u->kind].end(u);
	free(u);
	return NULL;
}

ssize_t unpacker_run(struct unpacker *u, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
		     bool *ret_end, struct err *err)
{
	return kinds[u->kind].run(u, in, n, ret_used, out, cap, ret_end, err);
}

int unpacker_next(struct unpacker *u, struct err *err)
{
	kinds[u->kind].end(u);
	return kinds[u->kind].start(u, err);
}
