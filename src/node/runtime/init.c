/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's steps, and PID 1.
 *
 * init is this very process, not another program: nothing has to be found in the image and nothing is loaded. It forwards signals, reaps
 * orphans, reports the payload's wait status and ends with the payload, which ends the container. It keeps the one capability it needs,
 * cannot be looked into (not dumpable, so /proc/1/exe stays shut), may make only the system calls of an init, and dies with the monitor.
 */
#include "node/runtime/init.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/caps.h"
#include "node/runtime/early.h"
#include "node/runtime/payload.h"
#include "node/runtime/seccomp.h"
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

enum { TALK_FD = 3, CWD_FD = 4, STATUS_FD = 5 };

static pid_t payload_pid = -1;

static int find_user(struct setup *s, struct err *err)
{
	return user_find_in(s->root, s->spec->user, &s->user, err);
}

static int open_cwd(struct setup *s, struct err *err)
{
	int r = s->cwd = payload_open_cwd(s->root, s->spec->cwd, err);

	return r < 0 ? r : 0;
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

static int enter_cgroups(struct setup *s, struct err *err)
{
	int r = cgroup_go_in(&s->doors, err);

	cgroup_close_doors(&s->doors);
	return r;
}

/* Now that we stand in our cgroups they become the roots of what the container sees. */
static int hide_cgroups(struct setup *s, struct err *err)
{
	(void)s;
	return unshare(CLONE_NEWCGROUP) < 0 ? err_sys(err, errno, "make a cgroup namespace") : 0;
}

static struct early early;

static int start_early(struct setup *s, struct err *err)
{
	pid_t pid;

	if (s->spec->no_init)
		return ns_loopback(s, err);
	early.loopback = !s->spec->host_network && !s->spec->has_netns;
	early.caps = s->spec->caps;
	early.no_filter = s->spec->privileged_syscalls;
	pid = early_start(&early, err);
	payload_pid = pid;
	return pid < 0 ? pid : 0;
}

static int get_root(struct setup *s, struct err *err)
{
	int r = rootfs_receive(s, err);

	return r < 0 ? r : rootfs_attach(s, err);
}

static int get_root_first(struct setup *s, struct err *err)
{
	return s->borrows ? get_root(s, err) : 0;
}

static int get_root_now(struct setup *s, struct err *err)
{
	int r = s->borrows ? 0 : get_root(s, err);

	return r < 0 || s->borrows ? r : mounts_place(s, err);
}

static const struct step steps[] = {
    {"enter the user namespace", ns_become_root},
    {"wait for the parent", wait_for_go},
    {"enter the cgroups", enter_cgroups},
    {"hide the host's cgroups", hide_cgroups},
    {"leave the host's mounts",
     rootfs_leave_host}, /* before the payload: pivot_root(2) takes along who stands at our root */
    {"join the network", ns_join_network},
    {"start the payload's process", start_early},
    {"mount the root", get_root_first},
    {"mount /proc and /sys", mounts_kernel},
    {"make /dev", devices_make},
    {"mask what is the host's", masks_apply},
    {"name the container", ns_names},
    {"mount the root", get_root_now},
    {"show the cgroups", cgroup_show_attach},
    {"mount the volumes", mounts_attach},
    {"find the user", find_user},
    {"find the working directory", open_cwd},
    {"enter the root", rootfs_enter},
    {"connect the standard descriptors", set_stdio},
};

/* ---- PID 1 ---- */

/* Keeps the channel, the working directory and the status pipe at their places, and 0, 1 and 2. */
static int tidy_descriptors(struct setup *s, struct err *err)
{
	int *const kept[] = {&s->talk, &s->cwd, &s->status[1]};

	return setup_keep(kept, sizeof kept / sizeof *kept, TALK_FD, err);
}

/* Capabilities first, they need no rights to go; then as few system calls as an init needs. */
int init_confine(bool no_filter, struct err *err)
{
	int r = caps_set(1ull << CAP_KILL, err);

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, errno, "set no_new_privs");
	return r == 0 && !no_filter ? seccomp_install_init(err) : r;
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reaps what has ended; when the payload has, reports and ends the container. */
static void reap(pid_t payload, int report)
{
	int status;

	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
		if (pid != payload)
			continue;
		(void)fd_write_all(report, &status, sizeof status);
		_exit(exit_code(status));
	}
}

void init_be(pid_t payload, int report)
{
	siginfo_t info;
	sigset_t all;
	int signal;

	sigfillset(&all);
	while ((signal = sigwaitinfo(&all, &info)) > 0 || errno == EINTR || errno == EAGAIN) {
		if (signal == SIGCHLD)
			reap(payload, report);
		else if (signal == SIGURG && info.si_code == SI_QUEUE && info.si_value.sival_int == INIT_STOP_VALUE)
			(void)kill(payload, SIGSTOP);
		else if (signal > 0)
			(void)kill(payload, signal);
	}
}

static void describe(const struct setup *s, struct payload *p)
{
	const struct rt_spec *spec = s->spec;

	*p = (struct payload){
	    .argv = spec->argv,
	    .env = spec->env,
	    .user = s->user,
	    .caps = spec->caps,
	    .no_filter = spec->privileged_syscalls,
	    .talk = TALK_FD,
	    .death_signal = spec->no_init,
	    .cwd = s->cwd,
	};
}

static _Noreturn void become_payload(struct setup *s, struct err *err)
{
	struct payload p;
	int r;

	describe(s, &p);
	r = payload_enter_cwd(p.cwd, err);
	if (r == 0)
		r = payload_confine(&p, err);
	if (r == 0)
		payload_exec(&p);
	setup_tell_failure(TALK_FD, RT_FAULT_OURS, err);
	_exit(125);
}

/* Descriptors are put in order when nobody else touches the table. Our own filter comes when the program has started: it waits for nobody. */
static int start_payload(struct setup *s, struct err *err)
{
	pid_t pid;
	int r;

	if (!s->spec->no_init)
		early_wait(&early);
	r = tidy_descriptors(s, err);
	if (r < 0)
		return r;
	if (s->spec->no_init)
		become_payload(s, err);
	describe(s, &early.payload);
	pid = early_release(&early, err);
	timing_mark(TIMING_CHILD, "start the payload");
	if (pid < 0)
		return pid;
	if (pid > 0)
		payload_pid = pid;
	r = setup_tell(s->talk, SETUP_RUNNING, -1, err);
	if (r < 0)
		return r;
	return init_confine(s->spec->privileged_syscalls, err);
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void init_main(struct setup *s)
{
	struct err err = ERR_INIT;
	int r;

	timing_mark(TIMING_CHILD, "begin");
	block_signals();
	(void)umask(0);
	fd_closep(&s->talk_parent);
	r = setup_run(s, steps, sizeof steps / sizeof *steps, &err);
	(void)umask(022);
	proc_title("init", INIT_TITLE);
	if (r == 0)
		r = start_payload(s, &err);
	if (r < 0) {
		setup_tell_failure(s->talk, RT_FAULT_OURS, &err);
		_exit(125);
	}
	/* Nobody but the payload may hold its pipes, so that their readers see the end. */
	for (int fd = 0; fd <= CWD_FD; fd++)
		close(fd);
	init_be(payload_pid, STATUS_FD);
	_exit(125);
}
