/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's steps, and PID 1.
 *
 * init is this very process, not another program: nothing has to be found in the image and nothing is loaded. It forwards signals, reaps
 * orphans, reports the payload's wait status and ends with the payload, which ends the container. It keeps the one capability it needs,
 * cannot be looked into (not dumpable, so /proc/1/exe stays shut), has the container's filter on, and dies with the monitor.
 */
#include "node/runtime/init.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/caps.h"
#include "node/runtime/payload.h"
#include "node/runtime/setup.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAYLOAD_STACK = 128 << 10, TALK_FD = 3, STATUS_FD = 4 };

static int find_user(struct setup *s, struct err *err)
{
	return user_find_in(s->root, s->spec->user, &s->user, err);
}

static int open_cwd(struct setup *s, struct err *err)
{
	int r = s->cwd = payload_open_cwd(s->root, s->spec->cwd, err);

	return r < 0 ? r : 0;
}

static int enter_cwd(struct setup *s, struct err *err)
{
	return payload_enter_cwd(s->cwd, err);
}

static int set_stdio(struct setup *s, struct err *err)
{
	const int fds[3] = {s->spec->stdin_fd, s->spec->stdout_fd, s->spec->stderr_fd};

	return payload_stdio(fds, s->dev, &s->user, err);
}

/* From here on the container dies with its parent; the parent's word, which comes after, proves that it was alive when we asked. */
static int wait_for_go(struct setup *s, struct err *err)
{
	char c;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, errno, "tie the container to its parent");
	if (recv(s->talk, &c, 1, 0) != 1)
		return err_set(err, ECANCELED, "the parent gave up");
	return 0;
}

/* Now that we stand in our cgroups they become the roots of what the container sees. */
static int hide_cgroups(struct setup *s, struct err *err)
{
	(void)s;
	return unshare(CLONE_NEWCGROUP) < 0 ? err_sys(err, errno, "make a cgroup namespace") : 0;
}

static const struct step steps[] = {
    {"enter the user namespace", ns_become_root},
    {"mount the root", rootfs_attach},
    {"mount /proc and /sys", mounts_kernel},
    {"make /dev", devices_make},
    {"mask what is the host's", masks_apply},
    {"mount the volumes", mounts_attach},
    {"name the container", ns_names},
    {"bring up the network", ns_loopback},
    {"find the user", find_user},
    {"find the working directory", open_cwd},
    {"enter the root", rootfs_enter},
    {"enter the working directory", enter_cwd},
    {"connect the standard descriptors", set_stdio},
    {"wait for the limits", wait_for_go},
    {"hide the host's cgroups", hide_cgroups},
};

/* ---- PID 1 ---- */

/* Keeps the channel and the status pipe, at fixed places, and closes everything else but 0, 1 and 2. */
static int tidy_descriptors(struct setup *s, struct err *err)
{
	int status = s->status[1] < 0 ? -1 : fcntl(s->status[1], F_DUPFD_CLOEXEC, 16);
	int talk = fcntl(s->talk, F_DUPFD_CLOEXEC, 16);

	if (talk < 0 || dup3(talk, TALK_FD, O_CLOEXEC) < 0)
		return err_sys(err, errno, "move a descriptor");
	s->talk = TALK_FD;
	if (status >= 0 && dup3(status, STATUS_FD, O_CLOEXEC) < 0)
		return err_sys(err, errno, "move a descriptor");
	return proc_close_from(status >= 0 ? STATUS_FD + 1 : TALK_FD + 1, false);
}

static int run_payload(void *arg)
{
	payload_exec(arg);
}

/* The payload starts in our memory, which is not copied for a process that will replace it at once; we sleep until it has. */
static pid_t spawn(struct payload *p)
{
#if defined(__SANITIZE_ADDRESS__)
	pid_t pid = fork();

	if (pid == 0)
		run_payload(p);
	return pid;
#else
	static char stack[PAYLOAD_STACK] __attribute__((aligned(16)));

	return clone(run_payload, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, p);
#endif
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reaps what has ended; when the payload has, reports and ends the container. */
static void reap(pid_t payload)
{
	int status;

	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
		if (pid != payload)
			continue;
		(void)fd_write_all(STATUS_FD, &status, sizeof status);
		_exit(exit_code(status));
	}
}

static _Noreturn void be_init(pid_t payload)
{
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		siginfo_t info;
		int signal = sigwaitinfo(&all, &info);

		if (signal == SIGCHLD)
			reap(payload);
		else if (signal == SIGURG && info.si_code == SI_QUEUE && info.si_value.sival_int == INIT_STOP_VALUE)
			(void)kill(payload, SIGSTOP);
		else if (signal > 0)
			(void)kill(payload, signal);
	}
}

static int start_payload(struct setup *s, struct payload *p, pid_t *ret_pid, struct err *err)
{
	int r = tidy_descriptors(s, err);

	p->talk = TALK_FD;
	if (r == 0)
		r = payload_confine(p, err);
	if (r < 0)
		return r;
	if (s->spec->no_init)
		payload_exec(p);
	timing_mark(TIMING_CHILD, "confine");
	*ret_pid = spawn(p);
	timing_mark(TIMING_CHILD, "start the payload");
	return *ret_pid < 0 ? err_sys(err, errno, "start the payload (is the pids limit below 2?)") : 0;
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void init_main(struct setup *s)
{
	const struct rt_spec *spec = s->spec;
	struct err err = ERR_INIT;
	struct payload p = {
	    .argv = spec->argv, .env = spec->env, .caps = spec->caps, .no_filter = spec->privileged_syscalls};
	pid_t payload = -1;
	int r;

	timing_mark(TIMING_CHILD, "begin");
	block_signals();
	(void)umask(0);
	fd_closep(&s->talk_parent);
	r = setup_run(s, steps, sizeof steps / sizeof *steps, &err);
	(void)umask(022);
	p.user = s->user;
	p.death_signal = spec->no_init;
	(void)prctl(PR_SET_NAME, "init", 0, 0, 0);
	if (r == 0)
		r = start_payload(s, &p, &payload, &err);
	if (r == 0)
		r = caps_set(1ull << CAP_KILL, &err);
	if (r < 0) {
		setup_tell_failure(s->talk, RT_FAULT_OURS, &err);
		_exit(125);
	}
	/* Nobody but the payload may hold its pipes, so that their readers see the end. */
	for (int fd = 0; fd <= TALK_FD; fd++)
		close(fd);
	be_init(payload);
}
