/* SPDX-License-Identifier: Apache-2.0
 *
 * archive: the files of a container from outside: `cp` in and out, export, changes. All calls block for long and read what a container may be
 * changing at the same moment, so they run in a process of their own (engine_tool), never in the daemon.
 *
 * The files are found by one descriptor of the root: of a running container through its first process, checked by its start time, so that volumes
 * and tmpfs are seen as the container sees them; of one that does not run an overlay of its layers and upper with its volumes and binds
 * mounted, in a mount namespace of ours. From there every path is resolved by openat2(2) as in a chroot, magic links never followed
 * (attack row A4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <yyjson.h>

struct err;
struct sink;

/* ---- the root ---- */

struct files {
	int root;  /* as the container sees it */
	int upper; /* the writable layer, -1 = it has none any more */
	int lock;  /* of one that does not run: nobody starts it meanwhile (files_lock) */
	bool running;
	bool read_only; /* its root */
	uint32_t shift; /* owners are this much higher here than in the container */
};
#define FILES_INIT                                                                                                     \
	{                                                                                                              \
		.root = -1, .upper = -1, .lock = -1                                                                    \
	}
/* id: all 64 digits. names: of one at rest, /etc/hostname, hosts and resolv.conf are there as its last life had them, or empty; whoever writes does without,
 * or could not replace them. One that runs has them in any case. */
int files_open(int data_dir, const char *id, bool names, struct files *ret, struct err *err);
void files_close(struct files *f); /* also after a failure */
/* The monitor holds it from before it mounts the root until the program runs; who reads the files of a container at rest holds it as long as it
 * reads. Waits. A descriptor of the caller. */
int files_lock(int container_dir, struct err *err);

/* ---- one path ---- */

struct archive_stat {
	char *name; /* last part of the path */
	int64_t size;
	mode_t mode;
	struct timespec mtime;
	char *target; /* of a link: where it leads as a path in the container; NULL = no link */
};
void archive_stat_free(struct archive_stat *s);
/* As Docker: the last part is not followed if it is a link, unless the path ends in "/" or "/.". -ENOENT, -ENOTDIR, -ELOOP. */
int archive_stat(const struct files *f, const char *path, struct archive_stat *ret, struct err *err);
/* A tar of what is there, its names beginning with the last part of the path. */
int archive_get(const struct files *f, const char *path, int out, struct err *err);
/* Unpacks a tar below the directory that path names (links followed). -EROFS: "container rootfs is marked read-only". */
struct archive_put {
	bool
	    no_overwrite_dir_non_dir; /* -EINVAL instead of replacing a directory by something else, or the other way */
	const char *
	    user; /* everything belongs to this user of the container ("uid", "name", "uid:gid" ...); NULL = to whom the tar says */
};
int archive_put(const struct files *f, const char *path, const struct archive_put *o, int in, struct err *err);

/* ---- all of it ---- */

/* The whole root without what is mounted in it, as a tar; running or not. */
int archive_export(int data_dir, const char *id, int out, struct err *err);

enum { CHANGE_MODIFIED, CHANGE_ADDED, CHANGE_DELETED };
/* What differs from the image, by path; fn < 0 ends it. */
typedef int (*change_fn)(void *ctx, int kind, const char *path, struct err *err);
int changes_each(int data_dir, const char *id, change_fn fn, void *ctx, struct err *err);
/* Bytes of the files in the writable layer, 0 if there is none. */
int64_t changes_size(int data_dir, const char *id);
/* The writable layer as the tar of an image's layer. It must be at rest, or paused: -EBUSY when a file changes meanwhile. */
int changes_layer(int data_dir, const char *id, const struct sink *to, struct err *err);
