/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/events.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/oci/lifecycle.h"
#include "node/runtime/cgroup_box.h"

#include <poll.h>

/* runc leaves out what is 0, and has no value for "none". */
static void add(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t value)
{
	if (value != RT_UNSET && value != 0)
		yyjson_mut_obj_add_uint(doc, obj, key, value < 0 ? UINT64_MAX : (uint64_t)value);
}

static void add_always(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t value)
{
	yyjson_mut_obj_add_uint(doc, obj, key, value == RT_UNSET ? 0 : value < 0 ? UINT64_MAX : (uint64_t)value);
}

static void add_cpu(yyjson_mut_doc *doc, yyjson_mut_val *data, const struct cgroup_stats *s)
{
	yyjson_mut_val *cpu = yyjson_mut_obj_add_obj(doc, data, "cpu");
	yyjson_mut_val *usage = yyjson_mut_obj_add_obj(doc, cpu, "usage");
	yyjson_mut_val *throttling = yyjson_mut_obj_add_obj(doc, cpu, "throttling");

	add(doc, usage, "total", s->cpu_total_ns);
	add_always(doc, usage, "kernel", s->cpu_kernel_ns);
	add_always(doc, usage, "user", s->cpu_user_ns);
	add(doc, throttling, "periods", s->cpu_periods);
	add(doc, throttling, "throttledPeriods", s->cpu_throttled);
	add(doc, throttling, "throttledTime", s->cpu_throttled_ns);
}

static yyjson_mut_val *add_entry(yyjson_mut_doc *doc, yyjson_mut_val *memory, const char *key, int64_t limit,
				 int64_t usage)
{
	yyjson_mut_val *entry = yyjson_mut_obj_add_obj(doc, memory, key);

	add_always(doc, entry, "limit", limit);
	add(doc, entry, "usage", usage);
	return entry;
}

static void add_memory(yyjson_mut_doc *doc, yyjson_mut_val *data, const struct cgroup_stats *s)
{
	yyjson_mut_val *memory = yyjson_mut_obj_add_obj(doc, data, "memory");
	yyjson_mut_val *raw, *entry;

	add(doc, memory, "cache", s->memory_cache);
	entry = add_entry(doc, memory, "usage", s->memory_limit, s->memory_usage);
	add(doc, entry, "max", s->memory_peak);
	add_always(doc, entry, "failcnt", s->memory_failures);
	entry = add_entry(doc, memory, "swap", s->swap_limit, s->swap_usage);
	add_always(doc, entry, "failcnt", RT_UNSET);
	entry = add_entry(doc, memory, "kernel", RT_UNSET, s->kernel_usage);
	add_always(doc, entry, "failcnt", RT_UNSET);
	/* Not while it is 0: there are scripts that look for the word "oom" in all that is told. */
	if (s->oom_kills == RT_UNSET || s->oom_kills == 0)
		return;
	raw = yyjson_mut_obj_add_obj(doc, memory, "raw");
	add_always(doc, raw, "oom_kill", s->oom_kills);
}

char *oci_stats_json(const char *id, const struct cgroup_stats *s)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *top = yyjson_mut_obj(doc), *data, *pids;
	size_t n;

	yyjson_mut_doc_set_root(doc, top);
	yyjson_mut_obj_add_str(doc, top, "type", "stats");
	yyjson_mut_obj_add_str(doc, top, "id", id);
	data = yyjson_mut_obj_add_obj(doc, top, "data");
	add_cpu(doc, data, s);
	add_memory(doc, data, s);
	pids = yyjson_mut_obj_add_obj(doc, data, "pids");
	add(doc, pids, "current", s->pids);
	if (s->pids_limit > 0)
		add(doc, pids, "limit", s->pids_limit);
	yyjson_mut_obj_add_obj(doc, data, "blkio");
	yyjson_mut_obj_add_obj(doc, data, "hugetlb");
	yyjson_mut_obj_add_obj(doc, data, "intel_rdt");
	yyjson_mut_obj_add_null(doc, data, "network_interfaces");
	return json_text(doc, false, &n);
}

static int tell_stats(const struct oci_container *c, oci_event_fn fn, void *ctx, struct err *err)
{
	struct cgroup_stats stats;
	mem_cleanup char *line = NULL;
	int r = cgroup_box_stats(c->cgroup, &stats, err);

	if (r < 0)
		return r;
	line = oci_stats_json(c->state->id, &stats);
	return fn(ctx, line);
}

static int tell_oom(const struct oci_container *c, oci_event_fn fn, void *ctx)
{
	mem_cleanup char *line = mem_printf("{\"type\":\"oom\",\"id\":\"%s\"}", c->state->id);

	return fn(ctx, line);
}

static int64_t kills(const struct oci_container *c)
{
	struct cgroup_stats stats;

	return cgroup_box_stats(c->cgroup, &stats, NULL) < 0 ? RT_UNSET : stats.oom_kills;
}

/* Version 2 tells of other events by the same descriptor: only a new kill counts, where kills are counted. The eventfd of version 1 tells
 * of nothing else, but before the kill, and once more when the cgroup is removed. */
static int on_oom(const struct oci_container *c, int oom, int64_t *known, oci_event_fn fn, void *ctx)
{
	int64_t now = kills(c);
	bool news = now == RT_UNSET || now != *known;
	char part[4096];
	ssize_t n = read(oom, part, sizeof part);

	*known = now;
	if (n == sizeof(uint64_t))
		news = cgroup_box_frozen(c->cgroup) >= 0;
	return n > 0 && news ? tell_oom(c, fn, ctx) : 0;
}

static int watch(const struct oci_container *c, int oom, int interval_ms, oci_event_fn fn, void *ctx, struct err *err)
{
	struct pollfd fds[] = {{.fd = c->box.pidfd, .events = POLLIN}, {.fd = oom, .events = POLLIN}};
	int64_t next = clock_mono_ms() + interval_ms, known = kills(c);
	int r = 0;

	while (r >= 0) {
		int64_t left = next - clock_mono_ms();
		int n = poll(fds, 2, left > 0 ? (int)left : 0);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for events");
		if (n > 0 && fds[1].revents)
			r = on_oom(c, oom, &known, fn, ctx);
		if (n > 0 && fds[0].revents)
			break;
		if (n == 0) {
			next += interval_ms;
			r = tell_stats(c, fn, ctx, err);
		}
	}
	return r < 0 ? r : 0;
}

static int open_running(const struct oci_runtime *rt, const char *id, struct oci_container *c, struct err *err)
{
	int r = oci_open(rt, id, false, c, err);

	if (r == 0 && c->status == OCI_STOPPED)
		return err_set(err, ESRCH, "container with id %s is not running", id);
	return r < 0 ? r : oci_cgroups(c, err);
}

int oci_stats(const struct oci_runtime *rt, const char *id, oci_event_fn fn, void *ctx, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	int r = open_running(rt, id, &c, err);

	if (r == 0)
		r = tell_stats(&c, fn, ctx, err);
	oci_close(&c);
	return r;
}

int oci_events(const struct oci_runtime *rt, const char *id, int interval_ms, oci_event_fn fn, void *ctx,
	       struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	bool v2 = false;
	int r = open_running(rt, id, &c, err);
	fd_cleanup int oom = r < 0 ? -1 : cgroup_box_oom_fd(c.cgroup, &v2, err);

	if (r == 0 && oom < 0 && oom != -ENOTSUP)
		r = oom;
	if (r == 0)
		r = watch(&c, oom < 0 ? -1 : oom, interval_ms, fn, ctx, err);
	oci_close(&c);
	return r;
}
