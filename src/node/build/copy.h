/* SPDX-License-Identifier: Apache-2.0
 *
 * copy: COPY and ADD: puts sources (source.h) into a draft (draft.h), with the rules of BuildKit:
 *
 *   a directory gives what is in it, a file goes into `dest` when that is a directory (or is to be one) and becomes `dest` otherwise;
 *   links are copied as links, hard links among what is copied stay hard links; a file takes the place of a file or link, a directory
 *   that is there stays, files and directories do not replace each other (but do with `replace`);
 *   modes and times come from the source; owners too, or from --chown; from a build context everything belongs to 0:0.
 *
 * `dest` is resolved in the view as in a chroot. Nothing is written but below draft.dir, by descriptors.
 */
#pragma once

#include <stdbool.h>

#include "node/build/draft.h"
#include "node/build/source.h"

struct err;
struct file_mode;
struct ignore;

struct copy {
	struct draft draft;
	const char *dest; /* absolute */
	bool dest_dir;	  /* is to be a directory */
	bool has_owner;	  /* --chown, or a build context (0:0) */
	struct draft_owner owner;
	const struct file_mode *mode; /* --chmod, or NULL */
	const struct ignore *exclude; /* or NULL */
	bool parents;
	bool replace; /* what an archive holds takes the place of anything */
	bool move;    /* the sources are ours: files are renamed into the draft where that is possible */
};

int copy_items(const struct copy *c, const struct source_tree *t, const struct source_list *l, struct err *err);

/* A file with this content (a heredoc) at `dest`, or in it when it is a directory. `mtime_s` < 0: now. */
int copy_text(const struct copy *c, const char *name, const char *text, int64_t mtime_s, struct err *err);

/* An open file as the file `name` (what ADD has downloaded). */
int copy_file(const struct copy *c, const char *name, int fd, mode_t mode, int64_t mtime_s, struct err *err);
