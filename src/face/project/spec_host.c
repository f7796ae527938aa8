/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/spec_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/project.h"

#include <stdlib.h>
#include <string.h>

static const struct spec_member host_members[] = {
    {"annotations", "Annotations", SPEC_COPY},
    {"cap_add", "CapAdd", SPEC_COPY},
    {"cap_drop", "CapDrop", SPEC_COPY},
    {"cgroup", "CgroupnsMode", SPEC_COPY},
    {"cgroup_parent", "CgroupParent", SPEC_COPY},
    {"cpu_period", "CpuPeriod", SPEC_INT},
    {"cpu_quota", "CpuQuota", SPEC_INT},
    {"cpu_rt_period", "CpuRealtimePeriod", SPEC_INT},
    {"cpu_rt_runtime", "CpuRealtimeRuntime", SPEC_INT},
    {"cpu_shares", "CpuShares", SPEC_INT},
    {"cpuset", "CpusetCpus", SPEC_COPY},
    {"device_cgroup_rules", "DeviceCgroupRules", SPEC_COPY},
    {"dns", "Dns", SPEC_COPY},
    {"dns_opt", "DnsOptions", SPEC_COPY},
    {"dns_search", "DnsSearch", SPEC_COPY},
    {"group_add", "GroupAdd", SPEC_COPY},
    {"init", "Init", SPEC_COPY},
    {"mem_limit", "Memory", SPEC_BYTES},
    {"mem_reservation", "MemoryReservation", SPEC_BYTES},
    {"mem_swappiness", "MemorySwappiness", SPEC_INT},
    {"memswap_limit", "MemorySwap", SPEC_BYTES},
    {"oom_kill_disable", "OomKillDisable", SPEC_COPY},
    {"oom_score_adj", "OomScoreAdj", SPEC_INT},
    {"pids_limit", "PidsLimit", SPEC_INT},
    {"privileged", "Privileged", SPEC_COPY},
    {"read_only", "ReadonlyRootfs", SPEC_COPY},
    {"runtime", "Runtime", SPEC_COPY},
    {"security_opt", "SecurityOpt", SPEC_COPY},
    {"shm_size", "ShmSize", SPEC_BYTES},
    {"storage_opt", "StorageOpt", SPEC_COPY},
    {"sysctls", "Sysctls", SPEC_COPY},
    {"userns_mode", "UsernsMode", SPEC_COPY},
    {"uts", "UTSMode", SPEC_COPY},
    {NULL},
};

static void put_int(struct spec *s, const char *key, int64_t n)
{
	yyjson_mut_obj_put(s->host, yyjson_mut_str(s->d, key), yyjson_mut_sint(s->d, n));
}

static double number(yyjson_val *v)
{
	return yyjson_is_str(v) ? strtod(yyjson_get_str(v), NULL) : yyjson_get_num(v);
}

/* "on-failure:3", or deploy.restart_policy. */
static void restart(struct spec *s)
{
	yyjson_val *policy = yyjson_obj_get(yyjson_obj_get(s->service, "deploy"), "restart_policy");
	const char *text = show_str(s->service, "restart", "");
	yyjson_mut_val *o;

	if (s->how->oneoff)
		return;
	if (!*text && policy) {
		const char *condition = show_str(policy, "condition", "any");

		text = !strcmp(condition, "any") ? "always" : !strcmp(condition, "none") ? "no" : condition;
	}
	if (!*text)
		return;
	o = yyjson_mut_obj_add_obj(s->d, s->host, "RestartPolicy");
	yyjson_mut_obj_add_strncpy(s->d, o, "Name", text, strcspn(text, ":"));
	if (!strncmp(text, "on-failure", 10))
		yyjson_mut_obj_add_int(s->d, o, "MaximumRetryCount",
				       strchr(text, ':') ? strtoll(strchr(text, ':') + 1, NULL, 10)
							 : show_int(policy, "max_attempts", 0));
}

static int resources(struct spec *s)
{
	yyjson_val *all = yyjson_obj_get(yyjson_obj_get(s->service, "deploy"), "resources");
	yyjson_val *limits = yyjson_obj_get(all, "limits"), *least = yyjson_obj_get(all, "reservations"), *v;
	int64_t n = 0;

	v = yyjson_obj_get(s->service, "cpus");
	if (!v || number(v) <= 0)
		v = yyjson_obj_get(limits, "cpus");
	if (v && number(v) > 0)
		put_int(s, "NanoCpus", (int64_t)(number(v) * 1e9 + 0.5));
	v = yyjson_obj_get(limits, "memory");
	if (v && spec_bytes(s, "deploy.resources.limits.memory", v, &n) < 0)
		return -EINVAL;
	if (v)
		put_int(s, "Memory", n);
	v = yyjson_obj_get(limits, "pids");
	if (v)
		put_int(s, "PidsLimit", yyjson_get_sint(v));
	v = yyjson_obj_get(least, "memory");
	if (v && spec_bytes(s, "deploy.resources.reservations.memory", v, &n) < 0)
		return -EINVAL;
	if (v)
		put_int(s, "MemoryReservation", n);
	return 0;
}

