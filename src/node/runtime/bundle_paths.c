/* SPDX-License-Identifier: Apache-2.0
 *
 * maskedPaths, readonlyPaths, sysctl and rootfsPropagation. Names are the configuration's, the tree below is the image's: they are resolved
 * inside the root's descriptor, and covers come from the host, checked, not from the container's /dev (CVE-2025-31133).
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
#include <unistd.h>

enum { SYSCTL_PATH_MAX = 512 };

/* ---- small files ---- */

static void make_file(int root, const struct rt_file *f)
{
	const char *name = NULL;
	fd_cleanup int dir = fs_open_parent(root, f->path, FS_IN_ROOT, &name, NULL);

	/* What is there already stays, and nobody needs it enough to end for it. */
	if (dir < 0 || (f->target && symlinkat(f->target, dir, name) < 0))
		return;
	if (!f->target)
		close(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755));
}

void bundle_files_make(const struct setup *s)
{
	for (size_t i = 0; s->root_writable && i < s->spec->box->n_files; i++)
		make_file(s->root, &s->spec->box->files[i]);
}

/* ---- masks ---- */

/* The first place is covered by the mount itself, the others by copies of it: before Linux 6.15 what is attached nowhere cannot be copied. */
struct cover {
	int fd;
	bool used;
};
struct covers {
	struct cover file, dir;
};

/* 0: not there, which is as good as masked. */
static int open_place(int root, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	int fd = fs_open_in(root, path, O_PATH, 0, FS_IN_ROOT, &why);

	if (fd >= 0)
		return fd;
	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	return err_set(err, -fd, "%s", why.text);
}

static int open_null(struct err *err)
{
	fd_cleanup int fd = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open the host's /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(err, EINVAL, "the host's /dev/null is not a null device");
	return fd_take(&fd);
}

static int open_empty(struct err *err)
{
	const struct mount_option options[] = {{"mode", "0555"}, {"size", "4k"}, {NULL, NULL}};

	return mount_new("tmpfs", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			 err);
}

/* The cover of its kind, made when it is first needed. */
static int cover_for(struct covers *c, int place, struct cover **ret, struct err *err)
{
	struct cover *cover;
	struct stat st;

	if (fstat(place, &st) < 0)
		return err_sys(err, errno, "stat a masked path");
	cover = S_ISDIR(st.st_mode) ? &c->dir : &c->file;
	if (cover->fd < 0)
		cover->fd = S_ISDIR(st.st_mode) ? open_empty(err) : open_null(err);
	*ret = cover;
	return cover->fd < 0 ? cover->fd : 0;
}

static int mask(int root, const char *path, struct covers *c, struct err *err)
{
	fd_cleanup int place = open_place(root, path, err), copy = -1;
	struct cover *cover = NULL;
	int r;

	if (place < 0)
		return place == -ENOENT ? 0 : place;
	r = cover_for(c, place, &cover, err);
	if (r < 0)
		return r;
	if (!cover->used) {
		cover->used = true;
		return mount_put(cover->fd, place, "", err);
	}
	copy = open_tree(cover->fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (copy < 0)
		return err_sys(err, errno, "copy a cover");
	return mount_put(copy, place, "", err);
}

static bool is_again(const char *const *all, const char *const *p)
{
	while (all < p && strcmp(*all, *p) != 0)
		all++;
	return all < p;
}

int bundle_paths_mask(struct setup *s, struct err *err)
{
	struct covers c = {.file = {.fd = -1}, .dir = {.fd = -1}};
	int r = 0;

	for (const char *const *p = s->spec->box->masked; p && *p && r == 0; p++) {
		r = is_again(s->spec->box->masked, p) ? 0 : mask(s->root, *p, &c, err);
		if (r < 0)
			(void)err_wrap(err, "%s", *p);
	}
	fd_closep(&c.file.fd);
	fd_closep(&c.dir.fd);
	return r;
}

static int make_read_only(int root, const char *path, struct err *err)
{
	fd_cleanup int place = open_place(root, path, err), copy = -1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (place < 0)
		return place == -ENOENT ? 0 : place;
	copy = open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (copy < 0)
		return err_sys(err, errno, "copy the mount");
	if (mount_setattr(copy, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "change the mount");
	return mount_put(copy, place, "", err);
}

int bundle_paths_read_only(struct setup *s, struct err *err)
{
	for (const char *const *p = s->spec->box->read_only_paths; p && *p; p++) {
		int r = make_read_only(s->root, *p, err);

		if (r < 0)
			return err_wrap(err, "%s", *p);
	}
	return 0;
}

/* "net.ipv4.ip_forward" -> sys/net/ipv4/ip_forward; a '/' in the key stands for a '.' in a name, as sysctl(8) has it. */
static int sysctl_path(const char *key, char path[static SYSCTL_PATH_MAX], struct err *err)
{
	size_t n = (size_t)snprintf(path, SYSCTL_PATH_MAX, "sys/%s", key);
	bool as_path = key[strcspn(key, "./")] == '/';

	if (n >= SYSCTL_PATH_MAX)
		return err_set(err, E2BIG, "sysctl \"%.64s...\": the name is too long", key);
	for (char *p = path + 4; *p && !as_path; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return 0;
}

int bundle_sysctls(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	fd_cleanup int proc = -1;

	if (box->n_sysctls == 0)
		return 0;
	proc = procfd_open(err);
	if (proc < 0)
		return proc;
	for (size_t i = 0; i < box->n_sysctls; i++) {
		char path[SYSCTL_PATH_MAX];
		int r = sysctl_path(box->sysctls[i].key, path, err);

		if (r == 0)
			r = procfd_write(proc, path, box->sysctls[i].value, err);
		if (r < 0)
			return err_wrap(err, "sysctl \"%s\"", box->sysctls[i].key);
	}
	return 0;
}

/* After pivot_root, which a shared root would refuse. A slave or private one was made so when it was copied: a slave needs its master. */
int bundle_root_propagation(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	struct mount_attr attr = {.propagation = box->root_propagation};

	if (box->root_propagation != MS_SHARED && box->root_propagation != MS_UNBINDABLE)
		return 0;
	if (mount_setattr(s->root, "", AT_EMPTY_PATH | (box->root_propagation_recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof attr) < 0)
		return err_sys(err, errno, "set the propagation of the root");
	return 0;
}
