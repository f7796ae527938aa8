/* SPDX-License-Identifier: Apache-2.0 */
/* Marking needs no lock: whoever pushes touches what it needs, and what was touched stays. Only "is it old" and "take it" happen at one moment. */
#include "node/depot/depot_impl.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/depot/document.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of tmp/ are used for a moment only. */
#define TMP_TTL_MS (3600 * 1000)
/* Unlinks at a stretch under the lock. */
#define BATCH 64
/* Of one directory in one run; what is left over goes in the next. */
#define VICTIMS_MAX 4096

struct run {
	struct depot *d;
	struct depot_gc *gc;
	const char *repo, *path;
	enum depot_hash hash;
	struct map used; /* digests that manifests of the repository name */
	struct map lost; /* of a dry run: digest -> links that would have gone, a number */
	char **victims;
	size_t n_victims;
};

static bool older(const struct stat *st, int64_t ms)
{
	/* ctime: every touch and every link counts, and nobody can set it back. */
	return clock_wall_ms() - (st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000) >= ms;
}

static void add_victim(struct run *g, const char *name)
{
	if (g->n_victims == VICTIMS_MAX)
		return;
	mem_strv_add(&g->victims, name);
	g->n_victims++;
}

static bool stop(const struct run *g)
{
	return g->gc->pause && g->gc->pause(g->gc->ctx);
}

/* ---- links of one repository ---- */

