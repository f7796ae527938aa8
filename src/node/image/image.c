/* SPDX-License-Identifier: Apache-2.0
 *
 * The store as its users see it: finding, listing, opening, holding and removing images.
 */
#include "node/image/image.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/guard.h"
#include "node/image/layer.h"
#include "node/image/lease.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ID_DIGITS_MIN 4u

struct image_info *image_info_free(struct image_info *i)
{
	if (!i)
		return NULL;
	free(i->name);
	free(i->id);
	free(i->digest);
	mem_strv_free(i->layers);
	mem_strv_free(i->env);
	mem_strv_free(i->entrypoint);
	mem_strv_free(i->cmd);
	free(i->working_dir);
	free(i->user);
	free(i->stop_signal);
	free(i->index);
	free(i->platform);
	mem_strv_free(i->labels);
	mem_strv_free(i->volumes);
	mem_strv_free(i->exposed_ports);
	free(i);
	return NULL;
}

static struct image_info *info_dup(const struct image_info *i)
{
	struct image_info *copy = mem_new(struct image_info);

	*copy = (struct image_info){
	    .name = mem_strdup(i->name),
	    .id = mem_strdup(i->id),
	    .digest = mem_strdup(i->digest),
	    .size = i->size,
	    .created_ms = i->created_ms,
	    .layers = mem_strv_dup(i->layers),
	    .env = mem_strv_dup(i->env),
	    .entrypoint = mem_strv_dup(i->entrypoint),
	    .cmd = mem_strv_dup(i->cmd),
	    .working_dir = mem_strdup(i->working_dir),
	    .user = mem_strdup(i->user),
	    .stop_signal = mem_strdup(i->stop_signal),
	    .index = mem_strdup(i->index),
	    .platform = mem_strdup(i->platform),
	    .labels = mem_strv_dup(i->labels),
	    .volumes = mem_strv_dup(i->volumes),
	    .exposed_ports = mem_strv_dup(i->exposed_ports),
	};
	return copy;
}

/* The images whose id begins with the digits; of one id a named one is preferred. */
static int find_by_id(struct image_store *s, const char *digits, struct store_image **ret, struct err *err)
{
	struct store_image *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct store_image *image = &s->images[i];

		if (!image->info || strncmp(image->info->id + 7, digits, strlen(digits)) != 0)
			continue;
		if (found && strcmp(found->info->id, image->info->id) != 0)
			return err_set(err, EINVAL, "several images have an id that begins with \"%s\"", digits);
		if (!found || !*found->name)
			found = image;
	}
	*ret = found;
	return found ? 0 : -ENOENT;
}

/* NAME@sha256:...: the digest decides (a tag beside it is no more than a comment), the name must be the image's all the same. An image that was
 * pulled by that digest has the very name. */
static struct store_image *find_by_digest(struct image_store *s, const struct ref *ref)
{
	mem_cleanup char *full = mem_printf("%s@%s", ref->name, ref->digest);
	struct store_image *found = store_by_name(s, full);
	size_t len = strlen(ref->name);

	for (size_t i = 0; !found && i < s->n; i++) {
		struct store_image *image = &s->images[i];

		if ((!IMAGE_GUARD(I8) || !strcmp(image->manifest, ref->digest + 7) ||
		     !strcmp(image->index, ref->digest + 7)) &&
		    ref_repository(image->name) == len && !strncmp(image->name, ref->name, len))
			found = image;
	}
	return found;
}

static int not_here(const char *name, struct err *err)
{
	return err_set(err, ENOENT, "image \"%.300s\" is not here; fetch it with `berth pull %.300s`", name, name);
}

/* By name first: a name that happens to consist of hexadecimal digits is a name. */
static int find(struct image_store *s, const char *name, struct store_image **ret, struct err *err)
{
	const char *digits = strncmp(name, "sha256:", 7) ? name : name + 7;
	size_t n = strlen(digits);
	bool is_id = n >= ID_DIGITS_MIN && n <= 64 && ref_is_hex(digits, n);
	cleanup_with(ref_free) struct ref ref = {.text = NULL};
	struct store_image *found = NULL;
	int r = ref_parse(name, &ref, is_id ? NULL : err);

	if (r < 0 && !is_id)
		return r;
	if (r == 0 && ref.digest) {
		found = find_by_digest(s, &ref);
	} else if (r == 0) {
		mem_cleanup char *full = mem_printf("%s:%s", ref.name, ref.tag ? ref.tag : "latest");

		found = store_by_name(s, full);
	}
	if (!found && is_id) {
		r = find_by_id(s, digits, &found, err);
		if (r == -EINVAL)
			return r;
	}
	*ret = found;
	return found ? 0 : not_here(name, err);
}

