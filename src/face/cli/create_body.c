/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/create_body.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/create_parts.h"
#include "face/cli/env_words.h"
#include "face/cli/term.h"
#include "face/cli/units.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PROFILE_MAX (1u << 20)
#define NS_PER_MS 1000000u

/* ---- members that an option fills as it is ---- */

enum form {
	FORM_TEXT,
	FORM_FLAG,
	FORM_LIST,   /* of strings */
	FORM_NUMBER, /* uint64_t, 0 = not given */
	FORM_TYPED,  /* a whole number as text, may be negative */
	FORM_SIZE,   /* bytes as text; -1 is allowed */
	FORM_PAIRS,  /* K=V -> object */
};

static const struct member {
	const char *option, *key;
	enum form form;
	size_t offset;
	bool host; /* in HostConfig */
	uint64_t factor;
} members[] = {
#define OF(member) offsetof(struct run_options, member)
    {"workdir", "WorkingDir", FORM_TEXT, OF(workdir)},
    {"user", "User", FORM_TEXT, OF(user)},
    {"hostname", "Hostname", FORM_TEXT, OF(hostname)},
    {"domainname", "Domainname", FORM_TEXT, OF(domainname)},
    {"tty", "Tty", FORM_FLAG, OF(tty)},
    {"interactive", "OpenStdin", FORM_FLAG, OF(interactive)},
    {"stop-signal", "StopSignal", FORM_TEXT, OF(stop_signal)},
    {"stop-timeout", "StopTimeout", FORM_TYPED, OF(stop_timeout)},
    {"rm", "AutoRemove", FORM_FLAG, OF(remove), true},
    {"read-only", "ReadonlyRootfs", FORM_FLAG, OF(read_only), true},
    {"privileged", "Privileged", FORM_FLAG, OF(privileged), true},
    {"publish-all", "PublishAllPorts", FORM_FLAG, OF(publish_all), true},
    {"oom-kill-disable", "OomKillDisable", FORM_FLAG, OF(oom_kill_disable), true},
    {"runtime", "Runtime", FORM_TEXT, OF(runtime), true},
    {"volume-driver", "VolumeDriver", FORM_TEXT, OF(volume_driver), true},
    {"pid", "PidMode", FORM_TEXT, OF(pid), true},
    {"ipc", "IpcMode", FORM_TEXT, OF(ipc), true},
    {"uts", "UTSMode", FORM_TEXT, OF(uts), true},
    {"cgroupns", "CgroupnsMode", FORM_TEXT, OF(cgroupns), true},
    {"cgroup-parent", "CgroupParent", FORM_TEXT, OF(cgroup_parent), true},
    {"cpuset-cpus", "CpusetCpus", FORM_TEXT, OF(cpuset_cpus), true},
    {"cpuset-mems", "CpusetMems", FORM_TEXT, OF(cpuset_mems), true},
    {"cpus", "NanoCpus", FORM_NUMBER, OF(cpus), true, 1000000},
    {"memory", "Memory", FORM_NUMBER, OF(memory), true},
    {"pids", "PidsLimit", FORM_NUMBER, OF(pids), true},
    {"cpu-shares", "CpuShares", FORM_NUMBER, OF(cpu_shares), true},
    {"cpu-period", "CpuPeriod", FORM_NUMBER, OF(cpu_period), true},
    {"blkio-weight", "BlkioWeight", FORM_NUMBER, OF(blkio_weight), true},
    {"cpu-quota", "CpuQuota", FORM_TYPED, OF(cpu_quota), true},
    {"oom-score-adj", "OomScoreAdj", FORM_TYPED, OF(oom_score_adj), true},
    {"memory-swappiness", "MemorySwappiness", FORM_TYPED, OF(memory_swappiness), true},
    {"shm-size", "ShmSize", FORM_SIZE, OF(shm_size), true},
    {"memory-reservation", "MemoryReservation", FORM_SIZE, OF(memory_reservation), true},
    {"memory-swap", "MemorySwap", FORM_SIZE, OF(memory_swap), true},
    {"cap-add", "CapAdd", FORM_LIST, OF(cap_add), true},
    {"cap-drop", "CapDrop", FORM_LIST, OF(cap_drop), true},
    {"group-add", "GroupAdd", FORM_LIST, OF(group_add), true},
    {"device-cgroup-rule", "DeviceCgroupRules", FORM_LIST, OF(device_rules), true},
    {"dns", "Dns", FORM_LIST, OF(dns), true},
    {"dns-search", "DnsSearch", FORM_LIST, OF(dns_search), true},
    {"dns-option", "DnsOptions", FORM_LIST, OF(dns_options), true},
    {"volumes-from", "VolumesFrom", FORM_LIST, OF(volumes_from), true},
    {"link", "Links", FORM_LIST, OF(links), true},
    {"sysctl", "Sysctls", FORM_PAIRS, OF(sysctls), true},
    {"annotation", "Annotations", FORM_PAIRS, OF(annotations), true},
#undef OF
};

