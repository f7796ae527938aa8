/* SPDX-License-Identifier: Apache-2.0
 *
 * Binds, Mounts, Tmpfs and Volumes become the spec's `mounts`. What shall be at the same place twice is refused, but for a VOLUME of the image, which
 * gives way.
 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/shape.h"
#include "node/engine/spec.h"
#include "node/engine/volume.h"

#include <limits.h>
#include <string.h>

#define BIND_MAX (2 * PATH_MAX + 256)

/* The shortest way to write a path: no "//", no "/." and no slash at the end. ".." stays and is refused by the engine. */
static char *clean(const char *path)
{
	char *out = mem_zalloc(strlen(path) + 2, 1), *at = out;

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n > 0 && !(n == 1 && *path == '.')) {
			*at++ = '/';
			memcpy(at, path, n);
			at += n;
		}
		path += n;
	}
	if (at == out)
		*at = '/';
	return out;
}

static bool is_taken(const struct making *m, const char *target)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(m->spec, "mounts"), *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "target"), target))
			return true;
	}
	return false;
}

/* A new entry with its type and place. NULL: *err. */
static yyjson_mut_val *add(struct making *m, const char *type, const char *target, struct err *err)
{
	mem_cleanup char *place = clean(target);
	yyjson_mut_val *o;

	if (*target != '/') {
		err_set(
		    err, EINVAL,
		    "invalid mount config for type \"%s\": invalid mount path: '%.300s' mount path must be absolute",
		    type, target);
		return NULL;
	}
	if (!strcmp(place, "/")) {
		err_set(err, EINVAL,
			"invalid mount config for type \"%s\": invalid specification: destination can't be '/'", type);
		return NULL;
	}
	if (yyjson_mut_arr_size(yyjson_mut_obj_get(m->spec, "mounts")) >= SPEC_MOUNTS_MAX) {
		err_set(err, E2BIG, "Mounts: more than %d in all", SPEC_MOUNTS_MAX);
		return NULL;
	}
	if (is_taken(m, place)) {
		err_set(err, EINVAL, "Duplicate mount point: %.300s", place);
		return NULL;
	}
	o = yyjson_mut_arr_add_obj(m->d, yyjson_mut_obj_get(m->spec, "mounts"));
	yyjson_mut_obj_add_str(m->d, o, "type", type);
	yyjson_mut_obj_add_strcpy(m->d, o, "target", place);
	return o;
}

/* ---- Binds: "/host:/place:ro", "volume:/place", "/place" ---- */

static const struct {
	const char *word, *member, *text; /* text NULL: a flag that is true */
} bind_options[] = {
    {"ro", "read_only", NULL},
    {"rw", "read_only", "rw"},
    {"z", NULL, NULL},
    {"Z", NULL, NULL},
    {"copy", NULL, NULL},
    {"nocopy", "nocopy", NULL},
    {"consistent", NULL, NULL},
    {"cached", NULL, NULL},
    {"delegated", NULL, NULL},
    {"private", "propagation", "private"},
    {"rprivate", "propagation", "rprivate"},
    {"shared", "propagation", "shared"},
    {"rshared", "propagation", "rshared"},
    {"slave", "propagation", "slave"},
    {"rslave", "propagation", "rslave"},
};

static int bind_option(struct making *m, yyjson_mut_val *o, const char *word, size_t n)
{
	for (size_t i = 0; i < sizeof bind_options / sizeof *bind_options; i++) {
		const char *member = bind_options[i].member;

		if (strlen(bind_options[i].word) != n || strncmp(bind_options[i].word, word, n) != 0)
			continue;
		if (member && yyjson_mut_obj_get(o, member))
			return -EINVAL; /* twice */
		if (!strcmp(bind_options[i].word, "rw"))
			yyjson_mut_obj_add_bool(m->d, o, member, false);
		else if (member && bind_options[i].text)
			yyjson_mut_obj_add_str(m->d, o, member, bind_options[i].text);
		else if (member)
			yyjson_mut_obj_add_bool(m->d, o, member, true);
		return 0;
	}
	return -EINVAL;
}

