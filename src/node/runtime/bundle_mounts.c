/* SPDX-License-Identifier: Apache-2.0
 *
 * "mounts" of an OCI configuration, in its order: each is made attached to nothing, its place is opened below the root's descriptor with links
 * resolved inside it, and the one is put on the other. A link swapped in by a neighbour on a shared volume changes nothing
 * (CVE-2021-30465), and nothing but proc comes over /proc (CVE-2019-16884, CVE-2025-52881).
 */
#include "node/runtime/bundle.h"
#include "node/runtime/copyup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

enum { MOUNTS_MAX = 4096, TARGET_MAX = 4096, MODE_MAX = 8 };

/* ---- attributes ---- */

static int change(int mount, bool recursive, const struct mount_attr *attr, const struct rt_fs *m, struct err *err)
{
	struct mount_attr a = *attr;

	/* The access time modes are one field: it is cleared before it is set. */
	if (a.attr_set & MOUNT_ATTR__ATIME)
		a.attr_clr |= MOUNT_ATTR__ATIME;
	if (!a.attr_set && !a.attr_clr && !a.propagation)
		return 0;
	if (mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof a) == 0)
		return 0;
	return err_sys(err, errno, "set the options of the mount%s",
		       m->rec_set | m->rec_clr ? " (recursive ones need Linux 5.12)" : "");
}

static int set_attributes(int mount, const struct rt_fs *m, uint64_t without, struct err *err)
{
	const struct mount_attr own = {.attr_set = m->attr_set & ~without, .attr_clr = m->attr_clr};
	const struct mount_attr all = {.attr_set = m->rec_set, .attr_clr = m->rec_clr};
	const struct mount_attr spread = {.propagation = m->propagation};
	int r = change(mount, false, &own, m, err);

	if (r == 0)
		r = change(mount, true, &all, m, err);
	return r < 0 ? r : change(mount, m->propagation_recursive, &spread, m, err);
}

/* ---- the parent: bind mounts ---- */

static int shift_owners(struct setup *s, int mount, const struct rt_fs *m, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	fd_cleanup int map = -1;

	if (m->n_uid_maps || m->n_gid_maps)
		map = ns_open_map(m->uid_maps, m->n_uid_maps, m->gid_maps, m->n_gid_maps, err);
	else if (m->idmap_container && box->ns[RT_NS_USER].fd >= 0)
		map = fcntl(box->ns[RT_NS_USER].fd, F_DUPFD_CLOEXEC, 3);
	else if (m->idmap_container)
		map = ns_open_map(box->uid_maps, box->n_uid_maps, box->gid_maps, box->n_gid_maps, err);
	else
		return 0;
	if (map < 0)
		return map;
	return mount_change(mount, m->idmap_recursive, 0, map, err);
}

/* A copy of a shared mount is its peer: what the container mounts there would show on the host. Only who asks for it gets that. */
static int leave_peers(int mount, const struct rt_fs *m, struct err *err)
{
	struct mount_attr attr = {.propagation = m->propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE};

	if (m->propagation == MS_SHARED)
		return 0;
	if (mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "make the mount private");
	return 0;
}

static int prepare_bind(struct setup *s, const struct rt_fs *m, struct err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (m->recursive ? AT_RECURSIVE : 0);
	fd_cleanup int fd = m->loose ? fcntl(m->source_fd, F_DUPFD_CLOEXEC, 3) : open_tree(m->source_fd, "", flags);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "copy the mount of \"%s\"", m->source);
	r = leave_peers(fd, m, err);
	if (r == 0)
		r = shift_owners(s, fd, m, err);
	if (r == 0)
		r = set_attributes(fd, m, 0, err);
	return r < 0 ? r : fd_take(&fd);
}

int bundle_mounts_prepare(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;

	if (box->n_mounts > MOUNTS_MAX)
		return err_set(err, E2BIG, "%zu mounts, %d are allowed", box->n_mounts, MOUNTS_MAX);
	for (size_t i = 0; i < box->n_mounts; i++) {
		const struct rt_fs *m = &box->mounts[i];

		if (m->type != RT_FS_BIND)
			continue;
		s->volumes[i] = prepare_bind(s, m, err);
		if (s->volumes[i] < 0)
			return err_wrap(err, "mount for %s", m->target);
	}
	return 0;
}

