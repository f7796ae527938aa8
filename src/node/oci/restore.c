/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/restore.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/oci/bundle.h"
#include "node/oci/criu_image.h"
#include "base/wire/protobuf.h"
#include "node/runtime/rt.h"
#include "node/runtime/setup.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PLACE "criu-root" /* in the state directory: where criu sees the root */

struct work {
	const struct restore *r;
	struct criu criu;
	struct criu_dirs dirs;
	struct rt_box box;
	char *place;
	char *stdio[3];
};

static int find_criu(struct work *w, struct err *err)
{
	return criu_find(&w->criu.path, err);
}

static int open_image(struct work *w, struct err *err)
{
	int r = criu_image_open(w->r->image, false, "restore.log", &w->criu, &w->dirs, err);

	pb_number(&w->criu.opts, CRIU_EVASIVE_DEVICES, 1);
	pb_number(&w->criu.opts, CRIU_RST_SIBLING, 1);
	criu_image_config(w->r->bundle->config, &w->criu);
	return r;
}

static int make_place(struct work *w, struct err *err)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", w->r->dir);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0 || (mkdirat(w->r->dir, PLACE, 0755) < 0 && errno != EEXIST))
		return err_sys(err, errno, "make a place for the container's root");
	path[n] = '\0';
	w->place = mem_printf("%s/" PLACE, path);
	w->criu.root = w->r->bundle->rootfs;
	w->criu.place = w->place;
	pb_text(&w->criu.opts, CRIU_ROOT, w->place);
	return 0;
}

/* ---- mounts ---- */

static bool is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	while (n > 1 && above[n - 1] == '/')
		n--;
	return strncmp(path, above, n) == 0 && path[n] == '/';
}

/* The last mount before it that covers its place. */
static const struct rt_fs *mount_above(const struct rt_box_attr *box, size_t i)
{
	const struct rt_fs *above = NULL;

	for (size_t j = 0; j < i; j++) {
		if (is_below(box->mounts[i].target, box->mounts[j].target))
			above = &box->mounts[j];
	}
	return above;
}

/* criu makes no mount points but in file systems whose content it restores: in the root and in directories of the host that is for us. */
static int make_mount_point(const struct work *w, size_t i, struct err *err)
{
	const struct rt_box_attr *box = &w->r->bundle->box;
	const struct rt_fs *m = &box->mounts[i], *above = mount_above(box, i);
	const char *target = above ? m->target + strlen(above->target) : m->target;
	struct stat st = {.st_mode = S_IFDIR};
	int fd;

	if (m->type == RT_FS_CGROUP || (above && above->type != RT_FS_BIND))
		return 0;
	if (m->type == RT_FS_BIND && fstat(m->source_fd, &st) < 0)
		return err_sys(err, errno, "look at \"%s\"", m->source);
	fd = mounts_open_target(above ? above->source_fd : w->r->bundle->root, target, S_ISDIR(st.st_mode), err);
	if (fd < 0)
		return err_wrap(err, "%s", m->target);
	close(fd);
	return 0;
}

static int name_bind(struct work *w, const struct rt_fs *m, struct err *err)
{
	char link[40], source[PATH_MAX];
	mem_cleanup char *place = NULL;
	ssize_t n;
	int r = criu_image_place(w->r->bundle->root, w->r->bundle->rootfs, m->target, &place, NULL);

	/* Below another mount it has no place in the bare root, and its name is as it was written. */
	if (r < 0)
		place = mem_strdup(m->target);
	snprintf(link, sizeof link, "/proc/self/fd/%d", m->source_fd);
	n = readlink(link, source, sizeof source - 1);
	if (n < 0)
		return err_sys(err, errno, "find the path of \"%s\"", m->source);
	source[n] = '\0';
	criu_add_pair(&w->criu, CRIU_EXT_MNT, place, source);
	return 0;
}

static int add_mounts(struct work *w, struct err *err)
{
	const struct rt_box_attr *box = &w->r->bundle->box;
	int r = 0;

	for (size_t i = 0; i < box->n_mounts && r == 0; i++) {
		r = make_mount_point(w, i, err);
		if (r == 0 && box->mounts[i].type == RT_FS_BIND)
			r = name_bind(w, &box->mounts[i], err);
	}
	criu_add_pair(&w->criu, CRIU_EXT_MNT, "/dev/null", "/dev/null");
	return r;
}

