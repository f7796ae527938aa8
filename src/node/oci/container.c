/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of the steps of a start, and why:
 *   signals first, so that none leaves a container half made;
 *   the name is claimed before anything is made that carries it;
 *   whoever waits at a socket is called before there is a process, so that a wrong path costs nothing;
 *   there is no container for others before its record is there, and no pid file before the record.
 */
#include "node/oci/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/oci/bundle.h"
#include "node/oci/console.h"
#include "node/oci/criu_image.h"
#include "node/oci/env.h"
#include "node/oci/foreground.h"
#include "node/oci/gate.h"
#include "node/runtime/hook.h"
#include "node/oci/record.h"
#include "node/oci/restore.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/rt.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

struct making {
	const struct oci_runtime *rt;
	const struct oci_request *o;
	bool run;
	struct oci_bundle bundle;
	struct oci_state state;
	int dir, gate, console, pidfd_sock;
	struct cgroup_box *cgroup;
	struct rt_box box;
	char **env;
	bool tried; /* rt_start() was called: hooks may have run */
	struct foreground foreground;
	char created[OCI_TIME_MAX];
};

static bool has_hooks(const struct making *m, enum rt_hook_type type)
{
	return m->bundle.config->hooks[type].n > 0;
}

static int run_hooks(const struct making *m, enum rt_hook_type type, enum oci_status status, pid_t pid, const char *cwd,
		     char *const *env, struct err *err)
{
	mem_cleanup char *json = NULL;

	if (!has_hooks(m, type))
		return 0;
	json = oci_state_json(&m->state, status, pid);
	return rt_hooks_run(m->bundle.config->hooks, type,
			    &(struct rt_hook_call){.state = json, .cwd = cwd, .env = env}, err);
}

/* ---- during the start, called by the runtime ---- */

static int describe_to_listener(struct making *m, pid_t pid, struct err *err)
{
	const struct oci_config *c = m->bundle.config;
	mem_cleanup char *json = NULL;

	if (m->bundle.listener.sock < 0)
		return 0;
	json = oci_state_json(&m->state, OCI_CREATING, pid);
	return listener_describe(&m->bundle.listener, c->seccomp, c->version, pid, json, err);
}

static int on_create_runtime(void *ctx, pid_t pid, struct err *err)
{
	struct making *m = ctx;
	int r = describe_to_listener(m, pid, err);

	if (r < 0 || (!has_hooks(m, RT_HOOK_PRESTART) && !has_hooks(m, RT_HOOK_CREATE_RUNTIME)))
		return r;
	/* A hook may ask us about the container that it is called for. */
	m->state.pid = pid;
	r = proc_start_time(pid, &m->state.start_time, err);
	if (r == 0)
		r = oci_state_write(m->dir, &m->state, err);
	if (r == 0)
		r = run_hooks(m, RT_HOOK_PRESTART, OCI_CREATING, pid, m->bundle.path, NULL, err);
	if (r == 0)
		r = run_hooks(m, RT_HOOK_CREATE_RUNTIME, OCI_CREATING, pid, m->bundle.path, NULL, err);
	return r;
}

/* In the container's namespaces but with the host's tree: /proc is the host's and knows our number there. */
static int on_create_container(void *ctx, struct err *err)
{
	char text[16] = "";
	pid_t pid = getpid();
	int n;

	if (readlink("/proc/self", text, sizeof text - 1) > 0 && sscanf(text, "%d", &n) == 1)
		pid = n;
	return run_hooks(ctx, RT_HOOK_CREATE_CONTAINER, OCI_CREATING, pid, ((struct making *)ctx)->bundle.path, NULL,
			 err);
}

/* The hook is the container's own program, so it may have the process' environment (runc gives it that) when it brings none. */
static int on_start_container(void *ctx, char *const *env, struct err *err)
{
	const struct making *m = ctx;

	return run_hooks(m, RT_HOOK_START_CONTAINER, OCI_CREATED, getpid(), "/", env, err);
}

