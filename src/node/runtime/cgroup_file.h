/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_file: the one door to the files of a cgroup file system (attack class R5). A hierarchy's mount point is opened once and must be that
 * very file system; everything else is opened below it with openat2(2), without links and without leaving the mount. So a write can
 * land nowhere else, whatever was mounted or linked over a path meanwhile.
 */
#pragma once

#include "node/runtime/cgroup_mounts.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

/* The text of /proc/self/mountinfo and /proc/self/cgroup, parsed into new memory (free). */
int cgroup_file_machine(struct cgroup_mounts **ret, struct err *err);

/* Descriptor (O_PATH) of the mount point, or a negative errno: -ESTALE when something else is there now. */
int cgroup_file_root(const struct cgroup_mount *m);

/* Below a directory of a hierarchy; `path` relative, without "..". A descriptor or a negative errno (-ELOOP a link, -EXDEV a mount). */
int cgroup_file_open(int dir, const char *path, int flags);

int cgroup_file_write(int dir, const char *name, const char *text); /* in one write(2): 0 or a negative errno */
/* Reads at most size - 1 bytes and adds a NUL: 0 or a negative errno. */
int cgroup_file_read(int dir, const char *name, char *text, size_t size);
/* All of it, at most 16 MiB, into new memory (free): 0 or a negative errno. */
int cgroup_file_read_all(int dir, const char *name, char **ret);

/* The number after `key` and a blank at the start of a line (key NULL: the first word of the file). "max" is -1. False when it is not there. */
bool cgroup_file_number(int dir, const char *name, const char *key, long long *ret);
