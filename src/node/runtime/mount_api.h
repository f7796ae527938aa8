/* SPDX-License-Identifier: Apache-2.0
 *
 * mount_api: the new mount calls (fsopen(2), fsmount(2), move_mount(2), open_tree(2), mount_setattr(2)) in the few forms that the runtime
 * uses. Everything works on descriptors: a mount is made attached to nothing and then put on an opened directory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

struct err;

struct mount_option {
	const char *key, *value; /* value NULL: a flag */
};

/* A new mount of a file system, attached to nothing. `attributes`: MOUNT_ATTR_*. Options end with a NULL key; NULL = none. */
int mount_new(const char *type, const struct mount_option *options, uint64_t attributes, struct err *err);

/* A detached copy of the mount at (dir, name), name "" for dir itself; private; `recursive` takes the mounts below along. */
int mount_copy(int dir, const char *name, bool recursive, uint64_t attributes, int idmap, struct err *err);

/* Adds attributes to a whole mount (all below it too when recursive); idmap >= 0 also maps its owners. What spreads into it, or from it, stays. */
int mount_change(int mount, bool recursive, uint64_t attributes, int idmap, struct err *err);
/* The same, and it becomes private: a copy of a shared mount is its peer, until then. */
int mount_own(int mount, bool recursive, uint64_t attributes, int idmap, struct err *err);

/* Puts a detached mount on (dir, name), name "" for dir itself. Links are not followed. */
int mount_put(int mount, int dir, const char *name, struct err *err);

/* The kernel's word on what went wrong with a file system context ("e overlay: ..."), for the text of an error; "" if it has none. */
void mount_reason(int context, char *text, unsigned size);
