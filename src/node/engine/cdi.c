/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/cdi.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "node/engine/cdi_yaml.h"
#include "node/engine/devhook.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)
#define FILES_MAX 256u

const char *const cdi_dirs[] = {"/var/run/cdi", "/etc/cdi", NULL};

struct file {
	char *path;
	size_t dir; /* the how-manyeth */
	yyjson_doc *doc;
	bool applied; /* the edits for all its devices */
};

struct files {
	struct file list[FILES_MAX];
	size_t n;
};

static void files_free(struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].path);
		yyjson_doc_free(f->list[i].doc);
	}
	free(f);
}

/* ---- names ---- */

static bool word_ok(const char *text, size_t n, const char *more)
{
	if (n == 0 || n > 253 || !isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr(more, text[i]))
			return false;
	}
	return true;
}

bool cdi_is_name(const char *text)
{
	size_t vendor = strcspn(text, "/=");
	const char *class = text + vendor + 1, *name;
	size_t n;

	if (text[vendor] != '/')
		return false;
	n = strcspn(class, "=");
	name = class + n + 1;
	return class[n] == '=' && word_ok(text, vendor, "-_.") && word_ok(class, n, "-_.") &&
	       word_ok(name, strlen(name), "-_.:");
}

/* ---- files ---- */

/* JSON is YAML, too, and some call it so. */
static yyjson_doc *parse(const char *text, size_t n, const char *path, struct err *err)
{
	bool json = text[strspn(text, " \t\r\n")] == '{' || !strcmp(strrchr(path, '.'), ".json");

	return json ? json_parse(text, n, FILE_MAX, path, err) : cdi_yaml_parse(text, n, path, err);
}

/* "0.1.0" to "1.1.0". A file that names none is taken as it is. */
static int check_version(yyjson_val *root, const char *path, struct err *err)
{
	const char *version = yyjson_get_str(yyjson_obj_get(root, "cdiVersion"));
	unsigned major, minor;
	char dot;

	if (!yyjson_obj_get(root, "cdiVersion"))
		return 0;
	if (!version || sscanf(version, "%1u.%2u%c", &major, &minor, &dot) != 3 || dot != '.')
		return err_set(err, EINVAL, "%s: cdiVersion: a text like \"1.0.0\" is needed", path);
	if (major > 1 || (major == 1 && minor > 1))
		return err_set(err, ENOTSUP, "%s: cdiVersion %.20s: versions up to 1.1 are known", path, version);
	return 0;
}

/* What cannot be read is no file: one that is broken must not take the devices of the others away. */
static void add_file(struct files *f, int dir, const char *name, size_t nth, const char *path)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	yyjson_doc *doc = NULL;
	size_t n;

	if (fs_read(dir, name, FILE_MAX, &text, &n, &err) == 0)
		doc = parse(text, n, path, &err);
	if (!doc || check_version(yyjson_doc_get_root(doc), path, &err) < 0) {
		log_err(&err, "a file of CDI devices is passed over");
		yyjson_doc_free(doc);
		return;
	}
	f->list[f->n++] = (struct file){.path = mem_strdup(path), .dir = nth, .doc = doc};
}

static void add_dir(struct files *f, const char *path, size_t nth)
{
	DIR *d = opendir(path);

	for (const struct dirent *e; d && (e = readdir(d)) && f->n < FILES_MAX;) {
		mem_cleanup char *file = mem_printf("%s/%s", path, e->d_name);
		const char *dot = strrchr(e->d_name, '.');

		if (dot && e->d_name[0] != '.' && (!strcmp(dot, ".json") || !strcmp(dot, ".yaml")))
			add_file(f, dirfd(d), e->d_name, nth, file);
	}
	if (d)
		closedir(d);
}

static yyjson_val *device_of(const struct file *f, const char *name)
{
	yyjson_val *root = yyjson_doc_get_root(f->doc), *v;
	const char *kind = yyjson_get_str(yyjson_obj_get(root, "kind"));
	size_t i, max, n = kind ? strlen(kind) : 0;

	if (!kind || strncmp(kind, name, n) != 0 || name[n] != '=')
		return NULL;
	yyjson_arr_foreach (yyjson_obj_get(root, "devices"), i, max, v) {
		if (yyjson_equals_str(yyjson_obj_get(v, "name"), name + n + 1))
			return v;
	}
	return NULL;
}

