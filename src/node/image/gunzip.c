/* SPDX-License-Identifier: Apache-2.0
 *
 * ISA-L has three traps. A header that comes in pieces is read by isal_read_gzip_header(), never by isal_inflate(). On some damaged input it neither
 * takes nor gives a byte: that is an error here when there was input and room. And its state is large, so there is one, reused.
 */
#include "node/image/gunzip.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>
#include <zlib.h>
#if HAVE_ISAL
#include <dlfcn.h>
#include <isa-l/igzip_lib.h>
#endif

struct gunzip {
	bool isal;
	z_stream z;
#if HAVE_ISAL
	struct inflate_state *state;
	struct isal_gzip_header header;
	bool in_header;
#endif
};

/* ---- ISA-L ---- */

#if HAVE_ISAL

static struct {
	bool tried;
	void *library;
	void (*init)(struct inflate_state *);
	void (*reset)(struct inflate_state *);
	int (*run)(struct inflate_state *);
	void (*header_init)(struct isal_gzip_header *);
	int (*read_header)(struct inflate_state *, struct isal_gzip_header *);
} isal;

void gunzip_load(void)
{
	static const struct {
		const char *name;
		void **at;
	} symbols[] = {
	    {"isal_inflate_init", (void **)&isal.init},
	    {"isal_inflate_reset", (void **)&isal.reset},
	    {"isal_inflate", (void **)&isal.run},
	    {"isal_gzip_header_init", (void **)&isal.header_init},
	    {"isal_read_gzip_header", (void **)&isal.read_header},
	};

	if (isal.tried)
		return;
	isal.tried = true;
	isal.library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; isal.library && i < sizeof symbols / sizeof *symbols; i++) {
		*symbols[i].at = dlsym(isal.library, symbols[i].name);
		if (!*symbols[i].at) {
			dlclose(isal.library);
			isal.library = NULL;
		}
	}
}

static void isal_next(struct gunzip *g)
{
	isal.reset(g->state);
	isal.header_init(&g->header);
	g->state->crc_flag = ISAL_GZIP_NO_HDR_VER; /* the header is ours to read, the trailer is compared */
	g->in_header = true;
}

static bool isal_new(struct gunzip *g)
{
	if (!isal.library)
		return false;
	g->isal = true;
	g->state = mem_zalloc(1, sizeof *g->state);
	isal.init(g->state);
	isal_next(g);
	return true;
}

static int isal_failed(int code, struct err *err)
{
	return err_set(err, EBADMSG, "the gzip data is damaged: %s",
		       code == ISAL_INCORRECT_CHECKSUM ? "incorrect data check"
		       : code == ISAL_INVALID_WRAPPER  ? "incorrect header check"
						       : "invalid data");
}

/* 1 = the header is read, 0 = more of it is needed. */
static int isal_header(struct gunzip *g, struct err *err)
{
	int code = isal.read_header(g->state, &g->header);

	if (code == ISAL_END_INPUT)
		return 0;
	if (code != ISAL_DECOMP_OK && code != ISAL_NAME_OVERFLOW)
		return isal_failed(code, err);
	g->in_header = code == ISAL_NAME_OVERFLOW;
	return !g->in_header;
}

static ssize_t isal_run(struct gunzip *g, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
			bool *ret_end, struct err *err)
{
	struct inflate_state *s = g->state;
	int r = 1, code = ISAL_DECOMP_OK;

	s->next_in = (uint8_t *)(uintptr_t)in;
	s->avail_in = (uint32_t)n;
	s->next_out = out;
	s->avail_out = (uint32_t)cap;
	if (g->in_header)
		r = isal_header(g, err);
	if (r > 0)
		code = isal.run(s);
	if (r < 0 || code < 0)
		return r < 0 ? r : isal_failed(code, err);
	*ret_used = n - s->avail_in;
	*ret_end = r > 0 && s->block_state == ISAL_BLOCK_FINISH;
	if (r > 0 && n > 0 && *ret_used == 0 && s->avail_out == cap && !*ret_end)
		return err_set(err, EBADMSG, "the gzip data is damaged: it does not go on");
	return (ssize_t)(cap - s->avail_out);
}

static void isal_free(struct gunzip *g)
{
	free(g->state);
}

#else

void gunzip_load(void)
{
}

static bool isal_new(struct gunzip *g)
{
	(void)g;
	return false;
}

static void isal_next(struct gunzip *g)
{
	(void)g;
}

static ssize_t isal_run(struct gunzip *g, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
			bool *ret_end, struct err *err)
{
	(void)g, (void)in, (void)n, (void)ret_used, (void)out, (void)cap, (void)ret_end;
	return err_set(err, ENOSYS, "berth was built without ISA-L");
}

static void isal_free(struct gunzip *g)
{
	(void)g;
}

#endif

/* ---- zlib ---- */

static ssize_t zlib_run(struct gunzip *g, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
			bool *ret_end, struct err *err)
{
	int code;

	g->z.next_in = (unsigned char *)(uintptr_t)in;
	g->z.avail_in = (uInt)n;
	g->z.next_out = out;
	g->z.avail_out = (uInt)cap;
	code = inflate(&g->z, Z_NO_FLUSH);
	if (code == Z_MEM_ERROR)
		return err_set(err, ENOMEM, "there is not enough memory to read the gzip data");
	if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END)
		return err_set(err, EBADMSG, "the gzip data is damaged: %s", g->z.msg ? g->z.msg : "no detail");
	*ret_used = n - g->z.avail_in;
	*ret_end = code == Z_STREAM_END;
	return (ssize_t)(cap - g->z.avail_out);
}

/* ---- both ---- */

int gunzip_new(enum gunzip_kind kind, struct gunzip **ret, struct err *err)
{
	struct gunzip *g = mem_new(struct gunzip);

	if (kind == GUNZIP_BEST && isal_new(g)) {
		*ret = g;
		return 0;
	}
	/* 15 bits of window, +16: gzip and nothing else */
	if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
		free(g);
		return err_set(err, ENOMEM, "there is not enough memory to read gzip");
	}
	*ret = g;
	return 0;
}

struct gunzip *gunzip_free(struct gunzip *g)
{
	if (!g)
		return NULL;
	if (g->isal)
		isal_free(g);
	else
		inflateEnd(&g->z);
	free(g);
	return NULL;
}

ssize_t gunzip_run(struct gunzip *g, const void *in, size_t n, size_t *ret_used, void *out, size_t cap, bool *ret_end,
		   struct err *err)
{
	return (g->isal ? isal_run : zlib_run)(g, in, n, ret_used, out, cap, ret_end, err);
}

int gunzip_next(struct gunzip *g, struct err *err)
{
	if (g->isal) {
		isal_next(g);
		return 0;
	}
	return inflateReset(&g->z) == Z_OK ? 0 : err_set(err, EBADMSG, "the gzip data cannot be read on");
}

const char *gunzip_name(const struct gunzip *g)
{
	return g->isal ? "ISA-L" : "zlib";
}
