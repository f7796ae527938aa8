/* SPDX-License-Identifier: Apache-2.0
 *
 * save_target: where an archive goes: standard output, a device or a pipe as it is, a directory, or a file that has no name until it is
 * whole (outfile.h).
 */
#pragma once

#include "base/core/outfile.h"

#include <stdbool.h>

struct err;

struct save_target {
	int fd;
	struct outfile file; /* fd is this one's, when it has one */
	bool was_empty;	     /* fd is a directory, which is emptied again after a failure */
	const char *path;
};
#define SAVE_TARGET_NULL                                                                                               \
	{                                                                                                              \
		.fd = -1, .file = OUTFILE_NULL                                                                         \
	}

/* path NULL or "-": standard output, which must not be a terminal. `dir`: a directory, made when it is missing. `path` must outlive *t. */
int save_target_open(struct save_target *t, const char *path, bool dir, struct err *err);
/* r: of what came before; its result when it is < 0, and nothing stays of the unfinished archive then. */
int save_target_close(struct save_target *t, int r, struct err *err);