/* ---- the child ---- */

/* Where the kernel refuses a new one because the namespace that it shows belongs to somebody else, the host's view is all there is. */
static const struct {
	const char *type, *host;
} stand_ins[] = {{"proc", "/proc"}, {"sysfs", "/sys"}};

static int stand_in(const char *type)
{
	for (size_t i = 0; i < sizeof stand_ins / sizeof *stand_ins; i++) {
		if (!strcmp(type, stand_ins[i].type))
			return open_tree(AT_FDCWD, stand_ins[i].host,
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	}
	errno = EPERM;
	return -1;
}

static bool takes_label(const char *type)
{
	return !strcmp(type, "tmpfs") || !strcmp(type, "mqueue") || !strcmp(type, "devpts") || !strcmp(type, "sysfs");
}

/* A tmpfs without a mode of its own has that of the directory it covers, if the image has one there: what may be written stays so. An option, so
 * that it can be seen in mountinfo. Returns `text`, or NULL. */
static const char *inherited_mode(const struct setup *s, const struct rt_fs *m, char text[static MODE_MAX])
{
	struct err missing = ERR_INIT;
	fd_cleanup int place = -1;
	struct stat st;

	if (strcmp(m->fs_type, "tmpfs") != 0)
		return NULL;
	for (const struct rt_fs_option *o = m->options; o && o->key; o++) {
		if (!strcmp(o->key, "mode"))
			return NULL;
	}
	place = fs_open_in(s->root, m->target, O_PATH | O_DIRECTORY, 0, FS_IN_ROOT, &missing);
	if (place < 0 || fstat(place, &st) < 0)
		return NULL;
	snprintf(text, MODE_MAX, "%o", (unsigned)st.st_mode & 07777);
	return text;
}

/* The options of the configuration, its source and the label, as one list. */
static struct mount_option *gather_options(const struct setup *s, const struct rt_fs *m, const char *mode)
{
	const char *label = s->spec->box->mount_label;
	struct mount_option *all;
	size_t n = 0, i = 0;

	while (m->options && m->options[n].key)
		n++;
	all = mem_new_n(struct mount_option, n + 4);
	for (; i < n; i++)
		all[i] = (struct mount_option){m->options[i].key, m->options[i].value};
	if (m->source && *m->source)
		all[i++] = (struct mount_option){"source", m->source};
	if (label && *label && takes_label(m->fs_type))
		all[i++] = (struct mount_option){"context", label};
	if (mode)
		all[i++] = (struct mount_option){"mode", mode};
	all[i] = (struct mount_option){NULL, NULL};
	return all;
}

/* Read-only comes at the end (bundle_mounts_seal): places for other mounts may have to be made in it. */
static int make_new(const struct setup *s, const struct rt_fs *m, struct err *err)
{
	char mode[MODE_MAX];
	mem_cleanup struct mount_option *options = gather_options(s, m, inherited_mode(s, m, mode));
	struct err why = ERR_INIT;
	fd_cleanup int fd = mount_new(m->fs_type, options, m->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY, &why);
	int r;

	if (fd == -EPERM)
		fd = stand_in(m->fs_type);
	if (fd < 0)
		return err_set(err, why.code, "%s", why.text);
	r = set_attributes(fd, m, MOUNT_ATTR_RDONLY, err);
	return r < 0 ? r : fd_take(&fd);
}

static const char *last_of(const char *path, char clean[static TARGET_MAX])
{
	size_t n = 0;

	/* "//proc/" and "/./proc" are /proc. */
	while (*path && n + 2 < TARGET_MAX) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && *path == '.')) {
			path += len;
			continue;
		}
		if (n + len + 2 > TARGET_MAX)
			break;
		clean[n++] = '/';
		memcpy(clean + n, path, len);
		n += len;
		path += len;
	}
	clean[n] = '\0';
	return clean;
}

