/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.resources in the files of version 1 (Documentation/admin-guide/cgroup-v1). The order is the kernel's: what may fail because of a
 * value that is written later has CGROUP_RETRY.
 */
#include "node/runtime/cgroup_plan.h"

#include "base/core/err.h"

#include <stdio.h>

struct number {
	const char *member, *file;
	int64_t value;
	unsigned flags;
};

static int add_numbers(struct cgroup_plan *p, const struct number *v, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!cgroup_plan_given(v[i].value))
			continue;
		if (v[i].value < -1)
			return cgroup_plan_not_negative(v[i].member, v[i].value, err);
		cgroup_plan_add(p, v[i].member, v[i].flags | (v[i].value == -1 ? CGROUP_MAY_MISS : 0), v[i].file,
				"%lld", (long long)v[i].value);
	}
	return 0;
}

int cgroup_v1_cpu(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	/* A shorter period or a longer burst may not go with the old quota; a real-time period not with the old run time. */
	const struct number v[] = {
	    {"cpu.shares", "cpu.shares", r->cpu_shares, CGROUP_RETRY},
	    {"cpu.period", "cpu.cfs_period_us", r->cpu_period, CGROUP_RETRY},
	    {"cpu.burst", "cpu.cfs_burst_us", r->cpu_burst, CGROUP_RETRY},
	    {"cpu.quota", "cpu.cfs_quota_us", r->cpu_quota, 0},
	    {"cpu.realtimePeriod", "cpu.rt_period_us", r->cpu_rt_period, CGROUP_RETRY},
	    {"cpu.realtimeRuntime", "cpu.rt_runtime_us", r->cpu_rt_runtime, 0},
	};
	int s = add_numbers(p, v, sizeof v / sizeof *v, err);

	if (s == 0 && r->cpu_burst == 0)
		cgroup_plan_add(p, "cpu.burst", CGROUP_MAY_MISS, "cpu.cfs_burst_us", "0");
	if (s == 0 && r->cpu_idle != RT_UNSET)
		cgroup_plan_add(p, "cpu.idle", r->cpu_idle ? 0 : CGROUP_MAY_MISS, "cpu.idle", "%d", r->cpu_idle != 0);
	return s;
}

static int check_swap(const struct rt_resources *r, struct err *err)
{
	if (r->memory > 0 && r->memory_swap > 0 && r->memory_swap < r->memory)
		return err_set(err, EINVAL,
			       "linux.resources.memory.swap (%lld) is memory and swap together: it cannot be less than "
			       "the limit (%lld)",
			       (long long)r->memory_swap, (long long)r->memory);
	return 0;
}

static void add_flag(struct cgroup_plan *p, const char *member, const char *file, int64_t value, int64_t harmless)
{
	if (value != RT_UNSET)
		cgroup_plan_add(p, member, value == harmless ? CGROUP_MAY_MISS : 0, file, "%d", value != 0);
}

int cgroup_v1_memory(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	const bool all_unlimited = r->memory == -1 && !cgroup_plan_given(r->memory_swap);
	/* The limit may not be above memory and swap together: raised, it is the second; lowered, the first. */
	const struct number v[] = {
	    {"memory.limit", "memory.limit_in_bytes", r->memory, CGROUP_RETRY},
	    {"memory.swap", "memory.memsw.limit_in_bytes", all_unlimited ? -1 : r->memory_swap, 0},
	    {"memory.reservation", "memory.soft_limit_in_bytes", r->memory_reservation, 0},
	    {"memory.kernel", "memory.kmem.limit_in_bytes", r->memory_kernel, 0},
	    {"memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", r->memory_kernel_tcp, 0},
	};
	int s = check_swap(r, err);

	if (s == 0)
		s = add_numbers(p, v, sizeof v / sizeof *v, err);
	if (s < 0)
		return s;
	if (r->memory_swappiness != RT_UNSET && r->memory_swappiness != -1) {
		if (r->memory_swappiness < 0 || r->memory_swappiness > 100)
			return err_set(err, EINVAL, "linux.resources.memory.swappiness is from 0 to 100, not %lld",
				       (long long)r->memory_swappiness);
		cgroup_plan_add(p, "memory.swappiness", 0, "memory.swappiness", "%lld",
				(long long)r->memory_swappiness);
	}
	add_flag(p, "memory.disableOOMKiller", "memory.oom_control", r->memory_disable_oom, 0);
	add_flag(p, "memory.useHierarchy", "memory.use_hierarchy", r->memory_use_hierarchy, 1);
	return 0;
}

