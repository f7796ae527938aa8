/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/save_target.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"

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

static int open_directory(struct save_target *t, struct err *err)
{
	t->fd = fs_mkdirs(t->path, 0755, err);
	return t->fd < 0 ? t->fd : 0;
}

int save_target_open(struct save_target *t, const char *path, bool dir, struct err *err)
{
	char random[9];
	struct stat st;

	*t = (struct save_target){.fd = -1, .path = path};
	if (!path || !strcmp(path, "-"))
		return open_stdout(t, err);
	if (dir)
		return open_directory(t, err);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		t->fd = open(path, O_WRONLY | O_CLOEXEC);
		return t->fd < 0 ? err_sys(err, errno, "open \"%s\"", path) : 0;
	}
	random_hex(random, sizeof random - 1);
	t->tmp = mem_printf("%s.tmp-%s", path, random);
	t->fd = open(t->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return t->fd < 0 ? err_sys(err, errno, "make \"%s\"", t->tmp) : 0;
}

int save_target_close(struct save_target *t, int r, struct err *err)
{
	if (t->tmp && t->fd >= 0) {
		if (r == 0 && rename(t->tmp, t->path) < 0)
			r = err_sys(err, errno, "rename \"%s\" to \"%s\"", t->tmp, t->path);
		if (r < 0)
			(void)unlink(t->tmp);
	}
	fd_closep(&t->fd);
	free(t->tmp);
	t->tmp = NULL;
	return r;
}
