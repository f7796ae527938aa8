/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/record.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/oci/bundle.h"
#include "node/oci/state.h"
#include "node/runtime/cgroup_box.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/uio.h>

#define CONFIG_FILE "config.json"
#define FILTER_FILE "filter"

struct filter_head {
	uint32_t n, flags, notify;
};

void oci_record_fill(struct oci_state *s, const struct oci_bundle *b, const char *id, const char *created)
{
	const struct oci_config *c = b->config;

	*s = (struct oci_state){.version = c->version,
				.id = id,
				.bundle = b->path,
				.rootfs = b->rootfs,
				.created = created,
				.cgroup = "",
				.owner = geteuid(),
				.creating = true,
				.shared_pid = !c->box.ns[RT_NS_PID].wanted || c->ns_paths[RT_NS_PID],
				.poststart = c->hooks[RT_HOOK_POSTSTART].n > 0,
				.poststop = c->hooks[RT_HOOK_POSTSTOP].n > 0,
				.annotations = c->annotations,
				.n_annotations = c->n_annotations};
}

/* Nobody reads them before state.json is there: they need not appear at once. */
static int write_copy(int dir, const char *name, const struct iovec *parts, int n_parts, struct err *err)
{
	fd_cleanup int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : 0;

	for (int i = 0; i < n_parts && r == 0; i++)
		r = fd_write_all(fd, parts[i].iov_base, parts[i].iov_len);
	return r < 0 ? err_sys(err, -r, "write \"%s\" of the container's state", name) : 0;
}

int oci_record_copies(int dir, const struct oci_bundle *b, struct err *err)
{
	struct filter_head head = {.n = (uint32_t)b->filter.n, .flags = b->filter.flags, .notify = b->filter.notify};
	const struct iovec config = {.iov_base = b->text, .iov_len = b->n};
	const struct iovec filter[] = {
	    {.iov_base = &head, .iov_len = sizeof head},
	    {.iov_base = (void *)b->filter.code, .iov_len = b->filter.n * sizeof *b->filter.code}};
	int r = write_copy(dir, CONFIG_FILE, &config, 1, err);

	return r == 0 && b->process.filter ? write_copy(dir, FILTER_FILE, filter, 2, err) : r;
}

int oci_record_config(int dir, struct oci_config **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(dir, CONFIG_FILE, OCI_CONFIG_MAX, &text, &n, err);

	return r < 0 ? r : oci_config_parse(text, n, ret, err);
}

int oci_record_filter(int dir, struct rt_filter *ret, bool *ret_there, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct filter_head head;
	struct err why = ERR_INIT;
	size_t n = 0, size;
	int r = fs_read(dir, FILTER_FILE, sizeof head + BPF_MAXINSNS * sizeof(struct sock_filter), &text, &n, &why);

	*ret_there = false;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, -r, "%s", why.text);
	if (n < sizeof head)
		return err_set(err, EINVAL, "the saved filter is damaged");
	memcpy(&head, text, sizeof head);
	size = head.n * sizeof(struct sock_filter);
	if (head.n == 0 || head.n > BPF_MAXINSNS || n != sizeof head + size)
		return err_set(err, EINVAL, "the saved filter is damaged");
	*ret = (struct rt_filter){
	    .code = mem_dup(text + sizeof head, size), .n = head.n, .flags = head.flags, .notify = head.notify != 0};
	*ret_there = true;
	return 0;
}

static bool cgroups_writable(const struct rt_box_attr *box)
{
	for (size_t i = 0; i < box->n_mounts; i++) {
		const struct rt_fs *m = &box->mounts[i];

		if (m->type == RT_FS_CGROUP && !((m->attr_set | m->rec_set) & MOUNT_ATTR_RDONLY))
			return true;
	}
	return false;
}

static const struct rt_id_map *map_of_root(const struct rt_id_map *maps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (maps[i].inside == 0)
			return &maps[i];
	}
	return NULL;
}

int oci_record_delegate(const struct oci_bundle *b, const struct cgroup_box *cgroup, struct err *err)
{
	const struct rt_box_attr *box = &b->box;
	const struct rt_id_map *uid = map_of_root(box->uid_maps, box->n_uid_maps);
	const struct rt_id_map *gid = map_of_root(box->gid_maps, box->n_gid_maps);

	if (!box->ns[RT_NS_USER].wanted || !uid || !gid || uid->outside == geteuid() || !cgroups_writable(box))
		return 0;
	return cgroup_box_delegate(cgroup, uid->outside, gid->outside, err);
}
