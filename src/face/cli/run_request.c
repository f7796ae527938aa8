/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/run_request.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/env_words.h"
#include "face/cli/units.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int run_request_absolute(const char *path, char **ret, struct err *err)
{
	char here[PATH_MAX];

	if (*path == '/') {
		*ret = mem_strdup(path);
		return 0;
	}
	if (!getcwd(here, sizeof here))
		return err_sys(err, errno, "find the current directory for \"%s\"", path);
	*ret = mem_printf("%s/%s", here, path);
	return 0;
}

int run_request_is_path(const char *source, const char *spec, struct err *err)
{
	if (*source == '~')
		return err_set(err, EINVAL, "--volume \"%s\": your shell did not expand ~; write $HOME", spec);
	if (*source == '/' || *source == '.')
		return 1;
	if (strchr(source, '/'))
		return err_set(err, EINVAL,
			       "--volume \"%s\": a name of a volume has no \"/\"; a path begins with / or ./", spec);
	return 0;
}

/* A bind mount of SRC when it looks like a path, else a named volume. */
static int add_source(yyjson_mut_doc *doc, yyjson_mut_val *mount, const char *source, const char *spec, struct err *err)
{
	mem_cleanup char *full = NULL;
	int r = run_request_is_path(source, spec, err);

	if (r == 0) {
		yyjson_mut_obj_add_str(doc, mount, "type", "volume");
		yyjson_mut_obj_add_strcpy(doc, mount, "source", source);
		return 0;
	}
	if (r > 0)
		r = run_request_absolute(source, &full, err);
	if (r < 0)
		return r;
	yyjson_mut_obj_add_str(doc, mount, "type", "bind");
	yyjson_mut_obj_add_strcpy(doc, mount, "source", full);
	yyjson_mut_obj_add_bool(doc, mount, "create", true);
	return 0;
}

/* SRC:DST[:ro|rw] */
static int add_volume(yyjson_mut_doc *doc, yyjson_mut_val *mounts, const char *spec, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(spec);
	char *rest = copy, *source = strsep(&rest, ":"), *target = strsep(&rest, ":"), *mode = rest;
	yyjson_mut_val *mount = yyjson_mut_obj(doc);
	int r;

	if (!target || !*source)
		return err_set(err, EINVAL, "--volume \"%s\": write SRC:DST or SRC:DST:ro", spec);
	if (*target != '/')
		return err_set(err, EINVAL, "--volume \"%s\": the path in the container, \"%s\", must begin with /",
			       spec, target);
	if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return err_set(err, EINVAL, "--volume \"%s\": \"%s\" is not ro or rw", spec, mode);
	r = add_source(doc, mount, source, spec, err);
	if (r < 0)
		return r;
	yyjson_mut_obj_add_strcpy(doc, mount, "target", target);
	yyjson_mut_obj_add_bool(doc, mount, "read_only", mode && strcmp(mode, "ro") == 0);
	yyjson_mut_arr_append(mounts, mount);
	return 0;
}

static int tmpfs_option(yyjson_mut_doc *doc, yyjson_mut_val *mount, const char *option, const char *spec,
			struct err *err)
{
	struct err why = ERR_INIT;
	uint64_t size;
	char *end;
	long mode;

	if (strncmp(option, "size=", 5) == 0) {
		if (units_size(option + 5, &size, &why) < 0)
			return err_set(err, EINVAL, "--tmpfs \"%s\": size: %s", spec, why.text);
		yyjson_mut_obj_add_uint(doc, mount, "size", size);
		return 0;
	}
	if (strncmp(option, "mode=", 5) == 0) {
		mode = strtol(option + 5, &end, 8);
		if (!isdigit((unsigned char)option[5]) || *end || mode > 07777)
			return err_set(err, EINVAL, "--tmpfs \"%s\": \"%s\" is not an octal mode", spec, option + 5);
		yyjson_mut_obj_add_int(doc, mount, "mode", mode);
		return 0;
	}
	return err_set(err, EINVAL, "--tmpfs \"%s\": \"%s\" is not size=BYTES or mode=OCTAL", spec, option);
}

