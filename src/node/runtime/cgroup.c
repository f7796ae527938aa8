/* SPDX-License-Identifier: Apache-2.0
 *
 * All paths here are the host's own cgroup file systems, which no container can write to; names are checked by rt_start.
 */
#include "node/runtime/cgroup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/rootless.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	PATH_MAX_HERE = CGROUP_DIR_MAX,
	FILE_MAX = PATH_MAX_HERE + 64,
	MOUNTINFO_MAX = 16 << 20,
	KILL_ROUNDS = 200,
	REMOVE_ROUNDS = 50,
	WAIT_MS = 200, /* for one event, not for the whole */
	PIDS_SHOWN = 512,
	MOVE_ROUNDS = 64,
	MAKE_ROUNDS = 1000,
	ENABLE_ROUNDS = 5,
};

static const char *const controller_names[CGROUP_TREES] = {
    [CGROUP_CPU] = "cpu", [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_FREEZER] = "freezer"};

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[FILE_MAX];
	fd_cleanup int fd = -1;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int read_file(const char *dir, const char *name, char *text, size_t size)
{
	char path[FILE_MAX];
	fd_cleanup int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

/* The processes listed in a directory, or the first of them. */
static int read_pids(const char *dir, char *text, size_t size)
{
	int r = read_file(dir, "cgroup.procs", text, size);
	char *end = r < 0 ? NULL : strrchr(text, '\n');

	/* A number that the buffer cut is another process's. */
	text[end ? end - text : 0] = '\0';
	return r;
}

static bool exists(const char *dir, const char *name)
{
	char path[FILE_MAX];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* ---- the layout ---- */

static int read_all(const char *path, char **ret, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	r = fd_read_all(fd, MOUNTINFO_MAX, ret, NULL);
	return r < 0 ? err_sys(err, -r, "read %s", path) : 0;
}

/* To make a group and to move a process of our own there, both must be writable (cgroups(7), "Delegation"). */
static bool can_make(const char *dir)
{
	char procs[PATH_MAX_HERE];

	snprintf(procs, sizeof procs, "%s/cgroup.procs", dir);
	return access(dir, W_OK) == 0 && access(procs, W_OK) == 0;
}

/* The machine's layout does not change while we live, and a monitor forked from the daemon must not read it again. */
static struct cgroup_layout layout;

int cgroup_machine(const struct cgroup_layout **ret, struct err *err)
{
	static bool known;
	mem_cleanup char *mountinfo = NULL, *self = NULL;
	int r;

	if (!known) {
		r = read_all("/proc/self/mountinfo", &mountinfo, err);
		if (r == 0)
			r = read_all("/proc/self/cgroup", &self, err);
		if (r < 0)
			return r;
		cgroup_layout_parse(mountinfo, self, &layout);
		if (*layout.v2_root && !can_make(layout.base[CGROUP_V2]))
			memcpy(layout.base[CGROUP_V2], layout.v2_root, sizeof layout.v2_root);
		for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES; t++) {
			if (*layout.base[t] && !can_make(layout.base[t]))
				cgroup_layout_drop(&layout, t);
		}
		known = true;
	}
	*ret = &layout;
	return 0;
}

bool cgroup_can(const struct cgroup_layout *l, enum cgroup_tree controller)
{
	char list[512];

	if (*l->base[controller])
		return true;
	if (!*l->v2_root)
		return false;
	/* Whoever owns the root gives itself what is there; others have what they were given. */
	if (read_file(can_make(l->v2_root) ? l->v2_root : l->base[CGROUP_V2], "cgroup.controllers", list, sizeof list) <
	    0)
		return false;
	for (char *rest = NULL, *w = strtok_r(list, " \n", &rest); w; w = strtok_r(NULL, " \n", &rest)) {
		if (!strcmp(w, controller_names[controller]))
			return true;
	}
	return false;
}

/* The root has no cgroup.kill: a directory of ours tells, which goes again at once, for whoever only asks may never start anything. */
bool cgroup_can_kill(const struct cgroup_layout *l)
{
	char dir[PATH_MAX_HERE];
	bool found = false;

	if (!*l->v2_root)
		return false;
	snprintf(dir, sizeof dir, "%s/berth", l->base[CGROUP_V2]);
	for (int round = 0; round < MAKE_ROUNDS && !found; round++) {
		bool made = mkdir(dir, 0755) == 0;

		if (!made && errno != EEXIST)
			return false;
		found = exists(dir, "cgroup.kill");
		/* Another process may have taken it away under us: then it tells nothing. */
		if (!found && exists(dir, "cgroup.procs"))
			round = MAKE_ROUNDS;
		if (made)
			(void)rmdir(dir);
	}
	return found;
}

/* ---- making ---- */

static void dir_of(const struct cgroup_layout *l, enum cgroup_tree t, const char *name, char path[static PATH_MAX_HERE])
{
	snprintf(path, PATH_MAX_HERE, "%s/%s", l->base[t], name);
}

/* sign: '+' or '-' */
static void enable_controllers(const char *dir, char sign)
{
	for (int c = CGROUP_CPU; c <= CGROUP_PIDS; c++) {
		char text[16];

		snprintf(text, sizeof text, "%c%s", sign, controller_names[c]);
		(void)write_file(dir, "cgroup.subtree_control", text);
	}
}

static void move_all(const char *from, const char *to)
{
	for (int round = 0; round < MOVE_ROUNDS; round++) {
		char pids[PIDS_SHOWN * 8];
		bool moved = false;

		if (read_pids(from, pids, sizeof pids) < 0)
			return;
		for (char *rest = NULL, *w = strtok_r(pids, "\n", &rest); w; w = strtok_r(NULL, "\n", &rest))
			moved |= write_file(to, "cgroup.procs", w) == 0;
		if (!moved)
			return;
	}
}

static bool has_processes(const char *dir)
{
	char pids[PIDS_SHOWN * 8] = "";

	return read_pids(dir, pids, sizeof pids) == 0 && *pids;
}

static bool is_root(const char *dir)
{
	return !exists(dir, "cgroup.type");
}

/* A group but the root that has processes cannot give controllers to its children ("no internal processes", Control Group v2): they move. The
 * kernel would let it give cpu and pids, and then has no place for whole processes below. */
static void empty_base(const char *base)
{
	char main_dir[PATH_MAX_HERE];

	if (is_root(base) || !has_processes(base))
		return;
	snprintf(main_dir, sizeof main_dir, "%s/" CGROUP_MAIN, base);
	if (mkdir(main_dir, 0755) == 0 || errno == EEXIST)
		move_all(base, main_dir);
}

static bool has_other_groups(const char *base)
{
	DIR *dir = opendir(base);
	bool found = dir == NULL;

	for (const struct dirent *e; dir && (e = readdir(dir));)
		found |= e->d_type == DT_DIR && e->d_name[0] != '.' && strcmp(e->d_name, CGROUP_MAIN) != 0;
	if (dir)
		closedir(dir);
	return found;
}

/* Undoes empty_base() where nobody else has groups. */
static void refill_base(const char *base)
{
	char main_dir[PATH_MAX_HERE];

	snprintf(main_dir, sizeof main_dir, "%s/" CGROUP_MAIN, base);
	if (!exists(main_dir, "cgroup.procs") || has_other_groups(base))
		return;
	enable_controllers(base, '-');
	move_all(main_dir, base);
	(void)rmdir(main_dir);
}

/* Gives cpu, memory and pids to the children of <base>/berth, from the root down. What cannot be had shows later, when a limit is set. */
static void enable_path(const struct cgroup_layout *l)
{
	const char *base = l->base[CGROUP_V2];
	char dir[PATH_MAX_HERE];

	for (size_t n = strlen(l->v2_root); base[n]; n += strcspn(base + n + 1, "/") + 1) {
		snprintf(dir, sizeof dir, "%.*s", (int)n, base);
		enable_controllers(dir, '+');
	}
	empty_base(base);
	enable_controllers(base, '+');
	snprintf(dir, sizeof dir, "%s/berth", base);
	enable_controllers(dir, '+');
}

static int make_dir(const struct cgroup_layout *l, enum cgroup_tree t, const char *path, struct err *err)
{
	char parent[PATH_MAX_HERE];

	snprintf(parent, sizeof parent, "%s/berth", l->base[t]);
	for (int round = 0; mkdir(path, 0755) < 0; round++) {
		if (errno != ENOENT || round == MAKE_ROUNDS)
			return err_sys(err, errno, "make the cgroup %s", path);
		/* Whoever has no container left takes it away again (rt_host_release), maybe just now. */
		if (mkdir(parent, 0755) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make the cgroup %s", parent);
		/* At the root it costs nobody anything and more is counted; elsewhere only a limit is worth moving processes. */
		if (t == CGROUP_V2 && l->kind == CGROUP_KIND_V2 && is_root(l->base[t]))
			enable_path(l);
	}
	return 0;
}

struct setting {
	enum cgroup_tree controller;
	const char *file;
	bool optional; /* a kernel without it (swap accounting) enforces enough */
	char text[48];
};

enum { SETTINGS_MAX = 8 };

static void add_setting(struct setting *s, size_t *n, enum cgroup_tree c, const char *file, bool optional,
			const char *text)
{
	s[*n] = (struct setting){.controller = c, .file = file, .optional = optional};
	snprintf(s[*n].text, sizeof s[*n].text, "%s", text);
	(*n)++;
}

static size_t v2_settings(const struct rt_limits *l, struct setting s[static SETTINGS_MAX])
{
	char text[48];
	size_t n = 0;

	if (l->cpu_milli) {
		snprintf(text, sizeof text, "%" PRIu64 " 100000", l->cpu_milli * 100);
		add_setting(s, &n, CGROUP_CPU, "cpu.max", false, text);
	}
	if (l->memory) {
		snprintf(text, sizeof text, "%" PRIu64, l->memory);
		add_setting(s, &n, CGROUP_MEMORY, "memory.max", false, text);
		add_setting(s, &n, CGROUP_MEMORY, "memory.swap.max", true, "0");
		add_setting(s, &n, CGROUP_MEMORY, "memory.oom.group", true, "1");
	}
	if (l->pids) {
		snprintf(text, sizeof text, "%" PRIu64, l->pids);
		add_setting(s, &n, CGROUP_PIDS, "pids.max", false, text);
	}
	return n;
}

static size_t v1_settings(const struct rt_limits *l, struct setting s[static SETTINGS_MAX])
{
	char text[48];
	size_t n = 0;

	if (l->cpu_milli) {
		snprintf(text, sizeof text, "%" PRIu64, l->cpu_milli * 100);
		add_setting(s, &n, CGROUP_CPU, "cpu.cfs_quota_us", false, text);
	}
	if (l->memory) {
		snprintf(text, sizeof text, "%" PRIu64, l->memory);
		add_setting(s, &n, CGROUP_MEMORY, "memory.limit_in_bytes", false, text);
		add_setting(s, &n, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", true, text);
	}
	if (l->pids) {
		snprintf(text, sizeof text, "%" PRIu64, l->pids);
		add_setting(s, &n, CGROUP_PIDS, "pids.max", false, text);
	}
	return n;
}

static int cannot(enum cgroup_tree controller, const char *why, struct err *err)
{
	return err_set(err, ENOTSUP, "this machine cannot limit %s: %s%s", controller_names[controller], why,
		       rootless_inside() ? " (an ordinary user without a delegated cgroup)" : "");
}

static int apply(const char *dir, const struct setting *s, struct err *err)
{
	int r = write_file(dir, s->file, s->text);

	if (r == -ENOENT && s->optional)
		return 0;
	if (r == -ENOENT)
		return cannot(s->controller, "the cgroup controller is not enabled", err);
	return r < 0 ? err_sys(err, -r, "write \"%s\" to %s/%s", s->text, dir, s->file) : 0;
}

static bool is_missing(const char *dir, const struct setting *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!s[i].optional && !exists(dir, s[i].file))
			return true;
	}
	return false;
}

static int set_v2_limits(const struct cgroup_layout *l, const char *dir, const struct rt_limits *limits,
			 struct err *err)
{
	struct setting s[SETTINGS_MAX];
	size_t n = v2_settings(limits, s);
	int r = 0;

	/* More than once: another process whose last container went may just be undoing it. */
	for (int round = 0; round < ENABLE_ROUNDS && is_missing(dir, s, n); round++)
		enable_path(l);
	for (size_t i = 0; i < n && r == 0; i++)
		r = apply(dir, &s[i], err);
	return r;
}

/* Before anything is made: a limit that nothing here can enforce. */
static int check_controllers(const struct cgroup_layout *l, const struct rt_limits *limits, struct err *err)
{
	const struct {
		enum cgroup_tree controller;
		uint64_t wanted;
	} wants[] = {{CGROUP_CPU, limits->cpu_milli}, {CGROUP_MEMORY, limits->memory}, {CGROUP_PIDS, limits->pids}};

	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
		if (wants[i].wanted && l->kind != CGROUP_KIND_V2 && !*l->base[wants[i].controller])
			return cannot(wants[i].controller, "no cgroup hierarchy has this controller", err);
	}
	return 0;
}

