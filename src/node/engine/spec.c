/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/spec.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/data/data.h"
#include "node/engine/spec_parts.h"

#include <string.h>

#define LABELS_MAX 4096

#define AT(m) offsetof(struct spec, m)
static const struct spec_member top_members[] = {
    {"image", SPEC_STR, AT(image)},
    {"name", SPEC_STR, AT(name)},
    {"key", SPEC_STR, AT(key)},
    {"job", SPEC_STR, AT(job)},
    {"task", SPEC_STR, AT(task)},
    {"index", SPEC_INT, AT(index), 0, UINT32_MAX},
    {"epoch", SPEC_INT, AT(epoch), 0, UINT32_MAX},
    {"remove", SPEC_BOOL, AT(remove)},
    {"fenced", SPEC_BOOL, AT(fenced)},
    {"confined", SPEC_BOOL, AT(confined)},
    {"entrypoint", SPEC_STRV, AT(entrypoint)},
    {"command", SPEC_STRV, AT(command)},
    {"environment", SPEC_STRV, AT(environment)},
    {"working_dir", SPEC_STR, AT(working_dir)},
    {"user", SPEC_STR, AT(user)},
    {"hostname", SPEC_STR, AT(hostname)},
    {"domainname", SPEC_STR, AT(domainname)},
    {"read_only", SPEC_BOOL, AT(read_only)},
    {"userns", SPEC_BOOL, AT(userns)},
    {"limit_cpu_milli", SPEC_INT, AT(limit_cpu_milli), 0, 1000000000},
    {"limit_memory", SPEC_INT, AT(limit_memory), 0, INT64_MAX},
    {"limit_pids", SPEC_INT, AT(limit_pids), 0, 4194304},
    {"stop_signal", SPEC_STR, AT(stop_signal)},
    {"stop_grace_ms", SPEC_INT, AT(stop_grace_ms), 0, SPEC_YEAR_MS},
    {"stop_timeout", SPEC_OTHER},
    {"warn_signal", SPEC_INT, AT(warn_signal), 1, 64},
    {"warn_after_ms", SPEC_INT, AT(warn_after_ms), 1, SPEC_YEAR_MS * 10},
    {"mounts", SPEC_OTHER},
    {"files", SPEC_OTHER},
    {"spaces", SPEC_OTHER},
    {"stage_in", SPEC_OTHER},
    {"stage_out", SPEC_OTHER},
    {"healthcheck", SPEC_OTHER},
    {"log", SPEC_OTHER},
    {"restart", SPEC_OTHER},
    {"tty", SPEC_BOOL, AT(tty)},
    {"open_stdin", SPEC_BOOL, AT(open_stdin)},
    {"stdin_once", SPEC_BOOL, AT(stdin_once)},
    {"console_size", SPEC_OTHER},
    {"init", SPEC_OTHER},
    {"privileged", SPEC_BOOL, AT(privileged)},
    {"docker_caps", SPEC_BOOL, AT(docker_caps)},
    {"cap_add", SPEC_STRV, AT(cap_add), 0, SPEC_LIST_MAX},
    {"cap_drop", SPEC_STRV, AT(cap_drop), 0, SPEC_LIST_MAX},
    {"no_new_privileges", SPEC_BOOL, AT(no_new_privileges)},
    {"seccomp", SPEC_STR, AT(seccomp)},
    {"apparmor", SPEC_STR, AT(apparmor)},
    {"group_add", SPEC_STRV, AT(group_add), 0, SPEC_LIST_MAX},
    {"masked_paths", SPEC_STRV, AT(masked_paths), 0, SPEC_LIST_MAX},
    {"readonly_paths", SPEC_STRV, AT(readonly_paths), 0, SPEC_LIST_MAX},
    {"devices", SPEC_OTHER},
    {"device_cgroup_rules", SPEC_STRV, AT(device_cgroup_rules), 0, SPEC_DEVICES_MAX},
    {"ulimits", SPEC_OTHER},
    {"sysctls", SPEC_OTHER},
    {"shm_size", SPEC_INT, AT(shm_size), 0, INT64_MAX},
    {"pid_mode", SPEC_OTHER},
    {"ipc_mode", SPEC_OTHER},
    {"network_mode", SPEC_OTHER},
    {"uts_mode", SPEC_OTHER},
    {"userns_mode", SPEC_OTHER},
    {"cgroupns_mode", SPEC_OTHER},
    {"cgroup_parent", SPEC_STR, AT(cgroup_parent)},
    {"cpu_shares", SPEC_INT, AT(cpu_shares), 0, INT64_MAX},
    {"cpu_period", SPEC_INT, AT(cpu_period), 0, INT64_MAX},
    {"cpu_quota", SPEC_INT, AT(cpu_quota), -1, INT64_MAX},
    {"cpu_realtime_period", SPEC_INT, AT(cpu_rt_period), 0, INT64_MAX},
    {"cpu_realtime_runtime", SPEC_INT, AT(cpu_rt_runtime), 0, INT64_MAX},
    {"cpuset_cpus", SPEC_STR, AT(cpuset_cpus)},
    {"cpuset_mems", SPEC_STR, AT(cpuset_mems)},
    {"memory_reservation", SPEC_INT, AT(memory_reservation), 0, INT64_MAX},
    {"memory_swap", SPEC_INT, AT(memory_swap), -1, INT64_MAX},
    {"memory_swappiness", SPEC_INT, AT(memory_swappiness), -1, 100},
    {"oom_score_adj", SPEC_INT, AT(oom_score_adj), -1000, 1000},
    {"oom_kill_disable", SPEC_BOOL, AT(oom_kill_disable)},
    {"blkio_weight", SPEC_INT, AT(blkio_weight), 0, 1000},
    {"blkio_weight_device", SPEC_OTHER},
    {"blkio_device_read_bps", SPEC_OTHER},
    {"blkio_device_write_bps", SPEC_OTHER},
    {"blkio_device_read_iops", SPEC_OTHER},
    {"blkio_device_write_iops", SPEC_OTHER},
    {"extra_hosts", SPEC_STRV, AT(extra_hosts), 0, SPEC_LIST_MAX},
    {"dns", SPEC_STRV, AT(dns), 0, SPEC_LIST_MAX},
    {"dns_search", SPEC_STRV, AT(dns_search), 0, SPEC_LIST_MAX},
    {"dns_options", SPEC_STRV, AT(dns_options), 0, SPEC_LIST_MAX},
    {"networks", SPEC_ARR, AT(networks), 0, SPEC_LIST_MAX},
    {"expose", SPEC_STRV, AT(expose), 0, 65536},
    {"ports", SPEC_ARR, AT(ports), 0, 65536},
    {"labels", SPEC_PAIRS, AT(labels), 0, LABELS_MAX},
    {"annotations", SPEC_PAIRS, AT(annotations), 0, LABELS_MAX},
    {"docker", SPEC_OBJ, AT(docker)},
    {NULL},
};
#undef AT

