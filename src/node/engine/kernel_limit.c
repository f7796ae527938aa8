/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/kernel.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_box.h"

#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define TEXT_MAX (1u << 20)
#define PERIOD 100000

static int64_t given(int64_t value)
{
	return value == SPEC_UNSET || value == 0 ? RT_UNSET : value;
}

static void add_cpu(const struct spec *s, struct rt_resources *r)
{
	r->cpu_shares = given(s->cpu_shares);
	r->cpu_period = given(s->cpu_period);
	r->cpu_quota = given(s->cpu_quota);
	r->cpu_rt_period = given(s->cpu_rt_period);
	r->cpu_rt_runtime = given(s->cpu_rt_runtime);
	r->cpus = s->cpuset_cpus;
	r->mems = s->cpuset_mems;
	if (s->limit_cpu_milli) {
		r->cpu_period = PERIOD;
		r->cpu_quota = s->limit_cpu_milli * (PERIOD / 1000);
	}
}

static void add_memory(const struct spec *s, struct rt_resources *r)
{
	r->memory = given(s->limit_memory);
	r->memory_reservation = given(s->memory_reservation);
	r->memory_swap = given(s->memory_swap);
	r->memory_swappiness =
	    s->memory_swappiness == SPEC_UNSET || s->memory_swappiness < 0 ? RT_UNSET : s->memory_swappiness;
	r->memory_disable_oom = s->oom_kill_disable ? 1 : RT_UNSET;
}

static int add_blkio(struct kernel *k, size_t slot, const char *what, const struct spec_blkio_list *l,
		     struct rt_blkio_list *ret, struct err *err)
{
	struct rt_blkio_device *v = k->blkio[slot] = mem_new_n(struct rt_blkio_device, l->n + 1);

	for (size_t i = 0; i < l->n; i++) {
		struct stat st;

		if (stat(l->v[i].path, &st) < 0)
			return err_sys(err, errno, "%s: \"%.200s\"", what, l->v[i].path);
		if (!S_ISBLK(st.st_mode))
			return err_set(err, EINVAL, "%s: \"%.200s\" is not a block device", what, l->v[i].path);
		v[i] = (struct rt_blkio_device){.major = major(st.st_rdev),
						.minor = minor(st.st_rdev),
						.weight = l->v[i].weight ? l->v[i].weight : RT_UNSET,
						.leaf_weight = RT_UNSET,
						.rate = (uint64_t)l->v[i].rate};
	}
	*ret = (struct rt_blkio_list){v, l->n};
	return 0;
}

static int add_io(struct kernel *k, const struct spec *s, struct rt_resources *r, struct err *err)
{
	const struct {
		const char *what;
		const struct spec_blkio_list *from;
		struct rt_blkio_list *to;
	} lists[] = {{"blkio_weight_device", &s->blkio_weight_device, &r->blkio_weights},
		     {"blkio_device_read_bps", &s->blkio_read_bps, &r->read_bps},
		     {"blkio_device_write_bps", &s->blkio_write_bps, &r->write_bps},
		     {"blkio_device_read_iops", &s->blkio_read_iops, &r->read_iops},
		     {"blkio_device_write_iops", &s->blkio_write_iops, &r->write_iops}};
	int result = 0;

	r->blkio_weight = given(s->blkio_weight);
	for (size_t i = 0; i < sizeof lists / sizeof *lists && result == 0; i++)
		result = lists[i].from->n ? add_blkio(k, i, lists[i].what, lists[i].from, lists[i].to, err) : 0;
	return result;
}

/* Below the cgroup that our own process may use; a parent that begins with '/' stands below the top of each hierarchy. */
static char *place_of(const struct order *o)
{
	const char *parent = o->spec.cgroup_parent;

	return parent && *parent ? mem_printf("%s/berth-%s", parent, o->id) : mem_printf("berth-%s", o->id);
}

/* Written down before they are made: whoever finds the container without its monitor finds them. */
static int note(const struct kernel_start *s, const char *place, struct err *err)
{
	mem_cleanup char *text = NULL;
	int r = cgroup_box_plan(place, s->order->id, &text, err);

	return r < 0 ? r : fs_write_atomic(s->dir, KERNEL_CGROUPS, text, strlen(text), 0600, false, err);
}

/* Nobody asked for it: left out where it cannot be had. */
static int limit_pids(const struct kernel *k, const struct kernel_start *s, struct err *err)
{
	const struct spec *spec = &s->order->spec;
	struct rt_resources res = RT_RESOURCES_INIT;
	struct err why = ERR_INIT;
	int r;

	if (!s->limit_pids || !spec->pids_by_default)
		return 0;
	res.pids = spec->limit_pids + (k->box.init ? 1 : 0);
	r = cgroup_box_apply(k->cgroups, &res, &why);
	return r < 0 && r != -ENOTSUP ? err_set(err, -r, "%s", why.text) : 0;
}

int64_t kernel_usual_swap(const struct spec *s)
{
	return s->docker_caps && s->limit_memory < INT64_MAX / 2 ? 2 * s->limit_memory : s->limit_memory;
}

/* Where the machine does not count swap, neither. */
static int limit_swap(const struct kernel *k, const struct spec *s, struct err *err)
{
	struct rt_resources res = RT_RESOURCES_INIT;
	struct err why = ERR_INIT;
	int r;

	if (!s->limit_memory || given(s->memory_swap) != RT_UNSET)
		return 0;
	res.memory = s->limit_memory;
	res.memory_swap = kernel_usual_swap(s);
	r = cgroup_box_apply(k->cgroups, &res, &why);
	return r < 0 && r != -ENOTSUP ? err_set(err, -r, "%s", why.text) : 0;
}

int kernel_limits(struct kernel *k, const struct kernel_start *s, struct err *err)
{
	mem_cleanup char *place = place_of(s->order);
	const struct spec *spec = &s->order->spec;
	struct rt_resources res = RT_RESOURCES_INIT;
	int r;

	add_cpu(spec, &res);
	add_memory(spec, &res);
	if (s->limit_pids && !spec->pids_by_default)
		res.pids = spec->limit_pids + (k->box.init ? 1 : 0);
	res.devices = k->rules;
	res.n_devices = k->n_rules;
	r = add_io(k, spec, &res, err);
	if (r == 0)
		r = note(s, place, err);
	if (r == 0)
		r = cgroup_box_make(place, s->order->id, &res, &k->cgroups, err);
	if (r == 0) {
		k->box.cgroup = k->cgroups;
		r = limit_pids(k, s, err);
		if (r == 0)
			r = limit_swap(k, spec, err);
		if (r < 0)
			kernel_undo(k);
	}
	return r < 0 ? err_wrap(err, "limits") : 0;
}

void kernel_undo(struct kernel *k)
{
	if (!k || !k->cgroups)
		return;
	(void)cgroup_box_signal(k->cgroups, SIGKILL, NULL);
	(void)cgroup_box_remove(k->cgroups, NULL);
	k->cgroups = cgroup_box_free(k->cgroups);
}

int kernel_cgroups(int dir, struct cgroup_box **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = fs_read(dir, KERNEL_CGROUPS, TEXT_MAX, &text, &n, err);

	return r < 0 ? r : cgroup_box_open(text, ret, err);
}
