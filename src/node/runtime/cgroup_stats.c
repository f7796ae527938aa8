/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box has used, as tables: member, controller, file, key, factor.
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "node/runtime/cgroup_file.h"

#include <limits.h>

struct source {
	size_t member; /* in struct cgroup_stats */
	const char *controller, *file, *key;
	int64_t factor;
};

#define M(name) offsetof(struct cgroup_stats, name)

static const struct source v1[] = {
    {M(cpu_total_ns), "cpuacct", "cpuacct.usage", NULL, 1},
    {M(cpu_user_ns), "cpuacct", "cpuacct.usage_user", NULL, 1},
    {M(cpu_kernel_ns), "cpuacct", "cpuacct.usage_sys", NULL, 1},
    {M(cpu_periods), "cpu", "cpu.stat", "nr_periods", 1},
    {M(cpu_throttled), "cpu", "cpu.stat", "nr_throttled", 1},
    {M(cpu_throttled_ns), "cpu", "cpu.stat", "throttled_time", 1},
    {M(memory_usage), "memory", "memory.usage_in_bytes", NULL, 1},
    {M(memory_peak), "memory", "memory.max_usage_in_bytes", NULL, 1},
    {M(memory_limit), "memory", "memory.limit_in_bytes", NULL, 1},
    {M(memory_failures), "memory", "memory.failcnt", NULL, 1},
    {M(memory_cache), "memory", "memory.stat", "cache", 1},
    {M(swap_usage), "memory", "memory.memsw.usage_in_bytes", NULL, 1},
    {M(swap_limit), "memory", "memory.memsw.limit_in_bytes", NULL, 1},
    {M(kernel_usage), "memory", "memory.kmem.usage_in_bytes", NULL, 1},
    {M(oom_kills), "memory", "memory.oom_control", "oom_kill", 1},
    {M(pids), "pids", "pids.current", NULL, 1},
    {M(pids_limit), "pids", "pids.max", NULL, 1},
};

/* cpu.stat has the times even without the controller. */
static const struct source v2[] = {
    {M(cpu_total_ns), "cpu", "cpu.stat", "usage_usec", 1000},
    {M(cpu_user_ns), "cpu", "cpu.stat", "user_usec", 1000},
    {M(cpu_kernel_ns), "cpu", "cpu.stat", "system_usec", 1000},
    {M(cpu_periods), "cpu", "cpu.stat", "nr_periods", 1},
    {M(cpu_throttled), "cpu", "cpu.stat", "nr_throttled", 1},
    {M(cpu_throttled_ns), "cpu", "cpu.stat", "throttled_usec", 1000},
    {M(memory_usage), "memory", "memory.current", NULL, 1},
    {M(memory_peak), "memory", "memory.peak", NULL, 1},
    {M(memory_limit), "memory", "memory.max", NULL, 1},
    {M(memory_failures), "memory", "memory.events", "max", 1},
    {M(memory_cache), "memory", "memory.stat", "file", 1},
    {M(swap_usage), "memory", "memory.swap.current", NULL, 1},
    {M(swap_limit), "memory", "memory.swap.max", NULL, 1},
    {M(kernel_usage), "memory", "memory.stat", "kernel", 1},
    {M(oom_kills), "memory", "memory.events", "oom_kill", 1},
    {M(pids), "pids", "pids.current", NULL, 1},
    {M(pids_limit), "pids", "pids.max", NULL, 1},
};

static int64_t *member(struct cgroup_stats *s, size_t offset)
{
	return (int64_t *)(void *)((char *)s + offset);
}

/* Version 1's "no limit" is the greatest number of whole pages. */
static int64_t normal(long long n, int64_t factor)
{
	return n < 0 || n >= LLONG_MAX - 65536 ? -1 : n * factor;
}

static void read_one(const struct cgroup_dir *d, const struct source *s, struct cgroup_stats *ret)
{
	int64_t *m = member(ret, s->member);
	long long n;

	if (d && *m == RT_UNSET && cgroup_file_number(d->fd, s->file, s->key, &n))
		*m = normal(n, s->factor);
}

/* Version 2 counts swap alone; `swap_*` are with the memory. */
static void add_memory(int64_t *swap, int64_t amount)
{
	if (*swap != RT_UNSET && *swap != -1)
		*swap = amount == RT_UNSET || amount == -1 ? -1 : *swap + amount;
}

int cgroup_box_stats(const struct cgroup_box *b, struct cgroup_stats *ret, struct err *err)
{
	const struct cgroup_dir *unified = cgroup_box_v2(b);
	struct cgroup_stats s;
	bool any = false;

	for (size_t i = 0; i < sizeof s; i += sizeof(int64_t))
		*member(&s, i) = RT_UNSET;
	for (size_t i = 0; i < b->n; i++)
		any = any || b->v[i].fd >= 0;
	if (!any)
		return err_set(err, ENOENT, "this container has no cgroup that could tell what it uses");
	for (size_t i = 0; i < sizeof v1 / sizeof *v1; i++)
		read_one(cgroup_box_v1(b, v1[i].controller), &v1[i], &s);
	const bool v1_swap = s.swap_usage != RT_UNSET;

	for (size_t i = 0; i < sizeof v2 / sizeof *v2; i++)
		read_one(unified, &v2[i], &s);
	if (!v1_swap) {
		add_memory(&s.swap_usage, s.memory_usage);
		add_memory(&s.swap_limit, s.memory_limit);
	}
	*ret = s;
	return 0;
}
