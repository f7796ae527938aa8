/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/kernel.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/runtime/rootless.h"

#include <inttypes.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* ---- the system's ---- */

enum { PROC, DEV, PTS, SYS, CGROUP, MQUEUE, SHM, SYSTEM_MOUNTS };

static const struct rt_fs_option dev_options[] = {{"mode", "755"}, {"size", "65536k"}, {NULL, NULL}};
static const struct rt_fs_option pts_options[] = {
    {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}, {NULL, NULL}};
/* where there is no group 5: one user's map */
static const struct rt_fs_option pts_alone_options[] = {
    {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};

static const struct rt_fs system_mounts[SYSTEM_MOUNTS] = {
    [PROC] = {.fs_type = "proc", .source = "proc", .target = "/proc", .attr_set = QUIET},
    [DEV] = {.fs_type = "tmpfs",
	     .source = "tmpfs",
	     .target = "/dev",
	     .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
	     .options = dev_options},
    [PTS] = {.fs_type = "devpts",
	     .source = "devpts",
	     .target = "/dev/pts",
	     .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	     .options = pts_options},
    [SYS] = {.fs_type = "sysfs", .source = "sysfs", .target = "/sys", .attr_set = QUIET | MOUNT_ATTR_RDONLY},
    [CGROUP] = {.type = RT_FS_CGROUP,
		.source = "cgroup",
		.target = "/sys/fs/cgroup",
		.attr_set = QUIET | MOUNT_ATTR_RDONLY},
    [MQUEUE] = {.fs_type = "mqueue", .source = "mqueue", .target = "/dev/mqueue", .attr_set = QUIET},
    [SHM] = {.fs_type = "tmpfs", .source = "shm", .target = "/dev/shm", .attr_set = QUIET},
};

/* Without the slashes that mean nothing. */
static bool same_path(const char *a, const char *b)
{
	for (;;) {
		size_t n;

		a += strspn(a, "/");
		b += strspn(b, "/");
		n = strcspn(a, "/");
		if (n != strcspn(b, "/") || strncmp(a, b, n) != 0)
			return false;
		if (n == 0)
			return true;
		a += n;
		b += n;
	}
}

static bool has_target(const struct kernel_start *s, const char *target)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (same_path(s->mounts[i].mount.target, target))
			return true;
	}
	return false;
}

/* What the user mounts there comes instead; over the whole /dev, instead of all in it. */
static bool is_replaced(const struct kernel_start *s, const char *target)
{
	return has_target(s, target) || (!strncmp(target, "/dev/", 5) && has_target(s, "/dev"));
}

static void use_other(struct rt_fs *m, int fd)
{
	m->type = RT_FS_BIND;
	m->source_fd = fd;
	m->loose = true;
	m->options = NULL;
}

static void size_shm(struct kernel *k, const struct spec *spec, struct rt_fs *m)
{
	struct rt_fs_option *o = mem_new_n(struct rt_fs_option, 3);

	o[0] = (struct rt_fs_option){"mode", "1777"};
	o[1] = (struct rt_fs_option){
	    "size", kernel_text(k, mem_printf("%" PRId64, spec->shm_size > 0 ? spec->shm_size : (int64_t)64 << 20))};
	(void)kernel_text(k, (char *)(void *)o);
	m->options = o;
}

static void add_system(struct kernel *k, const struct kernel_start *s)
{
	const struct spec *spec = &s->order->spec;

	for (int i = 0; i < SYSTEM_MOUNTS; i++) {
		struct rt_fs *m = &k->mounts[k->box.n_mounts];

		if (is_replaced(s, system_mounts[i].target))
			continue;
		if (i == SHM && spec->ipc_mode.kind == SPEC_NS_NONE)
			continue;
		*m = system_mounts[i];
		m->type = i == CGROUP ? RT_FS_CGROUP : RT_FS_NEW;
		m->source_fd = -1;
		if (i == PTS && rootless_groups_fixed())
			m->options = pts_alone_options;
		if ((i == SYS || i == CGROUP) && spec->privileged)
			m->attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		if (i == SHM && k->shm >= 0)
			use_other(m, k->shm);
		else if (i == SHM)
			size_shm(k, spec, m);
		if (i == MQUEUE && k->mqueue >= 0)
			use_other(m, k->mqueue);
		k->box.n_mounts++;
	}
}

/* ---- the user's ---- */

/* Of a tmpfs: attributes of the mount; all others are the file system's own. */
static const struct {
	const char *name;
	uint64_t set, clear;
} attributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"relatime", 0, MOUNT_ATTR__ATIME},
};
static const char *const nothing[] = {"defaults", "async",    "atime",	"diratime", "norelatime", "nostrictatime",
				      "private",  "rprivate", "shared", "rshared",  "slave",	  "rslave"};
static const char *const values[] = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"};

static bool is_among(const char *const *list, size_t n, const char *text, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == len && !strncmp(list[i], text, len))
			return true;
	}
	return false;
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int tmpfs_option(struct kernel *k, struct rt_fs *m, struct rt_fs_option *options, size_t *n, const char *text,
			struct err *err)
{
	const char *eq = strchr(text, '=');

