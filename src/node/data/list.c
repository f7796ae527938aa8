/* SPDX-License-Identifier: Apache-2.0
 *
 * data_glob: the files of a space that match one pattern.
 */
#include "node/data/data.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/data/glob.h"
#include "node/data/walk.h"

#include <string.h>

struct list {
	struct glob glob;
	char **paths;
	size_t n, cap, limit;
};

static int on_entry(void *ctx, const struct walk_entry *e, struct err *err)
{
	struct list *l = ctx;

	if (!S_ISREG(e->st->st_mode) || !glob_match(&l->glob, e->path))
		return 0;
	if (l->n >= l->limit)
		return err_set(err, E2BIG, "more than %zu files match", l->limit);
	mem_grow_to((void **)&l->paths, &l->cap, l->n + 2, sizeof *l->paths);
	l->paths[l->n++] = mem_strdup(e->path);
	l->paths[l->n] = NULL;
	return 0;
}

static int on_dir(void *ctx, const struct walk_entry *e, struct err *err)
{
	const struct list *l = ctx;

	(void)err;
	return glob_below(&l->glob, e->path);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int data_glob(int space, const char *pattern, size_t limit, char ***ret, struct err *err)
{
	struct list l = {.limit = limit};
	struct walk w = {.on_entry = on_entry, .on_dir = on_dir, .ctx = &l};
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	r = glob_parse(pattern, &l.glob, err);
	if (r < 0)
		return r;
	r = walk_tree(&w, space, err);
	glob_free(&l.glob);
	if (r < 0) {
		mem_strv_free(l.paths);
		return err_wrap(err, "pattern \"%.300s\"", pattern);
	}
	if (l.n > 0)
		qsort(l.paths, l.n, sizeof *l.paths, by_bytes);
	*ret = l.paths ? l.paths : mem_new(char *);
	return 0;
}

int data_pattern_check(const char *pattern, struct err *err)
{
	struct glob g;
	int r = glob_parse(pattern, &g, err);

	if (r == 0)
		glob_free(&g);
	return r;
}
