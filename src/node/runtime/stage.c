/* SPDX-License-Identifier: Apache-2.0
 *
 * A process between ours and the container's first one. It joins the namespaces that exist already, shifts the clocks of a new time namespace
 * (possible only before anybody is in it), and then starts the first process as our child (CLONE_PARENT), with the new namespaces.
 *
 * The order of joining: what we have the right to join as we are comes first, then the user namespace, then the rest, whose owner it is.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct rt_ns_type rt_ns_types[RT_NS_TYPES] = {
    [RT_NS_USER] = {"user", CLONE_NEWUSER, "user"},
    [RT_NS_MOUNT] = {"mount", CLONE_NEWNS, "mnt"},
    [RT_NS_PID] = {"pid", CLONE_NEWPID, "pid"},
    [RT_NS_NETWORK] = {"network", CLONE_NEWNET, "net"},
    [RT_NS_IPC] = {"ipc", CLONE_NEWIPC, "ipc"},
    [RT_NS_UTS] = {"uts", CLONE_NEWUTS, "uts"},
    [RT_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP, "cgroup"},
    [RT_NS_TIME] = {"time", CLONE_NEWTIME, "time"},
};

bool stage_needed(const struct rt_box_attr *box)
{
	for (int t = 0; t < RT_NS_TYPES; t++) {
		if (box->ns[t].wanted && (box->ns[t].fd >= 0 || t == RT_NS_TIME))
			return true;
	}
	return false;
}

/* The cgroup namespace is left to the child, which makes it when it stands in its cgroups; the time namespace to the stage. */
uint64_t stage_new_flags(const struct rt_box_attr *box)
{
	uint64_t flags = 0;

	for (int t = 0; t < RT_NS_TYPES; t++) {
		if (box->ns[t].wanted && box->ns[t].fd < 0 && t != RT_NS_CGROUP && t != RT_NS_TIME)
			flags |= (uint64_t)(unsigned)rt_ns_types[t].flag;
	}
	return flags;
}

static int join(const struct rt_box_attr *box, int t, struct err *err)
{
	if (setns(box->ns[t].fd, rt_ns_types[t].flag) < 0)
		return err_sys(err, errno, "join the %s namespace", rt_ns_types[t].name);
	return 0;
}

static bool to_join(const struct rt_box_attr *box, int t)
{
	return box->ns[t].wanted && box->ns[t].fd >= 0;
}

static int join_user(const struct rt_box_attr *box, struct err *err)
{
	int r = join(box, RT_NS_USER, err);

	if (r < 0)
		return r;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_sys(err, errno, "become root of the user namespace");
	return 0;
}

static int join_all(const struct rt_box_attr *box, struct err *err)
{
	bool later[RT_NS_TYPES] = {false};
	int r = 0;

	for (int t = RT_NS_USER + 1; t < RT_NS_TYPES && r == 0; t++) {
		if (!to_join(box, t))
			continue;
		r = join(box, t, err);
		later[t] = r == -EPERM && to_join(box, RT_NS_USER);
		if (later[t])
			r = 0;
	}
	if (r == 0 && to_join(box, RT_NS_USER))
		r = join_user(box, err);
	for (int t = RT_NS_USER + 1; t < RT_NS_TYPES && r == 0; t++) {
		if (later[t])
			r = join(box, t, err);
	}
	return r;
}

static int shift_clocks(const struct rt_box_attr *box, struct err *err)
{
	const struct {
		const char *name;
		const struct rt_time_offset *offset;
	} clocks[] = {{"monotonic", &box->monotonic}, {"boottime", &box->boottime}};
	fd_cleanup int fd = -1;

	if (!box->ns[RT_NS_TIME].wanted || box->ns[RT_NS_TIME].fd >= 0)
		return 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(err, errno, "make a time namespace");
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open /proc/self/timens_offsets");
	for (size_t i = 0; i < 2; i++) {
		char line[96];
		int n;

		if (!clocks[i].offset->set)
			continue;
		n = snprintf(line, sizeof line, "%s %lld %u\n", clocks[i].name, (long long)clocks[i].offset->secs,
			     clocks[i].offset->nanosecs);
		if (write(fd, line, (size_t)n) < 0)
			return err_sys(err, errno, "shift the %s clock", clocks[i].name);
	}
	return 0;
}

/* In the stage. Returns 0 in the container's first process; the stage itself ends here. */
static pid_t stage(struct setup *s, int report)
{
	const struct rt_box_attr *box = s->spec->box;
	const uint64_t prepared = s->spec->has_netns ? CLONE_NEWNET : 0;
	struct err err = ERR_INIT;
	pid_t pid = -1;
	int r = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? err_sys(&err, errno, "hide from the container") : 0;

	if (r == 0)
		r = shift_clocks(box, &err);
	if (r == 0)
		r = join_all(box, &err);
	if (r == 0) {
		pid = proc_clone((stage_new_flags(box) & ~prepared) | CLONE_PARENT | CLONE_CLEAR_SIGHAND, -1, NULL);
		if (pid == 0)
			return 0;
		if (pid < 0)
			(void)err_sys(&err, -pid, "clone3");
	}
	if (pid > 0)
		_exit(fd_write_all(report, &pid, sizeof pid) == 0 ? 0 : 1);
	setup_tell_failure(s->talk, RT_FAULT_OURS, &err);
	_exit(1);
}

pid_t stage_spawn(struct setup *s, int *ret_pidfd, struct err *err)
{
	int report[2], fd;
	pid_t pid = -1, stage_pid;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, errno, "open a pipe");
	stage_pid = proc_clone(CLONE_CLEAR_SIGHAND, s->cgroup, NULL);
	if (stage_pid == 0 && stage(s, report[1]) == 0) {
		close(report[0]);
		close(report[1]);
		return 0;
	}
	close(report[1]);
	do {
		n = stage_pid < 0 ? 0 : read(report[0], &pid, sizeof pid);
	} while (n < 0 && errno == EINTR);
	close(report[0]);
	if (stage_pid < 0)
		return err_sys(err, -stage_pid, "start a process");
	(void)waitpid(stage_pid, NULL, 0);
	if (n != sizeof pid || pid <= 0) {
		enum rt_fault fault;
		int r;

		fd_closep(&s->talk);
		r = setup_hear(s->talk_parent, NULL, &fault, err);
		return r < 0 ? r : err_set(err, ECHILD, "the process that joins the namespaces was killed");
	}
	/* A child of ours that nobody has waited for: its number cannot have been given to another. */
	fd = proc_pidfd_open(pid);
	if (fd < 0)
		return err_sys(err, -fd, "open a pidfd of the new process");
	*ret_pidfd = fd;
	return pid;
}
