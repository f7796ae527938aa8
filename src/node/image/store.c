/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.json is the truth: what it and the leases do not lead to is garbage of an interrupted job or a removal. It is written last when
 * something is added and first when something goes.
 */
#include "node/image/store.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/import.h"
#include "node/image/layer.h"
#include "node/image/lease.h"
#include "node/image/manifest.h"
#include "node/image/ref.h"
#include "node/image/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define REFS_NAME "refs.json"
#define REFS_BYTES_MAX (64u << 20)
#define IMAGES_MAX 100000u

/* ---- one image ---- */

/* Bytes of the unpacked layers' tars; what an older meta does not say is taken from the manifest. */
static uint64_t size_of(struct image_store *s, const struct image_info *i, const struct manifest *m)
{
	uint64_t sum = 0;

	for (size_t n = 0; n < m->n; n++) {
		struct image_layer_meta meta;

		if (image_layer_meta_read(s, i->layers[n], &meta, NULL) < 0) {
			sum += m->items[n].size;
			continue;
		}
		sum += meta.tar_size;
		image_layer_meta_free(&meta);
	}
	return sum;
}

static int load(struct image_store *s, const char *manifest_hex, struct manifest *m, struct image_info **ret,
		struct err *err)
{
	mem_cleanup char *text = NULL, *config = NULL;
	size_t n;
	int r = image_blob_read(s, manifest_hex, MANIFEST_BYTES_MAX, &text, &n, err);

	if (r == 0)
		r = manifest_parse(text, n, NULL, m, err);
	if (r == 0)
		r = manifest_is_image(m, err);
	if (r == 0)
		r = image_blob_read(s, m->config.digest, CONFIG_BYTES_MAX, &config, &n, err);
	return r < 0 ? r : config_parse(config, n, ret, err);
}

int store_load(struct image_store *s, const char *manifest_hex, struct image_info **ret, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	int r = load(s, manifest_hex, &m, &i, err);

	if (r < 0)
		return r;
	if (mem_strv_len(i->layers) != m.n)
		return err_set(err, EINVAL, "manifest sha256:%s and its config disagree about the layers",
			       manifest_hex);
	i->id = mem_printf("sha256:%s", m.config.digest);
	i->digest = mem_printf("sha256:%s", manifest_hex);
	i->size = size_of(s, i, &m);
	*ret = mem_take(i);
	return 0;
}

/* ---- the table ---- */

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

struct store_image *store_add(struct image_store *s, const char *name, const char *manifest_hex,
			      struct image_info *info)
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
	return i;
}

static void image_free(struct store_image *i)
{
	free(i->name);
	free(i->why);
	image_info_free(i->info);
}

void store_drop(struct image_store *s, struct store_image *i)
{
	image_free(i);
	*i = s->images[--s->n];
	store_sort(s);
}

static void free_images(struct store_image *images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		image_free(&images[i]);
	free(images);
}

/* ---- reading refs.json ---- */

/* Documents do not change: an image of the table before is taken over. */
static struct image_info *take_known(struct store_image *old, size_t n_old, const char *hex)
{
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].info && !strcmp(old[i].manifest, hex))
			return mem_take(old[i].info);
	}
	return NULL;
}

struct reading {
	struct store_image *old;
	size_t n_old;
};

static int load_image(struct image_store *s, struct reading *r, const char *name, yyjson_val *v, struct err *err)
{
	yyjson_val *of = yyjson_is_obj(v) ? yyjson_obj_get(v, "manifest") : v;
	const char *digest = yyjson_get_str(of), *index = yyjson_get_str(yyjson_obj_get(v, "index"));
	struct image_info *info = NULL;
	struct store_image *i;
	struct err why = ERR_INIT;
	int code = 0;

	if (!digest || !ref_is_digest(digest) || (index && !ref_is_digest(index)))
		return err_set(err, EINVAL, REFS_NAME ": the digest of \"%.300s\" is not a digest", name);
	if (s->n >= IMAGES_MAX)
		return err_set(err, E2BIG, REFS_NAME " has more than %u images", IMAGES_MAX);
	info = take_known(r->old, r->n_old, digest + 7);
	if (!info)
		code = store_load(s, digest + 7, &info, &why);
	i = store_add(s, name, digest + 7, info);
	snprintf(i->index, sizeof i->index, "%s", index ? index + 7 : "");
	if (info) {
		free(info->index);
		info->index = mem_strdup(index);
	}
	/* One damaged image must not take the others with it. */
	if (code < 0)
		i->why = mem_strdup(why.text);
	return 0;
}

static int load_names(struct image_store *s, struct reading *r, yyjson_val *refs, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, max;
	int code = 0;

	yyjson_obj_foreach (refs, i, max, key, val) {
		code = load_image(s, r, yyjson_get_str(key), val, err);
		if (code < 0)
			return code;
	}
	return code;
}

static int load_nameless(struct image_store *s, struct reading *r, yyjson_val *list, bool detached, struct err *err)
{
	yyjson_val *val;
	size_t i, max;

	yyjson_arr_foreach (list, i, max, val) {
		int code = load_image(s, r, "", val, err);

		if (code < 0)
			return code;
		s->images[s->n - 1].detached = detached;
	}
	return 0;
}

static int parse_refs(struct image_store *s, struct reading *r, yyjson_val *root, struct err *err)
{
	int64_t version;
	int code = json_get_int(root, "version", 1, STORE_VERSION, &version, err);

	if (code < 0)
		return err_wrap(err, "images/" REFS_NAME);
	s->version = (int)version;
	code = load_names(s, r, yyjson_obj_get(root, "refs"), err);
	if (code == 0)
		code = load_nameless(s, r, yyjson_obj_get(root, "untagged"), false, err);
	if (code == 0)
		code = load_nameless(s, r, yyjson_obj_get(root, "detached"), true, err);
	store_sort(s);
	return code;
}