int cgroup_make(const char *name, const struct rt_limits *limits, int *ret_fd, struct err *err)
{
	const struct cgroup_layout *l;
	char dir[PATH_MAX_HERE];
	int fd = -1, r = cgroup_machine(&l, err);

	if (r == 0)
		r = check_controllers(l, limits, err);
	if (r < 0)
		return r;
	if (*l->v2_root) {
		dir_of(l, CGROUP_V2, name, dir);
		r = make_dir(l, CGROUP_V2, dir, err);
		if (r < 0)
			return r;
		if (l->kind == CGROUP_KIND_V2)
			r = set_v2_limits(l, dir, limits, err);
		if (r == 0) {
			fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			r = fd < 0 ? err_sys(err, errno, "open the cgroup %s", dir) : 0;
		}
		if (r < 0) {
			(void)rmdir(dir);
			return r;
		}
	}
	*ret_fd = fd;
	return 0;
}

static int open_door(const char *dir, struct cgroup_doors *d, struct err *err)
{
	char path[FILE_MAX];
	int fd;

	snprintf(path, sizeof path, "%s/tasks", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	d->fds[d->n++] = fd;
	return 0;
}

int cgroup_go_in(const struct cgroup_doors *d, struct err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		if (write(d->fds[i], "0", 1) < 0)
			return err_sys(err, errno, "enter the container's cgroups");
	}
	return 0;
}

