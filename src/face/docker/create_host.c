/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/shape.h"
#include "node/engine/outlet.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MEMORY_MIN (6ll << 20)
#define PIDS_MAX 4194304

/* ---- members that are the same in the engine's spec ---- */

static const struct shape same[] = {
    {"AutoRemove", SHAPE_BOOL, NULL, "remove"},
    {"Annotations", SHAPE_MAP, NULL, "annotations"},
    {"CapAdd", SHAPE_STRV, NULL, "cap_add"},
    {"CapDrop", SHAPE_STRV, NULL, "cap_drop"},
    {"GroupAdd", SHAPE_STRV, NULL, "group_add"},
    {"Privileged", SHAPE_BOOL, NULL, "privileged"},
    {"ReadonlyRootfs", SHAPE_BOOL, NULL, "read_only"},
    {"ShmSize", SHAPE_INT, NULL, "shm_size"},
    {"Sysctls", SHAPE_MAP, NULL, "sysctls"},
    {"CgroupParent", SHAPE_STR, NULL, "cgroup_parent"},
    {"DeviceCgroupRules", SHAPE_STRV, NULL, "device_cgroup_rules"},
    {"OomScoreAdj", SHAPE_INT, NULL, "oom_score_adj"},
    {"OomKillDisable", SHAPE_BOOL, NULL, "oom_kill_disable"},
    {"IpcMode", SHAPE_STR, NULL, "ipc_mode"},
    {"PidMode", SHAPE_STR, NULL, "pid_mode"},
    {"UTSMode", SHAPE_STR, NULL, "uts_mode"},
    {"UsernsMode", SHAPE_STR, NULL, "userns_mode"},
    {"CgroupnsMode", SHAPE_STR, NULL, "cgroupns_mode"},
    {"Dns", SHAPE_STRV, NULL, "dns"},
    {"DnsOptions", SHAPE_STRV, NULL, "dns_options"},
    {"DnsSearch", SHAPE_STRV, NULL, "dns_search"},
    {"ExtraHosts", SHAPE_STRV, NULL, "extra_hosts"},
    {NULL},
};

static const struct shape limits[] = {
    {"CpuShares", SHAPE_INT, NULL, "cpu_shares"},
    {"CpuPeriod", SHAPE_INT, NULL, "cpu_period"},
    {"CpuQuota", SHAPE_INT, NULL, "cpu_quota"},
    {"CpuRealtimePeriod", SHAPE_INT, NULL, "cpu_realtime_period"},
    {"CpuRealtimeRuntime", SHAPE_INT, NULL, "cpu_realtime_runtime"},
    {"CpusetCpus", SHAPE_STR, NULL, "cpuset_cpus"},
    {"CpusetMems", SHAPE_STR, NULL, "cpuset_mems"},
    {"Memory", SHAPE_INT, NULL, "limit_memory"},
    {"MemoryReservation", SHAPE_INT, NULL, "memory_reservation"},
    {"MemorySwap", SHAPE_INT, NULL, "memory_swap"},
    {"BlkioWeight", SHAPE_INT, NULL, "blkio_weight"},
    {NULL},
};

/* ---- lists of objects ---- */

static const struct shape device_members[] = {
    {"PathOnHost", SHAPE_STR, "\"\"", "path_on_host"},
    {"PathInContainer", SHAPE_STR, "\"\"", "path_in_container"},
    {"CgroupPermissions", SHAPE_STR, "\"rwm\"", "permissions"},
    {NULL},
};
static const struct shape weight_members[] = {
    {"Path", SHAPE_STR, "\"\"", "path"}, {"Weight", SHAPE_INT, "0", "weight"}, {NULL}};
static const struct shape rate_members[] = {
    {"Path", SHAPE_STR, "\"\"", "path"}, {"Rate", SHAPE_INT, "0", "rate"}, {NULL}};

static const struct {
	const char *name, *spec;
	const struct shape *table;
} lists[] = {
    {"Devices", "devices", device_members},
    {"BlkioWeightDevice", "blkio_weight_device", weight_members},
    {"BlkioDeviceReadBps", "blkio_device_read_bps", rate_members},
    {"BlkioDeviceWriteBps", "blkio_device_write_bps", rate_members},
    {"BlkioDeviceReadIOps", "blkio_device_read_iops", rate_members},
    {"BlkioDeviceWriteIOps", "blkio_device_write_iops", rate_members},
};

