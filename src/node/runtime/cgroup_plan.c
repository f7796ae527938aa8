/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/cgroup_plan.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct cgroup_topic cgroup_topics[CGROUP_TOPICS] = {
    {"cpu", "cpu", cgroup_v1_cpu, cgroup_v2_cpu},
    {"cpuset", "cpuset", cgroup_any_cpuset, cgroup_any_cpuset},
    {"memory", "memory", cgroup_v1_memory, cgroup_v2_memory},
    {"pids", "pids", cgroup_any_pids, cgroup_any_pids},
    {"blkio", "io", cgroup_v1_blkio, cgroup_v2_io},
    {"hugetlb", "hugetlb", cgroup_v1_hugetlb, cgroup_v2_hugetlb},
    {"rdma", "rdma", cgroup_any_rdma, cgroup_any_rdma},
    {"net_cls", NULL, cgroup_v1_net_cls, cgroup_v2_no_network},
    {"net_prio", NULL, cgroup_v1_net_prio, cgroup_v2_no_network},
};

void cgroup_plan_free(struct cgroup_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].file);
		free(p->v[i].text);
		free(p->v[i].alt_file);
		free(p->v[i].alt_text);
	}
	free(p->v);
	*p = (struct cgroup_plan){.v = NULL};
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

void cgroup_plan_add(struct cgroup_plan *p, const char *member, unsigned flags, const char *file, const char *fmt, ...)
{
	struct cgroup_write *w;
	va_list ap;

	mem_grow(&p->v, &p->cap, p->n);
	w = &p->v[p->n++];
	va_start(ap, fmt);
	*w = (struct cgroup_write){.member = member, .file = mem_strdup(file), .text = format(fmt, ap), .flags = flags};
	va_end(ap);
}

void cgroup_plan_alt(struct cgroup_plan *p, const char *file, const char *fmt, ...)
{
	struct cgroup_write *w = &p->v[p->n - 1];
	va_list ap;

	va_start(ap, fmt);
	w->alt_file = mem_strdup(file);
	w->alt_text = format(fmt, ap);
	va_end(ap);
}

/* The curve through (2, 1), (1024, 100) and (262144, 10000) that runc and crun take: 10^((l^2 + 125 l) / 612 - 7/34), l = log2(shares). */
uint64_t cgroup_plan_cpu_weight(uint64_t shares)
{
	double l;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t cgroup_plan_io_weight(uint64_t blkio_weight)
{
	return blkio_weight <= 10 ? 1 : 1 + (blkio_weight - 10) * 9999 / 990;
}

bool cgroup_plan_given(int64_t value)
{
	return value != RT_UNSET && value != 0;
}

bool cgroup_plan_size_ok(const char *page_size)
{
	size_t n = strspn(page_size, "0123456789");

	return n > 0 && n < 16 && strchr("KMGT", page_size[n]) && page_size[n] && !strcmp(page_size + n + 1, "B");
}

bool cgroup_plan_word_ok(const char *word)
{
	return fs_name_ok(word) && !strchr(word, ' ');
}

int cgroup_plan_not_negative(const char *member, int64_t value, struct err *err)
{
	if (value != RT_UNSET && value < 0)
		return err_set(err, EINVAL, "linux.resources.%s cannot be %lld", member, (long long)value);
	return 0;
}

int cgroup_any_cpuset(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	(void)err;
	if (r->cpus && *r->cpus)
		cgroup_plan_add(p, "cpu.cpus", 0, "cpuset.cpus", "%s", r->cpus);
	if (r->mems && *r->mems)
		cgroup_plan_add(p, "cpu.mems", 0, "cpuset.mems", "%s", r->mems);
	return 0;
}

int cgroup_any_pids(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	(void)err;
	if (r->pids > 0)
		cgroup_plan_add(p, "pids.limit", 0, "pids.max", "%lld", (long long)r->pids);
	else if (r->pids != RT_UNSET)
		cgroup_plan_add(p, "pids.limit", CGROUP_MAY_MISS, "pids.max", "max");
	return 0;
}

int cgroup_any_rdma(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct rt_named_limit *l = &r->rdma.v[i];
		char handles[48] = "", objects[48] = "";

		if (!cgroup_plan_word_ok(l->name))
			return err_set(err, EINVAL, "linux.resources.rdma: \"%s\" is not the name of a device",
				       l->name);
		if (l->value != RT_UNSET)
			snprintf(handles, sizeof handles, " hca_handle=%lld", (long long)l->value);
		if (l->objects != RT_UNSET)
			snprintf(objects, sizeof objects, " hca_object=%lld", (long long)l->objects);
		cgroup_plan_add(p, "rdma", 0, "rdma.max", "%s%s%s", l->name, handles, objects);
	}
	return 0;
}

/* Files that do something, where a limit is expected. */
static bool is_deed(const char *file)
{
	static const char *const deeds[] = {"cgroup.procs", "cgroup.threads", "cgroup.kill",
					    "cgroup.type",  "cgroup.freeze",  "cgroup.subtree_control"};

	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		if (!strcmp(file, deeds[i]))
			return true;
	}
	return false;
}

int cgroup_plan_unified(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
{
	for (size_t i = 0; i < r->unified.n; i++) {
		const struct rt_named_limit *l = &r->unified.v[i];

		if (!cgroup_plan_word_ok(l->name) || !strchr(l->name, '.') || *l->name == '.')
			return err_set(err, EINVAL, "linux.resources.unified: \"%s\" is not the name of a cgroup file",
				       l->name);
		if (is_deed(l->name))
			return err_set(err, EINVAL, "linux.resources.unified: %s is not a resource", l->name);
		/* The kernel takes one line a write (io.max has one for each device). */
		for (const char *at = l->text; *at;) {
			size_t n = strcspn(at, "\n");

			if (p->n == CGROUP_PLAN_MAX)
				return err_set(err, E2BIG, "linux.resources.unified has too many lines");
			if (n > 0)
				cgroup_plan_add(p, "unified", 0, l->name, "%.*s", (int)n, at);
			at += n + (at[n] == '\n');
		}
	}
	return 0;
}
