/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev of an OCI configuration: the devices and links that every container has (config-linux.md, "Default Devices") and those that it names,
 * unless it brings a /dev of the host by a bind mount. Where devices cannot be made (a user namespace) the host's are borrowed.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
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

size_t bundle_n_devices(const struct rt_box_attr *box)
{
	return COUNT(defaults) + box->n_devices;
}

static const struct rt_device *device_at(const struct rt_box_attr *box, size_t i)
{
	return i < COUNT(defaults) ? &defaults[i] : &box->devices[i - COUNT(defaults)];
}

static mode_t type_of(const struct rt_device *d)
{
	return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_it(const struct stat *st, const struct rt_device *d)
{
	return (st->st_mode & S_IFMT) == type_of(d) && (d->type == 'p' || st->st_rdev == makedev(d->major, d->minor));
}

/* The node as a mount of its own: the one that the parent made, or the host's of the same name. */
static int open_node(struct setup *s, size_t i, const struct rt_device *d, struct err *err)
{
	fd_cleanup int node = s->nodes ? fd_take(&s->nodes[i]) : -1;
	struct stat st;

	if (node >= 0)
		return fd_take(&node);
	node = open_tree(AT_FDCWD, d->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (node < 0 || fstat(node, &st) < 0)
		return err_sys(err, errno, "borrow the host's device");
	if (!is_it(&st, d))
		return err_set(err, EPERM, "devices cannot be made here, and the host's %s is another device", d->path);
	return fd_take(&node);
}

static int borrow(struct setup *s, size_t i, int dir, const char *name, const struct rt_device *d, struct err *err)
{
	fd_cleanup int node = open_node(s, i, d, err), file = -1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};

	if (node < 0)
		return node;
	if (mount_setattr(node, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "change the mount of the device");
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

static int make_in(struct setup *s, size_t i, int dir, const char *name, const struct rt_device *d, struct err *err)
{
	int r;

	if (mknodat(dir, name, type_of(d) | d->mode, makedev(d->major, d->minor)) < 0) {
		if (errno == EPERM)
			return borrow(s, i, dir, name, d, err);
		r = errno == EEXIST ? check_existing(dir, name, d, err) : err_sys(err, errno, "make the device");
		if (r < 0)
			return r;
	}
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "give the device to %u:%u", d->uid, d->gid);
	return 0;
}

static int make(struct setup *s, size_t i, struct err *err)
{
	const struct rt_device *d = device_at(s->spec->box, i);
	char path[4096], *slash;
	fd_cleanup int dir = -1;
	size_t n = strlen(d->path);
	int r;

	/* "/dev/x/" names the same as "/dev/x". */
	while (n > 1 && d->path[n - 1] == '/')
		n--;
	if (n >= sizeof path)
		return err_set(err, ENAMETOOLONG, "device \"%.128s...\"", d->path);
	snprintf(path, sizeof path, "%.*s", (int)n, d->path);
	slash = strrchr(path, '/');
	if (!slash || !fs_name_ok(slash + 1))
		return err_set(err, EINVAL, "device \"%.128s\" is not a path of a file", d->path);
	*slash = '\0';
	dir = fs_mkdirs_in(s->root, path + strspn(path, "/"), 0755, FS_NO_SYMLINKS, err);
	r = dir < 0 ? dir : make_in(s, i, dir, slash + 1, d, err);
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
	int r = 0;

	if (has_host_dev(s->spec->box))
		return 0;
	for (size_t i = 0; i < bundle_n_devices(s->spec->box) && r == 0; i++)
		r = make(s, i, err);
	return r < 0 ? r : make_links(s->root, err);
}

/* ---- the parent ---- */

static uint32_t outside(const struct rt_id_map *maps, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (id >= maps[i].inside && id - maps[i].inside < maps[i].count)
			return maps[i].outside + (id - maps[i].inside);
	}
	return id;
}

static int make_node(const struct rt_box_attr *box, int dir, size_t i)
{
	const struct rt_device *d = device_at(box, i);
	uint32_t uid = outside(box->uid_maps, box->n_uid_maps, d->uid);
	uint32_t gid = outside(box->gid_maps, box->n_gid_maps, d->gid);
	char name[24];

	snprintf(name, sizeof name, "%zu", i);
	if (mknodat(dir, name, type_of(d) | d->mode, makedev(d->major, d->minor)) < 0 ||
	    fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(dir, name, d->mode, 0) < 0)
		return -1;
	return open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
}

/* Root of a user namespace cannot make devices; we can. What cannot be had here (Linux before 6.15 copies no mount that is attached nowhere) is
 * borrowed from the host by the child, and an error there. */
int bundle_devices_prepare(struct setup *s, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0700"}, {"size", "64k"}, {NULL, NULL}};
	const struct rt_box_attr *box = s->spec->box;
	size_t n = bundle_n_devices(box);
	fd_cleanup int dir = -1;

	if (!box->ns[RT_NS_USER].wanted || box->ns[RT_NS_USER].fd >= 0 || has_host_dev(box))
		return 0;
	dir = mount_new("tmpfs", options, 0, err);
	if (dir < 0)
		return dir;
	s->nodes = mem_new_n(int, n);
	for (size_t i = 0; i < n; i++)
		s->nodes[i] = make_node(box, dir, i);
	return 0;
}
