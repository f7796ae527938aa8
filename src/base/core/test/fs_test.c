/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/fs.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/outfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* top/canary and top/root; nothing outside of root may be reached from it */
static char top_name[64];
static int tmp = -1, top = -1, root = -1;

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-fs-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "root", 0755), 0);
	root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_write_atomic(top, "canary", "secret", 6, 0600, false, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fd_closep(&root);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	fd_closep(&tmp);
	return 0;
}

static bool there(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_links(void)
{
	assert_int_equal(mkdirat(root, "d", 0755), 0);
	assert_int_equal(fs_write_atomic(root, "f", "f", 1, 0644, false, NULL), 0);
	assert_int_equal(fs_write_atomic(root, "canary", "inner", 5, 0644, false, NULL), 0);
	assert_int_equal(symlinkat("../canary", root, "up"), 0);
	assert_int_equal(symlinkat("/canary", root, "abs"), 0);
	assert_int_equal(symlinkat("f", root, "in"), 0);
	assert_int_equal(symlinkat("..", root, "updir"), 0);
	assert_int_equal(symlinkat("d", root, "indir"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/root", root, "magic"), 0);
	assert_int_equal(symlinkat("nowhere", root, "dangling"), 0);
}

static void test_open_in(void **state)
{
	static const struct {
		const char *path;
		int in_root, beneath, no_links; /* 0 = opens, or the errno */
	} rows[] = {
	    {"f", 0, 0, 0},
	    {"./d/../f", 0, 0, 0},
	    {"", 0, 0, 0},
	    {"/f", 0, EXDEV, EXDEV},
	    {"../root/f", ENOENT, EXDEV, EXDEV},
	    {"../canary", 0, EXDEV, EXDEV},
	    {"d/../../canary", 0, EXDEV, EXDEV},
	    {"up", 0, EXDEV, ELOOP},
	    {"abs", 0, EXDEV, ELOOP},
	    {"in", 0, 0, ELOOP},
	    {"updir/canary", 0, EXDEV, ELOOP},
	    {"indir/../f", 0, 0, ELOOP},
	    {"loop", ELOOP, ELOOP, ELOOP},
	    {"magic/etc", ENOENT, EXDEV, ELOOP},
	    {"missing", ENOENT, ENOENT, ENOENT},
	    {"f/x", ENOTDIR, ENOTDIR, ENOTDIR},
	};

	(void)state;
	make_links();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int want[] = {rows[i].in_root, rows[i].beneath, rows[i].no_links};

		for (int scope = FS_IN_ROOT; scope <= FS_NO_SYMLINKS; scope++) {
			struct err err = ERR_INIT;
			fd_cleanup int fd = fs_open_in(root, rows[i].path, O_RDONLY, 0, (enum fs_scope)scope, &err);
			mem_cleanup char *text = NULL;

			if (want[scope] ? fd != -want[scope] || !err.code : fd < 0)
				fail_msg("\"%s\" in scope %d: %d, %s", rows[i].path, scope, fd, err.text);
			if (fd >= 0 && fd_read_all(fd, 100, &text, NULL) == 0)
				assert_string_not_equal(text, "secret");
		}
	}
}

/* /proc inside the root: magic links stay closed in every scope */
static void test_magic(void **state)
{
	fd_cleanup int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "%d/root/etc/passwd", (int)getpid());
	for (int scope = FS_IN_ROOT; scope <= FS_NO_SYMLINKS; scope++) {
		fd_cleanup int fd = fs_open_in(proc, path, O_RDONLY, 0, (enum fs_scope)scope, &err);

		if (fd != -ELOOP && fd != -EXDEV)
			fail_msg("scope %d: %d, %s", scope, fd, err.text);
	}
}

static void test_create_in(void **state)
{
	struct stat st;
	mode_t old = umask(0);
	fd_cleanup int fd = -1;

	(void)state;
	make_links();
	fd = fs_open_in(root, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0640, FS_IN_ROOT, NULL);
	assert_int_equal(fd, -EEXIST);
	fd = fs_open_in(root, "d/new", O_WRONLY | O_CREAT | O_EXCL, 0640, FS_NO_SYMLINKS, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	umask(old);
}

static void test_mkdirs_in(void **state)
{
	static const struct {
		const char *path;
		enum fs_scope scope;
		int want;
		const char *made; /* below root */
	} rows[] = {
	    {"a/b/c", FS_BENEATH, 0, "a/b/c"},
	    {"a/b/c", FS_BENEATH, 0, "a/b/c"},
	    {"", FS_BENEATH, 0, "d"},
	    {".", FS_NO_SYMLINKS, 0, "d"},
	    {"//x///y//", FS_IN_ROOT, 0, "x/y"},
	    {"/x", FS_BENEATH, EXDEV, NULL},
	    {"../x", FS_BENEATH, EXDEV, NULL},
	    {"../in-root", FS_IN_ROOT, 0, "in-root"},
	    {"updir/clamped", FS_IN_ROOT, 0, "clamped"},
	    {"updir/x", FS_BENEATH, EXDEV, NULL},
	    {"indir/z", FS_BENEATH, 0, "d/z"},
	    {"indir/z", FS_NO_SYMLINKS, ELOOP, NULL},
	    {"f/x", FS_BENEATH, ENOTDIR, NULL},
	    {"dangling/x", FS_IN_ROOT, ENOENT, NULL},
	    {"loop/x", FS_IN_ROOT, ELOOP, NULL},
	};

	(void)state;
	make_links();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;
		fd_cleanup int fd = fs_mkdirs_in(root, rows[i].path, 0755, rows[i].scope, &err);

		if (rows[i].want ? fd != -rows[i].want : fd < 0)
			fail_msg("\"%s\": %d, %s", rows[i].path, fd, err.text);
		if (rows[i].made && !there(root, rows[i].made))
			fail_msg("\"%s\": %s was not made", rows[i].path, rows[i].made);
	}
	assert_false(there(top, "x"));
	assert_false(there(top, "in-root"));
	assert_false(there(top, "clamped"));
	assert_false(there(root, "nowhere"));
}

static void test_open_parent(void **state)
{
	static const struct {
		const char *path;
		int want;
		const char *name;
	} rows[] = {
	    {"f", 0, "f"},	 {"d/new", 0, "new"},	{"a/b", ENOENT, NULL},
	    {"", EINVAL, NULL},	 {"d/", EINVAL, NULL},	{"d/..", EINVAL, NULL},
	    {".", EINVAL, NULL}, {"up/x", EXDEV, NULL}, {"/f", EXDEV, NULL},
	};

	(void)state;
	make_links();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *name = NULL;
		fd_cleanup int fd = fs_open_parent(root, rows[i].path, FS_BENEATH, &name, NULL);

		if (rows[i].want ? fd != -rows[i].want : fd < 0)
			fail_msg("\"%s\": %d", rows[i].path, fd);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
	}
}

