/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that we run (spawn) and hooks made of them. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/hook.h"
#include "node/runtime/spawn.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})
#define SH(script) WORDS("sh", "-c", (script))

static char *const none[] = {NULL};

static int sh(const char *script, char *const *env, const char *input, int timeout_ms, struct buf *out, struct err *err)
{
	const struct spawn s = {.path = "/bin/sh",
				.args = SH(script),
				.env = env,
				.input = input,
				.cwd = "/",
				.timeout_ms = timeout_ms,
				.out = out};

	return spawn_run(&s, err);
}

static void test_results(void **state)
{
	char *const *env = WORDS("A=b c");
	static const struct {
		const char *script;
		const char *input;
		int r;
		const char *out;
	} rows[] = {
	    {"exit 0", NULL, 0, ""},
	    {"exit 7", NULL, 7, ""},
	    {"kill -TERM $$", NULL, 128 + SIGTERM, ""},
	    {"cat", "in\nput", 0, "in\nput"},
	    {"cat; echo more >&2", "", 0, "more\n"},
	    {"cat", NULL, 0, ""},
	    {"pwd; echo $A", NULL, 0, "/\nb c\n"},
	    {"exit 3", "nobody reads this", 3, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_cleanup struct buf out = BUF_LIMIT(100);
		struct err err = ERR_INIT;

		assert_int_equal(sh(rows[i].script, env, rows[i].input, -1, &out, &err), rows[i].r);
		assert_string_equal(buf_str(&out), rows[i].out);
	}
}

/* The C library does not touch 32 and 33, but whoever started us may have. */
static void ignore_all(bool on)
{
	static const int some[] = {SIGUSR2, 32, 33, 40, 64};
	const unsigned long action[4] = {on ? (unsigned long)SIG_IGN : (unsigned long)SIG_DFL};

	for (size_t i = 0; i < sizeof some / sizeof *some; i++)
		assert_int_equal(syscall(SYS_rt_sigaction, some[i], action, NULL, 8ul), 0);
}

/* Nothing of ours goes to it: descriptors, environment, blocked and ignored signals, process group. */
static void test_clean(void **state)
{
	buf_cleanup struct buf out = BUF_LIMIT(1000);
	struct err err = ERR_INIT;
	int leak = open("/", O_RDONLY); /* not close-on-exec, on purpose */
	sigset_t usr1, old;

	(void)state;
	assert_true(leak >= 3);
	assert_int_equal(setenv("BERTH_LEAK", "1", 1), 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	ignore_all(true);
	assert_int_equal(
	    sh("env | grep LEAK; cd /proc/self/fd; for i in [3-9] [1-9][0-9]; do readlink $i; done;"
	       "grep -E 'Sig(Blk|Ign)' /proc/self/status; set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo own",
	       none, NULL, -1, &out, &err),
	    0);
	ignore_all(false);
	sigprocmask(SIG_SETMASK, &old, NULL);
	unsetenv("BERTH_LEAK");
	close(leak);
	assert_string_equal(buf_str(&out), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nown\n");
}

static void test_cannot_execute(void **state)
{
	static const struct {
		const char *path;
		int r;
	} rows[] = {{"/nonexistent/program", -ENOENT}, {"/etc/passwd", -EACCES}, {"/", -EACCES}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct spawn s = {.path = rows[i].path, .args = none, .env = none, .timeout_ms = -1};
		struct err err = ERR_INIT;

		assert_int_equal(spawn_run(&s, &err), rows[i].r);
		assert_non_null(strstr(err.text, rows[i].path));
	}
}

/* Its whole group is killed: the sleep holds the pipe, which it got from us by name, that we read at the end. */
static void test_timeout(void **state)
{
	struct err err = ERR_INIT;
	int ends[2];
	char c;
	mem_cleanup char *script = NULL;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	script = mem_printf("exec 3>/proc/%d/fd/%d; sleep 1000 & wait", (int)getpid(), ends[1]);
	assert_int_equal(
	    spawn_run(&(struct spawn){.path = "/bin/sh", .args = SH(script), .env = none, .timeout_ms = 50}, &err),
	    -ETIMEDOUT);
	close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 0);
	close(ends[0]);
}

static void test_last_words(void **state)
{
	buf_cleanup struct buf out = BUF_LIMIT(10);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sh("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done", none, NULL, -1, &out, &err),
			 0);
	assert_string_equal(buf_str(&out), "998\n19999\n");
}

/* A daemon that it leaves behind keeps the output open; we do not wait for that. The end of a pipe that it reads ends it. */
static void test_daemon_left(void **state)
{
	struct err err = ERR_INIT;
	int ends[2];
	mem_cleanup char *script = NULL;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	script = mem_printf("exec 3</proc/%d/fd/%d; { read x <&3; } & exit 5", (int)getpid(), ends[0]);
	assert_int_equal(
	    spawn_run(&(struct spawn){.path = "/bin/sh", .args = SH(script), .env = none, .timeout_ms = -1}, &err), 5);
	close(ends[1]);
	close(ends[0]);
}

/* ---- hooks ---- */

static char file[] = "/tmp/berth-hook-XXXXXX";

static void test_hooks(void **state)
{
	fd_cleanup int fd = mkstemp(file);
	mem_cleanup char *note = mem_printf("cat >> %s; echo \" $PWD $1 $OWN $OF\" >> %s", file, file);
	const struct rt_hook list[] = {
	    {.path = "/bin/sh", .args = WORDS("sh", "-c", note, "x", "first"), .env = WORDS("OWN=1")},
	    {.path = "/bin/sh", .args = WORDS("sh", "-c", note, "x", "second"), .env = none},
	    {.path = "/bin/sh", .args = SH("echo why; echo it failed >&2; exit 9"), .env = none},
	    {.path = "/bin/sh", .args = WORDS("sh", "-c", note, "x", "never"), .env = none},
	};
	struct rt_hooks all[RT_HOOK_TYPES] = {[RT_HOOK_CREATE_RUNTIME] = {.v = list, .n = 4}};
	const struct rt_hook_call call = {.state = "{state}", .cwd = "/tmp", .env = WORDS("OF=process")};
	struct err err = ERR_INIT;
	mem_cleanup char *text = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(rt_hooks_run(all, RT_HOOK_CREATE_RUNTIME, &call, &err), -ECANCELED);
	assert_string_equal(err.text,
			    "error running createRuntime hook #2: /bin/sh: exit status 9, output: why\nit failed");
	assert_int_equal(rt_hooks_run(all, RT_HOOK_POSTSTART, &call, &err), 0);
	assert_int_equal(fd_read_all(fd, 1000, &text, NULL), 0);
	unlink(file);
	assert_string_equal(text, "{state} /tmp first 1 \n{state} /tmp second  process\n");
}

static int n_warnings;
static void count(const char *text)
{
	assert_non_null(strstr(text, "poststop hook #"));
	n_warnings++;
}

static void test_all_hooks(void **state)
{
	const struct rt_hook list[] = {
	    {.path = "/bin/sh", .args = SH("exit 1"), .env = none},
	    {.path = "/nonexistent/hook", .args = none, .env = none},
	    {.path = "/bin/sh", .args = SH("exit 0"), .env = none},
	    {.path = "/bin/sh", .args = SH("sleep 1000"), .env = none, .timeout_s = 1},
	};
	const struct rt_hooks all[RT_HOOK_TYPES] = {[RT_HOOK_POSTSTOP] = {.v = list, .n = 4}};

	(void)state;
	rt_hooks_run_all(all, RT_HOOK_POSTSTOP, &(struct rt_hook_call){.state = "{}", .cwd = "/"}, count);
	assert_int_equal(n_warnings, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_results), cmocka_unit_test(test_clean),      cmocka_unit_test(test_cannot_execute),
	    cmocka_unit_test(test_timeout), cmocka_unit_test(test_last_words), cmocka_unit_test(test_daemon_left),
	    cmocka_unit_test(test_hooks),   cmocka_unit_test(test_all_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
