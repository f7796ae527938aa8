/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/outfile.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 16

static const char *name_of(const struct outfile *o)
{
	const char *slash = strrchr(o->path, '/');

	return slash ? slash + 1 : o->path;
}

static char *tmp_name(const struct outfile *o)
{
	char random[9];

	random_hex(random, sizeof random - 1);
	/* A name of 255 bytes has no room for more. */
	return mem_printf("%.200s.tmp-%s", name_of(o), random);
}

static int open_dir(struct outfile *o, struct err *err)
{
	size_t n = (size_t)(name_of(o) - o->path);
	mem_cleanup char *dir = n > 0 ? mem_strndup(o->path, n) : mem_strdup(".");

	if (!*name_of(o))
		return err_set(err, EISDIR, "\"%s\" is not the name of a file", o->path);
	o->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->dir < 0 ? err_sys(err, errno, "open the directory \"%s\"", dir) : 0;
}

/* /dev/stdout, whatever it leads to. */
static bool is_stdout(const char *path)
{
	struct stat there, out;

	return stat(path, &there) == 0 && fstat(STDOUT_FILENO, &out) == 0 && there.st_dev == out.st_dev &&
	       there.st_ino == out.st_ino;
}

/* What root writes to /dev/null must not take its place. A link is no such thing: others may have put it there. */
static bool is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode);
}

/* -1: to be made anew. */
static int open_as_it_is(const char *path)
{
	if (is_stdout(path))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return is_special(path) ? open(path, O_WRONLY | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

int outfile_open(const char *path, mode_t mode, struct outfile *ret, struct err *err)
{
	struct outfile o = {.fd = open_as_it_is(path), .dir = -1, .path = mem_strdup(path)};
	int r;

	if (o.fd >= 0) {
		*ret = o;
		return 0;
	}
	r = open_dir(&o, err);
	if (r == 0)
		o.fd = openat(o.dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (r == 0 && o.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		o.tmp = tmp_name(&o);
		o.fd = openat(o.dir, o.tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	}
	if (r == 0 && o.fd < 0) {
		r = err_sys(err, errno, "make \"%s\"", path);
		free(mem_take(o.tmp));
	}
	if (r < 0)
		outfile_close(&o);
	else
		*ret = o;
	return r;
}

/* A link cannot replace a file: what has no name gets one beside it first. */
static int give_tmp_name(struct outfile *o, struct err *err)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", o->fd);
	for (int i = 0; i < TRIES; i++) {
		mem_cleanup char *name = tmp_name(o);

		if (linkat(AT_FDCWD, self, o->dir, name, AT_SYMLINK_FOLLOW) == 0) {
			o->tmp = mem_take(name);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, errno, "give \"%s\" its name", o->path);
}

int outfile_name(struct outfile *o, struct err *err)
{
	int r = 0;

	if (o->dir < 0)
		return 0;
	if (!o->tmp)
		r = give_tmp_name(o, err);
	if (r == 0 && renameat(o->dir, o->tmp, o->dir, name_of(o)) < 0)
		r = err_sys(err, errno, "give \"%s\" its name", o->path);
	if (r == 0)
		free(mem_take(o->tmp));
	return r;
}

void outfile_close(struct outfile *o)
{
	if (o->tmp)
		(void)unlinkat(o->dir, o->tmp, 0);
	free(o->tmp);
	free(o->path);
	fd_closep(&o->fd);
	fd_closep(&o->dir);
	*o = (struct outfile)OUTFILE_NULL;
}
