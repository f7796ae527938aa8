/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/blob.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/lease.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <string.h>

static int check_hex(const char *hex, struct err *err)
{
	return ref_is_hex(hex, 64) ? 0 : err_set(err, EINVAL, "\"%.100s\" is not the digest of a blob", hex);
}

int image_blob_read(struct image_store *s, const char *hex, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	mem_cleanup char *text = NULL;
	char found[SHA256_HEX_MAX];
	int r = check_hex(hex, err);

	if (r == 0)
		r = fs_read(s->blobs, hex, max, &text, ret_len, err);
	if (r < 0)
		return r;
	sha256_of(text, *ret_len, found);
	if (strcmp(found, hex) != 0)
		return err_set(err, EBADMSG, "blob sha256:%s is damaged: its digest is sha256:%s", hex, found);
	*ret = mem_take(text);
	return 0;
}

bool image_blob_is_there(struct image_store *s, const char *hex, uint64_t *ret_size)
{
	struct stat st;

	if (check_hex(hex, NULL) < 0 || fstatat(s->blobs, hex, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return true;
}

int image_blob_stage(struct image_store *s, struct err *err)
{
	int fd = openat(s->blobs, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, errno, "make a file without a name in images/blobs") : fd;
}

static int place(struct image_store *s, int fd, const char *hex, struct err *err)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, s->blobs, hex, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		return err_sys(err, errno, "put blob sha256:%s in its place", hex);
	return 0;
}

/* A blob that is there may be damaged: then it is made anew. */
static bool is_good(struct image_store *s, const char *hex, size_t n)
{
	mem_cleanup char *text = NULL;
	struct err why = ERR_INIT;
	size_t found;
	int r = image_blob_read(s, hex, n, &text, &found, &why);

	if (r < 0 && r != -ENOENT)
		(void)unlinkat(s->blobs, hex, 0);
	return r == 0;
}

int image_blob_write(struct image_store *s, const void *data, size_t n, char ret_hex[static 65], struct err *err)
{
	fd_cleanup int fd = -1;
	int r;

	sha256_of(data, n, ret_hex);
	if (is_good(s, ret_hex, n))
		return 0;
	fd = image_blob_stage(s, err);
	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, n);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, -r, "write blob sha256:%s", ret_hex);
	r = place(s, fd, ret_hex, err);
	return r == 0 && fsync(s->blobs) < 0 ? err_sys(err, errno, "write the directory images/blobs") : r;
}
