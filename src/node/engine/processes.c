/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/processes.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/engine/stats_parse.h"
#include "node/runtime/cgroup.h"
#include "node/runtime/cgroup_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 65536

static int read_proc(pid_t pid, const char *name, size_t limit, char **ret, size_t *ret_n)
{
	char path[64];
	fd_cleanup int fd = -1;
	ssize_t n, len = 0;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = mem_zalloc(limit + 1, 1);
	while ((size_t)len < limit && (n = read(fd, *ret + len, limit - (size_t)len)) > 0)
		len += n;
	*ret_n = (size_t)len;
	return 0;
}

/* ---- which ---- */

/* The directory of the container's cgroup that tells its processes: the one named by its id, of the freezer, or of version 2. */
static char *cgroup_path(const char *id, pid_t pid)
{
	const struct cgroup_layout *l;
	mem_cleanup char *text = NULL, *own = NULL;
	const char *root;
	size_t n;

	if (cgroup_machine(&l, NULL) < 0 || read_proc(pid, "cgroup", FILE_MAX, &text, &n) < 0)
		return NULL;
	root = l->base[CGROUP_FREEZER];
	own = *root ? stats_parse_group(text, "freezer", id) : NULL;
	if (!own) {
		root = l->v2_root;
		own = *root ? stats_parse_group(text, "", id) : NULL;
	}
	return own ? mem_printf("%s%s", root, own) : NULL;
}

static int pids_of(const char *id, pid_t pid, pid_t **ret, size_t *ret_n, struct err *err)
{
	mem_cleanup char *path = cgroup_path(id, pid);
	const char *const dirs[] = {path, NULL};
	struct cgroup_box *box;
	int r;

	if (!path)
		return err_set(err, ESRCH, "container %.12s has no cgroup: it has just ended", id);
	r = cgroup_box_of(dirs, &box, err);
	if (r < 0)
		return r;
	r = cgroup_box_pids(box, ret, ret_n, err);
	cgroup_box_free(box);
	return r;
}

/* ---- what they are ---- */

/* proc_pid_stat(5): the fields behind the name, which may hold everything. */
static int read_stat(pid_t pid, struct process *p)
{
	mem_cleanup char *text = NULL;
	unsigned long long start = 0, user = 0, system = 0;
	long long ticks = sysconf(_SC_CLK_TCK), threads = 0, nice = 0, priority = 0, resident = 0;
	char *open, *close;
	size_t n;

	if (read_proc(pid, "stat", 4096, &text, &n) < 0 || !text)
		return -ESRCH;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open)
		return -EINVAL;
	snprintf(p->name, sizeof p->name, "%.*s", (int)(close - open - 1), open + 1);
	if (sscanf(close + 1,
		   " %c %d %d %d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %lld %lld %lld %*d %llu %lu %lld",
		   &p->state, &p->ppid, &p->pgid, &p->sid, &p->tty, &user, &system, &priority, &nice, &threads, &start,
		   &p->virtual_bytes, &resident) != 13)
		return -EINVAL;
	p->pid = pid;
	p->threads = threads;
	p->nice = nice;
	p->priority = priority;
	p->cpu_ms = (int64_t)((user + system) * 1000 / (unsigned long long)ticks);
	p->start_ms = clock_wall_ms() - clock_mono_ms() + (int64_t)(start * 1000 / (unsigned long long)ticks);
	p->resident_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int read_owner(pid_t pid, struct process *p)
{
	mem_cleanup char *text = NULL;
	const char *line;
	size_t n;

	if (read_proc(pid, "status", 8192, &text, &n) < 0 || !text)
		return -ESRCH;
	line = strstr(text, "\nUid:");
	/* The effective one, as ps shows it. */
	return line && sscanf(line, "\nUid: %*u %u", &p->uid) == 1 ? 0 : -EINVAL;
}

static void read_command(pid_t pid, struct process *p)
{
	size_t n = 0;

	if (read_proc(pid, "cmdline", PROCESS_COMMAND_MAX, &p->command, &n) == 0 && n > 0) {
		while (n > 1 && !p->command[n - 1])
			n--;
		p->command[n] = '\0';
		for (size_t i = 0; i < n; i++) {
			if (!p->command[i])
				p->command[i] = ' ';
		}
		return;
	}
	free(p->command);
	p->command = mem_printf("[%s]", p->name);
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int processes_read(const char *id, pid_t pid, struct process **ret, size_t *ret_n, struct err *err)
{
	mem_cleanup pid_t *pids = NULL;
	size_t n = 0, kept = 0;
	struct process *list;
	int r = pids_of(id, pid, &pids, &n, err);

	if (r < 0)
		return r;
	if (n > PROCESSES_MAX)
		n = PROCESSES_MAX;
	list = mem_new_n(struct process, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct process *p = &list[kept];

		*p = (struct process){.command = NULL};
		if (read_stat(pids[i], p) < 0 || read_owner(pids[i], p) < 0)
			continue;
		read_command(pids[i], p);
		kept++;
	}
	qsort(list, kept, sizeof *list, by_pid);
	*ret = list;
	*ret_n = kept;
	return 0;
}

void processes_free(struct process *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p[i].command);
	free(p);
}