static void add_throttle(struct cgroup_plan *p, const char *member, const char *file, const struct rt_blkio_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		cgroup_plan_add(p, member, 0, file, "%u:%u %llu", l->v[i].major, l->v[i].minor,
				(unsigned long long)l->v[i].rate);
}

int cgroup_v1_blkio(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	int s = cgroup_plan_not_negative("blockIO.weight", r->blkio_weight, err);

	if (s == 0)
		s = cgroup_plan_not_negative("blockIO.leafWeight", r->blkio_leaf_weight, err);
	if (s < 0)
		return s;
	if (cgroup_plan_given(r->blkio_weight)) {
		cgroup_plan_add(p, "blockIO.weight", 0, "blkio.weight", "%lld", (long long)r->blkio_weight);
		cgroup_plan_alt(p, "blkio.bfq.weight", "%lld", (long long)r->blkio_weight);
	}
	if (cgroup_plan_given(r->blkio_leaf_weight))
		cgroup_plan_add(p, "blockIO.leafWeight", 0, "blkio.leaf_weight", "%lld",
				(long long)r->blkio_leaf_weight);
	for (size_t i = 0; i < r->blkio_weights.n; i++) {
		const struct rt_blkio_device *d = &r->blkio_weights.v[i];

		if (cgroup_plan_given(d->weight)) {
			cgroup_plan_add(p, "blockIO.weightDevice", 0, "blkio.weight_device", "%u:%u %lld", d->major,
					d->minor, (long long)d->weight);
			cgroup_plan_alt(p, "blkio.bfq.weight_device", "%u:%u %lld", d->major, d->minor,
					(long long)d->weight);
		}
		if (cgroup_plan_given(d->leaf_weight))
			cgroup_plan_add(p, "blockIO.weightDevice", 0, "blkio.leaf_weight_device", "%u:%u %lld",
					d->major, d->minor, (long long)d->leaf_weight);
	}
	add_throttle(p, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", &r->read_bps);
	add_throttle(p, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", &r->write_bps);
	add_throttle(p, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", &r->read_iops);
	add_throttle(p, "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", &r->write_iops);
	return 0;
}

int cgroup_v1_hugetlb(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < r->hugetlb.n; i++) {
		const struct rt_named_limit *l = &r->hugetlb.v[i];
		char file[96];

		if (!cgroup_plan_size_ok(l->name))
			return err_set(err, EINVAL, "linux.resources.hugepageLimits: \"%s\" is not a page size",
				       l->name);
		snprintf(file, sizeof file, "hugetlb.%.20s.limit_in_bytes", l->name);
		cgroup_plan_add(p, "hugepageLimits", 0, file, "%llu", (unsigned long long)l->value);
		snprintf(file, sizeof file, "hugetlb.%.20s.rsvd.limit_in_bytes", l->name);
		cgroup_plan_add(p, "hugepageLimits", CGROUP_MAY_MISS, file, "%llu", (unsigned long long)l->value);
	}
	return 0;
}

int cgroup_v1_net_cls(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	int s = cgroup_plan_not_negative("network.classID", r->net_class, err);

	if (s == 0 && cgroup_plan_given(r->net_class))
		cgroup_plan_add(p, "network.classID", 0, "net_cls.classid", "%lld", (long long)r->net_class);
	return s;
}

int cgroup_v1_net_prio(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < r->net_priorities.n; i++) {
		const struct rt_named_limit *l = &r->net_priorities.v[i];

		if (!cgroup_plan_word_ok(l->name))
			return err_set(err, EINVAL, "linux.resources.network.priorities: \"%s\" is not an interface",
				       l->name);
		cgroup_plan_add(p, "network.priorities", 0, "net_prio.ifpriomap", "%s %lld", l->name,
				(long long)l->value);
	}
	return 0;
}
