/* SPDX-License-Identifier: Apache-2.0 */
#include "node/data/data.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static char top_name[64];
static int top = -1, from = -1, to = -1;

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-data-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	from = fs_mkdirs_in(top, "from", 0755, FS_BENEATH, NULL);
	to = fs_mkdirs_in(top, "to", 0755, FS_BENEATH, NULL);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fs_write_atomic(top, "canary", "secret", 6, 0600, false, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	fd_closep(&from);
	fd_closep(&to);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
	const char *name;
	mem_cleanup char *parent = mem_strdup(path);
	char *slash = strrchr(parent, '/');
	fd_cleanup int dir = -1;

	if (slash)
		*slash = '\0';
	dir = fs_mkdirs_in(from, slash ? parent : "", 0755, FS_BENEATH, NULL);
	name = slash ? slash + 1 : path;
	assert_int_equal(fs_write_atomic(dir, name, text, strlen(text), 0600, false, NULL), 0);
	assert_int_equal(fchmodat(dir, name, mode, 0), 0);
}

static bool there(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct stat stat_to(const char *path)
{
	struct stat st;

	if (fstatat(to, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s is not there", path);
	return st;
}

/* Everything below `to`, files and directories, as data_glob sees it; nothing unfinished may remain. */
static void expect_files(const char *want)
{
	char **paths = NULL;
	buf_cleanup struct buf got = BUF_INIT;

	assert_int_equal(data_glob(to, "**", 1000, &paths, NULL), 0);
	for (char **p = paths; *p; p++)
		buf_printf(&got, "%s ", *p);
	mem_strv_free(paths);
	assert_string_equal(buf_str(&got), want);
}

static void make_tree(void)
{
	put("a.txt", "aaa", 04755);
	put("b.log", "bb", 0640);
	put("d/c.txt", "c", 0600);
	put("d/e/f.txt", "f", 0644);
	put("d/e/g.log", "g", 0644);
	put("d.txt/x", "x", 0644);
	assert_int_equal(mkdirat(from, "empty", 0750), 0);
}

static void test_rules(void **state)
{
	static const struct {
		const char *include[4], *exclude[4];
		const char *to, *want;
	} rows[] = {
	    {{NULL}, {NULL}, NULL, "a.txt b.log d.txt/x d/c.txt d/e/f.txt d/e/g.log "},
	    {{NULL},
	     {NULL},
	     "out/deep",
	     "out/deep/a.txt out/deep/b.log out/deep/d.txt/x out/deep/d/c.txt "
	     "out/deep/d/e/f.txt out/deep/d/e/g.log "},
	    {{"*.txt"}, {NULL}, NULL, "a.txt "},
	    {{"**/*.txt"}, {NULL}, NULL, "a.txt d/c.txt d/e/f.txt "},
	    {{"**/*.txt"}, {"d"}, NULL, "a.txt "},
	    {{"d"}, {NULL}, NULL, "d/c.txt d/e/f.txt d/e/g.log "},
	    {{"d/"}, {"**/e"}, NULL, "d/c.txt "},
	    {{"d/e/f.txt", "a.txt"}, {NULL}, ".", "a.txt d/e/f.txt "},
	    {{"d/**"}, {"*.txt", "**/*.log"}, NULL, "d/c.txt d/e/f.txt "},
	    {{"nothing*"}, {NULL}, NULL, ""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct data_rule rule = {.space = "s",
					 .include = (char **)rows[i].include,
					 .exclude = (char **)rows[i].exclude,
					 .to = rows[i].to};
		struct data_stats stats;
		struct err err = ERR_INIT;

		make_tree();
		for (int again = 0; again < 2; again++) {
			if (data_copy(from, to, &rule, &stats, &err) < 0)
				fail_msg("row %zu: %s", i, err.text);
			expect_files(rows[i].want);
		}
		tear_down(state);
		set_up(state);
	}
}

static void test_modes(void **state)
{
	const struct data_owner owner = {.uid = 1234, .gid = 567};
	struct data_rule rule = {.space = "s", .owner = &owner};
	struct data_stats stats;

	(void)state;
	make_tree();
	assert_int_equal(symlinkat("d/c.txt", from, "link"), 0);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), 0);
	assert_int_equal(stats.files, 7);
	assert_int_equal(stats.bytes, 9);
	assert_int_equal(stat_to("a.txt").st_mode, S_IFREG | 0755);
	assert_int_equal(stat_to("b.log").st_mode, S_IFREG | 0640);
	assert_int_equal(stat_to("empty").st_mode, S_IFDIR | 0750);
	assert_int_equal(stat_to("empty").st_uid, 1234);
	assert_int_equal(stat_to("d/e/f.txt").st_uid, 1234);
	assert_int_equal(stat_to("d/e").st_gid, 567);
	assert_int_equal(stat_to("link").st_gid, 567);
}

static void test_errors(void **state)
{
	static const struct {
		const char *include[2];
		const char *to;
		int want;
		const char *text;
	} rows[] = {
	    {{"missing.txt"}, NULL, ENOENT, "there is no \"missing.txt\" in space \"corpus\""},
	    {{"d/missing"}, NULL, ENOENT, "there is no \"d/missing\""},
	    {{"../x"}, NULL, EINVAL, "space \"corpus\": pattern \"../x\": \"..\" would leave"},
	    {{"a.txt"}, "../x", EINVAL, "leads out of its directory"},
	    {{"a.txt"}, "/x", EINVAL, "leads out of its directory"},
	};

	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct data_rule rule = {.space = "corpus", .include = (char **)rows[i].include, .to = rows[i].to};
		struct data_stats stats;
		struct err err = ERR_INIT;

		assert_int_equal(data_copy(from, to, &rule, &stats, &err), -rows[i].want);
		if (!strstr(err.text, rows[i].text))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void test_links(void **state)
{
	static const struct {
		const char *path, *target;
		int want;
	} rows[] = {
	    {"l", "a", 0},
	    {"d/l", "../a", 0},
	    {"l", "l", 0},
	    {"d/l", "./../x/./y", 0},
	    {"l", "missing/x", 0},
	    {"l", "/etc/hostname", EXDEV},
	    {"l", "../canary", EXDEV},
	    {"d/l", "../../canary", EXDEV},
	    {"l", "x/../../canary", EXDEV},
	    {"d/l", "up/../canary", EXDEV},
	    {"d/l", "..", 0},
	    {"l", "..", EXDEV},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct data_rule rule = {.space = "s"};
		struct data_stats stats;
		char target[100] = "";
		int r;

		assert_int_equal(mkdirat(from, "d", 0755), 0);
		assert_int_equal(symlinkat(rows[i].target, from, rows[i].path), 0);
		r = data_copy(from, to, &rule, &stats, NULL);
		if (r != -rows[i].want)
			fail_msg("%s -> %s: %d", rows[i].path, rows[i].target, r);
		if (r == 0)
			assert_true(readlinkat(to, rows[i].path, target, sizeof target) > 0);
		assert_string_equal(target, r == 0 ? rows[i].target : "");
		tear_down(state);
		set_up(state);
	}
}

/* Nothing is read through a link, and nothing written through one. */
static void test_links_not_followed(void **state)
{
	const char *through[] = {"l/canary", NULL};
	struct data_rule rule = {.space = "s", .include = (char **)through};
	struct data_stats stats;

	(void)state;
	assert_int_equal(symlinkat("..", from, "l"), 0);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), -ENOENT);
	assert_int_equal(unlinkat(from, "l", 0), 0);

	put("d/x", "x", 0644);
	put("canary", "overwritten", 0644);
	assert_int_equal(symlinkat("..", to, "d"), 0);
	assert_int_equal(symlinkat("../canary", to, "canary"), 0);
	rule.include = NULL;
	assert_true(data_copy(from, to, &rule, &stats, NULL) < 0);
	assert_false(there(top, "x"));
	rule.include = (char **)(const char *[]){"canary", NULL};
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), 0);
	assert_true(S_ISREG(stat_to("canary").st_mode));
	{
		mem_cleanup char *text = NULL;

		assert_int_equal(fs_read(top, "canary", 100, &text, NULL, NULL), 0);
		assert_string_equal(text, "secret");
	}
	rule.include = NULL;
	rule.to = "d";
	assert_true(data_copy(from, to, &rule, &stats, NULL) < 0);
	assert_false(there(top, "d"));
}

