/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a container as whoever copies sees it. One that runs is entered through its first process; one at rest is put together here, in a
 * mount namespace of this process, and vanishes with it.
 */
#include "node/engine/archive.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/engine/lowers.h"
#include "node/engine/order.h"
#include "node/engine/record.h"
#include "node/engine/volume.h"
#include "node/runtime/mount_api.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define LOCK_NAME "files.lock"

void files_close(struct files *f)
{
	fd_closep(&f->root);
	fd_closep(&f->upper);
	fd_closep(&f->lock);
	*f = (struct files)FILES_INIT;
}

int files_lock(int container_dir, struct err *err)
{
	fd_cleanup int fd = openat(container_dir, LOCK_NAME, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", LOCK_NAME);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "lock \"%s\"", LOCK_NAME);
	}
	return fd_take(&fd);
}

/* ---- one that runs ---- */

static int open_root_of(pid_t pid, struct err *err)
{
	char path[48];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open the root of process %d", (int)pid) : fd;
}

/* 1 = it runs and its root is open. The process is still the one that the record means after its root was opened, so it was then, too. */
static int open_running(int dir, struct files *f, struct err *err)
{
	struct record rec = {.pid = 0};
	struct rt_box box = {.pidfd = -1, .status_fd = -1, .terminal_fd = -1};
	int r = record_read(dir, "state.json", &rec, NULL);

	if (r == 0)
		r = rec.pid > 0 ? rt_open(rec.pid, rec.start_time, &box, NULL) : -ESRCH;
	if (r == 0) {
		f->root = open_root_of(rec.pid, err);
		r = proc_pidfd_wait(box.pidfd, 0) == 0 ? f->root : -ESRCH;
		fd_closep(&box.pidfd);
	}
	record_clear(&rec);
	if (r >= 0)
		return 1;
	fd_closep(&f->root);
	return r == -ESRCH || r == -ENOENT ? 0 : r;
}

/* ---- one at rest ---- */

struct rest {
	int data_dir, dir;
	const struct order *order;
	struct lowers lowers;
	int work;
	bool names_too;
	int *mounts;		/* one for each of the order's, -1 = it is not mounted here */
	int names[ORDER_FILES]; /* likewise */
};

static void rest_free(struct rest *r)
{
	for (size_t i = 0; r->mounts && i < r->order->spec.n_mounts; i++)
		fd_closep(&r->mounts[i]);
	free(r->mounts);
	for (size_t i = 0; i < ORDER_FILES; i++)
		fd_closep(&r->names[i]);
	lowers_close(&r->lowers);
	fd_closep(&r->work);
}

static int open_own(int dir, const char *name, mode_t mode, struct err *err)
{
	int fd;

	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make directory \"%s\"", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open directory \"%s\"", name) : fd;
}

static bool is_taken(const struct spec *s, const char *target)
{
	bool taken = false;

	for (size_t i = 0; i < s->n_mounts; i++)
		taken = taken || !strcmp(s->mounts[i].target, target) || !strcmp(s->mounts[i].target, "/etc");
	for (size_t i = 0; i < s->n_files; i++)
		taken = taken || !strcmp(s->files[i].target, target);
	return taken;
}

/* Clients take them from a container that never ran, too: the places are made as its start would do it. */
static void make_places(const struct rest *r, int root)
{
	fd_cleanup int etc = fs_mkdirs_in(root, "etc", 0755, FS_IN_ROOT, NULL);

	for (size_t i = 0; i < ORDER_FILES && etc >= 0; i++) {
		const int flags = O_WRONLY | O_CREAT | O_EXCL;
		int fd;

		if (is_taken(&r->order->spec, order_files[i].target))
			continue;
		fd = fs_open_in(root, order_files[i].target, flags, 0644, FS_IN_ROOT, NULL);
		fd_closep(&fd);
	}
}