static int add_typed(yyjson_mut_doc *d, yyjson_mut_val *to, const struct member *m, const char *text, struct err *err)
{
	struct err why = ERR_INIT;
	uint64_t n = 0;
	bool minus = *text == '-';
	int r = m->form == FORM_SIZE && !minus ? units_size(text, &n, &why) : units_count(text + minus, &n, &why);

	if (r < 0 || n > INT64_MAX)
		return err_set(err, EINVAL, "--%s: %s", m->option, r < 0 ? why.text : "the number is too large");
	yyjson_mut_obj_add_int(d, to, m->key, minus ? -(int64_t)n : (int64_t)n);
	return 0;
}

static int add_member(yyjson_mut_doc *d, yyjson_mut_val *to, const struct member *m, const struct run_options *o,
		      struct err *err)
{
	const void *value = (const char *)o + m->offset;
	bool is_list = m->form == FORM_LIST || m->form == FORM_PAIRS,
	     is_plain = m->form == FORM_FLAG || m->form == FORM_NUMBER;
	const char *text = is_list || is_plain ? NULL : *(const char *const *)value;
	char *const *list = is_list ? *(char *const *const *)value : NULL;

	switch (m->form) {
	case FORM_FLAG:
		if (*(const bool *)value)
			yyjson_mut_obj_add_bool(d, to, m->key, true);
		return 0;
	case FORM_NUMBER:
		if (*(const uint64_t *)value)
			yyjson_mut_obj_add_uint(d, to, m->key, *(const uint64_t *)value * (m->factor ? m->factor : 1));
		return 0;
	case FORM_TEXT:
		if (text)
			yyjson_mut_obj_add_strcpy(d, to, m->key, text);
		return 0;
	case FORM_LIST:
		json_add_strv(d, to, m->key, list);
		return 0;
	case FORM_PAIRS:
		return create_parts_pairs(d, to, m->key, m->option, list, err);
	case FORM_TYPED:
	case FORM_SIZE:
		return text ? add_typed(d, to, m, text, err) : 0;
	}
	return 0;
}

