/* SPDX-License-Identifier: Apache-2.0
 *
 * The writable layer, read as overlay wrote it, beside a view of the image. It may change meanwhile: what has gone is left out.
 */
#include "node/engine/archive.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/lowers.h"
#include "node/engine/order.h"
#include "node/engine/tarball.h"
#include "node/image/pack.h"
#include "node/image/tar_write.h"
#include "node/image/usage.h"
#include "node/runtime/rootless.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CHANGES_MAX 1000000u
#define PATH_LONGEST 4095

struct view {
	int upper; /* -1 = there is none */
	int image;
	struct order order;
	struct lowers lowers;
};

static void view_close(struct view *v)
{
	fd_closep(&v->upper);
	fd_closep(&v->image);
	lowers_close(&v->lowers);
	order_free(&v->order);
}

/* merged: the image with the writable layer on top, which is a layer like the others then. */
static int open_image(struct view *v, bool merged, struct err *err)
{
	mem_cleanup int *all = mem_new_n(int, v->lowers.n + 1);
	size_t n = 0;

	if (merged && v->upper >= 0)
		all[n++] = v->upper;
	for (size_t i = 0; i < v->lowers.n; i++)
		all[n++] = v->lowers.v[i];
	if (n == 1)
		v->image = fcntl(all[0], F_DUPFD_CLOEXEC, 0);
	else
		v->image = rt_overlay(all, n, -1, -1, err);
	return n == 1 && v->image < 0 ? err_sys(err, errno, "open the image's files") : v->image < 0 ? v->image : 0;
}

static int view_open(int data_dir, const char *id, bool merged, struct view *v, struct err *err)
{
	mem_cleanup char *path = mem_printf("containers/%s", id);
	fd_cleanup int dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	int r;

	*v = (struct view){.upper = -1, .image = -1};
	if (dir < 0)
		return dir;
	r = order_read(dir, &v->order, err);
	if (r == 0)
		r = lowers_open(data_dir, &v->order, &v->lowers, err);
	v->upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r < 0 ? r : open_image(v, merged, err);
}

/* ---- changes ---- */

struct change {
	char *path; /* "/a/b" */
	int kind;
	bool weak; /* it is of our own making, unless something below it is not */
};

struct finder {
	struct view *v;
	struct change *found;
	size_t n, cap;
	char **waiting;
	size_t n_waiting, cap_waiting;
};

static bool is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	return !strncmp(path, above, n) && path[n] == '/';
}

/* Places that the start of a container makes, and the directories that lead there. */
static bool is_place(const struct spec *s, const char *path, bool or_above)
{
	static const char *const own[] = {
	    "/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv", "/etc/mtab"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (!strcmp(own[i], path) || (or_above && is_below(own[i], path)))
			return true;
	}
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (!strcmp(s->mounts[i].target, path) || (or_above && is_below(s->mounts[i].target, path)))
			return true;
	}
	for (size_t i = 0; i < s->n_files; i++) {
		if (!strcmp(s->files[i].target, path) || (or_above && is_below(s->files[i].target, path)))
			return true;
	}
	return false;
}

static int add(struct finder *f, int kind, const char *dir, const char *name, bool weak, struct err *err)
{
	if (f->n >= CHANGES_MAX)
		return err_set(err, E2BIG, "more than %u files were changed", CHANGES_MAX);
	mem_grow(&f->found, &f->cap, f->n);
	f->found[f->n++] = (struct change){.path = mem_printf("%s/%s", dir, name), .kind = kind, .weak = weak};
	return 0;
}

/* The thing of that name in the image; false = it has none. */
static bool in_image(const struct finder *f, const char *dir, const char *name, struct stat *ret)
{
	fd_cleanup int fd =
	    fs_open_in(f->v->image, *dir ? dir + 1 : ".", O_PATH | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);

	return fd >= 0 && fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool same_but_time(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return same_but_time(a, b) && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int judge(struct finder *f, const char *dir, const char *name, const struct stat *st, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s/%s", dir, name);
	const struct spec *s = &f->v->order.spec;
	struct stat old;
	bool was = in_image(f, dir, name, &old), both;

	if (S_ISCHR(st->st_mode) && st->st_rdev == 0)
		return was ? add(f, CHANGE_DELETED, dir, name, false, err) : 0;
	if (!was)
		return add(f, CHANGE_ADDED, dir, name,
			   is_place(s, path, S_ISDIR(st->st_mode)) && (!S_ISREG(st->st_mode) || st->st_size == 0), err);
	both = S_ISDIR(st->st_mode) && S_ISDIR(old.st_mode);
	if (both && same(st, &old))
		return 0;
	return add(f, CHANGE_MODIFIED, dir, name, both && same_but_time(st, &old) && is_place(s, path, true), err);
}

static bool is_opaque(int dir)
{
	char value;

	return fgetxattr(dir, "trusted.overlay.opaque", &value, 1) == 1 ? value == 'y'
	       : fgetxattr(dir, "user.overlay.opaque", &value, 1) == 1	? value == 'y'
									: false;
}

static int each_name(int dir, int (*fn)(struct finder *f, int dir, const char *path, const char *name, struct err *err),
		     struct finder *f, const char *path, struct err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		fd_closep(&copy);
		return err_sys(err, errno, "list \"%.200s\"", path);
	}
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(f, dir, path, e->d_name, err);
	}
	closedir(d);
	return r;
}

