/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's steps for an OCI configuration, up to the program, which is PID 1 itself.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "base/core/fs.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/mount_api.h"
#include "node/runtime/init.h"
#include "node/runtime/payload.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int wait_for(struct setup *s, char word, struct err *err)
{
	char c = 0;

	if (recv(s->talk, &c, 1, 0) != 1 || c != word)
		return err_set(err, ECANCELED, "the parent gave up");
	return 0;
}

static int enter_cgroups(struct setup *s, struct err *err)
{
	return s->spec->box->cgroup ? cgroup_box_go_in(s->spec->box->cgroup, err) : 0;
}

/* Until the container is complete it dies with its parent; the parent's word, which comes after, proves that it was alive when we asked. */
static int wait_for_go(struct setup *s, struct err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, errno, "tie the container to its parent");
	return wait_for(s, 'g', err);
}

/* Now that we stand in our cgroups they become the roots of what the container sees. */
static int make_cgroup_namespace(struct setup *s, struct err *err)
{
	const struct rt_namespace *ns = &s->spec->box->ns[RT_NS_CGROUP];

	if (!ns->wanted || ns->fd >= 0)
		return 0;
	return unshare(CLONE_NEWCGROUP) < 0 ? err_sys(err, errno, "make a cgroup namespace") : 0;
}

static int set_names(struct setup *s, struct err *err)
{
	const char *host = s->spec->hostname, *domain = s->spec->box->domainname;

	if (host && sethostname(host, strlen(host)) < 0)
		return err_sys(err, errno, "set the host name \"%s\"", host);
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return err_sys(err, errno, "set the domain name \"%s\"", domain);
	/* The host's session keys are not the container's. A kernel without keys has nothing to hide. */
	if (s->spec->box->keyring && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return err_sys(err, errno, "make a new session keyring");
	return 0;
}

static int bring_loopback_up(struct setup *s, struct err *err)
{
	const struct rt_namespace *ns = &s->spec->box->ns[RT_NS_NETWORK];

	return ns->wanted && ns->fd < 0 ? ns_loopback(s, err) : 0; /* not that of a prepared one */
}

static int run_hooks(struct setup *s, struct err *err)
{
	const struct rt_box_attr *box = s->spec->box;
	int r = setup_tell(s->talk, SETUP_HOOKS, -1, err);

	if (r == 0)
		r = wait_for(s, 'h', err);
	if (r == 0 && box->create_container)
		r = box->create_container(box->ctx, err);
	return r;
}

static int make_terminal(struct setup *s, struct err *err)
{
	int r;

	if (!s->spec->process->terminal)
		return 0;
	r = s->terminal = terminal_make(s->root, s->spec->process, s->user.uid, s->talk, err);
	return r < 0 ? r : terminal_bind_console(s->root, s->terminal, err);
}

static int open_cwd(struct setup *s, struct err *err)
{
	int r = s->cwd = payload_open_cwd(s->root, s->spec->cwd, err);

	return r < 0 ? r : 0;
}

static int enter_root(struct setup *s, struct err *err)
{
	if (!s->spec->box->no_pivot)
		return rootfs_enter(s, err);
	/* A root on an initramfs cannot be pivoted from; the container's was put on top of it and becomes our "/". */
	if (fchdir(s->root) < 0 || chroot(".") < 0)
		return err_sys(err, errno, "change to the root");
	return s->spec->read_only ? mount_change(s->root, false, MOUNT_ATTR_RDONLY, -1, err) : 0;
}

/* Now, not at the start: whoever made the container may wait for the end of what it gave us as output. */
static int leave_stdio(int terminal, struct err *err)
{
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(terminal, fd) < 0)
			return err_sys(err, errno, "make the terminal standard descriptor %d", fd);
	}
	return 0;
}

static int set_stdio(struct setup *s, struct err *err)
{
	const int fds[3] = {s->spec->stdin_fd, s->spec->stdout_fd, s->spec->stderr_fd};
	fd_cleanup int dev = -1;

	if (s->terminal >= 0)
		return leave_stdio(s->terminal, err);
	if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
		dev = fs_open_in(s->root, "dev", O_PATH | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		if (dev < 0)
			return dev;
	}
	return payload_stdio(fds, dev, &s->user, err);
}

static int enter_cwd(struct setup *s, struct err *err)
{
	return payload_enter_cwd(s->cwd, err);
}

static int make_files(struct setup *s, struct err *err)
{
	(void)err;
	bundle_files_make(s);
	return 0;
}

static int find_user(struct setup *s, struct err *err)
{
	return payload_user(s->spec->process, s->root, &s->user, err);
}

static int find_program(struct setup *s, struct err *err)
{
	return payload_find(s->spec->argv[0], s->spec->env, err);
}

