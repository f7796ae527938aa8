/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc, /sys and the volumes. Places are opened below the root's descriptor, links resolved inside it, before anything of the container
 * runs; what is then mounted goes onto that descriptor, so a link swapped in by a neighbour on a shared volume changes nothing.
 */
#include "node/runtime/mount_api.h"
#include "base/core/guard.h"
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { MOUNTS_MAX = 1024, LINKS_MAX = 40 };

static int prepare_tmpfs(const struct rt_mount *m, uint64_t attributes, int idmap, struct err *err)
{
	char size[32], mode[16];
	const struct mount_option options[] = {{"mode", mode}, {m->size ? "size" : NULL, size}, {NULL, NULL}};
	int fd, r;

	snprintf(size, sizeof size, "%" PRIu64, m->size);
	snprintf(mode, sizeof mode, "%o", (unsigned)(m->mode ? m->mode : 01777) & 07777);
	fd = mount_new("tmpfs", options, attributes, err);
	if (fd < 0 || idmap < 0)
		return fd;
	r = mount_change(fd, false, 0, idmap, err);
	if (r < 0)
		fd_closep(&fd);
	return r < 0 ? r : fd;
}

/* Before Linux 6.15 what is attached nowhere cannot be copied. */
static int take_loose(const struct rt_mount *m, uint64_t attributes, int idmap, struct err *err)
{
	fd_cleanup int fd = fcntl(m->source_fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "copy the descriptor of a mount");
	r = mount_own(fd, true, attributes, idmap, err);
	return r < 0 ? r : fd_take(&fd);
}

static int prepare(const struct rt_mount *m, int idmap, struct err *err)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	attributes |= m->read_only ? MOUNT_ATTR_RDONLY : 0;
	attributes |= m->noexec ? MOUNT_ATTR_NOEXEC : 0;
	if (m->type == RT_MOUNT_TMPFS)
		return prepare_tmpfs(m, attributes, idmap, err);
	return m->loose ? take_loose(m, attributes, idmap, err)
			: mount_copy(m->source_fd, "", true, attributes, idmap, err);
}

int mounts_prepare(struct setup *s, struct err *err)
{
	if (s->spec->n_mounts > MOUNTS_MAX)
		return err_set(err, E2BIG, "%zu mounts, %d are allowed", s->spec->n_mounts, MOUNTS_MAX);
	for (size_t i = 0; i < s->spec->n_mounts; i++) {
		const struct rt_mount *m = &s->spec->mounts[i];

		if (!m->target || m->target[0] != '/')
			return err_set(err, EINVAL, "mount target \"%s\" is not an absolute path",
				       m->target ? m->target : "");
		s->volumes[i] = prepare(m, s->idmap, err);
		if (s->volumes[i] < 0)
			return err_wrap(err, "volume for %s", m->target);
	}
	return 0;
}

/* Puts /proc, /sys or /dev in its place. A root where that is a link is refused. */
int mounts_put_kernel(struct setup *s, int mount, const char *name, mode_t mode, struct err *err)
{
	fd_cleanup int place = -1;
	char host[16];

	if (s->root < 0) {
		snprintf(host, sizeof host, "/%s", name);
		return mount_put(mount, AT_FDCWD, host, err);
	}
	place = fs_mkdirs_in(s->root, name, mode, FS_NO_SYMLINKS, err);
	return place < 0 ? place : mount_put(mount, place, "", err);
}

/* proc and sysfs show the namespaces of the process that makes them: the child. */
static int kernel_mount(struct setup *s, const char *type, const char *name, uint64_t attributes, int *ret,
			struct err *err)
{
	int r = *ret =
	    mount_new(type, NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | attributes, err);

	return r < 0 ? r : mounts_put_kernel(s, *ret, name, 0555, err);
}

int mounts_kernel(struct setup *s, struct err *err)
{
	int r = kernel_mount(s, "proc", "proc", 0, &s->proc, err);

	return r < 0 ? r : kernel_mount(s, "sysfs", "sys", MOUNT_ATTR_RDONLY, &s->sys, err);
}

int mounts_place(struct setup *s, struct err *err)
{
	int r = mounts_put_kernel(s, s->proc, "proc", 0555, err);

	if (r == 0)
		r = mounts_put_kernel(s, s->sys, "sys", 0555, err);
	return r < 0 ? r : mounts_put_kernel(s, s->dev, "dev", 0755, err);
}

static int make_file(int root, const char *path, struct err *err)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');
	fd_cleanup int dir = -1, fd = -1;

	if (!slash)
		return err_set(err, EINVAL, "mount target \"%s\" does not name a file", path);
	if ((size_t)(slash - path) >= sizeof parent)
		return err_set(err, ENAMETOOLONG, "mount target \"%s\"", path);
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
	dir = fs_mkdirs_in(root, parent, 0755, FS_IN_ROOT, err);
	if (dir < 0)
		return dir;
	if (!fs_name_ok(slash + 1))
		return err_set(err, EINVAL, "mount target \"%s\" does not name a file", path);
	fd = openat(dir, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, errno, "make the file \"%s\" to mount on", path) : 0;
}

