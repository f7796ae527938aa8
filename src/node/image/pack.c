/* SPDX-License-Identifier: Apache-2.0
 *
 * One directory at a time: it is opened by its path (openat2 without links), its files are written, it is closed, and its directories
 * follow. So the number of open files does not depend on the depth of the tree, which somebody else decides.
 */
#include "node/image/pack.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/image/tar_record.h"
#include "node/image/tar_write.h"
#include "node/image/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define COPY_SIZE (128u << 10)
#define BYTES_DEFAULT (64ull << 30)
#define NAMES_MAX 5000000u /* in one directory: their list is in memory */
#define LIST_MAX 65536u
#define XATTR_MAX 65536u
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct pack {
	int tree;
	const struct pack_options *o;
	struct tar_record *rec;
	const struct sink *to;
	struct map links; /* "dev:ino" of files with several names -> the first of them */
	struct packed_tree done;
	char *copy;
};

/* What one entry is made of. */
struct item {
	const char *path, *name; /* below the top; in its directory (at) */
	int at;
	struct stat st;
	struct tar_xattr *xattrs;
	size_t n_xattrs, cap_xattrs;
	char opaque; /* overlay.opaque, 0 = none */
	bool whiteout;
};

struct names {
	char **v;
	size_t n, cap;
};

static void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void item_free(struct item *i)
{
	for (size_t n = 0; n < i->n_xattrs; n++) {
		free(i->xattrs[n].name);
		free(i->xattrs[n].value);
	}
	free(i->xattrs);
}

static int emit(struct pack *p, const void *data, size_t n, struct err *err)
{
	uint64_t limit = p->o->bytes_limit ? p->o->bytes_limit : BYTES_DEFAULT;

	p->done.size += n;
	if (p->done.size > limit)
		return err_set(err, EFBIG, "the layer is larger than the limit of %llu bytes",
			       (unsigned long long)limit);
	return sink_write(p->to, data, n, err);
}

static int literal(struct pack *p, const void *data, size_t n, struct err *err)
{
	int r = p->rec ? tar_record_literal(p->rec, data, n, err) : 0;

	return r < 0 ? r : emit(p, data, n, err);
}

static void item_time(const struct pack *p, const struct stat *st, struct timespec *ret)
{
	*ret = st->st_mtim;
	if (p->o->whole_seconds || ret->tv_sec < 0)
		ret->tv_nsec = 0;
	if (p->o->epoch >= 0 && ret->tv_sec >= p->o->epoch)
		*ret = (struct timespec){.tv_sec = p->o->epoch};
}

static int write_entry(struct pack *p, const struct tar_entry *e, struct err *err)
{
	struct buf head buf_cleanup = BUF_INIT;
	int r = tar_write_header(&head, e, err);

	p->done.n_files++;
	return r < 0 ? r : literal(p, head.data, head.len, err);
}

static struct tar_entry entry_of(const struct pack *p, const struct item *i)
{
	struct timespec time;

	item_time(p, &i->st, &time);
	return (struct tar_entry){
	    .name = i->path,
	    .mode = i->st.st_mode,
	    .uid = i->st.st_uid,
	    .gid = i->st.st_gid,
	    .mtime_s = time.tv_sec,
	    .mtime_ns = time.tv_nsec,
	    .xattrs = i->xattrs,
	    .n_xattrs = i->n_xattrs,
	};
}

/* ---- extended attributes ---- */

static ssize_t get_xattr(int fd, const char *name, char **ret, struct err *err)
{
	mem_cleanup char *value = mem_zalloc(1, XATTR_MAX);
	ssize_t n = fgetxattr(fd, name, value, XATTR_MAX);

	if (n < 0)
		return err_sys(err, errno, "read the extended attribute \"%.200s\"", name);
	*ret = mem_dup(value, n ? (size_t)n : 1);
	return n;
}

static int overlay_mark(struct item *i, int fd, const char *key, const char *name, struct err *err)
{
	mem_cleanup char *value = NULL;
	ssize_t n = get_xattr(fd, name, &value, err);

	if (n < 0)
		return (int)n;
	if (!strcmp(key, "opaque"))
		i->opaque = n == 1 ? value[0] : '\0';
	else if (!strcmp(key, "whiteout"))
		i->whiteout = true;
	else if (!strcmp(key, "redirect") || !strcmp(key, "metacopy"))
		return err_set(err, EINVAL, "overlay's attribute \"%.200s\" cannot be in a layer", name);
	return 0;
}

