/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that are answered: {"re": n, "pause": true} and the like (docs/formats/container.md).
 */
#include "node/engine/monitor.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/wire/json.h"
#include "node/engine/kernel.h"
#include "node/runtime/cgroup_box.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CPU_PERIOD_US 100000

/* ---- pause ---- */

static int freeze(struct monitor *m, bool yes, struct err *err)
{
	struct cgroup_box *b;
	int r = rt_cgroups(&m->box, &b, err);

	if (r < 0)
		return r;
	r = cgroup_box_freeze(b, yes, err);
	cgroup_box_free(b);
	return r;
}

static int set_paused(struct monitor *m, bool yes, struct err *err)
{
	int r;

	if (!m->started || m->ended)
		return err_set(err, ESRCH, "the container does not run");
	if (m->rec.paused == yes)
		return 0;
	r = freeze(m, yes, err);
	if (r < 0)
		return r;
	m->rec.paused = yes;
	if (yes)
		m->paused_ms = clock_mono_ms();
	else
		health_skip(&m->health, clock_mono_ms() - m->paused_ms);
	monitor_write_state(m);
	monitor_publish(m);
	return 0;
}

void monitor_thaw(struct monitor *m, int signal)
{
	if (m->rec.paused && (signal == SIGKILL || signal == m->order.stop_signal))
		(void)set_paused(m, false, NULL);
}

/* ---- new limits ---- */

/* An absent limit is 0 or SPEC_UNSET in the spec; to the kernel it is said as -1. */
static int64_t changed(int64_t old, int64_t new, int64_t unit)
{
	if (old == new)
		return RT_UNSET;
	return new == 0 || new == SPEC_UNSET ? -1 : new *unit;
}

static int64_t changed_plain(int64_t old, int64_t new)
{
	return old == new ? RT_UNSET : new;
}

static const char *changed_text(const char *old, const char *new)
{
	return new && (!old || strcmp(old, new) != 0) ? new : NULL;
}

static void compare(const struct spec *old, const struct spec *new, struct rt_resources *r)
{
	r->cpu_shares = changed_plain(old->cpu_shares, new->cpu_shares);
	r->cpu_quota = changed(old->cpu_quota, new->cpu_quota, 1);
	r->cpu_period = changed_plain(old->cpu_period, new->cpu_period);
	if (old->limit_cpu_milli != new->limit_cpu_milli) {
		r->cpu_quota = changed(old->limit_cpu_milli, new->limit_cpu_milli, CPU_PERIOD_US / 1000);
		r->cpu_period = CPU_PERIOD_US;
	}
	r->cpus = changed_text(old->cpuset_cpus, new->cpuset_cpus);
	r->mems = changed_text(old->cpuset_mems, new->cpuset_mems);
	r->memory = changed(old->limit_memory, new->limit_memory, 1);
	r->memory_swap = changed(old->memory_swap, new->memory_swap, 1);
	r->memory_reservation = changed(old->memory_reservation, new->memory_reservation, 1);
	r->memory_swappiness = changed_plain(old->memory_swappiness, new->memory_swappiness);
	r->pids = changed(old->limit_pids, new->limit_pids, 1);
	/* Our init is one more. */
	if (r->pids > 0 && !(new->init_given && !new->init))
		r->pids++;
	r->blkio_weight = changed_plain(old->blkio_weight, new->blkio_weight);
}

static int apply(struct cgroup_box *b, const struct spec *old, const struct spec *new, struct err *err)
{
	struct rt_resources r = RT_RESOURCES_INIT;
	bool usual;
	int result;

	compare(old, new, &r);
	usual = r.memory != RT_UNSET && (new->memory_swap == 0 || new->memory_swap == SPEC_UNSET);
	if (usual)
		r.memory_swap = new->limit_memory ? kernel_usual_swap(new) : -1;
	result = cgroup_box_apply(b, &r, usual ? NULL : err);
	if (!usual || result == 0)
		return result;
	/* A machine that does not count swap. */
	r.memory_swap = RT_UNSET;
	return cgroup_box_apply(b, &r, err);
}

/* All of them or none. */
static int set_limits(struct monitor *m, const struct spec *old, const struct spec *new, struct err *err)
{
	struct cgroup_box *b;
	int r = rt_cgroups(&m->box, &b, err);

	if (r < 0)
		return r;
	r = apply(b, old, new, err);
	if (r < 0)
		(void)apply(b, new, old, NULL);
	if (r == -ENOTSUP)
		(void)err_wrap(err,
			       "a limit that this running container cannot be given (stop it, update it, start it)");
	cgroup_box_free(b);
	return r;
}

static int update(struct monitor *m, struct err *err)
{
	struct order old = {.doc = NULL}, new = {.doc = NULL};
	int r = order_read(m->dir, &old, err);

	if (r == 0)
		r = order_read_file(m->dir, ORDER_NEXT, &new, err);
	if (r == 0 && m->started && !m->ended)
		r = set_limits(m, &old.spec, &new.spec, err);
	if (r == 0 && renameat(m->dir, ORDER_NEXT, m->dir, "config.json") < 0)
		r = err_sys(err, errno, "replace config.json");
	order_free(&old);
	order_free(&new);
	malloc_trim(0);
	return r;
}

/* ---- requests ---- */

static void answer(struct monitor_conn *c, int64_t number, int r, const struct err *err)
{
	buf_cleanup struct buf line = BUF_LIMIT(RECORD_MAX);

	buf_printf(&line, "{\"re\":%" PRId64, number);
	if (r < 0) {
		buf_printf(&line, ",\"code\":%d,\"error\":", -r);
		json_quote(&line, err->text, strlen(err->text));
	}
	buf_adds(&line, "}\n");
	monitor_conn_send(c, line.data, line.len, false);
}

void monitor_wish(struct monitor *m, struct monitor_conn *c, yyjson_val *v)
{
	struct err err = ERR_INIT;
	int64_t number;
	bool yes;
	int r;

	if (json_get_int(v, "re", 1, INT64_MAX, &number, NULL) < 0)
		return;
	if (json_get_bool(v, "pause", &yes, NULL) == 0)
		r = set_paused(m, yes, &err);
	else if (json_get_bool(v, "update", &yes, NULL) == 0)
		r = update(m, &err);
	else if (json_get_bool(v, "plug", &yes, NULL) == 0)
		r = monitor_network_change(m, &err);
	else
		return;
	answer(c, number, r, &err);
}