int image_find(struct image_store *s, const char *name, struct image_info **ret, struct err *err)
{
	struct store_image *found = NULL;
	int r = store_refresh(s, err);

	if (r == 0)
		r = find(s, name, &found, err);
	if (r < 0)
		return r;
	if (!found)
		return not_here(name, err);
	if (!found->info)
		return err_set(err, EIO, "image \"%s\" cannot be used, import it again: %s", found->name, found->why);
	*ret = info_dup(found->info);
	return 0;
}

static struct image_info **list(struct image_store *s, bool nameless)
{
	struct image_info **list;
	size_t n = 0;

	/* A refs.json that cannot be read now leaves what was read before. */
	(void)store_refresh(s, NULL);
	list = mem_new_n(struct image_info *, s->n + 1);
	for (size_t i = 0; i < s->n; i++) {
		if ((nameless || *s->images[i].name) && s->images[i].info)
			list[n++] = info_dup(s->images[i].info);
	}
	return list;
}

struct image_info **image_list(struct image_store *s)
{
	return list(s, false);
}

struct image_info **image_list_all(struct image_store *s)
{
	return list(s, true);
}

static int open_layer(struct image_store *s, const char *layer, bool *ret_opaque, struct err *err)
{
	fd_cleanup int dir = image_layer_open(s, layer, err);

	if (dir < 0)
		return dir;
	*ret_opaque = faccessat(dir, LAYER_OPAQUE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return fs_open_in(dir, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
}

int image_open_layers(struct image_store *s, const struct image_info *i, int **ret_fds, size_t *ret_n, struct err *err)
{
	size_t n = mem_strv_len(i->layers), at = 0;
	int *fds = mem_new_n(int, n + 1);
	bool opaque = false;

	/* Overlay does not look at the mark of a layer's top: what such a layer hides is not shown to it. */
	for (; at < n && !opaque; at++) {
		int fd = open_layer(s, i->layers[n - 1 - at], &opaque, err);

		if (fd < 0) {
			while (at > 0)
				close(fds[--at]);
			free(fds);
			err_wrap(err, "layer sha256:%s of image \"%s\"", i->layers[n - 1 - at], i->name);
			return fd;
		}
		fds[at] = fd;
	}
	*ret_fds = fds;
	*ret_n = at;
	return 0;
}

static bool has_layer(const struct image_info *i, const char *layer)
{
	for (char **l = i->layers; l && *l; l++) {
		if (!strcmp(*l, layer))
			return true;
	}
	return false;
}

bool store_named_elsewhere(const struct image_store *s, const struct store_image *i)
{
	for (size_t n = 0; i->info && n < s->n; n++) {
		const struct store_image *other = &s->images[n];
		bool all = other != i && *other->name && other->info;

		for (char **l = i->info->layers; all && l && *l; l++)
			all = has_layer(other->info, *l);
		if (all)
			return true;
	}
	return false;
}

int store_collect(struct image_store *s, const struct store_leases *l)
{
	int changed = 0;

	for (size_t i = s->n; i-- > 0;) {
		struct store_image *image = &s->images[i];

		if (image->detached && store_holds(l, image) == 0) {
			store_drop(s, image);
			changed = 1;
		}
	}
	return changed;
}

static int collect(struct image_store *s, struct err *err)
{
	struct store_leases l;
	int r = store_leases_read(s, &l, err);
	bool changed;

	if (r < 0)
		return r;
	changed = store_collect(s, &l) > 0 || s->version != STORE_VERSION;
	store_leases_free(&l);
	s->version = STORE_VERSION;
	return changed ? store_save(s, err) : 0;
}

void image_store_collect(struct image_store *s)
{
	fd_cleanup int lock = store_lock(s, NULL);

	if (lock < 0 || store_refresh(s, NULL) < 0)
		return;
	/* A refs.json that could not be written still names them: their layers must stay then, and the next collection tries again. */
	if (collect(s, NULL) == 0)
		store_sweep(s);
	fd_closep(&lock);
	store_empty(s);
}

/* True when `other` is the same image under another name of the same repository. */
static bool is_beside(const struct store_image *image, const struct store_image *other)
{
	size_t n = ref_repository(image->name);

	return other != image && image->info && other->info && !strcmp(image->info->id, other->info->id) &&
	       ref_repository(other->name) == n && !strncmp(image->name, other->name, n);
}

/* An id may stand for a name when there is no doubt which one. */
static int check_one_name(const struct image_store *s, const struct store_image *image, const char *given,
			  struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct store_image *other = &s->images[i];

		if (other != image && *other->name && other->info && image->info &&
		    !strcmp(other->info->id, image->info->id) && !(is_beside(image, other) && strchr(other->name, '@')))
			return err_set(err, EINVAL,
				       "\"%.100s\" has several names, \"%.300s\" and \"%.300s\": say which", given,
				       image->name, other->name);
	}
	return 0;
}

/* 1 = containers use it, and it has another name. */
static int check_holds(struct image_store *s, const struct store_image *found, struct err *err)
{
	struct store_leases l;
	size_t holds;
	int r = store_leases_read(s, &l, err);

	if (r < 0)
		return r;
	holds = store_holds(&l, found);
	store_leases_free(&l);
	if (holds == 0 || store_named_elsewhere(s, found))
		return holds > 0;
	return err_set(
	    err, EBUSY,
	    "image \"%s\" is in use by %zu container%s; `berth ps --all` shows them, `berth rm` removes them",
	    *found->name ? found->name : found->manifest, holds, holds == 1 ? "" : "s");
}

int store_check_version(const struct image_store *s, struct err *err)
{
	if (s->version == STORE_VERSION)
		return 0;
	return err_set(
	    err, EBUSY,
	    "the images were kept by an earlier berth, whose containers may still run; start berth once (`berth "
	    "up`), then try again");
}

/* With the last tag in a repository go the image's names by digest there, as docker has it. */
static void drop_with_digests(struct image_store *s, struct store_image *i)
{
	char **digests cleanup_with(mem_strv_freep) = NULL;
	bool last = *i->name && !strchr(i->name, '@');

	for (size_t k = 0; last && k < s->n; k++) {
		if (!is_beside(i, &s->images[k]))
			continue;
		last = strchr(s->images[k].name, '@') != NULL;
		mem_strv_add(&digests, s->images[k].name);
	}
	store_drop(s, i);
	for (char **name = digests; last && name && *name; name++)
		store_drop(s, store_by_name(s, *name));
}

void store_unname(struct store_image *i)
{
	*i->name = '\0';
	*i->info->name = '\0';
	i->detached = true;
}

static int remove_image(struct image_store *s, const char *name, bool force, struct err *err)
{
	mem_cleanup char *full = NULL;
	struct store_image *found;
	int r = store_check_version(s, err);

	if (r == 0)
		r = find(s, name, &found, err);
	if (r < 0)
		return r;
	if (image_ref_normalise(name, &full, NULL) < 0 || strcmp(full, found->name) != 0)
		r = check_one_name(s, found, name, err);
	if (r == 0)
		r = check_holds(s, found, err);
	if (force && r == -EBUSY && found->info) {
		store_unname(found);
		store_sort(s);
		return store_save(s, err);
	}
	if (r < 0)
		return r;
	if (r > 0)
		store_drop(s, found);
	else
		drop_with_digests(s, found);
	r = store_save(s, err);
	if (r == 0)
		store_sweep(s);
	return r;
}

static int remove_locked(struct image_store *s, const char *name, bool force, struct err *err)
{
	fd_cleanup int lock = store_lock(s, err);
	int r = lock < 0 ? lock : store_refresh(s, err);

	if (r == 0)
		r = remove_image(s, name, force, err);
	fd_closep(&lock);
	if (r == 0)
		store_empty(s);
	else if (lock >= 0)
		(void)store_refresh(s, NULL);
	return r;
}

int image_remove(struct image_store *s, const char *name, struct err *err)
{
	return remove_locked(s, name, false, err);
}

int image_remove_by_force(struct image_store *s, const char *name, struct err *err)
{
	return remove_locked(s, name, true, err);
}