static void see(struct image_store *s, const struct stat *st)
{
	s->seen.device = st->st_dev;
	s->seen.inode = st->st_ino;
	s->seen.size = (uint64_t)st->st_size;
	s->seen.s = st->st_mtim.tv_sec;
	s->seen.ns = st->st_mtim.tv_nsec;
}

static bool is_seen(const struct image_store *s, const struct stat *st)
{
	return s->seen.inode == st->st_ino && s->seen.device == st->st_dev && s->seen.size == (uint64_t)st->st_size &&
	       s->seen.s == st->st_mtim.tv_sec && s->seen.ns == st->st_mtim.tv_nsec;
}

/* The file is only ever replaced, so what is read through one descriptor is one state. */
static int read_refs(struct image_store *s, int fd, struct err *err)
{
	struct reading old = {.old = s->images, .n_old = s->n};
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = fd_read_all(fd, REFS_BYTES_MAX, &text, &n);

	if (r < 0)
		return err_sys(err, -r, "read images/" REFS_NAME);
	doc = json_parse(text, n, REFS_BYTES_MAX, REFS_NAME, err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	s->images = NULL;
	s->n = s->cap = 0;
	r = parse_refs(s, &old, yyjson_doc_get_root(doc), err);
	free_images(old.old, old.n_old);
	return r;
}

static int no_refs(struct image_store *s)
{
	free_images(s->images, s->n);
	s->images = NULL;
	s->n = s->cap = 0;
	s->version = STORE_VERSION;
	return 0;
}

int store_refresh(struct image_store *s, struct err *err)
{
	fd_cleanup int fd = -1;
	struct err own = ERR_INIT;
	struct stat st;
	int r;

	if (fstatat(s->root, REFS_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_seen(s, &st))
		return 0;
	fd = openat(s->root, REFS_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return no_refs(s);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open images/" REFS_NAME);
	r = read_refs(s, fd, err ? err : &own);
	if (r == 0)
		see(s, &st);
	return r;
}

/* ---- writing it ---- */

static yyjson_mut_val *image_value(yyjson_mut_doc *doc, const struct store_image *i)
{
	mem_cleanup char *digest = mem_printf("sha256:%s", i->manifest), *index = mem_printf("sha256:%s", i->index);
	yyjson_mut_val *v;

	if (!*i->index)
		return yyjson_mut_strcpy(doc, digest);
	v = yyjson_mut_obj(doc);
	yyjson_mut_obj_add_strcpy(doc, v, "manifest", digest);
	yyjson_mut_obj_add_strcpy(doc, v, "index", index);
	return v;
}

static char *refs_text(const struct image_store *s, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *refs = yyjson_mut_obj(doc);
	yyjson_mut_val *untagged = yyjson_mut_arr(doc), *detached = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "version", s->version);
	yyjson_mut_obj_add_val(doc, root, "refs", refs);
	yyjson_mut_obj_add_val(doc, root, "untagged", untagged);
	yyjson_mut_obj_add_val(doc, root, "detached", detached);
	for (size_t n = 0; n < s->n; n++) {
		const struct store_image *i = &s->images[n];

		if (*i->name)
			yyjson_mut_obj_add(refs, yyjson_mut_strcpy(doc, i->name), image_value(doc, i));
		else
			yyjson_mut_arr_append(i->detached ? detached : untagged, image_value(doc, i));
	}
	return json_text(doc, true, ret_len);
}

int store_save(struct image_store *s, struct err *err)
{
	struct stat st;
	size_t n;
	mem_cleanup char *text = refs_text(s, &n);
	int r = fs_write_atomic(s->root, REFS_NAME, text, n, 0600, true, err);

	if (r == 0 && fstatat(s->root, REFS_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		see(s, &st);
	else
		s->seen.inode = 0;
	return r;
}

/* ---- open and close ---- */

int store_lock(struct image_store *s, struct err *err)
{
	int fd = openat(s->root, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open images/lock");
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR) {
			int code = errno;

			close(fd);
			return err_sys(err, code, "lock images/lock");
		}
	}
	return fd;
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
	    {"images/leases", offsetof(struct image_store, leases)},
	    {"images/erofs", offsetof(struct image_store, erofs)},
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

/* What a crash left. With the lock held nobody else writes refs.json, so its temporary files are nobody's. */
static int tidy(struct image_store *s, struct err *err)
{
	fd_cleanup int lock = store_lock(s, err);
	int r = lock < 0 ? lock : store_refresh(s, err);

	if (r == 0)
		store_sweep(s);
	fd_closep(&lock);
	store_empty(s);
	return r;
}

int image_store_open(int data_dir, struct image_store **ret, struct err *err)
{
	struct image_store *s = mem_new(struct image_store);
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	s->root = s->blobs = s->layers = s->tmp = s->leases = s->erofs = -1;
	s->version = STORE_VERSION;
	r = open_dirs(s, data_dir, err);
	if (r == 0)
		r = settings_read(s, err);
	if (r == 0)
		r = tidy(s, err);
	if (r < 0)
		image_store_close(s);
	else
		*ret = s;
	return r;
}

struct image_store *image_store_close(struct image_store *s)
{
	if (!s)
		return NULL;
	import_free_all(s);
	free_images(s->images, s->n);
	fd_closep(&s->root);
	fd_closep(&s->blobs);
	fd_closep(&s->layers);
	fd_closep(&s->leases);
	fd_closep(&s->erofs);
	fd_closep(&s->tmp);
	free(s);
	return NULL;
}
