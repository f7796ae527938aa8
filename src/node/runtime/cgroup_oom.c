/* SPDX-License-Identifier: Apache-2.0
 *
 * News of a box that has run out of memory. Version 1: an eventfd, registered in cgroup.event_control. Version 2: inotify on memory.events.
 */
#include "node/runtime/cgroup.h"
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/runtime/cgroup_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

/* The registration lives as long as the eventfd. */
static int watch_v1(int dir)
{
	fd_cleanup int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fd_cleanup int control = cgroup_file_open(dir, "memory.oom_control", O_RDONLY);
	char text[32];
	int r;

	if (event < 0)
		return -errno;
	if (control < 0)
		return control;
	snprintf(text, sizeof text, "%d %d", event, control);
	r = cgroup_file_write(dir, "cgroup.event_control", text);
	return r < 0 ? r : fd_take(&event);
}

static int watch_v2(int dir)
{
	fd_cleanup int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	fd_cleanup int events = cgroup_file_open(dir, "memory.events", O_RDONLY);
	char path[48];

	if (watch < 0)
		return -errno;
	if (events < 0)
		return events;
	/* inotify takes only paths; this one is the descriptor. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", events);
	return inotify_add_watch(watch, path, IN_MODIFY) < 0 ? -errno : fd_take(&watch);
}

int cgroup_box_oom_fd(const struct cgroup_box *b, bool *ret_v2, struct err *err)
{
	const struct cgroup_dir *d = cgroup_box_v1(b, "memory");
	int r;

	if (!d && cgroup_box_v2_has(b, "memory"))
		d = cgroup_box_v2(b);
	if (!d)
		return err_set(err, ENOTSUP, "this container has no cgroup that counts memory");
	r = d->v2 ? watch_v2(d->fd) : watch_v1(d->fd);
	*ret_v2 = d->v2;
	return r < 0 ? err_sys(err, -r, "watch the memory of the cgroup %s", d->where) : r;
}

int cgroup_oom_fd(const char *name, bool *ret_v2, struct err *err)
{
	const struct cgroup_layout *l;
	char path[CGROUP_DIR_MAX];
	fd_cleanup int dir = -1;
	bool v2;
	int r = cgroup_machine(&l, err);

	if (r < 0)
		return r;
	v2 = l->kind == CGROUP_KIND_V2;
	if (!cgroup_dir(name, v2 ? CGROUP_V2 : CGROUP_MEMORY, path))
		return err_set(err, ENOTSUP, "this container has no cgroup that counts memory");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : v2 ? watch_v2(dir) : watch_v1(dir);
	*ret_v2 = v2;
	return r < 0 ? err_sys(err, -r, "watch the memory of the cgroup %s", path) : r;
}
