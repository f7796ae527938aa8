/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes, tmpfs, volumes_from, and the files of secrets and configs.
 */
#include "face/project/spec_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/project.h"

#include <string.h>

static void copy(struct spec *s, yyjson_mut_val *to, const char *name, yyjson_val *from, const char *key)
{
	yyjson_val *v = yyjson_obj_get(from, key);

	if (v && !yyjson_is_null(v))
		yyjson_mut_obj_add_val(s->d, to, name, yyjson_val_mut_copy(s->d, v));
}

static yyjson_mut_val *mount(struct spec *s, yyjson_mut_val *list, const char *type, const char *source,
			     const char *target)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->d, list);

	yyjson_mut_obj_add_strcpy(s->d, o, "Type", type);
	if (*source)
		yyjson_mut_obj_add_strcpy(s->d, o, "Source", source);
	yyjson_mut_obj_add_strcpy(s->d, o, "Target", target);
	return o;
}

static void bind_options(struct spec *s, yyjson_mut_val *o, yyjson_val *v)
{
	yyjson_val *from = yyjson_obj_get(v, "bind"), *create = yyjson_obj_get(from, "create_host_path");
	yyjson_mut_val *options = yyjson_mut_obj_add_obj(s->d, o, "BindOptions");

	yyjson_mut_obj_add_bool(s->d, options, "CreateMountpoint", !create || yyjson_is_true(create));
	copy(s, options, "Propagation", from, "propagation");
	if (!strcmp(show_str(from, "recursive", ""), "disabled"))
		yyjson_mut_obj_add_bool(s->d, options, "NonRecursive", true);
	else if (!strcmp(show_str(from, "recursive", ""), "writable"))
		yyjson_mut_obj_add_bool(s->d, options, "ReadOnlyNonRecursive", true);
	else if (!strcmp(show_str(from, "recursive", ""), "readonly"))
		yyjson_mut_obj_add_bool(s->d, options, "ReadOnlyForceRecursive", true);
}

static int tmpfs_options(struct spec *s, yyjson_mut_val *o, yyjson_val *from)
{
	yyjson_mut_val *options = yyjson_mut_obj_add_obj(s->d, o, "TmpfsOptions");
	yyjson_val *size = yyjson_obj_get(from, "size");
	int64_t n = 0;

	if (size && spec_bytes(s, "volumes.tmpfs.size", size, &n) < 0)
		return -EINVAL;
	if (n > 0)
		yyjson_mut_obj_add_int(s->d, options, "SizeBytes", n);
	copy(s, options, "Mode", from, "mode");
	return 0;
}

/* The anonymous volume that the container before had at this place, or "". */
static const char *volume_before(struct spec *s, const char *target)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (s->how->mounts_before, i, n, v) {
		if (!strcmp(show_str(v, "Destination", ""), target) && !strcmp(show_str(v, "Type", ""), "volume"))
			return show_str(v, "Name", "");
	}
	return "";
}

static int one_volume(struct spec *s, yyjson_mut_val *list, yyjson_val *v)
{
	const char *type = show_str(v, "type", "volume"), *source = show_str(v, "source", "");
	const char *target = show_str(v, "target", "");
	yyjson_mut_val *o, *options;

	if (!strcmp(type, "volume"))
		source = *source ? project_real_name(s->p, "volumes", source) : volume_before(s, target);
	o = mount(s, list, type, source, target);
	if (show_bool(v, "read_only"))
		yyjson_mut_obj_add_bool(s->d, o, "ReadOnly", true);
	copy(s, o, "Consistency", v, "consistency");
	if (!strcmp(type, "bind")) {
		bind_options(s, o, v);
	} else if (!strcmp(type, "tmpfs")) {
		return tmpfs_options(s, o, yyjson_obj_get(v, "tmpfs"));
	} else if (yyjson_obj_size(yyjson_obj_get(v, "volume")) > 0) {
		options = yyjson_mut_obj_add_obj(s->d, o, "VolumeOptions");
		copy(s, options, "NoCopy", yyjson_obj_get(v, "volume"), "nocopy");
		copy(s, options, "Subpath", yyjson_obj_get(v, "volume"), "subpath");
		copy(s, options, "Labels", yyjson_obj_get(v, "volume"), "labels");
	}
	return 0;
}

