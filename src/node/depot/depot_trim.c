/* SPDX-License-Identifier: Apache-2.0 */
/* A mirror's depot forgets what was not asked for in the longest time. Finding out needs no lock: only "is it still as old" and "take it" happen
 * at one moment. The time of use is the mtime, which all names of a file share and no link changes. */
#include "node/depot/depot_impl.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the limit: room for some more before the next run. */
#define LOW_PERCENT 90

struct item {
	char *name; /* "sha256/aa/HEX" below blobs/ */
	uint64_t size;
	int64_t used_ns;
};

struct run {
	struct depot *d;
	struct depot_trim *t;
	enum depot_hash hash;
	const char *path, *repo; /* of the directory that is walked */
	struct item *items;
	size_t n, cap;
	uint64_t total;
	struct map victims; /* "sha256:HEX" -> struct item */
	char **links;	    /* of the repository that is walked, below repos/ */
};

static int64_t used_ns(const struct stat *st)
{
	return st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec;
}

static bool stop(const struct run *g)
{
	return g->t->pause && g->t->pause(g->t->ctx);
}

/* ---- which ---- */

static int add_item(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	struct stat st;

	(void)err;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	mem_grow(&g->items, &g->cap, g->n);
	g->items[g->n++] = (struct item){
	    .name = mem_printf("%s/%s", g->path, name), .size = (uint64_t)st.st_size, .used_ns = used_ns(&st)};
	g->total += (uint64_t)st.st_size;
	return 0;
}

static int add_folder(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	char path[DEPOT_PATH_MAX];
	int r;

	(void)dir;
	snprintf(path, sizeof path, "%s/%s", depot_hash_name(g->hash), name);
	g->path = path;
	r = depot_each(g->d->blobs, path, add_item, g, err);
	g->path = NULL;
	return r;
}

static int older_first(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->used_ns != y->used_ns)
		return x->used_ns < y->used_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void choose(struct run *g)
{
	uint64_t total = g->total;
	uint64_t limit = g->t->shrink && (!g->t->bytes || total < g->t->bytes) ? total : g->t->bytes;
	uint64_t low = limit / 100 * LOW_PERCENT;
	int64_t before = clock_wall_ns() - g->t->age_ms * 1000000;
	bool shrink = g->t->shrink || (limit && total > limit);

	if (g->n > 1)
		qsort(g->items, g->n, sizeof *g->items, older_first);
	for (size_t i = 0; i < g->n; i++) {
		struct item *item = &g->items[i];
		mem_cleanup char *digest = NULL;

		if (!(g->t->age_ms && item->used_ns < before) && !(shrink && total > low))
			break;
		total -= item->size;
		digest = mem_printf("%.*s:%s", (int)strcspn(item->name, "/"), item->name, strrchr(item->name, '/') + 1);
		map_put(&g->victims, digest, item);
	}
}

/* ---- taking ---- */

static bool unused_since(int dir, const char *path, const struct item *item, struct stat *st)
{
	return fstatat(dir, path, st, AT_SYMLINK_NOFOLLOW) == 0 && used_ns(st) == item->used_ns;
}

static int find_link(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	mem_cleanup char *digest = mem_printf("%s:%s", depot_hash_name(g->hash), name);

	(void)dir;
	(void)err;
	if (map_get(&g->victims, digest)) {
		mem_cleanup char *path = mem_printf("%s/%s", g->path, name);

		mem_strv_add(&g->links, path);
	}
	return 0;
}

static void take_link(struct run *g, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	mem_cleanup char *digest = mem_printf("%s:%s", depot_hash_name(g->hash), name);
	const struct item *item = map_get(&g->victims, digest);
	struct stat st;

	if (item && unused_since(g->d->repos, path, item, &st))
		(void)depot_unlink(g->d, path, NULL);
}

