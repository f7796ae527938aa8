/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_SHIFT = 13 };

/* sched_setattr(2) */
struct sched_attr_v1 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static rlim_t larger(rlim_t a, rlim_t b)
{
	return a > b ? a : b;
}

static int set_rlimits(const struct rt_process_attr *p, pid_t pid, bool only_raise, struct err *err)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct rt_rlimit *l = &p->rlimits[i];
		enum __rlimit_resource resource = (enum __rlimit_resource)l->resource;
		struct rlimit value = {.rlim_cur = l->soft, .rlim_max = l->hard}, now;

		if (only_raise && prlimit(pid, resource, NULL, &now) == 0) {
			value.rlim_cur = larger(value.rlim_cur, now.rlim_cur);
			value.rlim_max = larger(value.rlim_max, now.rlim_max);
		}
		if (prlimit(pid, resource, &value, NULL) < 0)
			return err_sys(err, errno, "set the limit number %d to %llu (hard %llu)", l->resource,
				       (unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	return 0;
}

static int set_oom(const struct rt_process_attr *p, pid_t pid, struct err *err)
{
	char path[48] = "/proc/self/oom_score_adj", text[16];
	fd_cleanup int fd = -1;
	int n;

	if (!p->has_oom_score_adj)
		return 0;
	if (pid > 0)
		snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	n = snprintf(text, sizeof text, "%d", p->oom_score_adj);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	if (write(fd, text, (size_t)n) == n)
		return 0;
	/* Only the host's root may lower it: an ordinary user's container keeps what it has if that is what is asked for. */
	return err_sys(err, errno, "write \"%s\" to %s", text, path);
}

int limits_scheduler(const struct rt_process_attr *p, pid_t pid, struct err *err)
{
	const struct rt_scheduler *s = &p->scheduler;
	struct sched_attr_v1 attr = {.size = sizeof attr,
				     .policy = s->policy,
				     .flags = s->flags,
				     .nice = s->nice,
				     .priority = s->priority,
				     .runtime = s->runtime,
				     .deadline = s->deadline,
				     .period = s->period};

	if (!s->set)
		return 0;
	if (syscall(SYS_sched_setattr, pid, &attr, 0) < 0)
		return err_sys(err, errno, "set the scheduler (policy %u, nice %d, priority %u)", s->policy, s->nice,
			       s->priority);
	return 0;
}

static int set_io_priority(const struct rt_process_attr *p, pid_t pid, struct err *err)
{
	int value = p->io_class << IOPRIO_CLASS_SHIFT | p->io_priority;

	if (!p->has_io_priority)
		return 0;
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, value) < 0)
		return err_sys(err, errno, "set the I/O priority (class %d, priority %d)", p->io_class, p->io_priority);
	return 0;
}

int limits_cpus(const char *cpus, pid_t pid, struct err *err)
{
	cpu_set_t set;
	char *end;

	if (!cpus)
		return 0;
	CPU_ZERO(&set);
	for (const char *p = cpus; *p; p = *end == ',' ? end + 1 : end) {
		unsigned long from = strtoul(p, &end, 10), to = from;

		if (end != p && *end == '-') {
			p = end + 1;
			to = strtoul(p, &end, 10);
		}
		if (end == p || (*end && *end != ',') || to < from || to >= CPU_SETSIZE)
			return err_set(err, EINVAL, "\"%s\" is not a list of processors", cpus);
		for (; from <= to; from++)
			CPU_SET(from, &set);
	}
	if (sched_setaffinity(pid, sizeof set, &set) < 0)
		return err_sys(err, errno, "bind to the processors \"%s\"", cpus);
	return 0;
}

/* Where our caller may run is no business of the container: the kernel cuts this down to the processors of its cpuset. */
static void free_cpus(pid_t pid)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof all);
	(void)sched_setaffinity(pid, sizeof all, &all);
}

int limits_lower(const struct rt_process_attr *p, struct err *err)
{
	return set_rlimits(p, 0, false, err);
}

int limits_apply(const struct rt_process_attr *p, pid_t pid, struct err *err)
{
	int r = set_rlimits(p, pid, true, err);

	if (r == 0)
		r = set_oom(p, pid, err);
	if (r == 0)
		r = set_io_priority(p, pid, err);
	if (r == 0 && !p->cpus_initial)
		free_cpus(pid);
	return r < 0 ? r : limits_cpus(p->cpus_initial, pid, err);
}