static bool has_target(yyjson_mut_val *list, const char *target)
{
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		const char *own = yyjson_mut_get_str(yyjson_mut_obj_get(v, "Target"));

		if (own && !strcmp(own, target))
			return true;
	}
	return false;
}

/* Anonymous volumes that the image asked for: their names are their ids. */
static void inherit(struct spec *s, yyjson_mut_val *list)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (s->how->mounts_before, i, n, v) {
		const char *name = show_str(v, "Name", ""), *target = show_str(v, "Destination", "");

		if (!strcmp(show_str(v, "Type", ""), "volume") && strlen(name) == 64 && *target &&
		    !has_target(list, target))
			mount(s, list, "volume", name, target);
	}
}

static void file_mounts(struct spec *s, yyjson_mut_val *list, const char *section, const char *folder)
{
	yyjson_val *all = yyjson_obj_get(yyjson_doc_get_root(s->p->doc), section), *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(s->service, section), i, n, v) {
		const char *source = show_str(v, "source", ""), *target = show_str(v, "target", source);
		const char *file = show_str(yyjson_obj_get(all, source), "file", "");
		mem_cleanup char *path = *target == '/' ? mem_strdup(target) : mem_printf("%s%s", folder, target);

		if (*file)
			yyjson_mut_obj_add_bool(s->d, mount(s, list, "bind", file, path), "ReadOnly", true);
	}
}

static void tmpfs(struct spec *s)
{
	yyjson_val *v;
	yyjson_mut_val *o;
	size_t i, n;

	if (yyjson_arr_size(yyjson_obj_get(s->service, "tmpfs")) == 0)
		return;
	o = yyjson_mut_obj_add_obj(s->d, s->host, "Tmpfs");
	yyjson_arr_foreach (yyjson_obj_get(s->service, "tmpfs"), i, n, v) {
		const char *text = yyjson_get_str(v) ? yyjson_get_str(v) : "";
		size_t path = strcspn(text, ":");

		yyjson_mut_obj_add(o, yyjson_mut_strncpy(s->d, text, path),
				   spec_text(s, text + path + (text[path] == ':')));
	}
}

/* "web:ro" or "container:NAME:ro". */
static int volumes_from(struct spec *s)
{
	yyjson_val *v;
	yyjson_mut_val *list;
	size_t i, n;

	if (yyjson_arr_size(yyjson_obj_get(s->service, "volumes_from")) == 0)
		return 0;
	list = yyjson_mut_obj_add_arr(s->d, s->host, "VolumesFrom");
	yyjson_arr_foreach (yyjson_obj_get(s->service, "volumes_from"), i, n, v) {
		const char *text = yyjson_get_str(v) ? yyjson_get_str(v) : "";
		mem_cleanup char *name = mem_strndup(text, strcspn(text, ":"));
		mem_cleanup char *service = mem_printf("service:%s", name), *mode = NULL, *entry = NULL;

		if (!strncmp(text, "container:", 10)) {
			yyjson_mut_arr_append(list, spec_text(s, text + 10));
			continue;
		}
		mode = spec_mode(s, "volumes_from", service);
		if (!mode)
			return -ENOENT;
		entry = mem_printf("%s%s", mode + strlen("container:"), text + strcspn(text, ":"));
		yyjson_mut_arr_append(list, spec_text(s, entry));
	}
	return 0;
}

int spec_mounts(struct spec *s)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(s->d, s->host, "Mounts");
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(s->service, "volumes"), i, n, v) {
		if (one_volume(s, list, v) < 0)
			return -EINVAL;
	}
	file_mounts(s, list, "secrets", "/run/secrets/");
	file_mounts(s, list, "configs", "/");
	inherit(s, list);
	tmpfs(s);
	if (s->how->volumes && *s->how->volumes) {
		yyjson_mut_val *binds = yyjson_mut_obj_add_arr(s->d, s->host, "Binds");

		for (char **b = s->how->volumes; *b; b++)
			yyjson_mut_arr_append(binds, spec_text(s, *b));
	}
	return volumes_from(s);
}
