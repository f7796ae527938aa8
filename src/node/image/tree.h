/* SPDX-License-Identifier: Apache-2.0
 *
 * tree: writes the entries of a root filesystem below one directory. Names and link targets come from somebody else: they are cleaned
 * first (tree_name), and their directories are opened with openat2(2) as in a chroot (FS_IN_ROOT), so that a link made by an earlier
 * entry never leads out. Nothing is followed in the last component, ever.
 *
 * In a layer (tree_layer) names that an earlier entry made a whiteout of (a character device 0:0, whiteout.h) may come back: a directory
 * that does is opaque.
 *
 * Modes and times of directories are set by tree_finish(), because later entries change them; they wait in an unlinked file, not in
 * memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct err;
struct stat;

#define TREE_PATH_MAX 4095
#define TREE_NAME_MAX 255

/* What an entry says about itself; plain data between the reader of an archive and the kernel. */
struct tree_entry {
	const char *name;   /* cleaned; "" = the top */
	const char *target; /* of a symbolic link: any text; of a hard link: a cleaned name */
	mode_t
	    mode; /* with its file type (S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO); the type does not matter for a hard link */
	uint32_t uid, gid;
	int64_t mtime_s;
	long mtime_ns;
};

struct tree {
	int root;
	FILE *later;	   /* modes and times of directories */
	char *parent_name; /* of the directory that is open as `parent`, for the next entry beside it; NULL = none */
	int parent;
	uint64_t n_owners_lost;
	int opaque_dir; /* of a layer: where the file "opaque" goes; -1 = not a layer */
	FILE *opaque;	/* its names, each ended by NUL; NULL = none so far */
	bool top_opaque;
	/* NULL or: called before something goes because a later entry takes its place (dir and name: not to be followed) */
	int (*on_replaced)(void *ctx, int dir, const char *name, const struct stat *st, struct err *err);
	void *ctx;
};

#define TREE_INIT                                                                                                      \
	{                                                                                                              \
		.root = -1, .parent = -1, .opaque_dir = -1                                                             \
	}

/* Makes `name` below dir and starts to write into it. */
int tree_open(struct tree *t, int dir, const char *name, struct err *err);
/* Writes into a directory that is there already and stays the caller's. */
int tree_open_at(struct tree *t, int dir, struct err *err);
void tree_close(struct tree *t); /* takes what tree_open left, also after its failure */

/* From now on it is a layer. The names of directories that overlay must be told are opaque go to the file "opaque" in dir (which stays the
 * caller's), if there are any. */
#define TREE_OPAQUE_NAME "opaque"
void tree_layer(struct tree *t, int dir);
/* Notes the name of such a directory; the top sets top_opaque. */
int tree_opaque(struct tree *t, const char *name, struct err *err);
/* The directory of a cleaned name, made where it is missing, and the name's last part. The descriptor is the tree's, until its next call. */
int tree_parent(struct tree *t, const char *name, const char **ret_last, struct err *err);

/* A new name without leading and double slashes and "." components, the caller's. -EINVAL for "..", -ENAMETOOLONG for what no Linux
 * file can be called; the text says which rule was broken, not which name. */
int tree_name(const char *raw, char **ret, struct err *err);

/* Makes the entry in place of what is there. Files and directories are open afterwards: *ret_fd is the caller's, who writes the
 * content and calls tree_own() and tree_time() in this order; for everything else it is -1 and the entry is complete. */
int tree_make(struct tree *t, const struct tree_entry *e, int *ret_fd, struct err *err);
int tree_link(struct tree *t, const struct tree_entry *e, struct err *err); /* a hard link */
int tree_own(struct tree *t, int fd, const struct tree_entry *e, struct err *err);
int tree_time(struct tree *t, int fd, const struct tree_entry *e, struct err *err);

/* Modes and times of the directories, last of all. */
int tree_finish(struct tree *t, struct err *err);
