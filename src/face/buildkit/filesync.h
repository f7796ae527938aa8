/* SPDX-License-Identifier: Apache-2.0
 *
 * filesync: files of the client's directories, by BuildKit's "diffcopy": the client tells of each entry in the order of a walk, the receiver asks for the
 * content of those that it wants, by their place in that order. What comes is the client's word: names and types are checked by who unpacks the tar.
 *
 * Limits: FILESYNC_ENTRIES of a directory, FILESYNC_NAMES bytes of names.
 * Source: moby/buildkit session/filesync, tonistiigi/fsutil types/wire.proto and types/stat.proto.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

#define FILESYNC_ENTRIES 2000000u
#define FILESYNC_NAMES (512u << 20)

/* The text of one file below the client's directory `dir`, links inside of it followed; *ret is the caller's. -ENOENT: there is none. */
int filesync_file(int ask, const char *dir, const char *path, size_t limit, char **ret, size_t *ret_n, struct err *err);
/* A tar of the directory into `file`; the client leaves out what the patterns say, and what no path leads to (NULL = nothing), as far as they fit into a
 * call. kept: of an earlier time (kept.h), of which what is the same is left out, or -1. *ret_bytes: of what came. */
int filesync_tree(int ask, const char *dir, char *const *patterns, char *const *paths, int kept, int file,
		  uint64_t *ret_bytes, struct err *err);
