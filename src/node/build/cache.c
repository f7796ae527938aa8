/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/build/cache_impl.h"
#include "node/image/layer.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RECORD_MAX 4096
#define INSTANCES_MAX 64
#define CONTEXTS_MAX 4

static int open_dirs(struct cache *c, int data_dir, struct err *err)
{
	const struct {
		const char *path;
		int *fd;
	} dirs[] = {{"build", &c->dir},
		    {"build/records", &c->records},
		    {"build/contents", &c->contents},
		    {"build/mounts", &c->mounts},
		    {"build/running", &c->running}};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		*dirs[i].fd = fs_mkdirs_in(data_dir, dirs[i].path, 0700, FS_NO_SYMLINKS, err);
		if (*dirs[i].fd < 0)
			return *dirs[i].fd;
	}
	return 0;
}

int cache_open(int data_dir, struct image_store *s, struct cache **ret, struct err *err)
{
	struct cache *c = mem_new(struct cache);
	int r;

	*c = (struct cache){.store = s, .dir = -1, .records = -1, .contents = -1, .mounts = -1, .running = -1};
	r = open_dirs(c, data_dir, err);
	if (r < 0)
		cache_close(c);
	else
		*ret = c;
	return r;
}

struct cache *cache_close(struct cache *c)
{
	if (!c)
		return NULL;
	fd_closep(&c->dir);
	fd_closep(&c->records);
	fd_closep(&c->contents);
	fd_closep(&c->mounts);
	fd_closep(&c->running);
	free(c);
	return NULL;
}

int cache_dir(const struct cache *c)
{
	return c->dir;
}

/* ---- records ---- */

bool cache_is_hex(const char *s)
{
	return s && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

int cache_record_read(struct cache *c, const char *key, struct cache_record *ret)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	const char *layer = NULL;
	bool imported = false;
	int64_t size = 0;
	size_t n;
	struct stat st;

	if (!cache_is_hex(key) || fstatat(c->records, key, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fs_read(c->records, key, RECORD_MAX, &text, &n, NULL) < 0)
		return 0;
	doc = json_parse(text, n, RECORD_MAX, "record", NULL);
	if (!doc || !yyjson_is_obj(yyjson_doc_get_root(doc)) ||
	    json_get_str(yyjson_doc_get_root(doc), "layer", &layer, NULL) < 0 ||
	    json_opt_int(yyjson_doc_get_root(doc), "size", 0, INT64_MAX, &size, NULL) < 0 ||
	    json_opt_bool(yyjson_doc_get_root(doc), "imported", &imported, NULL) < 0 || !cache_is_hex(layer))
		return 0;
	memcpy(ret->layer, layer, 65);
	ret->imported = imported;
	ret->size = (uint64_t)size;
	ret->used_s = st.st_mtim.tv_sec;
	return 1;
}

int cache_find(struct cache *c, struct image_lease *lease, const char *key, char ret_diff[static 65])
{
	struct cache_record record;

	if (!cache_record_read(c, key, &record) || (RT_GUARD(B6) && record.imported))
		return 0;
	if (image_lease_layer(lease, record.layer, NULL) != 1) {
		(void)unlinkat(c->records, key, 0);
		return 0;
	}
	(void)utimensat(c->records, key, NULL, AT_SYMLINK_NOFOLLOW);
	memcpy(ret_diff, record.layer, 65);
	return 1;
}

static int put(struct cache *c, const char *key, const struct cache_record *r, struct err *err)
{
	char text[192];
	int n = snprintf(text, sizeof text, "{\"layer\":\"%s\",\"size\":%llu%s}\n", r->layer,
			 (unsigned long long)r->size, r->imported ? ",\"imported\":true" : "");

	return fs_write_atomic(c->records, key, text, (size_t)n, 0600, false, err);
}

int cache_put(struct cache *c, const char *key, const struct image_unpacked *u, struct err *err)
{
	struct cache_record r = {.size = u->tar_size};

	memcpy(r.layer, u->diff_id, sizeof r.layer);
	return put(c, key, &r, err);
}

void cache_put_imported(struct cache *c, const char *key, const char *diff)
{
	struct cache_record r = {.imported = true}, old;
	struct image_layer_meta meta;

	if ((cache_record_read(c, key, &old) && !old.imported) ||
	    image_layer_meta_read(c->store, diff, &meta, NULL) < 0)
		return;
	r.size = meta.tar_size;
	image_layer_meta_free(&meta);
	memcpy(r.layer, diff, sizeof r.layer);
	(void)put(c, key, &r, NULL);
}

int cache_content_find(struct cache *c, const char *key, char ret[static 65])
{
	mem_cleanup char *text = NULL;
	size_t n;

	if (fs_read(c->contents, key, 64, &text, &n, NULL) < 0 || !cache_is_hex(text))
		return 0;
	(void)utimensat(c->contents, key, NULL, AT_SYMLINK_NOFOLLOW);
	memcpy(ret, text, 65);
	return 1;
}

void cache_content_put(struct cache *c, const char *key, const char *digest)
{
	(void)fs_write_atomic(c->contents, key, digest, 64, 0600, false, NULL);
}

/* ---- locks ---- */

int cache_lock(struct cache *c, const char *key, struct err *err)
{
	fd_cleanup int fd = openat(c->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	char digits[16] = "";
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

	if (fd < 0)
		return err_sys(err, errno, "open the lock of the build cache");
	/* 60 bits of the key are a place in the file, which needs not be there to be locked. */
	snprintf(digits, sizeof digits, "%.15s", key);
	lock.l_start = (off_t)strtoull(digits, NULL, 16);
	while (fcntl(fd, F_OFD_SETLKW, &lock) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "lock a step in the build cache");
	}
	return fd_take(&fd);
}

/* 1 locked, 0 somebody else has it. */
static int take_dir(struct cache *c, const char *name, int how, int *ret, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs_in(c->mounts, name, 0700, FS_NO_SYMLINKS, err);

	if (dir < 0)
		return dir;
	while (flock(dir, how) < 0) {
		if (errno == EWOULDBLOCK)
			return 0;
		if (errno != EINTR)
			return err_sys(err, errno, "lock a cache mount");
	}
	(void)futimens(dir, NULL);
	*ret = fd_take(&dir);
	return 1;
}

/* One instance of a cache mount, as take_dir(). */
static int take_instance(struct cache *c, const char *name, int how, int *ret_dir, int *ret_lock, bool *ret_new,
			 struct err *err)
{
	fd_cleanup int dir = -1, fs = -1;
	int r = take_dir(c, name, how, &dir, err);

	if (r <= 0)
		return r;
	*ret_new = mkdirat(dir, "fs", 0755) == 0;
	if (!*ret_new && errno != EEXIST)
		return err_sys(err, errno, "make a cache mount");
	fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fs < 0)
		return err_sys(err, errno, "open a cache mount");
	*ret_dir = fd_take(&fs);
	*ret_lock = fd_take(&dir);
	return 1;
}

