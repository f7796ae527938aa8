/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths of users in roots of containers. Whatever reads or writes there has confined itself to that root first (image_worker_confine()), so that a
 * mistake in what follows would not lead out either.
 */
#include "node/engine/archive.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "node/engine/tarball.h"
#include "node/image/image.h"
#include "node/runtime/caps.h"
#include "node/runtime/user.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LONGEST 4095
#define LINKS_MAX 255
#define ENTRIES_MAX 1000000u

/* ---- paths ---- */

struct where {
	char *path; /* below the root, no "/" around it, no ".."; "" = the root */
	const char *last;
	bool dot, follow; /* it ends in "/."; in "/" or "/." */
};

static void where_free(struct where *w)
{
	free(w->path);
}

/* Adds one part to a path that has `*len` bytes; ".." takes the last one away. */
static void add_part(char *path, size_t *len, const char *part, size_t n)
{
	if (n == 0 || (n == 1 && *part == '.'))
		return;
	if (n == 2 && !strncmp(part, "..", 2)) {
		while (*len > 0 && path[--*len] != '/')
			;
		path[*len] = '\0';
		return;
	}
	if (*len > 0)
		path[(*len)++] = '/';
	memcpy(path + *len, part, n);
	*len += n;
	path[*len] = '\0';
}

static char *clean(const char *path)
{
	char *out = mem_zalloc(1, strlen(path) + 2);
	size_t len = 0;

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		add_part(out, &len, path, n);
		path += n;
	}
	return out;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static int parse(const char *path, struct where *ret, struct err *err)
{
	const char *slash;

	if (!*path || strlen(path) > PATH_LONGEST)
		return err_set(err, EINVAL, "path: 1 to %d bytes are needed", PATH_LONGEST);
	*ret = (struct where){.path = clean(path)};
	ret->dot = ends_in(path, "/.") || !strcmp(path, ".");
	ret->follow = ret->dot || ends_in(path, "/") || !*ret->path;
	slash = strrchr(ret->path, '/');
	ret->last = slash ? slash + 1 : ret->path;
	return 0;
}

static int open_in(const struct files *f, const char *path, int flags, struct err *err)
{
	int fd;

	if (RT_GUARD(A4))
		return fs_open_in(f->root, *path ? path : ".", flags, 0, FS_IN_ROOT, err);
	fd = guard_naive_open(f->root, path, flags);
	return fd < 0 ? err_sys(err, -fd, "open \"%s\"", path) : fd;
}

/* The directory that holds the last part, which is not followed; of the root, and of a path that is to be followed, the thing itself and ".". */
static int open_place(const struct files *f, const struct where *w, const char **ret_name, struct err *err)
{
	mem_cleanup char *parent = mem_strndup(w->path, (size_t)(w->last - w->path));

	*ret_name = w->follow ? "." : w->last;
	return open_in(f, w->follow ? w->path : parent, O_PATH | O_DIRECTORY, err);
}

/* ---- where a link leads ---- */

struct walk {
	char *done; /* has no links */
	size_t len;
	char *rest;
	unsigned n_links;
};

static void take_link(struct walk *w, const char *target, const char *rest)
{
	char *next = mem_printf("%s/%s", target, rest);

	if (*target == '/') {
		w->len = 0;
		*w->done = '\0';
	}
	free(w->rest);
	w->rest = next;
}

/* 0, or -ENOENT at the first part that is not there, which is no link then. */
static int step(const struct files *f, struct walk *w, struct err *err)
{
	char *part = w->rest + strspn(w->rest, "/"), target[PATH_LONGEST + 1];
	size_t n = strcspn(part, "/");
	mem_cleanup char *name = mem_strndup(part, n), *rest = mem_strdup(part + n), *path = NULL;
	fd_cleanup int dir = -1;
	ssize_t len = -1;

	if (w->len + n + 2 > PATH_LONGEST)
		return err_set(err, ENAMETOOLONG, "the path is longer than %d bytes", PATH_LONGEST);
	path = mem_strdup(w->done);
	if (fs_name_ok(name))
		dir = open_in(f, path, O_PATH | O_DIRECTORY, NULL);
	if (dir >= 0)
		len = readlinkat(dir, name, target, sizeof target - 1);
	if (len < 0) {
		add_part(w->done, &w->len, name, n);
		free(w->rest);
		w->rest = mem_take(rest);
		return 0;
	}
	if (++w->n_links > LINKS_MAX)
		return err_set(err, ELOOP, "too many links");
	target[len] = '\0';
	take_link(w, target, rest);
	return strlen(w->rest) > 2 * PATH_LONGEST ? err_set(err, ENAMETOOLONG, "too many links") : 0;
}

