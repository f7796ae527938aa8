/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/depot_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a mirror: whose. */
#define MIRROR_FILE "mirror"
#define HOST_MAX 1024

/* ---- the lock ---- */

int depot_lock(struct depot *d, struct err *err)
{
	pthread_mutex_lock(&d->lock);
	while (flock(d->change, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		err_sys(err, errno, "lock \"%s/change\"", d->dir);
		pthread_mutex_unlock(&d->lock);
		return -EIO;
	}
	return 0;
}

void depot_unlock(struct depot *d)
{
	flock(d->change, LOCK_UN);
	pthread_mutex_unlock(&d->lock);
}

/* ---- paths ---- */

void depot_link_path(char path[static DEPOT_PATH_MAX], const char *repo, const char *kind,
		     const struct depot_digest *digest)
{
	snprintf(path, DEPOT_PATH_MAX, "%s/%s/%s/%s", repo, kind, depot_hash_name(digest->hash), digest->hex);
}

void depot_blob_path(char path[static DEPOT_PATH_MAX], const struct depot_digest *digest)
{
	snprintf(path, DEPOT_PATH_MAX, "%s/%.2s/%s", depot_hash_name(digest->hash), digest->hex, digest->hex);
}

int depot_open_repo(const struct depot *d, const char *path, int flags, struct err *err)
{
	return fs_open_in(d->repos, path, flags, 0, FS_NO_SYMLINKS, err);
}

/* Makes and opens the directory of `path` below `root`; *ret_name is the last part. */
static int make_parent(int root, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	mem_cleanup char *parent = mem_strndup(path, (size_t)(slash - path));

	*ret_name = slash + 1;
	return fs_mkdirs_in(root, parent, DEPOT_DIR_MODE, FS_NO_SYMLINKS, err);
}

/* Syncs the directory of a new name, and those above it, which may be new themselves (one that is not costs nothing). */
static int sync_parents(int root, const char *path, struct err *err)
{
	mem_cleanup char *parent = mem_strdup(path);
	char *slash;

	while ((slash = strrchr(parent, '/'))) {
		fd_cleanup int dir = -1;

		*slash = '\0';
		dir = fs_open_in(root, parent, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		if (dir < 0)
			return dir;
		if (fsync(dir) < 0)
			return err_sys(err, errno, "sync \"%s\"", parent);
	}
	return fsync(root) < 0 ? err_sys(err, errno, "sync the depot's directory") : 0;
}

/* ---- files ---- */

int depot_tmp(const struct depot *d, char name[static DEPOT_TMP_MAX], struct err *err)
{
	int fd;

	random_hex(name, 32);
	fd = openat(d->tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, DEPOT_FILE_MODE);
	return fd < 0 ? err_sys(err, errno, "make \"%s/tmp/%s\"", d->dir, name) : fd;
}

int depot_tmp_place(const struct depot *d, const char *name, const char *path, struct err *err)
{
	const char *last;
	fd_cleanup int dir = make_parent(d->repos, path, &last, err);

	if (dir < 0)
		return dir;
	if (renameat(d->tmp, name, dir, last) < 0)
		return err_sys(err, errno, "make \"%s/repos/%s\"", d->dir, path);
	return sync_parents(d->repos, path, err);
}

int depot_write(const struct depot *d, const char *path, const char *text, size_t n, struct err *err)
{
	char name[DEPOT_TMP_MAX];
	fd_cleanup int fd = depot_tmp(d, name, err);
	int r = fd < 0 ? fd : fd_write_all(fd, text, n);

	if (fd < 0)
		return fd;
	if (r < 0 || fsync(fd) < 0)
		r = err_sys(err, r < 0 ? -r : errno, "write \"%s/tmp/%s\"", d->dir, name);
	if (r == 0)
		r = depot_tmp_place(d, name, path, err);
	if (r < 0)
		unlinkat(d->tmp, name, 0);
	return r;
}

int depot_unlink(const struct depot *d, const char *path, struct err *err)
{
	mem_cleanup char *parent = mem_strdup(path);
	char *slash = strrchr(parent, '/');
	const char *name = path + (slash - parent) + 1;
	fd_cleanup int dir = -1;

	*slash = '\0';
	dir = depot_open_repo(d, parent, O_RDONLY | O_DIRECTORY, err);
	if (dir < 0)
		return dir;
	if (unlinkat(dir, name, 0) < 0)
		return err_sys(err, errno, "remove \"%s/repos/%s\"", d->dir, path);
	(void)fsync(dir); /* at worst it is back after a power cut */
	/* What became empty; the first that is not ends it. */
	while (unlinkat(d->repos, parent, AT_REMOVEDIR) == 0 && (slash = strrchr(parent, '/')))
		*slash = '\0';
	return 0;
}

void depot_touch(int fd)
{
	(void)futimens(fd, NULL);
}

int depot_place_blob(struct depot *d, int dir, const char *name, const struct depot_digest *digest, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	const char *last;
	fd_cleanup int parent = -1;
	struct stat st;

	depot_blob_path(path, digest);
	parent = make_parent(d->blobs, path, &last, err);
	if (parent < 0)
		return parent;
	if (fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		(void)utimensat(parent, last, NULL, AT_SYMLINK_NOFOLLOW);
		(void)unlinkat(dir, name, 0);
		return 0;
	}
	if (renameat(dir, name, parent, last) < 0 || fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "make \"%s/blobs/%s\"", d->dir, path);
	atomic_fetch_add(&d->used, (unsigned long long)st.st_size);
	return sync_parents(d->blobs, path, err);
}

/* A file system allows only so many names for a file (65,000 with ext4): then the blob gets a second life as a copy, which takes the names to
 * come. */
static int copy_blob(struct depot *d, const char *path, struct err *err)
{
	char name[DEPOT_TMP_MAX];
	fd_cleanup int from = fs_open_in(d->blobs, path, O_RDONLY, 0, FS_NO_SYMLINKS, err);
	fd_cleanup int to = from < 0 ? -1 : depot_tmp(d, name, err);
	ssize_t n = 1;

	if (to < 0)
		return from < 0 ? from : to;
	while (n > 0)
		n = copy_file_range(from, NULL, to, NULL, 1u << 30, 0);
	if (n < 0 || fsync(to) < 0 || renameat(d->tmp, name, d->blobs, path) < 0) {
		int e = errno;

		unlinkat(d->tmp, name, 0);
		return err_sys(err, e, "copy \"%s/blobs/%s\"", d->dir, path);
	}
	return 0;
}

int depot_link(struct depot *d, const char *repo, const char *kind, const struct depot_digest *digest, struct err *err)
{
	char from[DEPOT_PATH_MAX], to[DEPOT_PATH_MAX];
	const char *last;
	fd_cleanup int dir = -1;
	int r;

	depot_blob_path(from, digest);
	depot_link_path(to, repo, kind, digest);
	dir = make_parent(d->repos, to, &last, err);
	if (dir < 0)
		return dir;
	r = linkat(d->blobs, from, dir, last, 0);
	if (r < 0 && errno == EMLINK) {
		r = copy_blob(d, from, err);
		if (r < 0)
			return r;
		r = linkat(d->blobs, from, dir, last, 0);
	}
	if (r < 0 && errno == EEXIST) {
		(void)utimensat(dir, last, NULL, AT_SYMLINK_NOFOLLOW);
		return 0;
	}
	if (r < 0)
		return err_sys(err, errno, "link \"%s/repos/%s\"", d->dir, to);
	return sync_parents(d->repos, to, err);
}

/* ---- walking ---- */

int depot_each(int parent, const char *path, depot_each_fn fn, void *ctx, struct err *err)
{
	int fd = fs_open_in(parent, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err), r = 0;
	struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = err_sys(err, errno, "read \"%s\"", path);
		close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			r = fn(ctx, fd, e->d_name, err);
	closedir(dir);
	return r;
}

struct walk {
	const struct depot *d;
	const char *at;
	int (*fn)(void *ctx, const char *repo, struct err *err);
	void *ctx;
};

static int walk_into(void *ctx, int dir, const char *name, struct err *err)
{
	struct walk *w = ctx, below = *w;
	mem_cleanup char *path = *w->at ? mem_printf("%s/%s", w->at, name) : mem_strdup(name);
	int r = 0;

	(void)dir;
	if (*name == '_' || !depot_name_ok(path))
		return 0;
	below.at = path;
	r = w->fn(w->ctx, path, err);
	return r != 0 ? r : depot_each(w->d->repos, path, walk_into, &below, err);
}

int depot_walk(const struct depot *d, int (*fn)(void *ctx, const char *repo, struct err *err), void *ctx,
	       struct err *err)
{
	struct walk w = {.d = d, .at = "", .fn = fn, .ctx = ctx};

	return depot_each(d->repos, ".", walk_into, &w, err);
}

/* ---- life ---- */

static int count_used(void *ctx, int dir, const char *name, struct err *err)
{
	struct depot *d = ctx;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "look at the blob %s", name);
	if (S_ISDIR(st.st_mode))
		return depot_each(dir, name, count_used, d, err);
	atomic_fetch_add(&d->used, (unsigned long long)st.st_size);
	return 0;
}

static int64_t collected_ns(const struct depot *d)
{
	struct stat st;

	return fstat(d->change, &st) == 0 ? st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec : 0;
}

static int count_all(struct depot *d, struct err *err)
{
	d->counted_ns = collected_ns(d);
	atomic_store(&d->used, 0);
	return depot_each(d->blobs, ".", count_used, d, err);
}

static int open_dirs(struct depot *d, struct err *err)
{
	const struct {
		const char *name;
		int *fd;
	} dirs[] = {{"blobs", &d->blobs}, {"repos", &d->repos}, {"uploads", &d->uploads}, {"tmp", &d->tmp}};

	d->root = fs_mkdirs(d->dir, DEPOT_DIR_MODE, err);
	if (d->root < 0)
		return d->root;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		*dirs[i].fd = fs_mkdirs_in(d->root, dirs[i].name, DEPOT_DIR_MODE, FS_NO_SYMLINKS, err);
		if (*dirs[i].fd < 0)
			return *dirs[i].fd;
	}
	d->change = openat(d->root, "change", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, DEPOT_FILE_MODE);
	return d->change < 0 ? err_sys(err, errno, "open \"%s/change\"", d->dir) : 0;
}