static int sweep_kind(struct run *g, const char *kind, struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < DEPOT_HASHES; i++) {
		char **links cleanup_with(mem_strv_freep) = NULL;
		char path[DEPOT_PATH_MAX];

		g->hash = (enum depot_hash)i;
		snprintf(path, sizeof path, "%s/%s/%s", g->repo, kind, depot_hash_name(g->hash));
		g->path = path;
		r = depot_each(g->d->repos, path, find_link, g, err);
		links = mem_take(g->links);
		if (r < 0 || !links)
			continue;
		r = depot_lock(g->d, err);
		for (char **link = links; r == 0 && *link; link++)
			take_link(g, *link);
		if (r == 0)
			depot_unlock(g->d);
	}
	g->path = NULL;
	return r;
}

static int find_loose_tag(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	struct depot_digest digest;
	char path[DEPOT_PATH_MAX];
	struct stat st;

	(void)dir;
	(void)err;
	if (!depot_tag_ok(name) || depot_tag_read(g->d, g->repo, name, &digest, NULL) < 0)
		return 0;
	depot_link_path(path, g->repo, "_manifests", &digest);
	if (fstatat(g->d->repos, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		mem_strv_add(&g->links, name);
	return 0;
}

/* Tags whose manifest has gone. */
static int sweep_tags(struct run *g, struct err *err)
{
	char **tags cleanup_with(mem_strv_freep) = NULL;
	char path[DEPOT_PATH_MAX];
	int r = depot_lock(g->d, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/_tags", g->repo);
	r = depot_each(g->d->repos, path, find_loose_tag, g, err);
	tags = mem_take(g->links);
	for (char **tag = tags; r == 0 && tag && *tag; tag++) {
		snprintf(path, sizeof path, "%s/_tags/%s", g->repo, *tag);
		(void)depot_unlink(g->d, path, NULL);
	}
	depot_unlock(g->d);
	return r;
}

static int sweep_repo(void *ctx, const char *repo, struct err *err)
{
	struct run *g = ctx;
	int r;

	g->repo = repo;
	r = sweep_kind(g, "_manifests", err);
	if (r == 0)
		r = sweep_tags(g, err);
	if (r == 0)
		r = sweep_kind(g, "_blobs", err);
	g->repo = NULL;
	return r < 0 ? r : stop(g) ? 1 : 0;
}

static void take_blob(struct run *g, const struct item *item)
{
	struct stat st;

	if (!unused_since(g->d->blobs, item->name, item, &st) || st.st_nlink != 1 ||
	    unlinkat(g->d->blobs, item->name, 0) < 0)
		return;
	g->t->blobs++;
	g->t->freed += (uint64_t)st.st_size;
	if (g->d->quota)
		atomic_fetch_sub(&g->d->used, (unsigned long long)st.st_size);
}

static int take_blobs(struct run *g, struct err *err)
{
	for (struct map_slot *s = NULL; !stop(g) && (s = map_next(&g->victims, s));) {
		int r = depot_lock(g->d, err);

		if (r < 0)
			return r;
		take_blob(g, s->value);
		depot_unlock(g->d);
	}
	return 0;
}

int depot_trim(struct depot *d, struct depot_trim *t, struct err *err)
{
	struct run g = {.d = d, .t = t, .victims = MAP_INIT};
	int r = 0;

	for (int i = 0; r == 0 && i < DEPOT_HASHES; i++) {
		g.hash = (enum depot_hash)i;
		r = depot_each(d->blobs, depot_hash_name(g.hash), add_folder, &g, err);
	}
	choose(&g);
	if (r == 0 && g.victims.n > 0)
		r = depot_walk(d, sweep_repo, &g, err);
	if (r == 0)
		r = take_blobs(&g, err);
	if (r == 0)
		r = depot_sweep_tmp(d, err);
	mem_strv_free(g.links);
	map_free(&g.victims);
	for (size_t i = 0; i < g.n; i++)
		free(g.items[i].name);
	free(g.items);
	return r < 0 ? r : 0;
}
