/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/process.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/oci/config.h"
#include "node/oci/console.h"
#include "node/oci/env.h"
#include "node/oci/foreground.h"
#include "node/oci/lifecycle.h"
#include "node/oci/listener.h"
#include "node/oci/record.h"
#include "node/runtime/names.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct executing {
	const struct oci_exec *o;
	struct oci_container c;
	struct oci_config *config; /* of the container */
	struct oci_config *given;  /* of the process file, or NULL */
	const struct oci_process *process;
	struct rt_process_attr attr;
	char *const *args, *const *env;
	char **more_env;
	gid_t *gids;
	struct rt_filter filter;
	struct listener listener;
	struct foreground foreground;
	int console, pidfd_sock, terminal, pidfd;
	const char *cgroup;
	pid_t pid;
};

/* ---- what is asked for ---- */

static int parse_id(const char *text, size_t n, const char *what, unsigned *ret, struct err *err)
{
	uint64_t value = 0;

	if (n == 0 || n > 10 || strspn(text, "0123456789") < n)
		return err_set(err, EINVAL, "%s \"%.*s\" is not a number", what, (int)n, text);
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (value >= UINT32_MAX)
		return err_set(err, EINVAL, "%s \"%.*s\" is out of range", what, (int)n, text);
	*ret = (unsigned)value;
	return 0;
}

int oci_user_parse(const char *text, uid_t *uid, gid_t *gid, struct err *err)
{
	size_t n = strcspn(text, ":");
	unsigned u = *uid, g = *gid;
	int r = parse_id(text, n, "user", &u, err);

	if (r == 0 && text[n] == ':')
		r = parse_id(text + n + 1, strlen(text + n + 1), "group", &g, err);
	if (r < 0)
		return r;
	*uid = u;
	*gid = g;
	return 0;
}

int oci_cgroup_parse(char *const *args, const char **ret, struct err *err)
{
	const char *found = NULL;

	for (; args && *args; args++) {
		const char *colon = strchr(*args, ':'), *path = colon ? colon + 1 : *args;

		if (colon == *args)
			return err_set(err, EINVAL, "--cgroup \"%s\": a controller is missing before \":\"", *args);
		if (found && strcmp(found, path) != 0)
			return err_set(err, ENOTSUP,
				       "--cgroup: \"%s\" and \"%s\": one cgroup for all controllers is possible", found,
				       path);
		found = path;
	}
	*ret = found ? found : "";
	return 0;
}

