/* SPDX-License-Identifier: Apache-2.0
 *
 * An image as one file. Linux 6.12 mounts an EROFS file itself; an older kernel, or one for which file systems are stacked too high already,
 * needs a loop device, which the kernel takes away with the mount (autoclear).
 */
#include "node/runtime/mount_api.h"
#include "node/runtime/rt.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum { LOOP_TRIES = 64 };

static int mount_source(const char *source, struct err *err)
{
	const struct mount_option options[] = {{"source", source}, {"ro", NULL}, {NULL, NULL}};

	return mount_new("erofs", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, err);
}

/* Who asks for a free one may find it taken a moment later. */
static int attach(int control, int file, char path[static 32], struct err *err)
{
	const struct loop_config config = {.fd = (unsigned)file,
					   .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR}};

	for (int i = 0; i < LOOP_TRIES; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		fd_cleanup int loop = -1;

		if (n < 0)
			return err_sys(err, errno, "find a free loop device");
		snprintf(path, 32, "/dev/loop%d", n);
		loop = open(path, O_RDONLY | O_CLOEXEC);
		if (loop < 0)
			return err_sys(err, errno, "open %s", path);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return fd_take(&loop);
		if (errno != EBUSY)
			return err_sys(err, errno, "give %s a file", path);
	}
	return err_set(err, EBUSY, "no loop device stays free for long enough");
}

static int mount_loop(int file, struct err *err)
{
	fd_cleanup int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
	char path[32];

	if (control < 0)
		return err_sys(err, errno, "open /dev/loop-control");
	loop = attach(control, file, path, err);
	return loop < 0 ? loop : mount_source(path, err);
}

int rt_erofs(int file_fd, struct err *err)
{
	struct err first = ERR_INIT, second = ERR_INIT;
	char source[32];
	int fd;

	snprintf(source, sizeof source, "/proc/self/fd/%d", file_fd);
	fd = mount_source(source, &first);
	if (fd == -ENODEV)
		return err_set(err, ENODEV,
			       "this kernel cannot mount EROFS files (it is built without CONFIG_EROFS_FS)");
	if (fd == -EPERM)
		return err_set(err, EPERM, "only the machine's root may mount an EROFS file");
	if (fd < 0)
		fd = mount_loop(file_fd, &second);
	return fd < 0
		   ? err_set(err, -fd, "mount the EROFS file: %s; through a loop device: %s", first.text, second.text)
		   : fd;
}
