/* SPDX-License-Identifier: Apache-2.0
 *
 * A lease is taken under the lock of the store, so between the question whether a layer is there and the line that keeps it nobody collects.
 */
#include "node/image/lease.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/image/blob.h"
#include "node/image/manifest.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define JOB "job-"
#define KEEP "keep-"
#define NEW "new-" /* a lasting one that is being written */
#define GET "get-" /* layer.c */
#define JOB_NAME_MAX 32
#define ID_MAX 100
#define BYTES_MAX (4u << 20)

struct image_lease {
	struct image_store *s;
	char name[JOB_NAME_MAX];
	int fd;
	struct map has; /* the lines that are in the file */
};

/* ---- of a job ---- */

static int add_line(struct image_lease *l, const char *line, struct err *err)
{
	int r;

	if (map_get(&l->has, line))
		return 0;
	r = fd_write_all(l->fd, line, strlen(line));
	if (r < 0)
		return err_sys(err, -r, "write images/leases/%s", l->name);
	map_put(&l->has, line, l);
	return 0;
}

static int write_what(struct image_lease *l, const char *what, struct err *err)
{
	mem_cleanup char *line = mem_printf("# %.200s\n", what);

	for (char *p = line; *p && *p != '\n'; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("#-_./:@ ", *p))
			*p = '?';
	}
	return add_line(l, line, err);
}

