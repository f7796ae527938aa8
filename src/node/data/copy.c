/* SPDX-License-Identifier: Apache-2.0
 *
 * data_copy: a walk over the source with a stack of directories of the destination beside it. A directory of the destination is made when
 * the first file below it is copied, or at once when the directory itself is selected.
 */
#include "node/data/data.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/data/file.h"
#include "node/data/glob.h"
#include "node/data/walk.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATTERNS_MAX 1024

struct level {
	char *name; /* of the directory, in its parent */
	mode_t mode;
	int fd;	    /* at the destination; -1 = not opened yet */
	bool whole; /* selected, with everything below it */
};

struct copy {
	const struct data_rule *rule;
	struct glob *include, *exclude;
	bool *found; /* by include pattern */
	size_t n_include, n_exclude;
	int to;
	struct stat top; /* of the destination: must not be met in the source */
	struct level levels[DATA_DEPTH_MAX + 1];
	size_t depth;
	struct data_stats stats;
};

static int parse_patterns(char *const *patterns, struct glob **ret, size_t *ret_n, struct err *err)
{
	size_t n = mem_strv_len(patterns);

	if (n > PATTERNS_MAX)
		return err_set(err, E2BIG, "%zu patterns are more than the limit of %d", n, PATTERNS_MAX);
	*ret = mem_new_n(struct glob, n + 1);
	for (; *ret_n < n; (*ret_n)++) {
		int r = glob_parse(patterns[*ret_n], &(*ret)[*ret_n], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool excluded(const struct copy *c, const char *path)
{
	for (size_t i = 0; i < c->n_exclude; i++) {
		if (glob_match(&c->exclude[i], path))
			return true;
	}
	return false;
}

static bool parent_whole(const struct copy *c)
{
	return c->depth > 0 ? c->levels[c->depth - 1].whole : c->n_include == 0;
}

/* Every pattern that matches is noted as found, hence no early return. */
static bool included(struct copy *c, const char *path, bool is_dir)
{
	bool in = parent_whole(c);

	for (size_t i = 0; i < c->n_include; i++) {
		if ((is_dir && c->include[i].wild) || (c->found[i] && in) || !glob_match(&c->include[i], path))
			continue;
		c->found[i] = true;
		in = true;
	}
	return in;
}

static int set_owner(struct copy *c, int fd, const struct level *l, struct err *err)
{
	const struct data_owner *owner = c->rule->owner;

	if (owner && fchown(fd, owner->uid, owner->gid) < 0)
		return err_sys(err, errno, "set the owner of directory \"%s\"", l->name);
	if (fchmod(fd, (l->mode & 0777) | 0700) < 0)
		return err_sys(err, errno, "set the mode of directory \"%s\"", l->name);
	return 0;
}

static int open_level(struct copy *c, int parent, struct level *l, struct err *err)
{
	fd_cleanup int fd = -1;
	bool made = mkdirat(parent, l->name, 0700) == 0;

	if (!made && errno != EEXIST)
		return err_sys(err, errno, "make directory \"%s\"", l->name);
	fd = openat(parent, l->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open directory \"%s\" at the destination", l->name);
	if (made && set_owner(c, fd, l, err) < 0)
		return err ? -err->code : -EIO;
	l->fd = fd_take(&fd);
	return 0;
}

/* The destination's directory for the entries that are visited now. */
static int destination(struct copy *c, struct err *err)
{
	int at = c->to;

	for (size_t i = 0; i < c->depth; i++) {
		int r = c->levels[i].fd < 0 ? open_level(c, at, &c->levels[i], err) : 0;

		if (r < 0)
			return r;
		at = c->levels[i].fd;
	}
	return at;
}

static int on_dir(void *ctx, const struct walk_entry *e, struct err *err)
{
	struct copy *c = ctx;
	bool in, below = false;

	if (excluded(c, e->path))
		return 0;
	if (e->st->st_dev == c->top.st_dev && e->st->st_ino == c->top.st_ino)
		return err_set(err, ELOOP, "the destination \"%s\" is inside of what is copied", e->path);
	in = included(c, e->path, true);
	for (size_t i = 0; i < c->n_include && !in && !below; i++)
		below = glob_below(&c->include[i], e->path);
	if (!in && !below)
		return 0;
	c->levels[c->depth++] =
	    (struct level){.name = mem_strdup(e->name), .mode = e->st->st_mode, .fd = -1, .whole = in};
	if (in) {
		int r = destination(c, err);

		if (r < 0)
			return r;
	}
	return 1;
}

static void on_leave(void *ctx, size_t depth)
{
	struct copy *c = ctx;
	struct level *l = &c->levels[--c->depth];

	(void)depth;
	fd_closep(&l->fd);
	free(l->name);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "FIFO";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

static int on_entry(void *ctx, const struct walk_entry *e, struct err *err)
{
	struct copy *c = ctx;
	uint64_t bytes = 0;
	int to, r;

	if (excluded(c, e->path) || !included(c, e->path, false))
		return 0;
	if (!S_ISREG(e->st->st_mode) && !S_ISLNK(e->st->st_mode))
		return err_set(err, EINVAL, "\"%s\" is a %s; only files, directories and links can be copied", e->path,
			       type_name(e->st->st_mode));
	to = destination(c, err);
	if (to < 0)
		return to;
	if (S_ISLNK(e->st->st_mode))
		r = file_copy_link(e->dir, e->name, e->depth, to, c->rule->owner, e->path, err);
	else
		r = file_copy(e->dir, e->name, e->st, to, c->rule->owner, e->path, &bytes, err);
	if (r == 0) {
		c->stats.files++;
		c->stats.bytes += bytes;
	}
	return r;
}

/* rule->to, made where it is missing; directories that are there keep their owner and mode. */
static int open_to(struct copy *c, int to, struct err *err)
{
	mem_cleanup char *path = mem_strdup(c->rule->to ? c->rule->to : "");
	bool absolute = path[0] == '/';
	char *rest = path, *part;

	c->to = fs_open_in(to, ".", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	while (c->to >= 0 && (part = strsep(&rest, "/"))) {
		struct level l = {.name = part, .mode = 0755, .fd = -1};
		int r;

		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, "..") || absolute)
			return err_set(err, EINVAL, "the destination \"%s\" leads out of its directory", c->rule->to);
		r = open_level(c, c->to, &l, err);
		if (r < 0)
			return r;
		fd_closep(&c->to);
		c->to = l.fd;
	}
	if (c->to < 0)
		return c->to;
	return fstat(c->to, &c->top) < 0 ? err_sys(err, errno, "look at the destination") : 0;
}

static int copy_selected(struct copy *c, int from, struct err *err)
{
	struct walk w = {.on_entry = on_entry, .on_dir = on_dir, .on_leave = on_leave, .ctx = c};
	struct stat st;
	int r;

	if (fstat(from, &st) < 0)
		return err_sys(err, errno, "look at the source");
	if (st.st_dev == c->top.st_dev && st.st_ino == c->top.st_ino)
		return err_set(err, ELOOP, "source and destination are the same directory");
	r = walk_tree(&w, from, err);
	for (size_t i = 0; r == 0 && i < c->n_include; i++) {
		if (!c->found[i] && !c->include[i].wild)
			r = err_set(err, ENOENT, "there is no \"%s\" in space \"%s\"", c->rule->include[i],
				    c->rule->space);
	}
	return r;
}

static void free_globs(struct glob *globs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		glob_free(&globs[i]);
	free(globs);
}

static void copy_free(struct copy *c)
{
	while (c->depth > 0)
		on_leave(c, 0);
	free_globs(c->include, c->n_include);
	free_globs(c->exclude, c->n_exclude);
	free(c->found);
	fd_closep(&c->to);
}

int data_copy(int from, int to, const struct data_rule *rule, struct data_stats *ret, struct err *err)
{
	struct copy c = {.rule = rule, .to = -1};
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	r = parse_patterns(rule->include, &c.include, &c.n_include, err);
	if (r == 0)
		r = parse_patterns(rule->exclude, &c.exclude, &c.n_exclude, err);
	c.found = mem_new_n(bool, c.n_include + 1);
	if (r == 0)
		r = open_to(&c, to, err);
	if (r == 0)
		r = copy_selected(&c, from, err);
	if (r == 0 && ret)
		*ret = c.stats;
	copy_free(&c);
	return r < 0 && rule->space && r != -ENOENT ? err_wrap(err, "space \"%s\"", rule->space) : r;
}
