/* SPDX-License-Identifier: Apache-2.0
 *
 * One directory at a time is open, found again from the top by its path without links: so neither the depth of the tree nor who moves its parts
 * about meanwhile matters.
 */
#include "node/engine/tarball.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/image/tar_write.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OUT_SIZE (128u << 10)
#define PATH_LONGEST 4095
#define LINKS_MAX 1000000u /* files with several names that are remembered; more are written again */
#define WAITING_MAX 4000000u
#define SHIFT_RANGE 65536u
#define XATTRS_MAX 64u
#define XATTR_LIST 65536u
#define XATTR_VALUE 65536u

struct work {
	const struct tarball *t;
	const struct sink *to;
	int top; /* of a directory: itself */
	dev_t dev;
	dev_t plain;	  /* of a filesystem that is none of the kernel's; 0 = none was met */
	int fds;	  /* /proc/self/fd: walked to once, not for each file */
	struct map links; /* "dev:ino" -> name in the tar */
	char **waiting;	  /* directories, paths below the top */
	size_t n, cap;
	/* Small files are many: what is written to them goes out together. */
	char *out; /* of OUT_SIZE */
	size_t n_out;
	char *names; /* of extended attributes, of XATTR_LIST + 1 */
};

struct node {
	int dir;
	const char *name; /* in dir */
	const char *path; /* below the top, "" = the top */
	int fd;		  /* O_PATH, of what may be a regular file; -1 = none yet */
	struct stat st;
};

/* What has gone or become something else. */
static bool is_gone(int code)
{
	return code == ENOENT || code == ELOOP || code == ENOTDIR || code == ENXIO || code == EXDEV || code == ESTALE;
}

/* What the kernel shows as files, which are endless or mean nothing elsewhere. */
static bool is_kernels(int fd)
{
	static const unsigned types[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
					 DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,	SECURITYFS_MAGIC,
					 BPF_FS_MAGIC,	     0x19800202 /* mqueue */};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if ((unsigned)fs.f_type == types[i])
			return true;
	}
	return false;
}

static char *name_of(const struct work *w, const char *path)
{
	if (w->t->bare)
		return mem_strdup(path);
	if (!*path)
		return mem_strdup(w->t->as);
	return mem_printf("%s/%s", w->t->as, path);
}

static uint32_t owner(const struct work *w, uint32_t id)
{
	return id >= w->t->shift && id - w->t->shift < SHIFT_RANGE ? id - w->t->shift : id;
}

/* ---- what goes out ---- */

static int send_out(struct work *w, struct err *err)
{
	int r = w->n_out ? sink_write(w->to, w->out, w->n_out, err) : 0;

	w->n_out = 0;
	return r;
}

/* Where at least one byte fits; *ret_n = how many do. Who writes there counts n_out up. */
static int room(struct work *w, char **ret, size_t *ret_n, struct err *err)
{
	int r = w->n_out < OUT_SIZE ? 0 : send_out(w, err);

	*ret = w->out + w->n_out;
	*ret_n = OUT_SIZE - w->n_out;
	return r;
}

/* data = NULL: zeros. */
static int put(struct work *w, const void *data, uint64_t n, struct err *err)
{
	const char *from = data;
	int r = 0;

	while (r == 0 && n > 0) {
		char *to;
		size_t part;

		r = room(w, &to, &part, err);
		part = part < n ? part : (size_t)n;
		if (r < 0)
			break;
		if (from)
			memcpy(to, from, part);
		else
			memset(to, 0, part);
		from = from ? from + part : NULL;
		w->n_out += part;
		n -= part;
	}
	return r;
}

/* ---- one entry ---- */

static bool xattr_goes(const char *name)
{
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability");
}

static int by_xattr(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static void free_xattrs(struct tar_entry *e)
{
	struct tar_xattr *v = (struct tar_xattr *)e->xattrs;

	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(v[i].name);
		free(v[i].value);
	}
	free(v);
}

static void read_xattrs(const struct work *w, int fd, struct tar_entry *e)
{
	mem_cleanup char *value = NULL;
	struct tar_xattr *v = NULL;
	ssize_t n = flistxattr(fd, w->names, XATTR_LIST);

	w->names[n > 0 ? n : 0] = '\0';
	for (const char *name = w->names; n > 0 && name < w->names + n && e->n_xattrs < XATTRS_MAX;
	     name += strlen(name) + 1) {
		ssize_t len;

		if (!xattr_goes(name))
			continue;
		v = v ? v : mem_new_n(struct tar_xattr, XATTRS_MAX);
		value = value ? value : mem_zalloc(1, XATTR_VALUE);
		len = fgetxattr(fd, name, value, XATTR_VALUE);
		if (len >= 0)
			v[e->n_xattrs++] = (struct tar_xattr){
			    .name = mem_strdup(name), .value = mem_dup(value, len ? (size_t)len : 1), .n = (size_t)len};
	}
	if (e->n_xattrs > 1)
		qsort(v, e->n_xattrs, sizeof *v, by_xattr);
	e->xattrs = v;
}