static void ulimits(struct spec *s)
{
	yyjson_val *key, *val;
	yyjson_mut_val *list;
	size_t i, n;

	if (!yyjson_obj_get(s->service, "ulimits"))
		return;
	list = yyjson_mut_obj_add_arr(s->d, s->host, "Ulimits");
	yyjson_obj_foreach (yyjson_obj_get(s->service, "ulimits"), i, n, key, val) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->d, list);
		int64_t one = yyjson_is_obj(val) ? show_int(val, "single", 0) : yyjson_get_sint(val);

		yyjson_mut_obj_add_strcpy(s->d, o, "Name", yyjson_get_str(key));
		yyjson_mut_obj_add_int(s->d, o, "Soft", show_int(yyjson_is_obj(val) ? val : NULL, "soft", one));
		yyjson_mut_obj_add_int(s->d, o, "Hard", show_int(yyjson_is_obj(val) ? val : NULL, "hard", one));
	}
}

/* "name=address" is the API's "name:address". */
static void extra_hosts(struct spec *s)
{
	yyjson_val *from = yyjson_obj_get(s->service, "extra_hosts");
	yyjson_mut_val *list, *v, *out;
	size_t i, n;

	if (!from || yyjson_is_null(from))
		return;
	list = spec_pairs(s, from);
	out = yyjson_mut_obj_add_arr(s->d, s->host, "ExtraHosts");
	yyjson_mut_arr_foreach (list, i, n, v) {
		mem_cleanup char *text = mem_strdup(yyjson_mut_get_str(v) ? yyjson_mut_get_str(v) : "");
		char *sign = strchr(text, '=');

		if (sign)
			*sign = ':';
		yyjson_mut_arr_append(out, spec_text(s, text));
	}
}

static void logging(struct spec *s)
{
	yyjson_val *from = yyjson_obj_get(s->service, "logging"), *options = yyjson_obj_get(from, "options");
	yyjson_mut_val *o;

	if (!yyjson_is_obj(from))
		return;
	o = yyjson_mut_obj_add_obj(s->d, s->host, "LogConfig");
	yyjson_mut_obj_add_strcpy(s->d, o, "Type", show_str(from, "driver", ""));
	if (yyjson_is_obj(options))
		yyjson_mut_obj_add_val(s->d, o, "Config", yyjson_val_mut_copy(s->d, options));
}

static void blkio(struct spec *s)
{
	static const char *const names[][4] = {
	    {"weight_device", "BlkioWeightDevice", "weight", "Weight"},
	    {"device_read_bps", "BlkioDeviceReadBps", "rate", "Rate"},
	    {"device_write_bps", "BlkioDeviceWriteBps", "rate", "Rate"},
	    {"device_read_iops", "BlkioDeviceReadIOps", "rate", "Rate"},
	    {"device_write_iops", "BlkioDeviceWriteIOps", "rate", "Rate"},
	};
	yyjson_val *from = yyjson_obj_get(s->service, "blkio_config"), *v;
	size_t j, n;

	if (yyjson_obj_get(from, "weight"))
		put_int(s, "BlkioWeight", show_int(from, "weight", 0));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		yyjson_mut_val *list;

		if (!yyjson_obj_get(from, names[i][0]))
			continue;
		list = yyjson_mut_obj_add_arr(s->d, s->host, names[i][1]);
		yyjson_arr_foreach (yyjson_obj_get(from, names[i][0]), j, n, v) {
			yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->d, list);
			int64_t rate = 0;

			if (spec_bytes(s, "blkio_config", yyjson_obj_get(v, names[i][2]), &rate) < 0)
				s->r = -EINVAL;
			yyjson_mut_obj_add_strcpy(s->d, o, "Path", show_str(v, "path", ""));
			yyjson_mut_obj_add_int(s->d, o, names[i][3], rate);
		}
	}
}

static int modes(struct spec *s)
{
	static const char *const names[][2] = {{"ipc", "IpcMode"}, {"pid", "PidMode"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *text = show_str(s->service, names[i][0], "");
		mem_cleanup char *mode = NULL;

		if (!*text)
			continue;
		mode = spec_mode(s, names[i][0], text);
		if (!mode)
			return -ENOENT;
		yyjson_mut_obj_add_val(s->d, s->host, names[i][1], spec_text(s, mode));
	}
	return 0;
}

/* To what the file says those of the command line. */
static void add_caps(struct spec *s, const char *key, char *const *names)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(s->host, key);

	if (!names)
		return;
	if (!yyjson_mut_is_arr(list)) {
		list = yyjson_mut_arr(s->d);
		yyjson_mut_obj_put(s->host, yyjson_mut_str(s->d, key), list);
	}
	for (; *names; names++)
		yyjson_mut_arr_add_strcpy(s->d, list, *names);
}

int spec_host(struct spec *s)
{
	if (spec_members(s, s->host, host_members) < 0 || resources(s) < 0 || modes(s) < 0)
		return -EINVAL;
	if (s->how->auto_remove)
		yyjson_mut_obj_add_bool(s->d, s->host, "AutoRemove", true);
	add_caps(s, "CapAdd", s->how->cap_add);
	add_caps(s, "CapDrop", s->how->cap_drop);
	restart(s);
	ulimits(s);
	spec_devices(s);
	extra_hosts(s);
	logging(s);
	blkio(s);
	return s->r;
}