/* Fails for what is no link, or not there. */
static ssize_t read_link(int root, const char *dir, const char *name, char *ret, size_t size)
{
	struct err missing = ERR_INIT;
	fd_cleanup int fd = fs_open_in(root, dir, O_PATH | O_DIRECTORY, 0, FS_IN_ROOT, &missing);

	return fd < 0 ? -1 : readlinkat(fd, name, ret, size);
}

/* The same path without links, also where they lead to what is not there yet: /etc/resolv.conf is ../run/systemd/resolve/stub-resolv.conf
 * in many images. It is a text that the kernel resolves once more inside the root. */
static int without_links(int root, const char *path, char ret[static PATH_MAX], struct err *err)
{
	mem_cleanup char *rest = mem_strdup(path);
	const char *p = rest;
	int links = 0;
	size_t n = 0;

	ret[0] = '\0';
	while (*(p += strspn(p, "/"))) {
		char name[NAME_MAX + 1], link[PATH_MAX];
		size_t len = strcspn(p, "/");
		ssize_t linked;

		if (len > NAME_MAX || n + len + 2 > PATH_MAX)
			return err_set(err, ENAMETOOLONG, "mount target \"%s\"", path);
		snprintf(name, sizeof name, "%.*s", (int)len, p);
		p += len;
		if (!strcmp(name, "..")) {
			const char *slash = strrchr(ret, '/');

			n = slash ? (size_t)(slash - ret) : 0;
			ret[n] = '\0';
			continue;
		}
		linked = strcmp(name, ".") != 0 ? read_link(root, ret, name, link, sizeof link - 1) : 0;
		if (linked > 0) {
			char *longer;

			if (++links > LINKS_MAX)
				return err_sys(err, ELOOP, "mount target \"%s\"", path);
			link[linked] = '\0';
			n = *link == '/' ? 0 : n;
			ret[n] = '\0';
			longer = mem_printf("%s%s", link, p);
			free(rest);
			p = rest = longer;
		} else if (linked < 0) {
			n += (size_t)snprintf(ret + n, PATH_MAX - n, "/%s", name);
		}
	}
	return 0;
}

/* Opens the place for a volume, making it when it is missing: a directory for a directory, an empty file for anything else. */
int mounts_open_target(int root, const char *path, bool is_dir, struct err *err)
{
	struct err missing = ERR_INIT;
	char plain[PATH_MAX];
	int r, fd = -ENOENT;

	if (!RT_GUARDS(R6, R7)) {
		close(is_dir ? guard_naive_mkdirs(root, path) : guard_naive_file(root, path));
		return guard_naive_open(root, path, O_PATH);
	}
	fd = fs_open_in(root, path, O_PATH, 0, FS_IN_ROOT, &missing);

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return err_set(err, -fd, "%s", missing.text);
	r = without_links(root, path, plain, err);
	if (r == 0)
		r = is_dir ? fs_mkdirs_in(root, plain, 0755, FS_IN_ROOT, err) : make_file(root, plain, err);
	if (r < 0)
		return r;
	if (is_dir)
		close(r);
	return fs_open_in(root, plain, O_PATH, 0, FS_IN_ROOT, err);
}

/* Over the root the container would not be the image any more; over /proc its own view of itself would be a lie (CVE-2019-16884). */
int mounts_check_target(int root, int place, const char *path, struct err *err)
{
	struct stat a, b;
	struct statfs fs;

	if (fstat(root, &a) < 0 || fstat(place, &b) < 0 || fstatfs(place, &fs) < 0)
		return err_sys(err, errno, "stat the mount target %s", path);
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_set(err, EINVAL, "mount target \"%s\" is the root itself", path);
	if (fs.f_type == PROC_SUPER_MAGIC && RT_GUARD(R5))
		return err_set(err, EINVAL, "mount target \"%s\" is in /proc", path);
	return 0;
}

static int attach(int root, int volume, const struct rt_mount *m, struct err *err)
{
	fd_cleanup int place = -1;
	struct stat st;
	int r;

	if (fstat(volume, &st) < 0)
		return err_sys(err, errno, "stat the volume for %s", m->target);
	place = mounts_open_target(root, m->target, S_ISDIR(st.st_mode), err);
	if (place < 0)
		return place;
	r = mounts_check_target(root, place, m->target, err);
	if (r == 0)
		r = mount_put(volume, place, "", err);
	return r;
}

int mounts_attach(struct setup *s, struct err *err)
{
	for (size_t i = 0; i < s->spec->n_mounts; i++) {
		int r = attach(s->root, s->volumes[i], &s->spec->mounts[i], err);

		if (r < 0)
			return err_wrap(err, "volume for %s", s->spec->mounts[i].target);
	}
	return 0;
}