/* What lxcfs and the like may put over single files of /proc; the list that runc and crun have. */
static const char *const in_proc[] = {
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
    "/proc/net/dev",
};

static bool is_on(int fd, long type)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == type;
}

static bool is_proc_mount(const struct rt_fs *m, int mount)
{
	return m->type == RT_FS_NEW ? !strcmp(m->fs_type, "proc") : mount >= 0 && is_on(mount, PROC_SUPER_MAGIC);
}

static int check_place(int root, int place, int mount, const struct rt_fs *m, struct err *err)
{
	char clean[TARGET_MAX];
	struct stat a, b;

	(void)last_of(m->target, clean);
	if (fstat(root, &a) < 0 || fstat(place, &b) < 0)
		return err_sys(err, errno, "stat the place of the mount");
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_set(err, EINVAL, "the target is the root itself");
	if (!strcmp(clean, "/proc") && !is_proc_mount(m, mount))
		return err_set(err, EPERM, "only proc can be mounted on /proc");
	if (!is_on(place, PROC_SUPER_MAGIC) || is_proc_mount(m, mount))
		return 0;
	for (size_t i = 0; i < sizeof in_proc / sizeof *in_proc; i++) {
		if (!strcmp(clean, in_proc[i]))
			return 0;
	}
	return err_set(err, EPERM, "the target is inside /proc");
}

/* What shows the kernel must stand where programs look for it, not where a link of the image leads. */
static bool wants_plain_place(const struct rt_fs *m)
{
	return m->type == RT_FS_CGROUP ||
	       (m->type == RT_FS_NEW && (!strcmp(m->fs_type, "proc") || !strcmp(m->fs_type, "sysfs")));
}

static int open_place(int root, const struct rt_fs *m, int mount, struct err *err)
{
	struct stat st = {.st_mode = S_IFDIR};

	if (wants_plain_place(m))
		return fs_mkdirs_in(root, m->target + strspn(m->target, "/"), 0755, FS_NO_SYMLINKS, err);
	if (mount >= 0 && fstat(mount, &st) < 0)
		return err_sys(err, errno, "stat the mount");
	return mounts_open_target(root, m->target, S_ISDIR(st.st_mode), err);
}

static int fill(int mount, int place, const struct rt_fs *m, struct err *err)
{
	fd_cleanup int from = -1;

	if (!m->copy_up)
		return 0;
	from = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, errno, "open what the image has there");
	return copyup(from, mount, err);
}

static int attach(struct setup *s, size_t i, struct err *err)
{
	const struct rt_fs *m = &s->spec->box->mounts[i];
	fd_cleanup int place = -1;
	int r;

	if (m->type == RT_FS_NEW)
		s->volumes[i] = make_new(s, m, err);
	if (m->type != RT_FS_CGROUP && s->volumes[i] < 0)
		return s->volumes[i];
	place = open_place(s->root, m, s->volumes[i], err);
	if (place < 0)
		return place;
	r = check_place(s->root, place, s->volumes[i], m, err);
	if (r < 0)
		return r;
	if (m->type == RT_FS_CGROUP)
		return bundle_cgroup_mount(s, m, place, err);
	r = fill(s->volumes[i], place, m, err);
	return r < 0 ? r : mount_put(s->volumes[i], place, "", err);
}

int bundle_mounts_attach(struct setup *s, struct err *err)
{
	for (size_t i = 0; i < s->spec->box->n_mounts; i++) {
		int r = attach(s, i, err);

		if (r < 0)
			return err_wrap(err, "%s", s->spec->box->mounts[i].target);
	}
	return 0;
}

int bundle_mounts_seal(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < box->n_mounts; i++) {
		const struct rt_fs *m = &box->mounts[i];
		int r;

		if (m->type != RT_FS_NEW || !(m->attr_set & MOUNT_ATTR_RDONLY))
			continue;
		r = change(s->volumes[i], false, &attr, m, err);
		if (r < 0)
			return err_wrap(err, "%s", m->target);
	}
	return 0;
}
