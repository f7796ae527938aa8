/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/volume.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/engine/action.h"
#include "node/engine/container.h"
#include "node/engine/spec.h"
#include "node/engine/volume_record.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ANONYMOUS_DIGITS 64
#define USERS_SHOWN 10

static void tell(struct engine *e, const char *action, const char *name)
{
	static const char *const attributes[] = {"driver", "local", NULL};

	engine_action_add(e, "volume", action, name, attributes);
}

void volume_tell_use(const struct container *c, const char *action)
{
	const char *const attributes[] = {"driver", "local", "container", c->pub.id, NULL};

	for (char *const *name = c->volumes; name && *name; name++)
		engine_action_add(c->e, "volume", action, *name, attributes);
}

static int open_dir(struct engine *e, const char *name, struct err *err)
{
	return fs_mkdirs_in(e->data_dir, name, strcmp(name, VOLUME_ROOT) ? 0700 : 0755, FS_NO_SYMLINKS, err);
}

/* ---- users ---- */

static bool names_it(const struct container *c, const char *name)
{
	for (char *const *v = c->volumes; v && *v; v++) {
		if (!strcmp(*v, name))
			return true;
	}
	return false;
}

static size_t count_users(const struct engine *e, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += names_it(e->list[i], name);
	return n;
}

/* "id, id ..." */
static char *user_ids(const struct engine *e, const char *name)
{
	buf_cleanup struct buf b = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < e->n && n <= USERS_SHOWN; i++) {
		if (!names_it(e->list[i], name))
			continue;
		buf_printf(&b, "%s%s", n ? ", " : "", n == USERS_SHOWN ? "..." : e->list[i]->pub.id);
		n++;
	}
	return mem_strdup(buf_str(&b));
}

static char **names_of(const struct spec *s, bool own)
{
	char **names = NULL;

	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		bool seen = m->type != SPEC_VOLUME || !m->source || (own && !m->anonymous);

		for (char **v = names; v && *v && !seen; v++)
			seen = !strcmp(*v, m->source);
		if (!seen)
			mem_strv_add(&names, m->source);
	}
	return names;
}

char **volume_names(const struct spec *s)
{
	return names_of(s, false);
}

char **volume_own_names(const struct spec *s)
{
	return names_of(s, true);
}

/* ---- find ---- */

/* By its directory alone: what no record can take away from it. NULL = there is none. */
static struct volume *find_plain(const struct engine *e, int root, const char *name)
{
	struct volume *v;
	struct stat st;

	if (!spec_name_ok(name) || fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	v = mem_new(struct volume);
	v->name = mem_strdup(name);
	v->path = mem_printf("%s/" VOLUME_ROOT "/%s", e->data_path, name);
	v->created_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	return v;
}

static int no_volume(const char *name, struct err *err)
{
	return err_set(err, ENOENT, "get %.200s: no such volume", name);
}

static int look(struct engine *e, int root, int records, const char *name, struct volume **ret, struct err *err)
{
	cleanup_with(volume_freep) struct volume *v = find_plain(e, root, name);
	int r = v ? volume_record_read(records, name, v, err) : no_volume(name, err);

	if (r == 0)
		*ret = mem_take(v);
	return r;
}

int engine_volume_find(struct engine *e, const char *name, struct volume **ret, struct err *err)
{
	fd_cleanup int root = open_dir(e, VOLUME_ROOT, err),
		       records = root < 0 ? root : open_dir(e, VOLUME_RECORDS, err);
	int r = records < 0 ? records : look(e, root, records, name, ret, err);

	if (r == 0)
		(*ret)->n_users = count_users(e, name);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct volume *const *)a)->name, (*(struct volume *const *)b)->name);
}

/* How many containers name each, found with one look at every container. */
static void add_users(const struct engine *e, struct volume **list, size_t n)
{
	struct map map = MAP_INIT;

	for (size_t i = 0; i < n; i++)
		map_put(&map, list[i]->name, list[i]);
	for (size_t i = 0; i < e->n; i++) {
		for (char *const *name = e->list[i]->volumes; name && *name; name++) {
			struct volume *v = map_get(&map, *name);

			if (v)
				v->n_users++;
		}
	}
	map_free(&map);
}

/* One whose record cannot be read is there all the same, with what could be read of it. */
static int read_all(struct engine *e, int root, int records, struct volume ***ret, size_t *ret_n, struct err *err)
{
	int copy = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	size_t n = 0, cap = 0;

	if (!d) {
		fd_closep(&copy);
		return err_sys(err, errno, "list the volumes");
	}
	mem_grow(ret, &cap, n);
	for (struct dirent *entry = readdir(d); entry && n < VOLUMES_MAX; entry = readdir(d)) {
		struct volume *v = find_plain(e, root, entry->d_name);

		if (!v)
			continue;
		(void)volume_record_read(records, v->name, v, NULL);
		(*ret)[n++] = v;
		mem_grow(ret, &cap, n);
	}
	closedir(d);
	*ret_n = n;
	return 0;
}

