/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_mounts: every cgroup hierarchy that is mounted here with all its controllers, and the group our process is in, from the texts of
 * /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup (cgroups(7)). Pure. cgroup_layout is what our
 * own containers need of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_MOUNTS_MAX 24
#define CGROUP_PATH_MAX 1024
#define CGROUP_CONTROLLERS_MAX 128

struct cgroup_mount {
	bool v2;
	unsigned major, minor; /* of the super block: whoever opens `point` compares it */
	char point[CGROUP_PATH_MAX];
	char controllers[CGROUP_CONTROLLERS_MAX]; /* version 1: "cpu,cpuacct" or "name=systemd"; "" for version 2 */
	char own[CGROUP_PATH_MAX]; /* our group below `point`: "/a/b", "" for the top or when it cannot be seen */
};

struct cgroup_mounts {
	struct cgroup_mount v[CGROUP_MOUNTS_MAX];
	size_t n;
	bool v1; /* there is a version 1 hierarchy with a controller */
};

/* Never fails: what cannot be understood, is mounted read-only, or comes after CGROUP_MOUNTS_MAX others is not there. The first mount of
 * each hierarchy is taken. */
void cgroup_mounts_parse(const char *mountinfo, const char *self_cgroup, struct cgroup_mounts *ret);

/* Whether the list "a,b,c" has this word. */
bool cgroup_mounts_has(const char *list, const char *word);

/* Whether this is "/a/b": absolute, no empty component, no "." or "..", no control bytes, shorter than CGROUP_PATH_MAX. "" is not. */
bool cgroup_mounts_path_ok(const char *path);
