/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json's "mounts" (config.md, Mounts).
 */
#include "base/core/err.h"
#include "node/oci/pool.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"
#include "node/oci/mount_option.h"

#include <linux/mount.h>
#include <string.h>

#define OPTIONS_MAX 256

struct raw_mount {
	const char *destination, *source, *type;
	char *const *options;
	const struct rt_id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
};

#define RAW(m) offsetof(struct raw_mount, m)
static const struct reader_member mount_members[] = {
    {"destination", READER_STR, .required = true, .at = RAW(destination)},
    {"source", READER_STR, .at = RAW(source)},
    {"type", READER_STR, .at = RAW(type)},
    {"options", READER_STRV, .at = RAW(options), .max = OPTIONS_MAX},
    {"uidMappings", READER_LIST, CONFIG_ITEMS(struct raw_mount, uid_maps, n_uid_maps), .max = CONFIG_ID_MAPS_MAX,
     .fn = config_read_id_map},
    {"gidMappings", READER_LIST, CONFIG_ITEMS(struct raw_mount, gid_maps, n_gid_maps), .max = CONFIG_ID_MAPS_MAX,
     .fn = config_read_id_map},
    {NULL},
};
#undef RAW

static size_t count_parts(char *const *options)
{
	size_t n = 0;

	for (; options && *options; options++) {
		n++;
		for (const char *p = strchr(*options, ','); p; p = strchr(p + 1, ','))
			n++;
	}
	return n;
}

static int read_options(struct reader *rd, char *const *options, struct mount_draft *d)
{
	size_t outside = reader_enter(rd, "options");

	/* and "ro", and the NULL at the end */
	d->options = pool_new_n(rd->pool, struct rt_fs_option, count_parts(options) + 2);
	for (size_t i = 0; options && options[i]; i++) {
		size_t mark = reader_enter_index(rd, i);
		int r = mount_option_add(rd, d, options[i]);

		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	reader_leave(rd, outside);
	return 0;
}

/* "If specified, it MUST be specified along with gidMappings"; "idmap" alone takes the container's, which config_check() looks for. */
static int set_id_maps(struct reader *rd, const struct raw_mount *raw, const struct mount_draft *d)
{
	struct rt_fs *fs = d->fs;

	if (!raw->n_uid_maps != !raw->n_gid_maps)
		return reader_fail(rd, EINVAL, "uidMappings and gidMappings are needed together");
	if (!raw->n_uid_maps && !d->idmap)
		return 0;
	if (fs->type != RT_FS_BIND)
		return reader_fail(rd, EINVAL, "ids can be mapped for a bind mount only");
	fs->uid_maps = raw->uid_maps;
	fs->n_uid_maps = raw->n_uid_maps;
	fs->gid_maps = raw->gid_maps;
	fs->n_gid_maps = raw->n_gid_maps;
	fs->idmap_container = !raw->n_uid_maps;
	return 0;
}

static int finish_bind(struct reader *rd, const struct mount_draft *d)
{
	if (!d->fs->source)
		return reader_fail(rd, EINVAL, "a bind mount needs a source");
	if (d->n_foreign)
		return reader_fail(rd, EINVAL,
				   "option \"%.100s\" is for a new file system; a bind mount shows one that is there",
				   d->foreign);
	d->fs->options = NULL; /* sync, lazytime ...: the file system was made with or without them */
	return 0;
}

/* File systems without a device, for which the attribute of the mount says all there is to say. */
static bool is_virtual(const char *type)
{
	static const char *const types[] = {"proc",   "sysfs",	"tmpfs",   "ramfs", "devpts",
					    "mqueue", "cgroup", "cgroup2", NULL};

	return reader_index_of(types, type) >= 0;
}

static int finish_new(struct reader *rd, struct mount_draft *d)
{
	struct rt_fs *fs = d->fs;

	if (!fs->fs_type)
		return reader_fail(rd, EINVAL, "a type is needed, or the option bind or rbind");
	/* A device that cannot be written is opened for reading if the file system itself is read-only. */
	if (fs->attr_set & MOUNT_ATTR_RDONLY && !is_virtual(fs->fs_type))
		d->options[d->n_options++] = (struct rt_fs_option){.key = "ro"};
	if (!strcmp(fs->fs_type, "cgroup") || !strcmp(fs->fs_type, "cgroup2"))
		fs->type = RT_FS_CGROUP;
	fs->options = d->n_options ? d->options : NULL;
	return 0;
}

int config_read_mount(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_mount raw = {.destination = NULL};
	struct rt_fs *fs = to;
	struct mount_draft d = {.fs = fs};
	int r = reader_object(rd, v, mount_members, &raw);

	if (r < 0)
		return r;
	fs->source_fd = -1;
	fs->source = raw.source;
	fs->fs_type = raw.type;
	/* "it MAY be a relative path, in which case it MUST be interpreted as relative to /" */
	fs->target = *raw.destination == '/' ? raw.destination : pool_printf(rd->pool, "/%s", raw.destination);
	r = read_options(rd, raw.options, &d);
	if (r < 0)
		return r;
	fs->type = d.bind || (raw.type && !strcmp(raw.type, "bind")) ? RT_FS_BIND : RT_FS_NEW;
	r = fs->type == RT_FS_BIND ? finish_bind(rd, &d) : finish_new(rd, &d);
	if (r == 0 && fs->copy_up && (fs->type != RT_FS_NEW || strcmp(fs->fs_type, "tmpfs") != 0))
		return reader_fail(rd, EINVAL, "tmpcopyup is for a tmpfs");
	return r == 0 ? set_id_maps(rd, &raw, &d) : r;
}