static void test_write_atomic(void **state)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	make_links();
	assert_int_equal(fs_write_atomic(root, "new", "one", 3, 0600, true, &err), 0);
	assert_int_equal(fs_write_atomic(root, "new", "two", 3, 0640, true, &err), 0);
	assert_int_equal(fs_read(root, "new", 3, &text, NULL, &err), 0);
	assert_string_equal(text, "two");
	assert_int_equal(fstatat(root, "new", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	/* a link is replaced, not written through */
	assert_int_equal(fs_write_atomic(root, "up", "x", 1, 0600, false, &err), 0);
	assert_int_equal(fstatat(top, "canary", &st, 0), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(fs_write_atomic(root, "d", "x", 1, 0600, false, &err), -EISDIR);
	assert_string_equal(err.text, "write \"d\": Is a directory");
}

static void test_read(void **state)
{
	static const struct {
		const char *name;
		size_t limit;
		int want;
		const char *text;
	} rows[] = {
	    {"f", 1, 0, "f"},
	    {"f", 0, E2BIG, "\"f\" is larger than 0 bytes"},
	    {"in", 10, ELOOP, "open \"in\""},
	    {"d", 10, EINVAL, "\"d\" is not a regular file"},
	    {"fifo", 10, EINVAL, "\"fifo\" is not a regular file"},
	    {"missing", 10, ENOENT, "open \"missing\": No such file"},
	};

	(void)state;
	make_links();
	assert_int_equal(mknodat(root, "fifo", S_IFIFO | 0600, 0), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *data = NULL;
		struct err err = ERR_INIT;
		size_t n = 0;

		assert_int_equal(fs_read(root, rows[i].name, rows[i].limit, &data, &n, &err), -rows[i].want);
		if (!strstr(rows[i].want ? err.text : data, rows[i].text))
			fail_msg("%s: %s", rows[i].name, err.text);
	}
}

static void test_remove(void **state)
{
	(void)state;
	make_links();
	assert_int_equal(fs_remove_tree(root, "missing", NULL), 0);
	assert_int_equal(fs_remove_tree(root, "updir", NULL), 0);
	assert_int_equal(fs_remove_tree(root, "up", NULL), 0);
	assert_int_equal(fs_remove_tree(top, "root", NULL), 0);
	assert_true(there(top, "canary"));
	assert_false(there(top, "root"));
}

/* Deeper than a path can be written down and than there are descriptors, as a container can make it. */
static void test_remove_deep(void **state)
{
	struct rlimit old;
	fd_cleanup int at = fs_open_in(root, ".", O_RDONLY | O_DIRECTORY, 0, FS_BENEATH, NULL);

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int next;

		assert_int_equal(mkdirat(at, "deeper", 0755), 0);
		next = openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		fd_closep(&at);
		at = next;
	}
	fd_closep(&at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(prlimit(0, RLIMIT_NOFILE, &(struct rlimit){100, old.rlim_max}, NULL), 0);
	assert_int_equal(fs_remove_tree(root, "deeper", NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(there(root, "deeper"));
}

static int in_mount(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	/* by name: the descriptor belongs to the old mount namespace */
	if (chdir(top_name) < 0 || chdir("root") < 0 || mkdir("d/m", 0755) < 0 ||
	    mount("tmpfs", "d/m", "tmpfs", 0, NULL) < 0)
		return 77;
	if (mkdir("d/m/kept", 0755) < 0)
		return 1;
	fd_closep(&root);
	root = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs_remove_tree(root, "d", NULL) != -EBUSY)
		return 2;
	return there(root, "d/m/kept") ? 0 : 3;
}

static void test_remove_mount(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make_links();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(in_mount());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void swap_for_ever(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(1);
	while (getppid() != 1)
		renameat2(root, "d", root, "updir", RENAME_EXCHANGE);
}

/* The last word of the rule: whoever swaps a directory with a link meanwhile gains nothing. */
static void test_swapped(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make_links();
	assert_int_equal(fs_write_atomic(root, "keep", "", 0, 0600, false, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		swap_for_ever();
	for (int i = 0; i < 1000; i++) {
		fd_cleanup int beneath = fs_open_in(root, "d/canary", O_RDONLY, 0, FS_BENEATH, NULL);
		fd_cleanup int inside = fs_open_in(root, "d/canary", O_RDONLY, 0, FS_IN_ROOT, NULL);
		fd_cleanup int made = fs_mkdirs_in(root, "d/made", 0755, FS_NO_SYMLINKS, NULL);
		mem_cleanup char *text = NULL;

		(void)made;
		assert_true(beneath < 0);
		if (inside >= 0) {
			assert_int_equal(fd_read_all(inside, 100, &text, NULL), 0);
			assert_string_equal(text, "inner");
		}
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(there(top, "made"));
}

static void test_name_ok(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {{"a", true},    {"..a", true}, {"", false},	   {".", false},    {"..", false},
		    {"a/b", false}, {"/", false},  {"a\n", false}, {"\x7f", false}, {"\xc3\xa9", true}};
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (fs_name_ok(rows[i].name) != rows[i].ok)
			fail_msg("\"%s\"", rows[i].name);
	}
	memset(longest, 'a', 256);
	longest[256] = '\0';
	assert_false(fs_name_ok(longest));
	assert_true(fs_name_ok(longest + 1));
}

static void test_mkdirs(void **state)
{
	char path[128];
	struct err err = ERR_INIT;
	fd_cleanup int fd = -1, again = -1;

	(void)state;
	snprintf(path, sizeof path, "%s//a/b//c/", top_name);
	fd = fs_mkdirs(path, 0700, &err);
	assert_true(fd >= 0);
	again = fs_mkdirs(path, 0700, &err);
	assert_true(again >= 0);
	assert_true(there(top, "a/b/c"));
	snprintf(path, sizeof path, "%s/canary/x", top_name);
	assert_int_equal(fs_mkdirs(path, 0700, &err), -ENOTDIR);
	assert_int_equal(fs_mkdirs("", 0700, &err), -ENOENT);
}

static size_t count_names(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* A pipe stays a pipe, and /dev/stdout a link. */
static void test_outfile_special(void)
{
	fd_cleanup int reader = -1, saved = dup(STDOUT_FILENO);
	struct outfile o = OUTFILE_NULL;
	char path[128], got[16] = "";
	struct stat st;

	snprintf(path, sizeof path, "%s/root/pipe", top_name);
	assert_int_equal(mkfifoat(root, "pipe", 0600), 0);
	reader = openat(root, "pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		if (i > 0) { /* the same by the name of a link to standard output */
			assert_int_equal(dup2(o.fd, STDOUT_FILENO), STDOUT_FILENO);
			outfile_close(&o);
			snprintf(path, sizeof path, "/proc/self/fd/1");
		}
		assert_int_equal(outfile_open(path, 0644, &o, NULL), 0);
		assert_int_equal(fd_write_all(o.fd, "text", 4), 0);
		assert_int_equal(outfile_name(&o, NULL), 0);
		assert_int_equal(read(reader, got, sizeof got), 4);
	}
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	outfile_close(&o);
	assert_int_equal(fstatat(root, "pipe", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlinkat(root, "pipe", 0), 0);
}

static void test_outfile(void **state)
{
	struct outfile o = OUTFILE_NULL;
	char path[128], *text;
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	snprintf(path, sizeof path, "%s/root/out", top_name);
	assert_int_equal(outfile_open(path, 0644, &o, &err), 0);
	assert_false(there(root, "out"));
	outfile_close(&o);
	assert_int_equal(count_names(root), 0);
	/* It takes the place of a file and of a link, and follows none. */
	assert_int_equal(symlinkat("../canary", root, "out"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(outfile_open(path, 0644, &o, &err), 0);
		assert_int_equal(fd_write_all(o.fd, "whole", 5), 0);
		assert_int_equal(outfile_name(&o, &err), 0);
		outfile_close(&o);
		assert_int_equal(count_names(root), 1);
		assert_int_equal(fs_read(root, "out", 10, &text, &n, NULL), 0);
		assert_string_equal(text, "whole");
		free(text);
	}
	assert_int_equal(fs_read(top, "canary", 10, &text, &n, NULL), 0);
	assert_string_equal(text, "secret");
	free(text);
	test_outfile_special();
	snprintf(path, sizeof path, "%s/root/", top_name);
	assert_int_equal(outfile_open(path, 0644, &o, &err), -EISDIR);
	snprintf(path, sizeof path, "%s/none/out", top_name);
	assert_int_equal(outfile_open(path, 0644, &o, &err), -ENOENT);
	/* A directory has the name: nothing stays. */
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	snprintf(path, sizeof path, "%s/root/dir", top_name);
	assert_int_equal(outfile_open(path, 0644, &o, &err), 0);
	assert_int_equal(outfile_name(&o, &err), -EISDIR);
	outfile_close(&o);
	assert_int_equal(count_names(root), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_open_in),	    TEST(test_magic),	     TEST(test_create_in), TEST(test_mkdirs_in),
	    TEST(test_open_parent), TEST(test_write_atomic), TEST(test_read),	   TEST(test_remove),
	    TEST(test_remove_deep), TEST(test_remove_mount), TEST(test_swapped),   TEST(test_name_ok),
	    TEST(test_mkdirs),	    TEST(test_outfile),
	};

	return cmocka_run_group_tests_name("core/fs", tests, NULL, NULL);
}
