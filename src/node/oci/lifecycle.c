/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/lifecycle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/oci/config.h"
#include "node/oci/gate.h"
#include "node/runtime/hook.h"
#include "node/oci/record.h"
#include "node/runtime/cgroup_box.h"

#include <signal.h>
#include <string.h>

/* How long a killed process may take to end: what it waits for in the kernel (a disk, a dead network file system) is not ours to hurry. */
#define KILL_WAIT_MS 10000

static enum oci_status status_of(const struct oci_container *c)
{
	if (c->box.pidfd < 0)
		return OCI_STOPPED;
	if (c->state->creating)
		return OCI_CREATING;
	if (c->cgroup && cgroup_box_frozen(c->cgroup) == 1)
		return OCI_PAUSED;
	return oci_gate_there(c->dir) ? OCI_CREATED : OCI_RUNNING;
}

static int open_parts(struct oci_container *c, struct err *err)
{
	struct err why = ERR_INIT;
	int r = rt_open(c->state->pid, c->state->start_time, &c->box, &why);

	if (r < 0 && r != -ESRCH)
		return err_set(err, -r, "%s", why.text);
	return c->state->cgroup[0] ? cgroup_box_open(c->state->cgroup, &c->cgroup, err) : 0;
}

int oci_open(const struct oci_runtime *rt, const char *id, bool lock, struct oci_container *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	ret->dir = oci_state_open(rt->root, id, lock, err);
	if (ret->dir < 0)
		return ret->dir;
	r = oci_state_read(ret->dir, &ret->state, &why);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "container \"%s\" does not exist (its making was interrupted)", id);
	if (r < 0)
		return err_set(err, -r, "container \"%s\": %s", id, why.text);
	r = open_parts(ret, err);
	if (r < 0)
		return err_wrap(err, "container \"%s\"", id);
	ret->status = status_of(ret);
	return 0;
}

void oci_close(struct oci_container *c)
{
	if (c->dir >= 0)
		oci_state_unlock(c->dir);
	fd_closep(&c->dir);
	fd_closep(&c->box.pidfd);
	c->cgroup = cgroup_box_free(c->cgroup);
	c->state = oci_state_free(c->state);
}

int oci_cgroups(const struct oci_container *c, struct err *err)
{
	return c->cgroup ? 0 : err_set(err, ENOTSUP, "container \"%s\" has no cgroups", c->state->id);
}

/* ---- start ---- */

static int may_start(const struct oci_container *c, struct err *err)
{
	static const char *const refusals[] = {
	    [OCI_CREATING] = "cannot start a container that is still being created",
	    [OCI_RUNNING] = "cannot start an already running container",
	    [OCI_PAUSED] = "cannot start a container in the paused state",
	    [OCI_STOPPED] = "cannot start a container that has stopped",
	};
	const char *why = c->status == OCI_CREATED ? NULL : refusals[c->status];

	return why ? err_set(err, EBUSY, "%s: \"%s\"", why, c->state->id) : 0;
}

static int delete_open(const struct oci_runtime *rt, struct oci_container *c, bool force, struct err *err);

/* The container ends and is destroyed when one of them fails (runtime.md of 1.3, "Lifecycle", steps 9 and 12). */
static int run_poststart(const struct oci_runtime *rt, struct oci_container *c, struct err *err)
{
	struct oci_config *config = NULL;
	mem_cleanup char *json = NULL;
	int r = oci_record_config(c->dir, &config, err);

	if (r == 0 && config->hooks[RT_HOOK_POSTSTART].n > 0) {
		json = oci_state_json(c->state, OCI_RUNNING, c->state->pid);
		r = rt_hooks_run(config->hooks, RT_HOOK_POSTSTART,
				 &(struct rt_hook_call){.state = json, .cwd = c->state->bundle}, err);
	}
	oci_config_free(config);
	if (r < 0 && delete_open(rt, c, true, NULL) < 0)
		rt->warn("the container could not be deleted after its poststart hook failed");
	return r;
}

static int let_go(const struct oci_runtime *rt, struct oci_container *c, struct err *err)
{
	fd_cleanup int sock = -1;
	enum rt_fault fault;
	int r = may_start(c, err);

	if (r < 0)
		return r;
	sock = oci_gate_open(c->dir, err);
	if (sock < 0)
		return sock;
	r = rt_release(sock, &fault, err);
	if (r == 0 && proc_execed(c->box.pid) == 0)
		r = err_set(err, ECANCELED, "the first process of container \"%s\" was killed before its program ran",
			    c->state->id);
	oci_gate_remove(c->dir);
	return r < 0 || !c->state->poststart ? r : run_poststart(rt, c, err);
}

int oci_start(const struct oci_runtime *rt, const char *id, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	int r = oci_open(rt, id, true, &c, err);

	if (r == 0)
		r = let_go(rt, &c, err);
	oci_close(&c);
	return r;
}

/* ---- kill ---- */

static int not_running(const struct oci_container *c, struct err *err)
{
	return err_set(err, ESRCH, "container not running: \"%s\"", c->state->id);
}

