/* SPDX-License-Identifier: Apache-2.0
 *
 * rt: the container runtime's only door. One call starts a process tree in a container of its own; descriptors, not paths, below
 * anything a container controls. It blocks for a few milliseconds and is therefore called by a container's monitor process, by the
 * bench and by tests, never on the daemon's loop.
 *
 * Life: rt_start() -> (rt_exec() ...) -> wait on box.pidfd -> rt_reap() -> rt_delete().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct cgroup_box;
struct rt_process_attr; /* rt_attr.h */
struct rt_box_attr;

enum rt_mount_type {
	RT_MOUNT_BIND,	/* source_fd (a directory or file opened by the caller, O_PATH is enough) */
	RT_MOUNT_TMPFS, /* size in bytes, 0 = kernel's default; mode */
};

struct rt_mount {
	enum rt_mount_type type;
	int source_fd;
	const char
	    *target; /* absolute path in the container; made when missing (a directory, or an empty file for a file) */
	bool loose;  /* source_fd is a mount attached nowhere, and is taken itself instead of a copy */
	bool read_only, noexec;
	uint64_t size;
	mode_t mode; /* tmpfs root, 0 = 01777 */
};

struct rt_limits {
	uint64_t cpu_milli; /* 1000 = one core, 0 = no limit */
	uint64_t memory;    /* bytes, 0 = no limit; swap is not allowed beyond it */
	uint64_t pids;	    /* 0 = no limit */
};

struct rt_spec {
	const char *id; /* names the cgroup: <base>/berth/<cgroup>; [a-z0-9-]{1,80} */
	/* The root: either an overlay of layers, or one directory. */
	const int *lower_fds; /* unpacked layers, topmost first */
	size_t n_lower;
	bool lower_loose;      /* they are mounts attached nowhere (rt_erofs), of this container alone */
	int upper_fd, work_fd; /* empty directories of one filesystem; -1: read-only overlay of the lowers */
	int root_fd;	       /* used instead when n_lower == 0 */
	bool read_only;	       /* the root, after all mount points are made */
	bool
	    discard_upper; /* upper_fd is thrown away afterwards: nothing in it is synced to disk, not even by the payload's fsync */
	const struct rt_mount *mounts;
	size_t n_mounts;

	char *const *argv; /* argv[0] is looked up in the container's PATH when it has no '/' */
	char *const *env;  /* KEY=value */
	const char *cwd;   /* NULL = "/"; made when missing */
	const char *
	    user; /* NULL, "uid", "name", "uid:gid", "name:group": names from the container's /etc/passwd and /etc/group */
	const char *hostname;	  /* NULL = the first 12 characters of id */
	uint64_t caps;		  /* bit set of capabilities to keep; RT_CAPS_DEFAULT */
	bool no_init;		  /* argv[0] itself is PID 1 instead of our reaping init */
	bool privileged_syscalls; /* no seccomp filter */
	bool host_network;
	bool
	    has_netns; /* netns is a prepared network namespace (netpool.h), instead of a new one; not with user_namespace */
	int netns;
	bool user_namespace; /* uids are shifted by userns_base (65536 ids), by idmapped mounts */
	uint32_t userns_base;
	struct rt_limits limits;
	/* its own cgroups are in /sys/fs/cgroup, read-only; of version 1 those that it has a limit in */
	bool show_cgroups;
	/* Called when the first process and its namespaces are there, before it does anything in them: for a network of its own that somebody outside has to
	 * make. The calling process has one thread. NULL = nothing is to be done. */
	int (*furnish)(void *ctx, pid_t pid, struct err *err);
	void *furnish_ctx;

	int stdin_fd, stdout_fd, stderr_fd; /* -1 = /dev/null */

	/* For a container of an OCI configuration (rt_attr.h), or one of ours of whom as much is asked; both or none. Then nothing is there but what
	 * they say: /dev, /proc and all other mounts, masks, capabilities, filter and cgroups of ours are left out; the root, argv, env, cwd, hostname
	 * (NULL = leave), read_only, the prepared network, the range of users (box->uid_maps must say the same) and the three descriptors mean
	 * what they mean above, the rest is not read; unless box says else argv[0] is PID 1, and the container outlives its maker. */
	const struct rt_process_attr *process;
	const struct rt_box_attr *box;
};

/* CHOWN DAC_OVERRIDE FSETID FOWNER SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL (Podman's eleven) */
extern const uint64_t RT_CAPS_DEFAULT;
extern const uint64_t RT_CAPS_DOCKER; /* and what Docker gives besides */

struct rt_box {
	pid_t pid; /* PID 1 of the container, in the caller's pid namespace; a child of the caller */
	int pidfd;
	int status_fd;	     /* where our init reports the payload's wait status; -1 with no_init */
	uint64_t start_time; /* of pid, field 22 of /proc/pid/stat: with the pid it names the process for ever */
	char cgroup[128];
	int terminal_fd; /* the master end of the payload's terminal (rt_process_attr.terminal), or -1; the caller's to close */
	/* Of a container whose cgroups the caller made and set here (rt_box_attr.cgroup): used by all below, removed and freed by rt_delete. */
	struct cgroup_box *cgroups;
	bool shares_pids; /* its pid namespace is not its own: the end of its first process is not that of all */
	/* what rt_exec needs to give the same limits and rights to a second process; not read when that brings rt_exec_spec.process */
	uint64_t caps;
	bool privileged_syscalls, user_namespace;
};

