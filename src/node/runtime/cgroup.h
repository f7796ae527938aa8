/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup: one directory "berth/<id>" in each hierarchy that a container needs. Version 2 (and the empty unified hierarchy of a hybrid
 * machine) always gets one: it can kill a container as a whole. Of version 1 only the controllers with a limit are used; on a machine
 * with version 1 alone also the freezer's, so that the processes can be found.
 */
#pragma once

#include "node/runtime/cgroup_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct rt_exit;
struct rt_limits;

#define CGROUP_NAME_MAX 128

/* This machine's layout, read once per process; a daemon that asks before it forks its monitors has asked for all of them. */
int cgroup_machine(const struct cgroup_layout **ret, struct err *err);

/* Makes the version 2 directory with the limits that version 2 enforces here, for CLONE_INTO_CGROUP. Returns its descriptor, or -1 with no
 * error when the machine has no unified hierarchy (*ret_fd = -1). -EEXIST: the name is taken. -ENOTSUP: "this machine cannot limit ...". */
int cgroup_make(const char *name, const struct rt_limits *limits, int *ret_fd, struct err *err);

/* The ways into version 1 directories: their files `tasks`, open. */
struct cgroup_doors {
	int fds[CGROUP_TREES];
	size_t n;
};

/* Makes the version 1 directories with their limits and opens their doors for a process that is started next. Also after an error the doors are to be closed. */
int cgroup_make_v1(const char *name, const struct rt_limits *limits, struct cgroup_doors *ret, struct err *err);
/* Moves the calling process, which has one thread. The kernel moves a thread that asks for itself at once; to move another process it first waits until every
 * processor has looked away (a grace period of RCU: milliseconds, more on a busy machine). */
int cgroup_go_in(const struct cgroup_doors *d, struct err *err);
void cgroup_close_doors(struct cgroup_doors *d);

/* The version 2 directory for CLONE_INTO_CGROUP: a descriptor of the caller, or -1 when there is none. */
int cgroup_open(const char *name);
/* Moves the calling process, which has one thread, into every existing directory of that name; `v2` = that of version 2, too. */
int cgroup_join(const char *name, bool v2, struct err *err);

/* The directory in a hierarchy, an absolute path; false when there is none. */
#define CGROUP_DIR_MAX (CGROUP_BASE_MAX + CGROUP_NAME_MAX + 64)
bool cgroup_dir(const char *name, enum cgroup_tree t, char path[static CGROUP_DIR_MAX]);

/* Adds what the directories know: oom_killed, memory_peak, cpu_us. What is unknown is left alone. */
void cgroup_usage(const char *name, struct rt_exit *exit);

/* How many processes the kernel has killed in it for memory; false when that is not counted. */
bool cgroup_oom_kills(const char *name, uint64_t *ret);
/* As cgroup_box_oom_fd(). */
int cgroup_oom_fd(const char *name, bool *ret_v2, struct err *err);

/* Kills every process in it. A name that is not there is success. */
int cgroup_kill(const char *name, struct err *err);

/* Removes the directories if all are empty; -EBUSY when one is not. */
int cgroup_try_remove(const char *name);

/* Removes the directories, waiting (a bounded time, for events) until they are empty. Missing ones are success. */
int cgroup_remove(const char *name, struct err *err);

/* Whether the machine can enforce a limit. */
bool cgroup_can(const struct cgroup_layout *l, enum cgroup_tree controller);
bool cgroup_can_kill(const struct cgroup_layout *l);