static int find(struct files *f, const char *name, struct file **ret, yyjson_val **ret_device, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < f->n; i++) {
		yyjson_val *device = device_of(&f->list[i], name);

		if (!device || (*ret && (*ret)->dir != f->list[i].dir))
			continue;
		if (*ret)
			return err_set(err, EINVAL, "CDI device %.200s: both %s and %s have it", name, (*ret)->path,
				       f->list[i].path);
		*ret = &f->list[i];
		*ret_device = device;
	}
	return *ret ? 0 : err_set(err, ENODEV, "CDI device injection failed: unresolvable CDI devices %.200s", name);
}

/* ---- edits ---- */

static yyjson_mut_val *list_of(yyjson_mut_doc *d, const char *key)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *list = yyjson_mut_obj_get(root, key);

	if (yyjson_mut_is_arr(list))
		return list;
	list = yyjson_mut_arr(d);
	yyjson_mut_obj_put(root, yyjson_mut_str(d, key), list);
	return list;
}

static const char *path_of(yyjson_val *v, const char *key)
{
	const char *path = yyjson_get_str(yyjson_obj_get(v, key));

	return path && *path == '/' ? path : NULL;
}

static int add_env(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err)
{
	yyjson_mut_doc *d = to->spec;
	const char *text = yyjson_get_str(v);
	yyjson_mut_val *list = list_of(d, "environment"), *one;
	yyjson_mut_arr_iter it = yyjson_mut_arr_iter_with(list);
	size_t n = text ? strcspn(text, "=") : 0;

	if (n == 0 || text[n] != '=')
		return err_set(err, EINVAL, "%s: env: NAME=VALUE is needed", where);
	while ((one = yyjson_mut_arr_iter_next(&it))) {
		const char *has = yyjson_mut_get_str(one);

		if (has && !strncmp(has, text, n + 1))
			yyjson_mut_arr_iter_remove(&it);
	}
	yyjson_mut_arr_add_strcpy(d, list, text);
	return 0;
}

static int add_node(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err)
{
	yyjson_mut_doc *d = to->spec;
	const char *path = path_of(v, "path"), *on_host = path_of(v, "hostPath");
	const char *permissions = yyjson_get_str(yyjson_obj_get(v, "permissions"));
	yyjson_mut_val *o;

	if (!path)
		return err_set(err, EINVAL, "%s: deviceNodes: path: an absolute path is needed", where);
	if (yyjson_equals_str(yyjson_obj_get(v, "type"), "p"))
		return err_set(err, ENOTSUP, "%s: deviceNodes: %.200s: a FIFO is not made by berth", where, path);
	o = yyjson_mut_arr_add_obj(d, list_of(d, "devices"));
	yyjson_mut_obj_add_strcpy(d, o, "path_on_host", on_host ? on_host : path);
	yyjson_mut_obj_add_strcpy(d, o, "path_in_container", path);
	yyjson_mut_obj_add_strcpy(d, o, "permissions", permissions && *permissions ? permissions : "rwm");
	return 0;
}

static void add_mount_option(yyjson_mut_doc *d, yyjson_mut_val *o, const char *option, bool *ret_recursive)
{
	static const char *const propagation[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};

	if (!strcmp(option, "ro"))
		yyjson_mut_obj_add_bool(d, o, "read_only", true);
	*ret_recursive |= !strcmp(option, "rbind");
	for (size_t i = 0; i < sizeof propagation / sizeof *propagation; i++) {
		if (!strcmp(option, propagation[i]))
			yyjson_mut_obj_put(o, yyjson_mut_str(d, "propagation"), yyjson_mut_str(d, propagation[i]));
	}
}

static int add_mount(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err)
{
	yyjson_mut_doc *d = to->spec;
	const char *from = path_of(v, "hostPath"), *target = path_of(v, "containerPath");
	const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));
	bool recursive = false;
	yyjson_mut_val *o;
	yyjson_val *option;
	size_t i, n;

	if (!from || !target)
		return err_set(err, EINVAL, "%s: mounts: hostPath and containerPath: absolute paths are needed", where);
	if (type && *type && strcmp(type, "bind") != 0 && strcmp(type, "none") != 0)
		return err_set(err, ENOTSUP, "%s: mounts: %.200s: type %.20s; only binds are made", where, target,
			       type);
	o = yyjson_mut_arr_add_obj(d, list_of(d, "mounts"));
	yyjson_mut_obj_add_str(d, o, "type", "bind");
	yyjson_mut_obj_add_strcpy(d, o, "source", from);
	yyjson_mut_obj_add_strcpy(d, o, "target", target);
	yyjson_arr_foreach (yyjson_obj_get(v, "options"), i, n, option) {
		if (yyjson_is_str(option))
			add_mount_option(d, o, yyjson_get_str(option), &recursive);
	}
	if (!recursive)
		yyjson_mut_obj_add_bool(d, o, "recursive", false);
	return 0;
}

