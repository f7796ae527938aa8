/* SPDX-License-Identifier: Apache-2.0
 *
 * rt_start of an OCI configuration: the parent's steps. Order, and why (docs/RUNTIME.md has the whole):
 *   mounts of host directories are copied first, while all descriptors are of our mount namespace;
 *   the cgroups are the caller's and exist; a version 2 one is entered by the clone itself, the others by the child (cgroup_box.h, "doors");
 *   limits of the process and the hooks of the runtime come when the child says that all but pivot_root is done.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/mount_api.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

struct start {
	struct setup *setup;
	const struct rt_spec *spec;
	const struct rt_box_attr *box;
	struct rt_box result;
	enum rt_fault fault;
};

static int check(struct start *st, struct err *err)
{
	if (!st->spec->argv || !st->spec->argv[0])
		return err_set(err, EINVAL, "there is no command (process.args is empty)");
	if (st->spec->root_fd < 0 && st->spec->n_lower == 0)
		return err_set(err, EINVAL, "there is no root");
	if (!st->box->ns[RT_NS_MOUNT].wanted)
		return err_set(err, ENOTSUP, "a container without a mount namespace of its own is not possible");
	return 0;
}

static int prepare_root(struct start *st, struct err *err)
{
	/* A copy of a shared mount is shared with it (dockerd's are), and pivot_root refuses such a root. */
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	struct setup *s = st->setup;
	int r;

	if (st->spec->n_lower > 0) {
		r = ns_prepare_idmap(s, err);
		return r < 0 ? r : rootfs_prepare(s, err);
	}
	if (!st->box->root_propagation || st->box->root_propagation == MS_SLAVE)
		attr.propagation = MS_SLAVE;
	s->root = open_tree(st->spec->root_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (s->root < 0)
		return err_sys(err, errno, "copy the mount of the root");
	if (mount_setattr(s->root, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "keep what is mounted in the root from spreading");
	return 0;
}

static int prepare_mounts(struct start *st, struct err *err)
{
	return bundle_mounts_prepare(st->setup, err);
}

static int prepare_devices(struct start *st, struct err *err)
{
	return bundle_devices_prepare(st->setup, err);
}

static int open_channels(struct start *st, struct err *err)
{
	return setup_open_channels(st->setup, err);
}

static int open_cgroups(struct start *st, struct err *err)
{
	return st->box->cgroup ? cgroup_box_open_doors(st->box->cgroup, err) : 0;
}

/* A prepared network is joined by the child, which is cheaper than a stage. */
static uint64_t new_flags(const struct rt_spec *spec)
{
	return stage_new_flags(spec->box) & ~(spec->has_netns ? (uint64_t)CLONE_NEWNET : 0);
}

static int spawn(struct start *st, struct err *err)
{
	int cgroup = st->box->cgroup ? cgroup_box_fd(st->box->cgroup) : -1;
	pid_t pid;

	if (stage_needed(st->box)) {
		st->setup->cgroup = cgroup;
		pid = stage_spawn(st->setup, &st->result.pidfd, err);
		st->setup->cgroup = -1;
		if (pid < 0)
			return pid;
	} else {
		pid = proc_clone(new_flags(st->spec) | CLONE_CLEAR_SIGHAND, cgroup, &st->result.pidfd);
		if (pid < 0)
			return err_sys(err, -pid, "clone3");
	}
	if (pid == 0)
		bundle_init_main(st->setup);
	st->result.pid = pid;
	fd_closep(&st->setup->talk);
	if (st->box->cgroup)
		cgroup_box_close_doors(st->box->cgroup);
	return 0;
}

static int map_users(struct start *st, struct err *err)
{
	return ns_map_users(st->setup, st->result.pid, err);
}

static int furnish(struct start *st, struct err *err)
{
	return st->spec->furnish ? st->spec->furnish(st->spec->furnish_ctx, st->result.pid, err) : 0;
}

static int identify(struct start *st, struct err *err)
{
	return proc_start_time(st->result.pid, &st->result.start_time, err);
}

static int release(struct start *st, struct err *err)
{
	return setup_say(st->setup, "g", err);
}

/* From here, because only the host's root may raise limits. */
static int limit_and_run_hooks(struct start *st, struct err *err)
{
	int r = limits_apply(st->spec->process, st->result.pid, err);

	if (r == 0)
		r = limits_scheduler(st->spec->process, st->result.pid, err);
	if (r == 0 && st->box->create_runtime)
		r = st->box->create_runtime(st->box->ctx, st->result.pid, err);
	return r < 0 ? r : setup_say(st->setup, "h", err);
}

/* The end of the channel: of init's silence nothing can come but its death. */
static int heard_all(const struct start *st, bool running, struct err *err)
{
	if (st->box->init ? running : st->box->gate < 0 && proc_execed(st->result.pid) != 0)
		return 0;
	return err_set(err, ECANCELED, "the container's first process was killed");
}

/* Until the child waits at its gate, has become the program, or has failed. */
static int converse(struct start *st, struct err *err)
{
	bool running = false;

	for (;;) {
		struct setup_message m;
		int fd, r = setup_receive(st->setup->talk_parent, &m, &fd, err);

		switch (r) {
		case 0:
			return heard_all(st, running, err);
		case SETUP_WAITING:
			return 0;
		case SETUP_FAILED:
			fd_closep(&fd);
			return setup_failed(&m, &st->fault, err);
		case SETUP_TERMINAL:
			fd_closep(&st->result.terminal_fd);
			st->result.terminal_fd = fd_take(&fd);
			break;
		case SETUP_RUNNING:
			fd_closep(&fd);
			running = true;
			break;
		case SETUP_HOOKS:
			fd_closep(&fd);
			r = limit_and_run_hooks(st, err);
			if (r < 0)
				return r;
			break;
		default:
			return r;
		}
	}
}

static const struct {
	const char *what;
	int (*run)(struct start *st, struct err *err);
} steps[] = {
    {"check the request", check},
    {"prepare the root", prepare_root},
    {"prepare the mounts", prepare_mounts},
    {"prepare the devices", prepare_devices},
    {"open the channels", open_channels},
    {"open the cgroups", open_cgroups},
    {"start the first process", spawn},
    {"map the users", map_users},
    {"furnish the network", furnish},
    {"release the first process", release},
    {"identify the first process", identify},
    {NULL, converse},
};

static int run(struct start *st, struct err *err)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = steps[i].run(st, err);

		timing_mark(TIMING_PARENT, steps[i].what ? steps[i].what : "hear that the program runs");
		if (r == 0)
			continue;
		/* Our step failed because the child did, which says why. */
		if (st->result.pid > 0 && steps[i].what && (r == -ESRCH || r == -ECANCELED))
			r = converse(st, err);
		return steps[i].what && r < 0 ? err_wrap(err, "%s", steps[i].what) : r;
	}
	return 0;
}

static void undo(struct start *st)
{
	if (st->result.pid > 0) {
		(void)proc_pidfd_signal(st->result.pidfd, SIGKILL);
		(void)waitpid(st->result.pid, NULL, 0);
	}
	fd_closep(&st->result.pidfd);
	fd_closep(&st->result.terminal_fd);
}

int bundle_start(const struct rt_spec *spec, struct rt_box *ret, enum rt_fault *ret_fault, struct err *err)
{
	struct start st = {.spec = spec, .box = spec->box, .fault = RT_FAULT_OURS};
	int r;

	st.result = (struct rt_box){.pid = -1, .pidfd = -1, .status_fd = -1, .terminal_fd = -1};
	st.result.shares_pids = !spec->box->ns[RT_NS_PID].wanted || spec->box->ns[RT_NS_PID].fd >= 0;
	st.setup = setup_new(spec);
	r = run(&st, err);
	if (r < 0) {
		undo(&st);
		*ret_fault = st.fault;
	} else {
		st.result.status_fd = fd_take(&st.setup->status[0]);
		*ret_fault = RT_FAULT_NONE;
		*ret = st.result;
	}
	st.setup = setup_free(st.setup);
	return r;
}