void cgroup_close_doors(struct cgroup_doors *d)
{
	while (d->n > 0)
		fd_closep(&d->fds[--d->n]);
}

int cgroup_make_v1(const char *name, const struct rt_limits *limits, struct cgroup_doors *ret, struct err *err)
{
	const bool wanted[CGROUP_TREES] = {
	    [CGROUP_CPU] = limits->cpu_milli, [CGROUP_MEMORY] = limits->memory, [CGROUP_PIDS] = limits->pids};
	const struct cgroup_layout *l;
	struct setting s[SETTINGS_MAX];
	size_t n = v1_settings(limits, s);
	int r = cgroup_machine(&l, err);

	if (r < 0 || l->kind == CGROUP_KIND_V2)
		return r;
	for (enum cgroup_tree t = CGROUP_CPU; t < CGROUP_TREES && r == 0; t++) {
		char dir[PATH_MAX_HERE];

		if (!*l->base[t] || !(wanted[t] || (t == CGROUP_FREEZER && l->kind == CGROUP_KIND_V1)))
			continue;
		dir_of(l, t, name, dir);
		r = make_dir(l, t, dir, err);
		for (size_t i = 0; i < n && r == 0; i++) {
			if (s[i].controller == t)
				r = apply(dir, &s[i], err);
		}
		if (r == 0)
			r = open_door(dir, ret, err);
	}
	return r;
}

