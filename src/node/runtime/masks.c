/* SPDX-License-Identifier: Apache-2.0
 *
 * What of /proc and /sys tells about the host or changes it is covered or made read-only (the list of docker, attacks.md section 3). Names
 * are taken below the descriptors of the two mounts that the child has just made, and the covers come from our own /dev: there is nothing in
 * between that an image could have prepared (CVE-2025-31133).
 */
#include "node/runtime/mount_api.h"
#include "base/core/guard.h"
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { CPUS_MAX = 8192 };

struct mask {
	const char *name;
	bool is_dir;
};

static const struct mask proc_masks[] = {
    {"acpi", true},	   {"asound", true},	     {"interrupts", false},  {"kcore", false},
    {"keys", false},	   {"latency_stats", false}, {"sched_debug", false}, {"scsi", true},
    {"timer_list", false}, {"timer_stats", false},
};
static const struct mask sys_masks[] = {{"devices/virtual/powercap", true}, {"firmware", true}};
static const char *const read_only[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct covers {
	int file, dir;
	bool dir_used; /* the first directory is covered by the mount itself, the others by copies of it */
};

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int cover(int dir, const struct mask *m, struct covers *c, struct err *err)
{
	fd_cleanup int copy = -1;

	if (m->is_dir && !c->dir_used) {
		c->dir_used = true;
		return mount_put(c->dir, dir, m->name, err);
	}
	copy = open_tree(m->is_dir ? c->dir : c->file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (copy < 0)
		return err_sys(err, errno, "copy the cover for %s", m->name);
	return mount_put(copy, dir, m->name, err);
}

static int cover_all(int dir, const struct mask *masks, size_t n, struct covers *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (is_there(dir, masks[i].name))
			r = cover(dir, &masks[i], c, err);
	}
	return r;
}

/* One directory for each processor; the first processor says whether this machine has them at all. */
static int cover_thermal(int sys, struct covers *c, struct err *err)
{
	int r = 0;

	for (int cpu = 0; cpu < CPUS_MAX && r == 0; cpu++) {
		char name[64];

		snprintf(name, sizeof name, "devices/system/cpu/cpu%d/thermal_throttle", cpu);
		if (!is_there(sys, name))
			break;
		r = cover(sys, &(struct mask){name, true}, c, err);
	}
	return r;
}

static int protect(int proc, const char *name, struct err *err)
{
	fd_cleanup int copy = -1;

	if (!is_there(proc, name))
		return 0;
	copy = mount_copy(proc, name, false,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, -1, err);
	return copy < 0 ? copy : mount_put(copy, proc, name, err);
}

/* The device that covers files must be /dev/null and nothing else. */
static int open_covers(int dev, struct covers *c, struct err *err)
{
	const struct mount_option options[] = {{"mode", "0555"}, {"size", "4k"}, {NULL, NULL}};
	struct stat st;

	c->file = RT_GUARD(R3) ? openat(dev, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC)
			       : open("/etc/hostname", O_PATH | O_CLOEXEC);
	if (c->file < 0 || fstat(c->file, &st) < 0)
		return err_sys(err, errno, "open our null device");
	if ((!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) && RT_GUARD(R3))
		return err_set(err, EINVAL, "our null device is not a null device");
	c->dir = mount_new("tmpfs", options,
			   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	return c->dir < 0 ? c->dir : 0;
}

int masks_apply(struct setup *s, struct err *err)
{
	struct covers c = {.file = -1, .dir = -1};
	int r = open_covers(s->dev, &c, err);

	if (!RT_GUARD(R16))
		return r;
	if (r == 0)
		r = cover_all(s->proc, proc_masks, COUNT(proc_masks), &c, err);
	if (r == 0)
		r = cover_all(s->sys, sys_masks, COUNT(sys_masks), &c, err);
	if (r == 0)
		r = cover_thermal(s->sys, &c, err);
	for (size_t i = 0; i < COUNT(read_only) && r == 0; i++)
		r = protect(s->proc, read_only[i], err);
	fd_closep(&c.file);
	fd_closep(&c.dir);
	return r;
}
