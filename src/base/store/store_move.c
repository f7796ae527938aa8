/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/store_move.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ---- */

/* Of a store in etcd: somebody leads, which is what we would have to wait for. */
struct hold {
	struct loop *loop;
	char leader[256];
};

static void on_following(void *ctx, const char *leader)
{
	struct hold *h = ctx;

	snprintf(h->leader, sizeof h->leader, "%s", leader);
	loop_stop(h->loop);
}

static const char *name_of(const struct store_place *p)
{
	return strcmp(p->kind, "sqlite") == 0 ? p->dir : p->kind;
}

/* Alone: no server has it meanwhile. */
static int open_alone(const struct store_place *p, struct loop *l, struct store **ret, struct err *err)
{
	struct hold h = {.loop = l};
	const struct store_hooks hooks = {.following = on_following, .ctx = &h};
	int r = store_open_shared(p->kind, p->dir, l, &hooks, ret, err);

	if (r == -ECANCELED && *h.leader)
		return err_set(err, EBUSY, "the store %s is in use by a server (%s): stop all its servers first",
			       name_of(p), h.leader);
	return r;
}

int store_check_there(const struct store_place *p, struct err *err)
{
	mem_cleanup char *file = strcmp(p->kind, "sqlite") == 0 ? mem_printf("%s/berth.db", p->dir) : NULL;

	if (!file || access(file, F_OK) == 0)
		return 0;
	return err_sys(err, errno, "there is no state in \"%s\": open \"%s\"", p->dir, file);
}

static int check_some(struct store *s, const struct store_place *p, struct err *err)
{
	mem_cleanup char *mark = NULL;

	if (store_get(s, STORE_UNFINISHED, &mark, NULL, NULL) == 0)
		return err_set(err, EBADMSG, "the store %s is a copy that was not finished", name_of(p));
	return store_last_seq(s) > 0 ? 0 : err_set(err, ENOENT, "there is no state in %s", name_of(p));
}

/* ---- filling ---- */

struct filling {
	struct store_fill *fill;
	struct store_counts counts;
	struct err *err;
};

static int take(void *ctx, const struct store_record *r)
{
	struct filling *f = ctx;

	store_count(&f->counts, r);
	return store_fill_take(f->fill, r, f->err);
}

/* What records() gives, into the place. */
static int make_folder(const struct store_place *to, struct err *err)
{
	fd_cleanup int dir = *to->dir ? fs_mkdirs(to->dir, 0700, err) : -1;

	return *to->dir && dir < 0 ? dir : 0;
}

static int fill(const struct store_place *to, struct loop *l, int (*records)(void *ctx, struct filling *f), void *ctx,
		struct store_counts *ret, struct err *err)
{
	struct store *store = NULL;
	struct filling f = {.err = err};
	int r = make_folder(to, err);

	if (r == 0)
		r = open_alone(to, l, &store, err);
	if (r == 0)
		r = store_fill_new(store, l, &f.fill, err);
	if (r == 0)
		r = records(ctx, &f);
	if (r == 0)
		r = store_fill_end(f.fill, err);
	store_fill_free(f.fill);
	store_close(store);
	*ret = f.counts;
	return r < 0 ? err_wrap(err, "%s", name_of(to)) : 0;
}

static int from_store(void *ctx, struct filling *f)
{
	return store_records(ctx, take, f, f->err);
}

static int from_file(void *ctx, struct filling *f)
{
	return backup_read(ctx, take, f, NULL, f->err);
}

/* ---- the three ---- */

int store_backup(const struct store_place *from, const char *path, struct store_counts *ret, struct err *err)
{
	struct store *store = NULL;
	struct loop *l = NULL;
	int r = loop_new(&l, err);

	if (r == 0)
		r = store_check_there(from, err);
	if (r == 0)
		r = store_open_read(from->kind, from->dir, l, &store, err);
	if (r == 0)
		r = check_some(store, from, err);
	if (r == 0)
		r = backup_write(store, path, ret, err);
	store_close(store);
	loop_free(l);
	return r;
}

int store_restore(const char *path, const struct store_place *to, struct store_counts *ret, struct err *err)
{
	mem_cleanup char *name = mem_strdup(path);
	struct loop *l = NULL;
	int r = loop_new(&l, err);

	if (r == 0)
		r = backup_read(path, NULL, NULL, NULL, err);
	if (r == 0)
		r = fill(to, l, from_file, name, ret, err);
	loop_free(l);
	return r;
}

int store_copy(const struct store_place *from, const struct store_place *to, struct store_counts *ret, struct err *err)
{
	struct store *store = NULL;
	struct loop *l = NULL;
	int r = loop_new(&l, err);

	if (r == 0)
		r = store_check_there(from, err);
	if (r == 0)
		r = open_alone(from, l, &store, err);
	if (r == 0)
		r = check_some(store, from, err);
	if (r == 0)
		r = fill(to, l, from_store, store, ret, err);
	store_close(store);
	loop_free(l);
	return r;
}
