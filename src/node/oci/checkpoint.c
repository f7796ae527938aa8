/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/checkpoint.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/oci/config.h"
#include "node/oci/lifecycle.h"
#include "base/wire/protobuf.h"
#include "node/oci/record.h"
#include "node/runtime/cgroup_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct dump {
	const struct oci_checkpoint *o;
	const struct oci_container *container;
	struct oci_config *config;
	struct criu criu;
	struct criu_dirs dirs;
	char *stdio[3];
	int root;
};

static int check(const struct oci_container *c, struct err *err)
{
	if (c->status != OCI_RUNNING && c->status != OCI_PAUSED)
		return err_set(err, EBUSY, "Container cannot be checkpointed in %s state", oci_status_names[c->status]);
	return 0;
}

/* criu takes it from the image's folder, and would only warn of one that is not there. */
static int check_parent(const struct dump *d, struct err *err)
{
	const char *path = d->o->image.parent_path;
	struct stat st;

	if (!path)
		return 0;
	if (*path == '/')
		return err_set(err, EINVAL, "--parent-path must be relative, to the image's folder");
	if (fstatat(d->dirs.image, path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, EINVAL, "--parent-path: there is no folder \"%s\" beside the image's files", path);
	return 0;
}

static int open_root(struct dump *d, struct err *err)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/%d/root", (int)d->container->state->pid);
	d->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->root < 0 ? err_sys(err, errno, "open the root of process %d", (int)d->container->state->pid) : 0;
}

/* Host directories and devices are no part of the image: restore is given them anew, by the name of their place. */
static int add_mount(struct dump *d, const char *target, struct err *err)
{
	mem_cleanup char *place = NULL;
	int r = criu_image_place(d->root, "", target, &place, err);

	if (r == 0)
		criu_add_pair(&d->criu, CRIU_EXT_MNT, place, place);
	return r;
}

static int add_mounts(struct dump *d, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->config->box.n_mounts; i++) {
		if (d->config->box.mounts[i].type == RT_FS_BIND)
			r = add_mount(d, d->config->box.mounts[i].target, err);
	}
	return r;
}

/* What covers files that are masked is the null device; a directory has a file system of its own. */
static void add_masks(struct dump *d)
{
	for (const char *const *path = d->config->box.masked; path && *path; path++) {
		fd_cleanup int fd = fs_open_in(d->root, *path, O_PATH, 0, FS_IN_ROOT, NULL);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
			criu_add_pair(&d->criu, CRIU_EXT_MNT, *path, "/dev/null");
	}
}

static int add_hierarchy(void *ctx, const struct cgroup_hierarchy *h, struct err *err)
{
	struct dump *d = ctx;

	(void)err;
	if (h->v2 ? *h->name == '\0' : strcmp(h->name, "freezer") == 0)
		pb_text(&d->criu.opts, CRIU_FREEZE_CGROUP, h->dir);
	return 0;
}

/* A namespace that was joined is the host's, too. */
static int add_namespaces(struct dump *d, struct err *err)
{
	static const struct {
		enum rt_ns type;
		const char *name, *key;
	} rows[] = {{RT_NS_NETWORK, "net", "extRootNetNS"}, {RT_NS_PID, "pid", "extRootPidNS"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *path = d->config->ns_paths[rows[i].type];
		char name[64];
		struct stat st;

		if (!path)
			continue;
		if (stat(path, &st) < 0)
			return err_sys(err, errno, "look at the namespace \"%s\"", path);
		snprintf(name, sizeof name, "%s[%llu]:%s", rows[i].name, (unsigned long long)st.st_ino, rows[i].key);
		pb_text(&d->criu.opts, CRIU_EXTERNAL, name);
	}
	return 0;
}

static int add_stdio(struct dump *d, struct err *err)
{
	int r = criu_image_stdio(d->container->state->pid, d->stdio, err);

	for (int i = 0; i < 3 && r == 0; i++) {
		if (strncmp(d->stdio[i], "file[", 5) == 0)
			pb_text(&d->criu.opts, CRIU_EXTERNAL, d->stdio[i]);
	}
	return r == 0 ? criu_image_write_stdio(d->dirs.image, d->stdio, err) : r;
}

static void add_process(struct dump *d)
{
	pb_number(&d->criu.opts, CRIU_PID, (uint64_t)d->container->state->pid);
	pb_text(&d->criu.opts, CRIU_ROOT, d->container->state->rootfs);
	if (d->o->leave_running)
		pb_number(&d->criu.opts, CRIU_LEAVE_RUNNING, 1);
	if (d->container->cgroup)
		(void)cgroup_box_each(d->container->cgroup, add_hierarchy, d, NULL);
	criu_image_config(d->config, &d->criu);
}

static int on_notify(void *ctx, const char *what, pid_t pid, int fd, struct err *err)
{
	const struct dump *d = ctx;

	(void)pid;
	fd_closep(&fd);
	if (strcmp(what, "status-ready") != 0 || d->o->status_fd < 0)
		return 0;
	return write(d->o->status_fd, "", 1) == 1 ? 0 : err_sys(err, errno, "write to --status-fd");
}

static int run(struct dump *d, struct err *err)
{
	bool all = !d->o->pre_dump;
	pid_t pid;
	int r = oci_record_config(d->container->dir, &d->config, err);

	if (r == 0)
		r = criu_image_open(&d->o->image, true, "dump.log", &d->criu, &d->dirs, err);
	if (r == 0)
		r = check_parent(d, err);
	if (r == 0)
		r = open_root(d, err);
	if (r < 0)
		return r;
	add_process(d);
	r = add_namespaces(d, err);
	if (r == 0 && all)
		r = add_mounts(d, err);
	if (r == 0 && all)
		r = add_stdio(d, err);
	if (all)
		add_masks(d);
	return r == 0 ? criu_run(&d->criu, all ? CRIU_DUMP : CRIU_PRE_DUMP, &pid, err) : r;
}

static int dump(const char *program, const struct oci_checkpoint *o, const struct oci_container *c, struct err *err)
{
	struct dump d = {.o = o,
			 .container = c,
			 .criu = {.path = program, .ctx = &d, .notify = on_notify},
			 .dirs = CRIU_DIRS_NONE,
			 .root = -1};
	int r = run(&d, err);

	for (int i = 0; i < 3; i++)
		free(d.stdio[i]);
	fd_closep(&d.root);
	criu_image_close(&d.dirs);
	criu_free(&d.criu);
	oci_config_free(d.config);
	return r;
}

int oci_dump(const struct oci_runtime *rt, const struct oci_checkpoint *o, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	const char *program = NULL;
	int r = criu_image_check(&o->image, err);

	if (r == 0)
		r = oci_open(rt, o->id, false, &c, err);
	if (r == 0)
		r = check(&c, err);
	if (r == 0)
		r = criu_find(&program, err);
	if (r == 0)
		r = dump(program, o, &c, err);
	oci_close(&c);
	return r < 0 || o->leave_running || o->pre_dump ? r : oci_delete(rt, o->id, true, err);
}
