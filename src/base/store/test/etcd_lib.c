/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_lib.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

bool etcd_lib_possible(void)
{
	fd_cleanup int sock = -1;
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (access("/usr/bin/etcd", X_OK) < 0) {
		print_message("etcd is not installed (Debian: etcd-server)\n");
		return false;
	}
	if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		print_message("no network namespace: %s\n", strerror(errno));
		return false;
	}
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sock >= 0 && ioctl(sock, SIOCSIFFLAGS, &lo) == 0;
}

static void run_etcd(const struct etcd_server *e)
{
	const char *argv[24] = {"etcd",
				"--name=one",
				"--data-dir",
				e->dir,
				"--unsafe-no-fsync",
				"--heartbeat-interval=20",
				"--election-timeout=200",
				"--listen-client-urls=http://127.0.0.1:2379",
				"--advertise-client-urls=http://127.0.0.1:2379",
				"--listen-peer-urls=http://127.0.0.1:2380",
				"--initial-advertise-peer-urls=http://127.0.0.1:2380",
				"--initial-cluster=one=http://127.0.0.1:2380",
				"--log-level=error"};
	size_t n = 13;
	int null = open("/dev/null", O_RDWR);

	for (const char *const *more = e->extra; more && *more && n < 23; more++)
		argv[n++] = *more;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 1);
	dup2(null, 2);
	execv("/usr/bin/etcd", (char *const *)(uintptr_t)argv);
	_exit(127);
}

void etcd_lib_kill(struct etcd_server *e)
{
	if (e->pid <= 0)
		return;
	kill(e->pid, SIGKILL);
	waitpid(e->pid, NULL, 0);
	e->pid = 0;
}

void etcd_lib_free(struct etcd_server *e)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	etcd_lib_kill(e);
	if (*e->dir)
		fs_remove_tree(tmp, e->dir + strlen("/tmp/"), NULL);
	e->dir[0] = '\0';
}

struct asked {
	struct loop *loop;
	struct buf *answer;
	int code;
};

static void on_answer(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct asked *a = ctx;

	a->code = error ? error->code : 0;
	if (!error && a->answer)
		buf_add(a->answer, data, n);
	loop_stop(a->loop);
}

int etcd_lib_call(const char *url, const char *method, const struct buf *m, struct buf *answer)
{
	struct asked a = {.answer = answer, .code = -1};
	struct etcd_url u;
	struct etcd *e;

	assert_int_equal(etcd_url_parse(url, &u, NULL), 0);
	assert_int_equal(loop_new(&a.loop, NULL), 0);
	assert_int_equal(etcd_open(&u, a.loop, &e, NULL), 0);
	etcd_call(e, method, m, 10000, on_answer, &a);
	while (a.code < 0)
		loop_run(a.loop, NULL);
	etcd_close(e);
	loop_free(a.loop);
	etcd_url_free(&u);
	return -a.code;
}

static int count(void *ctx, const struct etcd_kv *kv)
{
	(void)kv;
	++*(size_t *)ctx;
	return 0;
}

size_t etcd_lib_count(const char *url, const char *prefix)
{
	mem_cleanup char *end = etcd_msg_prefix_end(prefix);
	struct buf m buf_cleanup = BUF_INIT, answer buf_cleanup = BUF_INIT;
	struct etcd_answer a;
	size_t n = 0;

	etcd_msg_range(&m, &(struct etcd_range){.key = prefix, .end = end, .keys_only = true});
	assert_int_equal(etcd_lib_call(url, ETCD_RANGE, &m, &answer), 0);
	assert_int_equal(etcd_msg_read_range(answer.data, answer.len, &a, count, &n), 0);
	return n;
}

void etcd_lib_start(struct etcd_server *e)
{
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_range(&m, &(struct etcd_range){.key = "x"});
	if (!*e->dir) {
		snprintf(e->dir, sizeof e->dir, "/tmp/berth-etcd-XXXXXX");
		assert_non_null(mkdtemp(e->dir));
	}
	e->pid = fork();
	if (e->pid == 0)
		run_etcd(e);
	assert_true(e->pid > 0);
	/* A machine with much to do needs its time: each call waits for 10 s. */
	while (etcd_lib_call("etcd://127.0.0.1:2379", ETCD_RANGE, &m, NULL) == -ETIMEDOUT)
		assert_int_equal(waitpid(e->pid, NULL, WNOHANG), 0);
}