static int add_members(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_mut_val *host, const struct run_options *o,
		       struct err *err)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		int r = add_member(d, members[i].host ? host : config, &members[i], o, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- lists of values with a form of their own ---- */

static int add_security(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	yyjson_mut_val *list = create_parts_list(d, yyjson_mut_obj_get(root, "HostConfig"), "SecurityOpt");
	mem_cleanup char *profile = NULL, *option = NULL;
	const char *path = strncmp(text, "seccomp", 7) == 0 && text[7] ? text + 8 : "";
	fd_cleanup int fd = -1;
	size_t n;
	int r;

	if (!*path || !strcmp(path, "unconfined") || !strcmp(path, "builtin") || *path == '{') {
		yyjson_mut_arr_add_strcpy(d, list, text);
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	r = fd < 0 ? -errno : fd_read_all(fd, PROFILE_MAX, &profile, &n);
	if (r < 0)
		return err_sys(err, -r, "--security-opt: read \"%s\"", path);
	option = mem_printf("seccomp=%s", profile);
	yyjson_mut_arr_add_strcpy(d, list, option);
	return 0;
}

/* "NAME:IP" or "NAME=IP" */
static int add_host(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	size_t n = strcspn(text, ":=");
	mem_cleanup char *line = mem_strdup(text);

	if (n == 0 || !text[n] || !text[n + 1])
		return err_set(err, EINVAL, "--add-host \"%s\": write NAME:ADDRESS", text);
	line[n] = ':';
	yyjson_mut_arr_add_strcpy(d, create_parts_list(d, yyjson_mut_obj_get(root, "HostConfig"), "ExtraHosts"), line);
	return 0;
}

static int add_disk(yyjson_mut_doc *d, yyjson_mut_val *host, const char *option, const char *key, const char *number,
		    const char *text, bool size, struct err *err)
{
	const char *colon = strrchr(text, ':');
	struct err why = ERR_INIT;
	yyjson_mut_val *o;
	uint64_t n;

	if (!colon || *text != '/')
		return err_set(err, EINVAL, "--%s \"%s\": write PATH:%s", option, text, size ? "SIZE" : "N");
	if ((size ? units_size(colon + 1, &n, &why) : units_count(colon + 1, &n, &why)) < 0)
		return err_set(err, EINVAL, "--%s \"%s\": %s", option, text, why.text);
	o = yyjson_mut_arr_add_obj(d, create_parts_list(d, host, key));
	yyjson_mut_obj_add_strncpy(d, o, "Path", text, (size_t)(colon - text));
	yyjson_mut_obj_add_uint(d, o, number, n);
	return 0;
}

static int add_disks(yyjson_mut_doc *d, yyjson_mut_val *host, const struct run_options *o, struct err *err)
{
	const struct {
		const char *option, *key, *number;
		char **values;
		bool size;
	} disks[] = {{"device-read-bps", "BlkioDeviceReadBps", "Rate", o->read_bps, true},
		     {"device-write-bps", "BlkioDeviceWriteBps", "Rate", o->write_bps, true},
		     {"device-read-iops", "BlkioDeviceReadIOps", "Rate", o->read_iops, false},
		     {"device-write-iops", "BlkioDeviceWriteIOps", "Rate", o->write_iops, false},
		     {"blkio-weight-device", "BlkioWeightDevice", "Weight", o->weights, false}};

	for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
		for (char **v = disks[i].values; v && *v; v++) {
			int r =
			    add_disk(d, host, disks[i].option, disks[i].key, disks[i].number, *v, disks[i].size, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int add_parts(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, struct err *err)
{
	const struct {
		char **values;
		int (*fn)(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
	} parts[] = {
	    {o->publish, create_parts_publish}, {o->expose, create_parts_expose}, {o->volumes, create_parts_volume},
	    {o->mounts, create_parts_mount},	{o->tmpfs, create_parts_tmpfs},	  {o->devices, create_parts_device},
	    {o->ulimits, create_parts_ulimit},	{o->security, add_security},	  {o->hosts, add_host}};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		for (char **v = parts[i].values; v && *v; v++) {
			int r = parts[i].fn(d, root, *v, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- single ones ---- */

static int add_labels(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, struct err *err)
{
	char **lines cleanup_with(mem_strv_freep) = NULL;
	int r = env_words_read(o->label_files, NULL, &lines, err);

	if (r == 0)
		r = create_parts_pairs(d, root, "Labels", "label-file", lines, err);
	return r < 0 ? r : create_parts_pairs(d, root, "Labels", "label", o->labels, err);
}

static int add_log(yyjson_mut_doc *d, yyjson_mut_val *host, const struct run_options *o, struct err *err)
{
	yyjson_mut_val *log;

	if (!o->log_driver && !o->log_options)
		return 0;
	log = yyjson_mut_obj_add_obj(d, host, "LogConfig");
	yyjson_mut_obj_add_strcpy(d, log, "Type", o->log_driver ? o->log_driver : "json-file");
	return create_parts_pairs(d, log, "Config", "log-opt", o->log_options, err);
}

static int add_health(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, struct err *err)
{
	const struct {
		const char *key;
		uint64_t value, factor;
	} numbers[] = {{"Interval", o->health_interval, NS_PER_MS},
		       {"Timeout", o->health_timeout, NS_PER_MS},
		       {"StartPeriod", o->health_start_period, NS_PER_MS},
		       {"StartInterval", o->health_start_interval, NS_PER_MS},
		       {"Retries", o->health_retries, 1}};
	yyjson_mut_val *health = yyjson_mut_obj(d), *test;

	if (o->no_healthcheck && o->health_cmd)
		return err_set(err, EINVAL, "--no-healthcheck and --health-cmd exclude each other");
	if (o->no_healthcheck || o->health_cmd) {
		test = yyjson_mut_obj_add_arr(d, health, "Test");
		yyjson_mut_arr_add_str(d, test, o->health_cmd ? "CMD-SHELL" : "NONE");
		if (o->health_cmd)
			yyjson_mut_arr_add_strcpy(d, test, o->health_cmd);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].value)
			yyjson_mut_obj_add_uint(d, health, numbers[i].key, numbers[i].value * numbers[i].factor);
	}
	if (yyjson_mut_obj_size(health) > 0)
		yyjson_mut_obj_add_val(d, root, "Healthcheck", health);
	return 0;
}

static int add_streams(yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_mut_val *host, const struct run_options *o,
		       struct err *err)
{
	struct run_streams s;
	yyjson_mut_val *size;
	int r = run_options_streams(o, &s, err);

	if (r < 0)
		return r;
	yyjson_mut_obj_add_bool(d, root, "AttachStdin", s.in);
	yyjson_mut_obj_add_bool(d, root, "AttachStdout", s.out);
	yyjson_mut_obj_add_bool(d, root, "AttachStderr", s.err);
	/* Its input ends when we leave: nobody else gives it any. */
	if (s.in)
		yyjson_mut_obj_add_bool(d, root, "StdinOnce", true);
	if (!o->tty || !term_is(STDIN_FILENO))
		return 0;
	size = yyjson_mut_obj_add_arr(d, host, "ConsoleSize");
	yyjson_mut_arr_add_uint(d, size, term_height(STDIN_FILENO));
	yyjson_mut_arr_add_uint(d, size, term_width(STDIN_FILENO));
	return 0;
}

static int add_command(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, char **words,
		       struct err *err)
{
	char **env cleanup_with(mem_strv_freep) = NULL;
	int r = env_words_read(o->env_files, o->env, &env, err);

	yyjson_mut_obj_add_strcpy(d, root, "Image", words[0]);
	if (words[1])
		json_add_strv(d, root, "Cmd", words + 1);
	json_add_strv(d, root, "Env", env);
	/* [""] means none, whatever the image says. */
	if (o->entrypoint)
		yyjson_mut_arr_add_strcpy(d, yyjson_mut_obj_add_arr(d, root, "Entrypoint"), o->entrypoint);
	return r;
}

/* ---- what a container of ours has, whichever road it takes ---- */

static bool names_capability(char *const *list, const char *name)
{
	for (; list && *list; list++) {
		const char *given = strncasecmp(*list, "CAP_", 4) == 0 ? *list + 4 : *list;

		if (!strcasecmp(given, name) || !strcasecmp(given, "ALL"))
			return true;
	}
	return false;
}

static bool names_new_privileges(char *const *list)
{
	for (; list && *list; list++) {
		if (!strncmp(*list, "no-new-privileges", strlen("no-new-privileges")))
			return true;
	}
	return false;
}

/* Docker gives three capabilities more, and lets programs with a set-user bit have their way. */
static void add_own_ways(yyjson_mut_doc *d, yyjson_mut_val *host, const struct run_options *o)
{
	static const char *const extra[] = {"AUDIT_WRITE", "MKNOD", "NET_RAW"};

	yyjson_mut_obj_add_bool(d, host, "Init", true);
	if (o->privileged)
		return;
	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
		if (!names_capability(o->cap_add, extra[i]) && !names_capability(o->cap_drop, extra[i]))
			yyjson_mut_arr_add_str(d, create_parts_list(d, host, "CapDrop"), extra[i]);
	}
	if (!names_new_privileges(o->security))
		yyjson_mut_arr_add_str(d, create_parts_list(d, host, "SecurityOpt"), "no-new-privileges");
}

int create_body(const struct run_options *o, char **words, char **ret_json, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *host = yyjson_mut_obj_add_obj(d, root, "HostConfig");
	int r = add_command(d, root, o, words, err);

	yyjson_mut_doc_set_root(d, root);
	if (r == 0)
		r = add_streams(d, root, host, o, err);
	if (o->userns)
		yyjson_mut_obj_add_str(d, host, "UsernsMode", "private");
	if (r == 0)
		r = add_members(d, root, host, o, err);
	if (r == 0)
		r = add_parts(d, root, o, err);
	add_own_ways(d, host, o);
	if (r == 0)
		r = add_labels(d, root, o, err);
	if (r == 0)
		r = add_log(d, host, o, err);
	if (r == 0)
		r = add_health(d, root, o, err);
	if (r == 0)
		r = add_disks(d, host, o, err);
	if (r == 0 && o->restart)
		r = create_parts_restart(d, host, o->restart, err);
	if (r == 0 && o->gpus)
		r = create_parts_gpus(d, root, o->gpus, err);
	if (r == 0)
		r = create_parts_networks(d, root, o, err);
	if (r == 0)
		*ret_json = json_text(d, false, NULL);
	return r;
}

int create_body_update(const struct run_options *o, char **ret_json, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *host = yyjson_mut_obj(d);
	int r = add_members(d, yyjson_mut_obj(d), host, o, err);

	yyjson_mut_doc_set_root(d, host);
	if (r == 0 && o->restart)
		r = create_parts_restart(d, host, o->restart, err);
	if (r == 0 && yyjson_mut_obj_size(host) == 0)
		r = err_set(err, EINVAL, "say what is to be changed, for example --memory 512m");
	if (r == 0)
		*ret_json = json_text(d, false, NULL);
	return r;
}
