/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's half of an import. The order makes a crash harmless: the layer goes to its place first, then the blobs, then refs.json.
 * Until that last rename everything new is garbage that the next image_store_open() collects.
 */
#include "node/image/image.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/image/config.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int image_import_begin(struct image_store *s, int *ret_tmp_dir, char ret_tmp_name[static 64], struct err *err)
{
	char name[17];
	int fd;

	random_hex(name, sizeof name - 1);
	if (mkdirat(s->tmp, name, 0700) < 0)
		return err_sys(err, errno, "make a directory for the import");
	fd = fs_open_in(s->tmp, name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (fd < 0)
		return fd;
	*ret_tmp_dir = fd;
	snprintf(ret_tmp_name, 64, "%s", name);
	return 0;
}

void image_import_abort(struct image_store *s, const char *tmp_name)
{
	if (fs_name_ok(tmp_name))
		(void)fs_remove_tree(s->tmp, tmp_name, NULL);
}

/* The numbers come from the worker, which hostile bytes may have taken over: only their form is believed. */
static int check_unpacked(struct image_store *s, const char *tmp_name, const struct image_unpacked *u, struct err *err)
{
	fd_cleanup int tmp = -1, fs = -1;

	if (!fs_name_ok(tmp_name) || memchr(u->diff_id, '\0', sizeof u->diff_id) == NULL || !ref_is_hex(u->diff_id, 64))
		return err_set(err, EINVAL, "the unpacker reported what cannot be");
	tmp = fs_open_in(s->tmp, tmp_name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (tmp < 0)
		return tmp;
	fs = fs_open_in(tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	return fs < 0 ? fs : 0;
}

static int write_meta(int tmp, const struct image_unpacked *u, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	mem_cleanup char *text = NULL;
	size_t n;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_uint(doc, root, "size", u->tar_size);
	yyjson_mut_obj_add_uint(doc, root, "files", u->n_files);
	yyjson_mut_obj_add_uint(doc, root, "special_skipped", u->n_special_skipped);
	yyjson_mut_obj_add_uint(doc, root, "xattrs_dropped", u->n_xattrs_dropped);
	yyjson_mut_obj_add_uint(doc, root, "owners_lost", u->n_owners_lost);
	text = json_text(doc, false, &n);
	return fs_write_atomic(tmp, "meta", text, n, 0600, true, err);
}

/* Layers are stored once: the same bytes unpacked a second time are dropped. */
static int place_layer(struct image_store *s, const char *tmp_name, const struct image_unpacked *u, struct err *err)
{
	fd_cleanup int tmp = -1;
	struct stat st;
	int r;

	if (fstatat(s->layers, u->diff_id, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		store_discard(s, s->tmp, tmp_name);
		return 0;
	}
	tmp = fs_open_in(s->tmp, tmp_name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (tmp < 0)
		return tmp;
	r = write_meta(tmp, u, err);
	if (r < 0)
		return r;
	if (renameat(s->tmp, tmp_name, s->layers, u->diff_id) < 0 || fsync(s->layers) < 0)
		return err_sys(err, errno, "put layer sha256:%s in its place", u->diff_id);
	return 0;
}

static int write_blobs(struct image_store *s, const struct image_unpacked *u, const char *config, size_t n_config,
		       char ret_manifest[static 65], struct err *err)
{
	mem_cleanup char *manifest = NULL;
	char config_hex[65];
	size_t n;
	int r = store_put_blob(s, config, n_config, config_hex, err);

	if (r < 0)
		return r;
	manifest = config_manifest_text(config_hex, n_config, u, &n);
	return store_put_blob(s, manifest, n, ret_manifest, err);
}

/* The name's place in the table, for the new image; a new place at the end when the name is new. */
static size_t place_of(struct image_store *s, const char *name)
{
	struct store_image *old = store_by_name(s, name);

	if (old)
		return (size_t)(old - s->images);
	store_add(s, "", "", NULL);
	return s->n - 1;
}

static void free_image(struct store_image *i)
{
	free(i->name);
	free(i->why);
	image_info_free(i->info);
}

/* Gives the name to the new image. The old one, if containers run on it, loses its name but stays (image_store_collect). When the table
 * cannot be written everything is as before, and info is still the caller's. */
static int give_name(struct image_store *s, const char *name, const char *manifest_hex, struct image_info *info,
		     struct err *err)
{
	size_t at = place_of(s, name), n = s->n;
	struct store_image old = s->images[at];
	bool detach = old.info && store_holds(s, old.info) > 0 && !store_named_elsewhere(s, old.info, &s->images[at]);
	int r;

	store_add(s, name, manifest_hex, NULL);
	s->images[at] = s->images[--s->n];
	if (detach)
		store_add(s, "", old.manifest, NULL);
	r = store_save(s, err);
	if (r < 0) {
		free(s->images[at].name);
		if (detach)
			free(s->images[--s->n].name);
		s->images[at] = old;
		if (!*old.name)
			free(s->images[s->n = n - 1].name);
		return r;
	}
	s->images[at].info = info;
	info->name = mem_strdup(name);
	if (detach) {
		s->images[s->n - 1].info = mem_take(old.info);
		free(s->images[s->n - 1].info->name);
		s->images[s->n - 1].info->name = mem_strdup("");
	}
	free_image(&old);
	store_sort(s);
	return 0;
}

static int commit(struct image_store *s, const char *tmp_name, const char *name, const struct image_unpacked *u,
		  const struct image_import_options *o, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	mem_cleanup char *config = NULL;
	char manifest[65];
	size_t n;
	int r = config_text(u, o, clock_wall_ms(), &config, &n, err);

	if (r == 0)
		r = place_layer(s, tmp_name, u, err);
	if (r == 0)
		r = write_blobs(s, u, config, n, manifest, err);
	if (r == 0)
		r = store_load(s, manifest, &info, err);
	if (r == 0)
		r = give_name(s, name, manifest, info, err);
	if (r == 0)
		mem_take(info);
	store_sweep(s);
	return r;
}

int image_import_commit(struct image_store *s, const char *tmp_name, const char *ref, const struct image_unpacked *u,
			const struct image_import_options *o, struct image_info **ret, struct err *err)
{
	mem_cleanup char *name = NULL;
	int r = image_ref_normalise(ref, &name, err);

	if (r < 0)
		return r;
	if (strchr(name, '@'))
		return err_set(err, EINVAL, "\"%s\": an import makes its digest itself; give a name and a tag", ref);
	r = check_unpacked(s, tmp_name, u, err);
	if (r == 0)
		r = commit(s, tmp_name, name, u, o, err);
	if (r < 0)
		return err ? err_wrap(err, "import \"%s\"", name) : r;
	return image_find(s, name, ret, err);
}
