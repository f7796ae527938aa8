/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_box_impl: what the files of cgroup_box share. Nobody else includes it.
 */
#pragma once

#include "node/runtime/cgroup_box.h"
#include "node/runtime/cgroup_mounts.h"

#include <stdbool.h>
#include <stddef.h>

enum { CGROUP_WHY_MAX = 512 };

struct cgroup_dir {
	bool v2;
	char *controllers; /* as struct cgroup_mount */
	char *point;
	char *path;  /* below the mount point: "/a/b" */
	char *where; /* both */
	int root;    /* the mount point (O_PATH) */
	int fd;	     /* the container's directory; -1 when it has gone */
	int door;    /* what a new process writes to, or -1 */
	size_t made; /* so many of the last components are new: a failed make removes them */
};

struct cgroup_box {
	struct cgroup_dir v[CGROUP_MOUNTS_MAX];
	size_t n;
	bool v2_only; /* no version 1 hierarchy has a controller */
	char *text;
	char denied[CGROUP_WHY_MAX];  /* why a hierarchy has no directory of ours; "" */
	char blocked[CGROUP_WHY_MAX]; /* why a version 2 controller could not be given to the directory; "" */
};

/* ---- cgroup_box.c ---- */
const struct cgroup_dir *cgroup_box_v2(const struct cgroup_box *b); /* NULL when there is none, or when it has gone */
/* The version 1 directory with this controller, or NULL. */
const struct cgroup_dir *cgroup_box_v1(const struct cgroup_box *b, const char *controller);
/* Whether the version 2 directory has this controller. */
bool cgroup_box_v2_has(const struct cgroup_box *b, const char *controller);
/* True for root of the machine itself, who is never silently without a cgroup. */
bool cgroup_box_real_root(void);

/* ---- cgroup_tree.c: directories ---- */
/* Makes and opens the directory of d. `enable` gives all controllers on the way (version 2), b->blocked tells if one cannot be had. */
int cgroup_tree_make(struct cgroup_box *b, struct cgroup_dir *d, bool enable, struct err *err);
void cgroup_tree_unmake(struct cgroup_dir *d); /* removes the d->made last components if they are empty */
/* Visits a directory and all below it, whatever their depth, with one descriptor and no path: `visit` (may be NULL) before the ones below it,
 * `leave` (may be NULL) after them, with the parent and the name, not for the first directory. A result < 0 ends the walk. */
struct cgroup_visitor {
	int (*visit)(void *ctx, int dir);
	int (*leave)(void *ctx, int parent, const char *name);
	void *ctx;
};
int cgroup_tree_walk(int dir, const struct cgroup_visitor *v);

/* ---- cgroup_resources.c ---- */
int cgroup_resources_apply(const struct cgroup_box *b, const struct rt_resources *r, struct err *err);

/* ---- cgroup_devices.c ---- */
/* Does nothing for a user who is not root of the machine: in a user namespace no device can be made or mounted. */
int cgroup_devices_apply(const struct cgroup_box *b, const struct rt_resources *r, struct err *err);
