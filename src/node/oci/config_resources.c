/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.resources (config-linux.md, Control groups), which is also the whole of what `update --resources` reads.
 */
#include "base/core/err.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"

#include <string.h>

#define AT(m) offsetof(struct rt_resources, m)
#define COUNT .min = 0, .max = INT64_MAX
#define LIMIT .min = -1, .max = INT64_MAX

/* What cannot be 0: a 0 there is how other programs write "not given". */
static const size_t never_zero[] = {
    AT(cpu_shares),   AT(cpu_quota),	      AT(cpu_period),  AT(cpu_rt_runtime), AT(cpu_rt_period),
    AT(memory),	      AT(memory_reservation), AT(memory_swap), AT(memory_kernel),  AT(memory_kernel_tcp),
    AT(blkio_weight), AT(blkio_leaf_weight),
};

/* 0 or 1 into an int64_t. */
static int read_flag(struct reader *rd, yyjson_val *v, void *to)
{
	if (!yyjson_is_bool(v))
		return reader_fail(rd, EINVAL, "true or false is needed, not %s", yyjson_get_type_desc(v));
	*(int64_t *)to = yyjson_get_bool(v);
	return 0;
}

/* ---- cpu, memory, pids ---- */

static const struct reader_member cpu_members[] = {
    {"shares", READER_INT, .at = AT(cpu_shares), COUNT},
    {"quota", READER_INT, .at = AT(cpu_quota), LIMIT},
    {"period", READER_INT, .at = AT(cpu_period), COUNT},
    {"burst", READER_INT, .at = AT(cpu_burst), COUNT},
    {"realtimeRuntime", READER_INT, .at = AT(cpu_rt_runtime), LIMIT},
    {"realtimePeriod", READER_INT, .at = AT(cpu_rt_period), COUNT},
    {"cpus", READER_CUSTOM, .at = AT(cpus), .fn = config_read_cpu_list},
    {"mems", READER_CUSTOM, .at = AT(mems), .fn = config_read_cpu_list},
    {"idle", READER_INT, .at = AT(cpu_idle), .min = 0, .max = 1},
    {NULL},
};

static const struct reader_member memory_members[] = {
    {"limit", READER_INT, .at = AT(memory), LIMIT},
    {"reservation", READER_INT, .at = AT(memory_reservation), LIMIT},
    {"swap", READER_INT, .at = AT(memory_swap), LIMIT},
    {"kernel", READER_INT, .at = AT(memory_kernel), LIMIT},
    {"kernelTCP", READER_INT, .at = AT(memory_kernel_tcp), LIMIT},
    {"swappiness", READER_INT, .at = AT(memory_swappiness), .min = 0, .max = 100},
    {"disableOOMKiller", READER_CUSTOM, .at = AT(memory_disable_oom), .fn = read_flag},
    {"useHierarchy", READER_CUSTOM, .at = AT(memory_use_hierarchy), .fn = read_flag},
    {"checkBeforeUpdate", READER_CUSTOM, .at = AT(memory_check_before_update), .fn = read_flag},
    {NULL},
};

static const struct reader_member pids_members[] = {
    {"limit", READER_INT, .at = AT(pids), .min = RT_UNSET + 1, .max = INT64_MAX},
    {NULL},
};

/* ---- block devices ---- */

#define BLK(m) offsetof(struct rt_blkio_device, m)
#define NUMBERS                                                                                                        \
	{"major", READER_U32, .required = true, .at = BLK(major), .max = UINT32_MAX},                                  \
	{                                                                                                              \
		"minor", READER_U32, .required = true, .at = BLK(minor), .max = UINT32_MAX                             \
	}

static const struct reader_member weight_members[] = {
    NUMBERS,
    {"weight", READER_INT, .at = BLK(weight), .max = UINT16_MAX},
    {"leafWeight", READER_INT, .at = BLK(leaf_weight), .max = UINT16_MAX},
    {NULL},
};

static const struct reader_member throttle_members[] = {
    NUMBERS,
    {"rate", READER_U64, .required = true, .at = BLK(rate)},
    {NULL},
};
#undef NUMBERS
#undef BLK

