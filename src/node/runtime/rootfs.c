/* SPDX-License-Identifier: Apache-2.0
 *
 * The root: an overlay of the layers, or one directory. It is made by the parent, whose descriptors belong to the parent's mount namespace (the
 * kernel refuses layers of another one), attached to nothing. The child puts it on top of its "/" and pivots into it.
 *
 * Kernels: Linux 6.13 takes layers as descriptors, 6.7 as one string each ("lowerdir+"); before that one string of at most 255 bytes holds
 * them all, so the names are kept short: plain numbers, relative to /proc/self/fd. Before 6.15 the layers must be attached somewhere.
 */
#include "node/runtime/caps.h"
#include "node/runtime/mount_api.h"
#include "node/runtime/rootless.h"
#include "node/runtime/setup.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LAYERS_MAX = 500, FD_PATH_MAX = 32, OLD_STRING_MAX = 255 };

/* The descriptors of one overlay; with shifted owners they are copies of the caller's. */
struct layers {
	int *lower;
	size_t n;
	int upper, work;
	int scratch; /* the mount that upper and work are in, when we made it: it lives as long as this descriptor; or -1 */
	bool owned, owned_upper;
};

static void layers_free(struct layers *l)
{
	for (size_t i = 0; l->owned && i < l->n; i++)
		fd_closep(&l->lower[i]);
	if (l->owned_upper) {
		fd_closep(&l->upper);
		fd_closep(&l->work);
	}
	fd_closep(&l->scratch);
	free(l->lower);
}