static void test_special(void **state)
{
	static const struct {
		mode_t type;
		const char *text;
	} rows[] = {{S_IFIFO, "is a FIFO"}, {S_IFSOCK, "is a socket"}, {S_IFCHR, "is a device"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct data_rule rule = {.space = "s"};
		struct data_stats stats;
		struct err err = ERR_INIT;

		assert_int_equal(mknodat(from, "x", rows[i].type | 0666, 0), 0);
		put("y", "y", 0644);
		assert_int_equal(data_copy(from, to, &rule, &stats, &err), -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s", err.text);
		rule.exclude = (char **)(const char *[]){"x", NULL};
		assert_int_equal(data_copy(from, to, &rule, &stats, &err), 0);
		tear_down(state);
		set_up(state);
	}
}

static void test_itself(void **state)
{
	struct data_rule rule = {.space = "s"};
	struct data_stats stats;

	(void)state;
	put("a", "a", 0644);
	assert_int_equal(data_copy(from, from, &rule, &stats, NULL), -ELOOP);
	rule.to = "sub";
	assert_int_equal(data_copy(from, from, &rule, &stats, NULL), -ELOOP);
	rule.exclude = (char **)(const char *[]){"sub", NULL};
	assert_int_equal(data_copy(from, from, &rule, &stats, NULL), 0);
}

static void test_deep(void **state)
{
	struct data_rule rule = {.space = "s"};
	struct data_stats stats;
	char path[2 * DATA_DEPTH_MAX + 4] = "";

	(void)state;
	for (int i = 0; i < DATA_DEPTH_MAX; i++)
		memcpy(path + 2 * i, "d/", 3);
	memcpy(path + 2 * (size_t)DATA_DEPTH_MAX, "f", 2);
	put(path, "x", 0644);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), 0);
	assert_true(there(to, path));
	path[2 * DATA_DEPTH_MAX] = 'd';
	assert_int_equal(mkdirat(from, path, 0755), 0);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), -ELOOP);
}

