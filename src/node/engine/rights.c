/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/rights.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/order.h"
#include "node/engine/spec.h"
#include "node/engine/volume.h"

#include <stddef.h>
#include <string.h>

/* ---- members ---- */

/* Docker's fourteen: what a container has when nobody asks for more. */
static const char *const usual_caps[] = {"CHOWN",   "DAC_OVERRIDE", "FSETID",	   "FOWNER",	      "MKNOD",
					 "NET_RAW", "SETGID",	    "SETUID",	   "SETFCAP",	      "SETPCAP",
					 "KILL",    "SYS_CHROOT",   "AUDIT_WRITE", "NET_BIND_SERVICE"};

static bool is_usual_cap(const char *name)
{
	if (!strncasecmp(name, "CAP_", 4))
		name += 4;
	for (size_t i = 0; i < sizeof usual_caps / sizeof *usual_caps; i++) {
		if (!strcasecmp(name, usual_caps[i]))
			return true;
	}
	return false;
}

static bool caps_open(const struct spec *s)
{
	for (char **c = s->cap_add; c && *c; c++) {
		if (!is_usual_cap(*c))
			return true;
	}
	return false;
}

static bool mounts_open(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (s->mounts[i].type == SPEC_BIND || yyjson_obj_size(s->mounts[i].driver_options) > 0)
			return true;
	}
	return false;
}

static bool privileged_opens(const struct spec *s)
{
	return s->privileged;
}

static bool seccomp_opens(const struct spec *s)
{
	return s->seccomp && strcmp(s->seccomp, "builtin") != 0;
}

static bool apparmor_opens(const struct spec *s)
{
	return s->apparmor != NULL;
}

static bool masks_open(const struct spec *s)
{
	return s->masked_paths != NULL;
}

static bool readonly_opens(const struct spec *s)
{
	return s->readonly_paths != NULL;
}

static bool devices_open(const struct spec *s)
{
	return s->n_devices > 0;
}

static bool device_rules_open(const struct spec *s)
{
	return s->device_cgroup_rules != NULL;
}

static bool spaces_open(const struct spec *s)
{
	return s->n_spaces > 0;
}

static bool parent_opens(const struct spec *s)
{
	return s->cgroup_parent != NULL;
}

static bool oom_score_opens(const struct spec *s)
{
	return s->oom_score_adj != SPEC_UNSET && s->oom_score_adj < 0;
}

static bool oom_opens(const struct spec *s)
{
	return s->oom_kill_disable;
}

static bool realtime_period_opens(const struct spec *s)
{
	return s->cpu_rt_period != SPEC_UNSET && s->cpu_rt_period > 0;
}

static bool realtime_opens(const struct spec *s)
{
	return s->cpu_rt_runtime != SPEC_UNSET && s->cpu_rt_runtime > 0;
}

#define HOST_MODE(member)                                                                                              \
	static bool member##_opens(const struct spec *s)                                                               \
	{                                                                                                              \
		return s->member.kind == SPEC_NS_HOST;                                                                 \
	}
HOST_MODE(pid_mode)
HOST_MODE(ipc_mode)
HOST_MODE(network_mode)
HOST_MODE(uts_mode)
HOST_MODE(userns_mode)
HOST_MODE(cgroupns_mode)