/* What is written by us must last: the mark that nothing is synced would keep the container from ever starting again. */
static int overlay(const struct rest *r, struct files *f, struct err *err)
{
	int fd = rt_overlay(r->lowers.v, r->lowers.n, f->upper, r->work, err);

	(void)unlinkat(r->work, "work/incompat/volatile/dirty", 0);
	(void)unlinkat(r->work, "work/incompat/volatile", AT_REMOVEDIR);
	if (fd >= 0 && r->names_too)
		make_places(r, fd);
	if (fd >= 0 && f->read_only && mount_change(fd, false, MOUNT_ATTR_RDONLY, -1, err) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int copy_mount(const struct rest *r, const struct spec_mount *m, struct err *err)
{
	const struct volume_mount v = {.name = m->source,
				       .subpath = m->subpath,
				       .target = m->target,
				       .lowers = r->lowers.v,
				       .n_lowers = m->nocopy ? 0 : r->lowers.n};
	fd_cleanup int from = -1;
	bool loose = false;

	if (m->type == SPEC_VOLUME)
		from = volume_open(r->data_dir, &v, &loose, err);
	else
		from = open(m->source, O_PATH | O_CLOEXEC);
	/* A source that has gone is the next start's problem. */
	if (from < 0 || loose)
		return fd_take(&from);
	return mount_copy(from, "", true, m->read_only ? MOUNT_ATTR_RDONLY : 0, -1, err);
}

static int copy_name(const struct rest *r, const struct order_file *file, struct err *err)
{
	fd_cleanup int from = -1;

	if (is_taken(&r->order->spec, file->target))
		return -1;
	from = openat(r->dir, file->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	/* Before the first start there is none. */
	return from < 0 ? -1 : mount_copy(from, "", true, r->order->spec.read_only ? MOUNT_ATTR_RDONLY : 0, -1, err);
}

/* Before the namespace: what is copied must be in ours. */
static void copy_mounts(struct rest *r)
{
	const struct spec *s = &r->order->spec;

	for (size_t i = 0; i < ORDER_FILES && r->names_too; i++)
		r->names[i] = copy_name(r, &order_files[i], NULL);

	r->mounts = mem_new_n(int, s->n_mounts + 1);
	for (size_t i = 0; i < s->n_mounts; i++)
		r->mounts[i] = s->mounts[i].type == SPEC_TMPFS ? -1 : copy_mount(r, &s->mounts[i], NULL);
}

static int own_namespace(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "keep mounts from spreading");
	return 0;
}

/* The place is resolved in the root, as the container's start would do it; where none is, none is made. */
static void put_mount(const struct files *f, int mount, const char *target)
{
	fd_cleanup int place = -1;
	struct stat a, b;

	if (mount < 0)
		return;
	place = fs_open_in(f->root, target, O_PATH, 0, FS_IN_ROOT, NULL);
	if (place < 0 && fstat(mount, &a) == 0 && S_ISDIR(a.st_mode) && !f->read_only)
		place = fs_mkdirs_in(f->root, target, 0755, FS_IN_ROOT, NULL);
	if (place >= 0 && fstat(mount, &a) == 0 && fstat(place, &b) == 0 && S_ISDIR(a.st_mode) == S_ISDIR(b.st_mode))
		(void)mount_put(mount, place, "", NULL);
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] && path[1] != '/';
	return n;
}

/* Shallow first: one below another must come after it. It is put on top of our own "/", where no path of ours leads. */
static int put_all(const struct rest *r, struct files *f, struct err *err)
{
	const struct spec *s = &r->order->spec;
	size_t deepest = 0;
	int code = own_namespace(err);

	if (code == 0)
		code = mount_put(f->root, AT_FDCWD, "/", err);
	for (size_t i = 0; i < s->n_mounts; i++)
		deepest = depth(s->mounts[i].target) > deepest ? depth(s->mounts[i].target) : deepest;
	for (size_t d = 0; code == 0 && d <= deepest; d++) {
		for (size_t i = 0; i < s->n_mounts; i++) {
			if (depth(s->mounts[i].target) == d)
				put_mount(f, r->mounts[i], s->mounts[i].target);
		}
	}
	for (size_t i = 0; code == 0 && i < ORDER_FILES; i++)
		put_mount(f, r->names[i], order_files[i].target);
	return code;
}

static bool any_mount(const struct rest *r)
{
	bool any = r->order->spec.n_mounts > 0;

	for (size_t i = 0; i < ORDER_FILES; i++)
		any = any || r->names[i] >= 0;
	return any;
}

static int put_together(struct rest *r, struct files *f, struct err *err)
{
	int code = lowers_open(r->data_dir, r->order, &r->lowers, err);

	if (code == 0)
		code = f->upper = open_own(r->dir, "upper", 0755, err);
	if (code >= 0)
		code = r->work = open_own(r->dir, "work", 0700, err);
	if (code < 0)
		return code;
	copy_mounts(r);
	f->root = overlay(r, f, err);
	if (f->root < 0)
		return f->root;
	return any_mount(r) ? put_all(r, f, err) : 0;
}

static int open_resting(int data_dir, int dir, const struct order *o, bool names, struct files *f, struct err *err)
{
	struct rest r = {.data_dir = data_dir, .dir = dir, .order = o, .work = -1, .names_too = names};
	int code;

	for (size_t i = 0; i < ORDER_FILES; i++)
		r.names[i] = -1;
	code = put_together(&r, f, err);

	rest_free(&r);
	return code;
}

/* ---- either ---- */

static int open_by_order(int data_dir, int dir, const struct order *o, bool names, struct files *f, struct err *err)
{
	int r;

	f->read_only = o->spec.read_only;
	r = open_running(dir, f, err);
	if (r == 0) {
		f->lock = files_lock(dir, err);
		/* Whoever had the lock may have started it. */
		r = f->lock < 0 ? f->lock : open_running(dir, f, err);
	}
	if (r < 0)
		return r;
	if (r == 0)
		return open_resting(data_dir, dir, o, names, f, err);
	fd_closep(&f->lock);
	f->running = true;
	f->shift = (uint32_t)o->userns_base;
	f->upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return 0;
}

int files_open(int data_dir, const char *id, bool names, struct files *ret, struct err *err)
{
	mem_cleanup char *path = mem_printf("containers/%s", id);
	fd_cleanup int dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct order order = {.doc = NULL};
	int r;

	*ret = (struct files)FILES_INIT;
	if (dir < 0)
		return dir;
	r = order_read(dir, &order, err);
	if (r == 0)
		r = open_by_order(data_dir, dir, &order, names, ret, err);
	order_free(&order);
	return r < 0 ? r : 0;
}