static int write_header(struct work *w, const struct tar_entry *e, struct err *err)
{
	buf_cleanup struct buf head = BUF_INIT;
	int r = tar_write_header(&head, e, err);

	return r < 0 ? r : put(w, head.data, head.len, err);
}

static struct tar_entry entry_of(const struct work *w, const struct node *n, const char *name)
{
	struct tar_entry e = {
	    .name = name,
	    .mode = n->st.st_mode,
	    .uid = owner(w, n->st.st_uid),
	    .gid = owner(w, n->st.st_gid),
	    /* Whole seconds, as Docker's: what is simple needs no pax records, which not every reader knows. */
	    .mtime_s = n->st.st_mtim.tv_sec};

	if (S_ISCHR(n->st.st_mode) || S_ISBLK(n->st.st_mode)) {
		e.major = major(n->st.st_rdev);
		e.minor = minor(n->st.st_rdev);
	}
	return e;
}

static int write_content(struct work *w, int fd, uint64_t size, struct err *err)
{
	uint64_t left = size;
	int r = 0;

	while (r == 0 && left > 0) {
		char *to;
		size_t part;
		ssize_t n;

		r = room(w, &to, &part, err);
		if (r < 0)
			return r;
		n = read(fd, to, left < part ? (size_t)left : part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* the header has been written: what is missing are zeros */
		w->n_out += (size_t)n;
		left -= (uint64_t)n;
	}
	return r < 0 ? r : put(w, NULL, left + tar_padding(size), err);
}

static bool is_kernels_file(struct work *w, const struct node *n)
{
	if (n->st.st_dev != w->plain && is_kernels(n->fd))
		return true;
	w->plain = n->st.st_dev;
	return false;
}

static int look_at(struct node *n)
{
	if (n->fd < 0)
		n->fd = openat(n->dir, n->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return n->fd < 0 || fstat(n->fd, &n->st) < 0 ? -errno : 0;
}

/* First without opening it, then by what we hold: whatever it has become, only a regular file is opened. */
static int open_file(struct work *w, struct node *n)
{
	char number[16];
	int fd, r = n->fd < 0 ? look_at(n) : 0;

	if (r < 0)
		return r;
	if (!S_ISREG(n->st.st_mode) || is_kernels_file(w, n))
		return -ENOENT;
	snprintf(number, sizeof number, "%d", n->fd);
	fd = openat(w->fds, number, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_file(struct work *w, struct node *n, const char *name, struct err *err)
{
	fd_cleanup int fd = open_file(w, n);
	struct tar_entry e;
	int r;

	if (fd < 0)
		return is_gone(-fd) ? 0 : err_sys(err, -fd, "open \"%.200s\"", name);
	e = entry_of(w, n, name);
	e.size = (uint64_t)n->st.st_size;
	read_xattrs(w, fd, &e);
	r = write_header(w, &e, err);
	free_xattrs(&e);
	return r < 0 ? r : write_content(w, fd, e.size, err);
}

static int write_link(struct work *w, const struct node *n, const char *name, struct err *err)
{
	char target[PATH_LONGEST + 1];
	ssize_t len = readlinkat(n->dir, n->name, target, sizeof target - 1);
	struct tar_entry e = entry_of(w, n, name);

	if (len < 0)
		return is_gone(errno) || errno == EINVAL ? 0 : err_sys(err, errno, "read the link \"%.200s\"", name);
	target[len] = '\0';
	e.target = target;
	return write_header(w, &e, err);
}

/* 1 = it is another name of a file that was written before. */
static int write_other_name(struct work *w, const struct node *n, const char *name, struct err *err)
{
	struct tar_entry e = entry_of(w, n, name);
	char key[48];
	int r;

	if (n->st.st_nlink < 2 || !S_ISREG(n->st.st_mode))
		return 0;
	snprintf(key, sizeof key, "%llx:%llx", (unsigned long long)n->st.st_dev, (unsigned long long)n->st.st_ino);
	e.target = map_get(&w->links, key);
	if (!e.target) {
		if (w->links.n < LINKS_MAX)
			map_put(&w->links, key, mem_strdup(name));
		return 0;
	}
	e.hard_link = 1;
	r = write_header(w, &e, err);
	return r < 0 ? r : 1;
}

static int write_leaf(struct work *w, struct node *n, struct err *err)
{
	mem_cleanup char *name = name_of(w, n->path);
	struct tar_entry e;
	int r;

	/* A container's /dev is a mount of its own: its devices are nobody's files. */
	if (S_ISSOCK(n->st.st_mode) || ((S_ISCHR(n->st.st_mode) || S_ISBLK(n->st.st_mode)) && n->st.st_dev != w->dev))
		return 0;
	r = write_other_name(w, n, name, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(n->st.st_mode))
		return write_file(w, n, name, err);
	if (S_ISLNK(n->st.st_mode))
		return write_link(w, n, name, err);
	e = entry_of(w, n, name);
	return write_header(w, &e, err);
}

/* ---- directories ---- */

static int push(struct work *w, const char *path, struct err *err)
{
	if (w->n >= WAITING_MAX)
		return err_set(err, E2BIG, "more than %u directories wait to be read", WAITING_MAX);
	mem_grow(&w->waiting, &w->cap, w->n);
	w->waiting[w->n++] = mem_strdup(path);
	return 0;
}

static int write_node(struct work *w, struct node *n, bool file, struct err *err)
{
	int r = file ? look_at(n) : fstatat(n->dir, n->name, &n->st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;

	if (r < 0)
		return is_gone(-r) ? 0 : err_sys(err, -r, "look at \"%.200s\"", n->path);
	return S_ISDIR(n->st.st_mode) ? push(w, n->path, err) : write_leaf(w, n, err);
}

static int write_name(struct work *w, int dir, const char *above, const struct dirent *e, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s%s%s", above, *above ? "/" : "", e->d_name);
	struct node n = {.dir = dir, .name = e->d_name, .path = path, .fd = -1};
	int r;

	if (strlen(path) > PATH_LONGEST)
		return err_set(err, ENAMETOOLONG, "\"%.200s...\" is longer than %d bytes", path, PATH_LONGEST);
	r = write_node(w, &n, e->d_type == DT_REG, err);
	fd_closep(&n.fd);
	return r;
}

static int write_names(struct work *w, int dir, const char *path, struct err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		fd_closep(&copy);
		return err_sys(err, errno, "list \"%.200s\"", path);
	}
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = write_name(w, dir, path, e, err);
	}
	closedir(d);
	return r;
}

static int write_dir_head(struct work *w, int fd, const char *path, const struct stat *st, struct err *err)
{
	mem_cleanup char *name = name_of(w, path);
	struct node n = {.path = path, .st = *st};
	struct tar_entry e = entry_of(w, &n, name);
	int r;

	if (w->t->bare && !*path)
		return 0;
	read_xattrs(w, fd, &e);
	r = write_header(w, &e, err);
	free_xattrs(&e);
	return r;
}

static int write_dir(struct work *w, const char *path, struct err *err)
{
	fd_cleanup int fd = fs_open_in(w->top, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	struct stat st;
	int r;

	if (fd < 0)
		return is_gone(-fd) && *path ? 0 : err_sys(err, -fd, "open directory \"%.200s\"", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at directory \"%.200s\"", path);
	r = write_dir_head(w, fd, path, &st, err);
	if (r < 0 || is_kernels(fd))
		return r;
	return write_names(w, fd, path, err);
}

static int write_tree(struct work *w, struct err *err)
{
	int r = push(w, "", err);

	while (r == 0 && w->n > 0) {
		mem_cleanup char *path = w->waiting[--w->n];

		r = write_dir(w, path, err);
	}
	return r;
}

static void work_free(struct work *w)
{
	for (struct map_slot *s = NULL; (s = map_next(&w->links, s));)
		free(s->value);
	map_free(&w->links);
	for (size_t i = 0; i < w->n; i++)
		free(w->waiting[i]);
	free(w->waiting);
	free(w->out);
	free(w->names);
	fd_closep(&w->top);
	fd_closep(&w->fds);
}

static int write_top(struct work *w, struct err *err)
{
	struct node n = {.dir = w->t->parent, .name = w->t->name, .path = "", .fd = -1};

	if (fstatat(n.dir, n.name, &n.st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at \"%.200s\"", n.name);
	w->dev = n.st.st_dev;
	if (!S_ISDIR(n.st.st_mode)) {
		int r = write_leaf(w, &n, err);

		fd_closep(&n.fd);
		return r;
	}
	w->top = openat(n.dir, n.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return w->top < 0 ? err_sys(err, errno, "open directory \"%.200s\"", n.name) : write_tree(w, err);
}

int tarball_write(const struct tarball *t, const struct sink *to, struct err *err)
{
	struct work w = {.t = t, .to = to, .top = -1, .links = MAP_INIT};
	struct err own = ERR_INIT;
	int r;

	w.fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.fds < 0)
		return err_sys(err ? err : &own, errno, "open /proc/self/fd");
	w.out = mem_zalloc(1, OUT_SIZE);
	w.names = mem_zalloc(1, XATTR_LIST + 1);
	r = write_top(&w, err ? err : &own);
	if (r == 0)
		r = put(&w, tar_zeros, sizeof tar_zeros, err ? err : &own);
	if (r == 0)
		r = send_out(&w, err ? err : &own);
	work_free(&w);
	return r;
}
