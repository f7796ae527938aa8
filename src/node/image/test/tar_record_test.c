/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/tar_record.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "lib/tar_make.h"
#include "node/image/compress.h"
#include "node/image/image.h"
#include "node/image/layer_tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>

#include <cmocka.h>

static char top_name[64];
static int top = -1;

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-record-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

static int to_buf(void *ctx, const void *data, size_t n, struct err *err)
{
	return buf_add(ctx, data, n) < 0 ? err_set(err, E2BIG, "too much") : 0;
}

/* Unpacks into top/layer, a fresh directory; its descriptor. */
static int unpack(const struct tar_make *t, struct image_unpacked *u)
{
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	int dir, r;

	assert_int_equal(fs_remove_tree(top, "layer", NULL), 0);
	dir = fs_mkdirs_in(top, "layer", 0700, FS_NO_SYMLINKS, NULL);
	assert_int_equal(fd_write_all(fd, t->data, t->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = image_unpack(fd, dir, NULL, u, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	return dir;
}

static bool exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The tar that is made again must be the same; `plain`: the archive is not packed, so its bytes can be compared. */
static void check_same(const struct tar_make *t, const char *name, bool plain)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct image_unpacked u;
	fd_cleanup int dir = unpack(t, &u);
	struct err err = ERR_INIT;
	uint64_t size = 0;
	int r = layer_tar_write_at(dir, u.diff_id, &(struct sink){to_buf, &out}, &size, &err);

	if (r < 0)
		fail_msg("%s: %s", name, err.text);
	assert_int_equal(size, u.tar_size);
	assert_int_equal(out.len, u.tar_size);
	if (plain)
		assert_true(t->len == out.len && !memcmp(t->data, out.data, out.len));
	assert_false(exists(dir, "kept") || exists(dir, "tar.new") || exists(dir, "tar.inodes"));
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < tar_cases_n; i++) {
		struct tar_make t = {.data = NULL};

		if (tar_cases[i].want)
			continue;
		tar_cases[i].make(&t);
		check_same(&t, tar_cases[i].name,
			   !strstr(tar_cases[i].name, "gzip") && !strstr(tar_cases[i].name, "zstd"));
		tar_make_free(&t);
	}
}

/* Content that fs/ has not any more at the end. */
static void test_twice(void **state)
{
	struct tar_make t = {.data = NULL};
	char *large = mem_zalloc(1, 300000);

	(void)state;
	memset(large, 'x', 299999);
	tar_make_file(&t, "a", "first");
	tar_make_file(&t, "b", large);
	tar_make_link(&t, '1', "c", "b");
	tar_make_file(&t, "a", "second, longer");
	tar_make_file(&t, "b", "other");
	tar_make_file(&t, "a", "third");
	tar_make_file(&t, "c", "its last name goes, too");
	tar_make_link(&t, '2', "a", "b");
	tar_make_end(&t);
	check_same(&t, "twice", true);
	tar_make_free(&t);
	free(large);
}

/* A large entry that is no file's content, many small ones, and bytes after the end mark. */
static void test_literals(void **state)
{
	struct tar_make t = {.data = NULL};
	char *junk = mem_zalloc(1, 12u << 20);
	char name[20];

	(void)state;
	for (size_t i = 0; i < 12u << 20; i++)
		junk[i] = (char)(i * 2654435761u >> 24);
	tar_make_head(&t, &(struct tar_header){.name = "null", .type = '3', .major = 1, .minor = 3});
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "f%d", i);
		tar_make_file(&t, name, i % 3 ? name : "");
	}
	tar_make_head(&t, &(struct tar_header){.name = "big", .size = 12u << 20});
	tar_make_body(&t, junk, 12u << 20);
	tar_make_end(&t);
	tar_make_bytes(&t, junk, 10u << 20);
	check_same(&t, "literals", true);
	tar_make_free(&t);
	free(junk);
}

/* "a/x" is found no more, because the link "a" became a directory: there is no record then, and the error says so. */
static void test_not_rebuildable(void **state)
{
	struct tar_make t = {.data = NULL};
	struct buf out buf_cleanup = BUF_INIT;
	struct err err = ERR_INIT;
	struct image_unpacked u;
	fd_cleanup int dir = -1;

	(void)state;
	tar_make_dir(&t, "b");
	tar_make_link(&t, '2', "a", "b");
	tar_make_file(&t, "a/x", "content");
	tar_make_link(&t, '2', "a", "nowhere");
	tar_make_end(&t);
	dir = unpack(&t, &u);
	assert_false(exists(dir, "tar"));
	assert_int_equal(layer_tar_write_at(dir, u.diff_id, &(struct sink){to_buf, &out}, NULL, &err), -ENODATA);
	assert_non_null(strstr(err.text, "cannot be made again"));
	tar_make_free(&t);
}