static void set_callbacks(struct making *m)
{
	struct rt_box_attr *box = &m->bundle.box;

	box->ctx = m;
	if (m->bundle.listener.sock >= 0 || has_hooks(m, RT_HOOK_PRESTART) || has_hooks(m, RT_HOOK_CREATE_RUNTIME))
		box->create_runtime = on_create_runtime;
	if (has_hooks(m, RT_HOOK_CREATE_CONTAINER))
		box->create_container = on_create_container;
	if (has_hooks(m, RT_HOOK_START_CONTAINER))
		box->start_container = on_start_container;
}

/* ---- the steps ---- */

static int check_terminal(const struct making *m, bool detach, struct err *err)
{
	bool terminal = m->bundle.config->process.attr.terminal;

	if (detach && terminal && !m->o->console_socket)
		return err_set(err, EINVAL,
			       "cannot allocate a terminal for a container in the background without --console-socket");
	if ((!detach || !terminal) && m->o->console_socket)
		return err_set(err, EINVAL,
			       "--console-socket is for a container with a terminal in the background only");
	return 0;
}

static int load(struct making *m, struct err *err)
{
	int r = oci_bundle_open(&m->bundle, m->o->bundle, m->o->config, err);

	if (r == 0)
		r = oci_bundle_check(&m->bundle, err);
	if (r == 0)
		r = check_terminal(m, !m->run || m->o->detach, err);
	for (size_t i = 0; r == 0 && i < m->bundle.config->n_warnings; i++)
		m->rt->warn(m->bundle.config->warnings[i]);
	return r;
}

static int hold_signals(struct making *m, struct err *err)
{
	if (!m->run || m->o->detach)
		return 0;
	return foreground_begin(&m->foreground, !m->o->no_subreaper, err);
}

static int claim(struct making *m, struct err *err)
{
	m->dir = oci_state_make(m->rt->root, m->o->id, err);
	return m->dir < 0 ? m->dir : 0;
}

/* Socket activation: the program counts from 3, and is told that it is meant by its own number, which is 1. */
static void make_env(struct making *m)
{
	mem_cleanup char *n = mem_printf("LISTEN_FDS=%u", m->o->listen_fds);
	char *const more[] = {n, (char *)"LISTEN_PID=1", NULL};

	m->env = oci_env_merge(m->bundle.config->process.env, m->o->listen_fds > 0 ? more : NULL);
}

/* The namespace that we made for it is the container's: its maps are ours already. */
static void use_our_users(struct rt_box_attr *box)
{
	box->ns[RT_NS_USER].wanted = false;
	box->n_uid_maps = box->n_gid_maps = 0;
}

static int prepare(struct making *m, struct err *err)
{
	int r = oci_bundle_prepare(&m->bundle, err);

	if (r < 0)
		return r;
	if (m->rt->inside && m->bundle.box.ns[RT_NS_USER].wanted && m->bundle.box.ns[RT_NS_USER].fd < 0)
		use_our_users(&m->bundle.box);
	oci_record_fill(&m->state, &m->bundle, m->o->id, oci_time_now(m->created));
	set_callbacks(m);
	make_env(m);
	m->bundle.box.keyring = !m->o->no_new_keyring;
	m->bundle.box.no_pivot = m->o->no_pivot;
	m->bundle.process.plain_newlines = !m->o->console_socket;
	m->bundle.process.preserve_fds = (int)(m->o->preserve_fds + m->o->listen_fds);
	return describe_to_listener(m, 0, err);
}

static int connect_sockets(struct making *m, struct err *err)
{
	if (m->o->console_socket) {
		m->console = oci_console_connect(m->o->console_socket, err);
		if (m->console < 0)
			return m->console;
	}
	if (m->o->pidfd_socket) {
		m->pidfd_sock = oci_console_connect(m->o->pidfd_socket, err);
		if (m->pidfd_sock < 0)
			return m->pidfd_sock;
	}
	return 0;
}

static int make_cgroup(struct making *m, struct err *err)
{
	const struct oci_config *c = m->bundle.config;
	int r;

	if (m->rt->no_cgroups)
		return 0;
	r = cgroup_box_make(c->cgroups_path, m->o->id, &c->resources, &m->cgroup, err);
	if (r < 0)
		return r;
	m->bundle.box.cgroup = m->cgroup;
	m->state.cgroup = cgroup_box_text(m->cgroup);
	return oci_record_delegate(&m->bundle, m->cgroup, err);
}