static int mark_manifest(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	struct depot_digest digest = {.hash = g->hash};
	mem_cleanup char *text = NULL;
	struct document doc;
	size_t n;
	int r;

	(void)dir;
	if (strlen(name) >= sizeof digest.hex)
		return 0;
	snprintf(digest.hex, sizeof digest.hex, "%s", name);
	r = depot_manifest_read(g->d, g->repo, &digest, &text, &n, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = document_parse(text, n, NULL, &doc, err);
	/* What cannot be understood may need anything: nothing of the repository goes. */
	if (r < 0)
		return err_wrap(err, "%s: the manifest %s", g->repo, name);
	for (size_t i = 0; i < doc.n_refs; i++)
		map_put(&g->used, depot_digest_text(&doc.refs[i].digest, (char[DEPOT_DIGEST_MAX]){0}), g);
	document_free(&doc);
	return 0;
}

static int find_unused(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	struct depot_digest digest = {.hash = g->hash};
	char text[DEPOT_DIGEST_MAX];
	struct stat st;

	(void)err;
	if (strlen(name) >= sizeof digest.hex)
		return 0;
	snprintf(digest.hex, sizeof digest.hex, "%s", name);
	if (!map_get(&g->used, depot_digest_text(&digest, text)) && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    older(&st, g->gc->grace_ms))
		add_victim(g, name);
	return 0;
}

static uintptr_t links_lost(const struct run *g, const char *name)
{
	mem_cleanup char *digest = mem_printf("%s:%s", depot_hash_name(g->hash), name);

	return (uintptr_t)map_get(&g->lost, digest);
}

static bool lose_link(struct run *g, const char *name)
{
	mem_cleanup char *digest = mem_printf("%s:%s", depot_hash_name(g->hash), name);

	(void)map_put(&g->lost, digest, (void *)(links_lost(g, name) + 1));
	return true;
}

/* Under the lock: still old, and gone. */
static void take_link(struct run *g, const char *name)
{
	char path[DEPOT_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", g->path, name);
	if (fstatat(g->d->repos, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !older(&st, g->gc->grace_ms))
		return;
	if (g->gc->dry_run ? lose_link(g, name) : depot_unlink(g->d, path, NULL) == 0)
		g->gc->links++;
}

static int take_all(struct run *g, void (*take)(struct run *g, const char *name), struct err *err)
{
	char **names cleanup_with(mem_strv_freep) = mem_take(g->victims);
	char **at = names;

	g->n_victims = 0;
	while (at && *at && !stop(g)) {
		int r = depot_lock(g->d, err);

		if (r < 0)
			return r;
		for (int i = 0; i < BATCH && *at; i++)
			take(g, *at++);
		depot_unlock(g->d);
	}
	return 0;
}

static int each_hash(struct run *g, const char *kind, depot_each_fn fn, void (*take)(struct run *g, const char *name),
		     struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < DEPOT_HASHES; i++) {
		char path[DEPOT_PATH_MAX];

		g->hash = (enum depot_hash)i;
		snprintf(path, sizeof path, "%s/%s/%s", g->repo, kind, depot_hash_name(g->hash));
		g->path = path;
		r = depot_each(g->d->repos, path, fn, g, err);
		if (r == 0 && take)
			r = take_all(g, take, err);
	}
	g->path = NULL;
	return r;
}

static int sweep_repo(void *ctx, const char *repo, struct err *err)
{
	struct run *g = ctx;
	struct err why = ERR_INIT;
	int r;

	g->repo = repo;
	r = each_hash(g, "_manifests", mark_manifest, NULL, &why);
	if (r == 0)
		r = each_hash(g, "_blobs", find_unused, take_link, &why);
	map_free(&g->used);
	g->used = (struct map)MAP_INIT;
	mem_strv_free(g->victims);
	g->victims = NULL;
	g->n_victims = 0;
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	return stop(g) ? 1 : 0;
}

/* ---- blobs ---- */

static bool is_garbage(const struct run *g, const char *name, const struct stat *st)
{
	return st->st_nlink == 1 + links_lost(g, name) && older(st, g->gc->grace_ms);
}

static int find_garbage(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	struct stat st;

	(void)err;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	g->gc->all++;
	if (is_garbage(g, name, &st))
		add_victim(g, name);
	return 0;
}

static void take_blob(struct run *g, const char *name)
{
	char path[DEPOT_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", g->path, name);
	if (fstatat(g->d->blobs, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_garbage(g, name, &st) ||
	    (!g->gc->dry_run && unlinkat(g->d->blobs, path, 0) < 0))
		return;
	g->gc->blobs++;
	g->gc->bytes += (uint64_t)st.st_size;
	g->gc->disk += (uint64_t)st.st_blocks * 512;
	if (g->d->quota && !g->gc->dry_run)
		atomic_fetch_sub(&g->d->used, (unsigned long long)st.st_size);
}

static int sweep_blobs(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;
	char path[DEPOT_PATH_MAX];
	int r;

	(void)dir;
	snprintf(path, sizeof path, "%s/%s", depot_hash_name(g->hash), name);
	g->path = path;
	r = depot_each(g->d->blobs, path, find_garbage, g, err);
	if (r == 0)
		r = take_all(g, take_blob, err);
	g->path = NULL;
	return r < 0 ? r : stop(g) ? 1 : 0;
}

/* ---- files that nobody uses any more ---- */

static int take_old(struct run *g, int dir, const char *name, int64_t ms)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !older(&st, ms) ||
	    (!g->gc->dry_run && unlinkat(dir, name, 0) < 0))
		return 0;
	g->gc->uploads++;
	g->gc->bytes += (uint64_t)st.st_size;
	g->gc->disk += (uint64_t)st.st_blocks * 512;
	return 0;
}

static int sweep_upload(void *ctx, int dir, const char *name, struct err *err)
{
	struct run *g = ctx;

	(void)err;
	return take_old(g, dir, name, g->gc->upload_ttl_ms);
}

static int sweep_tmp(void *ctx, int dir, const char *name, struct err *err)
{
	(void)err;
	return take_old(ctx, dir, name, TMP_TTL_MS);
}

int depot_sweep_tmp(struct depot *d, struct err *err)
{
	struct depot_gc none = {.grace_ms = TMP_TTL_MS};
	struct run g = {.d = d, .gc = &none, .used = MAP_INIT};

	return depot_each(d->tmp, ".", sweep_tmp, &g, err);
}

int depot_gc(struct depot *d, struct depot_gc *gc, struct err *err)
{
	struct run g = {.d = d, .gc = gc, .used = MAP_INIT, .lost = MAP_INIT};
	int r = depot_walk(d, sweep_repo, &g, err);

	for (int i = 0; r == 0 && i < DEPOT_HASHES; i++) {
		g.hash = (enum depot_hash)i;
		r = depot_each(d->blobs, depot_hash_name(g.hash), sweep_blobs, &g, err);
	}
	mem_strv_free(g.victims);
	map_free(&g.lost);
	if (r == 0 && gc->upload_ttl_ms)
		r = depot_each(d->uploads, ".", sweep_upload, &g, err);
	if (r == 0)
		r = depot_each(d->tmp, ".", sweep_tmp, &g, err);
	if (gc->blobs && !gc->dry_run)
		depot_touch(d->change); /* a server counts again */
	return r < 0 ? r : 0;
}
