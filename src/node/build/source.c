/* SPDX-License-Identifier: Apache-2.0
 *
 * Wildcards, component by component: what has none is followed as it is, the others are compared with the names in their directory. "**"
 * is any number of directories.
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
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct find {
	const struct source_tree *tree;
	const char *pattern;
	struct source_list *list;
	size_t pivot_parts;	/* components before it */
	bool ignored, wildcard; /* something was there, but ignored; the pattern has wildcards */
	unsigned depth;
};

void source_list_free(struct source_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].plain);
		free(l->items[i].named);
		free(l->items[i].parent);
	}
	free(l->items);
	*l = (struct source_list)SOURCE_LIST_INIT;
}

static bool has_wildcard(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr("*?[\\", s[i]))
			return true;
	}
	return false;
}

/* The text of a component without wildcards' escapes is itself. */
static const char *next_part(const char *p, size_t *ret_len)
{
	p += strspn(p, "/");
	*ret_len = strcspn(p, "/");
	return p;
}

static bool is_ignored(const struct find *f, const char *plain, bool dir)
{
	const struct ignore *i = f->tree->ignore;

	return i && *plain && ignore_match(i, plain) && !(dir && ignore_may_include_below(i, plain));
}

/* What stands before the last component, from the pivot on. */
static char *parent_of(const struct find *f, const char *named)
{
	const char *p = named, *slash;

	for (size_t i = 0; i < f->pivot_parts && p; i++) {
		p = strchr(p, '/');
		p = p ? p + 1 : NULL;
	}
	slash = p ? strrchr(p, '/') : NULL;
	return p && slash ? mem_strndup(p, (size_t)(slash - p)) : mem_strdup("");
}

static int by_named(const struct source_list *l, const char *named)
{
	for (size_t i = l->n; i > 0; i--) {
		if (!strcmp(l->items[i - 1].named, named))
			return 1;
	}
	return 0;
}

static int on_first(void *ctx, const struct source_entry *e, struct err *err)
{
	(void)ctx;
	(void)e;
	(void)err;
	return -ECANCELED;
}

/* An ignored directory is there when something in it is taken back by an exception. What goes wrong is told by the walk that copies. */
static bool is_taken_back(const struct find *f, const char *named, const char *plain)
{
	static const struct source_visitor v = {.enter = on_first, .leave = on_first, .other = on_first};
	mem_cleanup char *name = mem_strdup(named), *at = mem_strdup(plain);
	const struct source_item item = {.plain = at, .named = name};

	return source_walk(f->tree, &item, NULL, &v, NULL) < 0;
}

static int add(struct find *f, const char *named, struct err *err)
{
	mem_cleanup char *plain = NULL;
	struct source_item *item;
	struct stat st = {.st_mode = 0};
	int r = view_resolve(f->tree->root, named, true, &plain, err);

	if (r == 0)
		r = view_stat(f->tree->root, plain, &st, err);
	if (r <= 0)
		return r;
	if (is_ignored(f, plain, S_ISDIR(st.st_mode)) ||
	    (is_ignored(f, plain, false) && !is_taken_back(f, named, plain))) {
		f->ignored = true;
		return 0;
	}
	/* "**" can reach a file on several ways. */
	if (f->wildcard && strstr(f->pattern, "**") && by_named(f->list, named))
		return 0;
	if (f->list->n >= SOURCE_MATCHES_MAX)
		return err_set(err, E2BIG, "\"%s\" names more than %u files in %s", f->pattern, SOURCE_MATCHES_MAX,
			       f->tree->what);
	mem_grow(&f->list->items, &f->list->cap, f->list->n);
	item = &f->list->items[f->list->n++];
	*item = (struct source_item){.named = mem_strdup(named), .parent = parent_of(f, named), .st = st};
	item->plain = mem_take(plain);
	return 0;
}

static int match(struct find *f, const char *at, const char *rest, struct err *err);

