/* SPDX-License-Identifier: Apache-2.0
 *
 * mount_option: the options of config.json's mounts (config.md, Linux mount options) as flags of mount_setattr(2) and parameters of
 * fsconfig(2).
 */
#pragma once

#include "node/runtime/rt_attr.h"

#include <stdbool.h>
#include <stddef.h>

struct reader;

/* A mount while its options are read, one after the other; a later one wins. */
struct mount_draft {
	struct rt_fs *fs; /* its attributes, propagation, recursive, copy_up and idmap_* are set */
	bool bind, idmap;
	struct rt_fs_option
	    *options; /* for the file system: room for all commas + 1 of each option, ends with a NULL key */
	size_t n_options;
	size_t n_foreign;    /* how many of them are the file system's own, which a bind mount cannot have */
	const char *foreign; /* the first of these */
};

/* -EINVAL, or -ENOTSUP for what other runtimes know and this one does not. */
int mount_option_add(struct reader *rd, struct mount_draft *d, const char *text);

/* The i-th name that is known and obeyed, in alphabetical order; NULL past the last one. */
const char *mount_option_name(size_t i);

/* "private" ... "runbindable" -> MS_*, and whether it is for all mounts below. False when it is not known. */
bool mount_option_propagation(const char *name, unsigned long *ret_flag, bool *ret_recursive);
