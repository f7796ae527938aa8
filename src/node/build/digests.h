/* SPDX-License-Identifier: Apache-2.0
 *
 * digests: the digests of files by what stat(2) says of them, kept in one file between builds, so that a cached build of a large context
 * reads names and not contents. A file changed less than two seconds before it was read is not kept: it might change again without
 * another time. At the most DIGESTS_MAX files, those used last.
 */
#pragma once

#include <sys/stat.h>

#include "base/core/sha256.h"

struct err;
struct digests;

#define DIGESTS_MAX 250000u

/* Reads `name` in dir; a missing or damaged file is an empty one. */
struct digests *digests_open(int dir, const char *name);
/* Writes it back when something is new, and frees. A file that cannot be written is no error: the next build takes longer. */
struct digests *digests_close(struct digests *d);

/* The digest of the open regular file fd, of which `st` is the stat; d may be NULL. */
int digests_of(struct digests *d, int fd, const struct stat *st, char ret[static SHA256_HEX_MAX], struct err *err);
/* The kept digest alone: 1 found, 0 not. */
int digests_find(struct digests *d, const struct stat *st, char ret[static SHA256_HEX_MAX]);
