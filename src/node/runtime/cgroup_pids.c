/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of a box: listing, signalling, and removing the directories when they have ended. One directory tells of all processes, because they are
 * in every hierarchy: version 2's when there is one.
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup_file.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIDS_MAX = 1 << 22, CHUNK = 256, KILL_ROUNDS = 200, REMOVE_MS = 10000, WAIT_MS = 200 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- listing ---- */

struct pid_list {
	pid_t *v;
	size_t n, cap;
};

static void list_freep(struct pid_list *l)
{
	free(l->v);
}

/* A directory that goes away while it is read has no processes any more. A threaded one lists only threads, whose process is listed above. */
static int add_pids(void *ctx, int dir)
{
	struct pid_list *l = ctx;
	mem_cleanup char *text = NULL;
	int r = cgroup_file_read_all(dir, "cgroup.procs", &text);
	char *end;

	if (r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	for (char *p = text; *p; p = end + (*end == '\n')) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		/* 0: a process that the caller's pid namespace does not see. */
		if (pid <= 0)
			continue;
		if (l->n == PIDS_MAX)
			return -E2BIG;
		mem_grow(&l->v, &l->cap, l->n);
		l->v[l->n++] = (pid_t)pid;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorted, each once: a process that moves while the tree is read may be seen twice. */
static int list_pids(const struct cgroup_dir *d, struct pid_list *l)
{
	const struct cgroup_visitor v = {.visit = add_pids, .ctx = l};
	size_t kept = 0;
	int r;

	l->n = 0;
	r = cgroup_tree_walk(d->fd, &v);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, compare);
	for (size_t i = 0; i < l->n; i++) {
		if (kept == 0 || l->v[kept - 1] != l->v[i])
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return r;
}

static const struct cgroup_dir *dir_with_pids(const struct cgroup_box *b)
{
	const struct cgroup_dir *d = cgroup_box_v2(b);

	if (!d)
		d = cgroup_box_v1(b, "freezer");
	for (size_t i = 0; i < b->n && !d; i++)
		d = b->v[i].fd >= 0 ? &b->v[i] : NULL;
	return d;
}

int cgroup_box_pids(const struct cgroup_box *b, pid_t **ret, size_t *ret_n, struct err *err)
{
	cleanup_with(list_freep) struct pid_list l = {.v = NULL};
	const struct cgroup_dir *d = dir_with_pids(b);
	int r = d ? list_pids(d, &l) : 0;

	if (r < 0)
		return err_sys(err, -r, "list the processes of the cgroup %s", d->where);
	*ret = mem_take(l.v);
	*ret_n = l.n;
	return 0;
}

/* ---- signalling ---- */

/* A pid may be another's by the time it is used. A descriptor is taken first; if the pid is in the list still, the descriptor is of a
 * process of the box, or of one that has ended. */
static int signal_chunk(const struct cgroup_dir *d, const pid_t *pids, size_t n, int signal)
{
	cleanup_with(list_freep) struct pid_list again = {.v = NULL};
	int fds[CHUNK], first = 0, r;

	for (size_t i = 0; i < n; i++)
		fds[i] = proc_pidfd_open(pids[i]);
	r = list_pids(d, &again);
	for (size_t i = 0; i < n; i++) {
		const bool still =
		    r == 0 && again.n > 0 && bsearch(&pids[i], again.v, again.n, sizeof *again.v, compare);
		int s = still && fds[i] >= 0 ? proc_pidfd_signal(fds[i], signal) : 0;

		if (s < 0 && s != -ESRCH && first == 0)
			first = s;
		fd_closep(&fds[i]);
	}
	return r < 0 ? r : first;
}

/* Returns how many there were, or a negative errno. */
static int signal_all(const struct cgroup_dir *d, int signal)
{
	cleanup_with(list_freep) struct pid_list l = {.v = NULL};
	int first = 0, r = list_pids(d, &l);

	for (size_t i = 0; i < l.n && r == 0; i += CHUNK) {
		int s = signal_chunk(d, l.v + i, l.n - i < CHUNK ? l.n - i : CHUNK, signal);

		first = first < 0 ? first : s;
	}
	return r < 0 ? r : first < 0 ? first : (int)l.n;
}

/* Waits a moment for one of the processes to end. */
static void wait_for_one(const struct cgroup_dir *d)
{
	cleanup_with(list_freep) struct pid_list l = {.v = NULL};
	fd_cleanup int fd = -1;

	if (list_pids(d, &l) == 0 && l.n > 0)
		fd = proc_pidfd_open(l.v[l.n - 1]);
	if (fd >= 0)
		(void)proc_pidfd_wait(fd, WAIT_MS);
}

/* Frozen, a fork bomb cannot outrun the list; version 1 delivers the signal when it thaws. */
static int kill_all(const struct cgroup_dir *d, const struct cgroup_dir *freezer)
{
	int r = 1;

	for (int i = 0; i < KILL_ROUNDS && r > 0; i++) {
		if (freezer)
			(void)cgroup_file_write(freezer->fd, "freezer.state", "FROZEN");
		r = signal_all(d, SIGKILL);
		if (freezer)
			(void)cgroup_file_write(freezer->fd, "freezer.state", "THAWED");
		if (r > 0)
			wait_for_one(d);
	}
	return r > 0 ? -EBUSY : r;
}

static int signal_box(const struct cgroup_box *b, const struct cgroup_dir *d, int signal)
{
	const struct cgroup_dir *freezer = cgroup_box_v1(b, "freezer");
	int r = -ENOENT;

	if (signal == SIGKILL && d->v2)
		r = cgroup_file_write(d->fd, "cgroup.kill", "1");
	/* Whom version 1's freezer holds cannot die. */
	if (r == 0 && freezer)
		(void)cgroup_file_write(freezer->fd, "freezer.state", "THAWED");
	if (r != -ENOENT)
		return r;
	return signal == SIGKILL ? kill_all(d, freezer) : signal_all(d, signal);
}

int cgroup_box_signal(const struct cgroup_box *b, int signal, struct err *err)
{
	const struct cgroup_dir *d = dir_with_pids(b);
	int r = d ? signal_box(b, d, signal) : 0;

	if (r == -ENODEV || r >= 0)
		return 0;
	return err_sys(err, -r, "send signal %d to the processes of the cgroup %s", signal, d->where);
}

/* ---- removing ---- */

static int remove_child(void *ctx, int parent, const char *name)
{
	int *busy = ctx;

	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		if (errno != EBUSY)
			return -errno;
		*busy = 1;
	}
	return 0;
}

static int remove_once(const struct cgroup_dir *d)
{
	mem_cleanup char *above = mem_strdup(d->path + 1);
	char *slash = strrchr(above, '/');
	int busy = 0;
	const struct cgroup_visitor v = {.leave = remove_child, .ctx = &busy};
	fd_cleanup int parent = -1;
	int r = cgroup_tree_walk(d->fd, &v);

	if (slash)
		*slash = '\0';
	if (r < 0 || busy)
		return r < 0 ? r : -EBUSY;
	parent = cgroup_file_open(d->root, slash ? above : ".", O_RDONLY | O_DIRECTORY);
	if (parent < 0)
		return parent;
	return unlinkat(parent, slash ? slash + 1 : above, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Version 2 tells when the last process has gone: cgroup.events changes and polls as exceptional. */
static void wait_empty(const struct cgroup_dir *d)
{
	fd_cleanup int events = d->v2 ? cgroup_file_open(d->fd, "cgroup.events", O_RDONLY) : -1;
	char text[256] = "";

	if (events < 0) {
		wait_for_one(d);
	} else if (pread(events, text, sizeof text - 1, 0) > 0 && strstr(text, "populated 1")) {
		struct pollfd p = {.fd = events, .events = POLLPRI};

		(void)poll(&p, 1, WAIT_MS);
	}
}

static int remove_dir(struct cgroup_dir *d, int64_t end, struct err *err)
{
	const struct timespec pause = {.tv_nsec = 200000};
	int r;

	/* A process on its way out is not listed any more, but the kernel says EBUSY until it is gone for good: nobody tells when. */
	while ((r = remove_once(d)) == -EBUSY && now_ms() < end) {
		wait_empty(d);
		(void)nanosleep(&pause, NULL);
	}
	if (r < 0 && r != -ENOENT)
		return err_sys(err, -r, "remove the cgroup %s", d->where);
	fd_closep(&d->fd);
	return 0;
}

int cgroup_box_remove(struct cgroup_box *b, struct err *err)
{
	const int64_t end = now_ms() + REMOVE_MS;
	int first = 0;

	for (size_t i = 0; i < b->n; i++) {
		int r = b->v[i].fd < 0 ? 0 : remove_dir(&b->v[i], end, first ? NULL : err);

		first = first ? first : r;
	}
	return first;
}
