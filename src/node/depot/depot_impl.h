/* SPDX-License-Identifier: Apache-2.0
 *
 * depot_impl: the inside of the depot, shared by depot*.c. Nobody else includes this.
 */
#pragma once

#include "node/depot/depot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define DEPOT_PATH_MAX 800u
#define DEPOT_DIR_MODE 0700
#define DEPOT_FILE_MODE 0600

struct depot {
	char *dir;
	int root, blobs, repos, uploads, tmp, serving, change;
	pthread_mutex_t lock;
	uint64_t quota;
	atomic_ullong used;
	int64_t counted_ns; /* mtime of "change" when `used` was counted: whoever collects garbage sets it */
};

/* Excludes other threads and processes that change something. */
int depot_lock(struct depot *d, struct err *err);
void depot_unlock(struct depot *d);

/* "NAME/_blobs/sha256/HEX" and the like. */
void depot_link_path(char path[static DEPOT_PATH_MAX], const char *repo, const char *kind,
		     const struct depot_digest *digest);
/* "sha256/aa/HEX", below blobs/. */
void depot_blob_path(char path[static DEPOT_PATH_MAX], const struct depot_digest *digest);
/* Below repos/: no symbolic link is followed. */
int depot_open_repo(const struct depot *d, const char *path, int flags, struct err *err);
/* A new file in tmp/ with a random name, which is written to `name`. */
#define DEPOT_TMP_MAX 40
int depot_tmp(const struct depot *d, char name[static DEPOT_TMP_MAX], struct err *err);
/* Moves tmp/NAME to `path` below repos/, whose directories are made, and syncs the directory. */
int depot_tmp_place(const struct depot *d, const char *name, const char *path, struct err *err);
/* Writes a small file below repos/: whole or not at all. */
int depot_write(const struct depot *d, const char *path, const char *text, size_t n, struct err *err);
/* Removes a name below repos/; -ENOENT when it is not there. Directories that became empty go too, up to the repository's. */
int depot_unlink(const struct depot *d, const char *path, struct err *err);
/* Gives a blob of blobs/ a name below repos/. -ENOENT: no such blob. */
int depot_link(struct depot *d, const char *repo, const char *kind, const struct depot_digest *digest, struct err *err);
/* Moves DIR/NAME to its place in blobs/, unless it is there. */
int depot_place_blob(struct depot *d, int dir, const char *name, const struct depot_digest *digest, struct err *err);
/* Files of tmp/ that a kill left. */
int depot_sweep_tmp(struct depot *d, struct err *err);
/* Marks a file as used now. */
void depot_touch(int fd);

/* Calls fn with each name of a directory that is no dot name, until it returns other than 0. The directory may be missing. */
typedef int (*depot_each_fn)(void *ctx, int dir, const char *name, struct err *err);
int depot_each(int parent, const char *path, depot_each_fn fn, void *ctx, struct err *err);
/* Every repository, in no order: fn(ctx, NAME). */
int depot_walk(const struct depot *d, int (*fn)(void *ctx, const char *repo, struct err *err), void *ctx,
	       struct err *err);