static void test_names(void **state)
{
	struct data_rule rule = {.space = "s"};
	struct data_stats stats;
	char longest[256];

	(void)state;
	memset(longest, 'n', 255);
	longest[255] = '\0';
	for (int i = 0; i < 2; i++) {
		fd_cleanup int fd = openat(from, i ? longest : "a\nb\x1b[2J\xff", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		assert_true(fd >= 0);
	}
	put(".berth-tmp-0123456789abcdef", "half", 0600);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), 0);
	assert_int_equal(stats.files, 2);
	assert_true(there(to, longest));
	assert_true(there(to, "a\nb\x1b[2J\xff"));
}

static void test_sparse(void **state)
{
	struct data_rule rule = {.space = "s"};
	struct data_stats stats;
	fd_cleanup int fd = openat(from, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char end[4] = "";
	fd_cleanup int copy = -1;

	(void)state;
	assert_int_equal(pwrite(fd, "end", 3, 1ll << 36), 3);
	assert_int_equal(data_copy(from, to, &rule, &stats, NULL), 0);
	assert_int_equal(stat_to("sparse").st_size, (1ll << 36) + 3);
	assert_true(stat_to("sparse").st_blocks < 1000);
	copy = openat(to, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(copy, end, 3, 1ll << 36), 3);
	assert_string_equal(end, "end");
}

static int run_limited(void)
{
	const struct rlimit limit = {.rlim_cur = 2, .rlim_max = 2};
	struct data_rule rule = {.space = "s"};
	struct data_stats stats;
	struct err err = ERR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	if (data_copy(from, to, &rule, &stats, &err) != -EFBIG)
		return 2;
	return strstr(err.text, "copy \"big\" (3 bytes): File too large") ? 0 : 3;
}

/* The limit of file size stands in for a full disk. */
static void test_write_fails(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	put("big", "big", 0644);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_limited());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(unlinkat(top, "to", AT_REMOVEDIR), 0); /* empty: no temporary file */
}

static void swap_for_ever(void)
{
	/* a failed assertion of the parent must not leave this behind */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(1);
	while (getppid() != 1) {
		renameat2(from, "d", from, "evil", RENAME_EXCHANGE);
		renameat2(from, "f", from, "fifo", RENAME_EXCHANGE);
	}
}

/* Where the name is a directory, it holds the file of the source, never the one outside. */
static void check_canary(int out, const char *name)
{
	fd_cleanup int d = openat(out, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mem_cleanup char *text = NULL;

	if (d >= 0 && fs_read(d, "canary", 100, &text, NULL, NULL) == 0)
		assert_string_equal(text, "harmless");
}

/* A task swaps a directory with a link that leads out, and a file with a FIFO, while it is copied. */
static void test_swapped(void **state)
{
	struct data_rule rule = {.space = "s"};
	int status;
	pid_t pid;

	(void)state;
	put("d/canary", "harmless", 0644);
	put("f", "file", 0644);
	assert_int_equal(symlinkat("..", from, "evil"), 0);
	assert_int_equal(mknodat(from, "fifo", S_IFIFO | 0666, 0), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		swap_for_ever();
	for (int i = 0; i < 300; i++) {
		struct data_stats stats;
		fd_cleanup int out = fs_mkdirs_in(top, "round", 0755, FS_BENEATH, NULL);

		(void)data_copy(from, out, &rule, &stats, NULL);
		check_canary(out, "d");
		check_canary(out, "evil");
		assert_int_equal(fs_remove_tree(top, "round", NULL), 0);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_glob(void **state)
{
	char **paths = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_tree();
	assert_int_equal(symlinkat("a.txt", from, "link.txt"), 0);
	assert_int_equal(data_glob(from, "**/*.txt", 3, &paths, &err), 0);
	assert_int_equal(mem_strv_len(paths), 3);
	assert_string_equal(paths[0], "a.txt");
	assert_string_equal(paths[1], "d/c.txt");
	assert_string_equal(paths[2], "d/e/f.txt");
	mem_strv_free(paths);
	assert_int_equal(data_glob(from, "**/*.txt", 2, &paths, &err), -E2BIG);
	assert_string_equal(err.text, "pattern \"**/*.txt\": more than 2 files match");
	assert_int_equal(data_glob(from, "none*", 2, &paths, &err), 0);
	assert_null(paths[0]);
	mem_strv_free(paths);
	assert_int_equal(data_glob(from, "[", 2, &paths, &err), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_rules),
	    TEST(test_modes),
	    TEST(test_errors),
	    TEST(test_links),
	    TEST(test_links_not_followed),
	    TEST(test_special),
	    TEST(test_itself),
	    TEST(test_deep),
	    TEST(test_names),
	    TEST(test_sparse),
	    TEST(test_write_fails),
	    TEST(test_swapped),
	    TEST(test_glob),
	};

	return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
