/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/save_target.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int open_stdout(struct save_target *t, struct err *err)
{
	if (isatty(STDOUT_FILENO))
		return err_set(err, EINVAL, "standard output is a terminal; name a file, or pipe it on");
	t->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return t->fd < 0 ? err_sys(err, errno, "open standard output") : 0;
}

/* Calls remove for each name in the directory, where it is not NULL. The number of names. */
static size_t each_name(int dir, int (*remove)(int dir, const char *name, struct err *err))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!d) {
		fd_closep(&fd);
		return SIZE_MAX;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		if (remove)
			(void)remove(dir, e->d_name, NULL);
	}
	closedir(d);
	return n;
}

static int open_directory(struct save_target *t, struct err *err)
{
	t->fd = fs_mkdirs(t->path, 0755, err);
	t->was_empty = t->fd >= 0 && each_name(t->fd, NULL) == 0;
	return t->fd < 0 ? t->fd : 0;
}

int save_target_open(struct save_target *t, const char *path, bool dir, struct err *err)
{
	int r;

	*t = (struct save_target){.fd = -1, .file = OUTFILE_NULL, .path = path};
	if (!path || !strcmp(path, "-"))
		return open_stdout(t, err);
	if (dir)
		return open_directory(t, err);
	r = outfile_open(path, 0666, &t->file, err);
	t->fd = t->file.fd;
	return r;
}

int save_target_close(struct save_target *t, int r, struct err *err)
{
	if (r == 0 && t->file.fd >= 0)
		r = outfile_name(&t->file, err);
	if (r < 0 && t->was_empty)
		(void)each_name(t->fd, fs_remove_tree);
	if (t->file.fd < 0)
		fd_closep(&t->fd);
	outfile_close(&t->file);
	*t = (struct save_target)SAVE_TARGET_NULL;
	return r;
}
