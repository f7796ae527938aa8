/* SPDX-License-Identifier: Apache-2.0
 *
 * The payload's terminal comes from the container's own devpts, which is checked to be one, and both ends are taken by descriptor: a link put
 * in place of /dev/pts/0 or /dev/console leads nowhere (CVE-2025-52565).
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <termios.h>

static int open_master(int root, struct err *err)
{
	fd_cleanup int fd = fs_open_in(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, FS_NO_SYMLINKS, err);
	struct statfs fs;
	int unlock = 0;

	if (fd < 0)
		return err_wrap(err, "a terminal needs a devpts at /dev/pts");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(err, EPERM, "/dev/pts/ptmx is not in a devpts file system");
	if (ioctl(fd, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, errno, "unlock the terminal");
	return fd_take(&fd);
}

static int keep_newlines(int terminal, struct err *err)
{
	struct termios t;

	if (tcgetattr(terminal, &t) < 0)
		return err_sys(err, errno, "read the settings of the terminal");
	t.c_oflag &= ~(tcflag_t)ONLCR;
	return tcsetattr(terminal, TCSANOW, &t) < 0 ? err_sys(err, errno, "change the settings of the terminal") : 0;
}

int terminal_make(int root, const struct rt_process_attr *p, uid_t owner, int talk, struct err *err)
{
	const struct winsize size = {.ws_row = p->rows, .ws_col = p->cols};
	fd_cleanup int master = open_master(root, err), slave = -1;
	int r;

	if (master < 0)
		return master;
	if (p->rows && p->cols && ioctl(master, TIOCSWINSZ, &size) < 0)
		return err_sys(err, errno, "set the size of the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(err, errno, "open the payload's end of the terminal");
	/* In a user namespace without this id nothing can be done, and root of the namespace may use it anyway. */
	if (fchown(slave, owner, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(err, errno, "give the terminal to the user %u", owner);
	r = p->plain_newlines ? keep_newlines(slave, err) : 0;
	if (r == 0)
		r = setup_tell(talk, SETUP_TERMINAL, master, err);
	return r < 0 ? r : fd_take(&slave);
}

int terminal_bind_console(int root, int terminal, struct err *err)
{
	fd_cleanup int dev = fs_open_in(root, "dev", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	fd_cleanup int copy = -1, file = -1;

	if (dev < 0)
		return dev;
	file = openat(dev, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0 && errno != EEXIST)
		return err_sys(err, errno, "make the file /dev/console");
	copy = open_tree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (copy < 0)
		return err_sys(err, errno, "copy the mount of the terminal");
	if (!RT_GUARD(R4)) {
		close(file);
		file = guard_naive_open(root, "dev/console", O_PATH);
		return mount_put(copy, file, "", err);
	}
	return mount_put(copy, dev, "console", err);
}

int terminal_connect(int terminal, struct err *err)
{
	if (ioctl(terminal, TIOCSCTTY, 0) < 0)
		return err_sys(err, errno, "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(terminal, fd) < 0)
			return err_sys(err, errno, "set up the standard descriptors");
	}
	return 0;
}
