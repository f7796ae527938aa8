/* SPDX-License-Identifier: Apache-2.0
 *
 * A visitor of source_walk() that keeps, for each directory it is in, the same directory in the draft and in the view.
 */
#include "node/build/copy.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/build/copy_data.h"
#include "node/build/file_mode.h"
#include "node/build/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct level {
	int dir, view;
	bool fresh; /* what the source says of the directory is to be set at the end */
};

struct job {
	const struct copy *c;
	const struct source_tree *tree;
	const char *base; /* plain path of what the item becomes, for hard links */
	struct level levels[SOURCE_DEPTH_MAX + 1];
	size_t n;
	struct map *links; /* "dev:ino" -> plain path in the draft */
};

static struct draft_owner owner_of(const struct copy *c, const struct stat *st)
{
	return c->has_owner ? c->owner : (struct draft_owner){.uid = st->st_uid, .gid = st->st_gid};
}

static mode_t mode_of(const struct copy *c, mode_t mode)
{
	return c->mode ? file_mode_apply(c->mode, mode & 07777, S_ISDIR(mode)) : mode & 07777;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Owner, mode, attributes, time, in this order: a change of owner takes the setuid bit and the capabilities away. */
static int set_all(const struct copy *c, int fd, int from, const struct stat *st, const char *path, struct err *err)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};
	struct draft_owner owner = owner_of(c, st);
	int r = draft_own(fd, "", owner.uid, owner.gid, err);

	if (r == 0 && fchmod(fd, mode_of(c, st->st_mode)) < 0)
		r = err_sys(err, errno, "set the mode of \"%s\"", path);
	if (r == 0 && from >= 0)
		r = draft_copy_attributes(from, fd, err);
	if (r == 0 && futimens(fd, times) < 0)
		r = err_sys(err, errno, "set the time of \"%s\"", path);
	return r;
}

