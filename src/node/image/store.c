/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.json is the truth: what it does not lead to is garbage of an interrupted import or removal. It is written last when something is
 * added and first when something goes.
 */
#include "node/image/store.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/image/config.h"
#include "node/image/ref.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REFS_NAME "refs.json"
#define REFS_VERSION 1
#define IMAGES_MAX 100000u

static int read_blob(struct image_store *s, const char *hex, char **ret, size_t *ret_len, struct err *err)
{
	mem_cleanup char *text = NULL;
	char found[SHA256_HEX_MAX];
	int r = fs_read(s->blobs, hex, CONFIG_BYTES_MAX, &text, ret_len, err);

	if (r < 0)
		return r;
	sha256_of(text, *ret_len, found);
	if (strcmp(found, hex) != 0)
		return err_set(err, EBADMSG, "blob sha256:%s is damaged: its digest is sha256:%s", hex, found);
	*ret = mem_take(text);
	return 0;
}

int store_load(struct image_store *s, const char *manifest_hex, struct image_info **ret, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	mem_cleanup char *manifest = NULL, *config = NULL;
	struct config_manifest m;
	size_t n;
	int r = read_blob(s, manifest_hex, &manifest, &n, err);

	if (r == 0)
		r = config_manifest_parse(manifest, n, &m, err);
	if (r == 0)
		r = read_blob(s, m.config, &config, &n, err);
	if (r == 0)
		r = config_parse(config, n, &i, err);
	if (r < 0)
		return r;
	if (mem_strv_len(i->layers) != m.n_layers)
		return err_set(err, EINVAL, "manifest sha256:%s and its config disagree about the layers",
			       manifest_hex);
	i->id = mem_printf("sha256:%s", m.config);
	i->digest = mem_printf("sha256:%s", manifest_hex);
	i->size = m.layer_size;
	*ret = mem_take(i);
	return 0;
}

int store_put_blob(struct image_store *s, const char *text, size_t n, char ret_hex[static 65], struct err *err)
{
	sha256_of(text, n, ret_hex);
	return fs_write_atomic(s->blobs, ret_hex, text, n, 0600, true, err);
}

struct store_image *store_by_name(struct image_store *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!strcmp(s->images[i].name, name))
			return &s->images[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct store_image *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->manifest, y->manifest);
}

void store_sort(struct image_store *s)
{
	if (s->n > 0)
		qsort(s->images, s->n, sizeof *s->images, by_name);
}

void store_add(struct image_store *s, const char *name, const char *manifest_hex, struct image_info *info)
{
	struct store_image *i;

	mem_grow(&s->images, &s->cap, s->n);
	i = &s->images[s->n++];
	*i = (struct store_image){.name = mem_strdup(name), .info = info};
	snprintf(i->manifest, sizeof i->manifest, "%s", manifest_hex);
	if (info) {
		free(info->name);
		info->name = mem_strdup(name);
	}
}

void store_drop(struct image_store *s, struct store_image *i)
{
	free(i->name);
	free(i->why);
	image_info_free(i->info);
	*i = s->images[--s->n];
	store_sort(s);
}

static int load_image(struct image_store *s, const char *name, const char *digest, struct err *err)
{
	struct image_info *info = NULL;
	struct err why = ERR_INIT;
	int r;

	if (!digest || !ref_is_digest(digest))
		return err_set(err, EINVAL, REFS_NAME ": the digest of \"%.300s\" is not a digest", name);
	if (s->n >= IMAGES_MAX)
		return err_set(err, E2BIG, REFS_NAME " has more than %u images", IMAGES_MAX);
	r = store_load(s, digest + 7, &info, &why);
	store_add(s, name, digest + 7, info);
	/* One damaged image must not take the others with it. */
	if (r < 0)
		s->images[s->n - 1].why = mem_strdup(why.text);
	return 0;
}