/* opens NULL: whatever it is, it is the container's own affair, or a limit. */
static const struct right {
	const char *member;
	bool (*opens)(const struct spec *s);
} rights[] = {
    {"mounts", mounts_open},
    {"spaces", spaces_open},
    {"privileged", privileged_opens},
    {"cap_add", caps_open},
    {"seccomp", seccomp_opens},
    {"apparmor", apparmor_opens},
    {"masked_paths", masks_open},
    {"readonly_paths", readonly_opens},
    {"devices", devices_open},
    {"device_cgroup_rules", device_rules_open},
    {"pid_mode", pid_mode_opens},
    {"ipc_mode", ipc_mode_opens},
    {"network_mode", network_mode_opens},
    {"uts_mode", uts_mode_opens},
    {"userns_mode", userns_mode_opens},
    {"cgroupns_mode", cgroupns_mode_opens},
    {"cgroup_parent", parent_opens},
    {"oom_score_adj", oom_score_opens},
    {"oom_kill_disable", oom_opens},
    {"cpu_realtime_period", realtime_period_opens},
    {"cpu_realtime_runtime", realtime_opens},
    {"image", NULL},
    {"name", NULL},
    {"key", NULL},
    {"job", NULL},
    {"task", NULL},
    {"index", NULL},
    {"epoch", NULL},
    {"remove", NULL},
    {"fenced", NULL},
    {"confined", NULL},
    {"entrypoint", NULL},
    {"command", NULL},
    {"environment", NULL},
    {"working_dir", NULL},
    {"user", NULL},
    {"hostname", NULL},
    {"domainname", NULL},
    {"read_only", NULL},
    {"userns", NULL},
    {"limit_cpu_milli", NULL},
    {"limit_memory", NULL},
    {"limit_pids", NULL},
    {"stop_signal", NULL},
    {"stop_grace_ms", NULL},
    {"stop_timeout", NULL},
    {"warn_signal", NULL},
    {"warn_after_ms", NULL},
    {"files", NULL},
    {"stage_in", NULL},
    {"stage_out", NULL},
    {"healthcheck", NULL},
    {"log", NULL},
    {"restart", NULL},
    {"tty", NULL},
    {"open_stdin", NULL},
    {"stdin_once", NULL},
    {"console_size", NULL},
    {"init", NULL},
    {"docker_caps", NULL},
    {"cap_drop", NULL},
    {"no_new_privileges", NULL},
    {"group_add", NULL},
    {"ulimits", NULL},
    {"sysctls", NULL}, /* only those of its namespaces are taken */
    {"shm_size", NULL},
    {"cpu_shares", NULL},
    {"cpu_period", NULL},
    {"cpu_quota", NULL},
    {"cpuset_cpus", NULL},
    {"cpuset_mems", NULL},
    {"memory_reservation", NULL},
    {"memory_swap", NULL},
    {"memory_swappiness", NULL},
    {"blkio_weight", NULL},
    {"blkio_weight_device", NULL},
    {"blkio_device_read_bps", NULL},
    {"blkio_device_write_bps", NULL},
    {"blkio_device_read_iops", NULL},
    {"blkio_device_write_iops", NULL},
    {"expose", NULL},
    {"extra_hosts", NULL},
    {"dns", NULL},
    {"dns_search", NULL},
    {"dns_options", NULL},
    {"networks", NULL},
    {"ports", NULL},
    {"labels", NULL},
    {"annotations", NULL},
    {"docker", NULL},
};
#define N_RIGHTS (sizeof rights / sizeof *rights)

const char *rights_opens(const struct spec *s)
{
	for (size_t i = 0; i < N_RIGHTS; i++) {
		if (rights[i].opens && rights[i].opens(s) && RT_GUARD(A1))
			return rights[i].member;
	}
	return NULL;
}

bool rights_knows(const char *member)
{
	for (size_t i = 0; i < N_RIGHTS; i++) {
		if (!strcmp(rights[i].member, member))
			return true;
	}
	return false;
}

/* ---- what it names ---- */

#define JOINS_MAX 4u

static int check_members(yyjson_val *spec, struct err *err)
{
	yyjson_obj_iter it = yyjson_obj_iter_with(spec);
	yyjson_val *key;

	while ((key = yyjson_obj_iter_next(&it))) {
		if (!rights_knows(yyjson_get_str(key)))
			return err_set(err, EPERM, "your role may not use \"%.100s\"", yyjson_get_str(key));
	}
	return 0;
}

