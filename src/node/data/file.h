/* SPDX-License-Identifier: Apache-2.0
 *
 * file: copies one file or link into a directory, under a temporary name until it is whole.
 */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "node/data/data.h"

/* The regular file `name` of `from`, whose status was *seen, to `to`; -ESTALE when it is another one by now. Texts speak of `path`. */
int file_copy(int from, const char *name, const struct stat *seen, int to, const struct data_owner *owner,
	      const char *path, uint64_t *ret_bytes, struct err *err);
/* A symbolic link `depth` directories below the top of its tree. */
int file_copy_link(int from, const char *name, size_t depth, int to, const struct data_owner *owner, const char *path,
		   struct err *err);