static void write_file(int dir, const char *name, const void *data, size_t n)
{
	fd_cleanup int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, data, n), 0);
}

static int rebuild(int dir, const char *hex, struct err *err)
{
	struct buf out buf_cleanup = BUF_INIT;

	err_clear(err);
	return layer_tar_write_at(dir, hex, &(struct sink){to_buf, &out}, NULL, err);
}

static void test_changed_files(void **state)
{
	struct tar_make t = {.data = NULL};
	struct err err = ERR_INIT;
	struct image_unpacked u;
	fd_cleanup int dir = -1;

	(void)state;
	tar_make_dir(&t, "d");
	tar_make_file(&t, "d/f", "content");
	tar_make_end(&t);
	dir = unpack(&t, &u);
	assert_int_equal(rebuild(dir, u.diff_id, &err), 0);
	write_file(dir, "fs/d/f", "CONTENT", 7);
	assert_int_equal(rebuild(dir, u.diff_id, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "digest"));
	write_file(dir, "fs/d/f", "con", 3);
	assert_int_equal(rebuild(dir, u.diff_id, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "\"d/f\" of the layer is shorter"));
	assert_int_equal(unlinkat(dir, "fs/d/f", 0), 0);
	assert_int_equal(rebuild(dir, u.diff_id, &err), -ENOENT);
	/* Neither a FIFO nor a link to the outside is opened in its place. */
	assert_int_equal(mkfifoat(dir, "fs/d/f", 0600), 0);
	assert_int_equal(rebuild(dir, u.diff_id, &err), -EBADMSG);
	assert_int_equal(unlinkat(dir, "fs/d/f", 0), 0);
	assert_int_equal(symlinkat("/etc/hostname", dir, "fs/d/f"), 0);
	assert_int_equal(rebuild(dir, u.diff_id, &err), -ELOOP);
	tar_make_free(&t);
}

/* A record of these bytes, packed. */
static void put_record(int dir, const void *data, size_t n)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct compressed packed;
	struct compress *c;

	assert_int_equal(compress_new(COMPRESS_ZSTD, 0, &(struct sink){to_buf, &out}, &c, NULL), 0);
	assert_int_equal(compress_write(c, data, n, NULL), 0);
	assert_int_equal(compress_end(c, &packed, NULL), 0);
	compress_free(c);
	write_file(dir, "tar", out.data, out.len);
}

static void test_damaged(void **state)
{
#define MAGIC "berth-record 1\n"
	static const struct {
		const char *data;
		size_t n;
		const char *text;
	} cases[] = {
	    {"berth-record 2\n", 15, "no record of this version"},
	    {MAGIC, 15, "cut short"},
	    {MAGIC "X", 16, "no known kind"},
	    {MAGIC "L\0\0\0\0", 20, "impossible length"},
	    {MAGIC "L\xff\xff\xff\xff", 20, "impossible length"},
	    {MAGIC "L\4\0\0\0ab", 22, "cut short"},
	    {MAGIC "F\0\0", 18, "impossible length"},
	    {MAGIC "F\1\0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 35, "impossible"},
	    {MAGIC "F\1\0f\xff\xff\xff\xff\xff\xff\xff\x7f\1\0\0\0\0\0\0\0", 35, "impossible"},
	    {MAGIC "F\1\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 35, "impossible"},
	    {MAGIC "L\1\0\0\0aE\2\0\0\0\0\0\0\0", 30, "its size is not that"},
	    {MAGIC "L\1\0\0\0aE\1\0\0\0\0\0\0\0x", 31, "something follows"},
	};
	fd_cleanup int dir = fs_mkdirs_in(top, "damaged", 0700, FS_NO_SYMLINKS, NULL);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(dir, "fs", 0700), 0);
	write_file(dir, "fs/f", "text", 4);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_record(dir, cases[i].data, cases[i].n);
		assert_int_equal(rebuild(dir, "", &err), -EBADMSG);
		if (!strstr(err.text, cases[i].text))
			fail_msg("case %zu: %s", i, err.text);
	}
	write_file(dir, "tar", "", 0);
	assert_int_equal(rebuild(dir, "", &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),	  cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_literals),	  cmocka_unit_test(test_not_rebuildable),
	    cmocka_unit_test(test_changed_files), cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
