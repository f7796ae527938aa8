/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/copy_data.h"

#include "base/core/fd.h"
#include "base/core/mem.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#define PIECE (256u << 10)

/* From `at` to `end`, by hand. */
static int by_hand(int from, int to, off_t at, off_t end, char *buffer)
{
	while (at < end) {
		size_t want = (size_t)(end - at) < PIECE ? (size_t)(end - at) : PIECE;
		ssize_t n = pread(from, buffer, want, at), w = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0; done < n; done += w) {
			w = pwrite(to, buffer + done, (size_t)(n - done), at + done);
			if (w < 0 && errno != EINTR)
				return -errno;
			w = w < 0 ? 0 : w;
		}
		at += n;
	}
	return 0;
}

/* In the kernel; -EXDEV when it does not want to. */
static int by_kernel(int from, int to, off_t at, off_t end)
{
	off_t in = at, out = at;

	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT || errno == EIO ? -errno : -EXDEV;
		if (n == 0)
			return in == at ? -EXDEV : 0; /* some file systems say 0 for what they cannot do */
	}
	return 0;
}

int copy_data(int from, int to, uint64_t size)
{
	mem_cleanup char *buffer = NULL;
	off_t end = (off_t)size, at = 0;
	bool kernel = true;
	int r = 0;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	while (r == 0 && at < end) {
		off_t data = lseek(from, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		data = data < 0 ? at : data;
		hole = lseek(from, data, SEEK_HOLE);
		hole = hole < 0 || hole > end ? end : hole;
		r = kernel ? by_kernel(from, to, data, hole) : -EXDEV;
		if (r == -EXDEV) {
			kernel = false;
			buffer = buffer ? buffer : mem_zalloc(1, PIECE);
			r = by_hand(from, to, data, hole, buffer);
		}
		at = hole;
	}
	return r == 0 && ftruncate(to, end) < 0 ? -errno : r;
}