/* What is at this name must go, or must not be there. */
static int make_room(const struct copy *c, const struct level *at, const char *name, const char *path, bool for_dir,
		     struct err *err)
{
	struct stat st;
	bool there = fstatat(at->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0, ours = there;

	if (!there && at->view >= 0)
		there = fstatat(at->view, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there || (for_dir && S_ISDIR(st.st_mode)))
		return 0;
	if (!c->replace && for_dir)
		return err_set(err, ENOTDIR, "a directory cannot be copied to \"%s\", which is not one", path);
	if (!c->replace && S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "a file cannot be copied to \"%s\", which is a directory", path);
	return ours ? fs_remove_tree(at->dir, name, err) : 0;
}

/* A directory that takes the place of a file of the view has nothing below it there. */
static int view_below(const struct level *at, const char *name)
{
	return at->view < 0 ? -1 : openat(at->view, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int enter(struct job *j, const struct source_entry *e, struct err *err)
{
	const struct copy *c = j->c;
	struct level *at = &j->levels[j->n - 1];
	const struct draft_owner owner = owner_of(c, &e->st);
	struct level next = {.dir = -1, .view = -1};
	int r = make_room(c, at, e->name, e->path, true, err);

	if (r < 0)
		return r;
	next.view = view_below(at, e->name);
	next.dir = draft_mkdir(at->dir, next.view >= 0 ? at->view : -1, e->name, &owner, NULL, NULL, err);
	if (next.dir < 0) {
		fd_closep(&next.view);
		return next.dir;
	}
	next.fresh = true;
	j->levels[j->n++] = next;
	return 0;
}

static int on_enter(void *ctx, const struct source_entry *e, struct err *err)
{
	/* The item itself is the destination, which is open already. */
	return e->depth == 0 ? 0 : enter(ctx, e, err);
}

static int on_leave(void *ctx, const struct source_entry *e, struct err *err)
{
	struct job *j = ctx;
	struct level *l = &j->levels[j->n - 1];
	int r = l->fresh ? set_all(j->c, l->dir, -1, &e->st, e->path, err) : 0;

	if (e->depth > 0) {
		fd_closep(&l->dir);
		fd_closep(&l->view);
		j->n--;
	}
	return r;
}

/* 1: it is another name of a file that was copied before, and now is that here too. */
static int as_hard_link(struct job *j, const struct source_entry *e, const char *name, struct err *err)
{
	char key[48];
	const char *last, *first;
	fd_cleanup int dir = -1;

	if (e->st.st_nlink < 2)
		return 0;
	snprintf(key, sizeof key, "%llu:%llu", (unsigned long long)e->st.st_dev, (unsigned long long)e->st.st_ino);
	first = map_get(j->links, key);
	if (!first) {
		char *path = mem_printf("%s%s%s", j->base, *e->path && *j->base ? "/" : "", e->path);

		free(map_put(j->links, key, path));
		return 0;
	}
	dir = fs_open_parent(j->c->draft.dir, first, FS_NO_SYMLINKS, &last, err);
	if (dir < 0)
		return dir;
	/* A file system's limit of links, or a move: then a file of its own. */
	return linkat(dir, last, j->levels[j->n - 1].dir, name, 0) == 0;
}

static int put_link(struct job *j, const struct source_entry *e, const char *name, struct err *err)
{
	const struct timespec times[2] = {e->st.st_mtim, e->st.st_mtim};
	const struct draft_owner owner = owner_of(j->c, &e->st);
	int dir = j->levels[j->n - 1].dir, r;
	mem_cleanup char *text = NULL;

	r = source_link(e, &text, err);
	if (r == 0 && symlinkat(text, dir, name) < 0)
		r = err_sys(err, errno, "make the link \"%s\"", e->path);
	if (r == 0)
		r = draft_own(dir, name, owner.uid, owner.gid, err);
	if (r == 0 && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = err_sys(err, errno, "set the time of \"%s\"", e->path);
	return r;
}

static int put_fifo(struct job *j, const struct source_entry *e, const char *name, struct err *err)
{
	const struct draft_owner owner = owner_of(j->c, &e->st);
	int dir = j->levels[j->n - 1].dir, r;

	if (mkfifoat(dir, name, 0600) < 0)
		return err_sys(err, errno, "make the FIFO \"%s\"", e->path);
	r = draft_own(dir, name, owner.uid, owner.gid, err);
	/* follows no link: the name was made a line before, in a directory that nobody else writes to */
	return r == 0 && fchmodat(dir, name, mode_of(j->c, e->st.st_mode), 0) < 0 ? err_sys(err, errno, "set its mode")
										  : r;
}

static int copy_failed(int fd, const struct source_entry *e, int r, struct err *err)
{
	struct stat have = {.st_blocks = 0};
	uint64_t all = (uint64_t)e->st.st_blocks * 512, done;

	(void)fstat(fd, &have);
	done = (uint64_t)have.st_blocks * 512;
	r = err_sys(err, -r, "copy \"%s\"", *e->path ? e->path : e->name);
	return fs_no_room(fd, all > done ? all - done : 0, r, err);
}

static int put_file(struct job *j, const struct source_entry *e, const char *name, struct err *err)
{
	int dir = j->levels[j->n - 1].dir, r;
	fd_cleanup int from = source_open(e, err), fd = -1;

	if (from < 0)
		return from;
	if (j->c->move && renameat(e->dir, e->name, dir, name) == 0)
		return set_all(j->c, from, -1, &e->st, e->path, err);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "make the file \"%s\"", e->path);
	r = copy_data(from, fd, (uint64_t)e->st.st_size);
	if (r < 0)
		return copy_failed(fd, e, r, err);
	return set_all(j->c, fd, from, &e->st, e->path, err);
}

static int put(struct job *j, const struct source_entry *e, const char *name, struct err *err)
{
	int r = make_room(j->c, &j->levels[j->n - 1], name, *e->path ? e->path : name, false, err);
	struct stat st;

	/* The same file twice in one COPY: the last one stays. */
	if (r == 0 && fstatat(j->levels[j->n - 1].dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    unlinkat(j->levels[j->n - 1].dir, name, 0) < 0)
		r = err_sys(err, errno, "replace \"%s\"", name);
	if (r == 0)
		r = as_hard_link(j, e, name, err);
	if (r != 0)
		return r < 0 ? r : 0;
	switch (e->st.st_mode & S_IFMT) {
	case S_IFREG:
		return put_file(j, e, name, err);
	case S_IFLNK:
		return put_link(j, e, name, err);
	case S_IFIFO:
		return put_fifo(j, e, name, err);
	default: /* devices and sockets are no part of an image */
		return 0;
	}
}

static int on_other(void *ctx, const struct source_entry *e, struct err *err)
{
	struct job *j = ctx;

	if (e->depth > 0)
		return put(j, e, e->name, err);
	return put(j, e, last_part(j->base), err);
}

/* ---- where an item goes ---- */

static char *join(const char *dir, const char *name)
{
	return *dir && *name ? mem_printf("%s/%s", dir, name) : mem_strdup(*dir ? dir : name);
}

/* The plain path that a file called `name` gets: in the destination when that is a directory. */
static int file_place(const struct copy *c, const char *dest, const char *name, bool into, char **ret, struct err *err)
{
	struct stat st;
	int r = draft_stat(&c->draft, dest, &st, err);

	if (r < 0)
		return r;
	into = into || !*dest || (r == 1 && S_ISDIR(st.st_mode));
	*ret = into ? join(dest, name) : mem_strdup(dest);
	return 0;
}

/* Opens the directory that the item (or, of a file, its parent) goes to as the first level. */
static int open_place(struct job *j, const struct source_item *item, struct err *err)
{
	const bool dir = S_ISDIR(item->st.st_mode);
	const char *slash = strrchr(j->base, '/');
	mem_cleanup char *parent = mem_strndup(j->base, slash ? (size_t)(slash - j->base) : 0);
	const struct draft_owner new_owner = j->c->has_owner ? j->c->owner : (struct draft_owner){0, 0};
	struct level l = {.view = -1};

	l.dir = draft_mkdirs(&j->c->draft, dir ? j->base : parent, &new_owner, &l.view, &l.fresh, err);
	if (l.dir < 0)
		return l.dir;
	l.fresh = l.fresh && dir;
	j->levels[0] = l;
	j->n = 1;
	return 0;
}

static void close_levels(struct job *j)
{
	while (j->n > 0) {
		fd_closep(&j->levels[--j->n].dir);
		fd_closep(&j->levels[j->n].view);
	}
}

static int copy_item(struct job *j, const struct source_item *item, const char *dest, bool into, struct err *err)
{
	const struct source_visitor v = {.ctx = j, .enter = on_enter, .leave = on_leave, .other = on_other};
	mem_cleanup char *under = j->c->parents ? join(dest, item->parent) : mem_strdup(dest);
	mem_cleanup char *base = NULL;
	int r = 0;

	if (S_ISDIR(item->st.st_mode))
		base = j->c->parents ? join(under, last_part(item->named)) : mem_strdup(under);
	else
		r = file_place(j->c, under, last_part(item->named), into, &base, err);
	if (r < 0)
		return r;
	if (!S_ISDIR(item->st.st_mode) && !*base)
		return err_set(err, EISDIR, "a file cannot take the place of the root");
	j->base = base;
	r = open_place(j, item, err);
	if (r == 0)
		r = source_walk(j->tree, item, j->c->exclude, &v, err);
	close_levels(j);
	return r;
}

static void links_free(struct map *links)
{
	for (struct map_slot *s = NULL; (s = map_next(links, s));)
		free(s->value);
	map_free(links);
}

int copy_items(const struct copy *c, const struct source_tree *t, const struct source_list *l, struct err *err)
{
	cleanup_with(links_free) struct map links = MAP_INIT;
	mem_cleanup struct job *j = mem_new(struct job);
	mem_cleanup char *dest = NULL;
	int r = view_resolve(c->draft.view, c->dest, true, &dest, err);

	*j = (struct job){.c = c, .tree = t, .links = &links};
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = copy_item(j, &l->items[i], dest, c->dest_dir || c->parents || l->n > 1, err);
	return r;
}

/* ---- files that are no sources ---- */

static int make_file(const struct copy *c, const char *name, struct err *err)
{
	const struct draft_owner new_owner = c->has_owner ? c->owner : (struct draft_owner){0, 0};
	mem_cleanup char *dest = NULL, *base = NULL, *parent = NULL;
	struct level at = {.view = -1};
	fd_cleanup int dir = -1, view = -1;
	int fd, r = view_resolve(c->draft.view, c->dest, true, &dest, err);

	if (r == 0)
		r = file_place(c, dest, name, c->dest_dir, &base, err);
	if (r < 0 || !base)
		return r;
	parent = mem_strndup(base, (size_t)(last_part(base) - base) - (strchr(base, '/') ? 1 : 0));
	dir = draft_mkdirs(&c->draft, parent, &new_owner, &view, NULL, err);
	if (dir < 0)
		return dir;
	at = (struct level){.dir = dir, .view = view};
	r = make_room(c, &at, last_part(base), base, false, err);
	if (r < 0)
		return r;
	if (unlinkat(dir, last_part(base), 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "replace \"%s\"", base);
	fd = openat(dir, last_part(base), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, errno, "make the file \"%s\"", base) : fd;
}

static int finish_file(const struct copy *c, int fd, const char *name, mode_t mode, int64_t mtime_s, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at \"%s\"", name);
	st.st_mode = S_IFREG | mode;
	if (mtime_s >= 0)
		st.st_mtim = (struct timespec){.tv_sec = mtime_s};
	return set_all(c, fd, -1, &st, name, err);
}

int copy_text(const struct copy *c, const char *name, const char *text, int64_t mtime_s, struct err *err)
{
	fd_cleanup int fd = make_file(c, name, err);
	int r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));

	if (fd < 0)
		return fd;
	return r < 0 ? err_sys(err, -r, "write \"%s\"", name) : finish_file(c, fd, name, 0644, mtime_s, err);
}

int copy_file(const struct copy *c, const char *name, int fd, mode_t mode, int64_t mtime_s, struct err *err)
{
	fd_cleanup int to = make_file(c, name, err);
	struct stat st;
	int r;

	if (to < 0)
		return to;
	r = fstat(fd, &st) < 0 ? -errno : copy_data(fd, to, (uint64_t)st.st_size);
	return r < 0 ? err_sys(err, -r, "write \"%s\"", name) : finish_file(c, to, name, mode, mtime_s, err);
}
