/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/kernel.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/engine/profile.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/names.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/seccomp_profile.h"

#include <ctype.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define BIT(cap) (1ull << (cap))
#define ALL_CAPS (~0ull)

/* ---- is it needed ---- */

static bool is_own(const struct spec_ns *ns)
{
	return ns->kind != SPEC_NS_HOST && ns->kind != SPEC_NS_CONTAINER;
}

static bool mounts_plain(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (m->propagation || !m->recursive || !m->read_only_recursive || m->options)
			return false;
	}
	return true;
}

static bool namespaces_plain(const struct spec *s)
{
	return is_own(&s->pid_mode) && is_own(&s->ipc_mode) && s->ipc_mode.kind != SPEC_NS_NONE &&
	       is_own(&s->network_mode) && is_own(&s->uts_mode) && is_own(&s->cgroupns_mode) && !s->domainname;
}

static bool rights_plain(const struct spec *s)
{
	return !s->privileged && !s->docker_caps && !s->cap_add && !s->cap_drop && s->no_new_privileges &&
	       !s->seccomp && !s->apparmor && !s->group_add && !s->masked_paths && !s->readonly_paths &&
	       !s->n_ulimits && s->oom_score_adj == SPEC_UNSET;
}

static bool limits_plain(const struct spec *s)
{
	const int64_t numbers[] = {s->cpu_shares,    s->cpu_period,	   s->cpu_quota,
				   s->cpu_rt_period, s->cpu_rt_runtime,	   s->memory_reservation,
				   s->memory_swap,   s->memory_swappiness, s->blkio_weight};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i] != SPEC_UNSET)
			return false;
	}
	return !s->cgroup_parent && !s->cpuset_cpus && !s->cpuset_mems && !s->oom_kill_disable &&
	       !s->blkio_weight_device.n && !s->blkio_read_bps.n && !s->blkio_write_bps.n && !s->blkio_read_iops.n &&
	       !s->blkio_write_iops.n;
}

bool kernel_needed(const struct order *o)
{
	const struct spec *s = &o->spec;

	return s->tty || o->hooks.n || !rights_plain(s) || !limits_plain(s) || !namespaces_plain(s) ||
	       !mounts_plain(s) || s->n_devices || s->device_cgroup_rules || s->n_sysctls || s->shm_size;
}

/* ---- capabilities ---- */

struct wish {
	bool all;
	uint64_t set;
};

static int read_caps(const char *what, char *const *names, struct wish *ret, struct err *err)
{
	for (; names && *names; names++) {
		int cap;

		if (!strcasecmp(*names, "ALL")) {
			ret->all = true;
			continue;
		}
		cap = names_cap(*names);
		if (cap < 0)
			return err_set(err, EINVAL, "%s: unknown capability \"%.100s\"", what, *names);
		ret->set |= BIT(cap);
	}
	return 0;
}

/* As Docker does it: ALL in the one list makes the other one the list of exceptions. */
int kernel_caps(const struct spec *s, uint64_t *ret, struct err *err)
{
	uint64_t caps = s->docker_caps ? RT_CAPS_DOCKER : RT_CAPS_DEFAULT;
	struct wish add = {.all = false}, drop = {.all = false};
	int r = read_caps("cap_add", s->cap_add, &add, err);

	if (r == 0)
		r = read_caps("cap_drop", s->cap_drop, &drop, err);
	if (r < 0)
		return r;
	if (s->privileged)
		caps = ALL_CAPS;
	else if (add.all)
		caps = ALL_CAPS & ~drop.set;
	else if (drop.all)
		caps = add.set;
	else
		caps = (caps & ~drop.set) | add.set;
	*ret = caps;
	return 0;
}

/* ---- the process ---- */