static int bind_mode(struct making *m, yyjson_mut_val *o, const char *mode, struct err *err)
{
	const char *p = mode;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (bind_option(m, o, p, n) < 0)
			return err_set(err, EINVAL, "invalid mode: %.100s", mode);
		p += n + (p[n] == ',');
	}
	return 0;
}

static int check_volume(const char *name, struct err *err)
{
	if (spec_name_ok(name))
		return volume_check_length(name, err);
	return err_set(err, EINVAL,
		       "create %.200s: \"%.200s\" includes invalid characters for a local volume name, only "
		       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
		       "absolute path",
		       name, name);
}

static void bind_source(struct making *m, yyjson_mut_val *o, const char *source)
{
	if (*source == '/') {
		mem_cleanup char *path = clean(source);

		yyjson_mut_obj_add_strcpy(m->d, o, "source", path);
		/* -v makes the directory where it is missing; --mount does not. */
		yyjson_mut_obj_add_bool(m->d, o, "create", true);
		return;
	}
	yyjson_mut_obj_add_strcpy(m->d, o, "source", source);
	if (*shape_text(m->host, "VolumeDriver"))
		yyjson_mut_obj_add_strcpy(m->d, o, "driver", shape_text(m->host, "VolumeDriver"));
}

static int pass_bind(struct making *m, const char *text, struct err *err)
{
	mem_cleanup char *copy = NULL;
	char *part[3] = {NULL}, *rest;
	const char *source = NULL, *target, *mode = NULL;
	yyjson_mut_val *o;
	size_t n = 0;

	if (strlen(text) > BIND_MAX)
		return err_set(err, E2BIG, "Binds: an entry is longer than %d bytes", BIND_MAX);
	copy = mem_strdup(text);
	rest = copy;
	while (rest && n < 3)
		part[n++] = strsep(&rest, ":");
	if (rest || !*part[0] || (n > 1 && !*part[1]) || (n == 2 && *part[0] != '/' && *part[1] != '/'))
		return err_set(err, EINVAL, "invalid volume specification: '%.300s'", text);
	if (n == 1 || (n == 2 && *part[1] != '/')) {
		target = part[0];
		mode = part[1];
	} else {
		source = part[0];
		target = part[1];
		mode = part[2];
	}
	if (source && *source != '/' && check_volume(source, err) < 0)
		return -EINVAL;
	o = add(m, source && *source == '/' ? "bind" : "volume", target, err);
	if (!o)
		return -EINVAL;
	if (source)
		bind_source(m, o, source);
	else
		yyjson_mut_obj_add_bool(m->d, o, "anonymous", true);
	return mode ? bind_mode(m, o, mode, err) : 0;
}

/* ---- Mounts ---- */

static const struct shape mount_members[] = {
    {"Type", SHAPE_STR, "\"\""},	{"Source", SHAPE_STR, "\"\""},	   {"Target", SHAPE_STR, "\"\""},
    {"ReadOnly", SHAPE_BOOL, "false"},	{"Consistency", SHAPE_STR},	   {"BindOptions", SHAPE_OBJ, "{}"},
    {"VolumeOptions", SHAPE_OBJ, "{}"}, {"TmpfsOptions", SHAPE_OBJ, "{}"}, {NULL},
};
static const struct shape bind_members[] = {
    {"Propagation", SHAPE_STR, NULL, "propagation"},
    {"NonRecursive", SHAPE_BOOL},
    {"CreateMountpoint", SHAPE_BOOL, NULL, "create"},
    {"ReadOnlyNonRecursive", SHAPE_BOOL},
    {"ReadOnlyForceRecursive", SHAPE_BOOL, NULL, "read_only_recursive"},
    {NULL},
};
static const struct shape volume_members[] = {
    {"NoCopy", SHAPE_BOOL, NULL, "nocopy"},
    {"Labels", SHAPE_MAP, NULL, "labels"},
    {"DriverConfig", SHAPE_OBJ},
    {"Subpath", SHAPE_STR, NULL, "subpath"},
    {NULL},
};
static const struct shape driver_members[] = {
    {"Name", SHAPE_STR, NULL, "driver"}, {"Options", SHAPE_MAP, NULL, "driver_options"}, {NULL}};
