/* SPDX-License-Identifier: Apache-2.0 */
#include "node/data/file.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/data/walk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define CHUNK_MAX (1u << 30)
#define BUFFER_SIZE (128u << 10)
#define TMP_NAME_MAX 32
#define TARGET_MAX 4096

static void tmp_name(char name[static TMP_NAME_MAX])
{
	char random[17];

	random_hex(random, sizeof random - 1);
	snprintf(name, TMP_NAME_MAX, WALK_TMP_PREFIX "%s", random);
}

static int copy_by_hand(int in, int out, off_t at, size_t n)
{
	mem_cleanup char *data = mem_zalloc(1, BUFFER_SIZE);
	ssize_t r = pread(in, data, n < BUFFER_SIZE ? n : BUFFER_SIZE, at);

	if (r <= 0)
		return r < 0 ? -errno : 0;
	for (ssize_t done = 0; done < r;) {
		ssize_t w = pwrite(out, data + done, (size_t)(r - done), at + done);

		if (w < 0 && errno != EINTR)
			return -errno;
		done += w > 0 ? w : 0;
	}
	return (int)r;
}

/* Copies [at, end) to the same place; stops early, without an error, where the file ends. */
static int copy_range(int in, int out, off_t at, off_t end)
{
	bool by_hand = false;

	while (at < end) {
		size_t n = end - at > CHUNK_MAX ? CHUNK_MAX : (size_t)(end - at);
		loff_t from = at, to = at;
		ssize_t r = by_hand ? copy_by_hand(in, out, at, n) : copy_file_range(in, &from, out, &to, n, 0);

		if (!by_hand)
			r = r < 0 ? -errno : r;
		if (r == -EINTR)
			continue;
		if (!by_hand && (r == -EXDEV || r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP || r == 0)) {
			by_hand = true; /* 0: some file systems without a real size (procfs) say so */
			continue;
		}
		if (r <= 0)
			return (int)r;
		at += r;
	}
	return 0;
}

/* The parts that hold data; holes are left out. */
static int copy_data(int in, int out, off_t size)
{
	off_t at = 0;
	int r = 0;

	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	while (r == 0 && at < size) {
		off_t data = lseek(in, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0) /* not known here: all of it */
			return copy_range(in, out, at, size);
		hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		r = copy_range(in, out, data, hole);
		at = hole > at ? hole : size;
	}
	return r;
}

static int finish(int in, int out, const struct stat *st, const struct data_owner *owner, uint64_t *ret_bytes)
{
	struct stat now;

	/* A file that was cut while it was copied is copied as it is now; one that grew, as it was. */
	if (fstat(in, &now) < 0 || ftruncate(out, now.st_size < st->st_size ? now.st_size : st->st_size) < 0)
		return -errno;
	if (owner && fchown(out, owner->uid, owner->gid) < 0)
		return -errno;
	if (fchmod(out, st->st_mode & 0777) < 0)
		return -errno;
	*ret_bytes = (uint64_t)(now.st_size < st->st_size ? now.st_size : st->st_size);
	return 0;
}

static int copy_to_tmp(int in, int to, const char *tmp, const struct stat *st, const struct data_owner *owner,
		       uint64_t *ret_bytes)
{
	fd_cleanup int out = openat(to, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (out < 0)
		return -errno;
	r = copy_data(in, out, st->st_size);
	return r < 0 ? r : finish(in, out, st, owner, ret_bytes);
}

/* What was a regular file a moment ago may be a FIFO now: O_NONBLOCK and a second look. */
static int open_source(int from, const char *name, const struct stat *seen, const char *path, struct stat *ret_st,
		       struct err *err)
{
	fd_cleanup int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (in < 0)
		return err_sys(err, errno, "open \"%s\"", path);
	if (fstat(in, ret_st) < 0)
		return err_sys(err, errno, "look at \"%s\"", path);
	if (!S_ISREG(ret_st->st_mode) || ret_st->st_dev != seen->st_dev || ret_st->st_ino != seen->st_ino)
		return err_set(err, ESTALE, "\"%s\" changed while it was copied", path);
	return fd_take(&in);
}

int file_copy(int from, const char *name, const struct stat *seen, int to, const struct data_owner *owner,
	      const char *path, uint64_t *ret_bytes, struct err *err)
{
	fd_cleanup int in = -1;
	char tmp[TMP_NAME_MAX];
	struct stat st;
	int r;

	in = open_source(from, name, seen, path, &st, err);
	if (in < 0)
		return in;
	tmp_name(tmp);
	r = copy_to_tmp(in, to, tmp, &st, owner, ret_bytes);
	if (r == 0 && renameat(to, tmp, to, name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(to, tmp, 0);
	return err_sys(err, -r, "copy \"%s\" (%lld bytes)", path, (long long)st.st_size);
}

/* True when a link `depth` directories below the top cannot lead above it: its directory is a real one, so leading ".." count exactly;
 * behind a name they would not, because that name may be a link itself. */
static bool stays_inside(const char *target, size_t depth)
{
	size_t up = 0;
	bool named = false;

	if (*target == '/')
		return false;
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && !strncmp(target, "..", 2)) {
			if (named || ++up > depth)
				return false;
		} else if (n > 0 && !(n == 1 && *target == '.')) {
			named = true;
		}
		target += n;
		target += strspn(target, "/");
	}
	return true;
}

int file_copy_link(int from, const char *name, size_t depth, int to, const struct data_owner *owner, const char *path,
		   struct err *err)
{
	char target[TARGET_MAX + 1], tmp[TMP_NAME_MAX];
	ssize_t n = readlinkat(from, name, target, TARGET_MAX);
	int r = 0;

	if (n < 0)
		return err_sys(err, errno, "read the link \"%s\"", path);
	target[n] = '\0';
	if (n == TARGET_MAX || !stays_inside(target, depth))
		return err_set(err, EXDEV,
			       "the link \"%s\" leads to \"%.200s\", outside of the directory that is copied", path,
			       target);
	tmp_name(tmp);
	if (symlinkat(target, to, tmp) < 0)
		return err_sys(err, errno, "copy the link \"%s\"", path);
	if (owner && fchownat(to, tmp, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == 0 && renameat(to, tmp, to, name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(to, tmp, 0);
	return err_sys(err, -r, "copy the link \"%s\"", path);
}
