/* SPDX-License-Identifier: Apache-2.0
 *
 * place: a directory for a fuzz target that writes files, in memory where there is such a place. It goes at the end of the process.
 */
#pragma once

#include "base/core/fd.h"
#include "base/core/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char place_name[64];

static void place_remove(void)
{
	char *slash = strrchr(place_name, '/');
	fd_cleanup int above = -1;

	*slash = '\0';
	above = open(place_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)fs_remove_tree(above, slash + 1, NULL);
}

/* The same directory in every call. */
static int place_dir(void)
{
	static int dir = -1;
	struct stat st;

	if (dir >= 0)
		return dir;
	snprintf(place_name, sizeof place_name, "%s/berth-fuzz-XXXXXX",
		 stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(place_name))
		abort();
	dir = open(place_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atexit(place_remove);
	return dir;
}