static const struct step steps[] = {
    {"enter the cgroups", enter_cgroups}, /* as who we still are */
    {"enter the user namespace", ns_become_root},
    {"wait for the limits", wait_for_go},
    {"hide the host's cgroups", make_cgroup_namespace},
    {"leave the host's mounts", rootfs_leave_host},
    {"join the network", ns_join_network}, /* before its sysfs */
    {"mount the root", rootfs_attach_in_place},
    {"make files", make_files}, /* of the root's own, not of what is mounted on it */
    {"mount", bundle_mounts_attach},
    {"make the devices", bundle_devices_make},
    {"name the container", set_names},
    {"bring up the network", bring_loopback_up},
    {"set the kernel's parameters", bundle_sysctls},
    {NULL, run_hooks},
    {"make paths read-only", bundle_paths_read_only},
    {"mask paths", bundle_paths_mask},
    {"find the user", find_user},
    {"make the terminal", make_terminal}, /* its /dev may become read-only */
    {"make mounts read-only", bundle_mounts_seal},
    {"find the working directory", open_cwd},
    {"enter the root", enter_root},
    {"spread the root's mounts", bundle_root_propagation},
    {"enter the working directory", enter_cwd},
    {"connect the standard descriptors", set_stdio},
};

/* "created": complete, and nobody's child to care for any more. What comes next is told to whoever opens the gate. */
static int wait_at_gate(struct setup *s, int *listener, struct err *err)
{
	int gate = s->spec->box->gate, r;
	int *const kept[] = {&s->talk, &gate, listener, &s->terminal};

	if (!s->spec->box->tied && prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "untie the container from its parent");
	if (gate < 0)
		return 0;
	r = find_program(s, err);
	/* It may wait for long, and nothing of the host's that we hold open is for it. */
	if (r == 0)
		r = setup_keep(kept, sizeof kept / sizeof *kept, 3 + s->spec->process->preserve_fds, err);
	if (r == 0)
		r = setup_tell(s->talk, SETUP_WAITING, -1, err);
	if (r < 0)
		return r;
	fd_closep(&s->talk);
	r = gate_wait(gate, err);
	s->talk = r < 0 ? -1 : r;
	return r < 0 ? r : 0;
}

static enum rt_fault fault_of(int r)
{
	return r == -ENOENT ? RT_FAULT_NOT_FOUND : r == -EACCES ? RT_FAULT_NOT_EXECUTABLE : RT_FAULT_OURS;
}

/* A copy of this process becomes the program, this one init for it. Nobody but the program may hold what is its own, so that readers see the end. */
static int run_under_init(struct setup *s, struct payload *p, struct err *err)
{
	int *const kept[] = {&s->talk, &s->status[1], &s->terminal};
	const struct rt_namespace *pids = &s->spec->box->ns[RT_NS_PID];
	int r = setup_keep(kept, sizeof kept / sizeof *kept, 3, err);
	pid_t pid;

	if (r < 0)
		return r;
	p->talk = s->talk;
	p->terminal = s->terminal;
	/* In a pid namespace of others our end is nobody's end. */
	p->death_signal = s->spec->box->tied && (!pids->wanted || pids->fd >= 0);
	pid = fork();
	if (pid == 0) {
		fd_closep(&s->status[1]);
		payload_exec(p);
	}
	if (pid < 0)
		return err_sys(err, errno, "start the payload (is the pids limit below 2?)");
	proc_title("init", INIT_TITLE);
	r = setup_tell(s->talk, SETUP_RUNNING, -1, err);
	if (r == 0)
		r = init_confine(false, err);
	if (r < 0)
		return r;
	fd_closep(&s->talk);
	fd_closep(&s->terminal);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	init_be(pid, s->status[1]);
	return 0;
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void bundle_init_main(struct setup *s)
{
	const struct rt_spec *spec = s->spec;
	struct err err = ERR_INIT;
	struct payload p = {.argv = spec->argv, .env = spec->env, .attr = spec->process, .box = spec->box};
	enum rt_fault fault = RT_FAULT_OURS;
	int listener = spec->box->listener, r;

	timing_mark(TIMING_CHILD, "begin");
	block_signals();
	(void)umask(0);
	fd_closep(&s->talk_parent);
	r = setup_run(s, steps, sizeof steps / sizeof *steps, &err);
	(void)umask(022);
	if (r == 0) {
		r = wait_at_gate(s, &listener, &err);
		fault = r < 0 ? fault_of(r) : fault;
	}
	timing_mark(TIMING_CHILD, "wait at the gate");
	if (r == 0) {
		p.user = s->user;
		p.terminal = s->terminal;
		p.talk = s->talk;
		p.listener = listener;
		p.listener_state = spec->box->listener_state;
		p.death_signal = spec->box->tied && !spec->box->init;
		if (!spec->box->init)
			payload_exec(&p);
		(void)run_under_init(s, &p, &err);
	}
	if (s->talk >= 0)
		setup_tell_failure(s->talk, fault, &err);
	_exit(fault == RT_FAULT_NOT_FOUND ? 127 : fault == RT_FAULT_NOT_EXECUTABLE ? 126 : 125);
}
