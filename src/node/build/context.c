/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/context.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/archive.h"
#include "node/build/dockerfile.h"
#include "node/build/ignore.h"
#include "node/build/snapshot.h"
#include "node/image/lease.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const default_names[] = {"Dockerfile", "dockerfile", "Containerfile"};

void context_close(struct context *c)
{
	ignore_free(c->ignore);
	free(c->dockerfile);
	free(c->name);
	fd_closep(&c->tree.root);
	snapshot_remove(c->tmp, c->tmp_name);
	fd_closep(&c->tmp);
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

static int read_stdin(struct context *c, int fd, struct err *err)
{
	int r = fd_read_all(fd, DOCKERFILE_BYTES_MAX, &c->dockerfile, &c->n_dockerfile);

	c->name = mem_strdup("standard input");
	if (r == -E2BIG)
		return err_set(err, E2BIG, "the Dockerfile on standard input is larger than the limit of %u bytes",
			       DOCKERFILE_BYTES_MAX);
	return r < 0 ? err_sys(err, -r, "read the Dockerfile from standard input") : 0;
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
		r = read_stdin(c, from->stdin_fd, err);
	else if ((r = file ? open_outside(c, file, err) : find_inside(c, NULL, err)) >= 0)
		r = read_dockerfile(c, r, err);
	return r < 0 ? r : read_ignore(c, on_stdin ? NULL : file, err);
}

/* ---- standard input ---- */

/* Into a file without a name: whether it is an archive is known only when it can be read twice. */
static int spool(int in, int dir, struct err *err)
{
	static char piece[256 << 10];
	fd_cleanup int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t total = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "make a temporary file for standard input");
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
			return err_sys(err, -r, "write the build context to a temporary file");
	}
	return fd_take(&fd);
}

static int dockerfile_alone(struct context *c, int fd, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0 || mkdirat(c->tmp, "fs", 0700) < 0)
		return err_sys(err, errno, "make an empty build context");
	return read_stdin(c, fd, err);
}

static int from_stdin(struct context *c, const struct context_from *from, struct image_lease *lease, struct err *err)
{
	const char *packing = "";
	fd_cleanup int file = -1;
	enum archive_kind kind;
	int r = image_lease_tmp(lease, &c->tmp, c->tmp_name, err);

	if (r < 0)
		return r;
	file = spool(from->stdin_fd, c->tmp, err);
	if (file < 0)
		return file;
	kind = archive_look(file, &packing);
	if (kind == ARCHIVE_FOREIGN)
		return err_set(err, EINVAL,
			       "standard input is %s data; unpack it first, as in: %s -dc FILE | berth build -",
			       packing, packing);
	r = kind == ARCHIVE_NONE ? dockerfile_alone(c, file, err) : archive_unpack(file, c->tmp, err);
	if (r == ARCHIVE_OTHER && kind != ARCHIVE_NONE)
		r = err_set(err, EINVAL, "standard input is compressed data, but there is no tar in it");
	if (r < 0)
		return r;
	c->tree.root = fs_open_in(c->tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	c->tree.what = "the build context";
	if (c->tree.root < 0 || kind == ARCHIVE_NONE)
		return c->tree.root < 0 ? c->tree.root : 0;
	r = find_inside(c, from->dockerfile, err);
	if (r >= 0)
		r = read_dockerfile(c, r, err);
	return r < 0 ? r : read_ignore(c, NULL, err);
}

static bool is_url(const char *path)
{
	return strstr(path, "://") || !strncmp(path, "git@", 4);
}

int context_open(const struct context_from *from, struct image_lease *lease, struct context *ret, struct err *err)
{
	struct context c = CONTEXT_NULL;
	int r;

	if (is_url(from->path))
		return err_set(
		    err, EINVAL,
		    "\"%s\": a build context at an address cannot be fetched yet; fetch it first (git clone, "
		    "curl) and give the directory, or the archive on standard input",
		    from->path);
	r = strcmp(from->path, "-") != 0 ? from_dir(&c, from, err) : from_stdin(&c, from, lease, err);
	if (r < 0)
		context_close(&c);
	else
		*ret = c;
	return r < 0 ? r : 0;
}

int context_open_named(const char *name, const char *path, struct context *ret, struct err *err)
{
	struct context c = CONTEXT_NULL;
	int r = open_dir(&c, path, err);

	if (r == 0)
		r = read_ignore(&c, NULL, err);
	if (r < 0) {
		context_close(&c);
		return err ? err_wrap(err, "build context \"%s\"", name) : r;
	}
	*ret = c;
	return 0;
}
