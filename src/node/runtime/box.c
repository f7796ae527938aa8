/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be done with a container that runs or has ended. Processes are named by their pidfd, never by a number alone.
 */
#include "node/runtime/rt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/cgroup_box.h"
#include "base/core/guard.h"
#include "node/runtime/init.h"
#include "node/runtime/rootless.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

static uint64_t micros(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

static int collect(struct rt_box *box, int *status, struct rusage *usage, struct err *err)
{
	pid_t pid;

	do {
		pid = wait4(box->pid, status, 0, usage);
	} while (pid < 0 && errno == EINTR);
	return pid < 0 ? err_sys(err, errno, "wait for process %d", (int)box->pid) : 0;
}

/* What init reported; an init that was killed reported nothing, and its own end tells. */
static int payload_status(const struct rt_box *box, int own)
{
	int status;

	if (box->status_fd >= 0 && read(box->status_fd, &status, sizeof status) == sizeof status)
		return status;
	return own;
}

static void usage_of(const struct cgroup_box *b, struct rt_exit *e)
{
	struct cgroup_stats s;

	if (cgroup_box_stats(b, &s, NULL) < 0)
		return;
	e->oom_killed = s.oom_kills != RT_UNSET && s.oom_kills > 0;
	e->memory_peak = s.memory_peak > 0 ? (uint64_t)s.memory_peak : e->memory_peak;
	e->cpu_us = s.cpu_total_ns > 0 ? (uint64_t)s.cpu_total_ns / 1000 : e->cpu_us;
}

int rt_reap(struct rt_box *box, struct rt_exit *ret, struct err *err)
{
	struct rt_exit e = {0};
	struct rusage usage;
	int status, r;

	if (box->pid <= 0)
		return err_set(err, ECHILD, "this container has no process to collect");
	r = collect(box, &status, &usage, err);
	if (r < 0)
		return r;
	status = payload_status(box, status);
	e.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	e.code = e.signal ? 128 + e.signal : WEXITSTATUS(status);
	e.cpu_us = micros(&usage.ru_utime) + micros(&usage.ru_stime);
	if (*box->cgroup)
		cgroup_usage(box->cgroup, &e);
	if (box->cgroups)
		usage_of(box->cgroups, &e);
	box->pid = -1;
	fd_closep(&box->pidfd);
	fd_closep(&box->status_fd);
	*ret = e;
	return 0;
}

/* SIGSTOP would stop init, which holds the signals of the payload: it goes as a message. */
static int signal_init(const struct rt_box *box, int signal)
{
	siginfo_t info;

	if (signal != SIGSTOP || box->status_fd < 0)
		return proc_pidfd_signal(box->pidfd, signal);
	memset(&info, 0, sizeof info);
	info.si_signo = SIGURG;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = INIT_STOP_VALUE;
	return syscall(SYS_pidfd_send_signal, box->pidfd, SIGURG, &info, 0) < 0 ? -errno : 0;
}

int rt_signal(struct rt_box *box, int signal, struct err *err)
{
	int r;

	if (signal < 1 || signal > SIGRTMAX)
		return err_set(err, EINVAL, "%d is not a signal", signal);
	if (box->pidfd < 0)
		return 0;
	if (signal == SIGKILL && box->shares_pids && box->cgroups)
		return cgroup_box_signal(box->cgroups, signal, err);
	/* The end of PID 1 is the end of everything in its pid namespace. */
	r = signal_init(box, signal);
	return r < 0 && r != -ESRCH ? err_sys(err, -r, "send signal %d", signal) : 0;
}

static int delete_box(struct rt_box *box, struct err *err)
{
	int r = cgroup_box_signal(box->cgroups, SIGKILL, err);

	if (r == 0)
		r = cgroup_box_remove(box->cgroups, err);
	box->cgroups = cgroup_box_free(box->cgroups);
	return r < 0 ? err_wrap(err, "delete a container") : 0;
}

int rt_delete(struct rt_box *box, struct err *err)
{
	int r;

	/* One of rt_open() has no cgroup of ours and is not ours to kill. */
	if (box->pidfd >= 0 && (*box->cgroup || box->cgroups)) {
		(void)proc_pidfd_signal(box->pidfd, SIGKILL);
		if (box->pid > 0)
			(void)waitpid(box->pid, NULL, 0);
		box->pid = -1;
	}
	fd_closep(&box->pidfd);
	fd_closep(&box->status_fd);
	if (box->cgroups)
		return delete_box(box, err);
	if (!*box->cgroup)
		return 0;
	/* Removing fails while somebody is in there, and only then is there somebody to kill. */
	if (cgroup_try_remove(box->cgroup) == 0)
		return 0;
	r = cgroup_kill(box->cgroup, err);
	if (r == 0)
		r = cgroup_remove(box->cgroup, err);
	return r < 0 ? err_wrap(err, "delete container %s", strrchr(box->cgroup, '/') + 1) : 0;
}

int rt_open(pid_t pid, uint64_t start_time, struct rt_box *ret, struct err *err)
{
	fd_cleanup int fd = pid > 0 ? proc_pidfd_open(pid) : -ESRCH;
	uint64_t started;

	if (fd < 0 && fd != -ESRCH && fd != -EINVAL)
		return err_sys(err, -fd, "open process %d", (int)pid);
	/* First the descriptor, then the look: what was looked at is what the descriptor names, or has ended. */
	if (fd < 0 || proc_start_time(pid, &started, NULL) < 0 || (started != start_time && RT_GUARD(R21)) ||
	    proc_pidfd_wait(fd, 0) != 0)
		return err_set(err, ESRCH, "the container's process %d has ended", (int)pid);
	*ret = (struct rt_box){.pid = pid, .pidfd = fd_take(&fd), .status_fd = -1, .terminal_fd = -1};
	ret->start_time = start_time;
	return 0;
}

void rt_find(const char *id, struct rt_box *ret)
{
	*ret = (struct rt_box){.pid = -1, .pidfd = -1, .status_fd = -1, .terminal_fd = -1};
	if (*id && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id))
		snprintf(ret->cgroup, sizeof ret->cgroup, "berth/%.80s", id);
}

int rt_host(struct rt_host *ret, struct err *err)
{
	const struct cgroup_layout *l;
	struct sysinfo info;
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	int r = cgroup_machine(&l, err);

	if (r < 0)
		return r;
	(void)rootless_inside();
	if (sysinfo(&info) < 0)
		return err_sys(err, errno, "ask for the machine's memory");
	*ret = (struct rt_host){
	    .cgroup_layout = cgroup_kind_name(l->kind),
	    .cpu = cgroup_can(l, CGROUP_CPU),
	    .memory = cgroup_can(l, CGROUP_MEMORY),
	    .pids = cgroup_can(l, CGROUP_PIDS),
	    .cgroup_kill = cgroup_can_kill(l),
	    .memory_total = (uint64_t)info.totalram * info.mem_unit,
	    .n_cpus = n > 0 ? (unsigned)n : 1,
	};
	return 0;
}

int rt_cgroups(const struct rt_box *box, struct cgroup_box **ret, struct err *err)
{
	char dirs[CGROUP_TREES][CGROUP_DIR_MAX];
	const char *list[CGROUP_TREES + 1] = {NULL};
	size_t n = 0;

	if (box->cgroups)
		return cgroup_box_open(cgroup_box_text(box->cgroups), ret, err);
	for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES; t++) {
		if (cgroup_dir(box->cgroup, t, dirs[t]))
			list[n++] = dirs[t];
	}
	return cgroup_box_of(list, ret, err);
}
