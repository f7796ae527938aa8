/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers at rest: meta, the marks of opaque directories, and the way into their place.
 */
#include "node/image/layer.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/image/boot.h"
#include "node/image/ref.h"
#include "node/image/store.h"
#include "node/image/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define META_BYTES_MAX 65536u

int image_layer_open(struct image_store *s, const char *diff_hex, struct err *err)
{
	if (!ref_is_hex(diff_hex, 64))
		return err_set(err, EINVAL, "\"%.100s\" is not the digest of a layer", diff_hex);
	return fs_open_in(s->layers, diff_hex, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
}

/* ---- meta ---- */

static void add_packed(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct image_unpacked *u,
		       const struct image_layer_from *from)
{
	mem_cleanup char *digest = mem_printf("sha256:%s", u->packed);
	yyjson_mut_val *packed = yyjson_mut_obj(doc);

	yyjson_mut_obj_add_val(doc, root, "packed", packed);
	yyjson_mut_obj_add_strcpy(doc, packed, "digest", digest);
	yyjson_mut_obj_add_uint(doc, packed, "size", u->packed_size);
	if (from && from->media_type)
		yyjson_mut_obj_add_strcpy(doc, packed, "mediaType", from->media_type);
	if (from && from->from)
		yyjson_mut_obj_add_strcpy(doc, packed, "from", from->from);
}

static char *meta_text(const struct image_unpacked *u, const struct image_layer_from *from, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	char boot[BOOT_ID_MAX];

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_uint(doc, root, "size", u->tar_size);
	yyjson_mut_obj_add_uint(doc, root, "files", u->n_files);
	yyjson_mut_obj_add_uint(doc, root, "special_skipped", u->n_special_skipped);
	yyjson_mut_obj_add_uint(doc, root, "xattrs_dropped", u->n_xattrs_dropped);
	yyjson_mut_obj_add_uint(doc, root, "owners_lost", u->n_owners_lost);
	yyjson_mut_obj_add_strcpy(doc, root, "boot", boot_id(boot));
	if (*u->packed)
		add_packed(doc, root, u, from);
	return json_text(doc, false, ret_len);
}

void image_layer_meta_free(struct image_layer_meta *m)
{
	free(m->media_type);
	free(m->from);
	*m = (struct image_layer_meta){.media_type = NULL};
}

static int parse_packed(yyjson_val *v, struct image_layer_meta *m, struct err *err)
{
	const char *digest = NULL, *type = NULL, *from = NULL;
	int64_t size = 0;
	int r = json_opt_str(v, "digest", &digest, err);

	if (r == 0)
		r = json_opt_int(v, "size", 0, INT64_MAX, &size, err);
	if (r == 0)
		r = json_opt_str(v, "mediaType", &type, err);
	if (r == 0)
		r = json_opt_str(v, "from", &from, err);
	if (r < 0)
		return r;
	if (digest && ref_is_digest(digest))
		snprintf(m->packed, sizeof m->packed, "%s", digest + 7);
	m->packed_size = (uint64_t)size;
	m->media_type = mem_strdup(type);
	m->from = mem_strdup(from);
	return 0;
}

static int parse_meta(yyjson_val *root, struct image_layer_meta *m, struct err *err)
{
	yyjson_val *packed = yyjson_obj_get(root, "packed");
	const char *boot = NULL;
	int64_t size = 0, files = 0;
	int r = json_opt_int(root, "size", 0, INT64_MAX, &size, err);

	if (r == 0)
		r = json_opt_int(root, "files", 0, INT64_MAX, &files, err);
	if (r == 0)
		r = json_opt_str(root, "boot", &boot, err);
	if (r == 0 && yyjson_is_obj(packed))
		r = parse_packed(packed, m, err);
	m->tar_size = (uint64_t)size;
	m->n_files = (uint64_t)files;
	m->this_boot = boot && boot_is_this(boot);
	return r;
}

int image_layer_meta_read(struct image_store *s, const char *diff_hex, struct image_layer_meta *ret, struct err *err)
{
	struct image_layer_meta m = {.media_type = NULL};
	fd_cleanup int dir = image_layer_open(s, diff_hex, err);
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = dir < 0 ? dir : fs_read(dir, "meta", META_BYTES_MAX, &text, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(text, n, META_BYTES_MAX, "a layer's meta", err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	r = parse_meta(yyjson_doc_get_root(doc), &m, err);
	m.opaque = faccessat(dir, LAYER_OPAQUE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (r < 0)
		image_layer_meta_free(&m);
	else
		*ret = m;
	return r;
}

/* ---- marks ---- */

/* Who may not set trusted.* is not the machine's root, and then overlay looks at user.* (the runtime mounts it with userxattr). */
static int mark(int fd, const char *name, struct err *err)
{
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) == 0)
		return 0;
	if (errno == EPERM && fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == 0)
		return 0;
	return err_sys(err, errno, "mark the directory \"%.200s\" as opaque", name);
}

/* A later entry may have replaced the directory by something else, which is no matter. */
static int mark_name(int fs, const char *name, struct err *err)
{
	fd_cleanup int fd = fs_open_in(fs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, FS_IN_ROOT, NULL);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	return fd < 0 ? err_sys(err, -fd, "open directory \"%.200s\"", name) : mark(fd, name, err);
}

static int mark_all(int fs, FILE *list, struct err *err)
{
	char name[TREE_PATH_MAX + 1];
	size_t n = 0;
	int c, r = 0;

	while (r == 0 && (c = getc(list)) != EOF) {
		if (n == sizeof name)
			return err_set(err, EINVAL, "the unpacker's list of opaque directories is damaged");
		name[n++] = (char)c;
		if (c != '\0')
			continue;
		n = 0;
		r = mark_name(fs, name, err);
	}
	return r;
}

int image_layer_mark(int tmp_dir, struct err *err)
{
	fd_cleanup int fd = openat(tmp_dir, TREE_OPAQUE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	fd_cleanup int fs = -1;
	struct stat st;
	FILE *list;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open the list of opaque directories");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "the unpacker's list of opaque directories is no file");
	fs = fs_open_in(tmp_dir, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (fs < 0)
		return fs;
	list = fdopen(fd, "r");
	if (!list)
		return err_sys(err, errno, "open the list of opaque directories");
	fd_take(&fd);
	r = mark_all(fs, list, err);
	fclose(list);
	if (r == 0 && unlinkat(tmp_dir, TREE_OPAQUE_NAME, 0) < 0)
		r = err_sys(err, errno, "remove the list of opaque directories");
	return r;
}

/* ---- into its place ---- */

static int complete(int tmp, const struct image_unpacked *u, const struct image_layer_from *from, struct err *err)
{
	mem_cleanup char *text = NULL;
	fd_cleanup int fs = fs_open_in(tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	size_t n;
	int r = fs < 0 ? fs : image_layer_mark(tmp, err);

	if (r == 0 && u->opaque)
		r = fs_write_atomic(tmp, LAYER_OPAQUE_NAME, "", 0, 0600, false, err);
	if (r < 0)
		return r;
	text = meta_text(u, from, &n);
	return fs_write_atomic(tmp, "meta", text, n, 0600, false, err);
}

static bool is_named(const struct image_store *s, const char *diff_hex)
{
	for (size_t i = 0; i < s->n; i++) {
		for (char **l = s->images[i].info ? s->images[i].info->layers : NULL; l && *l; l++) {
			if (!strcmp(*l, diff_hex))
				return true;
		}
	}
	return false;
}

/* Layers are not written to the disk one by one, image_commit() does that once: what lies there since before the last start of the
 * machine, and no image names, may be half of a layer. Such a one is taken away. With the lock held. */
static bool is_whole(struct image_store *s, const char *diff_hex)
{
	struct image_layer_meta m;
	bool whole = is_named(s, diff_hex);

	if (!whole && image_layer_meta_read(s, diff_hex, &m, NULL) == 0) {
		whole = m.this_boot;
		image_layer_meta_free(&m);
	}
	if (!whole)
		store_discard(s, s->layers, diff_hex);
	return whole;
}

int store_layer_is_there(struct image_store *s, struct image_lease *lease, const char *diff_hex, struct err *err)
{
	fd_cleanup int lock = -1;
	int r = image_lease_layer(lease, diff_hex, err);

	if (r <= 0)
		return r;
	lock = store_lock(s, err);
	if (lock < 0)
		return lock;
	r = store_refresh(s, err);
	return r < 0 ? r : is_whole(s, diff_hex);
}

int image_layer_place(struct image_store *s, struct image_lease *lease, const char *tmp_name,
		      const struct image_unpacked *u, const struct image_layer_from *from, struct err *err)
{
	fd_cleanup int tmp = -1, lock = -1;
	struct stat st;
	int r;

	if (!fs_name_ok(tmp_name) || !ref_is_hex(u->diff_id, 64))
		return err_set(err, EINVAL, "the unpacker reported what cannot be");
	tmp = fs_open_in(s->tmp, tmp_name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	r = tmp < 0 ? tmp : complete(tmp, u, from, err);
	if (r == 0)
		r = image_lease_layer(lease, u->diff_id, err);
	if (r < 0)
		return r;
	lock = store_lock(s, err);
	r = lock < 0 ? lock : store_refresh(s, err);
	if (r < 0)
		return r;
	/* Layers are stored once: the same bytes unpacked a second time are dropped. */
	if (fstatat(s->layers, u->diff_id, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_whole(s, u->diff_id)) {
		store_discard(s, s->tmp, tmp_name);
		return 0;
	}
	if (renameat(s->tmp, tmp_name, s->layers, u->diff_id) < 0)
		return err_sys(err, errno, "put layer sha256:%s in its place", u->diff_id);
	return 0;
}