const char *spec_member_at(size_t i)
{
	return i < sizeof top_members / sizeof *top_members ? top_members[i].name : NULL;
}

#define AT(m) offsetof(struct spec_space, m)
static const struct spec_member space_members[] = {{"name", SPEC_STR, AT(name)}, {"path", SPEC_STR, AT(path)}, {NULL}};
#undef AT

static int read_space(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct spec_space *ret = item;
	int r = spec_read_members(v, space_members, ret, err);

	(void)s;
	if (r < 0)
		return r;
	if (!ret->name || !*ret->name)
		return err_set(err, EINVAL, "name is missing");
	if (!ret->path || *ret->path != '/')
		return err_set(err, EINVAL, "path of space \"%s\" is not absolute", ret->name);
	return 0;
}

#define AT(m) offsetof(struct spec_rule, m)
static const struct spec_member rule_members[] = {
    {"space", SPEC_STR, AT(space)},
    {"to", SPEC_STR, AT(to)},
    {"include", SPEC_STRV, AT(include)},
    {"exclude", SPEC_STRV, AT(exclude)},
    {NULL},
};
#undef AT

static const char *space_path(const struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->n_spaces; i++) {
		if (!strcmp(s->spaces[i].name, name))
			return s->spaces[i].path;
	}
	return NULL;
}

