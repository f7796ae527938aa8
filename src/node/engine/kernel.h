/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel: what a spec asks of the kernel beyond the usual (docs/DOCKER.md, "HostConfig"), as what the runtime takes (rt_attr.h). For monitors.
 *
 *   kernel.c         whether it is needed at all, rights and limits of the processes, the whole
 *   kernel_mount.c   the mounts of the system and of the user
 *   kernel_ns.c      namespaces of the host and of other containers, parameters
 *   kernel_device.c  devices and who may use them
 *   kernel_limit.c   cgroups
 */
#pragma once

#include "node/engine/order.h"
#include "node/runtime/resources.h"
#include "node/runtime/rt.h"
#include "node/runtime/rt_attr.h"

/* A bind or tmpfs as monitor_start.c has prepared it; `from`: what the spec says of it, NULL = it is one of ours. */
struct kernel_mount {
	struct rt_mount mount;
	const struct spec_mount *from;
};

/* What a process in the container may do. Strings are borrowed from the order. */
struct kernel_rights {
	struct rt_process_attr process;
	struct rt_filter filter;
	struct rt_rlimit *rlimits;
};

struct kernel {
	struct kernel_rights rights; /* of the container's program */
	struct rt_box_attr box;
	struct cgroup_box *cgroups;

	/* ---- what the above points to ---- */
	struct rt_id_map users;
	struct rt_fs *mounts;
	int shm, mqueue; /* of others, or -1 */
	struct rt_device *devices;
	size_t n_devices, cap_devices;
	struct rt_device_rule *rules;
	size_t n_rules, cap_rules;
	struct rt_sysctl *sysctls;
	struct rt_blkio_device *blkio[5];
	char **texts; /* whatever else has to live as long */
	size_t n_texts, cap_texts;
};

/* What a container that is not privileged and does not name its own (masked_paths, readonly_paths) has. NULL-terminated. */
extern const char *const kernel_masked_paths[], *const kernel_readonly_paths[];

/* Does the spec ask for more than the simple start can do? */
bool kernel_needed(const struct order *o);

struct kernel_start {
	const struct order *order;
	int data_dir, dir; /* of all, of the container */
	bool limit_pids;
	const struct kernel_mount *mounts;
	size_t n_mounts;
};
/* Makes the cgroups, too: from then on they are to be removed (rt_box.cgroups and rt_delete, or kernel_undo). */
int kernel_make(const struct kernel_start *s, struct kernel **ret, struct err *err);
struct kernel *kernel_free(struct kernel *k); /* takes NULL; the cgroups stay */
void kernel_undo(struct kernel *k);	      /* removes the cgroups of a start that failed */

/* The rights of one more process in a container (rt_exec_spec.process), of a simple start, too. */
struct kernel_exec {
	const char *user; /* NULL = the container's */
	bool tty, privileged;
	unsigned short rows, cols;
};
int kernel_rights_make(const struct order *o, const struct kernel_exec *want, struct kernel_rights *ret,
		       struct err *err);
void kernel_rights_free(struct kernel_rights *r);

/* The network namespace of a container that runs (an id, name or the beginning of an id): a descriptor, the caller's. -ENOENT, -ESRCH. */
int kernel_network_of(int data_dir, const char *name, struct err *err);

/* The cgroups of a container whose monitor has died, from what it wrote down in its directory; -ENOENT: there are none of that kind. */
int kernel_cgroups(int dir, struct cgroup_box **ret, struct err *err);

/* memory_swap of one with limit_memory who says nothing of it: none beyond the memory, from Docker's clients as much again. */
int64_t kernel_usual_swap(const struct spec *s);

/* ---- inside ---- */
#define KERNEL_CGROUPS "cgroups" /* file in the container's directory */
int kernel_caps(const struct spec *s, uint64_t *ret, struct err *err);
int kernel_namespaces(struct kernel *k, const struct kernel_start *s, struct err *err);
int kernel_sysctls(struct kernel *k, const struct spec *s, struct err *err);
int kernel_mounts(struct kernel *k, const struct kernel_start *s, struct err *err);
int kernel_devices(struct kernel *k, const struct spec *s, struct err *err);
int kernel_limits(struct kernel *k, const struct kernel_start *s, struct err *err);
/* A text that lives as long as k. */
const char *kernel_text(struct kernel *k, char *text);
