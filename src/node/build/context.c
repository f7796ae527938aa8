/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/context.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/archive.h"
#include "node/build/cache.h"
#include "node/build/client.h"
#include "node/build/dockerfile.h"
#include "node/build/git_url.h"
#include "node/build/ignore.h"
#include "node/build/outside.h"
#include "node/build/snapshot.h"
#include "node/image/lease.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STDIN "standard input"

static const char *const default_names[] = {"Dockerfile", "dockerfile", "Containerfile"};

void context_close(struct context *c)
{
	ignore_free(c->ignore);
	free(c->dockerfile);
	free(c->name);
	free(c->client_dir);
	mem_strv_free(c->patterns);
	fd_closep(&c->tree.root);
	snapshot_remove(c->tmp, c->tmp_name);
	fd_closep(&c->tmp);
	fd_closep(&c->kept);
	*c = (struct context)CONTEXT_NULL;
}

/* Takes fd over. A device would give for ever, a FIFO never. */
static int read_text(int fd, const char *what, size_t limit, char **ret, size_t *ret_n, struct err *err)
{
	fd_cleanup int own = fd;
	struct stat st;
	int r;

	if (fstat(own, &st) < 0)
		return err_sys(err, errno, "look at %s", what);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", what);
	r = fd_read_all(own, limit, ret, ret_n);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "%s is larger than the limit of %zu bytes", what, limit);
	return r < 0 ? err_sys(err, -r, "read %s", what) : 0;
}

static int open_below(const struct context *c, const char *name)
{
	return fs_open_in(c->tree.root, name, O_RDONLY | O_NONBLOCK, 0, FS_IN_ROOT, NULL);
}

/* In the context: as named, or one of the usual names. */
static int find_inside(struct context *c, const char *name, struct err *err)
{
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof default_names / sizeof *default_names && fd < 0; i++) {
		const char *one = name ? name : default_names[i];

		fd = open_below(c, one);
		if (fd >= 0)
			c->name = mem_strdup(one);
		if (fd < 0 && fd != -ENOENT)
			return err_sys(err, -fd, "open \"%s\" in the build context", one);
		if (name)
			break;
	}
	if (fd >= 0)
		return fd;
	return err_set(err, ENOENT, "there is no %s in the build context; name one with -f",
		       name ? name : default_names[0]);
}

static int read_dockerfile(struct context *c, int fd, struct err *err)
{
	mem_cleanup char *what = mem_printf("the Dockerfile \"%s\"", c->name);

	return read_text(fd, what, DOCKERFILE_BYTES_MAX, &c->dockerfile, &c->n_dockerfile, err);
}

/* From standard input or an address, which `where` tells. */
static int read_stream(struct context *c, int fd, const char *where, struct err *err)
{
	int r = fd_read_all(fd, DOCKERFILE_BYTES_MAX, &c->dockerfile, &c->n_dockerfile);

	c->name = mem_strdup(where);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "the Dockerfile from %s is larger than the limit of %u bytes", where,
			       DOCKERFILE_BYTES_MAX);
	return r < 0 ? err_sys(err, -r, "read the Dockerfile from %s", where) : 0;
}

/* ---- ignore files ---- */

static int parse_ignore(struct context *c, int fd, const char *name, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = read_text(fd, name, IGNORE_BYTES_MAX, &text, &n, err);

	if (r == 0)
		r = ignore_parse(text, n, name, &c->ignore, err);
	c->tree.ignore = c->ignore;
	return r;
}

