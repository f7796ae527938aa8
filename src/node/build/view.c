/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/view.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

int view_open(int view, const char *plain, int flags)
{
	struct err missing = ERR_INIT;
	int fd;

	if (view < 0)
		return VIEW_ABSENT;
	if (!RT_GUARDS(B5, B7))
		return guard_naive_open(view, plain, flags);
	fd = fs_open_in(view, plain, flags | O_NOFOLLOW, 0, FS_NO_SYMLINKS, &missing);
	/* Below a file or a link there is nothing; with O_NOFOLLOW and without O_PATH a link itself is ELOOP, too. */
	return fd == -ENOTDIR ? VIEW_ABSENT : fd;
}

int view_stat(int view, const char *plain, struct stat *ret, struct err *err)
{
	const char *slash = strrchr(plain, '/');
	mem_cleanup char *parent = mem_strndup(plain, slash ? (size_t)(slash - plain) : 0);
	fd_cleanup int dir = view_open(view, parent, O_PATH | O_DIRECTORY);

	if (dir == VIEW_ABSENT || dir == -ELOOP)
		return 0;
	if (dir < 0)
		return err_sys(err, -dir, "open directory \"%s\"", parent);
	if (fstatat(dir, slash ? slash + 1 : plain, ret, AT_SYMLINK_NOFOLLOW | (*plain ? 0 : AT_EMPTY_PATH)) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, errno, "look at \"%s\"", plain);
}

/* The target of the link at `plain`: its length, 0 for what is no link or not there. */
static ssize_t read_link(int view, const char *plain, char *ret, size_t size)
{
	fd_cleanup int fd = view_open(view, plain, O_PATH);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", ret, size);

	return n < 0 ? 0 : n;
}

struct resolve {
	int view;
	bool follow_last;
	const char *whole; /* for messages */
	char *rest;	   /* what is still to be looked at */
	char plain[PATH_MAX];
	size_t n;
	int links;
};

static int follow(struct resolve *r, const char *after, const char *link, struct err *err)
{
	char *longer;

	if (++r->links > VIEW_LINKS_MAX)
		return err_set(err, ELOOP, "\"%s\" leads through more than %d symbolic links", r->whole,
			       VIEW_LINKS_MAX);
	if (strlen(link) + strlen(after) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "the links of \"%s\" make too long a path", r->whole);
	longer = mem_printf("%s/%s", link, after);
	free(r->rest);
	r->rest = longer;
	return 0;
}

static void step_up(struct resolve *r)
{
	char *slash = strrchr(r->plain, '/');

	r->n = slash ? (size_t)(slash - r->plain) : 0;
	r->plain[r->n] = '\0';
}

/* One component, `len` bytes at p of r->rest. */
static int step(struct resolve *r, const char *p, size_t len, struct err *err)
{
	const char *after = p + len + strspn(p + len, "/");
	size_t before = r->n;
	char link[PATH_MAX];
	ssize_t linked;

	if (len > NAME_MAX || r->n + len + 2 > PATH_MAX)
		return err_set(err, ENAMETOOLONG, "the path \"%.200s\" is too long", r->whole);
	if (r->n > 0)
		r->plain[r->n++] = '/';
	memcpy(r->plain + r->n, p, len);
	r->plain[r->n += len] = '\0';
	linked = *after || r->follow_last ? read_link(r->view, r->plain, link, sizeof link - 1) : 0;
	if (linked > 0) {
		link[linked] = '\0';
		r->n = *link == '/' ? 0 : before;
		r->plain[r->n] = '\0';
		return follow(r, after, link, err);
	}
	memmove(r->rest, after, strlen(after) + 1);
	return 0;
}

int view_resolve(int view, const char *path, bool follow_last, char **ret, struct err *err)
{
	struct resolve r = {.view = view, .follow_last = follow_last, .whole = path, .rest = mem_strdup(path)};
	int status = 0;

	while (status == 0 && RT_GUARDS(B5, B7)) {
		const char *p = r.rest + strspn(r.rest, "/");
		size_t len = strcspn(p, "/");

		if (len == 0)
			break;
		if (len == 2 && !strncmp(p, "..", 2))
			step_up(&r);
		if ((len == 2 && !strncmp(p, "..", 2)) || (len == 1 && *p == '.'))
			memmove(r.rest, p + len, strlen(p + len) + 1);
		else
			status = step(&r, p, len, err);
	}
	if (!RT_GUARDS(B5, B7))
		snprintf(r.plain, sizeof r.plain, "%s", path + strspn(path, "/"));
	free(r.rest);
	if (status == 0)
		*ret = mem_strdup(r.plain);
	return status;
}
