/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/spec.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/data/data.h"
#include "base/core/guard.h"

#include <string.h>

#define DAY_MS (24ll * 3600 * 1000)
#define YEAR_MS (365 * DAY_MS)

/* Members are read by one table per object, so that the list of known names and the reading cannot differ. */
enum kind { STR, INT, BOOL, STRV, OTHER };

struct member {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t min, max;
};

#define AT(m) offsetof(struct spec, m)
static const struct member top_members[] = {
    {"image", STR, AT(image)},
    {"name", STR, AT(name)},
    {"key", STR, AT(key)},
    {"job", STR, AT(job)},
    {"task", STR, AT(task)},
    {"index", INT, AT(index), 0, UINT32_MAX},
    {"epoch", INT, AT(epoch), 0, UINT32_MAX},
    {"remove", BOOL, AT(remove)},
    {"entrypoint", STRV, AT(entrypoint)},
    {"command", STRV, AT(command)},
    {"environment", STRV, AT(environment)},
    {"working_dir", STR, AT(working_dir)},
    {"user", STR, AT(user)},
    {"hostname", STR, AT(hostname)},
    {"read_only", BOOL, AT(read_only)},
    {"userns", BOOL, AT(userns)},
    {"limit_cpu_milli", INT, AT(limit_cpu_milli), 0, 1000000000},
    {"limit_memory", INT, AT(limit_memory), 0, INT64_MAX},
    {"limit_pids", INT, AT(limit_pids), 0, 4194304},
    {"stop_signal", STR, AT(stop_signal)},
    {"stop_grace_ms", INT, AT(stop_grace_ms), 0, YEAR_MS},
    {"mounts", OTHER},
    {"files", OTHER},
    {"spaces", OTHER},
    {"stage_in", OTHER},
    {"stage_out", OTHER},
    {"healthcheck", OTHER},
    {"labels", OTHER},
    {"log", OTHER},
    {NULL},
};
#undef AT

static int read_member(yyjson_val *obj, const struct member *m, char *base, struct err *err)
{
	switch (m->kind) {
	case STR:
		return json_opt_str(obj, m->name, (const char **)(void *)(base + m->offset), err);
	case INT:
		return json_opt_int(obj, m->name, m->min, m->max, (int64_t *)(void *)(base + m->offset), err);
	case BOOL:
		return json_opt_bool(obj, m->name, (bool *)(base + m->offset), err);
	case STRV:
		return json_opt_strv(obj, m->name, (char ***)(void *)(base + m->offset), err);
	case OTHER:
		break;
	}
	return 0;
}

static const struct member *find_member(const struct member *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

/* Reads obj by the table into the struct at base; refuses what the table does not know. */
static int read_members(yyjson_val *obj, const struct member *table, void *base, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;

	if (!yyjson_is_obj(obj))
		return err_set(err, EINVAL, "an object is needed, not %s", yyjson_get_type_desc(obj));
	yyjson_obj_foreach (obj, i, n, key, val) {
		const struct member *m = find_member(table, yyjson_get_str(key));
		int r;

		if (!m && !RT_GUARD(R19)) /* attack row R19 */
			continue;
		if (!m)
			return err_set(err, EINVAL, "unknown member \"%s\"", yyjson_get_str(key));
		/* A look-up finds the first: any other one would be read by some and not by others. */
		if (yyjson_obj_get(obj, m->name) != val)
			return err_set(err, EINVAL, "member \"%s\" appears twice", m->name);
		r = read_member(obj, m, base, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Opens the list `name` of objects, gives its length; 0 when it is absent. */
static int open_list(yyjson_val *obj, const char *name, size_t limit, yyjson_val **ret, size_t *ret_n, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, name);

	*ret_n = 0;
	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_arr(v))
		return err_set(err, EINVAL, "%s: a list is needed, not %s", name, yyjson_get_type_desc(v));
	if (yyjson_arr_size(v) > limit)
		return err_set(err, E2BIG, "%s: %zu entries; the limit is %zu", name, yyjson_arr_size(v), limit);
	*ret = v;
	*ret_n = yyjson_arr_size(v);
	return 0;
}

/* A path in the container: absolute, not the root itself, without "..". */
static int check_target(const char *target, struct err *err)
{
	const char *p = target;
	bool named = false;

	if (!target)
		return err_set(err, ENOENT, "target is missing");
	if (*target != '/')
		return err_set(err, EINVAL, "target \"%s\" is not an absolute path", target);
	if (strlen(target) > 4000)
		return err_set(err, E2BIG, "target is longer than 4000 bytes");
	while (*p) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2))
			return err_set(err, EINVAL, "target \"%s\" holds \"..\"", target);
		named |= n > 0 && !(n == 1 && *p == '.');
		p += n;
	}
	return named ? 0 : err_set(err, EINVAL, "target \"%s\" is the root of the container", target);
}

