/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/launcher.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/netpool.h"
#include "node/runtime/rootless.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static pid_t launcher;

static const struct {
	void (*run)(struct launcher_job *job); /* does not return */
	const char *comm;
	size_t n_args, n_fds;
	bool worker;
} types[LAUNCHER_N_TYPES] = {
    [LAUNCHER_MONITOR] = {monitor_main, "berth-monitor", 3, 2, false},
    [LAUNCHER_CLEANUP] = {worker_cleanup, "berth-cleanup", 1, 1, true},
    [LAUNCHER_IMPORT] = {worker_import, "berth-import", 0, 3, true},
    [LAUNCHER_SWEEP] = {worker_sweep, "berth-sweep", 0, 1, true},
    [LAUNCHER_GLOB] = {worker_glob, "berth-glob", 3, 1, true},
    [LAUNCHER_USAGE] = {worker_usage, "berth-usage", 0, 1, true},
    [LAUNCHER_TOOL] = {worker_tool, ENGINE_TOOL_NAME, 0, 5, true},
    [LAUNCHER_PULL] = {worker_pull, "berth-pull", 2, 1, true},
};

static _Noreturn void child(int sock, struct netpool *pool, unsigned type, struct launcher_job *job)
{
	close(sock);
	netpool_clear(pool);
	signal(SIGCHLD, SIG_DFL);
	if (types[type].worker) {
		struct rlimit files;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The launcher may have died before the line above. */
		if (getppid() != launcher)
			_exit(125);
		/* Removing a deep tree holds one descriptor a level. */
		if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
			files.rlim_cur = files.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &files);
		}
		proc_title(types[type].comm, types[type].comm);
	}
	types[type].run(job);
	_exit(125);
}

static bool parse_job(const char *msg, size_t n, struct launcher_job *job)
{
	unsigned type = (unsigned char)msg[0];

	if (type >= LAUNCHER_N_TYPES || (n > 1 && msg[n - 1] != '\0'))
		return false;
	job->n_args = 0;
	for (size_t at = 1; at < n && job->n_args < LAUNCHER_ARGS_MAX; at += strlen(msg + at) + 1)
		job->args[job->n_args++] = msg + at;
	return job->n_args == types[type].n_args && job->n_fds == types[type].n_fds;
}

static void start(int sock, struct netpool *pool, unsigned type, struct launcher_job *job)
{
	job->netns = type == LAUNCHER_MONITOR ? netpool_take(pool) : -1;
	/* A fork that fails is seen by the daemon as the end of the descriptors that came with the message. */
	if (fork() == 0)
		child(sock, pool, type, job);
	fd_closep(&job->netns);
}

static bool is_waiting(int sock)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* Networks are made while nobody asks for anything, one at a time, until there are enough; then we sleep. */
static void fill(int sock, struct netpool *pool)
{
	while (!is_waiting(sock) && netpool_fill_one(pool, NULL) > 0)
		;
}

/* Returns at the end of the connection. */
static void serve(int sock, struct netpool *pool, struct launcher_job *job)
{
	static char msg[LAUNCHER_MSG_MAX];

	for (;;) {
		ssize_t n;

		fill(sock, pool);
		n = fd_recv_msg(sock, msg, sizeof msg, job->fds, &job->n_fds);
		if (n <= 0)
			return;
		if (parse_job(msg, (size_t)n, job))
			start(sock, pool, (unsigned char)msg[0], job);
		for (size_t i = 0; i < job->n_fds; i++)
			close(job->fds[i]);
	}
}

static void ignore_signals(void)
{
	/* The terminal's signals are for the daemon, whose end is told by the socket. Nobody wants the children's statuses. */
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGCHLD};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_IGN);
}

_Noreturn void launcher_main(int argc, char **argv)
{
	struct launcher_job job = {.lock_fd = -1, .netns = -1};
	struct netpool pool = {.want = 0};
	struct rt_host host;
	int sock, last;

	if (argc < 8)
		_exit(125);
	sock = (int)strtol(argv[2], NULL, 10);
	job.data_dir = (int)strtol(argv[3], NULL, 10);
	job.lock_fd = (int)strtol(argv[4], NULL, 10);
	pool.want = strtoul(argv[5], NULL, 10);
	job.uplink = (enum uplink_kind)strtol(argv[6], NULL, 10);
	last = job.lock_fd > job.data_dir ? job.lock_fd : job.data_dir;
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	fcntl(job.data_dir, F_SETFD, FD_CLOEXEC);
	if (job.lock_fd >= 0)
		fcntl(job.lock_fd, F_SETFD, FD_CLOEXEC);
	close_range((unsigned)(last > sock ? last : sock) + 1, ~0u, 0);
	ignore_signals();
	(void)setsid();
	launcher = getpid();
	prctl(PR_SET_NAME, "berth-launcher");
	/* The last argument is room for the names of children. Hide it, and use the whole area from argv[0] on there. */
	proc_title_room(argv[0], (size_t)(argv[7] + strlen(argv[7]) - argv[0]));
	memset(argv[7], 0, strlen(argv[7]));
	if (rootless_inside())
		pool.want = 0;
	/* Found once here, known in every monitor. */
	job.can_limit_pids = rt_host(&host, NULL) < 0 || host.pids;
	serve(sock, &pool, &job);
	_exit(0);
}
