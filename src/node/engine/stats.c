/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups of a container are those of its first process whose name has the container's id in it. A machine whose memory controller is not in use
 * for it has no figure of its memory but the sum of what its processes have.
 */
#include "node/engine/stats.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/engine/engine.h"
#include "node/engine/stats_parse.h"
#include "node/runtime/cgroup_file.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20)
#define PROCESSES_MAX 4096
#define NO_LIMIT (1ull << 62)

void stats_free(struct stats *s)
{
	free(s->per_cpu_ns);
	free(s->memory);
	free(s->block);
	free(s->interfaces);
	*s = (struct stats){.running = false};
}

/* ---- where ---- */

/* The hierarchies of this machine do not come and go: they are looked for when figures are asked for first. */
static const struct cgroup_mounts *machine(struct err *err)
{
	static struct cgroup_mounts *found;

	if (!found && cgroup_file_machine(&found, err) < 0)
		found = NULL;
	return found;
}

struct look {
	const struct cgroup_mounts *mounts;
	const char *id;
	char *groups; /* /proc/<pid>/cgroup */
	int pid;
	struct stats *s;
};

/* The container's directory with this controller, "" = version 2; a descriptor or -1. */
static int open_group(const struct look *l, const char *controller)
{
	mem_cleanup char *path = stats_parse_group(l->groups, controller, l->id);

	for (size_t i = 0; path && i < l->mounts->n; i++) {
		const struct cgroup_mount *m = &l->mounts->v[i];
		fd_cleanup int root = -1;
		int fd;

		if (*controller ? m->v2 || !cgroup_mounts_has(m->controllers, controller) : !m->v2)
			continue;
		root = cgroup_file_root(m);
		fd = root < 0 ? -1 : cgroup_file_open(root, path + strspn(path, "/"), O_PATH | O_DIRECTORY);
		return fd < 0 ? -1 : fd;
	}
	return -1;
}

