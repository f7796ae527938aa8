/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/archive.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/image.h"
#include "node/image/tar_stream.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512

/* POSIX ustar: the sum of the bytes of a header with its own eight counted as blanks; all tars have it. */
static bool is_header(const unsigned char *p)
{
	unsigned long sum = 0, said;
	char text[9] = "";

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	memcpy(text, p + 148, 8);
	said = strtoul(text, NULL, 8);
	return said == sum;
}

enum archive_kind archive_look(int fd)
{
	unsigned char p[BLOCK] = {0};
	ssize_t n = pread(fd, p, sizeof p, 0);

	if (n > 0 && tar_stream_is_packed(p, (size_t)n))
		return ARCHIVE_PACKED;
	return n == BLOCK && is_header(p) ? ARCHIVE_TAR : ARCHIVE_NONE;
}

/* Whether the uncompressed bytes begin as a tar; in the worker, because they are decompressed for it. */
static int looks_like_tar(int fd, struct err *err)
{
	const struct tar_stream_limits limits = {.bytes = 1u << 20, .ratio = 10000};
	cleanup_with(tar_stream_freep) struct tar_stream *s = NULL;
	unsigned char block[BLOCK];
	size_t have = 0;

	int r = tar_stream_open(fd, &limits, &s, err);

	if (r < 0)
		return r == -ENOSYS ? r : 0;
	while (have < BLOCK) {
		const void *data;
		ssize_t n = tar_stream_next(s, &data);

		if (n <= 0)
			return 0;
		n = (size_t)n < BLOCK - have ? n : (ssize_t)(BLOCK - have);
		memcpy(block + have, data, (size_t)n);
		have += (size_t)n;
	}
	return is_header(block);
}

struct job {
	int fd, dir;
	bool more;
};

static int unpack_more(const struct job *j, const struct image_limits *limits, struct err *err)
{
	const struct image_into how = {.own = false};
	fd_cleanup int fs = fs_open_in(j->dir, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);

	return fs < 0 ? fs : image_unpack_into(j->fd, fs, limits, &how, err);
}

static int unpack(void *ctx, struct err *err)
{
	const struct image_limits limits = {.any_files = true};
	const struct job *j = ctx;
	struct image_unpacked found;
	int r;

	r = looks_like_tar(j->fd, err);
	if (r <= 0)
		return r < 0 ? r : ARCHIVE_OTHER;
	if (lseek(j->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read the archive again");
	r = j->more ? unpack_more(j, &limits, err) : image_unpack(j->fd, j->dir, &limits, &found, err);
	return r < 0 ? r : ARCHIVE_UNPACKED;
}

static int unpack_in_worker(struct job *j, struct err *err)
{
	int r;

	if (lseek(j->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read the archive");
	r = image_worker_run(j->dir, unpack, j, "unpacks the archive", err);
	return r > 0 ? ARCHIVE_UNPACKED : r;
}

int archive_unpack(int fd, int dir, struct err *err)
{
	struct job j = {.fd = fd, .dir = dir};

	return unpack_in_worker(&j, err);
}

int archive_unpack_more(int fd, int dir, struct err *err)
{
	struct job j = {.fd = fd, .dir = dir, .more = true};

	return unpack_in_worker(&j, err);
}