int cgroup_open(const char *name)
{
	const struct cgroup_layout *l;
	char dir[PATH_MAX_HERE];

	if (cgroup_machine(&l, NULL) < 0 || !*l->base[CGROUP_V2])
		return -1;
	dir_of(l, CGROUP_V2, name, dir);
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* "0" in `tasks` moves one thread, which the kernel does at once; a whole process it moves only when no processor looks at cgroups. */
int cgroup_join(const char *name, bool v2, struct err *err)
{
	const struct cgroup_layout *l;
	int r = cgroup_machine(&l, err);

	for (enum cgroup_tree t = CGROUP_V2; r == 0 && t < CGROUP_TREES; t++) {
		char dir[PATH_MAX_HERE];

		if (!*l->base[t] || (t == CGROUP_V2 && !v2))
			continue;
		dir_of(l, t, name, dir);
		r = write_file(dir, t == CGROUP_V2 ? "cgroup.procs" : "tasks", "0");
		/* Two controllers in one hierarchy are one directory; a controller that is not used has none. */
		r = r == -ENOENT ? 0 : r;
		if (r < 0)
			return err_sys(err, -r, "join the cgroup %s", dir);
	}
	return r;
}

/* ---- what it used ---- */

static bool read_key(const char *dir, const char *file, const char *key, uint64_t *ret)
{
	char text[4096];
	size_t len = key ? strlen(key) : 0;

	if (read_file(dir, file, text, sizeof text) < 0)
		return false;
	for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (key && (strncmp(line, key, len) != 0 || line[len] != ' '))
			continue;
		return sscanf(line + len, "%" SCNu64, ret) == 1;
	}
	return false;
}