static int set_path(int context, const char *key, int fd)
{
	char path[FD_PATH_MAX];

	if (fsconfig(context, FSCONFIG_SET_FD, key, NULL, fd) == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fsconfig(context, FSCONFIG_SET_STRING, key, path, 0) < 0 ? -errno : 0;
}

/* Before Linux 6.5 overlay took any option and looked at it when the mount was made. */
static bool takes_any_option(void)
{
	fd_cleanup int context = fsopen("overlay", FSOPEN_CLOEXEC);

	return context >= 0 && fsconfig(context, FSCONFIG_SET_FLAG, "berth", NULL, 0) == 0;
}

static int add_lower(int context, int fd)
{
	if (fsconfig(context, FSCONFIG_SET_FD, "lowerdir+", NULL, fd) == 0)
		return 0;
	return takes_any_option() ? -EOPNOTSUPP : set_path(context, "lowerdir+", fd);
}

/* *ret_list: this kernel wants all of them in one list; nothing has been set. */
static int add_lowers(int context, const struct layers *l, bool *ret_list, struct err *err)
{
	*ret_list = l->n > 0 && add_lower(context, l->lower[0]) < 0;
	for (size_t i = 1; i < l->n && !*ret_list; i++) {
		int r = add_lower(context, l->lower[i]);

		if (r < 0)
			return err_sys(err, -r, "add layer %zu", i);
	}
	return 0;
}

static int add_upper(int context, const struct layers *l, struct err *err)
{
	int r = l->upper < 0 ? 0 : set_path(context, "upperdir", l->upper);

	if (r == 0 && l->upper >= 0)
		r = set_path(context, "workdir", l->work);
	return r < 0 ? err_sys(err, -r, "set the upper layer") : 0;
}

static int create(int context, const struct layers *l, struct err *err)
{
	char reason[256];
	int code;

	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		return 0;
	code = errno;
	mount_reason(context, reason, sizeof reason);
	return err_sys(err, code, "make an overlay of %zu layers%s%s", l->n, *reason ? " " : "", reason);
}

static int list_lowers(int context, const struct layers *l, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(OLD_STRING_MAX);

	for (size_t i = 0; i < l->n; i++)
		buf_printf(&text, "%s%d", i ? ":" : "", l->lower[i]);
	if (text.full)
		return err_set(err, E2BIG, "%zu layers are too many for a kernel before Linux 6.7", l->n);
	if (fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", buf_str(&text), 0) < 0)
		return err_sys(err, errno, "set the lower layers");
	return 0;
}

/* The names in a list are relative, and resolved when they are set (Linux 6.5) or when the mount is made: for both we stand where they are. */
static int create_with_list(int context, const struct layers *l, struct err *err)
{
	fd_cleanup int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (here < 0 || chdir("/proc/self/fd") < 0)
		return err_sys(err, errno, "change to /proc/self/fd");
	r = list_lowers(context, l, err);
	if (r == 0)
		r = create(context, l, err);
	if (fchdir(here) < 0 && r == 0)
		r = err_sys(err, errno, "change back to the working directory");
	return r;
}

static int plain_overlay(const struct setup *s, const struct layers *l, struct err *err)
{
	fd_cleanup int context = fsopen("overlay", FSOPEN_CLOEXEC);
	bool list = false;
	int fd, r;

	if (context < 0)
		return err_sys(err, errno, "open the file system type overlay");
	r = add_lowers(context, l, &list, err);
	if (r == 0)
		r = add_upper(context, l, err);
	if (r < 0)
		return r;
	/* What is thrown away afterwards need not be written to disk at the end. A leftover mark of the last use would refuse the mount. */
	if (s->spec->discard_upper && l->upper >= 0) {
		(void)unlinkat(l->work, "work/incompat/volatile/dirty", 0);
		(void)unlinkat(l->work, "work/incompat/volatile", AT_REMOVEDIR);
		(void)fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	}
	/* Its marks are trusted.* attributes, which only the machine's root may set; Linux 5.11 can use user.* instead. */
	if (rootless_inside())
		(void)fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	r = list ? create_with_list(context, l, err) : create(context, l, err);
	if (r < 0)
		return r;
	fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return fd < 0 ? err_sys(err, errno, "mount the overlay") : fd;
}

/* The one who makes an overlay is the one who writes to its upper for ever after, and an upper with shifted owners is the container's root's. */
static int shifted_overlay(const struct setup *s, const struct layers *l, struct err *err)
{
	int r, back;

	if (s->idmap < 0)
		return plain_overlay(s, l, err);
	r = caps_files_as(s->spec->userns_base, err);
	if (r == 0)
		r = plain_overlay(s, l, err);
	back = caps_files_as(0, r < 0 ? NULL : err);
	if (back < 0 && r >= 0)
		fd_closep(&r);
	return back < 0 ? back : r;
}

/* The root of a caller in a chroot is not the root of its mount namespace: pivot_root(2) would leave the host's tree behind the container's, where a
 * second process that joins the namespace (a health check) and anybody with CAP_SYS_CHROOT would find it. Joining the namespace that we
 * are in already takes us to its own root. */
static int leave_chroot(struct err *err)
{
	fd_cleanup int self = proc_pidfd_open(getpid());

	if (self < 0)
		return err_sys(err, -self, "open our own process");
	if (setns(self, CLONE_NEWNS) < 0)
		return err_sys(err, errno, "go to the root of the mount namespace");
	return 0;
}

/* In a mount namespace just born: mounts made here stay here. */
static int own_mounts(struct err *err)
{
	int r = leave_chroot(err);

	if (r < 0)
		return r;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? err_sys(err, errno, "keep mounts from spreading")
								     : 0;
}

static int attach_at(int place, unsigned number, int mount, struct err *err)
{
	char name[16];

	snprintf(name, sizeof name, "%u", number);
	if (mkdirat(place, name, 0755) < 0)
		return err_sys(err, errno, "make a directory for a layer");
	return mount_put(mount, place, name, err);
}

/* The layers are mounts of ours that are attached nowhere. */
static bool is_loose(const struct setup *s)
{
	return s->idmap >= 0 || s->spec->lower_loose;
}

static int attach_layers(const struct setup *s, const struct layers *l, struct err *err)
{
	fd_cleanup int place = -1;
	unsigned n = 0;
	int r = own_mounts(err);

	if (r == 0)
		r = place = mount_new("tmpfs", NULL, 0, err);
	if (r >= 0)
		r = mount_put(place, AT_FDCWD, "/", err);
	for (size_t i = 0; is_loose(s) && i < l->n && r == 0; i++)
		r = attach_at(place, n++, l->lower[i], err);
	return r == 0 && l->scratch >= 0 ? attach_at(place, n, l->scratch, err) : r;
}

struct apart {
	int fd; /* the overlay, or a negative errno */
	struct err err;
};

/* Before Linux 6.15 a layer must be attached in the mount namespace of the overlay's maker: a process with one of its own attaches ours there. It
 * shares our descriptors; the overlay, which keeps its layers, outlives it. */
static int overlay_apart(const struct setup *s, const struct layers *l, struct err *err)
{
	struct apart *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int r;

	if (a == MAP_FAILED)
		return err_sys(err, errno, "map a page");
	a->fd = -ECHILD;
	pid = proc_clone(CLONE_NEWNS | CLONE_FILES | CLONE_CLEAR_SIGHAND, -1, NULL);
	if (pid == 0) {
		r = attach_layers(s, l, &a->err);
		a->fd = r < 0 ? r : shifted_overlay(s, l, &a->err);
		_exit(0);
	}
	if (pid < 0)
		r = err_sys(err, -pid, "make a process to mount the layers");
	else if (waitpid(pid, NULL, 0) < 0 || a->fd == -ECHILD)
		r = err_set(err, ECHILD, "the process that mounts the layers did not end well");
	else
		r = a->fd;
	if (err && a->err.code)
		*err = a->err;
	(void)munmap(a, sizeof *a);
	return r;
}

static int overlay(const struct setup *s, const struct layers *l, struct err *err)
{
	bool loose = is_loose(s) || l->scratch >= 0;
	int fd = shifted_overlay(s, l, err);

	if (fd != -EINVAL || !loose)
		return fd;
	err_clear(err);
	return overlay_apart(s, l, err);
}

static int open_dir(int at, const char *name, uid_t owner)
{
	if (mkdirat(at, name, 0755) < 0 || fchownat(at, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* An upper in memory, so that mount points can be made in a read-only root. Its directories belong to the container's root: a tmpfs can be
 * mapped only since Linux 6.3. */
static int scratch_upper(const struct setup *s, struct layers *l, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0755"}, {"size", "1m"}, {NULL, NULL}};
	uid_t owner = s->idmap < 0 ? 0 : s->spec->userns_base;
	int r = l->scratch = mount_new("tmpfs", options, 0, err);

	if (r < 0)
		return r;
	l->owned_upper = true;
	l->upper = open_dir(l->scratch, "upper", owner);
	l->work = open_dir(l->scratch, "work", owner);
	if (l->upper < 0 || l->work < 0)
		return err_sys(err, errno, "make a directory in the scratch layer");
	return 0;
}

/* Nobody else has this mount, and before Linux 6.15 one that is attached nowhere cannot be copied. */
static int shift_own(const struct setup *s, int mount, struct err *err)
{
	int r = mount_own(mount, false, 0, s->idmap, err), copy;

	if (r < 0)
		return r;
	copy = fcntl(mount, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? err_sys(err, errno, "copy the descriptor of a mount") : copy;
}

static int shift_layers(const struct setup *s, struct layers *l, struct err *err)
{
	mem_cleanup int *from = mem_dup(l->lower, l->n * sizeof *from);

	l->owned = true;
	for (size_t i = 0; i < l->n; i++)
		l->lower[i] = -1;
	for (size_t i = 0; i < l->n; i++) {
		l->lower[i] = s->spec->lower_loose ? shift_own(s, from[i], err)
						   : mount_copy(from[i], "", false, 0, s->idmap, err);
		if (l->lower[i] < 0)
			return l->lower[i];
	}
	return 0;
}

/* The kernel wants upper and work below one mount, so the copy is made of their parent, which must hold both. */
static int shift_upper(const struct setup *s, struct layers *l, struct err *err)
{
	char upper[FD_PATH_MAX], work[FD_PATH_MAX], upper_path[4096], work_path[4096], *name;
	fd_cleanup int parent = -1;
	ssize_t n, m;

	snprintf(upper, sizeof upper, "/proc/self/fd/%d", s->spec->upper_fd);
	snprintf(work, sizeof work, "/proc/self/fd/%d", s->spec->work_fd);
	n = readlink(upper, upper_path, sizeof upper_path - 1);
	m = readlink(work, work_path, sizeof work_path - 1);
	if (n <= 0 || m <= 0)
		return err_sys(err, errno, "find the place of the upper layer");
	upper_path[n] = work_path[m] = '\0';
	name = strrchr(upper_path, '/') + 1;
	parent = openat(s->spec->upper_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return err_sys(err, errno, "open the directory of the upper layer");
	l->scratch = mount_copy(parent, "", false, 0, s->idmap, err);
	if (l->scratch < 0)
		return l->scratch;
	l->owned_upper = true;
	l->upper = openat(l->scratch, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	l->work = openat(l->scratch, strrchr(work_path, '/') + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->upper < 0 || l->work < 0)
		return err_sys(err, errno,
			       "open upper and work side by side (with user_namespace they must be in one directory)");
	return 0;
}

/* Overlay refuses the same directory twice (ELOOP), but the chain of an image may have the same layer twice, an empty one mostly. What the
 * lower one says, the upper one says again: it is left out. */
static void add_lowers_once(struct layers *l, const int *fds, size_t n)
{
	mem_cleanup struct stat *seen = mem_new_n(struct stat, n + 1);

	l->lower = mem_new_n(int, n + 1);
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct stat *st = &seen[l->n];
		size_t k = 0;

		/* What cannot be looked at is the mount's to refuse. */
		if (fstat(fds[i], st) < 0)
			*st = (struct stat){.st_ino = 0};
		while (k < l->n && (seen[k].st_ino != st->st_ino || seen[k].st_dev != st->st_dev))
			k++;
		if (k == l->n || !st->st_ino)
			l->lower[l->n++] = fds[i];
	}
}

static int gather(const struct setup *s, struct layers *l, struct err *err)
{
	const struct rt_spec *spec = s->spec;
	int r = 0;

	*l = (struct layers){.upper = spec->upper_fd, .work = spec->work_fd, .scratch = -1};
	add_lowers_once(l, spec->lower_fds, spec->n_lower);
	if (s->idmap >= 0)
		r = shift_layers(s, l, err);
	if (r == 0 && s->idmap >= 0 && spec->upper_fd >= 0)
		r = shift_upper(s, l, err);
	return r;
}

/* Without an upper: in-memory scratch or, where that cannot be, the lowers alone, in which all mount points must exist. */
static int overlay_without_upper(struct setup *s, struct layers *l, struct err *err)
{
	int fd = scratch_upper(s, l, err);

	if (fd >= 0)
		fd = overlay(s, l, err);
	if (fd >= 0)
		return fd;
	fd_closep(&l->upper);
	fd_closep(&l->work);
	s->root_writable = false;
	if (l->n == 1)
		return mount_copy(s->spec->lower_fds[0], "", false, MOUNT_ATTR_NODEV, s->idmap, err);
	return overlay(s, l, err);
}

int rootfs_prepare(struct setup *s, struct err *err)
{
	const struct rt_spec *spec = s->spec;
	cleanup_with(layers_free) struct layers l = {.scratch = -1};
	int r;

	s->root_writable = true;
	if (spec->n_lower > LAYERS_MAX)
		return err_set(err, E2BIG, "%zu layers, %d are allowed", spec->n_lower, LAYERS_MAX);
	if (spec->n_lower == 0) {
		r = s->root = mount_copy(spec->root_fd, "", false, MOUNT_ATTR_NODEV, s->idmap, err);
		return r < 0 ? r : 0;
	}
	r = gather(s, &l, err);
	if (r == 0)
		r = s->root = l.upper < 0 ? overlay_without_upper(s, &l, err) : overlay(s, &l, err);
	return r < 0 ? r : 0;
}

int rt_overlay(const int *lower_fds, size_t n_lower, int upper_fd, int work_fd, struct err *err)
{
	const struct rt_spec spec = {.discard_upper = true, .upper_fd = upper_fd, .work_fd = work_fd};
	const struct setup s = {.spec = &spec, .idmap = -1};
	cleanup_with(layers_free) struct layers l = {.upper = upper_fd, .work = work_fd, .scratch = -1};

	if (n_lower == 0 || n_lower > LAYERS_MAX)
		return err_set(err, E2BIG, "%zu layers, 1 to %d are allowed", n_lower, LAYERS_MAX);
	add_lowers_once(&l, lower_fds, n_lower);
	/* Overlay wants two. */
	if (l.n == 1 && upper_fd < 0)
		return mount_copy(l.lower[0], "", false, MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY, -1, err);
	return plain_overlay(&s, &l, err);
}

int rootfs_leave_host(struct setup *s, struct err *err)
{
	(void)s;
	return own_mounts(err);
}

int rootfs_attach(struct setup *s, struct err *err)
{
	return mount_put(s->root, AT_FDCWD, "/", err);
}

/* The same directory in our copy of the host's mounts: a descriptor from before is of the host's own, where nothing can be put on it. */
static int open_again(int fd)
{
	char link[FD_PATH_MAX], path[4096];
	struct stat a, b;
	ssize_t n;
	int again;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (again < 0 || (fstat(fd, &a) == 0 && fstat(again, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino))
		return again;
	close(again);
	return -1;
}

int rootfs_attach_in_place(struct setup *s, struct err *err)
{
	fd_cleanup int place = open_again(s->spec->root_fd);

	return place < 0 ? rootfs_attach(s, err) : mount_put(s->root, place, "", err);
}

int rootfs_send(struct setup *s, struct err *err)
{
	int r = fd_send_msg(s->talk_parent, "r", 1, &s->root, 1);

	/* A child that has failed says why itself. */
	return r < 0 && r != -EPIPE && r != -ECONNRESET ? err_sys(err, -r, "hand the root over") : 0;
}

int rootfs_receive(struct setup *s, struct err *err)
{
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t n;
	char c = 0;

	do {
		n = fd_recv_msg(s->talk, &c, 1, fds, &n_fds);
	} while (n == -EINTR);
	if (n != 1 || c != 'r' || n_fds != 1) {
		for (size_t i = 0; n > 0 && i < n_fds; i++)
			close(fds[i]);
		return err_set(err, ECANCELED, "the parent gave up");
	}
	s->root = fds[0];
	return 0;
}

/* pivot_root(2): with new root and old root both ".", the old one ends on top of the new one and is then taken off. */
int rootfs_enter(struct setup *s, struct err *err)
{
	bool read_only = s->spec->read_only || (s->spec->n_lower > 0 && s->spec->upper_fd < 0);

	if (fchdir(s->root) < 0)
		return err_sys(err, errno, "change to the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(err, errno, "detach the host's root");
	if (chdir("/") < 0)
		return err_sys(err, errno, "change to the new root");
	return read_only ? mount_change(s->root, false, MOUNT_ATTR_RDONLY, -1, err) : 0;
}
