/* SPDX-License-Identifier: Apache-2.0
 *
 * rt_exec: one more process in a running container. Only a new process can be in the pid namespace, so the caller names that one for its next
 * child, makes the child, and takes its own back; the child joins the cgroups and the other namespaces. It cannot be looked into (not dumpable)
 * from its birth to its exec.
 */
#include "node/runtime/rt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/bundle.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/payload.h"
#include "node/runtime/setup.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct exec {
	struct rt_box *box;
	const struct rt_exec_spec *spec;
	int talk[2];	  /* failures; its end means success */
	int go[2];	  /* the process waits for a byte: what cannot be inherited of its scheduler; -1: it does not */
	int flags;	  /* the namespaces to join */
	bool born_inside; /* the process begins in the version 2 cgroup */
};

static bool is_other(pid_t pid, const char *name)
{
	struct stat own, its;
	char path[48];

	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	if (stat(path, &own) < 0)
		return false;
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	return stat(path, &its) == 0 && own.st_ino != its.st_ino;
}

/* The namespaces to join. Our own containers have all but the time's; of another one those that are not ours: joining our own user
 * namespace would be an error. That the process still is the one of the pidfd shows when it is joined. */
static int flags_of(const struct exec *e)
{
	int flags = 0;

	if (!e->spec->process)
		return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP |
		       (e->box->user_namespace ? CLONE_NEWUSER : 0);
	for (size_t i = 0; i < RT_NS_TYPES; i++)
		flags |= is_other(e->box->pid, rt_ns_types[i].file) ? rt_ns_types[i].flag : 0;
	return flags;
}

static const struct cgroup_box *cgroups_of(const struct exec *e)
{
	return e->spec->cgroup ? e->spec->cgroup : e->box->cgroups;
}

/* A container that has given its controllers to cgroups below takes nobody in (Control Group v2, "no internal processes"): then where its
 * first process is. */
static int join_box(const struct exec *e, struct err *err)
{
	const char *sub = e->spec->cgroup_sub;
	mem_cleanup char *own = NULL;
	int r;

	if (e->born_inside)
		return cgroup_box_enter_others(cgroups_of(e), sub ? sub : "", err);
	r = cgroup_box_enter(cgroups_of(e), 0, sub ? sub : "", err);
	if (r != -EBUSY || (sub && *sub))
		return r;
	r = cgroup_box_sub_of(cgroups_of(e), e->box->pid, &own, err);
	return r < 0 ? r : cgroup_box_enter(cgroups_of(e), 0, own, err);
}

static int join_cgroups(struct exec *e, struct err *err)
{
	if (*e->box->cgroup)
		return cgroup_join(e->box->cgroup, !e->born_inside, err);
	return cgroups_of(e) ? join_box(e, err) : 0;
}

static int join(struct exec *e, struct err *err)
{
	int flags = e->flags & ~CLONE_NEWPID, r = join_cgroups(e, err);

	timing_mark(TIMING_CHILD, "enter the cgroups");
	if (r == 0 && e->spec->process)
		r = limits_apply(e->spec->process, 0, err);
	if (r < 0)
		return r;
	if (flags && setns(e->box->pidfd, flags) < 0)
		return err_sys(err, errno, "enter the container's namespaces");
	timing_mark(TIMING_CHILD, "enter the container's namespaces");
	if (!(flags & CLONE_NEWUSER))
		return 0;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_sys(err, errno, "become root of the user namespace");
	return 0;
}

static int find_user(struct exec *e, int root, struct user *ret, struct err *err)
{
	if (e->spec->process)
		return payload_user(e->spec->process, root, ret, err);
	return user_find_in(root, e->spec->user, ret, err);
}

