/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/depot_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int unknown(struct err *err, const char *repo, const struct depot_digest *digest)
{
	char text[DEPOT_DIGEST_MAX];

	return err_set(err, ENOENT, "%s has no blob %s", repo, depot_digest_text(digest, text));
}

int depot_blob_open(const struct depot *d, const char *repo, const struct depot_digest *digest, enum depot_use use,
		    uint64_t *ret_size, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	fd_cleanup int fd = -1;
	struct stat st;

	depot_link_path(path, repo, "_blobs", digest);
	fd = depot_open_repo(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, err);
	if (fd == -ENOENT)
		return unknown(err, repo, digest);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EIO, "\"%s/repos/%s\" is no file", d->dir, path);
	if (use == DEPOT_KEEP)
		depot_touch(fd);
	*ret_size = (uint64_t)st.st_size;
	return fd_take(&fd);
}

int depot_blob_put(struct depot *d, const char *repo, const struct depot_digest *digest, const char *upload,
		   struct err *err)
{
	fd_cleanup int fd = openat(d->uploads, upload, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open the upload \"%s\"", upload);
	/* Before the lock: it may take long. */
	if (fsync(fd) < 0)
		return err_sys(err, errno, "sync the upload \"%s\"", upload);
	r = depot_lock(d, err);
	if (r < 0)
		return r;
	r = depot_place_blob(d, d->uploads, upload, digest, err);
	if (r == 0)
		r = depot_link(d, repo, "_blobs", digest, err);
	depot_unlock(d);
	return r;
}

int depot_blob_mount(struct depot *d, const char *from, const char *repo, const struct depot_digest *digest,
		     struct err *err)
{
	uint64_t size;
	fd_cleanup int fd = -1;
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	fd = depot_blob_open(d, from, digest, DEPOT_KEEP, &size, err);
	r = fd < 0 ? fd : depot_link(d, repo, "_blobs", digest, err);
	depot_unlock(d);
	return r;
}

bool depot_blob_known(const struct depot *d, const struct depot_digest *digest, uint64_t *ret_size)
{
	char path[DEPOT_PATH_MAX];
	struct stat st;

	depot_blob_path(path, digest);
	if (fstatat(d->blobs, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

int depot_blob_adopt(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	depot_blob_path(path, digest);
	r = depot_link(d, repo, "_blobs", digest, err);
	if (r == 0)
		(void)utimensat(d->blobs, path, NULL, AT_SYMLINK_NOFOLLOW);
	depot_unlock(d);
	return r;
}

int depot_blob_delete(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	depot_link_path(path, repo, "_blobs", digest);
	r = depot_unlink(d, path, err);
	depot_unlock(d);
	return r == -ENOENT ? unknown(err, repo, digest) : r;
}