/* A paused process gets its SIGKILL when it runs again, on version 1. */
static int send_signal(struct oci_container *c, int signal, bool all, struct err *err)
{
	int r;

	if (c->cgroup && (all || (signal == SIGKILL && c->state->shared_pid)))
		return cgroup_box_signal(c->cgroup, signal, err);
	if (c->status == OCI_STOPPED)
		return all ? 0 : not_running(c, err);
	r = proc_pidfd_signal(c->box.pidfd, signal);
	if (r == -ESRCH)
		return not_running(c, err);
	if (r < 0)
		return err_sys(err, -r, "send signal %d to container \"%s\"", signal, c->state->id);
	if (signal == SIGKILL && c->status == OCI_PAUSED)
		return cgroup_box_freeze(c->cgroup, false, err);
	return 0;
}

int oci_kill(const struct oci_runtime *rt, const char *id, int signal, bool all, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	int r = oci_open(rt, id, false, &c, err);

	if (r == 0)
		r = send_signal(&c, signal, all, err);
	oci_close(&c);
	return r;
}

/* ---- delete ---- */

static int end_all(struct oci_container *c, struct err *err)
{
	int r = 0;

	if (c->box.pidfd >= 0)
		(void)proc_pidfd_signal(c->box.pidfd, SIGKILL);
	if (c->cgroup)
		r = cgroup_box_signal(c->cgroup, SIGKILL, err);
	if (r == 0 && c->status == OCI_PAUSED)
		r = cgroup_box_freeze(c->cgroup, false, err);
	if (r < 0 || c->box.pidfd < 0)
		return r;
	r = proc_pidfd_wait(c->box.pidfd, KILL_WAIT_MS);
	if (r == 0)
		return err_set(err, EBUSY, "the first process of container \"%s\" does not end", c->state->id);
	return r < 0 ? err_sys(err, -r, "wait for container \"%s\"", c->state->id) : 0;
}

static void run_poststop(const struct oci_runtime *rt, const struct oci_container *c)
{
	struct oci_config *config = NULL;
	struct err err = ERR_INIT;
	mem_cleanup char *json = oci_state_json(c->state, OCI_STOPPED, 0);

	if (oci_record_config(c->dir, &config, &err) < 0)
		rt->warn(err.text);
	else
		rt_hooks_run_all(config->hooks, RT_HOOK_POSTSTOP,
				 &(struct rt_hook_call){.state = json, .cwd = c->state->bundle}, rt->warn);
	oci_config_free(config);
}

static int delete_open(const struct oci_runtime *rt, struct oci_container *c, bool force, struct err *err)
{
	int r = 0;

	if (!force && c->status != OCI_STOPPED && c->status != OCI_CREATED)
		return err_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", c->state->id,
			       oci_status_names[c->status]);
	if (force || c->status == OCI_CREATED)
		r = end_all(c, err);
	/* Without a pid namespace of its own the end of the first process ends no other. */
	else if (c->state->shared_pid && c->cgroup)
		r = cgroup_box_signal(c->cgroup, SIGKILL, err);
	if (r == 0 && c->cgroup)
		r = cgroup_box_remove(c->cgroup, err);
	if (r < 0)
		return r;
	if (c->state->poststop)
		run_poststop(rt, c);
	return oci_state_remove(rt->root, c->state->id, err);
}

int oci_delete(const struct oci_runtime *rt, const char *id, bool force, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	struct err why = ERR_INIT;
	int r = oci_open(rt, id, true, &c, &why);

	if (r == 0) {
		r = delete_open(rt, &c, force, err);
	} else {
		/* A husk, of somebody who was killed while he made it. */
		if (r == -ENOENT && c.dir >= 0 && oci_state_remove(rt->root, id, err) < 0)
			rt->warn("what an interrupted start left could not be removed");
		r = r == -ENOENT && force ? 0 : err_set(err, -r, "%s", why.text);
	}
	oci_close(&c);
	return r;
}

/* ---- pause and resume ---- */

static int freeze(const struct oci_runtime *rt, const char *id, bool on, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	int r = oci_open(rt, id, true, &c, err);

	if (r == 0 && on && c.status != OCI_RUNNING && c.status != OCI_CREATED)
		r = c.status == OCI_STOPPED
			? not_running(&c, err)
			: err_set(err, EBUSY, "container \"%s\" is %s", id, oci_status_names[c.status]);
	else if (r == 0 && !on && c.status != OCI_PAUSED)
		r = err_set(err, EBUSY, "container not paused: \"%s\"", id);
	if (r == 0)
		r = oci_cgroups(&c, err);
	if (r == 0)
		r = cgroup_box_freeze(c.cgroup, on, err);
	oci_close(&c);
	return r;
}

int oci_pause(const struct oci_runtime *rt, const char *id, struct err *err)
{
	return freeze(rt, id, true, err);
}

int oci_resume(const struct oci_runtime *rt, const char *id, struct err *err)
{
	return freeze(rt, id, false, err);
}

int oci_update(const struct oci_runtime *rt, const char *id, const struct rt_resources *resources, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	struct rt_resources wanted = *resources;
	int r = oci_open(rt, id, true, &c, err);

	wanted.devices = NULL;
	wanted.n_devices = 0;
	if (r == 0 && c.status == OCI_STOPPED)
		r = not_running(&c, err);
	if (r == 0)
		r = oci_cgroups(&c, err);
	if (r == 0)
		r = cgroup_box_apply(c.cgroup, &wanted, err);
	oci_close(&c);
	return r;
}
