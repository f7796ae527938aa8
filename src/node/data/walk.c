/* SPDX-License-Identifier: Apache-2.0 */
#include "node/data/walk.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/data/data.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static int walk_dir(struct walk *w, int dir, size_t depth, struct err *err);

static int into_dir(struct walk *w, const struct walk_entry *e, struct err *err)
{
	fd_cleanup int fd = -1;
	int r = w->on_dir(w->ctx, e, err);

	if (r <= 0)
		return r;
	fd = openat(e->dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Gone, or not a directory any more: as if it had changed before the walk came by */
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		r = err_sys(err, errno, "open directory \"%s\"", e->path);
	else
		r = fd < 0 ? 0 : walk_dir(w, fd, e->depth + 1, err);
	if (w->on_leave)
		w->on_leave(w->ctx, e->depth);
	return r;
}

static int visit(struct walk *w, int dir, const char *name, size_t depth, struct err *err)
{
	size_t len = w->path.len;
	struct stat st;
	struct walk_entry e = {.dir = dir, .name = name, .depth = depth, .st = &st};
	int r;

	if (++w->n > DATA_ENTRIES_MAX)
		return err_set(err, E2BIG, "there are more than %d files", DATA_ENTRIES_MAX);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "look at \"%s%s\"", buf_str(&w->path), name);
	buf_adds(&w->path, name);
	e.path = buf_str(&w->path);
	if (S_ISDIR(st.st_mode) && depth >= DATA_DEPTH_MAX) {
		r = err_set(err, ELOOP, "\"%.200s...\" is nested deeper than %d directories", e.path, DATA_DEPTH_MAX);
	} else if (S_ISDIR(st.st_mode)) {
		r = into_dir(w, &e, err);
	} else {
		r = w->on_entry(w->ctx, &e, err);
	}
	w->path.len = len;
	w->path.data[len] = '\0';
	return r;
}

/* The directory of the caller is read through a descriptor of its own, because the position in it belongs to the open file. */
static int walk_dir(struct walk *w, int dir, size_t depth, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = w->path.len;

	if (!d) {
		r = err_sys(err, errno, "open directory \"%s\"", buf_str(&w->path));
		fd_closep(&fd);
		return r;
	}
	if (depth > 0)
		buf_addc(&w->path, '/');
	while (r == 0) {
		struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (!e) {
			r = errno ? err_sys(err, errno, "read directory \"%s\"", buf_str(&w->path)) : 0;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strncmp(e->d_name, WALK_TMP_PREFIX, strlen(WALK_TMP_PREFIX)) != 0)
			r = visit(w, dirfd(d), e->d_name, depth, err);
	}
	closedir(d);
	w->path.len = len;
	return r;
}

int walk_tree(struct walk *w, int top, struct err *err)
{
	int r;

	w->path = (struct buf)BUF_LIMIT((DATA_DEPTH_MAX + 2) * 256);
	w->n = 0;
	buf_adds(&w->path, "");
	r = walk_dir(w, top, 0, err);
	buf_free(&w->path);
	return r;
}
