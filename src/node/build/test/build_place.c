/* SPDX-License-Identifier: Apache-2.0 */
#include "build_place.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int make(int at, const char *name)
{
	assert_int_equal(mkdirat(at, name, 0755), 0);
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void build_place_make(struct build_place *p)
{
	snprintf(p->path, sizeof p->path, "/tmp/berth-build-test.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->src = make(p->dir, "src");
	p->view = make(p->dir, "view");
	p->fs = make(p->dir, "fs");
}

void build_place_remove(struct build_place *p)
{
	fd_cleanup int tmp = -1;

	fd_closep(&p->src);
	fd_closep(&p->view);
	fd_closep(&p->fs);
	fd_closep(&p->dir);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(tmp, strrchr(p->path, '/') + 1, NULL), 0);
}

static void make_parents(int at, const char *path)
{
	const char *slash = strrchr(path, '/');
	mem_cleanup char *parent = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	int fd = fs_mkdirs_in(at, parent, 0755, FS_NO_SYMLINKS, NULL);

	assert_true(fd >= 0);
	close(fd);
}

void build_place_file(int at, const char *path, const char *text, unsigned mode)
{
	fd_cleanup int fd = -1;

	make_parents(at, path);
	fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

void build_place_dir(int at, const char *path, unsigned mode)
{
	int fd = fs_mkdirs_in(at, path, 0755, FS_NO_SYMLINKS, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

void build_place_link(int at, const char *path, const char *target)
{
	make_parents(at, path);
	assert_int_equal(symlinkat(target, at, path), 0);
}

const char *build_place_look(int at, const char *path)
{
	static char text[4100];
	struct stat st;
	ssize_t n;

	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "";
	if (S_ISDIR(st.st_mode))
		return "dir";
	if (S_ISFIFO(st.st_mode))
		return "fifo";
	if (S_ISLNK(st.st_mode)) {
		memcpy(text, "-> ", 3);
		n = readlinkat(at, path, text + 3, sizeof text - 4);
		assert_true(n >= 0);
		text[3 + n] = '\0';
	} else {
		fd_cleanup int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		n = read(fd, text, sizeof text - 1);
		assert_true(n >= 0);
		text[n] = '\0';
	}
	return text;
}

unsigned build_place_mode(int at, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

int build_place_copy(const struct build_place *p, const struct copy *c, const char *const *patterns,
		     const struct ignore *ignore)
{
	const struct source_tree tree = {
	    .root = p->src, .context = true, .ignore = ignore, .what = "the build context"};
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	struct copy own = *c;
	struct err err = ERR_INIT;
	int r = 0;

	own.draft = (struct draft){.view = p->view, .dir = p->fs};
	for (; r == 0 && *patterns; patterns++)
		r = source_find(&tree, *patterns, &list, &err);
	if (r == 0)
		r = copy_items(&own, &tree, &list, &err);
	if (r < 0)
		assert_true(strlen(err.text) > 10);
	return -r;
}
