/* SPDX-License-Identifier: Apache-2.0
 *
 * unpacker: bzip2 and xz, for archives of files (contexts, ADD, imports, archives of images). By the machine's libbz2 and liblzma, loaded when an
 * archive may need them (docs/DEPENDENCIES.md). Layers of images are never packed so: who reads those does not load them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct unpacker;

#define UNPACKER_MEMORY (96ull << 20) /* for xz, whose level 9 takes 65 MiB */

enum unpacker_kind { UNPACKER_BZIP2, UNPACKER_XZ };

/* Loads the libraries that there are, once; before Landlock, because afterwards no file can be opened. */
void unpacker_load(void);

/* -ENOSYS: the library is missing; the text says how to get it. -EINVAL: nobody called unpacker_load(). */
int unpacker_new(enum unpacker_kind kind, struct unpacker **ret, struct err *err);
struct unpacker *unpacker_free(struct unpacker *u);

/* As gunzip_run(): one stream after the other. */
ssize_t unpacker_run(struct unpacker *u, const void *in, size_t n, size_t *ret_used, void *out, size_t cap,
		     bool *ret_end, struct err *err);
/* The next bytes are a new stream. */
int unpacker_next(struct unpacker *u, struct err *err);
