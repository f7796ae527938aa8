/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/self_exe.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/self_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SELF "/proc/self/exe"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MFD_RUN                                                                                                        \
	0x0010U /* MFD_EXEC: the copy is meant to be run; kernels before 6.3 do not know it and need not be told */

/* After a process entered another mount namespace, /proc/self/exe still is the file of the old one, whose mounts cannot be copied here: the
 * file of the same name is taken if it is the same file. */
static int open_here(int self)
{
	char path[4096];
	ssize_t n = readlink(SELF, path, sizeof path - 1);
	fd_cleanup int fd = -1;
	struct stat a, b;

	if (n <= 0)
		return -1;
	path[n] = '\0';
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(self, &a) < 0 || fstat(fd, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return -1;
	return open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int self_exe_open(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	fd_cleanup int fd = open(SELF, O_PATH | O_CLOEXEC);
	fd_cleanup int tree = -1;
	int code;

	if (fd < 0)
		return -errno;
	tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 && (code = errno) == EINVAL) {
		tree = open_here(fd);
		errno = code;
	}
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return -errno;
	return fd_take(&tree);
}

/* On a read-only mount, or the sealed copy. */
static int is_guarded(int fd)
{
	struct statvfs st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0 && (seals & SEALS) == SEALS)
		return 1;
	if (fstatvfs(fd, &st) < 0)
		return -errno;
	return (st.f_flag & ST_RDONLY) != 0;
}

static int fill(int copy, int from, off_t size)
{
	off_t done = 0;

	while (done < size) {
		ssize_t n = sendfile(copy, from, &done, (size_t)(size - done));

		if (n == 0)
			return -EIO;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return fcntl(copy, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

static int sealed_copy(int from)
{
	fd_cleanup int copy = memfd_create("berth", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_RUN);
	struct stat st;
	int r;

	if (copy < 0 && errno == EINVAL)
		copy = memfd_create("berth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0 || fstat(from, &st) < 0 || fchmod(copy, 0500) < 0)
		return -errno;
	r = fill(copy, from, st.st_size);
	return r < 0 ? r : fd_take(&copy);
}

int self_exe_guard(char *const *argv, char *const *env, struct err *err)
{
	fd_cleanup int fd = open(SELF, O_RDONLY | O_CLOEXEC);
	fd_cleanup int safe = -1;
	int r = fd < 0 ? -errno : is_guarded(fd);

	if (r < 0)
		return err_sys(err, -r, "open " SELF);
	if (r > 0)
		return 0;
	safe = self_exe_open();
	if (safe >= 0 && self_pages_move(safe) == 0)
		return 0;
	if (safe < 0)
		safe = sealed_copy(fd);
	if (safe < 0)
		return err_sys(err, -safe, "make a read-only copy of the program");
	execveat(safe, "", argv, env, AT_EMPTY_PATH);
	return err_sys(err, errno, "run the read-only copy of the program");
}