int cache_mount(struct cache *c, const char *id, enum cache_sharing sharing, int *ret_lock, bool *ret_new,
		struct err *err)
{
	static const int how[] = {LOCK_SH, LOCK_EX | LOCK_NB, LOCK_EX};
	char hex[SHA256_HEX_MAX], name[80];

	/* The name is a digest: no id can be a path. */
	sha256_of(id, strlen(id), hex);
	for (int i = 0; i < INSTANCES_MAX; i++) {
		int dir = -1, r;

		snprintf(name, sizeof name, "%s.%d", hex, i);
		r = take_instance(c, name, how[sharing], &dir, ret_lock, ret_new, err);
		if (r != 0)
			return r < 0 ? r : dir;
	}
	return err_set(err, EBUSY, "%d private copies of the cache mount \"%s\" are in use", INSTANCES_MAX, id);
}

int cache_context(struct cache *c, const char *id, struct err *err)
{
	char hex[SHA256_HEX_MAX], name[80];
	int dir = -1, r = 0;

	sha256_of(id, strlen(id), hex);
	for (int i = 0; i < CONTEXTS_MAX && r == 0; i++) {
		snprintf(name, sizeof name, "%s.c%d", hex, i);
		r = take_dir(c, name, LOCK_EX | LOCK_NB, &dir, err);
	}
	if (r < 0)
		return r;
	return r > 0 ? dir : err_set(err, EBUSY, "%d copies of a build context are in use", CONTEXTS_MAX);
}

/* ---- containers of builds ---- */

int cache_running(struct cache *c, const char *id, int *ret_lock, struct err *err)
{
	fd_cleanup int fd = openat(c->running, id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, errno, "write down that a step runs");
	*ret_lock = fd_take(&fd);
	return 0;
}

void cache_ended(struct cache *c, const char *id)
{
	(void)unlinkat(c->running, id, 0);
}

static void recover_one(struct cache *c, const char *id)
{
	fd_cleanup int fd = openat(c->running, id, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct rt_box box;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	rt_find(id, &box);
	if (rt_delete(&box, NULL) == 0)
		cache_ended(c, id);
}

void cache_recover(struct cache *c)
{
	int again = openat(c->running, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (*e->d_name != '.' && fs_name_ok(e->d_name))
			recover_one(c, e->d_name);
	}
	if (d)
		closedir(d);
	else
		fd_closep(&again);
}
