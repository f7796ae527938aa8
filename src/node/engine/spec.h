/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: what a container shall be. Pure: JSON in (docs/formats/job.md section 2 and engine.h), a checked struct out, and the merge with
 * the image's configuration. Strings are borrowed from the JSON value, which must outlive the struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <yyjson.h>

struct err;
struct image_info;

#define SPEC_ARGS_MAX (1u << 20)  /* bytes of entrypoint and command, and of the environment */
#define SPEC_FILES_MAX (4u << 20) /* bytes of all files in base64 */
#define SPEC_MOUNTS_MAX 256
#define SPEC_RULES_MAX 256
#define SPEC_DEVICES_MAX 1024
#define SPEC_LIST_MAX 1024	    /* of a list of short texts: dns, extra_hosts, cap_add ... */
#define SPEC_SECCOMP_MAX (1u << 20) /* bytes of a profile */
#define SPEC_UNSET INT64_MIN	    /* of a number: not given */
#define SPEC_TEXT_MAX (16u << 20)   /* of the whole in JSON */
#define SPEC_PIDS_DEFAULT 4096
#define SPEC_LOG_SIZE_DEFAULT (100u << 20)
#define SPEC_LOG_FILES_DEFAULT 3
#define SPEC_TASK_DIR "/work"

enum spec_mount_type { SPEC_BIND, SPEC_VOLUME, SPEC_TMPFS };

struct spec_mount {
	enum spec_mount_type type;
	const char *source; /* bind: absolute path; volume: its name */
	const char *target;
	bool read_only, create;
	uint64_t size;
	mode_t mode;
	unsigned long propagation; /* MS_PRIVATE, MS_SLAVE or MS_SHARED; propagation_recursive: with all below */
	bool propagation_recursive;
	bool recursive;			     /* bind: with the mounts below it; the default */
	bool read_only_recursive;	     /* those are read-only, too, or it is an error */
	const char *subpath;		     /* volume: the directory or file in it; NULL = its top */
	bool nocopy;			     /* volume: a new one stays empty */
	bool anonymous;			     /* volume: goes with the container when that is asked for */
	const char *driver;		     /* volume: of a new one */
	char **options;			     /* tmpfs: "exec", "uid=1000" ..., as mount(8); NULL = none */
	yyjson_val *driver_options, *labels; /* volume: of a new one; objects of strings, or NULL */
};

/* Where a container's namespace comes from. */
enum spec_ns_kind {
	SPEC_NS_DEFAULT, /* nothing was said: one of its own */
	SPEC_NS_PRIVATE,
	SPEC_NS_SHAREABLE, /* ipc: of its own, others may join it */
	SPEC_NS_NONE,	   /* ipc: no /dev/shm; network: loopback alone */
	SPEC_NS_HOST,
	SPEC_NS_CONTAINER, /* that of the container `name` */
	SPEC_NS_NAMED,	   /* network: of its own, in the network `name` ("bridge", "default", a user's) */
};
struct spec_ns {
	enum spec_ns_kind kind;
	const char *name;
};

struct spec_device {
	const char *path_on_host, *path_in_container; /* absolute */
	const char *permissions;		      /* of "rwm" */
};

struct spec_ulimit {
	const char *name;   /* "nofile" */
	int64_t soft, hard; /* -1 = unlimited */
};

struct spec_pair {
	const char *name, *value;
};

/* One entry of the blkio lists. */
struct spec_blkio {
	const char *path;     /* of a block device on the host */
	int64_t rate, weight; /* bytes or operations a second; 10..1000 */
};
struct spec_blkio_list {
	struct spec_blkio *v;
	size_t n;
};

enum spec_restart { SPEC_RESTART_NO, SPEC_RESTART_ALWAYS, SPEC_RESTART_UNLESS_STOPPED, SPEC_RESTART_ON_FAILURE };
enum spec_log {
	SPEC_LOG_DEFAULT,
	SPEC_LOG_JSON_FILE,
	SPEC_LOG_LOCAL,
	SPEC_LOG_JOURNALD,
	SPEC_LOG_NONE,
	SPEC_LOG_SYSLOG
};