/* The terminal's ends, or the three descriptors. */
static int connect_stdio(struct exec *e, struct payload *p, int root, struct err *err)
{
	const int fds[3] = {e->spec->stdin_fd, e->spec->stdout_fd, e->spec->stderr_fd};
	fd_cleanup int dev = -1;
	int r;

	if (p->attr && p->attr->terminal) {
		r = p->terminal = terminal_make(root, p->attr, p->user.uid, p->talk, err);
		return r < 0 ? r : 0;
	}
	if (!p->attr || fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
		dev = fs_open_in(root, "dev", O_PATH | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		if (dev < 0)
			return dev;
	}
	return payload_stdio(fds, dev, &p->user, err);
}

/* The container runs: its links may change under us, but everything is resolved inside its root, which is our "/" now. */
static int set_up(struct exec *e, struct payload *p, struct err *err)
{
	fd_cleanup int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), cwd = -1;
	int r;

	if (root < 0)
		return err_sys(err, errno, "open the container's root");
	r = find_user(e, root, &p->user, err);
	if (r < 0)
		return r;
	cwd = payload_find_cwd(root, e->spec->cwd, err);
	if (cwd < 0)
		return cwd;
	r = payload_enter_cwd(cwd, err);
	if (r == 0)
		r = connect_stdio(e, p, root, err);
	return r == 0 && !p->attr ? payload_confine(p, err) : r;
}

/* From the caller, who may do it whatever the container's users are. One that is reset on fork, or a deadline, is the process' own only. */
static int set_scheduler(struct exec *e, pid_t pid, struct err *err)
{
	int r;

	if (e->go[1] < 0)
		return 0;
	r = limits_scheduler(e->spec->process, pid, err);
	if (r == 0 && write(e->go[1], "", 1) != 1)
		r = err_sys(err, errno, "let the process go on");
	fd_closep(&e->go[1]);
	return r;
}

static void wait_for_scheduler(struct exec *e)
{
	char c;

	fd_closep(&e->go[1]);
	if (e->go[0] >= 0 && read(e->go[0], &c, 1) != 1)
		_exit(125);
	fd_closep(&e->go[0]);
}

static _Noreturn void child(struct exec *e)
{
	struct payload p = {
	    .argv = e->spec->argv,
	    .env = e->spec->env,
	    .caps = e->box->caps,
	    .no_filter = e->box->privileged_syscalls,
	    .talk = e->talk[1],
	    .attr = e->spec->process,
	    .terminal = -1,
	    .listener = e->spec->listener,
	    .listener_state = e->spec->listener_state,
	};
	struct err err = ERR_INIT;

	(void)umask(022);
	timing_mark(TIMING_CHILD, "start the process");
	if (join(e, &err) == 0) {
		wait_for_scheduler(e);
		if (set_up(e, &p, &err) == 0) {
			timing_mark(TIMING_CHILD, "find user, working directory and descriptors");
			payload_exec(&p);
		}
	}
	setup_tell_failure(e->talk[1], RT_FAULT_OURS, &err);
	_exit(125);
}

/* The version 2 directory that the process is to be born in, or -1. Whatever is wrong with it shows when the process enters it. */
static int open_cgroup(const struct exec *e)
{
	const char *sub = e->spec->cgroup_sub;
	int fd = -1;

	if (*e->box->cgroup)
		return cgroup_open(e->box->cgroup);
	if (!cgroups_of(e) || cgroup_box_fd_sub(cgroups_of(e), sub ? sub : "", &fd, NULL) < 0)
		return -1;
	return fd;
}

/* A birth in the cgroup is much cheaper than a move there (cgroup_box.h, "doors"), but there are cgroups that only a move can enter. */
static pid_t clone_process(struct exec *e)
{
	fd_cleanup int cgroup = open_cgroup(e);
	pid_t pid = -1;

	e->born_inside = cgroup >= 0;
	if (e->born_inside)
		pid = proc_clone(CLONE_CLEAR_SIGHAND, cgroup, NULL);
	if (pid < 0) {
		e->born_inside = false;
		pid = proc_clone(CLONE_CLEAR_SIGHAND, -1, NULL);
	}
	return pid;
}

