/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int path_of(int fd, char **ret)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path);
	if (n < 0 || (size_t)n == sizeof path)
		return n < 0 ? -errno : -ENAMETOOLONG;
	*ret = mem_strndup(path, (size_t)n);
	return 0;
}

static int read_config(struct oci_bundle *b, const char *file, struct err *err)
{
	fd_cleanup int fd = openat(b->dir, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "JSON specification file %s not found in \"%s\"", file, b->path);
	r = fd < 0 ? -errno : fd_read_all(fd, OCI_CONFIG_MAX, &b->text, &b->n);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "\"%s/%s\" is larger than %u bytes", b->path, file, OCI_CONFIG_MAX);
	return r < 0 ? err_sys(err, -r, "read \"%s/%s\"", b->path, file) : 0;
}

int oci_bundle_open(struct oci_bundle *b, const char *path, const char *file, struct err *err)
{
	int r;

	b->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = b->dir < 0 ? -errno : path_of(b->dir, &b->path);
	if (r < 0)
		return err_sys(err, -r, "open the bundle \"%s\"", path);
	r = read_config(b, file, err);
	return r < 0 ? r : oci_config_parse(b->text, b->n, &b->config, err);
}

int oci_bundle_check(const struct oci_bundle *b, struct err *err)
{
	if (!b->config->has_process)
		return err_set(err, EINVAL, "process property must not be empty");
	if (!b->config->process.args[0])
		return err_set(err, EINVAL, "process.args must not be empty");
	return 0;
}

/* ---- what the configuration names ---- */

static int open_root(struct oci_bundle *b, struct err *err)
{
	int r;

	b->root = openat(b->dir, b->config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = b->root < 0 ? -errno : path_of(b->root, &b->rootfs);
	return r < 0 ? err_sys(err, -r, "root.path: open \"%s\" of the bundle \"%s\"", b->config->root, b->path) : 0;
}

static int open_sources(struct oci_bundle *b, struct err *err)
{
	b->mounts = mem_dup(b->config->box.mounts, b->config->box.n_mounts * sizeof *b->mounts);
	b->box.mounts = b->mounts;
	for (size_t i = 0; i < b->box.n_mounts; i++)
		b->mounts[i].source_fd = -1;
	for (size_t i = 0; i < b->box.n_mounts; i++) {
		struct rt_fs *m = &b->mounts[i];

		if (m->type != RT_FS_BIND)
			continue;
		m->source_fd = openat(b->dir, m->source, O_PATH | O_CLOEXEC);
		if (m->source_fd < 0)
			return err_sys(err, errno, "mounts[%zu].source: open \"%s\" (for \"%s\")", i, m->source,
				       m->target);
	}
	return 0;
}

static int open_namespaces(struct oci_bundle *b, struct err *err)
{
	for (int i = 0; i < RT_NS_TYPES; i++) {
		const char *path = b->config->ns_paths[i];
		int type;

		if (!path)
			continue;
		b->box.ns[i].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (b->box.ns[i].fd < 0)
			return err_sys(err, errno, "linux.namespaces: open the %s namespace \"%s\"",
				       rt_ns_types[i].name, path);
		type = ioctl(b->box.ns[i].fd, NS_GET_NSTYPE);
		if (type != rt_ns_types[i].flag)
			return err_set(err, EINVAL, "linux.namespaces: \"%s\" is not a %s namespace", path,
				       rt_ns_types[i].name);
	}
	return 0;
}

int oci_bundle_filter(const struct seccomp_profile *p, struct rt_filter *ret, struct err *err)
{
	int r = p ? seccomp_compile(p, ret, err) : 0;

	if (r < 0)
		err_wrap(err, "linux.seccomp");
	return r;
}

static int prepare_filter(struct oci_bundle *b, struct err *err)
{
	const struct seccomp_profile *p = b->config->seccomp;
	int r = oci_bundle_filter(p, &b->filter, err);

	if (r < 0 || !p)
		return r;
	b->process.filter = &b->filter;
	return b->filter.notify ? listener_open(p, &b->listener, err) : 0;
}

int oci_bundle_prepare(struct oci_bundle *b, struct err *err)
{
	int r;

	b->process = b->config->process.attr;
	b->box = b->config->box;
	b->box.listener = -1;
	b->box.gate = -1;
	for (int i = 0; i < RT_NS_TYPES; i++)
		b->box.ns[i].fd = -1;
	r = open_root(b, err);
	if (r == 0)
		r = open_namespaces(b, err);
	if (r == 0)
		r = open_sources(b, err);
	if (r == 0)
		r = prepare_filter(b, err);
	b->box.listener = b->listener.sock;
	return r;
}

void oci_bundle_close(struct oci_bundle *b)
{
	for (size_t i = 0; b->mounts && i < b->box.n_mounts; i++)
		fd_closep(&b->mounts[i].source_fd);
	free(b->mounts);
	for (int i = 0; b->root >= 0 && i < RT_NS_TYPES; i++)
		fd_closep(&b->box.ns[i].fd);
	fd_closep(&b->root);
	fd_closep(&b->dir);
	listener_close(&b->listener);
	seccomp_filter_free(&b->filter);
	oci_config_free(b->config);
	free(b->text);
	free(b->path);
	free(b->rootfs);
	*b = (struct oci_bundle)OCI_BUNDLE_NONE;
}
