/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk keeps one frame for each directory it is in. A directory that is ignored itself is shown to the visitor only when something in
 * it turns out not to be: just before that.
 */
#include "node/build/source.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/ignore.h"
#include "node/build/view.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct frame {
	struct source_entry e;
	bool shown;
	uint64_t *ignored, *excluded; /* which patterns matched (ignore.h) */
};

struct walk {
	const struct source_tree *tree;
	const struct source_item *item;
	const struct ignore *exclude;
	const struct source_visitor *v;
	struct frame *frames;
	size_t depth, entries;
};

struct names {
	char **list;
	size_t n, cap;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct walk *w, int fd, const char *path, struct names *ret, struct err *err)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	if (!d) {
		int r = err_sys(err, errno, "list directory \"%s\"", path);

		fd_closep(&again);
		return r;
	}
	for (struct dirent *e = readdir(d); e && w->entries <= SOURCE_ENTRIES_MAX; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		mem_grow(&ret->list, &ret->cap, ret->n);
		ret->list[ret->n++] = mem_strdup(e->d_name);
		w->entries++;
	}
	closedir(d);
	if (w->entries > SOURCE_ENTRIES_MAX)
		return err_set(err, E2BIG, "%s has more than %u files; .dockerignore can hide some", w->tree->what,
			       SOURCE_ENTRIES_MAX);
	if (ret->n > 0)
		qsort(ret->list, ret->n, sizeof *ret->list, by_bytes);
	return 0;
}

/* The path from the root of the tree, which .dockerignore is about. */
static char *whole_path(const struct walk *w, const char *path)
{
	if (!*w->item->plain)
		return mem_strdup(path);
	return mem_printf("%s%s%s", w->item->plain, *path ? "/" : "", path);
}

static uint64_t *new_bits(const struct ignore *i)
{
	return i ? mem_zalloc(ignore_words(i) + 1, sizeof(uint64_t)) : NULL;
}

/* Whether the patterns hide a path; bits of the directory above in, its own out. */
static bool hides(const struct ignore *i, const char *path, const uint64_t *above, uint64_t *bits)
{
	return i && *path && ignore_match_below(i, path, above, bits);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool may_show_below(const struct ignore *i, const char *path)
{
	return !i || ignore_may_include_below(i, path);
}

static int show_frames(struct walk *w, struct err *err)
{
	for (size_t i = 0; i < w->depth; i++) {
		struct frame *f = &w->frames[i];
		int r = f->shown ? 0 : w->v->enter(w->v->ctx, &f->e, err);

		if (r < 0)
			return r;
		f->shown = true;
	}
	return 0;
}

static bool is_special(const struct stat *st)
{
	return !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode) && !S_ISDIR(st->st_mode);
}

static int visit_dir(struct walk *w, const struct source_entry *e, bool hidden, struct frame *f, struct err *err);

static int visit(struct walk *w, int dir, const char *name, const char *path, struct err *err)
{
	const struct frame *above = w->depth > 0 ? &w->frames[w->depth - 1] : NULL;
	mem_cleanup char *whole = whole_path(w, path);
	mem_cleanup uint64_t *ignored = new_bits(w->tree->ignore), *excluded = new_bits(w->exclude);
	struct source_entry e = {.dir = dir, .name = name, .path = path, .depth = w->depth};
	bool by_ignore, by_exclude;
	int r;

	if (fstatat(dir, name, &e.st, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)) < 0)
		return err_sys(err, errno, "look at \"%s\"", whole);
	by_ignore = hides(w->tree->ignore, whole, above ? above->ignored : NULL, ignored);
	by_exclude = hides(w->exclude, *path || S_ISDIR(e.st.st_mode) ? path : base_name(w->item->named),
			   above ? above->excluded : NULL, excluded);
	if (S_ISDIR(e.st.st_mode)) {
		struct frame f = {.ignored = ignored, .excluded = excluded};

		if ((by_ignore && !may_show_below(w->tree->ignore, whole)) ||
		    (by_exclude && !may_show_below(w->exclude, path)))
			return 0;
		return visit_dir(w, &e, by_ignore || by_exclude, &f, err);
	}
	if (by_ignore || by_exclude || (w->tree->context && is_special(&e.st)))
		return 0;
	r = show_frames(w, err);
	return r < 0 ? r : w->v->other(w->v->ctx, &e, err);
}

static int visit_names(struct walk *w, int fd, const char *path, struct err *err)
{
	cleanup_with(names_free) struct names names = {.list = NULL};
	int r = read_names(w, fd, path, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		mem_cleanup char *below = *path ? mem_printf("%s/%s", path, names.list[i]) : mem_strdup(names.list[i]);

		if (strlen(below) >= PATH_MAX)
			return err_set(err, ENAMETOOLONG, "a path in %s is longer than %d bytes: \"%.100s...\"",
				       w->tree->what, PATH_MAX, below);
		r = visit(w, fd, names.list[i], below, err);
	}
	return r;
}

static int visit_dir(struct walk *w, const struct source_entry *e, bool hidden, struct frame *f, struct err *err)
{
	fd_cleanup int fd = openat(e->dir, *e->name ? e->name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return err_sys(err, errno, "open directory \"%s\"", e->path);
	if (w->depth == SOURCE_DEPTH_MAX)
		return err_set(err, E2BIG, "%s has more than %d directories in one another", w->tree->what,
			       SOURCE_DEPTH_MAX);
	f->e = *e;
	w->frames[w->depth++] = *f;
	if (!hidden)
		r = show_frames(w, err);
	if (r == 0)
		r = visit_names(w, fd, e->path, err);
	w->depth--;
	if (r == 0 && w->frames[w->depth].shown)
		r = w->v->leave(w->v->ctx, e, err);
	return r;
}

int source_walk(const struct source_tree *t, const struct source_item *item, const struct ignore *exclude,
		const struct source_visitor *v, struct err *err)
{
	const char *slash = strrchr(item->plain, '/');
	mem_cleanup char *parent = mem_strndup(item->plain, slash ? (size_t)(slash - item->plain) : 0);
	mem_cleanup struct frame *frames = mem_new_n(struct frame, SOURCE_DEPTH_MAX);
	struct walk w = {.tree = t, .item = item, .exclude = exclude, .v = v, .frames = frames};
	fd_cleanup int dir = view_open(t->root, parent, O_RDONLY | O_DIRECTORY);

	if (dir < 0)
		return err_sys(err, -dir, "open \"%s\" in %s", parent, t->what);
	return visit(&w, dir, slash ? slash + 1 : item->plain, "", err);
}

int source_link(const struct source_entry *e, char **ret, struct err *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(e->dir, e->name, text, sizeof text);

	if (n < 0 || (size_t)n == sizeof text)
		return err_sys(err, n < 0 ? errno : ENAMETOOLONG, "read the link \"%s\"", e->path);
	*ret = mem_strndup(text, (size_t)n);
	return 0;
}

int source_open(const struct source_entry *e, struct err *err)
{
	fd_cleanup int fd = openat(e->dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open \"%s\"", *e->path ? e->path : e->name);
	if (!S_ISREG(st.st_mode) || st.st_ino != e->st.st_ino || st.st_dev != e->st.st_dev)
		return err_set(err, ESTALE, "\"%s\" was replaced while it was read", *e->path ? e->path : e->name);
	return fd_take(&fd);
}