static int add_group(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err)
{
	yyjson_mut_doc *d = to->spec;
	mem_cleanup char *text = NULL;

	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > UINT32_MAX)
		return err_set(err, EINVAL, "%s: additionalGids: a number of a group is needed", where);
	/* "0 is ignored" (specification, additionalGids). */
	if (yyjson_get_uint(v) == 0)
		return 0;
	text = mem_printf("%" PRIu64, yyjson_get_uint(v));
	yyjson_mut_arr_add_strcpy(d, list_of(d, "group_add"), text);
	return 0;
}

/* Its form is devhook.h's to check; which file it is of is known here alone. */
static int add_hook(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err)
{
	yyjson_mut_doc *d = to->spec;
	json_mut_cleanup yyjson_mut_doc *one = yyjson_mut_doc_new(NULL);
	json_doc_cleanup yyjson_doc *read = NULL;
	struct devhooks h;
	int r;

	yyjson_mut_doc_set_root(one, yyjson_mut_arr(one));
	yyjson_mut_arr_append(yyjson_mut_doc_get_root(one), yyjson_val_mut_copy(one, v));
	read = yyjson_mut_doc_imut_copy(one, NULL);
	r = devhook_read(yyjson_doc_get_root(read), &h, err);
	devhook_free(&h);
	if (r < 0)
		return err_wrap(err, "%s", where);
	if (!to->hooks)
		to->hooks = yyjson_mut_arr(d);
	yyjson_mut_arr_append(to->hooks, yyjson_val_mut_copy(d, v));
	return 0;
}

int cdi_edit(struct cdi_edits *to, yyjson_val *edits, const char *where, struct err *err)
{
	static const struct {
		const char *name;
		int (*add)(struct cdi_edits *to, yyjson_val *v, const char *where, struct err *err);
	} members[] = {{"env", add_env},
		       {"deviceNodes", add_node},
		       {"mounts", add_mount},
		       {"additionalGids", add_group},
		       {"hooks", add_hook}};
	static const char *const refused[] = {"intelRdt", "netDevices"};
	yyjson_val *v;
	size_t k, n;
	int r = 0;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		v = yyjson_obj_get(edits, refused[i]);
		if (v && !yyjson_is_null(v) && yyjson_get_len(v) > 0)
			return err_set(err, ENOTSUP, "%s: berth does not do what \"%s\" asks for", where, refused[i]);
	}
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		yyjson_arr_foreach (yyjson_obj_get(edits, members[i].name), k, n, v) {
			r = r < 0 ? r : members[i].add(to, v, where, err);
		}
	}
	return r;
}

static int apply_one(struct files *f, const char *name, struct cdi_edits *to, struct err *err)
{
	struct file *file = NULL;
	yyjson_val *device = NULL;
	int r = find(f, name, &file, &device, err);

	/* Only looked for. */
	if (!to)
		return r;
	if (r == 0 && !file->applied) {
		file->applied = true;
		r = cdi_edit(to, yyjson_obj_get(yyjson_doc_get_root(file->doc), "containerEdits"), file->path, err);
	}
	return r < 0 ? r : cdi_edit(to, yyjson_obj_get(device, "containerEdits"), file->path, err);
}

int cdi_apply(const char *const *dirs, char *const *names, struct cdi_edits *to, struct err *err)
{
	struct files *f;
	int r = 0;

	if (!names || !*names)
		return 0;
	f = mem_new(struct files);
	for (size_t i = 0; dirs[i]; i++)
		add_dir(f, dirs[i], i);
	for (char *const *n = names; *n && r == 0; n++)
		r = apply_one(f, *n, NULL, err);
	for (; *names && r == 0; names++)
		r = apply_one(f, *names, to, err);
	files_free(f);
	return r;
}
