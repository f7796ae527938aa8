/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/fs.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FS_DEPTH_OPEN 32      /* directories that are open at once while a tree is removed */
#define FS_PASSES_MAX 1000000 /* over one directory, in case somebody fills it while we empty it */

static uint64_t resolve_flags(enum fs_scope scope)
{
	switch (scope) {
	case FS_IN_ROOT:
		return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	case FS_BENEATH:
		return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	case FS_NO_SYMLINKS:
		break;
	}
	return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
}

/* A rename elsewhere in the tree makes the kernel give up with EAGAIN (openat2(2)); a bounded retry is its documented answer. */
static int open_in(int root, const char *path, int flags, mode_t mode, enum fs_scope scope)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	    .mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
	    .resolve = resolve_flags(scope),
	};

	for (int tries = 0; tries < 128; tries++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof how);

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int fs_open_in(int root, const char *path, int flags, mode_t mode, enum fs_scope scope, struct err *err)
{
	int fd = open_in(root, *path ? path : ".", flags, mode, scope);

	return fd < 0 ? err_sys(err, -fd, "open \"%s\"", path) : fd;
}

/* One component: opens it, making it first when it is missing. A link that dangles is an error, never a place to create. */
static int open_or_make(int root, int at, const char *whole, size_t upto, mode_t mode, enum fs_scope scope)
{
	mem_cleanup char *prefix = mem_strndup(whole, upto);
	const char *name = strrchr(prefix, '/');
	int fd = open_in(root, prefix, O_RDONLY | O_DIRECTORY, 0, scope);

	if (fd != -ENOENT)
		return fd;
	name = name ? name + 1 : prefix;
	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return open_in(root, prefix, O_RDONLY | O_DIRECTORY, 0, scope);
}

int fs_mkdirs_in(int root, const char *path, mode_t mode, enum fs_scope scope, struct err *err)
{
	fd_cleanup int at = open_in(root, ".", O_RDONLY | O_DIRECTORY, 0, scope);
	size_t end = 0;

	if (at < 0)
		return err_sys(err, -at, "open the directory for \"%s\"", path);
	while (path[end]) {
		int next;

		end += strspn(path + end, "/");
		if (!path[end])
			break;
		end += strcspn(path + end, "/");
		next = open_or_make(root, at, path, end, mode, scope);
		if (next < 0)
			return err_sys(err, -next, "make directory \"%.*s\"", (int)end, path);
		fd_closep(&at);
		at = next;
	}
	return fd_take(&at);
}

int fs_open_parent(int root, const char *path, enum fs_scope scope, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	mem_cleanup char *parent = mem_strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	int fd;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(err, EINVAL, "\"%s\" does not name a file", path);
	fd = fs_open_in(root, *parent ? parent : ".", O_RDONLY | O_DIRECTORY, 0, scope, err);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(path);
	int fd;

	for (char *p = copy + 1; *copy && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make directory \"%s\"", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make directory \"%s\"", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open directory \"%s\"", path) : fd;
}

static int write_tmp(int dir, const char *tmp, const void *data, size_t n, mode_t mode, bool sync)
{
	fd_cleanup int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, n);
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	return r;
}

int fs_no_room(int fd, uint64_t left, int r, struct err *err)
{
	char why[ERR_TEXT_MAX];
	struct statvfs room;
	uint64_t have;

	if (r != -ENOSPC || !err || fstatvfs(fd, &room) < 0)
		return r;
	have = (uint64_t)room.f_bavail * room.f_frsize;
	memcpy(why, err->text, sizeof why);
	if (left > have)
		return err_set(err, ENOSPC, "%s: at least %" PRIu64 " MiB are missing, %" PRIu64 " MiB are free", why,
			       (left - have + (1u << 20) - 1) >> 20, have >> 20);
	return err_set(err, ENOSPC, "%s: %" PRIu64 " MiB are free", why, have >> 20);
}

int fs_write_atomic(int dir, const char *name, const void *data, size_t n, mode_t mode, bool sync, struct err *err)
{
	char random[17], tmp[300];
	int r;

	random_hex(random, sizeof random - 1);
	snprintf(tmp, sizeof tmp, "%s.tmp-%s", name, random);
	r = write_tmp(dir, tmp, data, n, mode, sync);
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r == 0 && sync && fsync(dir) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(dir, tmp, 0);
	return err_sys(err, -r, "write \"%s\"", name);
}

int fs_read(int dir, const char *name, size_t limit, char **ret_data, size_t *ret_len, struct err *err)
{
	fd_cleanup int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat \"%s\"", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "\"%s\" is not a regular file", name);
	r = fd_read_all(fd, limit, ret_data, ret_len);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "\"%s\" is larger than %zu bytes", name, limit);
	return r < 0 ? err_sys(err, -r, "read \"%s\"", name) : 0;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Opens a directory to empty it: never through a link, never into another mount. */
static int open_dir_to_empty(int dir, const char *name)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

static int empty_dir(int top, int fd, int depth);

/* A directory that is nested too deep for the descriptors we allow ourselves goes to the top of the tree, whose next pass empties it. */
static int move_up(int top, int dir, const char *name)
{
	char random[17], moved[32];

	random_hex(random, sizeof random - 1);
	snprintf(moved, sizeof moved, ".removed-%s", random);
	return renameat(dir, name, top, moved) < 0 && errno != ENOENT ? -errno : 0;
}

/* Removes a directory that is not empty; top is the open directory at the top of the tree, -1 when this is it. */
static int remove_full_dir(int top, int dir, const char *name, int depth)
{
	fd_cleanup int fd = -1;
	int r;

	if (depth >= FS_DEPTH_OPEN)
		return move_up(top, dir, name);
	fd = open_dir_to_empty(dir, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	for (int pass = 0; pass < FS_PASSES_MAX; pass++) {
		r = empty_dir(top < 0 ? fd : top, fd, depth);
		if (r < 0)
			return r;
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		/* What was moved up, or what somebody else makes meanwhile */
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
	}
	return -ENOTEMPTY;
}

static int remove_at(int top, int dir, const char *name, int depth)
{
	int first;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	first = errno;
	if (first != EISDIR && first != EPERM)
		return -first;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return -first; /* a file that may not be removed */
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	return remove_full_dir(top, dir, name, depth);
}

/* One pass over the entries of the open directory. */
static int empty_dir(int top, int fd, int depth)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = own < 0 ? NULL : fdopendir(own);

	if (!d) {
		r = -errno;
		fd_closep(&own);
		return r;
	}
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (!is_dots(e->d_name))
			r = remove_at(top, fd, e->d_name, depth + 1);
	}
	closedir(d);
	return r;
}

int fs_remove_tree(int dir, const char *name, struct err *err)
{
	int r = remove_at(-1, dir, name, 0);

	return r < 0 ? err_sys(err, -r, "remove \"%s\"", name) : 0;
}

bool fs_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 255 || is_dots(name))
		return false;
	for (const char *p = name; *p; p++) {
		if (*p == '/' || (unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	}
	return true;
}
