/* SPDX-License-Identifier: Apache-2.0
 *
 * Garbage is what neither refs.json nor a lease leads to. It is moved away under the lock, which takes no time, and removed without it.
 */
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/image/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define GONE "gone-"

static int discard(struct image_store *s, int dir, const char *name, char ret_gone[static 32])
{
	char random[17];

	random_hex(random, sizeof random - 1);
	snprintf(ret_gone, 32, GONE "%s", random);
	return renameat(dir, name, s->tmp, ret_gone);
}

void store_discard(struct image_store *s, int dir, const char *name)
{
	char gone[32];

	(void)discard(s, dir, name, gone);
}

static const char *place_of(const struct image_store *s, int dir)
{
	const struct {
		int dir;
		const char *name;
	} places[] = {{s->layers, "layers"}, {s->blobs, "blobs/sha256"}, {s->erofs, "erofs"}};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (places[i].dir == dir)
			return places[i].name;
	}
	return ".";
}

static void take(struct image_store *s, int dir, const char *name, struct store_garbage *g)
{
	mem_cleanup char *place = NULL;
	char gone[32];

	if (g->look_only)
		place = mem_printf("%s/%s", place_of(s, dir), name);
	else if (discard(s, dir, name, gone) == 0)
		place = mem_printf("tmp/%s", gone);
	if (!place)
		return;
	mem_strv_add(&g->places, place);
	g->n_layers += dir == s->layers;
}

static void use_image(const struct store_image *i, struct map *layers, struct map *blobs)
{
	map_put(blobs, i->manifest, blobs);
	map_put(blobs, i->info->id + 7, blobs);
	if (*i->index)
		map_put(blobs, i->index, blobs);
	for (char **l = i->info->layers; l && *l; l++)
		map_put(layers, *l, layers);
}

typedef bool (*is_garbage_fn)(struct image_store *s, const struct map *used, const char *name);

static void sweep_dir(struct image_store *s, int at, is_garbage_fn is_garbage, const struct map *used,
		      struct store_garbage *g)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && is_garbage(s, used, e->d_name))
			take(s, at, e->d_name, g);
	}
	closedir(d);
}

static bool is_unused(struct image_store *s, const struct map *used, const char *name)
{
	(void)s;
	return !map_get(used, name);
}

/* Of an interrupted fs_write_atomic() of refs.json */
static bool is_root_garbage(struct image_store *s, const struct map *used, const char *name)
{
	(void)s;
	(void)used;
	return !strncmp(name, "refs.json.tmp-", 14);
}

void store_sweep_to(struct image_store *s, struct store_garbage *g)
{
	struct store_leases l;

	/* An image that cannot be read does not say what it uses: nothing is garbage for certain until it is repaired or removed. The same
	 * is true of leases. */
	for (size_t i = 0; i < s->n; i++) {
		if (!s->images[i].info)
			return;
	}
	if (store_leases_read(s, &l, NULL) < 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		use_image(&s->images[i], &l.layers, &l.blobs);
	sweep_dir(s, s->layers, is_unused, &l.layers, g);
	sweep_dir(s, s->blobs, is_unused, &l.blobs, g);
	/* The EROFS file of an image has the name of its manifest. */
	sweep_dir(s, s->erofs, is_unused, &l.blobs, g);
	sweep_dir(s, s->root, is_root_garbage, NULL, g);
	store_leases_free(&l);
}

void store_sweep(struct image_store *s)
{
	struct store_garbage g = {.places = NULL};

	store_sweep_to(s, &g);
	mem_strv_free(g.places);
}

void image_store_use_trash(struct image_store *s, int trash, void (*told)(void *ctx), void *ctx)
{
	s->trash.dir = trash;
	s->trash.told = told;
	s->trash.ctx = ctx;
}

/* False: there is no trash, or it is on another file system. */
static bool throw_away(const struct image_store *s, const char *name)
{
	char random[33];

	if (!s->trash.told)
		return false;
	random_hex(random, sizeof random - 1);
	return renameat(s->tmp, name, s->trash.dir, random) == 0;
}

/* Names in tmp/ are those of their job's lease; a job makes its lease first, and it is gone last. */
void store_empty(struct image_store *s)
{
	int fd = openat(s->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool thrown = false;

	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || store_lease_lives(s, e->d_name))
			continue;
		if (throw_away(s, e->d_name))
			thrown = true;
		else
			(void)fs_remove_tree(s->tmp, e->d_name, NULL);
	}
	closedir(d);
	if (thrown)
		s->trash.told(s->trash.ctx);
}
