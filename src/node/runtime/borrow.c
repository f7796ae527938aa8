/* SPDX-License-Identifier: Apache-2.0
 *
 * A mount of another container. Only a process in its mount namespace can copy it: one that shares our descriptors goes there. Below the root that
 * the container controls no link is followed.
 */
#include "node/runtime/rt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/proc.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct borrowed {
	int fd; /* or a negative errno */
	struct err err;
};

static int borrow(int pidfd, const char *path, struct err *err)
{
	fd_cleanup int root = -1, place = -1;
	int fd;

	/* Nobody in there can look into us. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setns(pidfd, CLONE_NEWNS) < 0)
		return err_sys(err, errno, "enter the container's mounts");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, errno, "open the container's root");
	place = fs_open_in(root, path, O_PATH, 0, FS_NO_SYMLINKS, err);
	if (place < 0)
		return place;
	fd = open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return fd < 0 ? err_sys(err, errno, "copy the mount of the container's /%s", path) : fd;
}

int rt_mount_of(const struct rt_box *box, const char *path, struct err *err)
{
	struct borrowed *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int r;

	if (b == MAP_FAILED)
		return err_sys(err, errno, "map a page");
	b->fd = -ECHILD;
	pid = proc_clone(CLONE_FILES | CLONE_CLEAR_SIGHAND, -1, NULL);
	if (pid == 0) {
		b->fd = borrow(box->pidfd, path, &b->err);
		_exit(0);
	}
	if (pid < 0)
		r = err_sys(err, -pid, "make a process to borrow a mount");
	else if (waitpid(pid, NULL, 0) < 0 || b->fd == -ECHILD)
		r = err_set(err, ECHILD, "the process that borrows a mount did not end well");
	else
		r = b->fd;
	if (err && b->err.code)
		*err = b->err;
	(void)munmap(b, sizeof *b);
	return r;
}
