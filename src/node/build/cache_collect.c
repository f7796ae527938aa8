/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounds of the build cache. One list of records and cache mounts, oldest first; what is too old or too much is forgotten from its
 * beginning. The layers themselves go when the store sweeps, because nothing leads to them any more.
 */
#include "node/build/cache_impl.h"
#include "node/image/layer.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LEASE_ID "build-cache"
#define DEPTH_MAX 200

struct thing {
	char name[80];	/* key, or directory of a cache mount */
	char layer[65]; /* "" = a cache mount */
	uint64_t size;
	int64_t used_s;
};

struct things {
	struct thing *list;
	size_t n, cap;
};

static DIR *open_list(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fd_closep(&fd);
	return d;
}

static struct thing *add(struct things *t)
{
	mem_grow(&t->list, &t->cap, t->n);
	return &t->list[t->n++];
}

static void list_records(struct cache *c, struct things *t)
{
	DIR *d = open_list(c->records, ".");

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		struct cache_record record;
		struct thing *one;

		if (!cache_is_hex(e->d_name) || !cache_record_read(c, e->d_name, &record))
			continue;
		one = add(t);
		memcpy(one->name, e->d_name, SHA256_HEX_MAX);
		memcpy(one->layer, record.layer, sizeof one->layer);
		one->size = record.size;
		one->used_s = record.used_s;
	}
	if (d)
		closedir(d);
}

/* Bytes on the disk; deeper than DEPTH_MAX is not counted. */
static uint64_t tree_size(int at, const char *name, int depth)
{
	DIR *d = depth < DEPTH_MAX ? open_list(at, name) : NULL;
	uint64_t sum = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sum += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode))
			sum += tree_size(dirfd(d), e->d_name, depth + 1);
	}
	if (d)
		closedir(d);
	return sum;
}

/* A copy of a context says it; to look at all its files at the end of each build would take long. */
static uint64_t size_of(int mounts, const char *name)
{
	fd_cleanup int dir = openat(mounts, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mem_cleanup char *text = NULL;
	size_t n;

	if (dir >= 0 && fs_read(dir, "size", 31, &text, &n, NULL) == 0)
		return strtoull(text, NULL, 10);
	return tree_size(mounts, name, 0);
}

static void list_mounts(struct cache *c, struct things *t)
{
	DIR *d = open_list(c->mounts, ".");

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		struct thing *one;
		struct stat st;

		if (*e->d_name == '.' || strlen(e->d_name) >= sizeof one->name ||
		    fstatat(c->mounts, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		one = add(t);
		memcpy(one->name, e->d_name, strlen(e->d_name) + 1);
		one->used_s = st.st_mtim.tv_sec;
		one->size = size_of(c->mounts, e->d_name);
	}
	if (d)
		closedir(d);
}

static int oldest_first(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;

	return x->used_s < y->used_s ? -1 : x->used_s > y->used_s ? 1 : strcmp(x->name, y->name);
}

/* A cache mount that somebody has stays. */
static bool forget(struct cache *c, const struct thing *t)
{
	fd_cleanup int fd = -1;

	if (*t->layer)
		return unlinkat(c->records, t->name, 0) == 0;
	fd = openat(c->mounts, t->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fs_remove_tree(c->mounts, t->name, NULL) == 0;
}

/* Small, and cheap to make again: age alone decides. */
static void collect_contents(struct cache *c, int64_t now, int64_t age_s)
{
	DIR *d = open_list(c->contents, ".");

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		struct stat st;

		if (*e->d_name != '.' && fstatat(c->contents, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now - st.st_mtim.tv_sec > age_s)
			(void)unlinkat(c->contents, e->d_name, 0);
	}
	if (d)
		closedir(d);
}

static int lease(struct cache *c, const struct things *t, size_t from, struct err *err)
{
	struct image_info info = {.name = mem_strdup(""), .id = NULL};
	int r;

	for (size_t i = from; i < t->n; i++) {
		fd_cleanup int layer = *t->list[i].layer ? image_layer_open(c->store, t->list[i].layer, NULL) : -1;

		/* A layer that went away takes no other with it. */
		if (layer >= 0)
			mem_strv_add(&info.layers, t->list[i].layer);
	}
	if (info.layers)
		r = image_lease_keep(c->store, LEASE_ID, &info, err);
	else
		r = (image_lease_drop(c->store, LEASE_ID), 0);
	mem_strv_free(info.layers);
	free(info.name);
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The layers of all images, in order. */
static char **image_layers(struct cache *c)
{
	struct image_info **images = image_list_all(c->store);
	char **layers = NULL;

	for (struct image_info **i = images; i && *i; i++) {
		for (char **l = (*i)->layers; l && *l; l++)
			mem_strv_add(&layers, *l);
		image_info_free(*i);
	}
	free(images);
	if (layers)
		qsort(layers, mem_strv_len(layers), sizeof *layers, by_text);
	return layers;
}

static void use_of(const struct thing *t, char *const *layers, struct cache_use *ret)
{
	const char *layer = t->layer, *dot = strchr(t->name, '.');

	*ret = (struct cache_use){.size = t->size, .used_s = t->used_s};
	memcpy(ret->id, t->name, sizeof ret->id);
	if (!*layer)
		ret->kind = dot && dot[1] == 'c' ? CACHE_USE_CONTEXT : CACHE_USE_MOUNT;
	else
		ret->shared = layers && bsearch(&layer, layers, mem_strv_len(layers), sizeof *layers, by_text);
}

void cache_uses(struct cache *c, struct cache_use **ret, size_t *ret_n)
{
	cleanup_with(mem_strv_freep) char **layers = image_layers(c);
	struct things t = {.list = NULL};

	list_records(c, &t);
	list_mounts(c, &t);
	if (t.n > 0)
		qsort(t.list, t.n, sizeof *t.list, oldest_first);
	*ret_n = t.n;
	*ret = mem_new_n(struct cache_use, t.n + 1);
	for (size_t i = 0; i < t.n; i++)
		use_of(&t.list[i], layers, &(*ret)[i]);
	free(t.list);
}

int cache_prune(struct cache *c, const struct cache_limits *limits, char ***ret_keys, uint64_t *ret_bytes,
		struct err *err)
{
	struct things t = {.list = NULL};
	int64_t now = clock_wall_ms() / 1000;
	uint64_t sum = 0;
	size_t gone = 0;
	int r;

	*ret_keys = NULL;
	*ret_bytes = 0;
	list_records(c, &t);
	list_mounts(c, &t);
	for (size_t i = 0; i < t.n; i++)
		sum += t.list[i].size;
	if (t.n > 0)
		qsort(t.list, t.n, sizeof *t.list, oldest_first);
	while (gone < t.n && (sum > limits->size || now - t.list[gone].used_s > limits->age_s)) {
		const struct thing *one = &t.list[gone++];

		sum -= one->size;
		if (!forget(c, one))
			continue;
		*ret_bytes += one->size;
		mem_strv_add(ret_keys, one->name);
	}
	collect_contents(c, now, limits->age_s);
	r = lease(c, &t, gone, err);
	free(t.list);
	return r;
}

int cache_collect(struct cache *c, const struct cache_limits *limits, struct err *err)
{
	char **keys cleanup_with(mem_strv_freep) = NULL;
	uint64_t bytes;

	return cache_prune(c, limits, &keys, &bytes, err);
}
