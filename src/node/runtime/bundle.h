/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle: the start of a container of an OCI configuration (rt_spec.box), where create.c and init.c start our own. The same `struct setup`
 * and many of the same topics, in another order: the configuration says what is mounted, and hooks run in between.
 *
 * bundle_create.c has the parent's steps, bundle_init.c the child's; the topics below are the child's unless it is said.
 */
#pragma once

#include "node/runtime/setup.h"

struct payload;

/* rt_start() for a spec with box and process. */
int bundle_start(const struct rt_spec *spec, struct rt_box *ret, enum rt_fault *ret_fault, struct err *err);
_Noreturn void bundle_init_main(struct setup *s);

/* stage.c, parent: the first process when namespaces are joined or clocks shifted, which a clone alone cannot do. Returns twice, as
 * proc_clone(). */
pid_t stage_spawn(struct setup *s, int *ret_pidfd, struct err *err);
bool stage_needed(const struct rt_box_attr *box);
uint64_t stage_new_flags(const struct rt_box_attr *box); /* CLONE_* of what is made new by the clone itself */

/* bundle_mounts.c */
int bundle_mounts_prepare(struct setup *s, struct err *err); /* parent: bind mounts, attached to nothing yet */
int bundle_mounts_attach(struct setup *s, struct err *err);  /* all, in the order of the configuration */
int bundle_mounts_seal(struct setup *s, struct err *err);    /* read-only what had to be written until now */
/* bundle_cgroup.c: the mount of type "cgroup"; place: where it goes. */
int bundle_cgroup_mount(struct setup *s, const struct rt_fs *m, int place, struct err *err);
/* bundle_devices.c */
int bundle_devices_prepare(struct setup *s, struct err *err); /* parent: nodes for a child that may not make them */
int bundle_devices_make(struct setup *s, struct err *err);
size_t bundle_n_devices(const struct rt_box_attr *box);
/* bundle_paths.c */
void bundle_files_make(const struct setup *s);
int bundle_sysctls(struct setup *s, struct err *err);
int bundle_paths_read_only(struct setup *s, struct err *err);
int bundle_paths_mask(struct setup *s, struct err *err);
int bundle_root_propagation(struct setup *s, struct err *err);

/* procfd.c: the root of a proc of our own that nobody can have mounted over (CVE-2025-52881), for writes that must land in the kernel. */
int procfd_open(struct err *err);
/* Writes to a file below it, which must be one of proc. */
int procfd_write(int proc, const char *path, const char *text, struct err *err);

/* terminal.c: makes a terminal of `owner` in the container's devpts (root: its root), sends the master end over the channel, returns the other end. */
int terminal_make(int root, const struct rt_process_attr *p, uid_t owner, int talk, struct err *err);
int terminal_bind_console(int root, int terminal, struct err *err); /* as /dev/console */
int terminal_connect(int terminal, struct err *err);		    /* controlling terminal, and 0, 1, 2 */

/* limits.c: what of a process another may set: rlimits, oom_score_adj, scheduler, I/O priority, processors. pid 0 = the caller.
 * rlimits are only raised, for the setting up needs files and memory; what makes them smaller comes last, and everybody may do that. */
int limits_apply(const struct rt_process_attr *p, pid_t pid, struct err *err);
int limits_scheduler(const struct rt_process_attr *p, pid_t pid,
		     struct err *err); /* not part of limits_apply(): it may be lost by a fork */
int limits_lower(const struct rt_process_attr *p, struct err *err); /* rlimits as they are asked for, of the caller */
int limits_cpus(const char *cpus, pid_t pid, struct err *err);	    /* "0-3,7" */

/* gate.c: waits for rt_release() on the listening socket; returns the connected one. */
int gate_wait(int gate, struct err *err);
