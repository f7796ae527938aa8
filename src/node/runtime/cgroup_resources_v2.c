/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.resources, which was made for version 1, in the files of version 2 (Documentation/admin-guide/cgroup-v2.rst). What has no
 * counterpart is refused.
 */
#include "node/runtime/cgroup_plan.h"

#include "base/core/err.h"

#include <stdio.h>

static int unknown(const char *member, struct err *err)
{
	return err_set(err, ENOTSUP, "linux.resources.%s: cgroup version 2 has nothing like it", member);
}

static int plan_quota(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	const long long quota = (long long)r->cpu_quota, period = (long long)r->cpu_period;
	int s = cgroup_plan_not_negative("cpu.period", r->cpu_period, err);

	if (s < 0)
		return s;
	if (!cgroup_plan_given(r->cpu_quota)) {
		if (cgroup_plan_given(r->cpu_period))
			cgroup_plan_add(p, "cpu.period", CGROUP_KEEP_QUOTA, "cpu.max", "%lld", period);
	} else if (quota < 0) {
		if (cgroup_plan_given(r->cpu_period))
			cgroup_plan_add(p, "cpu.quota", CGROUP_MAY_MISS, "cpu.max", "max %lld", period);
		else
			cgroup_plan_add(p, "cpu.quota", CGROUP_MAY_MISS, "cpu.max", "max");
	} else if (cgroup_plan_given(r->cpu_period)) {
		cgroup_plan_add(p, "cpu.quota", 0, "cpu.max", "%lld %lld", quota, period);
	} else {
		cgroup_plan_add(p, "cpu.quota", 0, "cpu.max", "%lld", quota);
	}
	return 0;
}

int cgroup_v2_cpu(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	int s = cgroup_plan_not_negative("cpu.shares", r->cpu_shares, err);

	if (s == 0)
		s = cgroup_plan_not_negative("cpu.burst", r->cpu_burst, err);
	if (s < 0)
		return s;
	if (cgroup_plan_given(r->cpu_rt_runtime))
		return unknown("cpu.realtimeRuntime", err);
	if (cgroup_plan_given(r->cpu_rt_period))
		return unknown("cpu.realtimePeriod", err);
	/* An idle group has no weight; a burst must go with the quota. */
	if (cgroup_plan_given(r->cpu_shares))
		cgroup_plan_add(p, "cpu.shares", CGROUP_RETRY, "cpu.weight", "%llu",
				(unsigned long long)cgroup_plan_cpu_weight((uint64_t)r->cpu_shares));
	if (r->cpu_burst != RT_UNSET)
		cgroup_plan_add(p, "cpu.burst", CGROUP_RETRY | (r->cpu_burst ? 0u : CGROUP_MAY_MISS), "cpu.max.burst",
				"%lld", (long long)r->cpu_burst);
	s = plan_quota(r, p, err);
	if (s == 0 && r->cpu_idle != RT_UNSET)
		cgroup_plan_add(p, "cpu.idle", r->cpu_idle ? 0 : CGROUP_MAY_MISS, "cpu.idle", "%d", r->cpu_idle != 0);
	return s;
}

static void add_bytes(struct cgroup_plan *p, const char *member, unsigned flags, const char *file, int64_t bytes)
{
	if (bytes < 0)
		cgroup_plan_add(p, member, flags | CGROUP_MAY_MISS, file, "max");
	else
		cgroup_plan_add(p, member, flags, file, "%lld", (long long)bytes);
}

/* Version 1 counts memory and swap together, version 2 swap alone. */
static int plan_swap(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	const int64_t swap = r->memory_swap;

	if (!cgroup_plan_given(swap)) {
		if (r->memory == -1)
			add_bytes(p, "memory.swap", 0, "memory.swap.max", -1);
		return 0;
	}
	if (swap < 0 || r->memory == -1) {
		add_bytes(p, "memory.swap", 0, "memory.swap.max", swap);
		return 0;
	}
	if (!cgroup_plan_given(r->memory))
		return err_set(
		    err, EINVAL,
		    "linux.resources.memory.swap (%lld) is memory and swap together: it needs memory.limit too",
		    (long long)swap);
	if (swap < r->memory)
		return err_set(err, EINVAL,
			       "linux.resources.memory.swap (%lld) is memory and swap together: it cannot be less than "
			       "the limit (%lld)",
			       (long long)swap, (long long)r->memory);
	/* A kernel that knows no swap has none to give. */
	add_bytes(p, "memory.swap", swap == r->memory ? CGROUP_MAY_MISS : 0, "memory.swap.max", swap - r->memory);
	return 0;
}

