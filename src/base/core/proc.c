/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/proc.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
	int pidfd = -1;
	long pid;

	if (ret_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	if (flags & CLONE_PARENT)
		args.exit_signal = 0;
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint32_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int proc_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int proc_pidfd_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int proc_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* The command name, field 2, may hold spaces and parentheses: the fields that matter start behind the last ')'. */
static int parse_field(char *stat, int wanted, uint64_t *ret)
{
	char *p = strrchr(stat, ')');

	for (int field = 2; p && field < wanted; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p || *p < '0' || *p > '9')
		return -EINVAL;
	*ret = strtoull(p, NULL, 10);
	return 0;
}

static int stat_field(pid_t pid, int wanted, uint64_t *ret, struct err *err)
{
	char path[40], stat[1024];
	fd_cleanup int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	n = read(fd, stat, sizeof stat - 1);
	if (n < 0)
		return err_sys(err, errno, "read %s", path);
	stat[n] = '\0';
	if (parse_field(stat, wanted, ret) < 0)
		return err_set(err, EINVAL, "%s does not have a number in field %d", path, wanted);
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret, struct err *err)
{
	return stat_field(pid, 22, ret, err);
}

int proc_execed(pid_t pid)
{
	const uint64_t forked_only =
	    0x40; /* PF_FORKNOEXEC of the kernel's sched.h: kept until the first exec, also by the dead */
	uint64_t flags = 0;
	int r = stat_field(pid, 9, &flags, NULL);

	return r < 0 ? r : !(flags & forked_only);
}

/* The kernel's own call: the C library's refuses the signals that it keeps for itself. A zeroed action is the default one. */
void proc_default_signals(void)
{
	const unsigned long dfl[4] = {0};
	sigset_t none;

	for (int i = 1; i < _NSIG; i++)
		(void)syscall(SYS_rt_sigaction, i, dfl, NULL, (size_t)(_NSIG - 1) / 8);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static char *title_area;
static size_t title_room;

void proc_title_room(char *area, size_t n)
{
	title_area = area;
	title_room = n;
}

void proc_title(const char *name, const char *line)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	if (!title_area || title_room == 0)
		return;
	memset(title_area, 0, title_room);
	memcpy(title_area, line, strnlen(line, title_room - 1));
}

int proc_close_from(unsigned first, int on_exec)
{
	return syscall(SYS_close_range, first, ~0U, on_exec ? CLOSE_RANGE_CLOEXEC : 0) < 0 ? -errno : 0;
}