static int resolve(const struct files *f, const char *path, char **ret, struct err *err)
{
	struct walk w = {.done = mem_zalloc(1, PATH_LONGEST + 2), .rest = mem_strdup(path)};
	int r = 0;

	while (r == 0 && w.rest[strspn(w.rest, "/")])
		r = step(f, &w, err);
	if (r == 0)
		*ret = mem_printf("/%s", w.done);
	free(w.done);
	free(w.rest);
	return r;
}

/* ---- stat ---- */

void archive_stat_free(struct archive_stat *s)
{
	free(s->name);
	free(s->target);
}

static int stat_at(const struct files *f, const struct where *w, struct archive_stat *ret, struct err *err)
{
	const char *name;
	fd_cleanup int dir = open_place(f, w, &name, err);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at \"%s\"", w->path);
	*ret = (struct archive_stat){.size = st.st_size, .mode = st.st_mode, .mtime = st.st_mtim};
	if (S_ISLNK(st.st_mode)) {
		int r = resolve(f, w->path, &ret->target, err);

		if (r < 0)
			return r;
	}
	ret->name = mem_strdup(w->dot ? "." : *w->last ? w->last : "/");
	return 0;
}

int archive_stat(const struct files *f, const char *path, struct archive_stat *ret, struct err *err)
{
	struct where w cleanup_with(where_free) = {.path = NULL};
	int r = parse(path, &w, err);

	return r < 0 ? r : stat_at(f, &w, ret, err);
}

/* ---- the confined part ---- */

struct job {
	const struct files *f;
	const char *path;
	const struct archive_put *put; /* NULL = get */
	int fd;
};

static int confined(const struct files *f, child_fn *fn, struct job *j, struct err *err)
{
	return RT_GUARD(A4) ? image_worker_run(f->root, fn, j, "copies files", err) : fn(j, err);
}

static int get(void *ctx, struct err *err)
{
	const struct job *j = ctx;
	struct where w cleanup_with(where_free) = {.path = NULL};
	struct sink_fd out;
	struct sink to = sink_to_plain(&out);
	struct tarball t = {.shift = j->f->shift};
	fd_cleanup int dir = -1;
	int r = parse(j->path, &w, err);

	if (r < 0)
		return r;
	dir = open_place(j->f, &w, &t.name, err);
	if (dir < 0)
		return dir;
	t.parent = dir;
	t.as = w.dot ? "." : w.last;
	sink_fd_init(&out, j->fd, "the archive");
	return tarball_write(&t, &to, err);
}

int archive_get(const struct files *f, const char *path, int out, struct err *err)
{
	struct job j = {.f = f, .path = path, .fd = out};

	return confined(f, get, &j, err);
}

static int find_user(const struct job *j, struct image_into *into, struct err *err)
{
	struct user *user = mem_new(struct user);
	int r = user_find_in(j->f->root, j->put->user, user, err);

	into->own = r == 0;
	into->uid = user->uid;
	into->gid = user->gid;
	free(user);
	return r;
}

static int put(void *ctx, struct err *err)
{
	const struct job *j = ctx;
	const struct image_limits limits = {.files = ENTRIES_MAX};
	struct image_into into = {.no_overwrite = j->put->no_overwrite_dir_non_dir, .shift = j->f->shift};
	struct where w cleanup_with(where_free) = {.path = NULL};
	fd_cleanup int dir = -1;
	int r = parse(j->path, &w, err);

	if (r == 0 && j->f->shift)
		r = caps_files_as(j->f->shift, err);
	if (r == 0 && j->put->user)
		r = find_user(j, &into, err);
	if (r < 0)
		return r;
	dir = open_in(j->f, w.path, O_RDONLY | O_DIRECTORY, err);
	if (dir == -ENOTDIR)
		return err_set(err, EINVAL, "extraction point is not a directory");
	if (dir < 0)
		return dir;
	r = image_unpack_into(j->fd, dir, &limits, &into, err);
	return r == -EROFS ? err_set(err, EROFS, "container rootfs is marked read-only") : r;
}

int archive_put(const struct files *f, const char *path, const struct archive_put *o, int in, struct err *err)
{
	struct job j = {.f = f, .path = path, .put = o, .fd = in};

	return confined(f, put, &j, err);
}
