/* SPDX-License-Identifier: Apache-2.0
 *
 * Both trees are of the image or empty, so names are taken one at a time from descriptors and no link is followed.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64, LINK_MAX = 4096, CHUNK = 1 << 20 };

static int copy_dir(int from, int to, int depth, struct err *err);

static int copy_link(int from, int to, const char *name, struct err *err)
{
	char target[LINK_MAX];
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

	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EAGAIN, "\"%s\" changed while it was copied", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return out < 0 ? err_sys(err, errno, "make \"%s\"", name) : copy_bytes(in, out, name, err);
}

static int copy_subdir(int from, int to, const char *name, int depth, struct err *err)
{
	fd_cleanup int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out = -1;

	if (in < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (mkdirat(to, name, 0700) < 0)
		return err_sys(err, errno, "make \"%s\"", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return out < 0 ? err_sys(err, errno, "open \"%s\"", name) : copy_dir(in, out, depth + 1, err);
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

static int copy_entry(int from, int to, const char *name, int depth, struct err *err)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "stat \"%s\"", name);
	if (S_ISDIR(st.st_mode))
		r = copy_subdir(from, to, name, depth, err);
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

static int copy_dir(int from, int to, int depth, struct err *err)
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
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy_entry(from, to, e->d_name, depth, err);
	}
	closedir(dir);
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
	r = copy_dir(from, to, 0, err);
	if (r < 0)
		return err_wrap(err, "copy what the image has there");
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "take over the owner and mode of the directory");
	return 0;
}