static bool is_word(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

static int make_filter(struct kernel_rights *k, const struct spec *s, uint64_t caps, struct err *err)
{
	int r;

	if (is_word(s->seccomp, "unconfined") || (s->privileged && !s->seccomp))
		return 0;
	if (!s->seccomp || !*s->seccomp || is_word(s->seccomp, "builtin") || is_word(s->seccomp, "default")) {
		seccomp_for_caps(caps, &k->filter);
	} else {
		r = profile_compile(s->seccomp, caps, &k->filter, err);
		if (r < 0)
			return err_wrap(err, "seccomp profile");
	}
	k->process.filter = &k->filter;
	return 0;
}

static int add_rlimit(struct kernel_rights *k, const struct spec_ulimit *u, struct err *err)
{
	char name[16] = "";
	int resource;

	for (size_t i = 0; u->name[i] && i + 1 < sizeof name; i++)
		name[i] = (char)toupper((unsigned char)u->name[i]);
	resource = names_rlimit(name);
	if (resource < 0)
		return err_set(err, EINVAL, "ulimits: \"%.40s\" is not a limit", u->name);
	k->rlimits[k->process.n_rlimits++] = (struct rt_rlimit){
	    .resource = resource,
	    .soft = u->soft < 0 ? RLIM_INFINITY : (uint64_t)u->soft,
	    .hard = u->hard < 0 ? RLIM_INFINITY : (uint64_t)u->hard,
	};
	return 0;
}

static int add_rlimits(struct kernel_rights *k, const struct spec *s, struct err *err)
{
	int r = 0;

	k->rlimits = mem_new_n(struct rt_rlimit, s->n_ulimits + 1);
	k->process.rlimits = k->rlimits;
	for (size_t i = 0; i < s->n_ulimits && r == 0; i++)
		r = add_rlimit(k, &s->ulimits[i], err);
	return r;
}

static void fill_process(const struct order *o, const struct kernel_exec *want, uint64_t caps,
			 struct rt_process_attr *ret)
{
	const struct spec *s = &o->spec;
	const char *user = want->user && *want->user ? want->user : o->user;

	*ret = (struct rt_process_attr){
	    .user = user ? user : "0",
	    .groups = s->group_add,
	    .caps = {.bounding = caps, .effective = caps, .permitted = caps},
	    .no_new_privs = s->no_new_privileges,
	    .apparmor = s->apparmor && !is_word(s->apparmor, "unconfined") ? s->apparmor : NULL,
	    .has_oom_score_adj = s->oom_score_adj != SPEC_UNSET,
	    .oom_score_adj = s->oom_score_adj != SPEC_UNSET ? (int)s->oom_score_adj : 0,
	    .terminal = want->tty,
	    .rows = want->rows,
	    .cols = want->cols,
	};
}

int kernel_rights_make(const struct order *o, const struct kernel_exec *want, struct kernel_rights *ret,
		       struct err *err)
{
	uint64_t caps;
	int r = kernel_caps(&o->spec, &caps, err);

	*ret = (struct kernel_rights){.rlimits = NULL};
	if (r < 0)
		return r;
	fill_process(o, want, want->privileged ? ALL_CAPS : caps, &ret->process);
	if (want->privileged)
		ret->process.apparmor = NULL;
	else
		r = make_filter(ret, &o->spec, caps, err);
	if (r == 0)
		r = add_rlimits(ret, &o->spec, err);
	if (r < 0)
		kernel_rights_free(ret);
	return r;
}

void kernel_rights_free(struct kernel_rights *r)
{
	seccomp_filter_free(&r->filter);
	free(r->rlimits);
	*r = (struct kernel_rights){.rlimits = NULL};
}

/* ---- the whole ---- */

/* What programs look for to know that they are in a container, and what older ones read instead of /proc/mounts. As Docker has them. */
static const struct rt_file small_files[] = {{"/.dockerenv", NULL}, {"/etc/mtab", "/proc/mounts"}};

static void make_box(struct kernel *k, const struct order *o)
{
	const struct spec *s = &o->spec;
	struct rt_box_attr *box = &k->box;

	for (int t = 0; t < RT_NS_TYPES; t++)
		box->ns[t] = (struct rt_namespace){.wanted = t != RT_NS_TIME && t != RT_NS_USER, .fd = -1};
	box->listener = box->gate = -1;
	box->keyring = box->tied = true;
	box->files = small_files;
	box->n_files = sizeof small_files / sizeof *small_files;
	box->init = !s->init_given || s->init;
	box->domainname = s->domainname && *s->domainname ? s->domainname : NULL;
	if (o->userns_base > 0) {
		k->users = (struct rt_id_map){.outside = (uint32_t)o->userns_base, .count = 65536};
		box->ns[RT_NS_USER].wanted = true;
		box->uid_maps = box->gid_maps = &k->users;
		box->n_uid_maps = box->n_gid_maps = 1;
	}
}

int kernel_make(const struct kernel_start *s, struct kernel **ret, struct err *err)
{
	const struct spec *spec = &s->order->spec;
	const struct kernel_exec own = {
	    .tty = spec->tty, .rows = (unsigned short)spec->rows, .cols = (unsigned short)spec->cols};
	struct kernel *k = mem_new(struct kernel);
	int r;

	k->shm = k->mqueue = -1;
	make_box(k, s->order);
	r = kernel_rights_make(s->order, &own, &k->rights, err);
	if (r == 0)
		r = kernel_namespaces(k, s, err);
	if (r == 0)
		r = kernel_sysctls(k, spec, err);
	if (r == 0)
		r = kernel_devices(k, spec, err);
	if (r == 0)
		r = kernel_mounts(k, s, err);
	if (r == 0)
		r = kernel_limits(k, s, err);
	if (r < 0)
		(void)kernel_free(k);
	else
		*ret = k;
	return r;
}

const char *kernel_text(struct kernel *k, char *text)
{
	mem_grow(&k->texts, &k->cap_texts, k->n_texts);
	k->texts[k->n_texts++] = text;
	return text;
}

struct kernel *kernel_free(struct kernel *k)
{
	if (!k)
		return NULL;
	for (int t = 0; t < RT_NS_TYPES; t++)
		fd_closep(&k->box.ns[t].fd);
	fd_closep(&k->shm);
	fd_closep(&k->mqueue);
	for (size_t i = 0; i < k->n_texts; i++)
		free(k->texts[i]);
	for (size_t i = 0; i < sizeof k->blkio / sizeof *k->blkio; i++)
		free(k->blkio[i]);
	kernel_rights_free(&k->rights);
	free(k->texts);
	free(k->mounts);
	free(k->devices);
	free(k->rules);
	free(k->sysctls);
	free(k);
	return NULL;
}