	for (size_t i = 0; i < COUNT(attributes); i++) {
		if (strcmp(text, attributes[i].name) != 0)
			continue;
		m->attr_set = (m->attr_set & ~attributes[i].clear) | attributes[i].set;
		return 0;
	}
	if (!strcmp(text, "tmpcopyup"))
		m->copy_up = true;
	else if (eq && is_among(values, COUNT(values), text, (size_t)(eq - text)))
		options[(*n)++] = (struct rt_fs_option){kernel_text(k, mem_strndup(text, (size_t)(eq - text))), eq + 1};
	else if (!is_among(nothing, COUNT(nothing), text, strlen(text)))
		return err_set(err, EINVAL, "invalid tmpfs option \"%.100s\"", text);
	return 0;
}

/* With options as Docker has it: nothing can be executed unless it is said. */
static int make_tmpfs(struct kernel *k, const struct kernel_mount *from, struct rt_fs *m, struct err *err)
{
	char *const *given = from->from ? from->from->options : NULL;
	struct rt_fs_option *options = mem_new_n(struct rt_fs_option, mem_strv_len(given) + 3);
	size_t n = 0;
	int r = 0;

	(void)kernel_text(k, (char *)(void *)options);
	m->type = RT_FS_NEW;
	m->fs_type = m->source = "tmpfs";
	m->attr_set |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (given ? MOUNT_ATTR_NOEXEC : 0);
	m->options = options;
	if (from->mount.size)
		options[n++] = (struct rt_fs_option){"size", kernel_text(k, mem_printf("%" PRIu64, from->mount.size))};
	if (from->mount.mode || !given)
		options[n++] = (struct rt_fs_option){
		    "mode", kernel_text(k, mem_printf("%o", from->mount.mode ? from->mount.mode & 07777u : 01777u))};
	for (; given && *given && r == 0; given++)
		r = tmpfs_option(k, m, options, &n, *given, err);
	return r;
}

static void make_bind(const struct kernel *k, const struct kernel_start *s, const struct kernel_mount *from,
		      struct rt_fs *m)
{
	const struct spec_mount *spec = from->from;

	m->type = RT_FS_BIND;
	m->source = spec ? spec->source : from->mount.target;
	m->source_fd = from->mount.source_fd;
	m->loose = from->mount.loose;
	m->recursive = !spec || spec->recursive;
	/* Docker's containers have devices and programs of root from there; ours do not. */
	if (!s->order->spec.docker_caps)
		m->rec_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	if (from->mount.read_only && m->recursive && (!spec || spec->read_only_recursive))
		m->rec_set |= MOUNT_ATTR_RDONLY;
	m->idmap_container = m->idmap_recursive = k->box.n_uid_maps > 0;
	if (spec) {
		m->propagation = spec->propagation;
		m->propagation_recursive = spec->propagation_recursive;
	}
}

static int add_user(struct kernel *k, const struct kernel_start *s, const struct kernel_mount *from, struct err *err)
{
	struct rt_fs *m = &k->mounts[k->box.n_mounts++];
	int r = 0;

	*m = (struct rt_fs){.target = from->mount.target, .source_fd = -1};
	m->attr_set = from->mount.read_only ? MOUNT_ATTR_RDONLY : 0;
	if (from->mount.type == RT_MOUNT_TMPFS)
		r = make_tmpfs(k, from, m, err);
	else
		make_bind(k, s, from, m);
	return r < 0 ? err_wrap(err, "mount for %s", from->mount.target) : 0;
}

/* ---- paths ---- */

const char *const kernel_masked_paths[] = {"/proc/asound",
					   "/proc/acpi",
					   "/proc/interrupts",
					   "/proc/kcore",
					   "/proc/keys",
					   "/proc/latency_stats",
					   "/proc/timer_list",
					   "/proc/timer_stats",
					   "/proc/sched_debug",
					   "/proc/scsi",
					   "/sys/firmware",
					   "/sys/devices/virtual/powercap",
					   NULL};
const char *const kernel_readonly_paths[] = {"/proc/bus",	    "/proc/fs", "/proc/irq", "/proc/sys",
					     "/proc/sysrq-trigger", NULL};

static void set_paths(struct kernel *k, const struct spec *s)
{
	k->box.masked = s->masked_paths ? (const char *const *)s->masked_paths
			: s->privileged ? NULL
					: kernel_masked_paths;
	k->box.read_only_paths = s->readonly_paths ? (const char *const *)s->readonly_paths
				 : s->privileged   ? NULL
						   : kernel_readonly_paths;
}

int kernel_mounts(struct kernel *k, const struct kernel_start *s, struct err *err)
{
	int r = 0;

	k->mounts = mem_new_n(struct rt_fs, SYSTEM_MOUNTS + s->n_mounts);
	k->box.mounts = k->mounts;
	set_paths(k, &s->order->spec);
	add_system(k, s);
	for (size_t i = 0; i < s->n_mounts && r == 0; i++)
		r = add_user(k, s, &s->mounts[i], err);
	return r;
}
