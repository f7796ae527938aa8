/* SPDX-License-Identifier: Apache-2.0
 *
 * RUN: a container of the runtime, confined like any other, whose root is the snapshot. It runs in the child process of its step, which the
 * kernel kills with the build, and the container with it.
 */
#include "node/build/build_impl.h"

#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/build/exec_limits.h"
#include "node/build/exec_mounts.h"
#include "node/build/exec_network.h"
#include "node/build/exec_point.h"
#include "node/runtime/rt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* The signal that ends a build is let in while we wait for the container, and nowhere else. */
static void catch_stop(sigset_t *ret_open)
{
	const struct sigaction action = {.sa_handler = on_stop};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, ret_open);
	sigdelset(ret_open, SIGTERM);
	sigdelset(ret_open, SIGINT);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

static char **make_env(const struct plan_step *step, const struct exec_mounts *m)
{
	char **env = NULL;
	bool path = false;

	for (char **v = step->run->proxy_env; v && *v; v++)
		mem_strv_add(&env, *v);
	for (char **v = step->run->env; v && *v; v++) {
		path = path || !strncmp(*v, "PATH=", 5);
		mem_strv_add(&env, *v);
	}
	if (!path)
		mem_strv_add(&env, PATH_DEFAULT);
	for (char **v = m->env; v && *v; v++)
		mem_strv_add(&env, *v);
	return env;
}

static int make_points(struct exec_points *p, const struct exec_mounts *m, struct err *err)
{
	static const char *const kernel[] = {"/proc", "/sys", "/dev"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof kernel / sizeof *kernel; i++)
		r = exec_point_make(p, &m->snapshot->draft, kernel[i], true, err);
	for (size_t i = 0; r == 0 && i < m->n; i++) {
		/* In /dev, a file system of its own, the runtime makes them. */
		if (strncmp(m->list[i].target, "/dev/", 5) != 0)
			r = exec_point_make(p, &m->snapshot->draft, m->list[i].target, m->dirs[i], err);
	}
	return r;
}

static int wait_for(struct rt_box *box, const sigset_t *open, struct rt_exit *ret, struct err *err)
{
	struct pollfd fd = {.fd = box->pidfd, .events = POLLIN};

	while (ppoll(&fd, 1, NULL, open) <= 0) {
		if (stopped)
			(void)rt_signal(box, SIGKILL, NULL);
	}
	return rt_reap(box, ret, err);
}

static int judge(const struct rt_exit *e, struct err *err)
{
	if (stopped)
		return err_set(err, ECANCELED, "the build was stopped");
	if (e->oom_killed)
		return err_set(err, ENOMEM, "the command was killed for want of memory");
	if (e->signal)
		return err_set(err, EREMOTEIO, "the command was ended by signal %d (%s)", e->signal,
			       strsignal(e->signal));
	return e->code ? err_set(err, EREMOTEIO, BUILD_EXIT_TEXT "%d", e->code) : 0;
}

struct confined {
	const char *id;
	const struct exec_network *network;
	int out;
	const sigset_t *open;
};

static int run(const struct plan_step *step, const struct exec_mounts *m, const struct confined *c, struct err *err)
{
	const struct step_run *step_run = step->run;
	const struct build_limits *limits = &m->build->o->limits;
	struct exec_limits inherited = EXEC_LIMITS_NULL;
	cleanup_with(mem_strv_freep) char **env = make_env(step, m);
	struct snapshot *s = m->snapshot;
	const bool privileged = !RT_GUARD(B3) && step_run->insecure;
	const struct rt_spec spec = {
	    .id = c->id,
	    .lower_fds = s->below.lowers,
	    .n_lower = s->below.n,
	    .upper_fd = s->draft.dir,
	    .work_fd = s->work,
	    .root_fd = s->draft.dir,
	    .discard_upper = true,
	    .mounts = m->list,
	    .n_mounts = m->n,
	    .argv = step_run->argv,
	    .env = env,
	    .cwd = step->workdir,
	    .user = step->user && *step->user ? step->user : NULL,
	    .hostname = "build",
	    .caps = privileged		       ? UINT64_MAX
		    : m->build->o->docker_caps ? RT_CAPS_DOCKER
					       : RT_CAPS_DEFAULT,
	    .privileged_syscalls = privileged,
	    .host_network = c->network->host,
	    .has_netns = c->network->netns >= 0,
	    .netns = c->network->netns,
	    .limits = {.memory = limits->memory, .cpu_milli = limits->cpu_milli},
	    .show_cgroups = true,
	    .stdin_fd = -1,
	    .stdout_fd = c->out,
	    .stderr_fd = c->out,
	};
	enum rt_fault fault;
	struct rt_box box;
	struct rt_exit e = {0};
	int r = exec_limits_read(limits, &inherited, err), gone;

	if (r == 0)
		r = exec_limits_enter(&inherited, err);
	if (r == 0)
		r = rt_start(&spec, &box, &fault, err);
	exec_limits_leave(&inherited);
	if (r < 0)
		return r;
	exec_mounts_started((struct exec_mounts *)m);
	r = wait_for(&box, c->open, &e, err);
	gone = rt_delete(&box, r < 0 ? NULL : err);
	for (char **v = env; v && *v; v++)
		explicit_bzero(*v, strlen(*v));
	if (r == 0)
		r = gone;
	return r < 0 ? r : judge(&e, err);
}

/* The network comes first, for the mounts have its resolv.conf, and goes last. */
static int run_on(struct build *b, struct exec_mounts *m, struct confined *c, struct err *err)
{
	struct exec_points points = EXEC_POINTS_INIT;
	fd_cleanup int lock = -1;
	int r = exec_mounts_make(m, err);

	if (r == 0)
		r = make_points(&points, m, err);
	if (r == 0)
		r = cache_running(b->cache, c->id, &lock, err);
	if (r == 0) {
		r = run(m->step, m, c, err);
		cache_ended(b->cache, c->id);
	}
	exec_mounts_free(m);
	exec_points_clear(&points);
	return r;
}

int exec_run(struct build *b, const struct plan_step *step, struct snapshot *snapshot, int out, struct err *err)
{
	struct exec_mounts m = {.build = b, .snapshot = snapshot, .step = step};
	struct exec_network network;
	struct confined c = {.network = &network, .out = out};
	char random[13], id[24];
	sigset_t open;
	int r;

	if (RT_GUARD(B3) && step->run->insecure)
		return err_set(err, EPERM, "RUN --security=insecure is not allowed: every step is confined");
	if (b->o->no_host && step->run->network == STEP_NETWORK_HOST)
		return err_set(
		    err, EPERM,
		    "RUN --network=host: your role may not use the host's network: it would open the machine");
	if (step->run->n_devices > 0)
		return err_set(err, EPERM, "RUN --device is not allowed");
	random_hex(random, sizeof random - 1);
	snprintf(id, sizeof id, "build-%s", random);
	c.id = id;
	catch_stop(&open);
	c.open = &open;
	exec_network_make(b, step->run, out, &network);
	m.resolv_conf = network.resolv_conf;
	r = run_on(b, &m, &c, err);
	exec_network_free(&network);
	return r;
}
