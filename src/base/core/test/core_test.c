/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/child.h"
#include "base/core/detached.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/group.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_err_texts(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&err, ENOENT, "open \"%s\"", "/x"), -ENOENT);
	assert_string_equal(err.text, "open \"/x\": No such file or directory");
	assert_int_equal(err_wrap(&err, "start %d", 7), -ENOENT);
	assert_string_equal(err.text, "start 7: open \"/x\": No such file or directory");
	assert_int_equal(err_set(NULL, EINVAL, "nobody reads this"), -EINVAL);
}

static void test_err_cut(void **state)
{
	char longer[2 * ERR_TEXT_MAX];
	struct err err = ERR_INIT;

	(void)state;
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	err_set(&err, EINVAL, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
}

static void test_buf_limit(void **state)
{
	struct buf b = BUF_LIMIT(10);

	(void)state;
	assert_int_equal(buf_adds(&b, "0123456789"), 0);
	assert_int_equal(buf_addc(&b, 'x'), -E2BIG);
	assert_true(b.full);
	assert_string_equal(buf_str(&b), "0123456789");
	buf_drop(&b, 4);
	assert_string_equal(buf_str(&b), "456789");
	buf_free(&b);
}

/* A reader that always lags by ten bytes: they come in order, and the buf stays small. */
static void test_buf_pass(void **state)
{
	buf_cleanup struct buf b = BUF_LIMIT(24);
	size_t at = 0;

	(void)state;
	buf_adds(&b, "abcdefghij");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_addc(&b, (char)('a' + (i + 10) % 26)), 0);
		assert_int_equal(b.data[at], 'a' + i % 26);
		buf_pass(&b, &at, 1);
		assert_int_equal(b.len - at, 10);
	}
	buf_pass(&b, &at, 10);
	assert_int_equal(at, 0);
	assert_int_equal(b.len, 0);
}

static void test_map_many(void **state)
{
	struct map m = MAP_INIT;
	char key[32];

	(void)state;
	for (uintptr_t i = 1; i <= 5000; i++) {
		snprintf(key, sizeof key, "key-%zu", (size_t)i);
		assert_null(map_put(&m, key, (void *)i));
	}
	for (uintptr_t i = 1; i <= 5000; i += 2) {
		snprintf(key, sizeof key, "key-%zu", (size_t)i);
		assert_ptr_equal(map_remove(&m, key), (void *)i);
	}
	for (uintptr_t i = 1; i <= 5000; i++) {
		snprintf(key, sizeof key, "key-%zu", (size_t)i);
		assert_ptr_equal(map_get(&m, key), i % 2 ? NULL : (void *)i);
	}
	assert_int_equal(m.n, 2500);
	map_free(&m);
}

static void test_strv(void **state)
{
	char **v = NULL, **copy;

	(void)state;
	for (int i = 0; i < 100; i++)
		mem_strv_add(&v, i % 2 ? "odd" : "even");
	copy = mem_strv_dup(v);
	assert_int_equal(mem_strv_len(copy), 100);
	for (int i = 0; i < 3; i++) /* a copy has no spare room: the sanitizer watches */
		mem_strv_add(&copy, "more");
	assert_int_equal(mem_strv_len(copy), 103);
	assert_string_equal(copy[99], "odd");
	mem_strv_free(v);
	mem_strv_free(copy);
}

/* FIPS 180-2, appendix B.1 */
static void test_sha256(void **state)
{
	char hex[SHA256_HEX_MAX];

	(void)state;
	sha256_of("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

enum { SAY_SEVEN, SAY_NO, DIE, HANG };

static int act(void *ctx, struct err *err)
{
	switch (*(int *)ctx) {
	case SAY_SEVEN:
		return 7;
	case SAY_NO:
		return err_set(err, ENOENT, "nothing here");
	case DIE:
		raise(SIGKILL);
		return 0;
	default:
		/* One of its own, too: the group must end as a whole, or the pipe below stays open. */
		(void)fork();
		for (;;)
			pause();
	}
}

static void test_child(void **state)
{
	struct err err = ERR_INIT;
	fd_cleanup int stop = -1;
	int what = SAY_SEVEN, fds[2];
	char c;

	(void)state;
	assert_int_equal(child_run(act, &what, -1, "says seven", &err), 7);
	what = SAY_NO;
	assert_int_equal(child_run(act, &what, -1, "says no", &err), -ENOENT);
	assert_string_equal(err.text, "nothing here");
	what = DIE;
	assert_int_equal(child_run(act, &what, -1, "dies", &err), -EIO);
	assert_string_equal(err.text, "the process that dies was killed");
	assert_int_equal(pipe(fds), 0);
	stop = open("/dev/null", O_RDONLY | O_CLOEXEC); /* always readable */
	what = HANG;
	assert_int_equal(child_run(act, &what, stop, "hangs", &err), -ECANCELED);
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

static int detached_fd;

static void say_so(void *ctx)
{
	const pid_t *before = ctx;
	const char known = getpid() != before[0] && getpgid(0) == before[1] ? 'y' : 'n';

	(void)!write(detached_fd, &known, 1);
}

/* Also where the caller was started with SIGCHLD ignored. */
static void test_detached(void **state)
{
	static const sighandler_t ways[] = {SIG_DFL, SIG_IGN};
	pid_t before[2] = {getpid(), getpgid(0)};
	struct err err = ERR_INIT;
	char said;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		detached_fd = ends[1];
		signal(SIGCHLD, ways[i]);
		assert_int_equal(detached_start(say_so, before, "it", &err), 0);
		signal(SIGCHLD, SIG_DFL);
		close(ends[1]);
		/* One byte of it and then its end: it has gone, and there is no child to wait for. */
		assert_int_equal(read(ends[0], &said, 1), 1);
		assert_int_equal(said, 'y');
		assert_int_equal(read(ends[0], &said, 1), 0);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		close(ends[0]);
	}
}

static void test_group(void **state)
{
	char maps[1 << 16] = "";
	struct err err = ERR_INIT;
	gid_t gid = 7;
	int fd;

	(void)state;
	assert_int_equal(group_find("root", &gid, &err), 1);
	assert_int_equal(gid, 0);
	assert_int_equal(group_find("no-such-group-here", &gid, &err), 0);
	assert_int_equal(gid, GROUP_NONE);
	/* Where systemd is a source of groups, it has been asked now: not by us. */
	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while (read(fd, maps, sizeof maps - 1) > 0) {
		assert_null(strstr(maps, "libnss_"));
		memset(maps, 0, sizeof maps);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_err_texts), cmocka_unit_test(test_err_cut),  cmocka_unit_test(test_buf_limit),
	    cmocka_unit_test(test_buf_pass),  cmocka_unit_test(test_map_many), cmocka_unit_test(test_strv),
	    cmocka_unit_test(test_sha256),    cmocka_unit_test(test_child),    cmocka_unit_test(test_group),
	    cmocka_unit_test(test_detached),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