static bool oom_kills_in(const char *dir, bool v2, uint64_t *ret)
{
	return read_key(dir, v2 ? "memory.events" : "memory.oom_control", "oom_kill", ret);
}

bool cgroup_oom_kills(const char *name, uint64_t *ret)
{
	const struct cgroup_layout *l;
	char dir[CGROUP_DIR_MAX];

	return cgroup_machine(&l, NULL) == 0 &&
	       cgroup_dir(name, l->kind == CGROUP_KIND_V2 ? CGROUP_V2 : CGROUP_MEMORY, dir) &&
	       oom_kills_in(dir, l->kind == CGROUP_KIND_V2, ret);
}

void cgroup_usage(const char *name, struct rt_exit *exit)
{
	const struct cgroup_layout *l;
	char dir[PATH_MAX_HERE];
	uint64_t n;
	bool v2;

	if (cgroup_machine(&l, NULL) < 0)
		return;
	v2 = l->kind == CGROUP_KIND_V2;
	if (*l->base[CGROUP_V2]) {
		dir_of(l, CGROUP_V2, name, dir);
		if (read_key(dir, "cpu.stat", "usage_usec", &n) && n > exit->cpu_us)
			exit->cpu_us = n;
	}
	if (!v2 && !*l->base[CGROUP_MEMORY])
		return;
	dir_of(l, v2 ? CGROUP_V2 : CGROUP_MEMORY, name, dir);
	if (oom_kills_in(dir, v2, &n) && n > 0)
		exit->oom_killed = true;
	if (read_key(dir, v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL, &n))
		exit->memory_peak = n;
}

/* ---- the end ---- */

/* Waits until one of the processes listed in the directory has ended; kills them first if asked. Returns how many there were. */
static int sweep(const char *dir, bool kill_them)
{
	char pids[PIDS_SHOWN * 8];
	fd_cleanup int last = -1;
	int n = 0;

	if (read_pids(dir, pids, sizeof pids) < 0)
		return 0;
	for (char *rest = NULL, *w = strtok_r(pids, "\n", &rest); w; w = strtok_r(NULL, "\n", &rest)) {
		int pid = (int)strtol(w, NULL, 10);
		int fd = pid > 0 ? proc_pidfd_open(pid) : -1;

		n++;
		if (fd < 0)
			continue;
		if (kill_them)
			(void)proc_pidfd_signal(fd, SIGKILL);
		fd_closep(&last);
		last = fd;
	}
	if (last >= 0)
		(void)proc_pidfd_wait(last, WAIT_MS);
	return n;
}