/* `beside` is the path of the Dockerfile when it is the user's own, outside; else it is looked for in the context. */
static int read_ignore(struct context *c, const char *beside, struct err *err)
{
	mem_cleanup char *own = mem_printf("%s.dockerignore", beside ? beside : c->name ? c->name : "");
	int fd = beside ? open(own, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : open_below(c, own);

	if (fd >= 0)
		return parse_ignore(c, fd, own, err);
	fd = open_below(c, ".dockerignore");
	if (fd >= 0)
		return parse_ignore(c, fd, ".dockerignore", err);
	return fd == -ENOENT ? 0 : err_sys(err, -fd, "open .dockerignore");
}

/* ---- the client's ---- */

static const char *client_dir(const struct context_from *from)
{
	const size_t n = strlen(BUILD_CLIENT_LOCAL);

	return from->client && !strncmp(from->path, BUILD_CLIENT_LOCAL, n) ? from->path + n : NULL;
}

static int client_dockerfile(struct context *c, const struct context_from *from, struct err *err)
{
	const struct build_client *k = from->client;
	int r = -ENOENT;

	for (size_t i = 0; i < sizeof default_names / sizeof *default_names && r == -ENOENT; i++) {
		const char *name = from->dockerfile ? from->dockerfile : default_names[i];

		r = k->file(k->ctx, from->dockerfile_dir, name, DOCKERFILE_BYTES_MAX, &c->dockerfile, &c->n_dockerfile,
			    err);
		if (r == 0)
			c->name = mem_strdup(name);
		if (from->dockerfile)
			break;
	}
	if (r != -ENOENT)
		return r;
	return err_set(err, ENOENT, "there is no %s; name one with -f",
		       from->dockerfile ? from->dockerfile : default_names[0]);
}

/* Of the Dockerfile, or else of the directory: the client need not send what it leaves out. */
static int client_ignore(struct context *c, const struct context_from *from, char ***ret_patterns, struct err *err)
{
	const struct build_client *k = from->client;
	mem_cleanup char *own = mem_printf("%s.dockerignore", c->name ? c->name : ""), *text = NULL;
	const char *name = own;
	size_t n = 0;
	int r = c->name && from->dockerfile_dir
		    ? k->file(k->ctx, from->dockerfile_dir, own, IGNORE_BYTES_MAX, &text, &n, err)
		    : -ENOENT;

	if (r == -ENOENT) {
		name = ".dockerignore";
		r = k->file(k->ctx, client_dir(from), name, IGNORE_BYTES_MAX, &text, &n, err);
	}
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = ignore_parse(text, n, name, &c->ignore, err);
	c->tree.ignore = c->ignore;
	if (r == 0)
		*ret_patterns = ignore_patterns(text, n);
	return r;
}

/* ---- a directory ---- */

static int open_dir(struct context *c, const char *path, struct err *err)
{
	c->tree.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->tree.what = "the build context";
	c->tree.context = true;
	if (c->tree.root < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "the build context \"%s\" does not exist", path);
	return c->tree.root < 0 ? err_sys(err, errno, "open the build context \"%s\"", path) : 0;
}

static int open_outside(struct context *c, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open the Dockerfile \"%s\"", path);
	c->name = mem_strdup(path);
	return fd;
}

static int from_dir(struct context *c, const struct context_from *from, struct err *err)
{
	const char *file = from->dockerfile;
	bool on_stdin = file && !strcmp(file, "-");
	int r = open_dir(c, from->path, err);

	if (r < 0)
		return r;
	if (on_stdin)
		r = read_stream(c, from->stdin_fd, STDIN, err);
	else if ((r = file ? open_outside(c, file, err) : find_inside(c, NULL, err)) >= 0)
		r = read_dockerfile(c, r, err);
	return r < 0 ? r : read_ignore(c, on_stdin ? NULL : file, err);
}

/* ---- standard input ---- */

/* Into a file without a name: whether it is an archive is known only when it can be read twice. */
static int nameless(int dir, struct err *err)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, errno, "make a temporary file for the build context") : fd;
}