/* One object of such a list, under the names of the spec. */
static int pass_object(struct making *m, yyjson_mut_val *to, yyjson_val *from, const char *where,
		       const struct shape *table, struct err *err)
{
	yyjson_mut_val *checked = yyjson_mut_obj(m->d), *o = yyjson_mut_arr_add_obj(m->d, to);

	if (shape_copy(m->d, checked, from, table, where, err) < 0)
		return -EINVAL;
	for (const struct shape *s = table; s->name; s++)
		yyjson_mut_obj_add(o, yyjson_mut_str(m->d, s->spec),
				   yyjson_mut_val_mut_copy(m->d, yyjson_mut_obj_get(checked, s->name)));
	return 0;
}

static int pass_lists(struct making *m, struct err *err)
{
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
		yyjson_val *from = yyjson_obj_get(m->host, lists[k].name), *v;
		yyjson_mut_val *to;
		size_t i, n;

		if (!shape_is_set(from))
			continue;
		to = yyjson_mut_obj_add_arr(m->d, m->spec, lists[k].spec);
		yyjson_arr_foreach (from, i, n, v) {
			if (pass_object(m, to, v, lists[k].name, lists[k].table, err) < 0)
				return -EINVAL;
		}
	}
	return 0;
}

static const struct shape ulimit_members[] = {
    {"Name", SHAPE_STR, "\"\"", "name"}, {"Soft", SHAPE_INT, "0", "soft"}, {"Hard", SHAPE_INT, "0", "hard"}, {NULL}};
/* docker-py sends these in small letters where its user did. */
static const struct shape small_ulimit_members[] = {
    {"name", SHAPE_STR, "\"\"", "name"}, {"soft", SHAPE_INT, "0", "soft"}, {"hard", SHAPE_INT, "0", "hard"}, {NULL}};