static int check_patterns(char *const *v, struct err *err)
{
	int r = 0;

	for (; v && *v && r >= 0; v++)
		r = data_pattern_check(*v, err);
	return r < 0 ? r : 0;
}

static int read_rule(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct spec_rule *ret = item;
	int r = spec_read_members(v, rule_members, ret, err);

	if (r < 0)
		return r;
	if (!ret->space)
		return err_set(err, EINVAL, "space is missing");
	ret->path = space_path(s, ret->space);
	if (!ret->path)
		return err_set(err, EINVAL, "space \"%s\" is not among spaces", ret->space);
	if (ret->to && !*ret->to)
		ret->to = NULL;
	r = check_patterns(ret->include, err);
	if (r == 0)
		r = check_patterns(ret->exclude, err);
	if (r == 0 && ret->to)
		r = data_pattern_check(ret->to, err);
	return r < 0 ? r : 0;
}

static const struct spec_list spaces = {"spaces", SPEC_RULES_MAX, sizeof(struct spec_space), read_space};
static const struct spec_list stage_in = {"stage_in", SPEC_RULES_MAX, sizeof(struct spec_rule), read_rule};
static const struct spec_list stage_out = {"stage_out", SPEC_RULES_MAX, sizeof(struct spec_rule), read_rule};

#define AT(m) offsetof(struct spec_health, m)
static const struct spec_member health_members[] = {
    {"test", SPEC_STRV, AT(test)},
    {"interval_ms", SPEC_INT, AT(interval_ms), 0, SPEC_YEAR_MS},
    {"timeout_ms", SPEC_INT, AT(timeout_ms), 0, SPEC_YEAR_MS},
    {"retries", SPEC_INT, AT(retries), 0, 1000000},
    {"start_period_ms", SPEC_INT, AT(start_period_ms), 0, SPEC_YEAR_MS},
    {"start_interval_ms", SPEC_INT, AT(start_interval_ms), 0, SPEC_YEAR_MS},
    {NULL},
};
#undef AT

/* ["CMD", a...] -> a...; ["CMD-SHELL", t] -> sh -c t; ["NONE"] or [] -> none (Docker Engine API, HealthConfig.Test). */
static int health_argv(struct spec_health *h, struct err *err)
{
	char **test = h->test, **argv = NULL;
	size_t n = mem_strv_len(test);

	if (n > 0 && strcmp(test[0], "NONE") != 0) {
		if (!strcmp(test[0], "CMD") && n > 1) {
			for (char **p = test + 1; *p; p++)
				mem_strv_add(&argv, *p);
		} else if (!strcmp(test[0], "CMD-SHELL") && n == 2) {
			mem_strv_add(&argv, "/bin/sh");
			mem_strv_add(&argv, "-c");
			mem_strv_add(&argv, test[1]);
		} else {
			return err_set(err, EINVAL,
				       "test: a list is needed that starts with NONE, CMD and arguments, or CMD-SHELL "
				       "and one text");
		}
	}
	mem_strv_free(test);
	h->test = argv;
	return 0;
}

static void set_default(int64_t *v, int64_t value)
{
	if (*v == 0)
		*v = value;
}

static int read_health(yyjson_val *obj, struct spec_health *h, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, "healthcheck");
	int r;

	if (!v || yyjson_is_null(v))
		return 0;
	r = spec_read_members(v, health_members, h, err);
	if (r == 0)
		r = health_argv(h, err);
	if (r < 0)
		return err_wrap(err, "healthcheck");
	set_default(&h->interval_ms, 30000);
	set_default(&h->timeout_ms, 30000);
	set_default(&h->start_interval_ms, 5000);
	set_default(&h->retries, 3);
	return 0;
}

/* The value of a member that is one word of a table, or -EINVAL. */
static int word(const char *what, const char *text, const char *const *words, int n, struct err *err)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	return err_set(err, EINVAL, "%s: \"%.100s\" is not known", what, text);
}

