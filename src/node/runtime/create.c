/* SPDX-License-Identifier: Apache-2.0
 *
 * rt_start: the parent's steps. What the parent prepares is attached nowhere, so a failure or a crash before the child runs leaves nothing but,
 * at the most, an empty cgroup directory, which rt_find + rt_delete remove. Parent and child work at the same time wherever one does not need the
 * other: the root is made here while the child mounts /proc, /sys and /dev.
 */
#include "node/runtime/rt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/bundle.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/init.h"
#include "node/runtime/setup.h"
#include "node/runtime/timing.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { ID_LEN_MAX = 80, HOSTNAME_LEN_MAX = 64, CPU_MILLI_MIN = 10 };

struct start {
	const struct rt_spec *spec;
	struct setup *setup;
	struct rt_box box;
	struct rt_limits limits;
	enum rt_fault fault;
};

static bool id_ok(const char *id)
{
	size_t n = id ? strlen(id) : 0;

	return n > 0 && n <= ID_LEN_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int check(struct start *st, struct err *err)
{
	const struct rt_spec *spec = st->spec;

	if (!spec->argv || !spec->argv[0])
		return err_set(err, EINVAL, "there is no command");
	if (spec->n_lower == 0 && spec->root_fd < 0)
		return err_set(err, EINVAL, "there is no root");
	if (spec->hostname && (!*spec->hostname || strlen(spec->hostname) > HOSTNAME_LEN_MAX))
		return err_set(err, EINVAL, "the host name must have 1 to %d characters", HOSTNAME_LEN_MAX);
	if (spec->limits.cpu_milli && spec->limits.cpu_milli < CPU_MILLI_MIN)
		return err_set(err, EINVAL, "a cpu limit below %d/1000 of a core is not possible", CPU_MILLI_MIN);
	if (spec->user_namespace && spec->userns_base == 0)
		return err_set(err, EINVAL, "a user namespace cannot start at the host's uid 0");
	if (spec->has_netns && (spec->user_namespace || spec->host_network))
		return err_set(err, EINVAL,
			       "a prepared network is for a container without user namespace and host network");
	return 0;
}

static int prepare_idmap(struct start *st, struct err *err)
{
	return ns_prepare_idmap(st->setup, err);
}

static int prepare_volumes(struct start *st, struct err *err)
{
	return mounts_prepare(st->setup, err);
}

static int open_channels(struct start *st, struct err *err)
{
	return setup_open_channels(st->setup, err);
}

static int make_cgroup(struct start *st, struct err *err)
{
	char name[CGROUP_NAME_MAX];
	int r;

	st->limits = st->spec->limits;
	/* init is ours and does not count. */
	if (st->limits.pids && !st->spec->no_init)
		st->limits.pids++;
	snprintf(name, sizeof name, "berth/%s", st->spec->id);
	r = cgroup_make(name, &st->limits, &st->setup->cgroup, err);
	/* Only now it is ours to remove. */
	if (r == 0)
		memcpy(st->box.cgroup, name, sizeof name);
	return r;
}

static int set_limits(struct start *st, struct err *err)
{
	int r = cgroup_make_v1(st->box.cgroup, &st->limits, &st->setup->doors, err);

	if (r == 0 && st->spec->show_cgroups)
		cgroup_show_prepare(st->setup, st->box.cgroup);
	return r;
}

static int spawn(struct start *st, struct err *err)
{
	pid_t pid = proc_clone(ns_clone_flags(st->spec), st->setup->cgroup, &st->box.pidfd);

	if (pid < 0)
		return err_sys(err, -pid, "clone3");
	if (pid == 0)
		init_main(st->setup);
	st->box.pid = pid;
	fd_closep(&st->setup->talk);
	return 0;
}

static int map_users(struct start *st, struct err *err)
{
	return ns_map_users(st->setup, st->box.pid, err);
}

static int furnish(struct start *st, struct err *err)
{
	return st->spec->furnish ? st->spec->furnish(st->spec->furnish_ctx, st->box.pid, err) : 0;
}

static int identify(struct start *st, struct err *err)
{
	return proc_start_time(st->box.pid, &st->box.start_time, err);
}

static int release(struct start *st, struct err *err)
{
	return setup_say(st->setup, "g", err);
}

/* Made while the child mounts what needs no root, and sent to it. */
static int send_root(struct start *st, struct err *err)
{
	int r = rootfs_prepare(st->setup, err);

	if (r == 0)
		r = rootfs_send(st->setup, err);
	fd_closep(&st->setup->root);
	return r;
}

/* Why nothing more comes from it: a limit that is too small for the setting up itself is the user's to change. */
static int killed_early(const struct start *st, struct err *err)
{
	uint64_t kills = 0;

	if (st->box.cgroup[0] && cgroup_oom_kills(st->box.cgroup, &kills) && kills > 0)
		return err_set(err, ENOMEM,
			       "the container ran out of memory before its program ran: its limit of %" PRIu64
			       " bytes is too small (give 6 MiB or more)",
			       st->spec->limits.memory);
	return err_set(err, ECANCELED, "the container was killed before its program ran");
}

static int hear(struct start *st, struct err *err)
{
	int r = setup_hear(st->setup->talk_parent, NULL, &st->fault, err);

	/* Of init's silence nothing can come but its death; without init the payload itself becomes silent, by its exec or its death. */
	if (r == 0 && (!st->spec->no_init || proc_execed(st->box.pid) == 0))
		return killed_early(st, err);
	return r < 0 ? r : 0;
}

static const struct {
	const char *what;
	int (*run)(struct start *st, struct err *err);
} steps[] = {
    {"check the request", check},
    {"prepare the user namespace", prepare_idmap},
    {"prepare the volumes", prepare_volumes},
    {"open the channels", open_channels},
    {"make the cgroup", make_cgroup},
    {"set the limits", set_limits},
    {"start the first process", spawn},
    {"map the users", map_users},
    {"furnish the network", furnish},
    {"release the first process", release},
    {"prepare the root", send_root},
    {"identify the first process", identify},
    {NULL, hear},
};

static int run(struct start *st, struct err *err)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = steps[i].run(st, err);

		timing_mark(TIMING_PARENT, steps[i].what ? steps[i].what : "hear that the program runs");
		if (r == 0)
			continue;
		/* Our step failed because the child did, which says why. */
		if (st->box.pid > 0 && steps[i].what && r == -ESRCH)
			r = hear(st, err);
		return steps[i].what ? err_wrap(err, "%s", steps[i].what) : r;
	}
	return 0;
}

