/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev of an OCI configuration: the devices and links that every container has (config-linux.md, "Default Devices") and those that it names,
 * unless it brings a /dev of the host by a bind mount. Where devices cannot be made (a user namespace) the host's are borrowed.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct rt_device defaults[] = {
    {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .mode = 0666},
    {.path = "/dev/zero", .type = 'c', .major = 1, .minor = 5, .mode = 0666},
    {.path = "/dev/full", .type = 'c', .major = 1, .minor = 7, .mode = 0666},
    {.path = "/dev/tty", .type = 'c', .major = 5, .minor = 0, .mode = 0666},
    {.path = "/dev/random", .type = 'c', .major = 1, .minor = 8, .mode = 0666},
    {.path = "/dev/urandom", .type = 'c', .major = 1, .minor = 9, .mode = 0666},
};

static const struct {
	const char *name, *to;
} links[] = {{"fd", "/proc/self/fd"},
	     {"stdin", "/proc/self/fd/0"},
	     {"stdout", "/proc/self/fd/1"},
	     {"stderr", "/proc/self/fd/2"},
	     {"core", "/proc/kcore"}};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static mode_t type_of(const struct rt_device *d)
{
	return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_it(const struct stat *st, const struct rt_device *d)
{
	return (st->st_mode & S_IFMT) == type_of(d) && (d->type == 'p' || st->st_rdev == makedev(d->major, d->minor));
}

static int borrow(int dir, const char *name, const struct rt_device *d, struct err *err)
{
	fd_cleanup int node = -1, file = -1;
	struct stat st;

	node = open_tree(AT_FDCWD, d->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (node < 0 || fstat(node, &st) < 0)
		return err_sys(err, errno, "borrow the host's device");
	if (!is_it(&st, d))
		return err_set(err, EPERM, "devices cannot be made here, and the host's %s is another device", d->path);
	file = openat(dir, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (file < 0)
		return err_sys(err, errno, "make a place for the device");
	return mount_put(node, dir, name, err);
}

/* What the image already has under this name may stay if it is the same device. */
static int check_existing(int dir, const char *name, const struct rt_device *d, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "stat the device");
	return is_it(&st, d) ? 0 : err_set(err, EEXIST, "the image has something else there");
}

static int make_in(int dir, const char *name, const struct rt_device *d, struct err *err)
{
	int r;

	if (mknodat(dir, name, type_of(d) | d->mode, makedev(d->major, d->minor)) < 0) {
		if (errno == EPERM)
			return borrow(dir, name, d, err);
		r = errno == EEXIST ? check_existing(dir, name, d, err) : err_sys(err, errno, "make the device");
		if (r < 0)
			return r;
	}
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "give the device to %u:%u", d->uid, d->gid);
	return 0;
}

static int make(int root, const struct rt_device *d, struct err *err)
{
	const char *slash = strrchr(d->path, '/');
	fd_cleanup int dir = -1;
	char parent[4096];
	int r;

	if (!slash || (size_t)(slash - d->path) >= sizeof parent || !fs_name_ok(slash + 1))
		return err_set(err, EINVAL, "device \"%.128s\" is not a path of a file", d->path);
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - d->path), d->path);
	dir = fs_mkdirs_in(root, parent + strspn(parent, "/"), 0755, FS_NO_SYMLINKS, err);
	r = dir < 0 ? dir : make_in(dir, slash + 1, d, err);
	return r < 0 ? err_wrap(err, "device %s", d->path) : 0;
}

static int make_links(int root, struct err *err)
{
	fd_cleanup int dev = fs_mkdirs_in(root, "dev", 0755, FS_NO_SYMLINKS, err);
	struct stat st;

	if (dev < 0)
		return dev;
	for (size_t i = 0; i < COUNT(links); i++) {
		if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make the link /dev/%s", links[i].name);
	}
	/* The host's way to make terminals must not be the container's. */
	if (fstatat(dev, "ptmx", &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) && unlinkat(dev, "ptmx", 0) < 0)
		return err_sys(err, errno, "remove the image's /dev/ptmx");
	if (symlinkat("pts/ptmx", dev, "ptmx") < 0)
		return err_sys(err, errno, "make the link /dev/ptmx");
	return 0;
}

static bool has_host_dev(const struct rt_box_attr *box)
{
	for (size_t i = 0; i < box->n_mounts; i++) {
		const char *t = box->mounts[i].target;

		if (box->mounts[i].type == RT_FS_BIND && (!strcmp(t, "/dev") || !strcmp(t, "/dev/")))
			return true;
	}
	return false;
}

int bundle_devices_make(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	int r = 0;

	if (has_host_dev(box))
		return 0;
	for (size_t i = 0; i < COUNT(defaults) && r == 0; i++)
		r = make(s->root, &defaults[i], err);
	for (size_t i = 0; i < box->n_devices && r == 0; i++)
		r = make(s->root, &box->devices[i], err);
	return r < 0 ? r : make_links(s->root, err);
}