int engine_volumes(struct engine *e, struct volume ***ret, struct err *err)
{
	fd_cleanup int root = open_dir(e, VOLUME_ROOT, err),
		       records = root < 0 ? root : open_dir(e, VOLUME_RECORDS, err);
	struct volume **list = NULL;
	size_t n = 0;
	int r = records < 0 ? records : read_all(e, root, records, &list, &n, err);

	if (r < 0) {
		volumes_free(list);
		return r;
	}
	qsort(list, n, sizeof *list, by_name);
	add_users(e, list, n);
	*ret = list;
	return 0;
}

/* ---- create ---- */

int volume_check_length(const char *name, struct err *err)
{
	if (name[0] && name[1])
		return 0;
	return err_set(err, EINVAL,
		       "create %s: volume name is too short, names should be at least two alphanumeric characters",
		       name);
}

static int check_name(const char *name, struct err *err)
{
	if (spec_name_ok(name))
		return volume_check_length(name, err);
	return err_set(err, EINVAL,
		       "create %.200s: \"%.200s\" includes invalid characters for a local volume name, only "
		       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
		       "absolute path",
		       name, name);
}

static int check_new(const struct volume_new *n, struct err *err)
{
	struct volume_options o;

	if (n->driver && *n->driver && strcmp(n->driver, "local") != 0)
		return err_set(
		    err, ENOENT,
		    "error looking up volume plugin %.200s: plugin \"%.200s\" not found; berth has the volume "
		    "driver \"local\" alone",
		    n->driver, n->driver);
	if (mem_strv_len(n->labels) > VOLUME_LABELS_MAX)
		return err_set(err, E2BIG, "a volume has at most %d labels", VOLUME_LABELS_MAX);
	return volume_options_parse(n->options, &o, err);
}

static bool same_options(char *const *a, char *const *b)
{
	size_t n = mem_strv_len(a);

	for (size_t i = 0; i < n; i++) {
		bool found = false;

		for (char *const *other = b; other && *other && !found; other++)
			found = !strcmp(a[i], *other);
		if (!found)
			return false;
	}
	return n == mem_strv_len(b);
}

static int make(struct engine *e, int root, int records, const struct volume_new *n, struct volume *v, struct err *err)
{
	int r;

	v->path = mem_printf("%s/" VOLUME_ROOT "/%s", e->data_path, v->name);
	v->labels = mem_strv_dup(n->labels);
	v->options = mem_strv_dup(n->options);
	v->created_ms = clock_wall_ms();
	r = volume_record_write(records, v, err);
	if (r < 0)
		return r;
	if (mkdirat(root, v->name, 0755) < 0) {
		r = err_sys(err, errno, "make the directory of volume \"%s\"", v->name);
		volume_record_remove(records, v->name);
		return r;
	}
	tell(e, "create", v->name);
	return 0;
}

static int create_in(struct engine *e, int root, int records, const struct volume_new *n, bool anonymous,
		     struct volume **ret, struct err *err)
{
	cleanup_with(volume_freep) struct volume *v = NULL;
	int r = look(e, root, records, n->name, &v, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && n->options && !same_options(n->options, v->options))
		return err_set(err, EEXIST,
			       "create %s: a volume of this name exists already and was made with other options",
			       n->name);
	if (r < 0) {
		err_clear(err);
		v = mem_new(struct volume);
		v->name = mem_strdup(n->name);
		v->anonymous = anonymous;
		r = make(e, root, records, n, v, err);
	}
	if (r == 0)
		*ret = mem_take(v);
	return r;
}

static int create(struct engine *e, const struct volume_new *n, bool anonymous, struct volume **ret, struct err *err)
{
	fd_cleanup int root = -1, records = -1;
	int r = check_name(n->name, err);

	if (r == 0)
		r = check_new(n, err);
	if (r < 0)
		return r;
	root = open_dir(e, VOLUME_ROOT, err);
	records = root < 0 ? root : open_dir(e, VOLUME_RECORDS, err);
	return records < 0 ? records : create_in(e, root, records, n, anonymous, ret, err);
}

static void anonymous_name(char name[static ANONYMOUS_DIGITS + 1])
{
	random_hex(name, ANONYMOUS_DIGITS);
}

int engine_volume_create(struct engine *e, const struct volume_new *n, struct volume **ret, struct err *err)
{
	char **labels cleanup_with(mem_strv_freep) = NULL;
	char name[ANONYMOUS_DIGITS + 1];
	struct volume_new own = *n;
	int r;

	if (!n->name || !*n->name) {
		anonymous_name(name);
		labels = mem_strv_dup(n->labels);
		mem_strv_add(&labels, VOLUME_ANONYMOUS_LABEL "=");
		own.name = name;
		own.labels = labels;
	}
	r = create(e, &own, own.name == name, ret, err);
	if (r == 0)
		(*ret)->n_users = count_users(e, own.name);
	return r;
}