static char *read_proc(int pid, const char *name)
{
	char path[64];
	fd_cleanup int fd = -1;
	char *text = NULL;
	size_t n;

	snprintf(path, sizeof path, pid ? "/proc/%d/%s" : "/proc/%.0d%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && fd_read_all(fd, TEXT_MAX, &text, &n) == 0 ? text : NULL;
}

/* ---- tables ---- */

struct source {
	size_t member; /* in struct stats */
	const char *file, *key;
	uint64_t factor;
};
#define M(name) offsetof(struct stats, name)

static const struct source v1_cpuacct[] = {{M(cpu_total_ns), "cpuacct.usage", NULL, 1},
					   {M(cpu_user_ns), "cpuacct.usage_user", NULL, 1},
					   {M(cpu_kernel_ns), "cpuacct.usage_sys", NULL, 1},
					   {0}};
static const struct source v1_cpu[] = {{M(periods), "cpu.stat", "nr_periods", 1},
				       {M(throttled_periods), "cpu.stat", "nr_throttled", 1},
				       {M(throttled_ns), "cpu.stat", "throttled_time", 1},
				       {0}};
static const struct source v1_memory[] = {{M(memory_usage), "memory.usage_in_bytes", NULL, 1},
					  {M(memory_peak), "memory.max_usage_in_bytes", NULL, 1},
					  {M(memory_limit), "memory.limit_in_bytes", NULL, 1},
					  {M(memory_failures), "memory.failcnt", NULL, 1},
					  {0}};
static const struct source pids[] = {{M(pids), "pids.current", NULL, 1}, {M(pids_limit), "pids.max", NULL, 1}, {0}};
static const struct source v2_cpu[] = {{M(cpu_total_ns), "cpu.stat", "usage_usec", 1000},
				       {M(cpu_user_ns), "cpu.stat", "user_usec", 1000},
				       {M(cpu_kernel_ns), "cpu.stat", "system_usec", 1000},
				       {M(periods), "cpu.stat", "nr_periods", 1},
				       {M(throttled_periods), "cpu.stat", "nr_throttled", 1},
				       {M(throttled_ns), "cpu.stat", "throttled_usec", 1000},
				       {0}};
static const struct source v2_memory[] = {{M(memory_usage), "memory.current", NULL, 1},
					  {M(memory_peak), "memory.peak", NULL, 1},
					  {M(memory_limit), "memory.max", NULL, 1},
					  {M(memory_failures), "memory.events", "max", 1},
					  {0}};

/* True if the first of them is there. "No limit" is UINT64_MAX. */
static bool read_table(int dir, const struct source *t, struct stats *s)
{
	bool first = false;

	for (size_t i = 0; dir >= 0 && t[i].file; i++) {
		uint64_t *m = (uint64_t *)(void *)((char *)s + t[i].member);
		long long n;

		if (!cgroup_file_number(dir, t[i].file, t[i].key, &n))
			continue;
		*m = n < 0 || (uint64_t)n >= NO_LIMIT ? UINT64_MAX : (uint64_t)n * t[i].factor;
		first = first || i == 0;
	}
	return first;
}

/* ---- what it uses ---- */

static void read_text(int dir, const char *file, void (*parse)(const char *text, struct stats *s), struct stats *s)
{
	mem_cleanup char *text = NULL;

	if (dir >= 0 && cgroup_file_read_all(dir, file, &text) == 0)
		parse(text, s);
}

static void read_cpu(const struct look *l, int v2)
{
	fd_cleanup int acct = open_group(l, "cpuacct"), cpu = open_group(l, "cpu");

	/* Version 2 counts processor time without its controller, too. */
	if (read_table(acct, v1_cpuacct, l->s))
		read_text(acct, "cpuacct.usage_percpu", stats_parse_percpu, l->s);
	else
		(void)read_table(v2, v2_cpu, l->s);
	(void)read_table(cpu, v1_cpu, l->s);
}

/* The ids of all processes of the group, as long as there is room. */
static size_t list_processes(int dir, int ids[static PROCESSES_MAX])
{
	mem_cleanup char *text = NULL;
	size_t n = 0;

	if (dir < 0 || cgroup_file_read_all(dir, "cgroup.procs", &text) < 0)
		return 0;
	for (const char *p = text; *p && n < PROCESSES_MAX; p += strcspn(p, "\n"), p += *p == '\n')
		ids[n++] = (int)strtol(p, NULL, 10);
	return n;
}

static void sum_processes(const struct look *l, int group, bool memory, bool processes)
{
	mem_cleanup int *ids = mem_new_n(int, PROCESSES_MAX);
	size_t n = list_processes(group, ids);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (processes)
		l->s->pids = n;
	for (size_t i = 0; memory && i < n; i++) {
		mem_cleanup char *text = read_proc(ids[i], "statm");
		uint64_t resident;

		if (text && sscanf(text, "%*u %" SCNu64, &resident) == 1)
			l->s->memory_usage += resident * page;
	}
}

static void read_memory_and_pids(const struct look *l, int v2)
{
	fd_cleanup int memory = open_group(l, "memory"), group = open_group(l, "pids");
	bool has_memory = read_table(memory, v1_memory, l->s), has_pids = read_table(group, pids, l->s);
	struct rt_host host;

	if (has_memory)
		read_text(memory, "memory.stat", stats_parse_memory, l->s);
	else if ((has_memory = read_table(v2, v2_memory, l->s)))
		read_text(v2, "memory.stat", stats_parse_memory, l->s);
	has_pids = has_pids || read_table(v2, pids, l->s);
	if (!has_memory || !has_pids)
		sum_processes(l, v2 >= 0 ? v2 : group, !has_memory, !has_pids);
	if (rt_host(&host, NULL) == 0 && (!l->s->memory_limit || l->s->memory_limit > host.memory_total))
		l->s->memory_limit = host.memory_total;
}

static void blkio_bytes(const char *text, struct stats *s)
{
	stats_parse_blkio(text, STATS_BLOCK_BYTES, s);
}

static void blkio_count(const char *text, struct stats *s)
{
	stats_parse_blkio(text, STATS_BLOCK_COUNT, s);
}

static void read_block(const struct look *l, int v2)
{
	fd_cleanup int group = open_group(l, "blkio");

	read_text(group, "blkio.throttle.io_service_bytes_recursive", blkio_bytes, l->s);
	read_text(group, "blkio.throttle.io_serviced_recursive", blkio_count, l->s);
	if (l->s->n_block == 0)
		read_text(v2, "io.stat", stats_parse_io, l->s);
}

/* One that shares the network of the machine has no figures of its own. */
static void read_network(const struct look *l)
{
	struct stat own, its;
	char path[48];
	mem_cleanup char *text = NULL;

	snprintf(path, sizeof path, "/proc/%d/ns/net", l->pid);
	if (stat("/proc/self/ns/net", &own) < 0 || stat(path, &its) < 0 || own.st_ino == its.st_ino)
		return;
	text = read_proc(l->pid, "net/dev");
	l->s->has_network = text != NULL;
	if (text)
		stats_parse_net(text, l->s);
}

static void read_all(const struct look *l)
{
	fd_cleanup int v2 = open_group(l, "");
	mem_cleanup char *system = read_proc(0, "stat");

	l->s->v2 = !l->mounts->v1;
	l->s->pids_limit = UINT64_MAX;
	l->s->n_cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	l->s->cpu_system_ns = system ? stats_parse_system(system, sysconf(_SC_CLK_TCK)) : 0;
	read_cpu(l, v2);
	read_memory_and_pids(l, v2);
	read_block(l, v2);
	read_network(l);
	l->s->read_ns = clock_wall_ns();
	l->s->running = true;
}

int engine_stats(struct engine *e, const char *id, struct stats *ret, struct err *err)
{
	const struct engine_container *c;
	struct look l = {.s = ret};
	int r = engine_find(e, id, &c, err);

	*ret = (struct stats){.running = false};
	if (r < 0 || c->pid <= 0)
		return r;
	l.mounts = machine(err);
	if (!l.mounts)
		return -EIO;
	l.id = c->id;
	l.pid = c->pid;
	l.groups = read_proc(c->pid, "cgroup");
	/* A process that has ended a moment ago has none of ours: then it does not run. */
	if (l.groups && strstr(l.groups, c->id))
		read_all(&l);
	free(l.groups);
	return 0;
}
