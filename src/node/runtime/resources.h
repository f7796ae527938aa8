/* SPDX-License-Identifier: Apache-2.0
 *
 * resources: the limits of a container as runtime-spec's linux.resources has them (config-linux.md, "Control groups"), whatever the version
 * of the kernel's cgroups. Plain data; strings and lists belong to the maker. RT_UNSET = not given: leave alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_UNSET INT64_MIN

struct rt_blkio_device {
	unsigned major, minor;
	int64_t weight, leaf_weight; /* weightDevice */
	uint64_t rate;		     /* throttle*Device */
};

struct rt_blkio_list {
	const struct rt_blkio_device *v;
	size_t n;
};

struct rt_named_limit {
	const char *name; /* hugetlb: "2MB"; rdma: the device; network: the interface; unified: the file */
	int64_t value;	  /* hugetlb: bytes; network: priority; rdma: handles */
	int64_t objects;  /* rdma: objects */
	const char *text; /* unified: what to write */
};

struct rt_named_list {
	const struct rt_named_limit *v;
	size_t n;
};

/* One device rule; the later one wins. major or minor -1 = any. */
struct rt_device_rule {
	bool allow;
	char type; /* 'a', 'c', 'b' */
	int64_t major, minor;
	bool read, write, mknod;
};

struct rt_resources {
	int64_t cpu_shares, cpu_quota, cpu_period, cpu_burst, cpu_rt_runtime, cpu_rt_period,
	    cpu_idle;		 /* microseconds */
	const char *cpus, *mems; /* cpuset lists, NULL = not given */
	int64_t memory, memory_reservation, memory_swap, memory_kernel, memory_kernel_tcp,
	    memory_swappiness;							      /* bytes, -1 = unlimited;
														 swap: memory + swap */
	int64_t memory_disable_oom, memory_use_hierarchy, memory_check_before_update; /* 0 or 1 */
	int64_t pids;								      /* <= 0 = unlimited */
	int64_t blkio_weight, blkio_leaf_weight;
	struct rt_blkio_list blkio_weights, read_bps, write_bps, read_iops, write_iops;
	struct rt_named_list hugetlb, rdma, net_priorities, unified;
	int64_t net_class;
	const struct rt_device_rule *devices;
	size_t n_devices;
};

#define RT_RESOURCES_INIT                                                                                              \
	{                                                                                                              \
		.cpu_shares = RT_UNSET, .cpu_quota = RT_UNSET, .cpu_period = RT_UNSET, .cpu_burst = RT_UNSET,          \
		.cpu_rt_runtime = RT_UNSET, .cpu_rt_period = RT_UNSET, .cpu_idle = RT_UNSET, .memory = RT_UNSET,       \
		.memory_reservation = RT_UNSET, .memory_swap = RT_UNSET, .memory_kernel = RT_UNSET,                    \
		.memory_kernel_tcp = RT_UNSET, .memory_swappiness = RT_UNSET, .memory_disable_oom = RT_UNSET,          \
		.memory_use_hierarchy = RT_UNSET, .memory_check_before_update = RT_UNSET, .pids = RT_UNSET,            \
		.blkio_weight = RT_UNSET, .blkio_leaf_weight = RT_UNSET, .net_class = RT_UNSET                         \
	}
