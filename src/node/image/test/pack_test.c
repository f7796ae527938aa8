/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/pack.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/layer.h"
#include "node/image/layer_tar.h"
#include "node/image/tar_record.h"
#include "node/image/tar_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <fcntl.h>

#include <cmocka.h>

static char top_name[64];
static int top = -1, tree = -1; /* top/one/fs */

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-pack-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree = fs_mkdirs_in(top, "one/fs", 0755, FS_NO_SYMLINKS, NULL);
	return tree < 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	fd_closep(&tree);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

static void put(const char *name, const char *text, mode_t mode)
{
	fd_cleanup int fd = openat(tree, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void at_time(const char *name, int64_t s, long ns)
{
	const struct timespec times[2] = {{.tv_sec = s, .tv_nsec = ns}, {.tv_sec = s, .tv_nsec = ns}};

	assert_int_equal(utimensat(tree, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void mark(const char *name, const char *key, const char *value)
{
	fd_cleanup int fd = openat(tree, name, O_RDONLY | O_CLOEXEC);

	if (fsetxattr(fd, key, value, strlen(value), 0) < 0)
		fail_msg("%s: %s: %s", name, key, strerror(errno));
}

static int to_buf(void *ctx, const void *data, size_t n, struct err *err)
{
	(void)err;
	return buf_add(ctx, data, n);
}

static void pack_fs(int fs, const struct pack_options *o, struct buf *out, struct packed_tree *ret)
{
	struct err err = ERR_INIT;

	if (pack_tree(fs, o, NULL, &(struct sink){to_buf, out}, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* Long names: too long for a block's name, fitting the prefix or not. */
#define PART "a-name-of-fifty-bytes-0123456789-0123456789-012345"

static void make_tree(void)
{
	char deep[400];

	assert_int_equal(mkdirat(tree, "dir", 01777), 0);
	assert_int_equal(fchmodat(tree, "dir", 01777, 0), 0);
	put("dir/file", "content", 04755);
	assert_int_equal(linkat(tree, "dir/file", tree, "z-second-name", 0), 0);
	assert_int_equal(symlinkat("dir/file", tree, "link"), 0);
	assert_int_equal(mkfifoat(tree, "fifo", 0640), 0);
	put("empty", "", 0);
	put("large-ids", "x", 0600);
	assert_int_equal(fchownat(tree, "large-ids", 3000000, 4000000000u, 0), 0);
	put("\xff not utf-8", "x", 0600);
	assert_int_equal(mkdirat(tree, PART, 0755), 0);
	assert_int_equal(mkdirat(tree, PART "/" PART, 0755), 0);
	put(PART "/" PART "/f", "fits the prefix", 0644);
	snprintf(deep, sizeof deep, PART "/" PART "/%0200d", 7);
	put(deep, "needs pax", 0644);
	snprintf(deep, sizeof deep, "%0150d", 7);
	assert_int_equal(symlinkat(deep, tree, "long-link"), 0);
	assert_int_equal(mkdirat(tree, "opaque", 0755), 0);
	mark("opaque", "trusted.overlay.opaque", "y");
	put("opaque/kept", "new", 0644);
	assert_int_equal(mknodat(tree, "dir/gone", S_IFCHR, 0), 0);
	mark("dir/file", "user.b", "2");
	mark("dir/file", "user.a", "1");
	mark("dir", "user.on-dir", "");
	at_time("dir/file", 1600000000, 0);
	at_time("empty", 1600000000, 123456789);
	at_time("large-ids", -5, 0);
	at_time("link", 9999999999, 0);
	at_time("dir", 1700000001, 500000000);
}

/* Unpacks into top/NAME and sets overlay's marks; the directory. */
static int unpack_layer(const char *name, const struct buf *tar, struct image_unpacked *u)
{
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC);
	int dir = fs_mkdirs_in(top, name, 0700, FS_NO_SYMLINKS, NULL);
	struct err err = ERR_INIT;

	assert_int_equal(fd_write_all(fd, tar->data, tar->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (image_unpack_layer(fd, dir, NULL, u, &err) < 0 || image_layer_mark(dir, &err) < 0)
		fail_msg("%s", err.text);
	return dir;
}

static void check_equal(const struct buf *a, const struct buf *b)
{
	assert_true(a->len == b->len && !memcmp(a->data, b->data, a->len));
}

/* What was packed, unpacked and packed again is the same, and the tar comes out of the record, too. */
static void test_round_trip(void **state)
{
	struct buf one buf_cleanup = BUF_INIT, two buf_cleanup = BUF_INIT, three buf_cleanup = BUF_INIT;
	struct pack_options o = PACK_OPTIONS_INIT;
	struct packed_tree packed;
	struct image_unpacked u;
	fd_cleanup int dir = -1, fs = -1;
	struct stat st;

	(void)state;
	make_tree();
	pack_fs(tree, &o, &one, &packed);
	assert_int_equal(packed.size, one.len);
	dir = unpack_layer("two", &one, &u);
	fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pack_fs(fs, &o, &two, &packed);
	check_equal(&one, &two);
	assert_int_equal(layer_tar_write_at(dir, u.diff_id, &(struct sink){to_buf, &three}, NULL, NULL), 0);
	check_equal(&one, &three);
	assert_int_equal(u.n_files + 2, packed.n_files); /* the two whiteouts are no files */
	/* The tar says what the tree is, not only twice the same */
	assert_int_equal(fstatat(fs, "dir/file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstatat(fs, "large-ids", &st, 0), 0);
	assert_true(st.st_uid == 3000000 && st.st_gid == 4000000000u && st.st_mtim.tv_sec == -5);
	assert_int_equal(fstatat(fs, "empty", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(fstatat(fs, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, 9999999999);
	assert_int_equal(fstatat(fs, "dir/gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
}

/* The same tree made in another order, with what does not count. */
static void test_options(void **state)
{
	struct buf one buf_cleanup = BUF_INIT, two buf_cleanup = BUF_INIT, three buf_cleanup = BUF_INIT;
	struct pack_options o = {.epoch = 1500000000};
	cleanup_with(tar_record_freep) struct tar_record *rec = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	fd_cleanup int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd_cleanup int dir = openat(top, "one", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct packed_tree packed;
	struct stat st;
	bool ok = false;

	(void)state;
	pack_fs(tree, &o, &one, &packed);
	put("dir/file", "CONTENT", 04755);
	put("dir/file", "content", 04755);
	at_time("fifo", 1500000001, 7);
	at_time("empty", 1500000000, 1);
	mark("dir/file", "user.overlay.opaque", "y");
	mark("dir/file", "trusted.other", "y");
	snprintf(address.sun_path, sizeof address.sun_path, "%s/one/fs/dir/sock", top_name);
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof address), 0);
	pack_fs(tree, &o, &two, &packed);
	check_equal(&one, &two);
	assert_int_equal(packed.n_sockets_left_out, 1);
	assert_int_equal(packed.n_xattrs_dropped, 2);
	/* With a record the tree becomes what the tar says. */
	assert_int_equal(tar_record_new(dir, &rec, NULL), 0);
	assert_int_equal(pack_tree(tree, &o, rec, &(struct sink){to_buf, &three}, &packed, NULL), 0);
	assert_int_equal(tar_record_end(rec, &ok, NULL), 0);
	check_equal(&one, &three);
	assert_true(ok);
	assert_int_equal(fstatat(tree, "dir", &st, 0), 0);
	assert_true(st.st_mtim.tv_sec == 1500000000 && st.st_mtim.tv_nsec == 0);
	assert_int_not_equal(fstatat(tree, "dir/sock", &st, 0), 0);
	o.epoch = -1;
	buf_clear(&two);
	pack_fs(tree, &o, &two, &packed);
	check_equal(&one, &two);
}

/* No time is left in a whole-second tar but whole ones. */
static void test_whole_seconds(void **state)
{
	struct buf one buf_cleanup = BUF_INIT, two buf_cleanup = BUF_INIT;
	struct pack_options o = {.epoch = -1, .whole_seconds = true};
	struct packed_tree packed;

	(void)state;
	at_time("empty", 1400000000, 123);
	pack_fs(tree, &o, &one, &packed);
	at_time("empty", 1400000000, 0);
	o.whole_seconds = false;
	pack_fs(tree, &o, &two, &packed);
	check_equal(&one, &two);
}

/* Overlay's second form of a whiteout counts in a directory that says so, and nowhere else. */
static void test_xattr_whiteout(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct pack_options o = PACK_OPTIONS_INIT;
	struct packed_tree packed;
	fd_cleanup int fs = fs_mkdirs_in(top, "x/fs", 0755, FS_NO_SYMLINKS, NULL), old = tree;

	(void)state;
	tree = fs;
	assert_int_equal(mkdirat(tree, "d", 0755), 0);
	mark("d", "trusted.overlay.opaque", "x");
	put("d/gone", "", 0);
	mark("d/gone", "trusted.overlay.whiteout", "y");
	put("file", "", 0);
	mark("file", "trusted.overlay.whiteout", "y");
	pack_fs(tree, &o, &out, &packed);
	assert_non_null(memmem(out.data, out.len, "d/.wh.gone", 11));
	assert_null(memmem(out.data, out.len, ".wh..wh..opq", 12));
	assert_null(memmem(out.data, out.len, ".wh.file", 8));
	tree = fd_take(&old);
}

static int refused(const struct pack_options *o, struct err *err)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct packed_tree packed;

	err_clear(err);
	return pack_tree(tree, o, NULL, &(struct sink){to_buf, &out}, &packed, err);
}

static void test_refused(void **state)
{
	struct pack_options o = PACK_OPTIONS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put("dir/.wh.x", "", 0644);
	assert_int_equal(refused(&o, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"dir/.wh.x\": names that begin with \".wh.\""));
	assert_int_equal(unlinkat(tree, "dir/.wh.x", 0), 0);
	mark("opaque", "trusted.overlay.redirect", "/dir");
	assert_int_equal(refused(&o, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"opaque\": overlay's attribute"));
	assert_int_equal(removexattr("/proc/self/cwd", "trusted.none") < 0, 1);
	{
		fd_cleanup int fd = openat(tree, "opaque", O_RDONLY | O_CLOEXEC);

		assert_int_equal(fremovexattr(fd, "trusted.overlay.redirect"), 0);
	}
	/* A file as large as the disk allows to say */
	put("sparse", "", 0644);
	{
		fd_cleanup int fd = openat(tree, "sparse", O_WRONLY | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, 1 << 30), 0);
	}
	o.bytes_limit = 1 << 20;
	assert_int_equal(refused(&o, &err), -EFBIG);
	assert_int_equal(unlinkat(tree, "sparse", 0), 0);
}

/* Deeper than there are descriptors. */
static void test_deep(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct pack_options o = PACK_OPTIONS_INIT;
	struct packed_tree packed;
	char path[4000] = "fs";
	fd_cleanup int fs = -1, dir = fs_mkdirs_in(top, "deep", 0755, FS_NO_SYMLINKS, NULL), at = -1;

	(void)state;
	for (int i = 0; i < 1900; i++)
		memcpy(path + 2 + 2 * i, "/d", 3);
	at = fs_mkdirs_in(dir, path, 0755, FS_NO_SYMLINKS, NULL);
	assert_true(at >= 0);
	fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pack_fs(fs, &o, &out, &packed);
	assert_int_equal(packed.n_files, 1900);
}

/* What only pax can say is there, and nothing of it where ustar is enough. */
static void test_header(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct tar_entry e = {.name = "f", .mode = S_IFREG | 0644, .mtime_s = 1600000000, .size = 5};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(tar_write_header(&out, &e, &err), 0);
	assert_int_equal(out.len, 512);
	assert_memory_equal(out.data + 257, "ustar\00000", 8);
	buf_clear(&out);
	e.size = 1ull << 33;
	assert_int_equal(tar_write_header(&out, &e, &err), 0);
	assert_int_equal(out.len, 3 * 512);
	assert_memory_equal(out.data + 512, "19 size=8589934592\n", 19);
	e.mode = S_IFSOCK;
	assert_int_equal(tar_write_header(&out, &e, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header),  cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_options), cmocka_unit_test(test_whole_seconds),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_xattr_whiteout),
	    cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