static const struct shape tmpfs_members[] = {
    {"SizeBytes", SHAPE_INT, NULL, "size"}, {"Mode", SHAPE_INT, NULL, "mode"}, {"Options", SHAPE_LIST}, {NULL}};

/* Options of one kind, checked, into the entry. */
static int pass_options(struct making *m, yyjson_mut_val *o, yyjson_val *options, const struct shape *table,
			struct err *err)
{
	if (shape_copy(m->d, yyjson_mut_obj(m->d), options, table, "Mounts", err) < 0)
		return -EINVAL;
	shape_pass(m->d, o, options, table);
	return 0;
}

/* Unless somebody says "exec", nothing in it can be executed. */
static void forbid_exec(struct making *m, yyjson_mut_val *list)
{
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		if (yyjson_mut_equals_str(v, "exec") || yyjson_mut_equals_str(v, "noexec"))
			return;
	}
	yyjson_mut_arr_prepend(list, yyjson_mut_str(m->d, "noexec"));
}

/* ["noexec"] and ["uid", "5"] become "noexec" and "uid=5". */
static int tmpfs_options(struct making *m, yyjson_mut_val *o, yyjson_val *options, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(options, "Options"), *v;
	yyjson_mut_val *to;
	size_t i, n;

	to = yyjson_mut_obj_add_arr(m->d, o, "options");
	yyjson_arr_foreach (list, i, n, v) {
		const char *name = yyjson_get_str(yyjson_arr_get(v, 0)), *value = yyjson_get_str(yyjson_arr_get(v, 1));
		mem_cleanup char *text = NULL;

		if (!name)
			return err_set(err, EINVAL,
				       "Mounts.TmpfsOptions.Options: lists of one or two strings are needed");
		text = value ? mem_printf("%s=%s", name, value) : mem_strdup(name);
		yyjson_mut_arr_add_strcpy(m->d, to, text);
	}
	forbid_exec(m, to);
	return 0;
}

static int bind_mount(struct making *m, yyjson_mut_val *o, yyjson_val *v, struct err *err)
{
	const char *source = shape_text(v, "Source");
	yyjson_val *options = yyjson_obj_get(v, "BindOptions");
	mem_cleanup char *path = NULL;

	if (!*source)
		return err_set(err, EINVAL, "invalid mount config for type \"bind\": field Source must not be empty");
	if (*source != '/')
		return err_set(
		    err, EINVAL,
		    "invalid mount config for type \"bind\": invalid mount path: '%.300s' mount path must be "
		    "absolute",
		    source);
	path = clean(source);
	yyjson_mut_obj_add_strcpy(m->d, o, "source", path);
	if (yyjson_is_true(yyjson_obj_get(options, "NonRecursive")))
		yyjson_mut_obj_add_bool(m->d, o, "recursive", false);
	return pass_options(m, o, options, bind_members, err);
}

static int volume_mount(struct making *m, yyjson_mut_val *o, yyjson_val *v, struct err *err)
{
	const char *source = shape_text(v, "Source");
	yyjson_val *options = yyjson_obj_get(v, "VolumeOptions");

	if (*source == '/')
		return err_set(err, EINVAL,
			       "invalid mount config for type \"volume\": invalid volume name: '%.300s' is a path; use "
			       "type \"bind\"",
			       source);
	if (*source)
		yyjson_mut_obj_add_strcpy(m->d, o, "source", source);
	else
		yyjson_mut_obj_add_bool(m->d, o, "anonymous", true);
	if (pass_options(m, o, options, volume_members, err) < 0)
		return -EINVAL;
	return pass_options(m, o, yyjson_obj_get(options, "DriverConfig"), driver_members, err);
}

static int tmpfs_mount(struct making *m, yyjson_mut_val *o, yyjson_val *v, struct err *err)
{
	yyjson_val *options = yyjson_obj_get(v, "TmpfsOptions");

	if (*shape_text(v, "Source"))
		return err_set(err, EINVAL,
			       "invalid mount config for type \"tmpfs\": field Source must not be specified");
	if (pass_options(m, o, options, tmpfs_members, err) < 0)
		return -EINVAL;
	return tmpfs_options(m, o, options, err);
}

