/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/exec_point.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/view.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct exec_point {
	int parent;
	char *name, *path;
	bool dir;
	struct stat made; /* inode, mode and owner */
};

static int remember(struct exec_points *p, int parent, const char *name, const char *path, bool dir, struct err *err)
{
	struct exec_point *one;
	int fd = fcntl(parent, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, errno, "keep the directory of a mount point open");
	mem_grow(&p->list, &p->cap, p->n);
	one = &p->list[p->n++];
	*one = (struct exec_point){.parent = fd, .name = mem_strdup(name), .path = mem_strdup(path), .dir = dir};
	return fstatat(fd, name, &one->made, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(err, errno, "look at a mount point")
								      : 0;
}

/* One directory on the way: what is new in the draft goes again afterwards, a copy of the view's too. */
static int make_dir(struct exec_points *p, int *at, int *view, const char *name, const char *path, struct err *err)
{
	static const struct draft_owner root = {0, 0};
	struct stat st;
	bool was = fstatat(*at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	int below = -1, r = 0, next = draft_mkdir(*at, *view, name, &root, &below, NULL, err);

	if (next < 0)
		return next;
	if (!was)
		r = remember(p, *at, name, path, true, err);
	fd_closep(at);
	fd_closep(view);
	*at = next;
	*view = below;
	return r;
}

static int make_file(struct exec_points *p, int at, const char *name, const char *path, struct err *err)
{
	fd_cleanup int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, errno, "make the mount point \"%s\"", path);
	return remember(p, at, name, path, false, err);
}

int exec_point_make(struct exec_points *p, const struct draft *d, const char *path, bool dir, struct err *err)
{
	fd_cleanup int at = fcntl(d->dir, F_DUPFD_CLOEXEC, 0);
	fd_cleanup int view = d->view < 0 ? -1 : fcntl(d->view, F_DUPFD_CLOEXEC, 0);
	mem_cleanup char *plain = NULL;
	struct stat st;
	int r = view_resolve(d->view, path, true, &plain, err);

	p->root = d->dir;
	if (r == 0)
		r = draft_stat(d, plain, &st, err);
	if (r != 0)
		return r < 0 ? r : 0;
	for (const char *part = plain; r == 0 && *part;) {
		size_t len = strcspn(part, "/");
		mem_cleanup char *name = mem_strndup(part, len);
		mem_cleanup char *upto = mem_strndup(plain, (size_t)(part - plain) + len);

		if (part[len] || dir)
			r = make_dir(p, &at, &view, name, upto, err);
		else
			r = make_file(p, at, name, upto, err);
		part += len + (part[len] == '/');
	}
	return r;
}

static void clear_one(const struct exec_points *p, const struct exec_point *one)
{
	struct stat st;

	if (!RT_GUARD(B2))
		guard_naive_remove(p->root, one->path, one->dir);
	if (fstatat(one->parent, one->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != one->made.st_ino ||
	    st.st_dev != one->made.st_dev)
		return;
	/* The step made something of it: then it is the step's. */
	if (st.st_mode != one->made.st_mode || st.st_uid != one->made.st_uid || st.st_gid != one->made.st_gid ||
	    (!one->dir && st.st_size > 0))
		return;
	(void)unlinkat(one->parent, one->name, one->dir ? AT_REMOVEDIR : 0);
}

void exec_points_clear(struct exec_points *p)
{
	while (p->n > 0) {
		struct exec_point *one = &p->list[--p->n];

		clear_one(p, one);
		fd_closep(&one->parent);
		free(one->name);
		free(one->path);
	}
	free(p->list);
	*p = (struct exec_points)EXEC_POINTS_INIT;
}