/* ---- remove ---- */

int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err)
{
	fd_cleanup int root = open_dir(e, VOLUME_ROOT, err),
		       records = root < 0 ? root : open_dir(e, VOLUME_RECORDS, err);
	cleanup_with(volume_freep) struct volume *v = NULL;
	mem_cleanup char *users = NULL;
	char gone[33];

	if (records < 0)
		return records;
	v = find_plain(e, root, name);
	if (!v)
		return force ? 0 : no_volume(name, err);
	users = user_ids(e, name);
	if (*users)
		return err_set(err, EBUSY, "remove %s: volume is in use - [%s]", name, users);
	random_hex(gone, sizeof gone - 1);
	if (renameat(root, name, e->trash, gone) < 0)
		return err_sys(err, errno, "remove %s: move it to the trash", name);
	volume_record_remove(records, name);
	tell(e, "destroy", name);
	trash_sweep(e);
	return 0;
}

void volume_remove_anonymous(struct engine *e, char *const *names)
{
	for (; names && *names; names++) {
		cleanup_with(volume_freep) struct volume *v = NULL;

		/* One that a listed container names stays; it goes with that one. */
		if (engine_volume_find(e, *names, &v, NULL) == 0 && v->anonymous && v->n_users == 0)
			(void)engine_volume_remove(e, *names, true, NULL);
	}
}

/* ---- the volumes of a new container ---- */

static bool lacks_name(yyjson_val *mount)
{
	const char *type = yyjson_get_str(yyjson_obj_get(mount, "type"));
	const char *source = yyjson_get_str(yyjson_obj_get(mount, "source"));

	return type && !strcmp(type, "volume") && (!source || !*source);
}

static void set_name(yyjson_mut_doc *d, yyjson_mut_val *mount)
{
	char name[ANONYMOUS_DIGITS + 1];

	anonymous_name(name);
	yyjson_mut_obj_remove_key(mount, "source");
	yyjson_mut_obj_remove_key(mount, "anonymous");
	yyjson_mut_obj_add_strcpy(d, mount, "source", name);
	yyjson_mut_obj_add_bool(d, mount, "anonymous", true);
}

static yyjson_doc *completed(yyjson_val *spec)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_val_mut_copy(d, spec), *mount;
	yyjson_val *given = yyjson_obj_get(spec, "mounts");
	size_t i, n;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_arr_foreach (yyjson_mut_obj_get(root, "mounts"), i, n, mount) {
		if (lacks_name(yyjson_arr_get(given, i)))
			set_name(d, mount);
	}
	return yyjson_mut_doc_imut_copy(d, NULL);
}

void volume_complete(yyjson_val *spec, yyjson_doc **ret)
{
	yyjson_val *v;
	size_t i, n;
	bool change = false;

	/* What is wrong the parser of the spec will say. */
	yyjson_arr_foreach (yyjson_obj_get(spec, "mounts"), i, n, v) {
		change = change || lacks_name(v);
	}
	*ret = change ? completed(spec) : NULL;
}

static void pairs_of(yyjson_val *object, char ***ret)
{
	yyjson_val *k, *v;
	size_t i, n;

	yyjson_obj_foreach (object, i, n, k, v) {
		mem_cleanup char *pair =
		    mem_printf("%s=%s", yyjson_get_str(k), yyjson_is_str(v) ? yyjson_get_str(v) : "");

		mem_strv_add(ret, pair);
	}
}

static int make_one(struct engine *e, const struct spec_mount *m, struct err *err)
{
	char **labels cleanup_with(mem_strv_freep) = NULL, **options cleanup_with(mem_strv_freep) = NULL;
	cleanup_with(volume_freep) struct volume *v = NULL;
	struct volume_new n = {.name = m->source, .driver = m->driver};

	pairs_of(m->labels, &labels);
	pairs_of(m->driver_options, &options);
	if (m->anonymous)
		mem_strv_add(&labels, VOLUME_ANONYMOUS_LABEL "=");
	n.labels = labels;
	n.options = options;
	return create(e, &n, m->anonymous, &v, err);
}

int volume_make_all(struct engine *e, const struct spec *s, struct err *err)
{
	char **made cleanup_with(mem_strv_freep) = NULL;
	int r = 0;

	for (size_t i = 0; i < s->n_mounts && r == 0; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (m->type != SPEC_VOLUME)
			continue;
		r = make_one(e, m, err);
		if (r == 0 && m->anonymous)
			mem_strv_add(&made, m->source);
	}
	if (r < 0)
		volume_remove_anonymous(e, made);
	return r;
}
