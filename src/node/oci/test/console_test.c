/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a terminal away, and standing in for a process with a terminal. */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/oci/console.h"
#include "node/oci/foreground.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static char place[] = "/tmp/berth-console-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(place) ? 0 : -1;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	return fs_remove_tree(tmp, place + strlen("/tmp/"), NULL);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof addr.sun_path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_send(void **state)
{
	mem_cleanup char *path = mem_printf("%s/s", place);
	fd_cleanup int server = listen_at(path), client = -1, peer = -1, master = -1, slave = -1, got = -1;
	struct err err = ERR_INIT;
	int fds[FD_MSG_MAX], number = -1;
	char name[64] = "", want[64];
	struct stat a, b;
	size_t n = 0;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(ioctl(master, TIOCGPTN, &number), 0);
	client = oci_console_connect(path, &err);
	assert_true(client >= 0);
	peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(oci_console_send(client, master, &err), 0);
	assert_true(fd_recv_msg(peer, name, sizeof name - 1, fds, &n) > 0);
	assert_int_equal(n, 1);
	got = fds[0];
	snprintf(want, sizeof want, "/dev/pts/%d", number);
	assert_string_equal(name, want);
	assert_int_equal(fstat(got, &a) | fstat(master, &b), 0);
	assert_true(a.st_rdev == b.st_rdev && a.st_ino == b.st_ino);
	assert_int_equal(oci_console_send(client, server, &err), -ENOTTY);
}

static void test_connect_fails(void **state)
{
	mem_cleanup char *path = mem_printf("%s/none", place), *file = mem_printf("%s/file", place);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_console_connect(path, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(oci_console_connect(file, &err), -ECONNREFUSED);
}

/* Longer than the address of a socket can be. */
static void test_long_path(void **state)
{
	char name[120];
	mem_cleanup char *dir = NULL, *path = NULL, *near = mem_printf("%s/near", place);
	fd_cleanup int server = listen_at(near), client = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(server >= 0);
	memset(name, 'd', sizeof name);
	name[sizeof name - 1] = '\0';
	dir = mem_printf("%s/%s", place, name);
	path = mem_printf("%s/s", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(rename(near, path), 0);
	client = oci_console_connect(path, &err);
	assert_true(client >= 0);
}

/* ---- in the foreground ---- */

struct run {
	int status;
	char out[70000];
	size_t n;
};

/* Runs a child whose standard streams are a terminal, with our standard input and output replaced by pipes, in a process of its own. */
static void stand_in(const char *script, const char *typed, struct run *ret)
{
	int in[2], out[2], status;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		struct foreground f = FOREGROUND_NONE;
		struct err err = ERR_INIT;
		int master, pidfd, r;
		pid_t child;

		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		if (foreground_begin(&f, true, &err) < 0)
			_exit(201);
		child = forkpty(&master, NULL, NULL, NULL);
		if (child == 0) {
			sigset_t no;

			sigemptyset(&no);
			sigprocmask(SIG_SETMASK, &no, NULL);
			execl("/bin/sh", "sh", "-c", script, NULL);
			_exit(200);
		}
		pidfd = proc_pidfd_open(child);
		r = foreground_wait(&f, child, pidfd, master, &err);
		foreground_end(&f);
		_exit(r < 0 ? 202 : r);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(fd_write_all(in[1], typed, strlen(typed)), 0);
	while (ret->n < sizeof ret->out - 1 && (n = read(out[0], ret->out + ret->n, sizeof ret->out - 1 - ret->n)) > 0)
		ret->n += (size_t)n;
	ret->out[ret->n] = '\0';
	close(in[1]);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_terminal(void **state)
{
	struct run run = {.n = 0};

	(void)state;
	stand_in("stty -echo -opost; read x; echo \"got $x\"; exit 33", "a line\n", &run);
	assert_int_equal(run.status, 33);
	assert_non_null(strstr(run.out, "got a line\n"));
}

/* Nothing is lost at the end, however much is still in the terminal when its writer ends. */
static void test_terminal_last_bytes(void **state)
{
	struct run *run = mem_new(struct run);

	(void)state;
	stand_in("stty -opost; i=0; while [ $i -lt 9999 ]; do echo $i; i=$((i+1)); done; echo end; kill -9 $$", "",
		 run);
	assert_int_equal(run->status, 128 + 9);
	assert_true(run->n > 48000);
	assert_string_equal(run->out + run->n - 9, "9998\nend\n");
	free(run);
}

/* Our signals go to the child; orphans of the child come to us and are reaped. */
static void test_signals(void **state)
{
	struct run run = {.n = 0};

	(void)state;
	stand_in(
	    "trap 'echo term; exit 44' TERM; (sleep 0 & exec true); kill -TERM $PPID; while :; do sleep 0.01; done", "",
	    &run);
	assert_int_equal(run.status, 44);
	assert_non_null(strstr(run.out, "term"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_send),
	    cmocka_unit_test(test_connect_fails),
	    cmocka_unit_test(test_long_path),
	    cmocka_unit_test(test_terminal),
	    cmocka_unit_test(test_terminal_last_bytes),
	    cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
