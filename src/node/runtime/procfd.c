/* SPDX-License-Identifier: Apache-2.0
 *
 * A mount over /proc (a volume of the image, a race on a shared mount) must not catch a write that is meant for the kernel: labels, sysctls.
 * The proc used here is a new mount attached to nothing. Where that is not allowed (the pid namespace belongs to somebody else) it is the
 * host's /proc, which is checked to be one.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

static int check_proc(int fd, const char *what, struct err *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, errno, "stat %s", what);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, EPERM, "%s is not in a proc file system", what);
	return 0;
}

int procfd_open(struct err *err)
{
	struct err private = ERR_INIT;
	fd_cleanup int fd = mount_new("proc", NULL, 0, &private);
	int r;

	if (fd >= 0)
		return fd_take(&fd);
	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open /proc (%s)", private.text);
	r = check_proc(fd, "/proc", err);
	return r < 0 ? r : fd_take(&fd);
}

int procfd_write(int proc, const char *path, const char *text, struct err *err)
{
	fd_cleanup int fd = fs_open_in(proc, path, O_WRONLY | O_NOCTTY, 0, FS_BENEATH, err);
	int r;

	if (fd < 0)
		return err_wrap(err, "/proc");
	r = check_proc(fd, path, err);
	if (r < 0)
		return r;
	return write(fd, text, strlen(text)) < 0 ? err_sys(err, errno, "write \"%s\" to /proc/%s", text, path) : 0;
}