static int mount_type(const char *type, enum spec_mount_type *ret, struct err *err)
{
	static const char *const names[] = {[SPEC_BIND] = "bind", [SPEC_VOLUME] = "volume", [SPEC_TMPFS] = "tmpfs"};

	for (unsigned i = 0; type && i < 3; i++) {
		if (!strcmp(type, names[i])) {
			*ret = (enum spec_mount_type)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "type: \"%s\" is not bind, volume or tmpfs", type ? type : "");
}

struct raw_mount {
	const char *type, *source, *target;
	bool read_only, create;
	int64_t size, mode;
};

#define AT(m) offsetof(struct raw_mount, m)
static const struct member mount_members[] = {
    {"type", STR, AT(type)},	       {"source", STR, AT(source)},
    {"target", STR, AT(target)},       {"read_only", BOOL, AT(read_only)},
    {"create", BOOL, AT(create)},      {"size", INT, AT(size), 0, INT64_MAX},
    {"mode", INT, AT(mode), 0, 07777}, {NULL},
};
#undef AT

static int read_mount(yyjson_val *v, struct spec_mount *ret, struct err *err)
{
	struct raw_mount raw = {.type = NULL};
	int r = read_members(v, mount_members, &raw, err);

	if (r == 0)
		r = mount_type(raw.type, &ret->type, err);
	if (r == 0)
		r = check_target(raw.target, err);
	if (r < 0)
		return r;
	if (ret->type == SPEC_BIND && (!raw.source || *raw.source != '/'))
		return err_set(err, EINVAL, "source \"%s\" is not an absolute path", raw.source ? raw.source : "");
	if (ret->type == SPEC_VOLUME && (!raw.source || !spec_name_ok(raw.source)))
		return err_set(err, EINVAL, "source \"%s\" is not a volume's name", raw.source ? raw.source : "");
	ret->source = raw.source;
	ret->target = raw.target;
	ret->read_only = raw.read_only;
	ret->create = raw.create;
	ret->size = (uint64_t)raw.size;
	ret->mode = (mode_t)raw.mode;
	return 0;
}

struct raw_file {
	const char *target, *base64;
	int64_t mode, uid, gid;
};

#define AT(m) offsetof(struct raw_file, m)
static const struct member file_members[] = {
    {"target", STR, AT(target)},	 {"base64", STR, AT(base64)},	      {"mode", INT, AT(mode), 0, 07777},
    {"uid", INT, AT(uid), 0, INT32_MAX}, {"gid", INT, AT(gid), 0, INT32_MAX}, {NULL},
};
#undef AT

static int read_file(yyjson_val *v, struct spec_file *ret, struct err *err)
{
	struct raw_file raw = {.mode = 0444};
	int r = read_members(v, file_members, &raw, err);

	if (r == 0)
		r = check_target(raw.target, err);
	if (r < 0)
		return r;
	*ret = (struct spec_file){
	    .target = raw.target,
	    .base64 = raw.base64 ? raw.base64 : "",
	    .mode = (mode_t)raw.mode,
	    .uid = (uid_t)raw.uid,
	    .gid = (gid_t)raw.gid,
	};
	return 0;
}

#define AT(m) offsetof(struct spec_space, m)
static const struct member space_members[] = {{"name", STR, AT(name)}, {"path", STR, AT(path)}, {NULL}};
#undef AT

static int read_space(yyjson_val *v, struct spec_space *ret, struct err *err)
{
	int r = read_members(v, space_members, ret, err);

	if (r < 0)
		return r;
	if (!ret->name || !*ret->name)
		return err_set(err, EINVAL, "name is missing");
	if (!ret->path || *ret->path != '/')
		return err_set(err, EINVAL, "path of space \"%s\" is not absolute", ret->name);
	return 0;
}

#define AT(m) offsetof(struct spec_rule, m)
static const struct member rule_members[] = {
    {"space", STR, AT(space)},
    {"to", STR, AT(to)},
    {"include", STRV, AT(include)},
    {"exclude", STRV, AT(exclude)},
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

static int read_rule(const struct spec *s, yyjson_val *v, struct spec_rule *ret, struct err *err)
{
	int r = read_members(v, rule_members, ret, err);

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

static int read_mounts(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *list = NULL, *v;
	size_t i, n, len;
	int r = open_list(obj, "mounts", SPEC_MOUNTS_MAX, &list, &len, err);

	if (r < 0 || len == 0)
		return r;
	s->mounts = mem_new_n(struct spec_mount, len);
	yyjson_arr_foreach (list, i, n, v) {
		r = read_mount(v, &s->mounts[i], err);
		if (r < 0)
			return err_wrap(err, "mounts.%zu", i);
		s->n_mounts++;
	}
	return 0;
}

static int read_files(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *list = NULL, *v;
	size_t i, n, len, bytes = 0;
	int r = open_list(obj, "files", SPEC_MOUNTS_MAX, &list, &len, err);

	if (r < 0 || len == 0)
		return r;
	s->files = mem_new_n(struct spec_file, len);
	yyjson_arr_foreach (list, i, n, v) {
		mem_cleanup unsigned char *data = NULL;
		size_t size;

		r = read_file(v, &s->files[i], err);
		if (r == 0)
			r = spec_base64(s->files[i].base64, &data, &size, err);
		if (r < 0)
			return err_wrap(err, "files.%zu", i);
		bytes += strlen(s->files[i].base64);
		s->n_files++;
	}
	if (bytes > SPEC_FILES_MAX)
		return err_set(err, E2BIG, "files: %zu bytes in all; the limit is %u", bytes, SPEC_FILES_MAX);
	return 0;
}

static int read_spaces(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *list = NULL, *v;
	size_t i, n, len;
	int r = open_list(obj, "spaces", SPEC_RULES_MAX, &list, &len, err);

	if (r < 0 || len == 0)
		return r;
	s->spaces = mem_new_n(struct spec_space, len);
	yyjson_arr_foreach (list, i, n, v) {
		r = read_space(v, &s->spaces[i], err);
		if (r < 0)
			return err_wrap(err, "spaces.%zu", i);
		s->n_spaces++;
	}
	return 0;
}

static int read_rules(yyjson_val *obj, const char *name, const struct spec *s, struct spec_rule **ret_rules,
		      size_t *ret_n, struct err *err)
{
	yyjson_val *list = NULL, *v;
	size_t i, n, len;
	int r = open_list(obj, name, SPEC_RULES_MAX, &list, &len, err);

	if (r < 0 || len == 0)
		return r;
	*ret_rules = mem_new_n(struct spec_rule, len);
	yyjson_arr_foreach (list, i, n, v) {
		++*ret_n;
		r = read_rule(s, v, &(*ret_rules)[i], err);
		if (r < 0)
			return err_wrap(err, "%s.%zu", name, i);
	}
	return 0;
}

#define AT(m) offsetof(struct spec_health, m)
static const struct member health_members[] = {
    {"test", STRV, AT(test)},
    {"interval_ms", INT, AT(interval_ms), 0, YEAR_MS},
    {"timeout_ms", INT, AT(timeout_ms), 0, YEAR_MS},
    {"retries", INT, AT(retries), 0, 1000000},
    {"start_period_ms", INT, AT(start_period_ms), 0, YEAR_MS},
    {"start_interval_ms", INT, AT(start_interval_ms), 0, YEAR_MS},
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
	r = read_members(v, health_members, h, err);
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

#define AT(m) offsetof(struct spec, m)
static const struct member log_members[] = {
    {"max_size", INT, AT(log_max_size), 64 << 10, INT64_MAX / 256},
    {"max_files", INT, AT(log_max_files), 1, 100},
    {NULL},
};
#undef AT

static int read_log(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, "log");

	if (!v || yyjson_is_null(v))
		return 0;
	return read_members(v, log_members, s, err) < 0 ? err_wrap(err, "log") : 0;
}

static int check_labels(yyjson_val *obj, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, "labels"), *key, *val;
	size_t i, n;

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "labels: an object is needed, not %s", yyjson_get_type_desc(v));
	yyjson_obj_foreach (v, i, n, key, val) {
		if (!yyjson_is_str(val))
			return err_set(err, EINVAL, "labels: \"%s\" is not a string", yyjson_get_str(key));
	}
	return 0;
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
		const char *eq = strchr(*env, '=');

		if (!eq || eq == *env)
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

int spec_parse(yyjson_val *v, struct spec *ret, struct err *err)
{
	int r;

	*ret = (struct spec){
	    .stop_grace_ms = 10000,
	    .log_max_size = SPEC_LOG_SIZE_DEFAULT,
	    .log_max_files = SPEC_LOG_FILES_DEFAULT,
	};
	r = read_members(v, top_members, ret, err);
	if (r == 0)
		r = check_texts(ret, err);
	if (r == 0)
		r = read_mounts(v, ret, err);
	if (r == 0)
		r = read_files(v, ret, err);
	if (r == 0)
		r = read_spaces(v, ret, err);
	if (r == 0)
		r = read_rules(v, "stage_in", ret, &ret->stage_in, &ret->n_stage_in, err);
	if (r == 0)
		r = read_rules(v, "stage_out", ret, &ret->stage_out, &ret->n_stage_out, err);
	if (r == 0)
		r = read_health(v, &ret->health, err);
	if (r == 0)
		r = read_log(v, ret, err);
	if (r == 0)
		r = check_labels(v, err);
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
	free(s->mounts);
	free(s->files);
	free(s->spaces);
	*s = (struct spec){.image = NULL};
}
