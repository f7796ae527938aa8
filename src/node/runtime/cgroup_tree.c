/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, walking and removing directories of a hierarchy. A container with a cgroup of its own may nest others below it to any depth, so a
 * walk keeps the names of the siblings and one descriptor, and goes up by ".." (a cgroup cannot be moved to another parent).
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST_MAX = 1024, MAKE_TRIES = 5, DEPTH_MAX = 1 << 16, GROUPS_MAX = 1 << 20 };

/* ---- controllers of version 2 ---- */

static void explain_blocked(struct cgroup_box *b, const char *where, const char *controller, int r)
{
	const char *why = strerror(-r);

	if (*b->blocked)
		return;
	if (r == -EBUSY)
		why = "it has processes of its own, so it has no controllers to give (\"no internal processes\")";
	else if (r == -EOPNOTSUPP)
		why = "it is threaded (cgroup.type)";
	snprintf(b->blocked, sizeof b->blocked, "the cgroup %.256s cannot give \"%.64s\" to those below: %s", where,
		 controller, why);
}

/* The root alone may have processes and give controllers (it has no cgroup.type). The kernel would let another one with processes give those that
 * can be divided among threads, but then what is below becomes threaded and takes no process. */
static bool is_inhabited(int dir)
{
	char text[64];

	return cgroup_file_read(dir, "cgroup.type", text, sizeof text) == 0 &&
	       cgroup_file_read(dir, "cgroup.procs", text, sizeof text) == 0 && *text;
}

/* Gives to those below all that the directory has itself. What cannot be had is an error only when a limit asks for it. */
static void enable_controllers(struct cgroup_box *b, int dir, const char *where)
{
	char has[LIST_MAX], gives[LIST_MAX], wanted[LIST_MAX] = "";
	char *rest = NULL;
	size_t n = 0;

	if (cgroup_file_read(dir, "cgroup.controllers", has, sizeof has) < 0 ||
	    cgroup_file_read(dir, "cgroup.subtree_control", gives, sizeof gives) < 0)
		return;
	for (char *p = gives; *p; p++)
		*p = *p == ' ' || *p == '\n' ? ',' : *p;
	for (char *w = strtok_r(has, " \n", &rest); w; w = strtok_r(NULL, " \n", &rest)) {
		if (!cgroup_mounts_has(gives, w) && n + strlen(w) + 3 < sizeof wanted)
			n += (size_t)snprintf(wanted + n, sizeof wanted - n, "%s+%s", n ? " " : "", w);
	}
	if (n > 0 && is_inhabited(dir)) {
		explain_blocked(b, where, wanted + 1, -EBUSY);
		return;
	}
	if (n == 0 || cgroup_file_write(dir, "cgroup.subtree_control", wanted) == 0)
		return;
	for (char *w = strtok_r(wanted, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		int r = cgroup_file_write(dir, "cgroup.subtree_control", w);

		if (r < 0)
			explain_blocked(b, where, w + 1, r);
	}
}

static int check_type(const struct cgroup_dir *d, struct err *err)
{
	char type[64];

	if (!d->v2 || cgroup_file_read(d->fd, "cgroup.type", type, sizeof type) < 0)
		return 0;
	type[strcspn(type, "\n")] = '\0';
	if (!strcmp(type, "domain invalid") || !strcmp(type, "threaded"))
		return err_set(err, EOPNOTSUPP,
			       "the cgroup %s is \"%s\": one above it is threaded, so it takes no processes", d->where,
			       type);
	return 0;
}

/* ---- version 1's cpuset: a new directory takes no process before it has processors and memory nodes ---- */

static int inherit_cpuset(int parent, int dir, const char *where, struct err *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < 2; i++) {
		mem_cleanup char *now = NULL, *above = NULL;
		int r = cgroup_file_read_all(dir, files[i], &now);

		if (r == 0 && *now && *now != '\n')
			continue;
		if (r == 0)
			r = cgroup_file_read_all(parent, files[i], &above);
		if (r == 0)
			r = cgroup_file_write(dir, files[i], above);
		if (r < 0)
			return err_sys(err, -r, "give the cgroup %s the %s of the one above", where, files[i]);
	}
	return 0;
}

/* ---- making ---- */

/* One component; the new directory replaces *fd. 1 = it was made, 0 = it was there. */
static int make_step(const char *name, int *fd)
{
	int made = mkdirat(*fd, name, 0755) == 0;
	int next, r = made ? 0 : -errno;

	if (r < 0 && r != -EEXIST)
		return r;
	next = cgroup_file_open(*fd, name, O_RDONLY | O_DIRECTORY);
	if (next < 0) {
		if (made)
			(void)unlinkat(*fd, name, AT_REMOVEDIR);
		return next;
	}
	fd_closep(fd);
	*fd = next;
	return made;
}

