/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev: a tmpfs of our own with the six devices that programs expect, terminals, shared memory, message queues and the usual links. Everything
 * is made in the tmpfs's descriptor before the image's /dev, which must be a directory or missing, is covered by it.
 */
#include "node/runtime/mount_api.h"
#include "node/runtime/rootless.h"
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

static const struct {
	const char *name, *to;
} links[] = {{"fd", "/proc/self/fd"},
	     {"stdin", "/proc/self/fd/0"},
	     {"stdout", "/proc/self/fd/1"},
	     {"stderr", "/proc/self/fd/2"},
	     {"ptmx", "pts/ptmx"}};

static const struct mount_option shm_options[] = {{"mode", "1777"}, {"size", "64m"}, {NULL, NULL}};
static const struct mount_option pts_options[] = {
    {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}, {NULL, NULL}};
/* where there is no group 5: one user's map */
static const struct mount_option pts_alone_options[] = {
    {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};

static const struct {
	const char *name, *type;
	const struct mount_option *options, *alone;
	uint64_t attributes;
} mounts[] = {
    {"pts", "devpts", pts_options, pts_alone_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
    {"shm", "tmpfs", shm_options, NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
    {"mqueue", "mqueue", NULL, NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int make_nodes(int dev, struct err *err)
{
	for (size_t i = 0; i < COUNT(nodes); i++) {
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
			return err_sys(err, errno, "make the device %s", nodes[i].name);
	}
	return 0;
}

/* In a user namespace devices cannot be made, and would not work: the host's are borrowed, after a look at what they are. */
static int borrow_nodes(int dev, struct err *err)
{
	for (size_t i = 0; i < COUNT(nodes); i++) {
		fd_cleanup int node = -1, file = -1;
		char path[32];
		struct stat st;
		int r;

		snprintf(path, sizeof path, "/dev/%s", nodes[i].name);
		node = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
		if (node < 0 || fstat(node, &st) < 0)
			return err_sys(err, errno, "borrow the device %s", path);
		if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(nodes[i].major, nodes[i].minor))
			return err_set(err, EINVAL, "%s is not the device that it should be", path);
		file = openat(dev, nodes[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (file < 0)
			return err_sys(err, errno, "make a place for the device %s", nodes[i].name);
		r = mount_put(node, dev, nodes[i].name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_names(int dev, struct err *err)
{
	for (size_t i = 0; i < COUNT(links); i++) {
		if (symlinkat(links[i].to, dev, links[i].name) < 0)
			return err_sys(err, errno, "make the link /dev/%s", links[i].name);
	}
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (mkdirat(dev, mounts[i].name, 0755) < 0)
			return err_sys(err, errno, "make the directory /dev/%s", mounts[i].name);
	}
	return 0;
}

static int make_mounts(int dev, struct err *err)
{
	for (size_t i = 0; i < COUNT(mounts); i++) {
		bool alone = mounts[i].alone && rootless_groups_fixed();
		fd_cleanup int fd =
		    mount_new(mounts[i].type, alone ? mounts[i].alone : mounts[i].options, mounts[i].attributes, err);
		int r = fd < 0 ? fd : mount_put(fd, dev, mounts[i].name, err);

		if (r < 0)
			return err_wrap(err, "/dev/%s", mounts[i].name);
	}
	return 0;
}

int devices_make(struct setup *s, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0755"}, {"size", "64k"}, {NULL, NULL}};
	int r = s->dev = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);

	if (r < 0)
		return r;
	r = make_names(s->dev, err);
	if (r == 0 && !s->borrows)
		r = make_nodes(s->dev, err);
	if (r == 0)
		r = mounts_put_kernel(s, s->dev, "dev", 0755, err);
	if (r == 0 && s->borrows)
		r = borrow_nodes(s->dev, err);
	return r < 0 ? r : make_mounts(s->dev, err);
}
