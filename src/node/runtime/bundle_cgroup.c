/* SPDX-License-Identifier: Apache-2.0
 *
 * The mount of type "cgroup". In a cgroup namespace of its own a container sees its cgroups as roots, so new mounts show no more than them; in
 * the host's cgroup namespace its own directories are bound instead (CVE-2023-25809: never the whole tree). On version 1 and hybrid machines
 * a tmpfs holds one mount for each hierarchy.
 */
#include "node/runtime/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_box.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct work {
	const struct rt_fs *m;
	bool own_namespace;
	int dir; /* the tmpfs that holds the hierarchies, or the place itself for pure version 2 */
	bool pure;
};

static uint64_t attributes(const struct work *w)
{
	const uint64_t asked = RT_GUARD(R9) ? w->m->attr_set : w->m->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY;

	return asked | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
}

static int new_v2(const struct work *w, struct err *err)
{
	const struct rt_fs_option *o = w->m->options;
	struct mount_option options[16] = {{NULL, NULL}};
	size_t n = 0;

	/* Those of version 1 name a hierarchy; here they go to the kernel as they are. */
	for (; w->pure && o && o[n].key && n < 15; n++)
		options[n] = (struct mount_option){o[n].key, o[n].value};
	options[n] = (struct mount_option){NULL, NULL};
	return mount_new("cgroup2", options, attributes(w), err);
}

/* "memory" or "cpu,cpuacct" are flags, "name=systemd" is a value. */
static int new_v1(const struct work *w, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	struct mount_option options[16] = {{NULL, NULL}};
	size_t n = 0;

	for (char *rest = NULL, *o = strtok_r(copy, ",", &rest); o && n < 15; o = strtok_r(NULL, ",", &rest)) {
		char *eq = strchr(o, '=');

		if (eq)
			*eq = '\0';
		options[n++] = (struct mount_option){o, eq ? eq + 1 : NULL};
	}
	options[n] = (struct mount_option){NULL, NULL};
	return mount_new("cgroup", options, attributes(w), err);
}

static int bind_dir(const struct work *w, const char *dir, struct err *err)
{
	fd_cleanup int fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "copy the mount of %s", dir);
	r = mount_own(fd, false, attributes(w), -1, err);
	return r < 0 ? r : fd_take(&fd);
}

static int open_hierarchy(const struct work *w, const struct cgroup_hierarchy *h, struct err *err)
{
	struct err why = ERR_INIT;
	int fd = -EPERM;

	if (w->own_namespace)
		fd = h->v2 ? new_v2(w, &why) : new_v1(w, h->options, &why);
	/* A user namespace that does not own the cgroup namespace or a hierarchy that cannot be mounted anew: its directory will do. */
	if (fd == -EPERM || fd == -EBUSY || fd == -ENODEV)
		return bind_dir(w, h->dir, err);
	return fd < 0 ? err_set(err, why.code, "%s", why.text) : fd;
}

static int link_aliases(const struct work *w, const struct cgroup_hierarchy *h, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(h->aliases ? h->aliases : "");

	for (char *rest = NULL, *a = strtok_r(copy, ",", &rest); a; a = strtok_r(NULL, ",", &rest)) {
		if (strcmp(a, h->name) != 0 && symlinkat(h->name, w->dir, a) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make the link %s", a);
	}
	return 0;
}

static int mount_one(void *ctx, const struct cgroup_hierarchy *h, struct err *err)
{
	struct work *w = ctx;
	fd_cleanup int fd = open_hierarchy(w, h, err);
	int r;

	if (fd < 0)
		return err_wrap(err, "cgroup %s", h->name);
	if (w->pure)
		return mount_put(fd, w->dir, "", err);
	if (mkdirat(w->dir, h->name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make the directory %s", h->name);
	r = mount_put(fd, w->dir, h->name, err);
	return r < 0 ? r : link_aliases(w, h, err);
}

static int look(void *ctx, const struct cgroup_hierarchy *h, struct err *err)
{
	struct work *w = ctx;

	(void)err;
	w->pure = h->v2 && !*h->name;
	return 0;
}

int bundle_cgroup_mount(struct setup *s, const struct rt_fs *m, int place, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0755"}, {"size", "64k"}, {NULL, NULL}};
	const struct rt_box_attr *box = s->spec->box;
	struct work w = {.m = m, .own_namespace = box->ns[RT_NS_CGROUP].wanted, .dir = place};
	fd_cleanup int tmpfs = -1;
	int r;

	if (!box->cgroup)
		return err_set(err, ENOTSUP, "the container has no cgroups that could be mounted");
	r = cgroup_box_each(box->cgroup, look, &w, err);
	if (r < 0 || w.pure)
		return r < 0 ? r : cgroup_box_each(box->cgroup, mount_one, &w, err);
	tmpfs = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	if (tmpfs < 0)
		return tmpfs;
	r = mount_put(tmpfs, place, "", err);
	w.dir = tmpfs;
	if (r == 0)
		r = cgroup_box_each(box->cgroup, mount_one, &w, err);
	if (r == 0 && (m->attr_set & MOUNT_ATTR_RDONLY))
		r = mount_change(tmpfs, false, MOUNT_ATTR_RDONLY, -1, err);
	return r;
}