static void undo(struct start *st)
{
	if (st->box.pid > 0) {
		(void)proc_pidfd_signal(st->box.pidfd, SIGKILL);
		(void)waitpid(st->box.pid, NULL, 0);
	}
	fd_closep(&st->box.pidfd);
	if (*st->box.cgroup)
		(void)cgroup_remove(st->box.cgroup, NULL);
}

int rt_start(const struct rt_spec *spec, struct rt_box *ret, enum rt_fault *ret_fault, struct err *err)
{
	struct start st = {.spec = spec, .fault = RT_FAULT_OURS};
	int r;

	*ret_fault = RT_FAULT_OURS;
	if (spec->box)
		return bundle_start(spec, ret, ret_fault, err);
	if (!id_ok(spec->id))
		return err_set(err, EINVAL, "start container: the id must be 1 to %d of a-z, 0-9 and -", ID_LEN_MAX);
	st.box = (struct rt_box){.pid = -1, .pidfd = -1, .status_fd = -1, .terminal_fd = -1, .caps = spec->caps};
	st.box.privileged_syscalls = spec->privileged_syscalls;
	st.box.user_namespace = spec->user_namespace;
	st.setup = setup_new(spec);
	r = run(&st, err);
	if (r < 0) {
		undo(&st);
		*ret_fault = st.fault;
		r = err ? err_wrap(err, "start container %s", spec->id) : r;
	} else {
		st.box.status_fd = fd_take(&st.setup->status[0]);
		*ret_fault = RT_FAULT_NONE;
		*ret = st.box;
	}
	st.setup = setup_free(st.setup);
	return r;
}
