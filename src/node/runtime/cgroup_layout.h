/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_layout: which cgroup hierarchies this machine has and where our directories go, from the texts of /proc/self/mountinfo
 * (proc_pid_mountinfo(5)) and /proc/self/cgroup (cgroups(7)). Pure.
 */
#pragma once

#include <stdbool.h>

enum cgroup_tree {
	CGROUP_V2,  /* the unified hierarchy; on hybrid machines it has no controllers but knows the processes */
	CGROUP_CPU, /* version 1 hierarchies from here */
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_FREEZER,
	CGROUP_TREES
};

enum cgroup_kind { CGROUP_KIND_NONE, CGROUP_KIND_V1, CGROUP_KIND_HYBRID, CGROUP_KIND_V2 };

#define CGROUP_BASE_MAX 512
/* When our own processes must leave a delegated group so that it can have controllers, they go here. */
#define CGROUP_MAIN "berth-main"

struct cgroup_layout {
	enum cgroup_kind kind;
	/* The directory that holds our "berth" directory in each hierarchy, "" where the hierarchy is not there. Version 1: its root.
	 * Version 2: the group our process is in (its parent for CGROUP_MAIN), or the root. */
	char base[CGROUP_TREES][CGROUP_BASE_MAX];
	char v2_root[CGROUP_BASE_MAX]; /* where the unified hierarchy is mounted */
};

/* Never fails: what cannot be understood is not there. */
void cgroup_layout_parse(const char *mountinfo, const char *self_cgroup, struct cgroup_layout *ret);

/* Takes a hierarchy away that cannot be used. */
void cgroup_layout_drop(struct cgroup_layout *l, enum cgroup_tree t);

const char *cgroup_kind_name(enum cgroup_kind kind); /* "none", "v1", "hybrid", "v2" */