static int make_gate(struct making *m, struct err *err)
{
	if (m->run)
		return 0;
	m->bundle.box.gate = m->gate = oci_gate_make(m->dir, err);
	return m->gate < 0 ? m->gate : 0;
}

static int revive(struct making *m, struct err *err)
{
	const struct restore r = {.image = m->o->image,
				  .bundle = &m->bundle,
				  .cgroup = m->cgroup,
				  .dir = m->dir,
				  .ctx = m,
				  .create_runtime = on_create_runtime};
	int result = oci_revive(&r, &m->box, err);

	return result == 0 && m->console >= 0 && m->box.terminal_fd < 0
		   ? err_set(err, EINVAL, "there is no terminal in the image, which --console-socket could give away")
		   : result;
}

static int start(struct making *m, struct err *err)
{
	const struct oci_config *c = m->bundle.config;
	bool terminal = m->bundle.process.terminal;
	const struct rt_spec spec = {.id = "oci", /* the rule for names of our own containers is narrower */
				     .upper_fd = -1,
				     .work_fd = -1,
				     .root_fd = m->bundle.root,
				     .read_only = c->root_read_only,
				     .argv = c->process.args,
				     .env = m->env,
				     .cwd = c->process.cwd,
				     .hostname = c->hostname,
				     .stdin_fd = terminal ? -1 : STDIN_FILENO,
				     .stdout_fd = terminal ? -1 : STDOUT_FILENO,
				     .stderr_fd = terminal ? -1 : STDERR_FILENO,
				     .process = &m->bundle.process,
				     .box = &m->bundle.box};
	enum rt_fault fault;

	m->tried = true;
	if (m->o->image)
		return revive(m, err);
	m->bundle.box.listener_state = m->bundle.listener.text;
	return rt_start(&spec, &m->box, &fault, err);
}

static int give_away(struct making *m, struct err *err)
{
	int r = 0;

	if (m->console >= 0)
		r = oci_console_send(m->console, m->box.terminal_fd, err);
	if (r == 0 && m->pidfd_sock >= 0)
		r = oci_console_give(m->pidfd_sock, m->box.pidfd, "pidfd", err);
	if (r == 0 && m->o->pid_file)
		r = oci_pid_file(m->o->pid_file, m->box.pid, err);
	return r;
}

static int write_record(struct making *m, struct err *err)
{
	int r = oci_record_copies(m->dir, &m->bundle, err);

	m->state.pid = m->box.pid;
	m->state.start_time = m->box.start_time;
	m->state.creating = false;
	return r < 0 ? r : oci_state_write(m->dir, &m->state, err);
}

static int poststart(struct making *m, struct err *err)
{
	if (!m->run || m->o->image)
		return 0;
	return run_hooks(m, RT_HOOK_POSTSTART, OCI_RUNNING, m->box.pid, m->bundle.path, NULL, err);
}

static const struct {
	const char *what; /* for the timing */
	int (*run)(struct making *m, struct err *err);
} steps[] = {
    {"read the configuration", load},
    {"hold signals", hold_signals},
    {"claim the name", claim},
    {"prepare mounts and filter", prepare},
    {"connect the sockets", connect_sockets},
    {"make the cgroups", make_cgroup},
    {"make the gate", make_gate},
    {"end the start", start},
    {"write the record", write_record},
    {"give descriptors away", give_away},
    {"run the poststart hooks", poststart},
};

/* ---- the end of it ---- */

static void kill_first(struct making *m)
{
	if (m->box.pid <= 0)
		return;
	(void)proc_pidfd_signal(m->box.pidfd, SIGKILL);
	(void)waitpid(m->box.pid, NULL, 0);
}