/* Frozen, a fork bomb cannot outrun the list; a SIGKILL is delivered when it thaws. */
static void kill_v1(const char *dir, bool freezer)
{
	for (int round = 0; round < KILL_ROUNDS; round++) {
		char pids[PIDS_SHOWN * 8];

		if (freezer)
			(void)write_file(dir, "freezer.state", "FROZEN");
		(void)read_pids(dir, pids, sizeof pids);
		for (char *rest = NULL, *w = strtok_r(pids, "\n", &rest); w; w = strtok_r(NULL, "\n", &rest)) {
			if (strtol(w, NULL, 10) > 0)
				(void)kill((pid_t)strtol(w, NULL, 10), SIGKILL);
		}
		if (freezer)
			(void)write_file(dir, "freezer.state", "THAWED");
		if (sweep(dir, true) == 0)
			return;
	}
}

bool cgroup_dir(const char *name, enum cgroup_tree t, char path[static CGROUP_DIR_MAX])
{
	const struct cgroup_layout *l;

	if (!*name || cgroup_machine(&l, NULL) < 0 || !*l->base[t])
		return false;
	dir_of(l, t, name, path);
	return exists(path, "cgroup.procs");
}

int cgroup_kill(const char *name, struct err *err)
{
	const struct cgroup_layout *l;
	char dir[PATH_MAX_HERE];
	int r = cgroup_machine(&l, err);

	if (r < 0)
		return r;
	if (*l->base[CGROUP_V2]) {
		dir_of(l, CGROUP_V2, name, dir);
		r = write_file(dir, "cgroup.kill", "1");
		if (r == 0)
			return 0;
		if (r == -ENOENT && exists(dir, "cgroup.procs"))
			kill_v1(dir, false);
	}
	for (enum cgroup_tree t = CGROUP_CPU; t < CGROUP_TREES; t++) {
		if (!*l->base[t])
			continue;
		dir_of(l, t, name, dir);
		if (exists(dir, "cgroup.procs"))
			kill_v1(dir, t == CGROUP_FREEZER);
	}
	return 0;
}

/* Version 2 tells when the last process has gone: cgroup.events changes and polls as exceptional. */
static void wait_empty_v2(const char *dir)
{
	char path[FILE_MAX], text[256];
	fd_cleanup int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%s/cgroup.events", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, "populated 1")) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};

		(void)poll(&p, 1, WAIT_MS);
	}
}

static int remove_dir(enum cgroup_tree t, const char *dir, int rounds, struct err *err)
{
	for (int round = 0; round < rounds; round++) {
		if (rmdir(dir) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || round + 1 == rounds)
			break;
		if (t == CGROUP_V2)
			wait_empty_v2(dir);
		else
			(void)sweep(dir, false);
	}
	return err_sys(err, errno, "remove the cgroup %s", dir);
}

static int remove_all(const char *name, int rounds, struct err *err)
{
	const struct cgroup_layout *l;
	int first = 0, r = cgroup_machine(&l, err);

	if (r < 0)
		return r;
	for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES; t++) {
		char dir[PATH_MAX_HERE];

		if (!*l->base[t])
			continue;
		dir_of(l, t, name, dir);
		r = remove_dir(t, dir, rounds, first ? NULL : err);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int cgroup_try_remove(const char *name)
{
	return remove_all(name, 1, NULL);
}

int cgroup_remove(const char *name, struct err *err)
{
	return remove_all(name, REMOVE_ROUNDS, err);
}

const char *rt_host_place(void)
{
	const struct cgroup_layout *l;

	return cgroup_machine(&l, NULL) < 0 ? "" : l->base[CGROUP_V2];
}

void rt_host_set_place(const char *place)
{
	const struct cgroup_layout *l;
	size_t n;

	if (cgroup_machine(&l, NULL) < 0 || !*l->v2_root || strlen(place) >= CGROUP_BASE_MAX || strstr(place, "/.."))
		return;
	n = strlen(l->v2_root);
	if (!strncmp(place, l->v2_root, n) && (place[n] == '\0' || place[n] == '/'))
		memcpy(layout.base[CGROUP_V2], place, strlen(place) + 1);
}

void rt_host_release(void)
{
	const struct cgroup_layout *l;

	/* Busy: a container lives on, of ours or of another process. */
	if (cgroup_try_remove("berth") == 0 && cgroup_machine(&l, NULL) == 0 && l->kind == CGROUP_KIND_V2)
		refill_base(l->base[CGROUP_V2]);
}