static int read_weight(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_blkio_device *d = to;
	int r;

	d->weight = d->leaf_weight = RT_UNSET;
	r = reader_object(rd, v, weight_members, d);
	if (r == 0 && d->weight == RT_UNSET && d->leaf_weight == RT_UNSET)
		return reader_fail(rd, EINVAL, "weight or leafWeight is needed");
	return r;
}

static int read_throttle(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_blkio_device *d = to;

	d->weight = d->leaf_weight = RT_UNSET;
	return reader_object(rd, v, throttle_members, d);
}

#define DEVICES(list, count) READER_LIST, CONFIG_ITEMS(struct rt_resources, list, count), .max = CONFIG_LIST_MAX
static const struct reader_member blkio_members[] = {
    {"weight", READER_INT, .at = AT(blkio_weight), .max = UINT16_MAX},
    {"leafWeight", READER_INT, .at = AT(blkio_leaf_weight), .max = UINT16_MAX},
    {"weightDevice", DEVICES(blkio_weights.v, blkio_weights.n), .fn = read_weight},
    {"throttleReadBpsDevice", DEVICES(read_bps.v, read_bps.n), .fn = read_throttle},
    {"throttleWriteBpsDevice", DEVICES(write_bps.v, write_bps.n), .fn = read_throttle},
    {"throttleReadIOPSDevice", DEVICES(read_iops.v, read_iops.n), .fn = read_throttle},
    {"throttleWriteIOPSDevice", DEVICES(write_iops.v, write_iops.n), .fn = read_throttle},
    {NULL},
};
#undef DEVICES

/* ---- limits with a name ---- */

#define NAMED(m) offsetof(struct rt_named_limit, m)
static const struct reader_member hugepage_members[] = {
    {"pageSize", READER_STR, .required = true, .at = NAMED(name)},
    {"limit", READER_INT, .required = true, .at = NAMED(value), COUNT},
    {NULL},
};

static const struct reader_member priority_members[] = {
    {"name", READER_STR, .required = true, .at = NAMED(name)},
    {"priority", READER_INT, .required = true, .at = NAMED(value), .max = UINT32_MAX},
    {NULL},
};

static const struct reader_member rdma_members[] = {
    {"hcaHandles", READER_INT, .at = NAMED(value), .max = UINT32_MAX},
    {"hcaObjects", READER_INT, .at = NAMED(objects), .max = UINT32_MAX},
    {NULL},
};
#undef NAMED

static struct rt_named_limit *new_limit(void *to)
{
	struct rt_named_limit *l = to;

	l->value = l->objects = RT_UNSET;
	return l;
}

/* "<size><unit-prefix>B": it becomes part of a file's name. */
static bool page_size_ok(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && *s != '0' && s[n] && strchr("KMG", s[n]) && !strcmp(s + n + 1, "B");
}

static int read_hugepage(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_named_limit *l = new_limit(to);
	int r = reader_object(rd, v, hugepage_members, l);

	if (r == 0 && !page_size_ok(l->name))
		return reader_fail(rd, EINVAL, "pageSize \"%.100s\" is not a size like 64KB, 2MB, 1GB", l->name);
	return r;
}

static int read_priority(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_named_limit *l = new_limit(to);
	int r = reader_object(rd, v, priority_members, l);

	/* It is written in a line "NAME PRIORITY". */
	if (r == 0 && strpbrk(l->name, " \t\n/"))
		return reader_fail(rd, EINVAL, "\"%.100s\" is not the name of a network interface", l->name);
	return r;
}

static int read_rdma(struct reader *rd, const char *key, yyjson_val *v, void *to)
{
	struct rt_named_limit *l = new_limit(to);
	int r = reader_object(rd, v, rdma_members, l);

	if (r < 0)
		return r;
	if (!*key || strpbrk(key, " \t\n/"))
		return reader_fail(rd, EINVAL, "not the name of a device");
	if (l->value == RT_UNSET && l->objects == RT_UNSET)
		return reader_fail(rd, EINVAL, "hcaHandles or hcaObjects is needed");
	l->name = key;
	return 0;
}

/* Files with which the runtime itself places and stops the container. */
static const char *const own_files[] = {"cgroup.procs", "cgroup.threads",	  "cgroup.kill", "cgroup.freeze",
					"cgroup.type",	"cgroup.subtree_control", NULL};