static int read_process(struct executing *e, struct err *err)
{
	fd_cleanup int fd = open(e->o->process, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fd < 0 ? -errno : fd_read_all(fd, OCI_CONFIG_MAX, &text, &n);

	if (r < 0)
		return err_sys(err, -r, "read the process \"%s\"", e->o->process);
	r = oci_config_parse_process(text, n, &e->given, err);
	if (r < 0)
		return err_wrap(err, "\"%s\"", e->o->process);
	e->process = &e->given->process;
	e->attr = e->process->attr;
	/* What confines the container confines a process that says nothing about it. */
	if (!e->attr.apparmor)
		e->attr.apparmor = e->config->process.attr.apparmor;
	if (!e->attr.selinux)
		e->attr.selinux = e->config->process.attr.selinux;
	return 0;
}

static int add_caps(struct rt_caps *caps, char *const *names, struct err *err)
{
	for (; names && *names; names++) {
		int number = names_cap(*names);
		uint64_t bit = number < 0 ? 0 : UINT64_C(1) << number;

		if (number < 0)
			return err_set(err, EINVAL, "--cap: \"%s\" is not a capability", *names);
		caps->bounding |= bit;
		caps->effective |= bit;
		caps->permitted |= bit;
		/* An ambient capability has to be an inheritable one. */
		caps->ambient |= bit & caps->inheritable;
	}
	return 0;
}

static int add_gids(struct executing *e, char *const *texts, struct err *err)
{
	size_t n = mem_strv_len(texts);

	if (n == 0)
		return 0;
	e->gids = mem_new_n(gid_t, e->attr.n_gids + n);
	if (e->attr.n_gids > 0)
		memcpy(e->gids, e->attr.gids, e->attr.n_gids * sizeof *e->gids);
	for (; *texts; texts++) {
		int r = parse_id(*texts, strlen(*texts), "--additional-gids", &e->gids[e->attr.n_gids], err);

		if (r < 0)
			return r;
		e->attr.n_gids++;
	}
	e->attr.gids = e->gids;
	return 0;
}

/* The container's own process, changed by options. */
static int change_process(struct executing *e, struct err *err)
{
	const struct oci_exec *o = e->o;
	int r;

	e->process = &e->config->process;
	e->attr = e->process->attr;
	e->attr.terminal = false;
	e->attr.no_new_privs = e->attr.no_new_privs || o->no_new_privs;
	e->attr.selinux = o->selinux ? o->selinux : e->attr.selinux;
	e->attr.apparmor = o->apparmor ? o->apparmor : e->attr.apparmor;
	r = o->user ? oci_user_parse(o->user, &e->attr.uid, &e->attr.gid, err) : 0;
	if (r == 0)
		r = add_caps(&e->attr.caps, o->caps, err);
	return r < 0 ? r : add_gids(e, o->gids, err);
}

static int check(const struct executing *e, struct err *err)
{
	bool terminal = e->attr.terminal, detach = e->o->detach;

	if (!e->args || !e->args[0])
		return err_set(err, EINVAL, "exec args cannot be empty");
	if (detach && terminal && !e->o->console_socket)
		return err_set(err, EINVAL,
			       "cannot allocate a terminal for a process in the background without --console-socket");
	if ((!detach || !terminal) && e->o->console_socket)
		return err_set(err, EINVAL, "--console-socket is for a process with a terminal in the background only");
	return 0;
}

static int load(struct executing *e, struct err *err)
{
	int r = oci_record_config(e->c.dir, &e->config, err);

	if (r == 0)
		r = e->o->process ? read_process(e, err) : change_process(e, err);
	if (r < 0)
		return r;
	e->args = e->o->process ? e->process->args : e->o->args;
	e->more_env = oci_env_merge(e->process->env, e->o->env);
	e->env = e->more_env;
	e->attr.terminal = e->attr.terminal || e->o->tty;
	e->attr.plain_newlines = !e->o->console_socket;
	e->attr.preserve_fds = (int)e->o->preserve_fds;
	return check(e, err);
}

/* ---- the steps ---- */

static int may_exec(struct executing *e, struct err *err)
{
	switch (e->c.status) {
	case OCI_STOPPED:
		return err_set(err, ESRCH, "cannot exec in a stopped container");
	case OCI_CREATING:
		return err_set(err, EBUSY, "cannot exec in a container that is still being created");
	case OCI_PAUSED:
		if (!e->o->ignore_paused)
			return err_set(err, EBUSY,
				       "cannot exec in a paused container (use --ignore-paused to override)");
		return 0;
	default:
		return 0;
	}
}

static int load_filter(struct executing *e, struct err *err)
{
	mem_cleanup char *json = NULL;
	bool there;
	int r = oci_record_filter(e->c.dir, &e->filter, &there, err);

	if (r < 0 || !there)
		return r;
	e->attr.filter = &e->filter;
	if (!e->filter.notify)
		return 0;
	r = listener_open(e->config->seccomp, &e->listener, err);
	if (r < 0)
		return r;
	json = oci_state_json(e->c.state, e->c.status, e->c.state->pid);
	return listener_describe(&e->listener, e->config->seccomp, e->config->version, 0, json, err);
}

static int connect_sockets(struct executing *e, struct err *err)
{
	int r = oci_cgroup_parse(e->o->cgroups, &e->cgroup, err);

	if (r == 0 && e->o->console_socket)
		r = e->console = oci_console_connect(e->o->console_socket, err);
	if (r >= 0 && e->o->pidfd_socket)
		r = e->pidfd_sock = oci_console_connect(e->o->pidfd_socket, err);
	if (r >= 0 && !e->o->detach)
		r = foreground_begin(&e->foreground, false, err);
	return r < 0 ? r : 0;
}

static int start(struct executing *e, struct err *err)
{
	int std[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, r;
	enum rt_fault fault;
	struct rt_exec_spec spec = {.argv = e->args,
				    .env = e->env,
				    .cwd = e->o->cwd && !e->o->process ? e->o->cwd : e->process->cwd,
				    .process = &e->attr,
				    .cgroup = e->c.cgroup,
				    .cgroup_sub = e->cgroup,
				    .ret_terminal = &e->terminal,
				    .listener = e->listener.sock,
				    .listener_state = e->listener.text};

	for (int i = 0; e->attr.terminal && i < 3; i++)
		std[i] = -1;
	spec.stdin_fd = std[0];
	spec.stdout_fd = std[1];
	spec.stderr_fd = std[2];
	r = e->pidfd = rt_exec(&e->c.box, &spec, &e->pid, &fault, err);
	return r < 0 ? r : 0;
}

static int give_away(struct executing *e, struct err *err)
{
	int r = 0;

	if (e->console >= 0)
		r = oci_console_send(e->console, e->terminal, err);
	if (r == 0 && e->pidfd_sock >= 0)
		r = oci_console_give(e->pidfd_sock, e->pidfd, "pidfd", err);
	if (r == 0 && e->o->pid_file)
		r = oci_pid_file(e->o->pid_file, e->pid, err);
	return r;
}

static const struct {
	const char *what; /* for the timing */
	int (*run)(struct executing *e, struct err *err);
} steps[] = {
    {"look at the container's state", may_exec}, {"read the configuration", load}, {"read the filter", load_filter},
    {"connect the sockets", connect_sockets},	 {"end the start", start},	   {"give descriptors away", give_away},
};

/* Whoever asked for it never learned of it. */
static void kill_started(const struct executing *e)
{
	if (e->pid <= 0)
		return;
	(void)proc_pidfd_signal(e->pidfd, SIGKILL);
	(void)waitpid(e->pid, NULL, 0);
}

static void release(struct executing *e)
{
	foreground_end(&e->foreground);
	fd_closep(&e->console);
	fd_closep(&e->pidfd_sock);
	fd_closep(&e->terminal);
	fd_closep(&e->pidfd);
	listener_close(&e->listener);
	seccomp_filter_free(&e->filter);
	mem_strv_free(e->more_env);
	free(e->gids);
	oci_config_free(e->given);
	oci_config_free(e->config);
	oci_close(&e->c);
}

int oci_exec(const struct oci_runtime *rt, const struct oci_exec *o, struct err *err)
{
	struct executing e = {.o = o,
			      .c = OCI_CONTAINER_NONE,
			      .listener = LISTENER_NONE,
			      .foreground = FOREGROUND_NONE,
			      .console = -1,
			      .pidfd_sock = -1,
			      .terminal = -1,
			      .pidfd = -1};
	int r = oci_open(rt, o->id, false, &e.c, err);

	timing_mark(TIMING_PARENT, "find the container");
	for (size_t i = 0; i < sizeof steps / sizeof *steps && r == 0; i++) {
		r = steps[i].run(&e, err);
		timing_mark(TIMING_PARENT, steps[i].what);
	}
	if (r < 0)
		kill_started(&e);
	else if (!o->detach)
		r = foreground_wait(&e.foreground, e.pid, e.pidfd, e.terminal, err);
	timing_mark(TIMING_PARENT, "wait for the end");
	release(&e);
	return r;
}

int oci_pids(const struct oci_runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	int r = oci_open(rt, id, false, &c, err);

	if (r == 0)
		r = oci_cgroups(&c, err);
	if (r == 0)
		r = cgroup_box_pids(c.cgroup, ret, ret_n, err);
	oci_close(&c);
	return r;
}
