/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/copyup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { DEPTH_MAX = 64, TARGET_MAX = 4096, CHUNK = 1 << 20, NAMES_MAX = 65536, VALUE_MAX = 65536 };

struct copy {
	int top;	  /* where everything goes */
	struct map links; /* "dev:ino" of files with several names -> the first of them, below the top */
};

/* Where we are, as a path below the top: the further names of a file need its first one. */
struct place {
	const struct place *above;
	const char *name;
};

static int copy_dir(struct copy *c, int from, int to, const struct place *place, int depth, struct err *err);

/* What overlay marks its own files with, and what a mount says of itself, is not the files'. */
static bool xattr_goes(const char *name)
{
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability") || !strncmp(name, "system.posix_acl_", 17);
}

/* A file system that cannot keep them goes without. */
static int copy_xattrs(int in, int out, struct err *err)
{
	mem_cleanup char *list = mem_zalloc(1, NAMES_MAX + 1), *value = NULL;
	ssize_t n = flistxattr(in, list, NAMES_MAX);

	for (const char *name = list; n > 0 && name < list + n; name += strlen(name) + 1) {
		ssize_t len;

		if (!xattr_goes(name))
			continue;
		value = value ? value : mem_zalloc(1, VALUE_MAX);
		len = fgetxattr(in, name, value, VALUE_MAX);
		if (len < 0 || (fsetxattr(out, name, value, (size_t)len, 0) < 0 && errno != ENOTSUP && errno != EPERM))
			return err_sys(err, errno, "copy the extended attribute \"%.200s\"", name);
	}
	return 0;
}

static int copy_link(int from, int to, const char *name, struct err *err)
{
	char target[TARGET_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof target - 1);

	if (n < 0)
		return err_sys(err, errno, "read the link \"%s\"", name);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? err_sys(err, errno, "make the link \"%s\"", name) : 0;
}

static int copy_bytes(int in, int out, const char *name, struct err *err)
{
	for (;;) {
		ssize_t n = sendfile(out, in, NULL, CHUNK);

		if (n == 0)
			return 0;
		if (n < 0)
			return err_sys(err, errno, "copy \"%s\"", name);
	}
}

static int copy_file(int from, int to, const char *name, struct err *err)
{
	fd_cleanup int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;
	struct stat st;
	int r;

	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EAGAIN, "\"%s\" changed while it was copied", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(err, errno, "make \"%s\"", name);
	r = copy_bytes(in, out, name, err);
	/* A change of owner takes a file's capabilities away. */
	if (r == 0 && fchown(out, st.st_uid, st.st_gid) < 0)
		r = err_sys(err, errno, "set the owner of \"%s\"", name);
	return r < 0 ? r : copy_xattrs(in, out, err);
}

static int copy_subdir(struct copy *c, int from, int to, const struct place *place, int depth, struct err *err)
{
	const char *name = place->name;
	fd_cleanup int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out = -1;
	int r;

	if (in < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(err, errno, "make \"%s\"", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	r = copy_dir(c, in, out, place, depth + 1, err);
	return r < 0 ? r : copy_xattrs(in, out, err);
}

/* ---- names of one file ---- */

static char *path_of(const struct place *p)
{
	mem_cleanup char *above = p->above ? path_of(p->above) : NULL;

	return above ? mem_printf("%s/%s", above, p->name) : mem_strdup(p->name);
}

/* 1 = it is another name of a file that was copied before, and is linked. */
static int copy_hard_link(struct copy *c, int to, const struct place *place, const struct stat *st, struct err *err)
{
	char key[48];
	const char *first;

	/* Nor of what is left out. */
	if (S_ISDIR(st->st_mode) || S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) || S_ISSOCK(st->st_mode) ||
	    st->st_nlink < 2)
		return 0;
	snprintf(key, sizeof key, "%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	first = map_get(&c->links, key);
	if (!first) {
		map_put(&c->links, key, path_of(place));
		return 0;
	}
	/* Nobody but us writes here: no part of the path is a link. */
	return linkat(c->top, first, to, place->name, 0) < 0 ? err_sys(err, errno, "link \"%s\"", place->name) : 1;
}

/* Owner first: a change of owner takes the setuid bit away. */
static int copy_traits(int to, const char *name, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "set the owner of \"%s\"", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return err_sys(err, errno, "set the mode of \"%s\"", name);
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "set the times of \"%s\"", name);
	return 0;
}

static int copy_entry(struct copy *c, int from, int to, const struct place *place, int depth, struct err *err)
{
	const char *name = place->name;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "stat \"%s\"", name);
	r = copy_hard_link(c, to, place, &st, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISDIR(st.st_mode))
		r = copy_subdir(c, from, to, place, depth, err);
	else if (S_ISREG(st.st_mode))
		r = copy_file(from, to, name, err);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from, to, name, err);
	else if (S_ISFIFO(st.st_mode))
		r = mknodat(to, name, S_IFIFO | 0600, 0) < 0 ? err_sys(err, errno, "make \"%s\"", name) : 0;
	else
		return 0; /* devices and sockets mean nothing in a copy */
	return r < 0 ? r : copy_traits(to, name, &st, err);
}

static int copy_dir(struct copy *c, int from, int to, const struct place *place, int depth, struct err *err)
{
	int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;

	if (!dir) {
		int code = errno;

		fd_closep(&own);
		return err_sys(err, code, "list a directory");
	}
	if (depth > DEPTH_MAX)
		r = err_set(err, E2BIG, "directories are nested deeper than %d", DEPTH_MAX);
	while (r == 0 && (e = readdir(dir))) {
		const struct place below = {.above = place, .name = e->d_name};

		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy_entry(c, from, to, &below, depth, err);
	}
	closedir(dir);
	return r;
}

static int copy_all(int from, int to, struct err *err)
{
	struct copy c = {.top = to, .links = MAP_INIT};
	int r = copy_dir(&c, from, to, NULL, 0, err);

	for (struct map_slot *s = NULL; (s = map_next(&c.links, s));)
		free(s->value);
	map_free(&c.links);
	return r;
}

int copyup(int from, int to_path, struct err *err)
{
	/* A mount's own descriptor is one of a path only. */
	fd_cleanup int to = openat(to_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (to < 0)
		return err_sys(err, errno, "open the new mount");
	r = copy_all(from, to, err);
	if (r < 0)
		return err_wrap(err, "copy what the image has there");
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "take over the owner and mode of the directory");
	return 0;
}