static int make_path(struct cgroup_box *b, struct cgroup_dir *d, bool enable, struct err *err)
{
	const bool cpuset = !d->v2 && cgroup_mounts_has(d->controllers, "cpuset");
	mem_cleanup char *path = mem_strdup(d->path), *where = mem_strdup(d->point);
	fd_cleanup int fd = cgroup_file_open(d->root, ".", O_RDONLY | O_DIRECTORY);
	char *rest = NULL;

	if (fd < 0)
		return err_sys(err, -fd, "open %s", d->point);
	for (char *name = strtok_r(path, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
		fd_cleanup int parent = cpuset ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
		char *down = mem_printf("%s/%s", where, name);
		int r;

		if (enable && d->v2)
			enable_controllers(b, fd, where);
		free(where);
		where = down;
		r = make_step(name, &fd);
		if (r < 0)
			return err_sys(err, -r, "make the cgroup %s", where);
		d->made += (size_t)r;
		if (cpuset) {
			r = inherit_cpuset(parent, fd, where, err);
			if (r < 0)
				return r;
		}
	}
	d->fd = fd_take(&fd);
	return check_type(d, err);
}

int cgroup_tree_make(struct cgroup_box *b, struct cgroup_dir *d, bool enable, struct err *err)
{
	int r = -ENOENT;

	/* Another's failed start may take the upper directories away between two steps. */
	for (int i = 0; i < MAKE_TRIES && r == -ENOENT; i++) {
		d->made = 0;
		r = make_path(b, d, enable, err);
	}
	if (r < 0)
		cgroup_tree_unmake(d);
	return r;
}

void cgroup_tree_unmake(struct cgroup_dir *d)
{
	mem_cleanup char *path = mem_strdup(d->path + 1);

	fd_closep(&d->fd);
	for (; d->made > 0; d->made--) {
		char *slash = strrchr(path, '/');
		fd_cleanup int parent = -1;

		if (slash)
			*slash = '\0';
		parent = cgroup_file_open(d->root, slash ? path : ".", O_RDONLY | O_DIRECTORY);
		if (parent >= 0)
			(void)unlinkat(parent, slash ? slash + 1 : path, AT_REMOVEDIR);
		if (!slash)
			break;
	}
	d->made = 0;
}

/* ---- walking ---- */

struct level {
	char **names;
	size_t n, cap, next;
};

struct walk {
	struct level *v;
	size_t n, cap, seen;
};

static void level_free(struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct level){.names = NULL};
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		level_free(&w->v[i]);
	free(w->v);
}

static int list_groups(struct walk *w, int dir, struct level *l)
{
	int fd = cgroup_file_open(dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int r = fd < 0 ? fd : -errno;

		fd_closep(&fd);
		return r == -ENOENT ? 0 : r;
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (++w->seen > GROUPS_MAX)
			break;
		mem_grow(&l->names, &l->cap, l->n);
		l->names[l->n++] = mem_strdup(e->d_name);
	}
	closedir(d);
	return w->seen > GROUPS_MAX ? -E2BIG : 0;
}

static int enter_level(struct walk *w, const struct cgroup_visitor *v, int dir)
{
	int r = v->visit ? v->visit(v->ctx, dir) : 0;

	if (r < 0)
		return r;
	if (w->n == DEPTH_MAX)
		return -E2BIG;
	mem_grow(&w->v, &w->cap, w->n);
	return list_groups(w, dir, &w->v[w->n++]);
}

static int go_up(int *fd)
{
	int up = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (up < 0)
		return -errno;
	fd_closep(fd);
	*fd = up;
	return 0;
}

static int leave_level(struct walk *w, const struct cgroup_visitor *v, int *fd)
{
	struct level *above;
	int r;

	level_free(&w->v[--w->n]);
	if (w->n == 0)
		return 0;
	above = &w->v[w->n - 1];
	r = go_up(fd);
	return r == 0 && v->leave ? v->leave(v->ctx, *fd, above->names[above->next - 1]) : r;
}

int cgroup_tree_walk(int dir, const struct cgroup_visitor *v)
{
	cleanup_with(walk_free) struct walk w = {.v = NULL};
	fd_cleanup int fd = cgroup_file_open(dir, ".", O_RDONLY | O_DIRECTORY);
	int r = fd < 0 ? fd : enter_level(&w, v, fd);

	while (r >= 0 && w.n > 0) {
		struct level *l = &w.v[w.n - 1];
		int down;

		if (l->next == l->n) {
			r = leave_level(&w, v, &fd);
			continue;
		}
		down = cgroup_file_open(fd, l->names[l->next++], O_RDONLY | O_DIRECTORY);
		if (down == -ENOENT)
			continue;
		if (down < 0)
			return down;
		fd_closep(&fd);
		fd = down;
		r = enter_level(&w, v, fd);
	}
	return r;
}
