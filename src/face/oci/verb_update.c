/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/units.h"
#include "face/oci/report.h"
#include "face/oci/verb.h"
#include "node/oci/config.h"
#include "node/oci/lifecycle.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

struct values {
	const char *resources, *cpus, *mems, *l3, *bandwidth;
	const char *blkio_weight, *period, *quota, *burst, *share, *rt_period, *rt_runtime, *idle;
	const char *memory, *reservation, *swap, *kernel, *kernel_tcp, *pids;
};

#define TEXT(name, field, arg, help)                                                                                   \
	{                                                                                                              \
		name, 0, OPTION_TEXT, offsetof(struct values, field), arg, help                                        \
	}

static const struct option_spec options[] = {
    {"resources", 'r', OPTION_TEXT, offsetof(struct values, resources), "FILE",
     "take them from a file (linux.resources of config.json), - is standard input"},
    TEXT("blkio-weight", blkio_weight, "N", "weight of its input and output, 10 to 1000"),
    TEXT("cpu-period", period, "MICROSECONDS", "the time that --cpu-quota is about"),
    TEXT("cpu-quota", quota, "MICROSECONDS", "processor time in a period, -1 = no limit"),
    TEXT("cpu-burst", burst, "MICROSECONDS", "how much time may be saved up"),
    TEXT("cpu-share", share, "N", "weight of its processor time"),
    TEXT("cpu-rt-period", rt_period, "MICROSECONDS", "the same as --cpu-period for real-time processes"),
    TEXT("cpu-rt-runtime", rt_runtime, "MICROSECONDS", "the same as --cpu-quota for real-time processes"),
    TEXT("cpu-idle", idle, "0|1", "runs only when no other wants to"),
    TEXT("cpuset-cpus", cpus, "LIST", "its processors: 0-3,7"),
    TEXT("cpuset-mems", mems, "LIST", "its memory nodes"),
    TEXT("memory", memory, "BYTES", "memory, -1 = no limit"),
    TEXT("memory-reservation", reservation, "BYTES", "memory that is left to it when memory is short"),
    TEXT("memory-swap", swap, "BYTES", "memory and swap together, -1 = no limit"),
    TEXT("kernel-memory", kernel, "BYTES", "not any more in the kernel"),
    TEXT("kernel-memory-tcp", kernel_tcp, "BYTES", "not any more in the kernel"),
    TEXT("pids-limit", pids, "N", "processes, -1 = no limit"),
    TEXT("l3-cache-schema", l3, "TEXT", "Intel RDT: not possible here"),
    TEXT("mem-bw-schema", bandwidth, "TEXT", "Intel RDT: not possible here"),
    {NULL},
};

/* As in config.json, 0 is no value for most of them: it leaves them alone. */
enum kind { NUMBER, NUMBER_NOT_0, BYTES, SWITCH };

static const struct {
	const char *name;
	size_t from, to;
	enum kind kind;
} numbers[] = {
#define ROW(name, field, member, kind)                                                                                 \
	{                                                                                                              \
		name, offsetof(struct values, field), offsetof(struct rt_resources, member), kind                      \
	}
    ROW("blkio-weight", blkio_weight, blkio_weight, NUMBER_NOT_0),
    ROW("cpu-period", period, cpu_period, NUMBER_NOT_0),
    ROW("cpu-quota", quota, cpu_quota, NUMBER_NOT_0),
    ROW("cpu-burst", burst, cpu_burst, NUMBER),
    ROW("cpu-share", share, cpu_shares, NUMBER_NOT_0),
    ROW("cpu-rt-period", rt_period, cpu_rt_period, NUMBER_NOT_0),
    ROW("cpu-rt-runtime", rt_runtime, cpu_rt_runtime, NUMBER),
    ROW("cpu-idle", idle, cpu_idle, SWITCH),
    ROW("memory", memory, memory, BYTES),
    ROW("memory-reservation", reservation, memory_reservation, BYTES),
    ROW("memory-swap", swap, memory_swap, BYTES),
    ROW("pids-limit", pids, pids, NUMBER),
};

static int parse_number(const char *text, enum kind kind, int64_t *ret, struct err *err)
{
	bool negative = text[0] == '-';
	uint64_t value = 0;
	int r;

	if (kind == BYTES && negative && strcmp(text, "-1") != 0)
		return err_set(err, EINVAL, "\"%s\" is not a size", text);
	r = kind == BYTES && !negative ? units_size(text, &value, err) : units_count(text + negative, &value, err);
	if (r < 0)
		return r;
	if (value > INT64_MAX)
		return err_set(err, EINVAL, "\"%s\" is too large", text);
	if (kind == SWITCH && (negative || value > 1))
		return err_set(err, EINVAL, "\"%s\" is neither 0 nor 1", text);
	if (value == 0 && kind != NUMBER && kind != SWITCH)
		return 0;
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

static int from_options(const struct values *v, struct rt_resources *res, struct err *err)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		const char *text = *(const char *const *)(const void *)((const char *)v + numbers[i].from);
		int64_t *to = (int64_t *)(void *)((char *)res + numbers[i].to);

		if (!text)
			continue;
		if (parse_number(text, numbers[i].kind, to, err) < 0)
			return err_wrap(err, "invalid value for %s", numbers[i].name);
	}
	res->cpus = v->cpus;
	res->mems = v->mems;
	if (v->kernel || v->kernel_tcp)
		report_warning("kernel memory limits are ignored: the kernel has none any more");
	return 0;
}

static int from_file(const char *path, struct oci_config **ret, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	fd_cleanup int fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = !is_stdin && fd < 0 ? -errno : fd_read_all(is_stdin ? STDIN_FILENO : fd, OCI_CONFIG_MAX, &text, &n);

	if (r < 0)
		return err_sys(err, -r, "read the resources \"%s\"", path);
	r = oci_config_parse_resources(text, n, ret, err);
	return r < 0 ? err_wrap(err, "\"%s\"", path) : 0;
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	struct rt_resources res = RT_RESOURCES_INIT;
	struct oci_config *config = NULL;
	int r;

	if (v->l3 || v->bandwidth)
		return err_set(err, ENOTSUP, "Intel RDT: %s schema is not enabled",
			       v->l3 ? "l3 cache" : "memory bandwidth");
	r = v->resources ? from_file(v->resources, &config, err) : from_options(v, &res, err);
	if (r == 0)
		r = oci_update(rt, operands[0], config ? &config->resources : &res, err);
	oci_config_free(config);
	return r;
}

const struct oci_verb verb_update = {.name = "update",
				     .usage = "[OPTIONS] ID",
				     .summary = "change the limits of a container",
				     .options = options,
				     .values_size = sizeof(struct values),
				     .least = 1,
				     .most = 1,
				     .run = run};