/* What a container leaves when it has ended, in a foreground run or after a failure. */
static int clear_away(struct making *m, struct err *err)
{
	mem_cleanup char *json = NULL;
	int r = 0;

	if (m->cgroup) {
		(void)cgroup_box_signal(m->cgroup, SIGKILL, NULL);
		r = cgroup_box_remove(m->cgroup, err);
		timing_mark(TIMING_PARENT, "remove the cgroups");
	}
	if (m->tried && has_hooks(m, RT_HOOK_POSTSTOP)) {
		json = oci_state_json(&m->state, OCI_STOPPED, 0);
		rt_hooks_run_all(m->bundle.config->hooks, RT_HOOK_POSTSTOP,
				 &(struct rt_hook_call){.state = json, .cwd = m->bundle.path}, m->rt->warn);
	}
	if (r == 0)
		r = oci_state_remove(m->rt->root, m->o->id, err);
	timing_mark(TIMING_PARENT, "remove the state");
	return r;
}

static void undo(struct making *m)
{
	struct err err = ERR_INIT;

	kill_first(m);
	if (m->dir < 0)
		return;
	if (clear_away(m, &err) < 0)
		m->rt->warn(err.text);
}

static void release(struct making *m)
{
	fd_closep(&m->gate);
	fd_closep(&m->console);
	fd_closep(&m->pidfd_sock);
	fd_closep(&m->dir);
	fd_closep(&m->box.pidfd);
	fd_closep(&m->box.terminal_fd);
	m->cgroup = cgroup_box_free(m->cgroup);
	mem_strv_free(m->env);
	oci_bundle_close(&m->bundle);
	foreground_end(&m->foreground);
}

static void init(struct making *m, const struct oci_runtime *rt, const struct oci_request *o, bool run)
{
	*m = (struct making){.rt = rt,
			     .o = o,
			     .run = run,
			     .bundle = OCI_BUNDLE_NONE,
			     .dir = -1,
			     .gate = -1,
			     .console = -1,
			     .pidfd_sock = -1,
			     .foreground = FOREGROUND_NONE,
			     .box = {.pid = -1, .pidfd = -1, .status_fd = -1, .terminal_fd = -1}};
}

static int make(struct making *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && r == 0; i++) {
		r = steps[i].run(m, err);
		timing_mark(TIMING_PARENT, steps[i].what);
	}
	if (r < 0)
		undo(m);
	else
		oci_state_unlock(m->dir);
	return r;
}

int oci_create(const struct oci_runtime *rt, const struct oci_request *o, struct err *err)
{
	struct making m;
	int r;

	init(&m, rt, o, false);
	r = make(&m, err);
	release(&m);
	return r;
}

/* In the foreground: until the container has ended. Somebody else may delete it at the same time. */
static int attend(struct making *m, struct err *err)
{
	int status = foreground_wait(&m->foreground, m->box.pid, m->box.pidfd, m->box.terminal_fd, err);
	fd_cleanup int locked = -1;
	struct err why = ERR_INIT;

	timing_mark(TIMING_PARENT, "wait for the end");
	if (m->o->keep || status < 0)
		return status;
	locked = oci_state_open(m->rt->root, m->o->id, true, &why);
	if (locked >= 0 && clear_away(m, &why) < 0)
		m->rt->warn(why.text);
	return status;
}

int oci_run(const struct oci_runtime *rt, const struct oci_request *o, struct err *err)
{
	struct making m;
	int r;

	init(&m, rt, o, true);
	r = make(&m, err);
	if (r == 0 && !o->detach)
		r = attend(&m, err);
	release(&m);
	return r;
}

int oci_restore(const struct oci_runtime *rt, const struct oci_request *o, struct err *err)
{
	int r = criu_image_check(o->image, err);

	return r < 0 ? r : oci_run(rt, o, err);
}

int oci_pid_file(const char *path, pid_t pid, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(path);
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	fd_cleanup int dir = -1;
	char text[16];
	int r;

	if (slash)
		copy[slash == path ? 1 : slash - path] = '\0';
	dir = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "open the directory of the pid file \"%s\"", path);
	snprintf(text, sizeof text, "%d", (int)pid);
	r = fs_write_atomic(dir, name, text, strlen(text), 0644, false, err);
	if (r < 0)
		err_wrap(err, "pid file");
	return r;
}