int image_lease_new(struct image_store *s, const char *what, struct image_lease **ret, struct err *err)
{
	cleanup_with(image_lease_freep) struct image_lease *l = mem_new(struct image_lease);
	fd_cleanup int lock = store_lock(s, err);
	char random[17];

	l->s = s;
	l->fd = -1;
	if (lock < 0)
		return lock;
	random_hex(random, sizeof random - 1);
	snprintf(l->name, sizeof l->name, JOB "%s", random);
	l->fd = openat(s->leases, l->name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (l->fd < 0 || flock(l->fd, LOCK_EX) < 0)
		return err_sys(err, errno, "make images/leases/%s", l->name);
	if (write_what(l, what, err) < 0)
		return err ? -err->code : -EIO;
	*ret = mem_take(l);
	return 0;
}

struct image_lease *image_lease_free(struct image_lease *l)
{
	if (!l)
		return NULL;
	if (l->fd >= 0)
		(void)unlinkat(l->s->leases, l->name, 0);
	fd_closep(&l->fd);
	map_free(&l->has);
	free(l);
	return NULL;
}

static int lease(struct image_lease *l, const char *kind, int dir, const char *hex, struct err *err)
{
	mem_cleanup char *line = mem_printf("%s %s\n", kind, hex);
	fd_cleanup int lock = -1;
	struct stat st;
	int r;

	if (!ref_is_hex(hex, 64))
		return err_set(err, EINVAL, "\"%.100s\" is not a digest", hex);
	lock = store_lock(l->s, err);
	if (lock < 0)
		return lock;
	r = add_line(l, line, err);
	if (r < 0)
		return r;
	if (fstatat(dir, hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, errno, "look for %s sha256:%s", kind, hex);
}

int image_lease_layer(struct image_lease *l, const char *diff_hex, struct err *err)
{
	return lease(l, "layer", l->s->layers, diff_hex, err);
}

int image_lease_blob(struct image_lease *l, const char *hex, struct err *err)
{
	return lease(l, "blob", l->s->blobs, hex, err);
}

int image_lease_image(struct image_lease *l, const struct image_info *i, struct err *err)
{
	const char *blobs[] = {i->digest, i->id, i->index};
	int r = 1;

	for (size_t n = 0; r == 1 && n < sizeof blobs / sizeof *blobs; n++)
		r = blobs[n] ? image_lease_blob(l, blobs[n] + 7, err) : 1;
	for (char **layer = i->layers; r == 1 && layer && *layer; layer++)
		r = image_lease_layer(l, *layer, err);
	if (r == 0)
		return err_set(err, ENOENT, "image \"%s\" has just been removed", *i->name ? i->name : i->id);
	return r < 0 ? r : 0;
}

int image_lease_tmp(struct image_lease *l, int *ret_dir, char ret_name[static 64], struct err *err)
{
	char name[64], random[9];
	int fd;

	random_hex(random, sizeof random - 1);
	snprintf(name, sizeof name, "%s.%s", l->name, random);
	if (mkdirat(l->s->tmp, name, 0700) < 0)
		return err_sys(err, errno, "make a directory in images/tmp");
	fd = fs_open_in(l->s->tmp, name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (fd < 0)
		return fd;
	memcpy(ret_name, name, sizeof name);
	*ret_dir = fd;
	return 0;
}

bool store_lease_lives(struct image_store *s, const char *tmp_name)
{
	char name[JOB_NAME_MAX];
	size_t n = strcspn(tmp_name, ".");
	fd_cleanup int fd = -1;

	if (n >= sizeof name || strncmp(tmp_name, JOB, strlen(JOB)) != 0)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)n, tmp_name);
	fd = openat(s->leases, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* ---- lasting ones ---- */

static bool id_ok(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= ID_MAX &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static char *keep_text(const struct image_info *i, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, root);
	if (i->digest)
		yyjson_mut_obj_add_strcpy(doc, root, "image", i->digest);
	if (i->index)
		yyjson_mut_obj_add_strcpy(doc, root, "index", i->index);
	json_add_strv(doc, root, "layers", i->layers);
	return json_text(doc, false, ret_len);
}

/* All of it must be there: between image_find() and here another process may have removed it. */
static int check_there(struct image_store *s, const struct image_info *i, struct err *err)
{
	struct stat st;

	for (char **layer = i->layers; layer && *layer; layer++) {
		if (!ref_is_hex(*layer, 64) || fstatat(s->layers, *layer, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(err, ENOENT, "layer sha256:%.64s is not here any more", *layer);
	}
	if (i->digest && !image_blob_is_there(s, i->digest + 7, NULL))
		return err_set(err, ENOENT, "image %.71s is not here any more", i->digest);
	return 0;
}

/* Not synced: after a power cut no container runs. */
static int write_keep(struct image_store *s, const char *id, const struct image_info *i, struct err *err)
{
	char name[ID_MAX + 8], fresh[ID_MAX + 8];
	size_t n;
	mem_cleanup char *text = keep_text(i, &n);
	fd_cleanup int fd = -1;
	int r;

	snprintf(name, sizeof name, KEEP "%s", id);
	snprintf(fresh, sizeof fresh, NEW "%s", id);
	fd = openat(s->leases, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : fd_write_all(fd, text, n);
	if (r == 0 && renameat(s->leases, fresh, s->leases, name) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "write images/leases/%s", name) : 0;
}

int image_lease_keep(struct image_store *s, const char *id, const struct image_info *i, struct err *err)
{
	fd_cleanup int lock = -1;
	int r;

	if (!id_ok(id))
		return err_set(err, EINVAL, "\"%.100s\" cannot name a lease", id);
	lock = store_lock(s, err);
	if (lock < 0)
		return lock;
	r = check_there(s, i, err);
	return r < 0 ? r : write_keep(s, id, i, err);
}

bool image_lease_is_kept(struct image_store *s, const char *id)
{
	char name[ID_MAX + 8];

	snprintf(name, sizeof name, KEEP "%s", id);
	return id_ok(id) && faccessat(s->leases, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_detached(const struct image_store *s)
{
	for (size_t n = 0; n < s->n; n++) {
		if (s->images[n].detached)
			return true;
	}
	return false;
}

void image_lease_drop(struct image_store *s, const char *id)
{
	char name[ID_MAX + 8];

	if (!id_ok(id))
		return;
	snprintf(name, sizeof name, KEEP "%s", id);
	if (unlinkat(s->leases, name, 0) < 0)
		return;
	if (store_refresh(s, NULL) == 0 && has_detached(s))
		image_store_collect(s);
}

static DIR *open_leases(struct image_store *s)
{
	int fd = openat(s->leases, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fd_closep(&fd);
	return d;
}

void image_lease_reconcile(struct image_store *s, const char *prefix, bool (*alive)(void *ctx, const char *id),
			   void *ctx)
{
	DIR *d = open_leases(s);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		const char *id = e->d_name + strlen(KEEP);

		if (strncmp(e->d_name, KEEP, strlen(KEEP)) != 0 || strncmp(id, prefix, strlen(prefix)) != 0)
			continue;
		if (!alive(ctx, id))
			(void)unlinkat(s->leases, e->d_name, 0);
	}
	if (d)
		closedir(d);
}

/* ---- reading all of them ---- */

static void note(struct map *m, const char *hex)
{
	if (ref_is_hex(hex, 64))
		map_put(m, hex, m);
}

static void note_job(struct store_leases *l, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "layer ", 6))
			note(&l->layers, line + 6);
		else if (!strncmp(line, "blob ", 5))
			note(&l->blobs, line + 5);
	}
}

/* The file is locked while its process lives. */
static int read_job(struct image_store *s, struct store_leases *l, const char *name, struct err *err)
{
	fd_cleanup int fd = openat(s->leases, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open images/leases/%s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		(void)unlinkat(s->leases, name, 0);
		return 0;
	}
	r = fd_read_all(fd, BYTES_MAX, &text, &n);
	if (r < 0)
		return err_sys(err, -r, "read images/leases/%s", name);
	note_job(l, text);
	return 0;
}

/* A FIFO of layer.c whose holder is dead */
static void tidy_get(struct image_store *s, const char *name)
{
	fd_cleanup int fd = openat(s->leases, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(s->leases, name, 0);
}

/* The documents of an image that is kept: its manifest, and what that names. */
static void note_image(struct image_store *s, struct store_leases *l, const char *hex)
{
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	mem_cleanup char *text = NULL;
	size_t n;

	note(&l->blobs, hex);
	if (image_blob_read(s, hex, MANIFEST_BYTES_MAX, &text, &n, NULL) == 0 &&
	    manifest_parse(text, n, NULL, &m, NULL) == 0)
		note(&l->blobs, m.config.digest);
}

static int read_keep(struct image_store *s, struct store_leases *l, const char *name, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	const char *image = NULL, *index = NULL;
	struct store_keep *k;
	size_t n;
	int r = fs_read(s->leases, name, BYTES_MAX, &text, &n, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	doc = json_parse(text, n, BYTES_MAX, name, err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	mem_grow(&l->keeps, &l->cap, l->n);
	k = &l->keeps[l->n++];
	r = json_opt_str(yyjson_doc_get_root(doc), "image", &image, err);
	if (r == 0)
		r = json_opt_str(yyjson_doc_get_root(doc), "index", &index, err);
	if (r == 0)
		r = json_opt_strv(yyjson_doc_get_root(doc), "layers", &k->layers, err);
	if (r < 0)
		return r;
	for (char **layer = k->layers; layer && *layer; layer++)
		note(&l->layers, *layer);
	if (index && ref_is_digest(index))
		note(&l->blobs, index + 7);
	if (image && ref_is_digest(image)) {
		snprintf(k->manifest, sizeof k->manifest, "%s", image + 7);
		note_image(s, l, k->manifest);
	}
	return 0;
}

int store_leases_read(struct image_store *s, struct store_leases *ret, struct err *err)
{
	DIR *d = open_leases(s);
	int r = 0;

	*ret = (struct store_leases){.layers = MAP_INIT, .blobs = MAP_INIT};
	if (!d)
		return err_sys(err, errno, "open images/leases");
	for (struct dirent *e = readdir(d); r == 0 && e; e = readdir(d)) {
		if (!strncmp(e->d_name, JOB, strlen(JOB)))
			r = read_job(s, ret, e->d_name, err);
		else if (!strncmp(e->d_name, KEEP, strlen(KEEP)))
			r = read_keep(s, ret, e->d_name, err);
		else if (!strncmp(e->d_name, GET, strlen(GET)))
			tidy_get(s, e->d_name);
		else if (!strncmp(e->d_name, NEW, strlen(NEW)))
			(void)unlinkat(s->leases, e->d_name,
				       0); /* a crash in write_keep(): it holds the lock we hold */
	}
	closedir(d);
	if (r < 0)
		store_leases_free(ret);
	return r;
}

void store_leases_free(struct store_leases *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_strv_free(l->keeps[i].layers);
	free(l->keeps);
	map_free(&l->layers);
	map_free(&l->blobs);
	*l = (struct store_leases){.layers = MAP_INIT, .blobs = MAP_INIT};
}

static bool same_layers(char *const *a, char *const *b)
{
	size_t n = mem_strv_len(a);

	if (n != mem_strv_len(b))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(a[i], b[i]) != 0)
			return false;
	}
	return true;
}

/* A lease that does not name its image (a container of an earlier berth) is on every image of the same layers. */
size_t store_holds(const struct store_leases *l, const struct store_image *i)
{
	size_t n = 0;

	for (size_t k = 0; k < l->n; k++) {
		const struct store_keep *keep = &l->keeps[k];

		if (*keep->manifest)
			n += !strcmp(keep->manifest, i->manifest);
		else
			n += i->info && same_layers(keep->layers, i->info->layers);
	}
	return n;
}
