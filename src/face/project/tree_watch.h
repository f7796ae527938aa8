/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_watch: what changes in directories of this machine and in all that is below them, by inotify. Nothing is looked at again and again.
 *
 * Links are not followed. A directory that comes is watched from then on, and what is in it already has changed, too.
 */
#pragma once

#include <stdbool.h>

struct err;
struct tree_watch;

#define TREE_WATCH_MAX 65536	  /* directories */
#define TREE_WATCH_CHANGES 100000 /* paths at a time; what is more is told as a change of the whole */

/* wants(ctx, path): whether somebody is interested in what is at that path or, of a directory, below it. */
int tree_watch_new(bool (*wants)(void *ctx, const char *path), void *ctx, struct tree_watch **ret, struct err *err);
struct tree_watch *tree_watch_free(struct tree_watch *w); /* takes NULL, returns NULL */
/* An absolute path, of a directory, a file, or nothing yet: then its directory is watched, which must be there. -ENOENT; -ENOSPC names the machine's limit. */
int tree_watch_add(struct tree_watch *w, const char *path, struct err *err);
/* Waits until something has changed and then nothing for quiet_ms milliseconds. *ret: the paths that somebody wants, each once, NULL-terminated, the
 * caller's (mem_strv_free); what is not there any more is among them, directories that are there are not. */
int tree_watch_next(struct tree_watch *w, int quiet_ms, char ***ret, struct err *err);
/* What is there now, as if all of it had just changed: is in the next answer. */
void tree_watch_touch(struct tree_watch *w, const char *path);