/* A volume that somebody else made of a directory or device of this machine. */
static int check_volumes(struct engine *e, const struct spec *s, struct err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		cleanup_with(volume_freep) struct volume *v = NULL;

		if (s->mounts[i].type != SPEC_VOLUME || !s->mounts[i].source ||
		    engine_volume_find(e, s->mounts[i].source, &v, NULL) < 0)
			continue;
		if (v->options && RT_GUARD(A1))
			return err_set(err, EPERM,
				       "your role may not use the volume \"%s\", which was made with options", v->name);
	}
	return 0;
}

static int check_container(struct engine *e, const struct engine_container *c, unsigned joins, struct err *err);

/* What a container has joined may have joined another one. c: whose spec it is; NULL: nobody's yet. joins: how many may still come. */
static int check_joined(struct engine *e, const struct spec *s, const struct engine_container *c, unsigned joins,
			struct err *err)
{
	const struct spec_ns *const all[] = {&s->pid_mode, &s->ipc_mode, &s->network_mode};
	int r = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all && r == 0; i++) {
		const struct engine_container *other;

		if (all[i]->kind != SPEC_NS_CONTAINER || !RT_GUARD(A1))
			continue;
		if (joins == 0)
			return err_set(err, EPERM,
				       "your role may not use more than %u containers that join one another",
				       JOINS_MAX);
		/* What else it says is looked up elsewhere, where names are none. */
		if (strlen(all[i]->name) != sizeof other->id - 1)
			return err_set(err, EPERM,
				       "your role names a container to join by its whole id, not \"%.100s\"",
				       all[i]->name);
		r = engine_find(e, all[i]->name, &other, err);
		if (r == 0)
			r = check_container(e, other, joins - 1, err);
		else if (c && c->started_ms && !c->ended_ms)
			r = err_set(err, EPERM,
				    "your role may not use the container %s, which has joined one that has gone",
				    c->name);
		else if (c)
			r = 0;
	}
	return r;
}

static int check_spec(const struct spec *s, struct err *err)
{
	const char *member = rights_opens(s);

	return member ? err_set(err, EPERM, "your role may not use \"%s\" like that: it would open the machine", member)
		      : 0;
}

/* members: those of the spec itself, too. */
static int check_all(struct engine *e, yyjson_val *spec, bool members, struct err *err)
{
	json_doc_cleanup yyjson_doc *completed = NULL;
	struct spec s;
	int r;

	volume_complete(spec, &completed);
	if (completed)
		spec = yyjson_doc_get_root(completed);
	r = spec_parse(spec, &s, err);
	if (r == 0 && members)
		r = check_members(spec, err);
	if (r == 0 && members)
		r = check_spec(&s, err);
	if (r == 0)
		r = check_volumes(e, &s, err);
	if (r == 0)
		r = check_joined(e, &s, NULL, JOINS_MAX, err);
	spec_free(&s);
	return r;
}

int rights_check(struct engine *e, yyjson_val *spec, struct err *err)
{
	return check_all(e, spec, true, err);
}

int rights_check_named(struct engine *e, yyjson_val *spec, struct err *err)
{
	return check_all(e, spec, false, err);
}

static int check_container(struct engine *e, const struct engine_container *c, unsigned joins, struct err *err)
{
	struct order o = {.doc = NULL};
	fd_cleanup int dir = container_dir((const struct container *)c, err);
	int r = dir < 0 ? dir : order_read(dir, &o, err);

	if (r == 0 && rights_opens(&o.spec) && RT_GUARD(A1))
		r = err_set(err, EPERM, "your role may not use the container %s, which opens the machine", c->name);
	if (r == 0)
		r = check_volumes(e, &o.spec, err);
	if (r == 0)
		r = check_joined(e, &o.spec, c, joins, err);
	order_free(&o);
	return r;
}

int rights_check_container(struct engine *e, const char *id, struct err *err)
{
	const struct engine_container *c;
	int r = engine_find(e, id, &c, err);

	return r < 0 ? r : check_container(e, c, JOINS_MAX, err);
}
