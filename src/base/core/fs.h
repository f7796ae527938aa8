/* SPDX-License-Identifier: Apache-2.0
 *
 * fs: files by descriptor, and the one door to paths that somebody else controls.
 *
 * Rule (attack class 1): below a root filesystem, a volume, a build context, a space or a task's directory no path string is
 * handed to a path system call. fs_open_in() and fs_mkdirs_in() resolve such a path with openat2(2) inside a directory descriptor,
 * magic links never followed; everything else takes (directory descriptor, plain name without '/').
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum fs_scope {
	FS_IN_ROOT,	/* "/" and ".." mean the directory, as in a chroot (RESOLVE_IN_ROOT): for root filesystems */
	FS_BENEATH,	/* leaving the directory is an error, -EXDEV (RESOLVE_BENEATH): for spaces and archives */
	FS_NO_SYMLINKS, /* as FS_BENEATH, and any symbolic link on the way is an error, -ELOOP */
};

/* Opens `path` below `root` (flags as open(2); O_CLOEXEC is added). Returns the descriptor or a negative errno with *err set. */
int fs_open_in(int root, const char *path, int flags, mode_t mode, enum fs_scope scope, struct err *err);

/* Makes the directories of `path` below `root` where they are missing (mode for new ones) and opens the last one (O_PATH|O_DIRECTORY is
 * NOT used: it is a normal read-only directory descriptor). An empty path or "." gives a new descriptor of root itself. */
int fs_mkdirs_in(int root, const char *path, mode_t mode, enum fs_scope scope, struct err *err);

/* Opens the directory that holds the last component of `path` below `root` (which must exist) and gives that component, a pointer
 * into `path`; -EINVAL when it is empty, "." or "..". */
int fs_open_parent(int root, const char *path, enum fs_scope scope, const char **ret_name, struct err *err);

/* Our own trusted paths (the data directory): makes all missing directories, as mkdir -p, and opens the last. */
int fs_mkdirs(const char *path, mode_t mode, struct err *err);

/* Writes name.tmp-<random>, optionally fsyncs it, and renames it over `name` (and fsyncs the directory). Old or new, never half. */
int fs_write_atomic(int dir, const char *name, const void *data, size_t n, mode_t mode, bool sync, struct err *err);

/* Reads a regular file of at most `limit` bytes; refuses FIFOs, devices and links. The result is NUL-terminated and the caller's. */
int fs_read(int dir, const char *name, size_t limit, char **ret_data, size_t *ret_len, struct err *err);

/* After an error r on the file system of fd: when it is full, says how much is missing to write `left` bytes more (0: unknown), and what is free.
 * Returns r. */
int fs_no_room(int fd, uint64_t left, int r, struct err *err);

/* Removes `name` in `dir` and everything below it, without following a link or crossing into another mount (-EBUSY). A missing name is
 * success. Any depth: a tree nested deeper than 32 levels, as a hostile container can leave it, is taken apart piece by piece, with at the
 * most 66 descriptors and as many stack frames. */
int fs_remove_tree(int dir, const char *name, struct err *err);

/* True for a name that is safe as one path component: not empty, no '/', not "." or "..", at most 255 bytes, no control bytes. */
bool fs_name_ok(const char *name);