struct raw_log {
	const char *driver;
	yyjson_val *options;
	int64_t max_size, max_files;
	bool compress;
};

#define AT(m) offsetof(struct raw_log, m)
static const struct spec_member log_members[] = {
    {"driver", SPEC_STR, AT(driver)},
    {"options", SPEC_PAIRS, AT(options), 0, SPEC_LIST_MAX},
    {"max_size", SPEC_INT, AT(max_size), 64 << 10, INT64_MAX / 256},
    {"max_files", SPEC_INT, AT(max_files), 1, 100},
    {"compress", SPEC_BOOL, AT(compress)},
    {NULL},
};
#undef AT

static int read_log(yyjson_val *obj, struct spec *s, struct err *err)
{
	static const char *const drivers[] = {"", "json-file", "local", "journald", "none", "syslog"};
	struct raw_log raw = {.driver = "", .max_size = s->log_max_size, .max_files = s->log_max_files};
	yyjson_val *v = yyjson_obj_get(obj, "log");
	int r;

	if (!v || yyjson_is_null(v))
		return 0;
	r = spec_read_members(v, log_members, &raw, err);
	if (r == 0)
		r = word("driver", raw.driver, drivers, 6, err);
	if (r < 0)
		return err_wrap(err, "log");
	s->log_driver = (enum spec_log)r;
	s->log_options = raw.options;
	s->log_max_size = raw.max_size;
	s->log_max_files = raw.max_files;
	s->log_compress = raw.compress;
	return 0;
}

struct raw_restart {
	const char *policy;
	int64_t max_retries;
};

#define AT(m) offsetof(struct raw_restart, m)
static const struct spec_member restart_members[] = {
    {"policy", SPEC_STR, AT(policy)},
    {"max_retries", SPEC_INT, AT(max_retries), 0, INT32_MAX},
    {NULL},
};
#undef AT

static int read_restart(yyjson_val *obj, struct spec *s, struct err *err)
{
	static const char *const policies[] = {"no", "always", "unless-stopped", "on-failure", ""};
	struct raw_restart raw = {.policy = "no"};
	yyjson_val *v = yyjson_obj_get(obj, "restart");
	int r;

	if (!v || yyjson_is_null(v))
		return 0;
	r = spec_read_members(v, restart_members, &raw, err);
	if (r == 0)
		r = word("policy", raw.policy, policies, 5, err);
	if (r >= 0 && raw.max_retries && r != SPEC_RESTART_ON_FAILURE)
		r = err_set(err, EINVAL, "max_retries is for the policy on-failure only");
	if (r < 0)
		return err_wrap(err, "restart");
	s->restart = r == 4 ? SPEC_RESTART_NO : (enum spec_restart)r;
	s->restart_max = raw.max_retries;
	return 0;
}

/* In seconds, -1 = for ever. */
static int read_stop_timeout(yyjson_val *obj, struct spec *s, struct err *err)
{
	int64_t seconds = SPEC_UNSET;
	int r = json_opt_int(obj, "stop_timeout", -1, SPEC_YEAR_MS / 1000, &seconds, err);

	if (r == 0 && seconds != SPEC_UNSET)
		s->stop_grace_ms = seconds < 0 ? SPEC_YEAR_MS : seconds * 1000;
	return r;
}

static size_t strv_bytes(char *const *v)
{
	size_t n = 0;

	for (; v && *v; v++)
		n += strlen(*v) + 1;
	return n;
}

static int check_environment(char *const *env, struct err *err)
{
	for (; env && *env; env++) {
		if (!**env || **env == '=')
			return err_set(err, EINVAL, "environment: \"%.100s\" is not of the form NAME=value", *env);
	}
	return 0;
}

