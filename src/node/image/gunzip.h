/* SPDX-License-Identifier: Apache-2.0
 *
 * gunzip: one gzip member (RFC 1952) after the other, by ISA-L when the machine has it (libisal.so.2, nearly twice as fast) and by zlib
 * otherwise. The checksums are compared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct gunzip;

/* Loads the library, once; before Landlock, because afterwards no file can be opened. Without it zlib is used. */
void gunzip_load(void);

enum gunzip_kind { GUNZIP_BEST, GUNZIP_ZLIB };
int gunzip_new(enum gunzip_kind kind, struct gunzip **ret, struct err *err);
struct gunzip *gunzip_free(struct gunzip *g);

/* Takes some of the n bytes at in (*ret_used), gives at most `cap` bytes at out: their number, or a negative errno (-EBADMSG: damaged). *ret_end: the
 * member has ended, what follows is not of it. */
ssize_t gunzip_run(struct gunzip *g, const void *in, size_t n, size_t *ret_used, void *out, size_t cap, bool *ret_end,
		   struct err *err);
/* The next bytes are a new member. */
int gunzip_next(struct gunzip *g, struct err *err);
const char *gunzip_name(const struct gunzip *g); /* "ISA-L" or "zlib" */
