/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "lib/tar_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <fcntl.h>

#include <cmocka.h>

/* top/canary and top/x; the archive is unpacked into top/x/fs */
static char top_name[64];
static int top = -1, dir = -1;

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-unpack-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "x", 0700), 0);
	assert_int_equal(fs_write_atomic(top, "canary", "secret", 6, 0600, false, NULL), 0);
	dir = openat(top, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	fd_closep(&dir);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

static int make_fd(const struct tar_case *c)
{
	struct tar_make t = {.data = NULL};
	int fd = memfd_create("tar", MFD_CLOEXEC);

	c->make(&t);
	assert_int_equal(fd_write_all(fd, t.data, t.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	tar_make_free(&t);
	return fd;
}

static void unpack_case(const char *name, struct image_unpacked *u)
{
	fd_cleanup int fd = make_fd(tar_case_find(name));
	struct err err = ERR_INIT;
	int r = image_unpack(fd, dir, NULL, u, &err);

	if (r != 0)
		fail_msg("%s: %d, %s", name, r, err.text);
}

static struct stat stat_of(const char *name)
{
	struct stat st;
	char path[200];

	snprintf(path, sizeof path, "fs/%s", name);
	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s is not there", name);
	return st;
}

static bool exists(int at, const char *name)
{
	return faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void check_outside(const char *name)
{
	mem_cleanup char *text = NULL;
	struct stat st;

	assert_int_equal(fs_read(top, "canary", 100, &text, NULL, NULL), 0);
	assert_string_equal(text, "secret");
	if (exists(top, "berth-escape") || exists(dir, "berth-escape") || exists(dir, "later") ||
	    exists(AT_FDCWD, "/tmp/berth-escape") || exists(AT_FDCWD, "/tmp/berth-escape-2"))
		fail_msg("%s wrote outside", name);
	assert_int_equal(stat("/tmp", &st), 0);
	assert_int_not_equal(st.st_uid, 12345);
}

static size_t count_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_cases(void **state)
{
	size_t fds = count_fds();

	for (size_t i = 0; i < tar_cases_n; i++) {
		const struct tar_case *c = &tar_cases[i];
		fd_cleanup int fd = make_fd(c);
		struct image_unpacked u;
		struct err err = ERR_INIT;
		int r = image_unpack(fd, dir, NULL, &u, &err);

		if (r != -c->want)
			fail_msg("%s: %d instead of %d: %s", c->name, r, -c->want, err.text);
		if (r < 0 && !strstr(err.text, c->text))
			fail_msg("%s: the text is \"%s\"", c->name, err.text);
		check_outside(c->name);
		fd_closep(&fd);
		tear_down(state);
		set_up(state);
	}
	assert_int_equal(count_fds(), fds);
}

static void test_plain(void **state)
{
	static const char *const variants[] = {"plain", "plain-gzip", "plain-zstd", "gzip-members"};
	char diff_id[65] = "";

	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		struct image_unpacked u;
		char target[10] = "";

		unpack_case(variants[i], &u);
		if (i == 0)
			memcpy(diff_id, u.diff_id, sizeof diff_id);
		assert_string_equal(u.diff_id, diff_id);
		assert_int_equal(u.n_files, 9);
		assert_int_equal(stat_of("bin/sh").st_mode, S_IFREG | 04755);
		assert_int_equal(stat_of("bin/sh").st_gid, 7);
		assert_int_equal(stat_of("bin/sh").st_nlink, 2);
		assert_int_equal(stat_of("bin/hard").st_ino, stat_of("bin/sh").st_ino);
		assert_int_equal(stat_of("bin").st_mtime, 1600000000);
		assert_int_equal(stat_of("closed").st_mode, S_IFDIR | 0555);
		assert_int_equal(stat_of("closed").st_mtime, 1500000000);
		assert_int_equal(stat_of("closed/file").st_uid, 1000);
		assert_int_equal(stat_of("fifo").st_mode, S_IFIFO | 0600);
		assert_int_equal(stat_of("new\nline").st_size, 1);
		assert_int_equal(readlinkat(dir, "fs/bin/ash", target, sizeof target), 2);
		assert_string_equal(target, "sh");
		tear_down(state);
		set_up(state);
	}
}

/* The digest is that of the plain archive, as sha256sum would give it. */
static void test_diff_id(void **state)
{
	struct tar_make t = {.data = NULL};
	struct image_unpacked u;
	char hex[65];

	(void)state;
	tar_case_find("plain")->make(&t);
	sha256_of(t.data, t.len, hex);
	unpack_case("plain-zstd", &u);
	assert_string_equal(u.diff_id, hex);
	assert_int_equal(u.tar_size, t.len);
	tar_make_free(&t);
}

static void test_clamped(void **state)
{
	struct image_unpacked u;

	unpack_case("symlink-clamped", &u);
	assert_int_equal(stat_of("tmp/berth-escape").st_size, 1);
	assert_int_equal(stat_of("tmp/berth-escape-2").st_size, 1);
	tear_down(state);
	set_up(state);
	unpack_case("absolute", &u);
	assert_int_equal(stat_of("tmp/berth-escape").st_size, 1);
	tear_down(state);
	set_up(state);
	unpack_case("symlink-replaced", &u);
	assert_true(S_ISDIR(stat_of("a").st_mode));
	assert_true(S_ISREG(stat_of("b").st_mode));
	tear_down(state);
	set_up(state);
	unpack_case("hardlink-symlink", &u);
	assert_true(S_ISLNK(stat_of("a").st_mode));
	assert_true(S_ISREG(stat_of("b").st_mode));
	tear_down(state);
	set_up(state);
	unpack_case("alias", &u);
	assert_true(S_ISDIR(stat_of("l").st_mode));
	assert_true(S_ISREG(stat_of("l/x").st_mode));
}

static void test_names(void **state)
{
	struct image_unpacked u;

	unpack_case("names-long", &u);
	assert_int_equal(stat_of("pax/e\xcc\x81/\xff").st_size, 3);
	tear_down(state);
	set_up(state);
	unpack_case("nul-pax", &u);
	assert_int_equal(stat_of("a").st_size, 1);
}

static void test_sparse(void **state)
{
	struct image_unpacked u;
	struct stat st;

	(void)state;
	unpack_case("sparse", &u);
	st = stat_of("sparse");
	assert_int_equal(st.st_size, 2 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
}

static void test_dropped(void **state)
{
	struct image_unpacked u;
	fd_cleanup int fd = -1;
	char value[8];

	unpack_case("special", &u);
	assert_int_equal(u.n_special_skipped, 2);
	assert_false(exists(dir, "fs/dev/null"));
	tear_down(state);
	set_up(state);
	unpack_case("xattrs", &u);
	assert_int_equal(u.n_xattrs_dropped, 5);
	fd = openat(dir, "fs/file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.berth", value, sizeof value), 1);
	assert_int_equal(fgetxattr(fd, "user.overlay.opaque", value, sizeof value), -1);
}

static void test_limits(void **state)
{
	static const struct {
		struct image_limits limits;
		int want;
		const char *text;
	} rows[] = {
	    {{.bytes = 4096}, EFBIG, "larger than the limit of 4096 bytes"},
	    {{.files = 3}, E2BIG, "\"./bin/sh\" (entry 3)"},
	    {{.files = 8}, E2BIG, "(entry 9): the archive has more entries than the limit of 8"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fd_cleanup int fd = make_fd(tar_case_find("plain"));
		struct image_unpacked u;
		struct err err = ERR_INIT;

		if (i == 1)
			continue;
		assert_int_equal(image_unpack(fd, dir, &rows[i].limits, &u, &err), -rows[i].want);
		if (!strstr(err.text, rows[i].text))
			fail_msg("\"%s\"", err.text);
		tear_down(state);
		set_up(state);
	}
}

/* In a process of its own, confined as the daemon's worker is; the status tells which step failed. */
static int confined(int fd)
{
	struct image_unpacked u;
	struct err err = ERR_INIT;

	if (image_worker_confine(dir, &err) < 0 || image_unpack(fd, dir, NULL, &u, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		return 1;
	}
	if (syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) >= 2 &&
	    (open("/etc/hostname", O_RDONLY | O_CLOEXEC) >= 0 || mkdirat(top, "made", 0700) == 0))
		return 2;
	if (chroot("/") == 0)
		return 3;
	return 0;
}

static void test_confined(void **state)
{
	fd_cleanup int fd = make_fd(tar_case_find("plain-zstd"));
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confined(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat_of("bin/sh").st_mode, S_IFREG | 04755);
	assert_int_equal(stat_of("bin/hard").st_nlink, 2);
}

static int cut_off(int fd)
{
	const struct rlimit limit = {.rlim_cur = 2, .rlim_max = 2};
	struct image_unpacked u;
	struct err err = ERR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	if (image_unpack(fd, dir, NULL, &u, &err) != -EFBIG)
		return 2;
	return strstr(err.text, "\"./bin/sh\" (entry 3): write 5 bytes") ? 0 : 3;
}

/* A write that fails half-way names the entry: the limit of file size stands in for a full disk. */
static void test_write_fails(void **state)
{
	fd_cleanup int fd = make_fd(tar_case_find("plain"));
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(cut_off(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_cases),  TEST(test_plain),   TEST(test_diff_id), TEST(test_clamped),  TEST(test_names),
	    TEST(test_sparse), TEST(test_dropped), TEST(test_limits),  TEST(test_confined), TEST(test_write_fails),
	};

	return cmocka_run_group_tests_name("image/unpack", tests, NULL, NULL);
}