/* In an opaque directory of the writable layer, what the image alone has is gone. */
static int hidden_name(struct finder *f, int dir, const char *path, const char *name, struct err *err)
{
	fd_cleanup int upper = fs_open_in(f->v->upper, path + 1, O_PATH | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	struct stat st;

	(void)dir;
	if (upper < 0 || fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return add(f, CHANGE_DELETED, path, name, false, err);
}

static int hidden(struct finder *f, const char *path, struct err *err)
{
	fd_cleanup int fd = fs_open_in(f->v->image, path + 1, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);

	return fd < 0 ? 0 : each_name(fd, hidden_name, f, path, err);
}

static int upper_name(struct finder *f, int dir, const char *path, const char *name, struct err *err)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	r = judge(f, path, name, &st, err);
	if (r < 0 || !S_ISDIR(st.st_mode) || strlen(path) + strlen(name) + 1 > PATH_LONGEST)
		return r;
	mem_grow(&f->waiting, &f->cap_waiting, f->n_waiting);
	f->waiting[f->n_waiting++] = mem_printf("%s/%s", path, name);
	return 0;
}

static int look_into(struct finder *f, const char *path, struct err *err)
{
	fd_cleanup int fd =
	    fs_open_in(f->v->upper, *path ? path + 1 : ".", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	int r;

	if (fd < 0)
		return 0;
	r = each_name(fd, upper_name, f, path, err);
	return r == 0 && *path && is_opaque(fd) ? hidden(f, path, err) : r;
}

static int find_all(struct finder *f, struct err *err)
{
	int r = f->v->upper < 0 ? 0 : look_into(f, "", err);

	while (r == 0 && f->n_waiting > 0) {
		mem_cleanup char *path = f->waiting[--f->n_waiting];

		r = look_into(f, path, err);
	}
	return r;
}

/* A directory, then what is below it, then what comes after it. */
static int by_path(const void *a, const void *b)
{
	const unsigned char *p = (const unsigned char *)((const struct change *)a)->path;
	const unsigned char *q = (const unsigned char *)((const struct change *)b)->path;

	for (; *p && *p == *q; p++)
		q++;
	return (*p == '/' ? 1 : *p) - (*q == '/' ? 1 : *q);
}

static void drop_weak(struct finder *f)
{
	const char *kept = "";

	for (size_t i = f->n; i-- > 0;) {
		if (f->found[i].weak && !is_below(kept, f->found[i].path))
			f->found[i].kind = -1;
		else
			kept = f->found[i].path;
	}
}

static void finder_free(struct finder *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->found[i].path);
	for (size_t i = 0; i < f->n_waiting; i++)
		free(f->waiting[i]);
	free(f->found);
	free(f->waiting);
}

int changes_each(int data_dir, const char *id, change_fn fn, void *ctx, struct err *err)
{
	struct view v cleanup_with(view_close) = {.upper = -1, .image = -1};
	struct finder f cleanup_with(finder_free) = {.v = &v};
	int r = view_open(data_dir, id, false, &v, err);

	if (r == 0)
		r = find_all(&f, err);
	if (f.n > 0)
		qsort(f.found, f.n, sizeof *f.found, by_path);
	drop_weak(&f);
	for (size_t i = 0; i < f.n && r == 0; i++)
		r = f.found[i].kind < 0 ? 0 : fn(ctx, f.found[i].kind, f.found[i].path, err);
	return r;
}

/* ---- size, layer, export ---- */

int64_t changes_size(int data_dir, const char *id)
{
	mem_cleanup char *path = mem_printf("containers/%s", id);
	fd_cleanup int dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	struct usage_seen seen cleanup_with(usage_seen_free) = USAGE_SEEN_INIT;

	int64_t bytes = dir < 0 ? 0 : (int64_t)usage_files(dir, "upper", &seen);
	char target[sizeof "/proc/mounts"];

	/* A start makes it (kernel.c); nobody has written that. */
	if (bytes > 0 && readlinkat(dir, "upper/etc/mtab", target, sizeof target) == (ssize_t)sizeof target - 1 &&
	    !memcmp(target, "/proc/mounts", sizeof target - 1))
		bytes -= (int64_t)sizeof target - 1;
	return bytes;
}

int changes_layer(int data_dir, const char *id, const struct sink *to, struct err *err)
{
	mem_cleanup char *path = mem_printf("containers/%s/upper", id);
	fd_cleanup int upper = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct pack_options o = PACK_OPTIONS_INIT;
	struct packed_tree packed;

	o.whole_seconds = true;
	o.user_xattr = rootless_inside();
	if (upper != -ENOENT)
		return upper < 0 ? upper : pack_tree(upper, &o, NULL, to, &packed, err);
	/* It never ran: nothing differs. */
	err_clear(err);
	return sink_write(to, tar_zeros, sizeof tar_zeros, err);
}

int archive_export(int data_dir, const char *id, int out, struct err *err)
{
	struct view v cleanup_with(view_close) = {.upper = -1, .image = -1};
	struct tarball t = {.name = ".", .as = "", .bare = true};
	struct sink_fd file;
	struct sink to = sink_to_plain(&file);
	int r = view_open(data_dir, id, true, &v, err);

	if (r < 0)
		return r;
	t.parent = v.image;
	sink_fd_init(&file, out, "the archive");
	return tarball_write(&t, &to, err);
}