static bool goes_along(const char *name)
{
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability");
}

static int add_xattr(struct pack *p, struct item *i, int fd, const char *name, struct err *err)
{
	const char *overlay = p->o->user_xattr ? "user.overlay." : "trusted.overlay.";
	char *value = NULL;
	ssize_t n;

	if (!strncmp(name, overlay, strlen(overlay)))
		return overlay_mark(i, fd, name + strlen(overlay), name, err);
	if (!goes_along(name)) {
		p->done.n_xattrs_dropped++;
		return 0;
	}
	n = get_xattr(fd, name, &value, err);
	if (n < 0)
		return (int)n;
	mem_grow(&i->xattrs, &i->cap_xattrs, i->n_xattrs);
	i->xattrs[i->n_xattrs++] = (struct tar_xattr){.name = mem_strdup(name), .value = value, .n = (size_t)n};
	return 0;
}

static int by_xattr(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_xattrs(struct pack *p, struct item *i, int fd, struct err *err)
{
	mem_cleanup char *list = mem_zalloc(1, LIST_MAX + 1);
	ssize_t n = flistxattr(fd, list, LIST_MAX);

	if (n < 0 && errno == ENOTSUP)
		return 0;
	if (n < 0)
		return err_sys(err, errno, "list the extended attributes");
	for (const char *name = list; name < list + n; name += strlen(name) + 1) {
		int r = add_xattr(p, i, fd, name, err);

		if (r < 0)
			return r;
	}
	if (i->n_xattrs > 1)
		qsort(i->xattrs, i->n_xattrs, sizeof *i->xattrs, by_xattr);
	return 0;
}

/* ---- entries ---- */

static int whiteout(struct pack *p, const struct item *i, const char *dir, const char *name, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s%s%s", dir, *dir ? "/" : "", name);
	struct tar_entry e = entry_of(p, i);

	e.name = path;
	e.mode = S_IFREG;
	e.n_xattrs = 0;
	/* Nothing of what overlay's device node says means anything: not its time either */
	e.uid = e.gid = 0;
	e.mtime_s = 0;
	e.mtime_ns = 0;
	return write_entry(p, &e, err);
}

static int whiteout_of(struct pack *p, const struct item *i, struct err *err)
{
	mem_cleanup char *name = mem_printf(WHITEOUT "%s", i->name);
	size_t len = strlen(i->path) - strlen(i->name);
	mem_cleanup char *dir = mem_strndup(i->path, len ? len - 1 : 0);

	if (strlen(name) > TREE_NAME_MAX)
		return err_set(err, ENAMETOOLONG, "the name is too long to be marked as removed");
	return whiteout(p, i, dir, name, err);
}

static int copy_content(struct pack *p, const struct item *i, int fd, struct err *err)
{
	uint64_t left = (uint64_t)i->st.st_size;
	int r = p->rec && left ? tar_record_file(p->rec, i->path, i->st.st_ino, err) : 0;

	if (r == 0 && p->rec && left)
		r = tar_record_piece(p->rec, 0, left, err);
	while (r == 0 && left > 0) {
		ssize_t n = read(fd, p->copy, left < COPY_SIZE ? left : COPY_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read");
		if (n == 0)
			return err_set(err, EBUSY, "the file became shorter while it was read");
		r = emit(p, p->copy, (size_t)n, err);
		left -= (uint64_t)n;
	}
	return r < 0 ? r : literal(p, tar_zeros, tar_padding((uint64_t)i->st.st_size), err);
}

static int pack_file(struct pack *p, struct item *i, int in_opaque, struct err *err)
{
	fd_cleanup int fd = openat(i->at, i->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct tar_entry e;
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open");
	if (fstat(fd, &st) < 0 || st.st_ino != i->st.st_ino || !S_ISREG(st.st_mode) || st.st_size != i->st.st_size)
		return err_set(err, EBUSY, "the file changed while it was read");
	r = read_xattrs(p, i, fd, err);
	if (r < 0)
		return r;
	if (i->whiteout && in_opaque == 'x' && st.st_size == 0)
		return whiteout_of(p, i, err);
	e = entry_of(p, i);
	e.size = (uint64_t)st.st_size;
	r = write_entry(p, &e, err);
	return r < 0 ? r : copy_content(p, i, fd, err);
}

static int pack_symlink(struct pack *p, struct item *i, struct err *err)
{
	char target[TREE_PATH_MAX + 2];
	ssize_t n = readlinkat(i->at, i->name, target, sizeof target - 1);
	struct tar_entry e = entry_of(p, i);

	if (n < 0)
		return err_sys(err, errno, "read the link");
	target[n] = '\0';
	e.target = target;
	return write_entry(p, &e, err);
}

/* 1 = the file is another name of one that was packed before, and its entry is written. */
static int pack_link(struct pack *p, struct item *i, struct err *err)
{
	struct tar_entry e = entry_of(p, i);
	char key[48];
	int r;

	if (i->st.st_nlink < 2)
		return 0;
	snprintf(key, sizeof key, "%llx:%llx", (unsigned long long)i->st.st_dev, (unsigned long long)i->st.st_ino);
	e.target = map_get(&p->links, key);
	if (!e.target) {
		map_put(&p->links, key, mem_strdup(i->path));
		return 0;
	}
	e.hard_link = 1;
	r = write_entry(p, &e, err);
	return r < 0 ? r : 1;
}

static int pack_other(struct pack *p, struct item *i, struct err *err)
{
	struct tar_entry e = entry_of(p, i);

	if (S_ISCHR(i->st.st_mode) || S_ISBLK(i->st.st_mode)) {
		e.major = major(i->st.st_rdev);
		e.minor = minor(i->st.st_rdev);
	}
	return write_entry(p, &e, err);
}

/* What the tar does not say must not be in the tree either. `touched`: the time there may not be that of i any more. */
static int settle(struct pack *p, const struct item *i, bool touched, struct err *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

	item_time(p, &i->st, &times[1]);
	if (!p->rec ||
	    (!touched && times[1].tv_sec == i->st.st_mtim.tv_sec && times[1].tv_nsec == i->st.st_mtim.tv_nsec))
		return 0;
	return utimensat(i->at, i->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(err, errno, "set its time") : 0;
}

static int leave_socket_out(struct pack *p, const struct item *i, struct err *err)
{
	p->done.n_sockets_left_out++;
	return p->rec && unlinkat(i->at, i->name, 0) < 0 ? err_sys(err, errno, "remove the socket") : 0;
}

static int pack_leaf(struct pack *p, struct item *i, int in_opaque, struct err *err)
{
	int r;

	if (S_ISSOCK(i->st.st_mode))
		return leave_socket_out(p, i, err);
	if (S_ISCHR(i->st.st_mode) && i->st.st_rdev == 0)
		return whiteout_of(p, i, err);
	r = pack_link(p, i, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(i->st.st_mode))
		r = pack_file(p, i, in_opaque, err);
	else
		r = S_ISLNK(i->st.st_mode) ? pack_symlink(p, i, err) : pack_other(p, i, err);
	return r < 0 ? r : settle(p, i, false, err);
}

/* ---- directories ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct names *ret, struct err *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		fd_closep(&copy);
		return err_sys(err, errno, "list the directory");
	}
	errno = 0;
	for (struct dirent *e = readdir(d); e && ret->n < NAMES_MAX; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		mem_grow(&ret->v, &ret->cap, ret->n);
		ret->v[ret->n++] = mem_strdup(e->d_name);
	}
	closedir(d);
	if (errno)
		return err_sys(err, errno, "list the directory");
	if (ret->n >= NAMES_MAX)
		return err_set(err, E2BIG, "the directory has more than %u names", NAMES_MAX);
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof *ret->v, by_name);
	return 0;
}

/* Files are packed; the names of directories are left in `names`, whose other places become empty. */
static int pack_files(struct pack *p, int fd, const char *dir, struct names *names, int opaque, struct err *err)
{
	for (size_t n = 0; n < names->n; n++) {
		mem_cleanup char *path = mem_printf("%s%s%s", dir, *dir ? "/" : "", names->v[n]);
		struct item i cleanup_with(item_free) = {.path = path, .name = names->v[n], .at = fd};
		int r = 0;

		if (strlen(path) > TREE_PATH_MAX)
			r = err_set(err, ENAMETOOLONG, "the name is longer than %d bytes", TREE_PATH_MAX);
		else if (!strncmp(i.name, WHITEOUT, strlen(WHITEOUT)))
			r = err_set(err, EINVAL,
				    "names that begin with \"" WHITEOUT "\" say in a layer that a file was "
				    "removed; there can be no file of such a name");
		else if (fstatat(fd, i.name, &i.st, AT_SYMLINK_NOFOLLOW) < 0)
			r = err_sys(err, errno, "look at it");
		else if (S_ISDIR(i.st.st_mode))
			continue;
		else
			r = pack_leaf(p, &i, opaque, err);
		if (r < 0)
			return err_wrap(err, "\"%.300s\"", path);
		*names->v[n] = '\0';
	}
	return 0;
}

static bool top_says_nothing(const struct item *i)
{
	return !*i->path && (i->st.st_mode & 07777) == 0755 && i->st.st_uid == 0 && i->st.st_gid == 0 &&
	       i->n_xattrs == 0;
}

static int pack_head(struct pack *p, struct item *i, int fd, struct err *err)
{
	struct tar_entry e;
	int r;

	if (fstat(fd, &i->st) < 0)
		return err_sys(err, errno, "look at the directory");
	r = read_xattrs(p, i, fd, err);
	e = entry_of(p, i);
	if (!*e.name)
		e.name = ".";
	if (r == 0 && !top_says_nothing(i))
		r = write_entry(p, &e, err);
	if (r == 0 && i->opaque == 'y')
		r = whiteout(p, i, i->path, OPAQUE, err);
	return r;
}

static int pack_dir_at(struct pack *p, int fd, const char *path, struct names *names, struct err *err)
{
	struct item i cleanup_with(item_free) = {.path = path, .name = ".", .at = fd};
	uint64_t sockets = p->done.n_sockets_left_out;
	int r = pack_head(p, &i, fd, err);

	if (r == 0)
		r = read_names(fd, names, err);
	if (r < 0)
		return *path ? err_wrap(err, "\"%.300s\"", path) : r;
	r = pack_files(p, fd, path, names, i.opaque, err);
	return r < 0 || !*path ? r : settle(p, &i, sockets != p->done.n_sockets_left_out, err);
}

/* The directories of `dir` wait on the stack, the first by name on top. */
static void push_subdirs(struct names *stack, const char *dir, const struct names *names)
{
	for (size_t n = names->n; n-- > 0;) {
		if (!*names->v[n])
			continue;
		mem_grow(&stack->v, &stack->cap, stack->n);
		stack->v[stack->n++] = mem_printf("%s%s%s", dir, *dir ? "/" : "", names->v[n]);
	}
}

static int pack_dir(struct pack *p, const char *path, struct names *stack, struct err *err)
{
	struct names names cleanup_with(names_free) = {.v = NULL};
	fd_cleanup int fd = fs_open_in(p->tree, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	int r = fd < 0 ? fd : pack_dir_at(p, fd, path, &names, err);

	if (r == 0)
		push_subdirs(stack, path, &names);
	return r;
}

/* The depth of the tree is somebody else's choice: a stack of our own, not the processor's. */
static int pack_dirs(struct pack *p, struct err *err)
{
	struct names stack cleanup_with(names_free) = {.v = NULL};
	int r = pack_dir(p, "", &stack, err);

	while (r == 0 && stack.n > 0) {
		mem_cleanup char *path = stack.v[--stack.n];

		r = pack_dir(p, path, &stack, err);
	}
	return r;
}

int pack_tree(int tree, const struct pack_options *o, struct tar_record *rec, const struct sink *to,
	      struct packed_tree *ret, struct err *err)
{
	struct pack p = {.tree = tree, .o = o, .rec = rec, .to = to, .links = MAP_INIT};
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	p.copy = mem_zalloc(1, COPY_SIZE);
	r = pack_dirs(&p, err);
	if (r == 0)
		r = literal(&p, tar_zeros, sizeof tar_zeros, err);
	if (r == 0)
		*ret = p.done;
	for (struct map_slot *s = NULL; (s = map_next(&p.links, s));)
		free(s->value);
	map_free(&p.links);
	free(p.copy);
	return r;
}