/* ---- what else comes from outside ---- */

static int add_namespaces(struct work *w, struct err *err)
{
	static const char *const types[RT_NS_TYPES] = {[RT_NS_MOUNT] = "mnt",
						       [RT_NS_IPC] = "ipc",
						       [RT_NS_UTS] = "uts",
						       [RT_NS_USER] = "user",
						       [RT_NS_TIME] = "time"};
	const struct oci_bundle *b = w->r->bundle;

	for (int i = 0; i < RT_NS_TYPES; i++) {
		const char *path = b->config->ns_paths[i];

		if (!path)
			continue;
		if (i == RT_NS_CGROUP)
			return err_set(err, ENOTSUP,
				       "a container that joins a cgroup namespace (\"%s\") cannot be restored", path);
		if (i == RT_NS_NETWORK || i == RT_NS_PID) {
			criu_add_count(&w->criu, CRIU_INHERIT_FD, i == RT_NS_PID ? "extRootPidNS" : "extRootNetNS",
				       CRIU_FIRST_FD + (int)w->criu.n_fds);
			w->criu.fds[w->criu.n_fds++] = b->box.ns[i].fd;
		} else {
			criu_add_pair(&w->criu, CRIU_JOIN_NS, types[i], path);
		}
	}
	return 0;
}

/* What the checkpoint had from outside as standard descriptors is ours now. */
static int add_stdio(struct work *w, struct err *err)
{
	int r = criu_image_read_stdio(w->dirs.image, w->stdio, err);

	for (int fd = 0; fd < 3 && r == 0; fd++) {
		if (criu_image_is_outside(w->stdio[fd]))
			criu_add_count(&w->criu, CRIU_INHERIT_FD, w->stdio[fd], fd);
	}
	return r;
}

static int on_notify(void *ctx, const char *what, pid_t pid, int fd, struct err *err)
{
	struct work *w = ctx;

	if (strcmp(what, "orphan-pts-master") == 0 && fd >= 0 && w->box.terminal_fd < 0)
		w->box.terminal_fd = fd_take(&fd);
	fd_closep(&fd);
	return strcmp(what, "setup-namespaces") == 0 ? w->r->create_runtime(w->r->ctx, pid, err) : 0;
}

static int run_criu(struct work *w, struct err *err)
{
	pid_t pid = 0;
	int r = criu_run(&w->criu, CRIU_RESTORE, &pid, err);

	if (r < 0)
		return r;
	w->box.pid = pid;
	w->box.pidfd = proc_pidfd_open(pid);
	if (w->box.pidfd < 0)
		return err_sys(err, -w->box.pidfd, "open the restored process %d", (int)pid);
	return proc_start_time(pid, &w->box.start_time, err);
}

static int (*const steps[])(struct work *w, struct err *err) = {
    find_criu, open_image, make_place, add_mounts, add_namespaces, add_stdio, run_criu,
};

static void undo(struct work *w)
{
	if (w->box.pid > 0) {
		(void)kill(w->box.pid, SIGKILL);
		(void)waitpid(w->box.pid, NULL, 0);
	}
	fd_closep(&w->box.pidfd);
	fd_closep(&w->box.terminal_fd);
}

int oci_revive(const struct restore *r, struct rt_box *ret, struct err *err)
{
	struct work w = {.r = r, .dirs = CRIU_DIRS_NONE};
	int result = 0;

	w.criu = (struct criu){.cgroup = r->cgroup, .stdio = true, .ctx = &w, .notify = on_notify};
	w.box = (struct rt_box){.pid = -1, .pidfd = -1, .status_fd = -1, .terminal_fd = -1};
	for (size_t i = 0; i < sizeof steps / sizeof *steps && result == 0; i++)
		result = steps[i](&w, err);
	if (result < 0)
		undo(&w);
	else
		*ret = w.box;
	(void)unlinkat(r->dir, PLACE, AT_REMOVEDIR);
	free(w.place);
	for (int i = 0; i < 3; i++)
		free(w.stdio[i]);
	criu_image_close(&w.dirs);
	criu_free(&w.criu);
	return result;
}
