/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_box: the cgroups of a container of somebody else (podman, containerd, docker), who says where they are and all that is in
 * linux.resources. Our own containers use cgroup.h, which does less and is faster. Works on version 2, on version 1 and on hybrid machines;
 * a resource that the machine cannot enforce is an error that names it (-ENOTSUP), never silence.
 */
#pragma once

#include "node/runtime/resources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct cgroup_box;

/* Makes the directories and applies the resources (NULL = none). `path` as config.json's cgroupsPath: "/a/b" from the root of each hierarchy,
 * "a/b" below the cgroup that our own process may use (version 1: its own; version 2: the one above, because a cgroup with processes
 * cannot give controllers; its own when the one above is not ours), NULL = "<that>/<id>"; "slice:prefix:name" (the form for
 * systemd) is "/slice/prefix-name.scope". ".." is refused. Directories that exist and are empty are taken over, as runc and crun do;
 * -EBUSY when there are processes in one or it is frozen. On failure what was made is removed. An ordinary user without any cgroup of his own:
 * success with an empty box, unless a resource is asked for; device rules are not asked for by him, because in a user
 * namespace no device can be made. For everybody else the rules of runc apply: what no rule allows is denied, and the harmless devices
 * (null, zero, full, random, urandom, tty, ptmx, pts, net/tun, mknod of any) are allowed at the end. */
int cgroup_box_make(const char *path, const char *id, const struct rt_resources *resources, struct cgroup_box **ret,
		    struct err *err);
/* From what cgroup_box_text() gave; the text is not trusted (-EINVAL). Directories that have gone are left out by all functions below, so that
 * a container can be deleted whose cgroups somebody else has removed. */
int cgroup_box_open(const char *text, struct cgroup_box **ret, struct err *err);
/* The text (below) of what cgroup_box_make() would make, to be written down before; the caller's. */
int cgroup_box_plan(const char *path, const char *id, char **ret_text, struct err *err);
/* Of directories that exist, as absolute paths (NULL-terminated); those in no hierarchy of this machine are left out. */
int cgroup_box_of(const char *const *dirs, struct cgroup_box **ret, struct err *err);
struct cgroup_box *cgroup_box_free(struct cgroup_box *b); /* takes NULL; the cgroups stay */

/* One line that names all directories, for a state file; valid as long as the box. */
const char *cgroup_box_text(const struct cgroup_box *b);
/* The version 2 directory (a descriptor of the box) for CLONE_INTO_CGROUP, or -1. */
int cgroup_box_fd(const struct cgroup_box *b);
/* The version 2 directory below it (exec --cgroup), opened for the caller, or -1 with no error when there is no version 2. */
int cgroup_box_fd_sub(const struct cgroup_box *b, const char *sub, int *ret_fd, struct err *err);
/* How a new process enters without the price of a move: moving a process, or all threads of the caller, makes the kernel wait until no
 * processor looks at any process' cgroups (milliseconds, worse on a busy machine). A process that is born in its version 2 directory
 * (CLONE_INTO_CGROUP) and moves its only thread into those of version 1 itself is spared that. The caller opens the doors, with its rights,
 * before the clone; the new process goes through them. */
int cgroup_box_open_doors(struct cgroup_box *b, struct err *err);
int cgroup_box_go_in(const struct cgroup_box *b, struct err *err);
void cgroup_box_close_doors(struct cgroup_box *b);
/* Moves a process (0 = the caller, whose only thread it is) into every directory; `sub` is a cgroup below ("" = none; exec --cgroup): it must be there in one hierarchy, and
 * where it is not the process goes into the directory itself. -EBUSY: version 2, and the container has given its controllers to cgroups
 * below; cgroup_box_sub_of() then tells where its first process is. */
int cgroup_box_enter(const struct cgroup_box *b, pid_t pid, const char *sub, struct err *err);
/* The same for the caller who was born in the version 2 directory. */
int cgroup_box_enter_others(const struct cgroup_box *b, const char *sub, struct err *err);
/* Where below the version 2 directory a process is: "" (in it), "init.scope"; the caller's (free). -ENOENT: not in this box. */
int cgroup_box_sub_of(const struct cgroup_box *b, pid_t pid, char **ret, struct err *err);

/* Changes limits of a running container (`update`). */
int cgroup_box_apply(struct cgroup_box *b, const struct rt_resources *resources, struct err *err);
/* The root of a container with a user namespace of its own may manage the cgroups below (delegation, Control Group v2). */
int cgroup_box_delegate(const struct cgroup_box *b, uid_t uid, gid_t gid, struct err *err);

int cgroup_box_freeze(const struct cgroup_box *b, bool freeze, struct err *err); /* returns when it has happened */
int cgroup_box_frozen(const struct cgroup_box *b);				 /* 1, 0 or a negative errno */

/* All processes in it and below, in the caller's pid namespace; the list is the caller's (free). */
int cgroup_box_pids(const struct cgroup_box *b, pid_t **ret, size_t *ret_n, struct err *err);
int cgroup_box_signal(const struct cgroup_box *b, int signal,
		      struct err *err); /* SIGKILL: cgroup.kill where there is one */
/* Removes the directories and those that the container made below; waits a bounded time until they are empty. */
int cgroup_box_remove(struct cgroup_box *b, struct err *err);

/* What `events --stats` tells; RT_UNSET = unknown here. Units as the kernel's: bytes, nanoseconds, counts. A limit of -1 is none. Swap is memory and
 * swap together, as in version 1 and in config.json. */
struct cgroup_stats {
	int64_t cpu_total_ns, cpu_user_ns, cpu_kernel_ns, cpu_periods, cpu_throttled, cpu_throttled_ns;
	int64_t memory_usage, memory_peak, memory_limit, memory_failures, memory_cache, swap_usage, swap_limit,
	    kernel_usage;
	int64_t oom_kills;
	int64_t pids, pids_limit;
};
int cgroup_box_stats(const struct cgroup_box *b, struct cgroup_stats *ret, struct err *err);
/* A descriptor (the caller's) that becomes readable when the box has run out of memory, or -ENOTSUP; for `events`. Version 2 tells of lesser events
 * by the same file: whether a process was killed say the stats (oom_kills). */
int cgroup_box_oom_fd(const struct cgroup_box *b, bool *ret_v2, struct err *err);

/* For the mount of type "cgroup" in the container: one call per hierarchy. */
struct cgroup_hierarchy {
	bool v2;
	const char
	    *name; /* directory name below /sys/fs/cgroup: "memory", "cpu,cpuacct", "systemd"; "" for pure version 2 */
	const char *options; /* version 1 mount options: "memory", "name=systemd"; "" for version 2 */
	const char *dir;     /* the container's directory on the host, absolute */
	const char
	    *aliases; /* version 1: names of links beside it, separated by ',': "cpu,cpuacct" for "cpu,cpuacct"; "" */
};
int cgroup_box_each(const struct cgroup_box *b, int (*fn)(void *ctx, const struct cgroup_hierarchy *h, struct err *err),
		    void *ctx, struct err *err);