static int check_texts(const struct spec *s, struct err *err)
{
	if (!s->image || !*s->image)
		return err_set(err, EINVAL, "image is missing");
	if (s->name && !spec_name_ok(s->name))
		return err_set(err, EINVAL,
			       "name \"%.200s\": letters, digits, \"_\", \".\" and \"-\" are allowed, 128 at most",
			       s->name);
	if (s->key && (!*s->key || strlen(s->key) > 512))
		return err_set(err, EINVAL, "key: 1 to 512 bytes are needed");
	if (s->hostname && (strlen(s->hostname) > 64 || !spec_name_ok(s->hostname)))
		return err_set(err, EINVAL, "hostname \"%.200s\" is not a host name", s->hostname);
	if (s->working_dir && *s->working_dir != '/')
		return err_set(err, EINVAL, "working_dir \"%.200s\" is not an absolute path", s->working_dir);
	if (strv_bytes(s->entrypoint) + strv_bytes(s->command) > SPEC_ARGS_MAX)
		return err_set(err, E2BIG, "entrypoint and command are longer than %u bytes", SPEC_ARGS_MAX);
	if (strv_bytes(s->environment) > SPEC_ARGS_MAX)
		return err_set(err, E2BIG, "environment is longer than %u bytes", SPEC_ARGS_MAX);
	if (s->limit_cpu_milli && s->limit_cpu_milli < 10)
		return err_set(err, EINVAL, "limit_cpu_milli: less than 10 is not possible");
	if (s->stop_signal) {
		int r = spec_signal(s->stop_signal, err);

		if (r < 0)
			return err_wrap(err, "stop_signal");
	}
	return check_environment(s->environment, err);
}

static int read_lists(yyjson_val *v, struct spec *s, struct err *err)
{
	int r = spec_read_mounts(v, s, err);

	if (r == 0)
		r = spec_read_list(v, &spaces, s, &s->spaces, &s->n_spaces, err);
	if (r == 0)
		r = spec_read_list(v, &stage_in, s, &s->stage_in, &s->n_stage_in, err);
	if (r == 0)
		r = spec_read_list(v, &stage_out, s, &s->stage_out, &s->n_stage_out, err);
	return r;
}

static int read_objects(yyjson_val *v, struct spec *s, struct err *err)
{
	int r = read_health(v, &s->health, err);

	if (r == 0)
		r = read_log(v, s, err);
	if (r == 0)
		r = read_restart(v, s, err);
	if (r == 0)
		r = read_stop_timeout(v, s, err);
	return r;
}

int spec_parse(yyjson_val *v, struct spec *ret, struct err *err)
{
	int r;

	*ret = (struct spec){
	    .stop_grace_ms = 10000,
	    .log_max_size = SPEC_LOG_SIZE_DEFAULT,
	    .log_max_files = SPEC_LOG_FILES_DEFAULT,
	    .no_new_privileges = true,
	    .cpu_shares = SPEC_UNSET,
	    .cpu_period = SPEC_UNSET,
	    .cpu_quota = SPEC_UNSET,
	    .cpu_rt_period = SPEC_UNSET,
	    .cpu_rt_runtime = SPEC_UNSET,
	    .memory_reservation = SPEC_UNSET,
	    .memory_swap = SPEC_UNSET,
	    .memory_swappiness = SPEC_UNSET,
	    .oom_score_adj = SPEC_UNSET,
	    .blkio_weight = SPEC_UNSET,
	};
	r = spec_read_members(v, top_members, ret, err);
	if (r == 0)
		r = check_texts(ret, err);
	if (r == 0)
		r = read_lists(v, ret, err);
	if (r == 0)
		r = read_objects(v, ret, err);
	if (r == 0)
		r = spec_read_kernel(v, ret, err);
	ret->pids_by_default = ret->limit_pids == 0;
	set_default(&ret->limit_pids, SPEC_PIDS_DEFAULT);
	return r;
}

static void free_rules(struct spec_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mem_strv_free(rules[i].include);
		mem_strv_free(rules[i].exclude);
	}
	free(rules);
}

void spec_free(struct spec *s)
{
	mem_strv_free(s->entrypoint);
	mem_strv_free(s->command);
	mem_strv_free(s->environment);
	mem_strv_free(s->health.test);
	free_rules(s->stage_in, s->n_stage_in);
	free_rules(s->stage_out, s->n_stage_out);
	spec_free_mounts(s);
	spec_free_kernel(s);
	free(s->spaces);
	*s = (struct spec){.image = NULL};
}