/* Where a start failed, so that callers can say 125 (ours), 126 (found, cannot be executed) or 127 (not found). */
enum rt_fault { RT_FAULT_NONE, RT_FAULT_OURS, RT_FAULT_NOT_EXECUTABLE, RT_FAULT_NOT_FOUND };

/* Starts a container; returns when the payload has been exec'ed. On failure nothing is left (cgroups included), *ret_fault says whose
 * fault it is and *err tells the step ("start container 3f2a: mount the root: ..."). The spec's descriptors stay the caller's. */
int rt_start(const struct rt_spec *spec, struct rt_box *ret, enum rt_fault *ret_fault, struct err *err);

struct rt_exit {
	int code;	      /* exit code, or 128 + signal */
	int signal;	      /* 0, or the signal that ended the payload */
	bool oom_killed;      /* the kernel killed a process of the container for memory */
	uint64_t memory_peak; /* bytes, 0 = unknown */
	uint64_t cpu_us;      /* CPU time used by the whole container, 0 = unknown */
};

/* After box.pidfd became readable: collects the exit. */
int rt_reap(struct rt_box *box, struct rt_exit *ret, struct err *err);

/* Sends a signal to the payload (through init) or, SIGKILL, to everything in the container. A container that has ended is success. */
int rt_signal(struct rt_box *box, int signal, struct err *err);

/* Runs one more process in the container (health checks, exec): same namespaces, cgroup, capabilities and filter. Returns its pidfd; the
 * process is the caller's child; *ret_fault as rt_start. */
struct rt_exec_spec {
	char *const *argv, *const *env;
	const char *cwd, *user;
	int stdin_fd, stdout_fd, stderr_fd;
	/* More than the same: rights, limits, a terminal, whose master end goes to *ret_terminal. */
	/* For a box of rt_open() also the cgroups to enter (a cgroup below them, NULL = none). */
	const struct rt_process_attr *process;
	const struct cgroup_box *cgroup;
	const char *cgroup_sub;
	int listener; /* as rt_box_attr.listener */
	const char *listener_state;
	int *ret_terminal;
};
int rt_exec(struct rt_box *box, const struct rt_exec_spec *spec, pid_t *ret_pid, enum rt_fault *ret_fault,
	    struct err *err);

/* A box for a container that is not our child, from what was written down about its first process. -ESRCH when it has ended, its number
 * given to another process or not. For rt_exec, rt_signal and waiting on pidfd; not for rt_reap. rt_delete closes it. */
int rt_open(pid_t pid, uint64_t start_time, struct rt_box *ret, struct err *err);

/* Lets a container go that waits at its gate (rt_box_attr.gate): `sock` is a connected socket. Returns when its program has been exec'ed. */
int rt_release(int sock, enum rt_fault *ret_fault, struct err *err);

/* Kills what is left and removes the cgroups. Safe to call twice, and on a box rebuilt with rt_find(). */
int rt_delete(struct rt_box *box, struct err *err);

/* For clean-up after a monitor died: a box from the container's id alone (only rt_delete may be called on it). */
void rt_find(const char *id, struct rt_box *ret);

/* The mount at `path` (relative) in a running container, as a mount attached nowhere: to share its /dev/shm. */
int rt_mount_of(const struct rt_box *box, const char *path, struct err *err);

/* The cgroups of a container of ours, to freeze, measure and change them (cgroup_box.h); the caller's (cgroup_box_free), but not to remove. */
int rt_cgroups(const struct rt_box *box, struct cgroup_box **ret, struct err *err);

/* What this machine can do, found once: cgroup layout ("v2", "hybrid", "v1", "none") and which limits it can enforce. */
struct rt_host {
	const char *cgroup_layout;
	bool cpu, memory, pids, cgroup_kill;
	uint64_t memory_total;
	unsigned n_cpus;
};
int rt_host(struct rt_host *ret, struct err *err);
/* An overlay of unpacked layers, topmost first, for looking into it (upper_fd -1: read-only) or working in it without a container: a descriptor
 * of a mount that is attached nowhere and goes with its last descriptor. What is written into upper_fd is not synced to the disk. */
int rt_overlay(const int *lower_fds, size_t n_lower, int upper_fd, int work_fd, struct err *err);

/* The tree in an EROFS file, read-only: a descriptor of a mount that is attached nowhere and goes with its last user, for rt_spec.lower_fds with
 * lower_loose. The file must be one that berth made: the kernel reads it as it is. -ENODEV: the kernel has no EROFS; -EPERM: we are not the
 * machine's root. */
int rt_erofs(int file_fd, struct err *err);

/* Takes away what containers share on this machine (the cgroups above theirs) if none is left. Whoever started a container calls it when no more
 * will follow; another process may be starting one at the same time. */
void rt_host_release(void);
/* The group of version 2 below which this process makes those of containers ("" = none), which is its own at its first look: another process may
 * have another. For clean-up such a place is set; what is no place in that hierarchy is ignored. */
const char *rt_host_place(void);
void rt_host_set_place(const char *place);