static int read_unified(struct reader *rd, const char *key, yyjson_val *v, void *to)
{
	struct rt_named_limit *l = new_limit(to);

	if (strchr(key, '/') || !strchr(key, '.') || *key == '.')
		return reader_fail(rd, EINVAL, "not the name of a cgroup's file");
	if (reader_index_of(own_files, key) >= 0)
		return reader_fail(rd, EINVAL, "only the runtime writes this file");
	l->name = key;
	return reader_str(rd, v, &l->text);
}

static const struct reader_member network_members[] = {
    {"classID", READER_INT, .at = AT(net_class), .max = UINT32_MAX},
    {"priorities", READER_LIST, CONFIG_ITEMS(struct rt_resources, net_priorities.v, net_priorities.n),
     .max = CONFIG_LIST_MAX, .fn = read_priority},
    {NULL},
};

/* ---- device rules ---- */

struct raw_rule {
	bool allow;
	const char *type, *access;
	int64_t major, minor;
};

#define RAW(m) offsetof(struct raw_rule, m)
static const struct reader_member rule_members[] = {
    {"allow", READER_BOOL, .required = true, .at = RAW(allow)},
    {"type", READER_STR, .at = RAW(type)},
    {"major", READER_INT, .at = RAW(major), .min = -1, .max = UINT32_MAX},
    {"minor", READER_INT, .at = RAW(minor), .min = -1, .max = UINT32_MAX},
    {"access", READER_STR, .at = RAW(access)},
    {NULL},
};
#undef RAW

/* A rule without access denies all of it; what a rule without access would allow, nobody can say. */
static int read_access(struct reader *rd, const struct raw_rule *raw, struct rt_device_rule *rule)
{
	const char *access = raw->access ? raw->access : "rwm";

	if (!raw->access && raw->allow)
		return reader_fail(rd, EINVAL, "access is missing: r, w and m are possible");
	if (access[strspn(access, "rwm")])
		return reader_fail(rd, EINVAL, "access \"%.100s\": only r, w and m are possible", access);
	rule->read = strchr(access, 'r');
	rule->write = strchr(access, 'w');
	rule->mknod = strchr(access, 'm');
	return 0;
}

static int read_rule(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_rule raw = {.major = -1, .minor = -1};
	struct rt_device_rule *rule = to;
	int r = reader_object(rd, v, rule_members, &raw);

	if (r < 0)
		return r;
	if (!raw.type)
		raw.type = "a";
	if (strlen(raw.type) != 1 || !strchr("acb", *raw.type))
		return reader_fail(rd, EINVAL, "type \"%.100s\" is not a, b or c", raw.type);
	rule->allow = raw.allow;
	rule->type = *raw.type;
	rule->major = raw.major;
	rule->minor = raw.minor;
	return read_access(rd, &raw, rule);
}

/* ---- the whole ---- */

static const struct reader_member members[] = {
    {"devices", READER_LIST, CONFIG_ITEMS(struct rt_resources, devices, n_devices), .max = CONFIG_LIST_MAX,
     .fn = read_rule},
    {"memory", READER_TABLE, .table = memory_members},
    {"cpu", READER_TABLE, .table = cpu_members},
    {"pids", READER_TABLE, .table = pids_members},
    {"blockIO", READER_TABLE, .table = blkio_members},
    {"hugepageLimits", READER_LIST, CONFIG_ITEMS(struct rt_resources, hugetlb.v, hugetlb.n), .max = CONFIG_LIST_MAX,
     .fn = read_hugepage},
    {"network", READER_TABLE, .table = network_members},
    {"rdma", READER_MAP, CONFIG_ITEMS(struct rt_resources, rdma.v, rdma.n), .max = CONFIG_LIST_MAX,
     .entry_fn = read_rdma},
    {"unified", READER_MAP, CONFIG_ITEMS(struct rt_resources, unified.v, unified.n), .max = CONFIG_LIST_MAX,
     .entry_fn = read_unified},
    {NULL},
};

int config_read_resources(struct reader *rd, yyjson_val *v, void *to)
{
	int r = reader_object(rd, v, members, to);

	for (size_t i = 0; i < sizeof never_zero / sizeof *never_zero; i++) {
		int64_t *number = (int64_t *)(void *)((char *)to + never_zero[i]);

		if (*number == 0)
			*number = RT_UNSET;
	}
	return r;
}