static char *join(const char *dir, const char *name)
{
	return *dir ? mem_printf("%s/%s", dir, name) : mem_strdup(name);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted; NULL-terminated. Nothing there: none. */
static int list_names(const struct find *f, const char *at, char ***ret, struct err *err)
{
	mem_cleanup char *plain = NULL;
	int r = view_resolve(f->tree->root, at, true, &plain, err);
	int fd = r < 0 ? r : view_open(f->tree->root, plain, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0, cap = 0;

	*ret = NULL;
	mem_grow(ret, &cap, n);
	if (r < 0 || fd == VIEW_ABSENT)
		return r;
	if (!d)
		return err_sys(err, fd < 0 ? -fd : errno, "list directory \"%s\" in %s", plain, f->tree->what);
	for (struct dirent *e = readdir(d); e && n < SOURCE_ENTRIES_MAX; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		(*ret)[n++] = mem_strdup(e->d_name);
		mem_grow(ret, &cap, n);
	}
	closedir(d);
	if (n > 0)
		qsort(*ret, n, sizeof **ret, by_bytes);
	return 0;
}

/* Whether `named` is a directory itself, no link: "**" does not go through links, which may lead in a circle. */
static bool is_real_dir(const struct find *f, const char *named)
{
	mem_cleanup char *plain = NULL;
	struct stat st;

	return view_resolve(f->tree->root, named, false, &plain, NULL) == 0 &&
	       view_stat(f->tree->root, plain, &st, NULL) == 1 && S_ISDIR(st.st_mode);
}

static int match_names(struct find *f, const char *at, const char *part, const char *rest, struct err *err)
{
	cleanup_with(mem_strv_freep) char **names = NULL;
	bool deep = !strcmp(part, "**");
	int r = list_names(f, at, &names, err);

	if (r == 0 && deep && *rest)
		r = match(f, at, rest, err);
	for (char **name = names; r == 0 && name && *name; name++) {
		mem_cleanup char *below = join(at, *name), *again = NULL;

		if (!deep) {
			if (fnmatch(part, *name, 0) == 0)
				r = match(f, below, rest, err);
			continue;
		}
		if (!*rest)
			r = add(f, below, err);
		again = mem_printf("**/%s", rest);
		if (r == 0 && is_real_dir(f, below))
			r = match(f, below, again, err);
	}
	return r;
}

/* `at` is matched, `rest` of the pattern is not yet. */
static int match(struct find *f, const char *at, const char *rest, struct err *err)
{
	size_t len;
	const char *part = next_part(rest, &len);
	mem_cleanup char *word = mem_strndup(part, len);
	mem_cleanup char *below = NULL;
	int r;

	if (len == 0)
		return add(f, at, err);
	if (++f->depth > SOURCE_DEPTH_MAX)
		return err_set(err, E2BIG, "\"%s\" goes through more than %d directories", f->pattern,
			       SOURCE_DEPTH_MAX);
	if (has_wildcard(word, len)) {
		r = match_names(f, at, word, part + len, err);
	} else {
		below = join(at, word);
		r = match(f, below, part + len, err);
	}
	f->depth--;
	return r;
}

/* "./a/../b//c" -> "b/c": by the text, as a path below the root cannot leave it. *ret_pivot: components before "/./", once. */
static char *clean(const char *pattern, size_t *ret_pivot)
{
	mem_cleanup char *out = mem_zalloc(1, strlen(pattern) + 2);
	size_t n = 0, parts = 0, len;

	*ret_pivot = 0;
	for (const char *p = next_part(pattern, &len); len > 0; p = next_part(p + len, &len)) {
		char *slash;

		if (len == 1 && *p == '.') {
			*ret_pivot = parts;
		} else if (len == 2 && !strncmp(p, "..", 2)) {
			out[n] = '\0';
			slash = strrchr(out, '/');
			n = slash ? (size_t)(slash - out) : 0;
			parts -= parts > 0;
		} else {
			if (n > 0)
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
			parts++;
		}
	}
	out[n] = '\0';
	return mem_take(out);
}

int source_find(const struct source_tree *t, const char *pattern, struct source_list *l, struct err *err)
{
	struct find f = {.tree = t, .pattern = pattern, .list = l};
	mem_cleanup char *text = clean(pattern, &f.pivot_parts);
	size_t before = l->n;
	int r;

	f.wildcard = has_wildcard(text, strlen(text));
	r = match(&f, "", text, err);
	if (r < 0 || l->n > before)
		return r;
	/* Others may match: "COPY package.json *.lock ./". Who copies looks whether there is anything at all. */
	if (f.wildcard)
		return 0;
	if (f.ignored)
		return err_set(err, ENOENT, "\"%s\" is hidden by .dockerignore", pattern);
	return err_set(err, ENOENT, "\"%s\" is not in %s", pattern, t->what);
}