/* DST[:size=64m,mode=1777] */
static int add_tmpfs(yyjson_mut_doc *doc, yyjson_mut_val *mounts, const char *spec, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(spec);
	char *rest = copy, *target = strsep(&rest, ":"), *option;
	yyjson_mut_val *mount = yyjson_mut_obj(doc);
	int r = 0;

	if (*target != '/')
		return err_set(err, EINVAL, "--tmpfs \"%s\": the path must begin with /", spec);
	yyjson_mut_obj_add_str(doc, mount, "type", "tmpfs");
	yyjson_mut_obj_add_strcpy(doc, mount, "target", target);
	while (r == 0 && (option = strsep(&rest, ",")))
		r = tmpfs_option(doc, mount, option, spec, err);
	if (r == 0)
		yyjson_mut_arr_append(mounts, mount);
	return r;
}

static int add_mounts(yyjson_mut_doc *doc, const struct run_options *o, struct err *err)
{
	yyjson_mut_val *mounts = yyjson_mut_arr(doc);
	int r = 0;

	for (char **v = o->volumes; r == 0 && v && *v; v++)
		r = add_volume(doc, mounts, *v, err);
	for (char **v = o->tmpfs; r == 0 && v && *v; v++)
		r = add_tmpfs(doc, mounts, *v, err);
	if (r == 0 && yyjson_mut_arr_size(mounts) > 0)
		yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), "mounts", mounts);
	return r;
}

static void add_texts(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct run_options *o)
{
	const struct {
		const char *key, *value;
	} texts[] = {{"name", o->name}, {"working_dir", o->workdir}, {"user", o->user}, {"hostname", o->hostname}};
	yyjson_mut_val *list;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (texts[i].value)
			yyjson_mut_obj_add_strcpy(doc, root, texts[i].key, texts[i].value);
	}
	if (!o->entrypoint)
		return;
	list = yyjson_mut_arr(doc); /* an empty --entrypoint means none, whatever the image says */
	if (*o->entrypoint)
		yyjson_mut_arr_add_strcpy(doc, list, o->entrypoint);
	yyjson_mut_obj_add_val(doc, root, "entrypoint", list);
}

static void add_numbers(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct run_options *o)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {{"limit_cpu_milli", o->cpus}, {"limit_memory", o->memory}, {"limit_pids", o->pids}};
	const struct {
		const char *key;
		bool value;
	} flags[] = {{"read_only", o->read_only}, {"userns", o->userns}, {"remove", o->remove}, {"detach", o->detach}};

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (numbers[i].value)
			yyjson_mut_obj_add_uint(doc, root, numbers[i].key, numbers[i].value);
	}
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		if (flags[i].value)
			yyjson_mut_obj_add_bool(doc, root, flags[i].key, true);
	}
}

/* What it is on is for the daemon to say when nobody does: bridge, or what an ordinary user's has. */
static void add_network(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *name)
{
	yyjson_mut_obj_add_strcpy(doc, root, "network_mode", name);
	if (!strcmp(name, "host") || !strcmp(name, "none"))
		return;
	yyjson_mut_obj_add_str(doc, yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, root, "networks")), "name",
			       "bridge");
}

int run_request(const struct run_options *o, char **words, char **ret_json, struct err *err)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char **env cleanup_with(mem_strv_freep) = NULL;
	int r = env_words_read(o->env_files, o->env, &env, err);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_strcpy(doc, root, "image", words[0]);
	if (words[1])
		json_add_strv(doc, root, "command", words + 1);
	json_add_strv(doc, root, "environment", env);
	add_texts(doc, root, o);
	add_numbers(doc, root, o);
	add_network(doc, root, o->networks ? o->networks[0] : "default");
	if (r == 0)
		r = add_mounts(doc, o, err);
	if (r == 0)
		*ret_json = json_text(doc, false, NULL);
	return r;
}
