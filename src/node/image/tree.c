/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of the last entry stays open, because archives list a directory's files one after another. Whatever is removed to
 * make room for an entry may have been part of that directory's path, so a removal closes it.
 */
#include "node/image/tree.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/guard.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LATER_NAME "later"

struct later {
	int64_t s;
	uint32_t ns, mode, len; /* the name follows */
};

static int open_later(struct tree *t, int dir, struct err *err)
{
	fd_cleanup int fd = openat(dir, LATER_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "make a temporary file");
	if (unlinkat(dir, LATER_NAME, 0) < 0)
		return err_sys(err, errno, "remove a temporary file");
	t->later = fdopen(fd, "w+");
	if (!t->later)
		return err_sys(err, errno, "open a temporary file");
	fd_take(&fd);
	return 0;
}

int tree_open(struct tree *t, int dir, const char *name, struct err *err)
{
	int r = open_later(t, dir, err);

	if (r < 0)
		return r;
	if (mkdirat(dir, name, 0755) < 0)
		return err_sys(err, errno, "make directory \"%s\"", name);
	t->root = fs_open_in(dir, name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (t->root < 0)
		return t->root;
	return fchmod(t->root, 0755) < 0 ? err_sys(err, errno, "set the mode of \"%s\"", name) : 0;
}

/* Somebody else may look into that directory: what waits is kept in memory, where the limit of entries limits it. */
int tree_open_at(struct tree *t, int dir, struct err *err)
{
	fd_cleanup int later = memfd_create("berth-directories", MFD_CLOEXEC);

	t->root = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	t->later = later < 0 || t->root < 0 ? NULL : fdopen(later, "w+");
	if (!t->later)
		return err_sys(err, errno, "open a temporary file");
	fd_take(&later);
	return 0;
}

static void forget_parent(struct tree *t)
{
	fd_closep(&t->parent);
	free(t->parent_name);
	t->parent_name = NULL;
}

void tree_close(struct tree *t)
{
	forget_parent(t);
	fd_closep(&t->root);
	if (t->later)
		fclose(t->later);
	t->later = NULL;
	if (t->opaque)
		fclose(t->opaque);
	t->opaque = NULL;
}

void tree_layer(struct tree *t, int dir)
{
	t->opaque_dir = dir;
}

int tree_opaque(struct tree *t, const char *name, struct err *err)
{
	if (!*name) {
		t->top_opaque = true;
		return 0;
	}
	if (!t->opaque) {
		fd_cleanup int fd =
		    openat(t->opaque_dir, TREE_OPAQUE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		t->opaque = fd < 0 ? NULL : fdopen(fd, "w");
		if (!t->opaque)
			return err_sys(err, errno, "make the list of opaque directories");
		fd_take(&fd);
	}
	if (fwrite(name, 1, strlen(name) + 1, t->opaque) != strlen(name) + 1)
		return err_sys(err, errno, "write the list of opaque directories");
	return 0;
}

int tree_name(const char *raw, char **ret, struct err *err)
{
	size_t n = strlen(raw), len = 0;
	mem_cleanup char *name = NULL;

	if (n > TREE_PATH_MAX)
		return err_set(err, ENAMETOOLONG, "the name is %zu bytes long; the limit is %d", n, TREE_PATH_MAX);
	name = mem_zalloc(1, n + 1);
	for (const char *p = raw; *p;) {
		size_t part;

		p += strspn(p, "/");
		part = strcspn(p, "/");
		if (part == 2 && !strncmp(p, "..", 2))
			return err_set(err, EINVAL, "the name has \"..\" in it");
		if (part > TREE_NAME_MAX)
			return err_set(err, ENAMETOOLONG, "a part of the name is %zu bytes long; the limit is %d", part,
				       TREE_NAME_MAX);
		if (part > 0 && !(part == 1 && *p == '.')) {
			if (len > 0)
				name[len++] = '/';
			memcpy(name + len, p, part);
			len += part;
		}
		p += part;
	}
	*ret = mem_take(name);
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* A directory that an earlier entry said is gone comes back with something in it: an empty one, that hides what is below. */
static int revive_dir(struct tree *t, const char *name, struct err *err)
{
	const char *last;
	fd_cleanup int dir = fs_open_parent(t->root, name, FS_IN_ROOT, &last, err);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_whiteout(&st))
		return 0;
	if (unlinkat(dir, last, 0) < 0 || mkdirat(dir, last, 0755) < 0)
		return err_sys(err, errno, "make a directory in the place of a whiteout");
	return tree_opaque(t, name, err);
}

static int revive_dirs(struct tree *t, const char *name, struct err *err)
{
	mem_cleanup char *part = mem_strdup(name);
	int r = 0;

	for (char *slash = strchr(part, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = revive_dir(t, part, err);
		*slash = '/';
		if (r == -ENOENT)
			return 0; /* there is nothing from here on */
	}
	return r == 0 ? revive_dir(t, part, err) : r;
}

static int make_parent(struct tree *t, struct err *err)
{
	int r, fd;

	if (!IMAGE_GUARD(I1))
		return image_naive_open(t->root, t->parent_name, O_RDONLY | O_DIRECTORY);
	fd = fs_mkdirs_in(t->root, t->parent_name, 0755, FS_IN_ROOT, err);

	if (fd >= 0 || t->opaque_dir < 0 || (fd != -ENOTDIR && fd != -EEXIST))
		return fd;
	r = revive_dirs(t, t->parent_name, NULL);
	return r < 0 ? fd : fs_mkdirs_in(t->root, t->parent_name, 0755, FS_IN_ROOT, err);
}

/* Opens the directory of `name` (made where it is missing) as t->parent and gives the last component. */
static int open_parent(struct tree *t, const char *name, const char **ret_last, struct err *err)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	if (!t->parent_name || strlen(t->parent_name) != len || strncmp(t->parent_name, name, len) != 0) {
		forget_parent(t);
		t->parent_name = mem_strndup(name, len);
		t->parent = make_parent(t, err);
		if (t->parent < 0) {
			int r = t->parent;

			forget_parent(t);
			return r;
		}
	}
	*ret_last = slash ? slash + 1 : name;
	return 0;
}

int tree_parent(struct tree *t, const char *name, const char **ret_last, struct err *err)
{
	int r = open_parent(t, name, ret_last, err);

	return r < 0 ? r : t->parent;
}

/* An entry takes the place of an earlier one, except that a directory stays what it is and keeps its content. */
enum { ROOM_FREE, ROOM_MADE, ROOM_WHITEOUT };
static int make_room(struct tree *t, const char *last, bool for_dir, struct err *err)
{
	struct stat st;
	int flags;

	if (fstatat(t->parent, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? ROOM_FREE : err_sys(err, errno, "look at what is there");
	if (S_ISDIR(st.st_mode) && for_dir)
		return ROOM_FREE;
	if (t->on_replaced) {
		int r = t->on_replaced(t->ctx, t->parent, last, &st, err);

		if (r < 0)
			return r;
	}
	flags = S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0;
	if (unlinkat(t->parent, last, flags) == 0)
		return is_whiteout(&st) ? ROOM_WHITEOUT : ROOM_MADE;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return err_set(err, ENOTEMPTY, "an earlier entry made a directory of this name, and it is not empty");
	return err_sys(err, errno, "replace what an earlier entry made");
}

static struct timespec entry_time(const struct tree_entry *e)
{
	return (struct timespec){.tv_sec = e->mtime_s, .tv_nsec = e->mtime_ns};
}

static int set_times_at(int dir, const char *name, const struct tree_entry *e, struct err *err)
{
	const struct timespec times[2] = {entry_time(e), entry_time(e)};

	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(err, errno, "set its time") : 0;
}

static int make_file(int parent, const char *last, int *ret_fd, struct err *err)
{
	int fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "make the file");
	*ret_fd = fd;
	return 0;
}

static int make_dir(int parent, const char *last, int *ret_fd, struct err *err)
{
	int fd;

	if (mkdirat(parent, last, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make the directory");
	fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open the directory");
	*ret_fd = fd;
	return 0;
}

/* fchownat(2) for `name` in dir, or for dir itself when it is "". A user namespace has not every number (EINVAL): what it has not becomes 0. */
static int set_owner(struct tree *t, int dir, const char *name, const struct tree_entry *e, struct err *err)
{
	const int flags = (IMAGE_GUARD(I2) ? AT_SYMLINK_NOFOLLOW : 0) | (*name ? 0 : AT_EMPTY_PATH);
	bool user, group;

	if (fchownat(dir, name, e->uid, e->gid, flags) == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(err, errno, "set its owner to %u:%u", e->uid, e->gid);
	user = fchownat(dir, name, e->uid, (gid_t)-1, flags) == 0;
	group = fchownat(dir, name, (uid_t)-1, e->gid, flags) == 0;
	if (fchownat(dir, name, user ? (uid_t)-1 : 0, group ? (gid_t)-1 : 0, flags) < 0)
		return err_sys(err, errno, "set its owner to 0 instead of %u:%u", e->uid, e->gid);
	t->n_owners_lost++;
	return 0;
}

static int make_symlink(struct tree *t, int parent, const char *last, const struct tree_entry *e, struct err *err)
{
	int r;

	if (!*e->target)
		return err_set(err, EINVAL, "the symbolic link has no target");
	if (symlinkat(e->target, parent, last) < 0)
		return err_sys(err, errno, "make the symbolic link");
	r = set_owner(t, parent, last, e, err);
	return r < 0 ? r : set_times_at(parent, last, e, err);
}

/* fchmodat(2) would follow a link; nobody else writes here, and this name was made a line earlier (mkfifoat fails when it exists). */
static int make_fifo(struct tree *t, int parent, const char *last, const struct tree_entry *e, struct err *err)
{
	int r;

	if (mkfifoat(parent, last, 0600) < 0)
		return err_sys(err, errno, "make the FIFO");
	r = set_owner(t, parent, last, e, err);
	if (r < 0)
		return r;
	if (fchmodat(parent, last, e->mode & 07777, 0) < 0)
		return err_sys(err, errno, "set its mode");
	return set_times_at(parent, last, e, err);
}

static int make_at(struct tree *t, const char *last, const struct tree_entry *e, int *ret_fd, struct err *err)
{
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return make_file(t->parent, last, ret_fd, err);
	case S_IFDIR:
		return make_dir(t->parent, last, ret_fd, err);
	case S_IFLNK:
		return make_symlink(t, t->parent, last, e, err);
	case S_IFIFO:
		return make_fifo(t, t->parent, last, e, err);
	default:
		return err_set(err, EINVAL, "its file type is unknown");
	}
}

int tree_make(struct tree *t, const struct tree_entry *e, int *ret_fd, struct err *err)
{
	bool dir = S_ISDIR(e->mode);
	const char *last;
	int room, r;

	*ret_fd = -1;
	if (!*e->name && !dir)
		return err_set(err, EINVAL, "the top must be a directory");
	if (!*e->name) {
		*ret_fd = fcntl(t->root, F_DUPFD_CLOEXEC, 0);
		return *ret_fd < 0 ? err_sys(err, errno, "open the top") : 0;
	}
	r = open_parent(t, e->name, &last, err);
	if (r < 0)
		return r;
	room = make_room(t, last, dir, err);
	if (room == ROOM_WHITEOUT && dir)
		r = tree_opaque(t, e->name, err);
	if (room < 0 || r < 0)
		return room < 0 ? room : r;
	r = make_at(t, last, e, ret_fd, err);
	if (room > 0)
		forget_parent(t);
	return r;
}

/* The file a hard link names. The last component is not followed: a link to a symbolic link is a second name of that link. */
static int open_target(struct tree *t, const char *target, const char **ret_last, struct stat *ret_st, struct err *err)
{
	fd_cleanup int dir = fs_open_parent(t->root, target, FS_IN_ROOT, ret_last, err);

	if (dir < 0)
		return err_set(err, -dir, "the target \"%.200s\" of the hard link is not in the archive before it",
			       target);
	if (fstatat(dir, *ret_last, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "the target \"%.200s\" of the hard link is not in the archive before it",
			       target);
	if (is_whiteout(ret_st))
		return err_set(err, ENOENT, "the target \"%.200s\" of the hard link is not in the archive before it",
			       target);
	if (S_ISDIR(ret_st->st_mode))
		return err_set(err, EINVAL, "the target \"%.200s\" of the hard link is a directory", target);
	return fd_take(&dir);
}

static bool is_same(int dir, const char *name, const struct stat *other)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == other->st_dev &&
	       st.st_ino == other->st_ino;
}

int tree_link(struct tree *t, const struct tree_entry *e, struct err *err)
{
	fd_cleanup int from = -1;
	const char *last, *target;
	struct stat st;
	int r;

	if (!*e->name)
		return err_set(err, EINVAL, "the top must be a directory");
	from = open_target(t, e->target, &target, &st, err);
	if (from < 0)
		return from;
	r = open_parent(t, e->name, &last, err);
	if (r < 0)
		return r;
	if (is_same(t->parent, last, &st))
		return 0;
	r = make_room(t, last, false, err);
	if (r < 0)
		return r;
	if (linkat(from, target, t->parent, last, 0) < 0)
		return err_sys(err, errno, "make the hard link to \"%.200s\"", e->target);
	if (r > 0)
		forget_parent(t);
	return 0;
}

int tree_own(struct tree *t, int fd, const struct tree_entry *e, struct err *err)
{
	int r = set_owner(t, fd, "", e, err);

	if (r < 0)
		return r;
	/* after the owner, because a change of owner takes the setuid bit away */
	if (!S_ISDIR(e->mode) && fchmod(fd, e->mode & 07777) < 0)
		return err_sys(err, errno, "set its mode");
	return 0;
}

int tree_time(struct tree *t, int fd, const struct tree_entry *e, struct err *err)
{
	const struct timespec times[2] = {entry_time(e), entry_time(e)};
	struct later later = {
	    .s = e->mtime_s,
	    .ns = (uint32_t)e->mtime_ns,
	    .mode = e->mode & 07777,
	    .len = (uint32_t)strlen(e->name),
	};

	if (!S_ISDIR(e->mode))
		return futimens(fd, times) < 0 ? err_sys(err, errno, "set its time") : 0;
	if (fwrite(&later, sizeof later, 1, t->later) != 1 || fwrite(e->name, 1, later.len, t->later) != later.len)
		return err_sys(err, errno, "write a temporary file");
	return 0;
}

/* A directory that a later entry replaced is not there any more, which is nothing to complain of. */
static int finish_dir(struct tree *t, const char *name, const struct later *later, struct err *err)
{
	const struct timespec time = {.tv_sec = later->s, .tv_nsec = (long)later->ns};
	const struct timespec times[2] = {time, time};
	fd_cleanup int fd = fs_open_in(t->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, FS_IN_ROOT, NULL);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "open directory \"%.200s\"", name);
	if (fchmod(fd, later->mode) < 0 || futimens(fd, times) < 0)
		return err_sys(err, errno, "set mode and time of \"%.200s\"", name);
	return 0;
}

int tree_finish(struct tree *t, struct err *err)
{
	char name[TREE_PATH_MAX + 1];
	struct later later;
	int r = 0;

	if (fflush(t->later) != 0 || fseek(t->later, 0, SEEK_SET) != 0)
		return err_sys(err, errno, "write a temporary file");
	while (r == 0 && fread(&later, sizeof later, 1, t->later) == 1) {
		if (later.len > TREE_PATH_MAX || fread(name, 1, later.len, t->later) != later.len)
			return err_set(err, EIO, "a temporary file changed while it was read");
		name[later.len] = '\0';
		r = finish_dir(t, name, &later, err);
	}
	if (r == 0 && ferror(t->later))
		return err_sys(err, EIO, "read a temporary file");
	if (r == 0 && t->opaque && fflush(t->opaque) != 0)
		return err_sys(err, errno, "write the list of opaque directories");
	return r;
}