/* Members that version 2 has nothing for, and the value that means nothing more than what it does anyway. */
static int check_memory(const struct rt_resources *r, struct err *err)
{
	const struct {
		const char *member;
		int64_t value, harmless;
		bool zero_is_none;
	} gone[] = {
	    {"memory.kernel", r->memory_kernel, -1, true},
	    {"memory.kernelTCP", r->memory_kernel_tcp, -1, true},
	    {"memory.swappiness", r->memory_swappiness, -1, false},
	    {"memory.disableOOMKiller", r->memory_disable_oom, 0, true},
	    {"memory.useHierarchy", r->memory_use_hierarchy, 1, false},
	};

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		if (gone[i].value == RT_UNSET || gone[i].value == gone[i].harmless)
			continue;
		if (gone[i].value != 0 || !gone[i].zero_is_none)
			return unknown(gone[i].member, err);
	}
	return 0;
}

int cgroup_v2_memory(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	int s = check_memory(r, err);

	if (s == 0 && r->memory != RT_UNSET && r->memory < -1)
		s = cgroup_plan_not_negative("memory.limit", r->memory, err);
	if (s == 0)
		s = plan_swap(r, p, err);
	if (s < 0)
		return s;
	if (cgroup_plan_given(r->memory))
		add_bytes(p, "memory.limit", r->memory_check_before_update == 1 ? CGROUP_CHECK_USE : 0, "memory.max",
			  r->memory);
	if (cgroup_plan_given(r->memory_reservation))
		add_bytes(p, "memory.reservation", 0, "memory.low", r->memory_reservation);
	return 0;
}

static void add_throttle(struct cgroup_plan *p, const char *member, const char *key, const struct rt_blkio_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct rt_blkio_device *d = &l->v[i];

		/* 0 takes the limit away in version 1. */
		if (d->rate == 0)
			cgroup_plan_add(p, member, CGROUP_MAY_MISS, "io.max", "%u:%u %s=max", d->major, d->minor, key);
		else
			cgroup_plan_add(p, member, 0, "io.max", "%u:%u %s=%llu", d->major, d->minor, key,
					(unsigned long long)d->rate);
	}
}

static int plan_io_weights(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	if (cgroup_plan_given(r->blkio_leaf_weight))
		return unknown("blockIO.leafWeight", err);
	if (cgroup_plan_given(r->blkio_weight)) {
		cgroup_plan_add(p, "blockIO.weight", 0, "io.bfq.weight", "%lld", (long long)r->blkio_weight);
		cgroup_plan_alt(p, "io.weight", "%llu",
				(unsigned long long)cgroup_plan_io_weight((uint64_t)r->blkio_weight));
	}
	for (size_t i = 0; i < r->blkio_weights.n; i++) {
		const struct rt_blkio_device *d = &r->blkio_weights.v[i];

		if (cgroup_plan_given(d->leaf_weight))
			return unknown("blockIO.weightDevice.leafWeight", err);
		if (!cgroup_plan_given(d->weight))
			continue;
		cgroup_plan_add(p, "blockIO.weightDevice", 0, "io.bfq.weight", "%u:%u %lld", d->major, d->minor,
				(long long)d->weight);
		cgroup_plan_alt(p, "io.weight", "%u:%u %llu", d->major, d->minor,
				(unsigned long long)cgroup_plan_io_weight((uint64_t)d->weight));
	}
	return 0;
}

int cgroup_v2_io(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	int s = cgroup_plan_not_negative("blockIO.weight", r->blkio_weight, err);

	if (s == 0)
		s = plan_io_weights(r, p, err);
	if (s < 0)
		return s;
	add_throttle(p, "blockIO.throttleReadBpsDevice", "rbps", &r->read_bps);
	add_throttle(p, "blockIO.throttleWriteBpsDevice", "wbps", &r->write_bps);
	add_throttle(p, "blockIO.throttleReadIOPSDevice", "riops", &r->read_iops);
	add_throttle(p, "blockIO.throttleWriteIOPSDevice", "wiops", &r->write_iops);
	return 0;
}

int cgroup_v2_hugetlb(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < r->hugetlb.n; i++) {
		const struct rt_named_limit *l = &r->hugetlb.v[i];
		char file[96];

		if (!cgroup_plan_size_ok(l->name))
			return err_set(err, EINVAL, "linux.resources.hugepageLimits: \"%s\" is not a page size",
				       l->name);
		snprintf(file, sizeof file, "hugetlb.%.20s.max", l->name);
		cgroup_plan_add(p, "hugepageLimits", 0, file, "%llu", (unsigned long long)l->value);
		snprintf(file, sizeof file, "hugetlb.%.20s.rsvd.max", l->name);
		cgroup_plan_add(p, "hugepageLimits", CGROUP_MAY_MISS, file, "%llu", (unsigned long long)l->value);
	}
	return 0;
}

int cgroup_v2_no_network(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	(void)p;
	if (cgroup_plan_given(r->net_class))
		return unknown("network.classID", err);
	return r->net_priorities.n > 0 ? unknown("network.priorities", err) : 0;
}
