/* SPDX-License-Identifier: Apache-2.0
 *
 * /sys/fs/cgroup of a container of ours, read-only, for programs that look up their limits: its own cgroups alone, never those of others
 * (CVE-2023-25809). The parent copies the mounts of the directories, the child puts them in place. On version 1 and hybrid machines a tmpfs holds one for
 * each hierarchy that the container has a directory in. Where none can be shown there is nothing, which is no error.
 */
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/runtime/mount_api.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PLACE "fs/cgroup" /* in /sys */
#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char *const names[CGROUP_TREES] = {[CGROUP_V2] = "unified",
						[CGROUP_CPU] = "cpu",
						[CGROUP_MEMORY] = "memory",
						[CGROUP_PIDS] = "pids",
						[CGROUP_FREEZER] = "freezer"};

void cgroup_show_prepare(struct setup *s, const char *cgroup)
{
	char path[CGROUP_DIR_MAX];

	for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES; t++) {
		if (cgroup_dir(cgroup, t, path))
			s->shown[t] = mount_copy(AT_FDCWD, path, false, QUIET | MOUNT_ATTR_RDONLY, -1, NULL);
	}
}

static int put_in(struct setup *s, int dir, struct err *err)
{
	int r = 0;

	for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES && r == 0; t++) {
		if (s->shown[t] < 0)
			continue;
		if (mkdirat(dir, names[t], 0755) < 0)
			return err_sys(err, errno, "make the directory %s", names[t]);
		r = mount_put(s->shown[t], dir, names[t], err);
	}
	return r;
}

int cgroup_show_attach(struct setup *s, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0755"}, {"size", "64k"}, {NULL, NULL}};
	const struct cgroup_layout *l;
	fd_cleanup int tmpfs = -1;
	bool any = false;
	int r;

	for (enum cgroup_tree t = CGROUP_V2; t < CGROUP_TREES; t++)
		any = any || s->shown[t] >= 0;
	if (!any)
		return 0;
	r = cgroup_machine(&l, err);
	if (r < 0 || l->kind == CGROUP_KIND_V2)
		return r < 0 ? r : mount_put(s->shown[CGROUP_V2], s->sys, PLACE, err);
	tmpfs = mount_new("tmpfs", options, QUIET, err);
	if (tmpfs < 0)
		return tmpfs;
	r = mount_put(tmpfs, s->sys, PLACE, err);
	if (r == 0)
		r = put_in(s, tmpfs, err);
	return r < 0 ? r : mount_change(tmpfs, false, MOUNT_ATTR_RDONLY, -1, err);
}
