/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/local_tar.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/tar_write.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PIECE (64u << 10)

static int put(int fd, const void *data, size_t n, struct err *err)
{
	int r = fd_write_all(fd, data, n);

	return r < 0 ? err_sys(err, -r, "write the archive") : 0;
}

static int put_zeros(int fd, uint64_t n, struct err *err)
{
	int r = 0;

	while (r == 0 && n > 0) {
		size_t part = n < sizeof tar_zeros ? (size_t)n : sizeof tar_zeros;

		r = put(fd, tar_zeros, part, err);
		n -= part;
	}
	return r;
}

/* Exactly `size` bytes, and the padding. */
static int put_content(int from, const char *path, uint64_t size, int fd, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	uint64_t left = size;
	int r = 0;

	while (r == 0 && left > 0) {
		ssize_t n = read(from, data, left < PIECE ? (size_t)left : PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read \"%s\"", path);
		if (n == 0)
			break;
		r = put(fd, data, (size_t)n, err);
		left -= (uint64_t)n;
	}
	return r < 0 ? r : put_zeros(fd, left + tar_padding(size), err);
}

static int put_header(const struct local_tar *t, struct tar_entry *e, const struct stat *st, int fd, struct err *err)
{
	struct buf head buf_cleanup = BUF_INIT;
	int r;

	e->mode = st->st_mode;
	e->uid = t->owners ? st->st_uid : 0;
	e->gid = t->owners ? st->st_gid : 0;
	e->mtime_s = st->st_mtim.tv_sec;
	e->mtime_ns = st->st_mtim.tv_nsec;
	e->major = major(st->st_rdev);
	e->minor = minor(st->st_rdev);
	r = tar_write_header(&head, e, err);
	return r < 0 ? r : put(fd, head.data, head.len, err);
}

static int put_file(const struct local_tar *t, struct tar_entry *e, const char *path, int fd, struct err *err)
{
	fd_cleanup int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int r;

	if (from < 0 && errno == ENOENT)
		return 0;
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, errno, "read \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return 0;
	e->size = (uint64_t)st.st_size;
	r = put_header(t, e, &st, fd, err);
	return r < 0 ? r : put_content(from, path, e->size, fd, err);
}

static int put_entry(const struct local_tar *t, const char *name, const FTSENT *f, int fd, struct err *err)
{
	struct tar_entry e = {.name = name};
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISREG(f->fts_statp->st_mode))
		return put_file(t, &e, f->fts_accpath, fd, err);
	if (S_ISSOCK(f->fts_statp->st_mode))
		return 0;
	if (S_ISLNK(f->fts_statp->st_mode)) {
		n = readlink(f->fts_accpath, target, sizeof target - 1);
		if (n < 0)
			return errno == ENOENT ? 0 : err_sys(err, errno, "read the link \"%s\"", f->fts_path);
		target[n] = '\0';
		e.target = target;
	}
	return put_header(t, &e, f->fts_statp, fd, err);
}

/* The name in the tar: `as` in the place of the path's beginning. NULL: the top that has no entry. */
static char *name_of(const struct local_tar *t, const FTSENT *f, size_t top)
{
	const char *below = f->fts_path + top;

	below += strspn(below, "/");
	if (f->fts_level == 0)
		return *t->as ? mem_strdup(t->as) : NULL;
	return mem_printf("%s%s%s", t->as, *t->as ? "/" : "", below);
}

static int put_all(const struct local_tar *t, FTS *walk, int fd, struct err *err)
{
	size_t top = strlen(t->path);
	FTSENT *f;
	int r = 0;

	while (r == 0 && (errno = 0, f = fts_read(walk))) {
		mem_cleanup char *name = name_of(t, f, top);

		if (f->fts_info == FTS_DP)
			continue;
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || (f->fts_info == FTS_NS && f->fts_level == 0))
			return err_sys(err, f->fts_errno, "read \"%s\"", f->fts_path);
		if (name && f->fts_info != FTS_NS)
			r = put_entry(t, name, f, fd, err);
	}
	if (r == 0 && errno)
		return err_sys(err, errno, "read \"%s\"", t->path);
	return r < 0 ? r : put(fd, tar_zeros, sizeof tar_zeros, err);
}

int local_tar_write(const struct local_tar *t, int fd, struct err *err)
{
	mem_cleanup char *path = mem_strdup(t->path);
	char *paths[] = {path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | (t->follow ? FTS_COMFOLLOW : 0), NULL);
	int r;

	if (!walk)
		return err_sys(err, errno, "read \"%s\"", t->path);
	r = put_all(t, walk, fd, err);
	fts_close(walk);
	return r;
}