static int pass_ulimits(struct making *m, struct err *err)
{
	yyjson_val *from = yyjson_obj_get(m->host, "Ulimits"), *v;
	yyjson_mut_val *to;
	size_t i, n;

	if (!shape_is_set(from))
		return 0;
	to = yyjson_mut_obj_add_arr(m->d, m->spec, "ulimits");
	yyjson_arr_foreach (from, i, n, v) {
		bool small = yyjson_obj_get(v, "name") != NULL;

		if (pass_object(m, to, v, "Ulimits", small ? small_ulimit_members : ulimit_members, err) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- rights ---- */

/* "name=value" or "name:value"; a name alone has the value NULL. */
static const char *option_value(const char *option, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(option, name, n) != 0 || (option[n] != '=' && option[n] != ':'))
		return NULL;
	return option + n + 1;
}

static int no_new_privileges(struct making *m, const char *option, struct err *err)
{
	const char *value = option_value(option, "no-new-privileges");

	if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return err_set(err, EINVAL, "invalid --security-opt 2: \"%.100s\"", option);
	yyjson_mut_obj_put(m->spec, yyjson_mut_str(m->d, "no_new_privileges"),
			   yyjson_mut_bool(m->d, !value || !strcmp(value, "true")));
	return 0;
}

static int pass_security_option(struct making *m, const char *option, struct err *err)
{
	const char *value;

	if (!strcmp(option, "no-new-privileges") || option_value(option, "no-new-privileges"))
		return no_new_privileges(m, option, err);
	value = option_value(option, "seccomp");
	if (value) {
		yyjson_mut_obj_add_strcpy(m->d, m->spec, "seccomp", value);
		return 0;
	}
	value = option_value(option, "apparmor");
	if (value) {
		yyjson_mut_obj_add_strcpy(m->d, m->spec, "apparmor", value);
		return 0;
	}
	if (!strcmp(option, "disable") || option_value(option, "label")) {
		create_warn(m, "SecurityOpt: \"%.100s\" does nothing: containers have no SELinux labels here", option);
		return 0;
	}
	return err_set(err, EINVAL, "invalid --security-opt 2: \"%.100s\"", option);
}

static int pass_rights(struct making *m, struct err *err)
{
	static const char *const paths[][2] = {{"MaskedPaths", "masked_paths"}, {"ReadonlyPaths", "readonly_paths"}};
	bool privileged = yyjson_is_true(yyjson_obj_get(m->host, "Privileged"));
	yyjson_val *v;
	size_t i, n;

	yyjson_mut_obj_add_bool(m->d, m->spec, "docker_caps", true);
	yyjson_mut_obj_add_bool(m->d, m->spec, "no_new_privileges", false);
	yyjson_mut_obj_add_bool(m->d, m->spec, "init", yyjson_is_true(yyjson_obj_get(m->host, "Init")));
	yyjson_arr_foreach (yyjson_obj_get(m->host, "SecurityOpt"), i, n, v) {
		if (pass_security_option(m, yyjson_get_str(v), err) < 0)
			return -EINVAL;
	}
	/* An empty list means something: nothing is hidden. */
	for (i = 0; i < 2 && !privileged; i++) {
		v = yyjson_obj_get(m->host, paths[i][0]);
		if (v)
			yyjson_mut_obj_add_val(m->d, m->spec, paths[i][1], yyjson_val_mut_copy(m->d, v));
	}
	return 0;
}

/* ---- limits ---- */

static int check_memory(const struct making *m, struct err *err)
{
	int64_t memory = shape_number(m->host, "Memory"), swap = shape_number(m->host, "MemorySwap");
	int64_t reservation = shape_number(m->host, "MemoryReservation");

	if (memory < 0 || (memory > 0 && memory < MEMORY_MIN))
		return err_set(err, EINVAL, "Minimum memory limit allowed is 6MB");
	if (memory > 0 && swap > 0 && swap < memory)
		return err_set(err, EINVAL, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (memory == 0 && swap > 0)
		return err_set(err, EINVAL,
			       "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (reservation > 0 && reservation < MEMORY_MIN)
		return err_set(err, EINVAL, "Minimum memory reservation allowed is 6MB");
	if (memory > 0 && reservation > memory)
		return err_set(err, EINVAL,
			       "Minimum memory limit can not be less than memory reservation limit, see usage");
	return 0;
}

static int pass_swappiness(struct making *m, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(m->host, "MemorySwappiness");
	int64_t n = yyjson_get_sint(v);

	if (!yyjson_is_int(v) || n == -1)
		return 0;
	if (n < 0 || n > 100)
		return err_set(err, EINVAL, "Invalid value: %lld, valid memory swappiness range is 0-100",
			       (long long)n);
	yyjson_mut_obj_add_int(m->d, m->spec, "memory_swappiness", n);
	return 0;
}

static void pass_pids(struct making *m)
{
	int64_t n = shape_number(m->host, "PidsLimit");

	if (n != 0)
		yyjson_mut_obj_add_int(m->d, m->spec, "limit_pids", n < 0 || n > PIDS_MAX ? PIDS_MAX : n);
}

static int pass_restart(struct making *m, struct err *err)
{
	static const char *const known[] = {"no", "always", "unless-stopped", "on-failure"};
	yyjson_val *policy = yyjson_obj_get(m->host, "RestartPolicy");
	const char *name = shape_text(policy, "Name");
	int64_t retries = shape_number(policy, "MaximumRetryCount");
	yyjson_mut_val *o;
	size_t i = 0;

	while (i < 4 && strcmp(name, known[i]) != 0)
		i++;
	if (i == 4)
		return err_set(err, EINVAL,
			       "invalid restart policy: unknown policy '%.100s'; use one of 'no', 'always', "
			       "'on-failure', or 'unless-stopped'",
			       name);
	if (i < 3 && retries != 0)
		return err_set(err, EINVAL,
			       "invalid restart policy: maximum retry count can only be used with 'on-failure'");
	if (retries < 0)
		return err_set(err, EINVAL, "invalid restart policy: maximum retry count cannot be negative");
	if (i == 0 && !m->update)
		return 0;
	if (i > 0 && yyjson_is_true(yyjson_obj_get(m->host, "AutoRemove")))
		return err_set(err, EINVAL, "can't create 'AutoRemove' container with restart policy");
	o = yyjson_mut_obj_add_obj(m->d, m->spec, "restart");
	yyjson_mut_obj_add_strcpy(m->d, o, "policy", name);
	if (retries > 0)
		yyjson_mut_obj_add_int(m->d, o, "max_retries", retries);
	return 0;
}

int create_resources(struct making *m, struct err *err)
{
	int r = check_memory(m, err);

	shape_pass(m->d, m->spec, m->host, limits);
	if (r == 0)
		r = create_cpus(m, err);
	if (r == 0)
		r = pass_swappiness(m, err);
	pass_pids(m);
	if (r == 0)
		r = pass_restart(m, err);
	if (r == 0)
		r = pass_lists(m, err);
	return r;
}

/* ---- output ---- */

/* "10m" -> bytes; -1 when it is none. */
static int64_t size_of(const char *text)
{
	static const char units[] = "bkmgt";
	char *end;
	double n = strtod(text, &end);
	const char *unit;

	if (end == text || n < 0 || n > 1e15)
		return -1;
	if (!*end)
		return (int64_t)n;
	unit = strchr(units, *end | 0x20);
	if (!unit || (end[1] && strcasecmp(end + 1, "b") != 0))
		return -1;
	return (int64_t)(n * (double)(1ll << (10 * (unit - units))));
}

static int pass_log_size(struct making *m, yyjson_mut_val *log, const char *key, const char *text, struct err *err)
{
	int64_t n = size_of(text);

	if (!strcmp(text, "-1"))
		return 0;
	if (n <= 0)
		return err_set(err, EINVAL, "invalid value for %s: \"%.100s\"", key, text);
	/* Ours keep whole blocks: a smaller file could not hold one record. */
	yyjson_mut_obj_add_int(m->d, log, "max_size", n < (64 << 10) ? 64 << 10 : n);
	return 0;
}

static int pass_log_files(struct making *m, yyjson_mut_val *log, const char *key, const char *text, struct err *err)
{
	long n = strtol(text, NULL, 10);

	if (n < 1)
		return err_set(err, EINVAL, "%s cannot be less than 1", key);
	yyjson_mut_obj_add_int(m->d, log, "max_files", n > 100 ? 100 : n);
	return 0;
}

/* Of the files: Docker has one pair of names for drivers that keep files, and another for what is kept of the output that goes elsewhere. */
static int pass_log_option(struct making *m, yyjson_mut_val *log, yyjson_mut_val *others, const char *key,
			   yyjson_val *v, bool cached, struct err *err)
{
	const char *text = yyjson_get_str(v);

	if (!strcmp(key, cached ? "cache-max-size" : "max-size"))
		return pass_log_size(m, log, key, text, err);
	if (!strcmp(key, cached ? "cache-max-file" : "max-file"))
		return pass_log_files(m, log, key, text, err);
	yyjson_mut_obj_add_strcpy(m->d, others, yyjson_mut_get_str(yyjson_mut_strcpy(m->d, key)), text);
	return 0;
}

/* What is kept by another driver than json-file is packed unless somebody says no. */
static int pass_log_compress(struct making *m, yyjson_mut_val *log, yyjson_val *options, enum spec_log driver,
			     struct err *err)
{
	const bool cached = driver == SPEC_LOG_JOURNALD || driver == SPEC_LOG_SYSLOG;
	const char *text = yyjson_get_str(yyjson_obj_get(options, cached ? "cache-compress" : "compress"));
	const bool yes = text && (!strcmp(text, "true") || !strcmp(text, "1"));
	const bool one_file = yyjson_mut_get_int(yyjson_mut_obj_get(log, "max_files")) == 1;

	if (yes && one_file)
		return err_set(err, EINVAL,
			       "compress cannot be true when max-file is less than 2 or max-size is not set");
	if (yes || (!text && !one_file && (cached || driver == SPEC_LOG_LOCAL)))
		yyjson_mut_obj_add_bool(m->d, log, "compress", true);
	return 0;
}

static int pass_log(struct making *m, struct err *err)
{
	static const char *const drivers[] = {"json-file", "local", "none", "journald", "syslog"};
	yyjson_val *from = yyjson_obj_get(m->host, "LogConfig"), *key, *value;
	const char *type = shape_text(from, "Type");
	yyjson_mut_val *log = yyjson_mut_obj(m->d), *others = yyjson_mut_obj(m->d);
	static const enum spec_log logs[] = {SPEC_LOG_JSON_FILE, SPEC_LOG_LOCAL, SPEC_LOG_NONE, SPEC_LOG_JOURNALD,
					     SPEC_LOG_SYSLOG};
	const size_t n_drivers = sizeof drivers / sizeof *drivers;
	size_t i, n, driver = 0;

	while (driver < n_drivers && strcmp(type, drivers[driver]) != 0)
		driver++;
	if (driver == n_drivers)
		return err_set(err, EINVAL, "logger: no log driver named '%.100s' is registered", type);
	if (outlet_check(logs[driver], yyjson_obj_get(from, "Config"), err) < 0)
		return -EINVAL;
	yyjson_mut_obj_add_strcpy(m->d, log, "driver", type);
	yyjson_obj_foreach (yyjson_obj_get(from, "Config"), i, n, key, value) {
		if (pass_log_option(m, log, others, yyjson_get_str(key), value, driver > 2, err) < 0)
			return -EINVAL;
	}
	if (pass_log_compress(m, log, yyjson_obj_get(from, "Config"), logs[driver], err) < 0)
		return -EINVAL;
	if (yyjson_mut_obj_size(others) > 0)
		yyjson_mut_obj_add_val(m->d, log, "options", others);
	yyjson_mut_obj_add_val(m->d, m->spec, "log", log);
	return 0;
}

/* ---- what is not done ---- */

static int refuse(const struct making *m, struct err *err)
{
	static const char *const runtimes[] = {"", "berth", "runc", "io.containerd.runc.v2"};
	const char *isolation = shape_text(m->host, "Isolation"), *runtime = shape_text(m->host, "Runtime");
	bool known = false;

	for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++)
		known |= !strcmp(runtime, runtimes[i]);
	if (!known)
		return err_set(err, EINVAL, "unknown or invalid runtime name: %.100s", runtime);
	if (*isolation && strcasecmp(isolation, "default") != 0)
		return err_set(err, EINVAL, "invalid isolation '%.100s' on linux", isolation);
	if (shape_is_set(yyjson_obj_get(m->host, "StorageOpt")))
		return err_set(err, EINVAL,
			       "StorageOpt: --storage-opt is supported only for overlay over xfs with 'pquota' mount "
			       "option");
	if (*shape_text(m->host, "Cgroup"))
		return err_set(err, EINVAL, "Cgroup: joining another container's cgroup is not supported");
	return 0;
}

static void warn(struct making *m)
{
	static const char *const ignored[] = {"KernelMemory", "KernelMemoryTCP", "CpuCount",
					      "CpuPercent",   "IOMaximumIOps",	 "IOMaximumBandwidth"};

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		if (shape_is_set(yyjson_obj_get(m->host, ignored[i])))
			create_warn(m, "%s does nothing on this machine", ignored[i]);
	}
	if (yyjson_is_true(yyjson_obj_get(m->host, "OomKillDisable")) && shape_number(m->host, "Memory") == 0)
		create_warn(m, "OOM killer is disabled for the container, but no memory limit is set, this can result "
			       "in the system running out of resources.");
}

static void pass_console_size(struct making *m)
{
	yyjson_val *size = yyjson_obj_get(m->host, "ConsoleSize");

	if (yyjson_get_sint(yyjson_arr_get(size, 0)) > 0 && yyjson_get_sint(yyjson_arr_get(size, 1)) > 0)
		yyjson_mut_obj_add_val(m->d, m->spec, "console_size", yyjson_val_mut_copy(m->d, size));
}

int create_host(struct making *m, struct err *err)
{
	int r = refuse(m, err);

	if (r < 0)
		return r;
	warn(m);
	shape_pass(m->d, m->spec, m->host, same);
	pass_console_size(m);
	r = create_resources(m, err);
	if (r == 0)
		r = pass_ulimits(m, err);
	if (r == 0)
		r = pass_rights(m, err);
	if (r == 0)
		r = pass_log(m, err);
	if (r == 0)
		r = create_devices(m, err);
	return r;
}
