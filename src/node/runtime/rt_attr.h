/* SPDX-License-Identifier: Apache-2.0
 *
 * rt_attr: what an OCI configuration can say (runtime-spec config.md, config-linux.md), and those of our own containers of whom more is asked
 * than the usual. Everything hangs off two pointers of rt_spec that are NULL for the others; nothing here is read on their path.
 *
 * Plain data. Strings and lists belong to whoever made them (node/oci/config.h) and must outlive rt_start(). All is checked for form by the
 * parser; what the kernel has to say about a value is said at the step that uses it, and is always an error, never ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct cgroup_box;
struct sock_filter;

/* ---- a process: config.json's "process", or the process.json of an exec ---- */

struct rt_caps {
	uint64_t bounding, effective, permitted, inheritable, ambient; /* bit sets, 1 << CAP_* */
};

struct rt_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

/* sched_setattr(2). */
#define RT_NODES_MAX 1024 /* NUMA nodes; the most that a kernel can have */

/* set_mempolicy(2) */
struct rt_memory_policy {
	bool set, has_nodes;
	int mode; /* MPOL_* with MPOL_F_* */
	uint64_t nodes[RT_NODES_MAX / 64];
};

struct rt_scheduler {
	bool set;
	uint32_t policy; /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period;
};

/* A compiled filter (node/runtime/seccomp_profile.h). */
struct rt_filter {
	const struct sock_filter *code;
	size_t n;
	unsigned flags; /* SECCOMP_FILTER_FLAG_* */
	bool notify;	/* has a rule with the action NOTIFY: rt_box_attr.listener takes the descriptor */
};

struct rt_process_attr {
	/* Who, as rt_spec.user says it, and more groups by name or number, found in the container's own files. NULL: the numbers below */
	const char *user;
	char *const *groups; /* NULL = none */
	/* user, group and additional groups as numbers; rt_spec.user is not read */
	uid_t uid;
	gid_t gid;
	const gid_t *gids;
	size_t n_gids;
	bool has_umask;
	mode_t umask;
	struct rt_caps caps;
	const struct rt_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privs;
	const char *apparmor, *selinux; /* NULL = none; a kernel without it is an error */
	bool has_oom_score_adj;
	int oom_score_adj;
	bool has_io_priority;
	int io_class, io_priority; /* IOPRIO_CLASS_*, 0..7 */
	struct rt_scheduler scheduler;
	const char *cpus_initial, *cpus_final; /* execCPUAffinity: "0-3,7"; NULL = none */
	const struct rt_filter *filter;	       /* NULL = no filter */
	bool has_personality;
	unsigned long personality;
	struct rt_memory_policy memory_policy;
	/* The terminal is made in the container's devpts and its master end comes back in rt_box.terminal_fd. */
	bool terminal;
	bool plain_newlines;	   /* the terminal leaves \n as it is: another terminal, or none, comes behind it */
	unsigned short rows, cols; /* 0 = leave alone */
	int preserve_fds;	   /* how many descriptors from 3 on the program inherits */
};

/* ---- a container ---- */

struct rt_id_map {
	uint32_t inside, outside, count;
};

enum rt_ns {
	RT_NS_USER,
	RT_NS_MOUNT,
	RT_NS_PID,
	RT_NS_NETWORK,
	RT_NS_IPC,
	RT_NS_UTS,
	RT_NS_CGROUP,
	RT_NS_TIME,
	RT_NS_TYPES
};

/* name as in config.json, the CLONE_* of it, and the name in /proc/<pid>/ns */
struct rt_ns_type {
	const char *name;
	int flag;
	const char *file;
};
extern const struct rt_ns_type rt_ns_types[RT_NS_TYPES];

struct rt_namespace {
	bool wanted; /* false: the caller's */
	int fd;	     /* an existing one to join, opened by the caller; -1 = a new one */
};

enum rt_fs_type {
	RT_FS_NEW,    /* a new mount of fs_type with options */
	RT_FS_BIND,   /* source_fd, opened by the caller with O_PATH */
	RT_FS_CGROUP, /* the container's own cgroups, as its namespaces let them be seen */
};