/* What this process has for itself and its next child. Back to these comes who called spawn. */
struct own {
	int children; /* pid namespace of the next child, or -1 */
	int dumpable;
};

static int own_leave(struct own *own, const struct exec *e, struct err *err)
{
	own->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	if (e->flags & CLONE_NEWPID) {
		own->children = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
		if (own->children < 0)
			return err_sys(err, errno, "open the own pid namespace");
		if (setns(e->box->pidfd, CLONE_NEWPID) < 0)
			return err_sys(err, errno, "enter the container's pid namespace");
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "hide from the container");
	return 0;
}

static int own_return(struct own *own, struct err *err)
{
	int r = own->children >= 0 && setns(own->children, CLONE_NEWPID) < 0 ? -errno : 0;

	fd_closep(&own->children);
	(void)prctl(PR_SET_DUMPABLE, own->dumpable, 0, 0, 0);
	return r < 0 ? err_sys(err, -r, "come back to the own pid namespace") : 0;
}

/* A pid namespace without its first process takes nobody in: ENOMEM (pid_namespaces(7)). */
static pid_t spawn(struct exec *e, struct err *err)
{
	struct own own = {.children = -1};
	int back, r = own_leave(&own, e, err);
	pid_t pid = r < 0 ? r : clone_process(e);

	if (pid == 0)
		child(e);
	back = own_return(&own, err);
	if (r < 0)
		return r;
	if (pid == -ENOMEM && proc_pidfd_wait(e->box->pidfd, 0) == 1)
		return err_set(err, ESRCH, "the container has ended");
	if (pid < 0)
		return err_sys(err, -pid, "start a process in the container");
	if (back == 0)
		return pid;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return back;
}

static int hear(struct exec *e, pid_t pid, enum rt_fault *ret_fault, struct err *err)
{
	int r;

	fd_closep(&e->talk[1]);
	r = set_scheduler(e, pid, err);
	if (r == 0)
		r = setup_hear(e->talk[0], e->spec->ret_terminal, ret_fault, err);
	timing_mark(TIMING_PARENT, "hear that the program runs");
	if (r == 0 && proc_execed(pid) == 0)
		r = err_set(err, ECANCELED, "the process was killed before its program ran");
	/* A child of ours that nobody has waited for: its number cannot have been given to another. */
	if (r == 0 && (r = proc_pidfd_open(pid)) < 0)
		r = err_sys(err, -r, "open a pidfd of the new process");
	if (r < 0)
		(void)waitpid(pid, NULL, 0);
	return r;
}

static int run(struct exec *e, pid_t *ret_pid, enum rt_fault *ret_fault, struct err *err)
{
	int r;

	if (!e->spec->argv || !e->spec->argv[0])
		return err_set(err, EINVAL, "there is no command");
	if (e->box->pidfd < 0)
		return err_set(err, ESRCH, "the container has ended");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->talk) < 0)
		return err_sys(err, errno, "open the channels");
	if (e->spec->process && e->spec->process->scheduler.set && pipe2(e->go, O_CLOEXEC) < 0)
		return err_sys(err, errno, "open the channels");
	e->flags = flags_of(e);
	r = *ret_pid = spawn(e, err);
	return r < 0 ? r : hear(e, *ret_pid, ret_fault, err);
}

int rt_exec(struct rt_box *box, const struct rt_exec_spec *spec, pid_t *ret_pid, enum rt_fault *ret_fault,
	    struct err *err)
{
	struct exec e = {.box = box, .spec = spec, .talk = {-1, -1}, .go = {-1, -1}};
	int r;

	*ret_fault = RT_FAULT_OURS;
	r = run(&e, ret_pid, ret_fault, err);
	for (size_t i = 0; i < 2; i++) {
		fd_closep(&e.talk[i]);
		fd_closep(&e.go[i]);
	}
	if (r < 0)
		return err ? err_wrap(err, "OCI runtime exec failed: exec failed: unable to start container process")
			   : r;
	*ret_fault = RT_FAULT_NONE;
	return r;
}