static int pass_mount(struct making *m, yyjson_val *v, struct err *err)
{
	static const struct {
		const char *type;
		int (*fn)(struct making *m, yyjson_mut_val *o, yyjson_val *v, struct err *err);
	} types[] = {{"bind", bind_mount}, {"volume", volume_mount}, {"tmpfs", tmpfs_mount}};
	const char *type, *target;
	yyjson_mut_val *o;

	if (shape_copy(m->d, yyjson_mut_obj(m->d), v, mount_members, "Mounts", err) < 0)
		return -EINVAL;
	type = *shape_text(v, "Type") ? shape_text(v, "Type") : "volume";
	target = shape_text(v, "Target");
	if (!*target)
		return err_set(err, EINVAL, "invalid mount config for type \"%.50s\": field Target must not be empty",
			       type);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].type, type) != 0)
			continue;
		o = add(m, types[i].type, target, err);
		if (!o)
			return -EINVAL;
		if (yyjson_is_true(yyjson_obj_get(v, "ReadOnly")))
			yyjson_mut_obj_add_bool(m->d, o, "read_only", true);
		return types[i].fn(m, o, v, err);
	}
	return err_set(err, EINVAL, "invalid mount config for type \"%.50s\": mount type unknown: \"%.50s\"", type,
		       type);
}

/* ---- Tmpfs: {"/run": "rw,noexec,size=64m"} ---- */

static int pass_tmpfs(struct making *m, const char *target, const char *options, struct err *err)
{
	yyjson_mut_val *o = add(m, "tmpfs", target, err), *list;

	if (!o)
		return -EINVAL;
	/* As Docker mounts it. */
	yyjson_mut_obj_add_int(m->d, o, "mode", 01777);
	list = yyjson_mut_obj_add_arr(m->d, o, "options");
	while (*options) {
		size_t n = strcspn(options, ",");

		if (n == 2 && !strncmp(options, "ro", 2))
			yyjson_mut_obj_add_bool(m->d, o, "read_only", true);
		else if (n > 0 && !(n == 2 && !strncmp(options, "rw", 2)))
			yyjson_mut_arr_add_strncpy(m->d, list, options, n);
		options += n + (options[n] == ',');
	}
	forbid_exec(m, list);
	return 0;
}

/* ---- VOLUMEs: those of the image, and those that the client names without saying which volume ---- */

static int pass_volume(struct making *m, const char *target, struct err *err)
{
	mem_cleanup char *place = clean(target);
	yyjson_mut_val *o;

	if (is_taken(m, place))
		return 0;
	if (strchr(target, ':'))
		return pass_bind(m, target, err);
	o = add(m, "volume", target, err);
	if (!o)
		return -EINVAL;
	yyjson_mut_obj_add_bool(m->d, o, "anonymous", true);
	return 0;
}

int create_mounts(struct making *m, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(m->d, m->spec, "mounts");
	size_t i, n;
	yyjson_val *key, *v;

	yyjson_arr_foreach (yyjson_obj_get(m->host, "Binds"), i, n, v) {
		if (pass_bind(m, yyjson_get_str(v), err) < 0)
			return err ? -err->code : -EINVAL;
	}
	yyjson_arr_foreach (yyjson_obj_get(m->host, "Mounts"), i, n, v) {
		if (pass_mount(m, v, err) < 0)
			return err ? -err->code : -EINVAL;
	}
	yyjson_obj_foreach (yyjson_obj_get(m->host, "Tmpfs"), i, n, key, v) {
		if (pass_tmpfs(m, yyjson_get_str(key), yyjson_get_str(v), err) < 0)
			return -EINVAL;
	}
	yyjson_obj_foreach (yyjson_obj_get(m->config, "Volumes"), i, n, key, v) {
		if (pass_volume(m, yyjson_get_str(key), err) < 0)
			return -EINVAL;
	}
	if (yyjson_mut_arr_size(list) == 0)
		yyjson_mut_obj_remove_key(m->spec, "mounts");
	return 0;
}
