/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of an image in the store. It is made in images/tmp below a lease, written to the disk, and renamed.
 */
#include "node/image/erofs.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/lease.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FRESH_NAME "erofs"

static const char *hex_of(const struct image_info *i)
{
	return i->digest + strlen("sha256:");
}

static uint64_t blocks_of(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512;
}

uint64_t image_erofs_bytes(struct image_store *s, const struct image_info *i)
{
	struct stat st;

	return fstatat(s->erofs, hex_of(i), &st, AT_SYMLINK_NOFOLLOW) == 0 ? blocks_of(&st) : 0;
}

/* The file system's id is the image's: the first half of its digest. */
static void uuid_of(const struct image_info *i, unsigned char uuid[static 16])
{
	for (size_t n = 0; n < 16; n++) {
		unsigned value = 0;

		(void)sscanf(hex_of(i) + 2 * n, "%2x", &value);
		uuid[n] = (unsigned char)value;
	}
}

static int write_file(struct image_store *s, const struct image_info *i, int dir, uint64_t *ret_nodes, struct err *err)
{
	fd_cleanup int fd = openat(dir, FRESH_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	unsigned char uuid[16];
	int *layers;
	size_t n;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "make an EROFS file in images/tmp");
	r = image_open_layers(s, i, &layers, &n, err);
	if (r < 0)
		return r;
	uuid_of(i, uuid);
	r = image_erofs_write(layers, n, fd, uuid, ret_nodes, err);
	while (n > 0)
		close(layers[--n]);
	free(layers);
	if (r == 0 && fsync(fd) < 0)
		r = err_sys(err, errno, "write the EROFS file to the disk");
	return r;
}

/* One rename: there is the whole file, or none. */
static int place_file(struct image_store *s, const struct image_info *i, int dir, struct err *err)
{
	if (renameat(dir, FRESH_NAME, s->erofs, hex_of(i)) < 0 || fsync(s->erofs) < 0)
		return err_sys(err, errno, "put the EROFS file in its place");
	return 0;
}

static int make(struct image_store *s, const struct image_info *i, struct image_lease *lease, struct image_erofs *ret,
		struct err *err)
{
	char name[64];
	fd_cleanup int dir = -1;
	uint64_t nodes = 0;
	int r = image_lease_image(lease, i, err);

	if (r == 0 && image_erofs_bytes(s, i) > 0) {
		*ret = (struct image_erofs){.bytes = image_erofs_bytes(s, i)};
		return 0;
	}
	if (r == 0)
		r = image_lease_tmp(lease, &dir, name, err);
	if (r < 0)
		return r;
	r = write_file(s, i, dir, &nodes, err);
	if (r == 0)
		r = place_file(s, i, dir, err);
	(void)fs_remove_tree(s->tmp, name, NULL);
	if (r == 0)
		*ret = (struct image_erofs){.bytes = image_erofs_bytes(s, i), .n_nodes = nodes, .fresh = true};
	return r;
}

int image_erofs_make(struct image_store *s, const struct image_info *i, struct image_erofs *ret, struct err *err)
{
	cleanup_with(image_lease_freep) struct image_lease *lease = NULL;
	mem_cleanup char *what = mem_printf("convert %s", *i->name ? i->name : i->id);
	int r = image_lease_new(s, what, &lease, err);

	if (r == 0)
		r = make(s, i, lease, ret, err);
	return r < 0 ? err_wrap(err, "image \"%s\"", *i->name ? i->name : i->id) : 0;
}

int image_erofs_remove(struct image_store *s, const struct image_info *i, struct err *err)
{
	fd_cleanup int lock = store_lock(s, err);

	if (lock < 0)
		return lock;
	if (unlinkat(s->erofs, hex_of(i), 0) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, errno, "remove images/erofs/%s", hex_of(i));
}

int image_erofs_open(int data_dir, const char *digest, struct err *err)
{
	char path[96];
	fd_cleanup int fd = -1;
	struct stat st;

	if (!ref_is_digest(digest))
		return err_set(err, EINVAL, "\"%.100s\" is not a digest", digest);
	snprintf(path, sizeof path, "images/erofs/%s", digest + strlen("sha256:"));
	fd = fs_open_in(data_dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, FS_NO_SYMLINKS, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 || (st.st_mode & 0077))
		return err_set(err, EPERM, "%s is not a file that this berth made: remove it", path);
	return fd_take(&fd);
}
