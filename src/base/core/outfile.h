/* SPDX-License-Identifier: Apache-2.0
 *
 * outfile: a file that gets its name when it is whole. Until then it has none (O_TMPFILE), so nothing stays of it however the process ends; on a file
 * system that has no such files it is PATH.tmp-<random>, and outfile_close() removes that. A link is replaced, not
 * followed; a device or pipe, and where standard output goes (/dev/stdout), is written to at once.
 *
 *   struct outfile o = OUTFILE_NULL;
 *   r = outfile_open(path, 0666, &o, err);
 *   ... write to o.fd ...
 *   r = outfile_name(&o, err);
 *   outfile_close(&o);
 */
#pragma once

#include <sys/types.h>

struct err;

struct outfile {
	int fd, dir;	  /* dir -1: fd is what stands at the path, and has its name already */
	char *path, *tmp; /* tmp: its name in dir, NULL = none */
};
#define OUTFILE_NULL                                                                                                   \
	{                                                                                                              \
		.fd = -1, .dir = -1                                                                                    \
	}

/* A path of the user's own; the umask counts. A file of that name stays as it is until outfile_name(). */
int outfile_open(const char *path, mode_t mode, struct outfile *ret, struct err *err);
/* In place of what had the name before. Nothing is synced. */
int outfile_name(struct outfile *o, struct err *err);
void outfile_close(struct outfile *o); /* takes OUTFILE_NULL; without outfile_name() before nothing stays */