struct rt_fs_option {
	const char *key, *value; /* value NULL: a flag */
};

/* One entry of config.json's "mounts". */
struct rt_fs {
	enum rt_fs_type type;
	const char *fs_type;	     /* RT_FS_NEW: "tmpfs", "proc" ... */
	const char *source;	     /* for messages and as the fs's source */
	int source_fd;		     /* RT_FS_BIND */
	bool loose;		     /* it is a mount attached nowhere, and is taken itself instead of a copy */
	const char *target;	     /* absolute, in the container; made when missing */
	bool recursive;		     /* RT_FS_BIND: rbind */
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_* of this mount */
	uint64_t rec_set, rec_clr;   /* MOUNT_ATTR_* of this and all below ("rro" ...) */
	unsigned long propagation;   /* MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE, 0 = leave alone */
	bool propagation_recursive;
	const struct rt_fs_option *options; /* ends with a NULL key; NULL = none */
	bool copy_up;			    /* tmpcopyup: what the image has at target is copied into the new tmpfs */
	const struct rt_id_map *uid_maps, *gid_maps; /* idmap; NULL = none */
	size_t n_uid_maps, n_gid_maps;
	bool idmap_container, idmap_recursive; /* "idmap"/"ridmap" without maps of its own: those of the container */
};

/* Something small that is in the root when the program starts, if it can be: what is there stays, and a root that cannot be written goes without. */
struct rt_file {
	const char *path;   /* absolute, in the container; its directory must be there */
	const char *target; /* of a symbolic link; NULL = an empty file */
};

struct rt_device {
	const char *path; /* absolute, in the container */
	char type;	  /* 'c', 'b', 'p' ('u' is 'c') */
	unsigned major, minor;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct rt_sysctl {
	const char *key, *value; /* key with dots, as sysctl(8) */
};

struct rt_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct rt_box_attr {
	struct rt_namespace ns[RT_NS_TYPES];
	const struct rt_id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
	bool deny_setgroups; /* a single-id map of an ordinary user */
	const struct rt_fs *mounts;
	size_t n_mounts;
	const struct rt_file *files;
	size_t n_files;
	const struct rt_device *devices; /* besides the six that every container has */
	size_t n_devices;
	const char *const *masked, *const *read_only_paths; /* NULL-terminated; NULL = none */
	const struct rt_sysctl *sysctls;
	size_t n_sysctls;
	const char *domainname;
	unsigned long root_propagation; /* as rt_fs.propagation; 0 = MS_PRIVATE */
	bool root_propagation_recursive;
	const char *mount_label; /* SELinux context= of the mounts, NULL = none */
	struct rt_time_offset monotonic, boottime;
	bool no_pivot; /* MS_MOVE and chroot: for a root on an initramfs */
	bool keyring;  /* a session keyring of its own */

	struct cgroup_box *cgroup; /* NULL: none; made by the caller, entered here */
	bool
	    init; /* our init comes first (PID 1, if the pid namespace is new), reaps orphans and reports, as in our own containers */
	bool tied; /* the container ends with its maker */

	/* Called during the start; each may be NULL. A failure stops it. */
	void *ctx;
	int (*create_runtime)(void *ctx, pid_t pid,
			      struct err *err);		     /* in the caller, when all but pivot_root is done */
	int (*create_container)(void *ctx, struct err *err); /* in the container's namespaces, before pivot_root */
	/* in the container, just before exec; env: what the program will get */
	int (*start_container)(void *ctx, char *const *env, struct err *err);

	int listener;		    /* connected socket for the seccomp notify descriptor (seccomp_profile.h), or -1 */
	const char *listener_state; /* the JSON that goes with it */

	/* A listening SOCK_SEQPACKET socket: the container is complete and waits for a connection on it to exec ("created"); rt_start() returns
	 * when it waits. -1: no waiting. See rt_release(). */
	int gate;
};