static int spool(int in, int dir, struct err *err)
{
	static char piece[256 << 10];
	fd_cleanup int fd = nameless(dir, err);
	uint64_t total = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	while ((n = read(in, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read the build context from standard input");
		total += (uint64_t)n;
		if (total > CONTEXT_STDIN_MAX)
			return err_set(err, EFBIG, "the build context on standard input is larger than %llu bytes",
				       CONTEXT_STDIN_MAX);
		r = fd_write_all(fd, piece, (size_t)n);
		if (r < 0)
			return fs_no_room(fd, 0, err_sys(err, -r, "write the build context to a temporary file"), err);
	}
	return fd_take(&fd);
}

static int dockerfile_alone(struct context *c, int fd, const char *where, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0 || mkdirat(c->tmp, "fs", 0700) < 0)
		return err_sys(err, errno, "make an empty build context");
	return read_stream(c, fd, where, err);
}

/* 1 = it is a tar, and unpacked into c->tmp/"fs"; 0 = it is something else. */
static int unpack(struct context *c, int file, const char *where, struct err *err)
{
	int r;

	if (archive_look(file) == ARCHIVE_NONE)
		return 0;
	r = archive_unpack(file, c->tmp, err);
	if (r == ARCHIVE_OTHER)
		return err_set(err, EINVAL, "%s is compressed data, but there is no tar in it", where);
	return r;
}

static int open_fs(struct context *c, struct err *err)
{
	c->tree.root = fs_open_in(c->tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	c->tree.what = "the build context";
	return c->tree.root < 0 ? c->tree.root : 0;
}

/* A tar of the context, or with `alone` the Dockerfile by itself: 1 then. */
static int from_file(struct context *c, int file, const char *where, bool alone, struct err *err)
{
	int r = unpack(c, file, where, err);
	bool tar = r > 0;

	if (r == 0)
		r = alone ? dockerfile_alone(c, file, where, err) : err_set(err, EINVAL, "%s is not an archive", where);
	if (r >= 0)
		r = open_fs(c, err);
	return r < 0 ? r : !tar;
}

static int from_client(struct context *c, const struct context_from *from, struct err *err)
{
	int r = client_ignore(c, from, &c->patterns, err);

	c->client = from->client;
	c->cache = from->cache;
	c->client_dir = mem_strdup(client_dir(from));
	return r;
}

/* A copy that somebody else uses at the moment, or that cannot be made, is none. */
static void find_kept(struct context *c)
{
	mem_cleanup char *id = NULL;
	int dir;

	if (!c->cache || !c->client->key || !*c->client->key)
		return;
	id = mem_printf("%s\n%s", c->client->key, c->client_dir);
	dir = cache_context(c->cache, id, NULL);
	c->kept = dir < 0 ? -1 : dir;
}

/* From now on the list is true again. */
static int take_kept(struct context *c, int file, struct err *err)
{
	int r = archive_unpack_more(file, c->kept, err);

	if (r < 0)
		return r;
	if (renameat(c->kept, "next", c->kept, "list") < 0 && errno != ENOENT)
		return err_sys(err, errno, "keep the build context");
	c->tree.root = fs_open_in(c->kept, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	c->tree.what = "the build context";
	return c->tree.root < 0 ? c->tree.root : 0;
}

int context_load(struct context *c, char *const *paths, struct err *err)
{
	const struct build_client *k = c->client;
	fd_cleanup int file = -1;
	int r;

	if (!k || c->tree.root >= 0)
		return 0;
	find_kept(c);
	file = nameless(c->tmp, err);
	r = file < 0 ? file : k->tree(k->ctx, c->client_dir, c->patterns, paths, c->kept, file, err);
	if (r < 0)
		return r;
	return c->kept >= 0 ? take_kept(c, file, err) : from_file(c, file, "the build context", false, err);
}

static int from_git(struct context *c, const struct context_from *from, struct err *err)
{
	c->tree.root = outside_clone(from->outside, from->path, NULL, c->tmp, from->keep_git_dir, err);
	c->tree.what = "the build context";
	return c->tree.root < 0 ? c->tree.root : 0;
}

/* 1 = it was the Dockerfile alone. */
static int from_elsewhere(struct context *c, const struct context_from *from, struct image_lease *lease, bool alone,
			  struct err *err)
{
	bool on_stdin = !strcmp(from->path, "-");
	mem_cleanup char *where = on_stdin ? mem_strdup(STDIN) : mem_printf("\"%s\"", from->path);
	fd_cleanup int file = -1;
	int r = image_lease_tmp(lease, &c->tmp, c->tmp_name, err);

	if (r < 0)
		return r;
	if (client_dir(from))
		return from_client(c, from, err);
	if (git_url_is_context(from->path))
		return from_git(c, from, err);
	file = on_stdin ? spool(from->stdin_fd, c->tmp, err) : outside_fetch(from->outside, from->path, err);
	return file < 0 ? file : from_file(c, file, where, alone, err);
}

static int with_dockerfile(struct context *c, const struct context_from *from, struct image_lease *lease,
			   struct err *err)
{
	bool on_stdin = from->dockerfile && !strcmp(from->dockerfile, "-") && strcmp(from->path, "-") != 0;
	bool given = from->client && from->dockerfile_dir;
	int r = given ? client_dockerfile(c, from, err) : 0;

	if (r == 0)
		r = from_elsewhere(c, from, lease, !on_stdin && !given, err);
	if (r != 0 || (given && client_dir(from)))
		return r < 0 ? r : 0;
	if (given)
		return read_ignore(c, NULL, err);
	if (on_stdin)
		r = read_stream(c, from->stdin_fd, STDIN, err);
	else if ((r = find_inside(c, from->dockerfile, err)) >= 0)
		r = read_dockerfile(c, r, err);
	return r < 0 ? r : read_ignore(c, NULL, err);
}

/* ---- all ---- */

static bool is_elsewhere(const struct context_from *from)
{
	return !strcmp(from->path, "-") || outside_is(from->path) || git_url_is_context(from->path) || client_dir(from);
}

static int check_path(const struct context_from *from, struct err *err)
{
	const char *path = from->path;

	/* A directory of this machine is none of the client's. */
	if (from->client && !is_elsewhere(from))
		return err_set(err, EINVAL, "\"%s\" is no build context of the client", path);
	if (is_elsewhere(from) || !strstr(path, "://"))
		return 0;
	return err_set(err, EINVAL,
		       "\"%s\" is no build context; a directory, http://, https://, git://, ssh:// and git@ are", path);
}

int context_open(const struct context_from *from, struct image_lease *lease, struct context *ret, struct err *err)
{
	struct context c = CONTEXT_NULL;
	int r = check_path(from, err);

	if (r == 0)
		r = is_elsewhere(from) ? with_dockerfile(&c, from, lease, err) : from_dir(&c, from, err);
	if (r < 0)
		context_close(&c);
	else
		*ret = c;
	return r < 0 ? r : 0;
}

int context_open_named(const char *name, const struct context_from *from, struct image_lease *lease,
		       struct context *ret, struct err *err)
{
	bool elsewhere = is_elsewhere(from) && strcmp(from->path, "-") != 0;
	struct context c = CONTEXT_NULL;
	int r = check_path(from, err);

	if (r == 0)
		r = elsewhere ? from_elsewhere(&c, from, lease, false, err) : open_dir(&c, from->path, err);
	if (r >= 0)
		r = client_dir(from) ? context_load(&c, NULL, err) : read_ignore(&c, NULL, err);
	if (r < 0) {
		context_close(&c);
		return err ? err_wrap(err, "build context \"%s\"", name) : r;
	}
	*ret = c;
	return 0;
}