static int load_names(struct image_store *s, yyjson_val *refs, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, max;

	yyjson_obj_foreach (refs, i, max, key, val) {
		int r = load_image(s, yyjson_get_str(key), yyjson_get_str(val), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int load_detached(struct image_store *s, yyjson_val *list, struct err *err)
{
	yyjson_val *val;
	size_t i, max;

	yyjson_arr_foreach (list, i, max, val) {
		int r = load_image(s, "", yyjson_get_str(val), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int load_refs(struct image_store *s, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	struct stat st;
	int64_t version;
	size_t n;
	int r;

	if (fstatat(s->root, REFS_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = fs_read(s->root, REFS_NAME, 64u << 20, &text, &n, err);
	if (r < 0)
		return r;
	doc = json_parse(text, n, 64u << 20, REFS_NAME, err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	r = json_get_int(yyjson_doc_get_root(doc), "version", REFS_VERSION, REFS_VERSION, &version, err);
	if (r < 0)
		return err_wrap(err, "images/" REFS_NAME);
	r = load_names(s, yyjson_obj_get(yyjson_doc_get_root(doc), "refs"), err);
	if (r == 0)
		r = load_detached(s, yyjson_obj_get(yyjson_doc_get_root(doc), "detached"), err);
	store_sort(s);
	return r;
}

int store_save(struct image_store *s, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *refs = yyjson_mut_obj(doc), *detached = yyjson_mut_arr(doc);
	mem_cleanup char *text = NULL;
	size_t n;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "version", REFS_VERSION);
	yyjson_mut_obj_add_val(doc, root, "refs", refs);
	yyjson_mut_obj_add_val(doc, root, "detached", detached);
	for (size_t i = 0; i < s->n; i++) {
		mem_cleanup char *digest = mem_printf("sha256:%s", s->images[i].manifest);

		if (*s->images[i].name)
			yyjson_mut_obj_add(refs, yyjson_mut_strcpy(doc, s->images[i].name),
					   yyjson_mut_strcpy(doc, digest));
		else
			yyjson_mut_arr_add_strcpy(doc, detached, digest);
	}
	text = json_text(doc, true, &n);
	return fs_write_atomic(s->root, REFS_NAME, text, n, 0600, true, err);
}

size_t store_holds(const struct image_store *s, const struct image_info *i)
{
	size_t most = 0;

	for (char **l = i->layers; l && *l; l++) {
		size_t n = (size_t)(uintptr_t)map_get(&s->holds, *l);

		most = n > most ? n : most;
	}
	return most;
}

static bool has_layer(const struct image_info *i, const char *layer)
{
	for (char **l = i->layers; l && *l; l++) {
		if (!strcmp(*l, layer))
			return true;
	}
	return false;
}

bool store_named_elsewhere(const struct image_store *s, const struct image_info *i, const struct store_image *but)
{
	for (size_t n = 0; n < s->n; n++) {
		const struct store_image *other = &s->images[n];
		bool all = other != but && *other->name && other->info;

		for (char **l = i->layers; all && l && *l; l++)
			all = has_layer(other->info, *l);
		if (all)
			return true;
	}
	return false;
}

void store_discard(struct image_store *s, int dir, const char *name)
{
	char random[17], gone[32];

	random_hex(random, sizeof random - 1);
	snprintf(gone, sizeof gone, "gone-%s", random);
	if (renameat(dir, name, s->tmp, gone) == 0)
		(void)fs_remove_tree(s->tmp, gone, NULL);
}

static bool layer_used(const struct image_store *s, const char *layer)
{
	if (map_get(&s->holds, layer))
		return true;
	for (size_t i = 0; i < s->n; i++) {
		if (s->images[i].info && has_layer(s->images[i].info, layer))
			return true;
	}
	return false;
}

static bool blob_used(const struct image_store *s, const char *hex)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct image_info *info = s->images[i].info;

		if (!strcmp(s->images[i].manifest, hex) || (info && !strcmp(info->id + 7, hex)))
			return true;
	}
	return false;
}

static void sweep_dir(struct image_store *s, int at, bool (*used)(const struct image_store *, const char *))
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !used(s, e->d_name))
			store_discard(s, at, e->d_name);
	}
	closedir(d);
}

void store_sweep(struct image_store *s)
{
	/* An image that cannot be read does not say what it uses: nothing is garbage for certain until it is repaired or removed. */
	for (size_t i = 0; i < s->n; i++) {
		if (!s->images[i].info)
			return;
	}
	sweep_dir(s, s->layers, layer_used);
	sweep_dir(s, s->blobs, blob_used);
}

static bool never(const struct image_store *s, const char *name)
{
	(void)s;
	(void)name;
	return false;
}

static int open_dirs(struct image_store *s, int data_dir, struct err *err)
{
	static const struct {
		const char *path;
		size_t at;
	} dirs[] = {
	    {"images", offsetof(struct image_store, root)},
	    {"images/blobs/sha256", offsetof(struct image_store, blobs)},
	    {"images/layers", offsetof(struct image_store, layers)},
	    {"images/tmp", offsetof(struct image_store, tmp)},
	};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		int fd = fs_mkdirs_in(data_dir, dirs[i].path, 0700, FS_NO_SYMLINKS, err);

		if (fd < 0)
			return fd;
		*(int *)((char *)s + dirs[i].at) = fd;
	}
	return 0;
}

/* Temporary files of an interrupted fs_write_atomic() of refs.json */
static bool root_used(const struct image_store *s, const char *name)
{
	(void)s;
	return strncmp(name, REFS_NAME ".tmp-", strlen(REFS_NAME ".tmp-")) != 0;
}

int image_store_open(int data_dir, struct image_store **ret, struct err *err)
{
	struct image_store *s = mem_new(struct image_store);
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	s->root = s->blobs = s->layers = s->tmp = -1;
	r = open_dirs(s, data_dir, err);
	if (r == 0)
		r = load_refs(s, err);
	if (r < 0) {
		image_store_close(s);
		return r;
	}
	sweep_dir(s, s->tmp, never);
	sweep_dir(s, s->root, root_used);
	store_sweep(s);
	*ret = s;
	return 0;
}

struct image_store *image_store_close(struct image_store *s)
{
	if (!s)
		return NULL;
	while (s->n > 0)
		store_drop(s, &s->images[s->n - 1]);
	free(s->images);
	map_free(&s->holds);
	fd_closep(&s->root);
	fd_closep(&s->blobs);
	fd_closep(&s->layers);
	fd_closep(&s->tmp);
	free(s);
	return NULL;
}