struct spec_file {
	const char *target, *base64;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct spec_space {
	const char *name, *path;
};

struct spec_rule {
	const char *space, *path; /* path: of the space, from `spaces` */
	const char *to;		  /* NULL = the top */
	char **include, **exclude;
};

struct spec_health {
	char **test; /* argv; NULL = none */
	int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms;
	int64_t retries;
};

struct spec {
	const char *image, *name, *key, *job, *task;
	const char *working_dir, *user, *hostname, *stop_signal;
	int64_t index, epoch;
	bool remove, read_only, userns; /* userns: its users are shifted to a range of their own */
	bool fenced;			/* fence.h */
	bool confined;			/* of a job of whoever may not open a machine: rights_check_named() */
	char **entrypoint, **command,
	    **environment; /* NULL = absent; a variable without "=" is not taken from the image */
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_file *files;
	size_t n_files;
	struct spec_space *spaces;
	size_t n_spaces;
	struct spec_rule *stage_in, *stage_out;
	size_t n_stage_in, n_stage_out;
	struct spec_health health;
	int64_t limit_cpu_milli, limit_memory, limit_pids;
	bool pids_by_default; /* nobody asked for limit_pids: it is left out where it cannot be enforced */
	int64_t stop_grace_ms;
	int64_t warn_signal, warn_after_ms; /* that signal so long after its start, once; 0 = none */
	int64_t log_max_size, log_max_files;
	bool log_compress; /* files that were rotated */
	enum spec_log log_driver;
	yyjson_val *log_options; /* object of strings, or NULL: what the driver was given besides */

	/* terminal and input */
	bool tty, open_stdin, stdin_once;
	int64_t rows, cols; /* "console_size": [rows, columns]; 0 = not given */

	/* rights */
	bool init_given, init; /* given as false: the program itself is PID 1, not our reaping init */
	bool privileged;
	bool docker_caps;	    /* cap_add and cap_drop change Docker's 14 capabilities, not our eleven */
	char **cap_add, **cap_drop; /* "ALL", "CAP_NET_RAW", "net_raw" */
	bool no_new_privileges;
	const char *seccomp; /* NULL or "builtin", "unconfined", or the JSON of a profile */
	const char *apparmor;
	char **group_add;		       /* names or numbers */
	char **masked_paths, **readonly_paths; /* NULL = the usual, empty = none */

	/* devices and the kernel's parameters */
	struct spec_device *devices;
	size_t n_devices;
	char **device_cgroup_rules; /* "c 1:3 rwm" */
	struct spec_ulimit *ulimits;
	size_t n_ulimits;
	struct spec_pair *sysctls;
	size_t n_sysctls;
	int64_t shm_size; /* bytes, 0 = 64 MiB */

	/* namespaces */
	struct spec_ns pid_mode, ipc_mode, network_mode, uts_mode, userns_mode, cgroupns_mode;
	const char *domainname;

	/* cgroups; SPEC_UNSET = not given */
	const char *cgroup_parent, *cpuset_cpus, *cpuset_mems;
	int64_t cpu_shares, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime;
	int64_t memory_reservation, memory_swap, memory_swappiness, oom_score_adj, blkio_weight;
	bool oom_kill_disable;
	struct spec_blkio_list blkio_weight_device, blkio_read_bps, blkio_write_bps, blkio_read_iops, blkio_write_iops;

	/* life */
	enum spec_restart restart;
	int64_t restart_max; /* on-failure: how often; 0 = no limit */

	/* names and networks */
	char **extra_hosts, **dns, **dns_search, **dns_options;
	char **expose;		      /* "80/tcp": ports that containers linked to this one are told of (linked.h) */
	yyjson_val *networks, *ports; /* lists, or NULL; node/engine/network.c reads them */

	/* kept as they came: objects, or NULL */
	yyjson_val *labels, *annotations; /* of strings */
	yyjson_val *docker;
};

/* Fills *ret, which spec_free() empties (also after a failure). -EINVAL or -E2BIG name the member. */
int spec_parse(yyjson_val *v, struct spec *ret, struct err *err);
void spec_free(struct spec *s);

/* What runs in the end: the spec merged with the image's defaults as Docker does: an entrypoint of the spec drops the image's command,
 * variables of the spec replace those of the image by name, and PATH and HOSTNAME have defaults. */
struct spec_command {
	char **argv, **env;
	const char *working_dir, *user; /* borrowed from spec or image, may be NULL */
	int stop_signal;
};
/* -EINVAL when there is nothing to run or the image's own values are unusable. `image` may be freed only after *ret. */
int spec_merge(const struct spec *s, const struct image_info *image, const char *hostname, struct spec_command *ret,
	       struct err *err);
void spec_command_free(struct spec_command *c);
/* Adds KEY=value entries, or puts them in place of those with the same key. `more` NULL adds nothing. */
void spec_env_merge(char ***env, char *const *more);

/* Signal number of "SIGTERM", "TERM", "RTMIN+3" or "15" (1..64), or -EINVAL. */
int spec_signal(const char *text, struct err *err);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127} */
bool spec_name_ok(const char *name);

/* Decodes base64 (RFC 4648 section 4, padded) into new memory; -EINVAL when it is malformed. */
int spec_base64(const char *text, unsigned char **ret, size_t *ret_len, struct err *err);