static int begin_serving(struct depot *d, struct err *err)
{
	d->serving = openat(d->root, "serving", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, DEPOT_FILE_MODE);
	if (d->serving < 0)
		return err_sys(err, errno, "open \"%s/serving\"", d->dir);
	if (flock(d->serving, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "\"%s\" is being served by another berth registry; choose another --data",
			       d->dir);
	return 0;
}

int depot_open(const char *dir, bool serve, uint64_t quota, struct depot **ret, struct err *err)
{
	struct depot *d = mem_new(struct depot);
	int r;

	d->dir = mem_strdup(dir);
	d->root = d->blobs = d->repos = d->uploads = d->tmp = d->serving = d->change = -1;
	d->quota = quota;
	pthread_mutex_init(&d->lock, NULL);
	r = open_dirs(d, err);
	if (r == 0 && serve)
		r = begin_serving(d, err);
	if (r == 0 && quota)
		r = count_all(d, err);
	if (r < 0) {
		depot_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

static int is_there(void *ctx, int dir, const char *name, struct err *err)
{
	(void)ctx;
	(void)dir;
	(void)name;
	(void)err;
	return 1;
}

int depot_claim(struct depot *d, const char *mirror, struct err *err)
{
	mem_cleanup char *of = NULL;
	size_t n = 0;
	int r = fs_read(d->root, MIRROR_FILE, HOST_MAX, &of, &n, err);

	if (r < 0 && r != -ENOENT)
		return err_wrap(err, "%s", d->dir);
	if (of && (!mirror || strcmp(of, mirror) != 0))
		return err_set(err, EINVAL,
			       "\"%s\" holds what a mirror of %s fetched: serve it with --mirror %s, or choose another "
			       "--data",
			       d->dir, of, of);
	if (of || !mirror)
		return 0;
	r = depot_each(d->repos, ".", is_there, NULL, err);
	if (r > 0)
		return err_set(err, EINVAL,
			       "\"%s\" holds images of its own, which a mirror would forget in time: choose another "
			       "--data",
			       d->dir);
	return r < 0 ? r : fs_write_atomic(d->root, MIRROR_FILE, mirror, strlen(mirror), DEPOT_FILE_MODE, true, err);
}

bool depot_is_mirror(const struct depot *d)
{
	return faccessat(d->root, MIRROR_FILE, F_OK, 0) == 0;
}

struct depot *depot_close(struct depot *d)
{
	if (!d)
		return NULL;
	fd_closep(&d->blobs);
	fd_closep(&d->repos);
	fd_closep(&d->uploads);
	fd_closep(&d->tmp);
	fd_closep(&d->change);
	fd_closep(&d->serving);
	fd_closep(&d->root);
	pthread_mutex_destroy(&d->lock);
	free(d->dir);
	free(d);
	return NULL;
}

int depot_uploads_fd(const struct depot *d)
{
	return d->uploads;
}

uint64_t depot_used(const struct depot *d)
{
	return atomic_load(&d->used);
}

/* `berth registry gc` takes blobs away of which this process does not know. */
static int count_again(struct depot *d, struct err *err)
{
	int r;

	if (collected_ns(d) == d->counted_ns)
		return 0;
	r = depot_lock(d, err);
	if (r < 0)
		return r;
	r = count_all(d, err);
	depot_unlock(d);
	return r;
}

static bool has_room(const struct depot *d, uint64_t n)
{
	uint64_t used = depot_used(d);

	return used <= d->quota && n <= d->quota - used;
}

int depot_check_room(struct depot *d, uint64_t n, struct err *err)
{
	uint64_t used;
	int r;

	if (!d->quota || has_room(d, n))
		return 0;
	r = count_again(d, err);
	if (r < 0 || has_room(d, n))
		return r;
	used = depot_used(d);
	return err_set(err, EDQUOT,
		       "the registry's quota is used up: %llu of %llu bytes are taken, %llu more are wanted",
		       (unsigned long long)used, (unsigned long long)d->quota, (unsigned long long)n);
}
