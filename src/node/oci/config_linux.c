/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json's "linux" (config-linux.md), but for the resources and the seccomp profile.
 */
#include "base/core/err.h"
#include "node/oci/pool.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"
#include "node/oci/mount_option.h"

#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>

#define AT(m) offsetof(struct oci_config, m)

/* ---- namespaces ---- */

const char *const config_ns_names[] = {
    [RT_NS_USER] = "user",	 [RT_NS_MOUNT] = "mount", [RT_NS_PID] = "pid",
    [RT_NS_NETWORK] = "network", [RT_NS_IPC] = "ipc",	  [RT_NS_UTS] = "uts",
    [RT_NS_CGROUP] = "cgroup",	 [RT_NS_TIME] = "time",	  [RT_NS_TYPES] = NULL,
};

struct raw_ns {
	const char *type, *path;
};

static const struct reader_member ns_members[] = {
    {"type", READER_STR, .required = true, .at = offsetof(struct raw_ns, type)},
    {"path", READER_PATH, .at = offsetof(struct raw_ns, path)},
    {NULL},
};

static int read_namespace(struct reader *rd, yyjson_val *v, void *to)
{
	struct oci_config *c = rd->config;
	struct raw_ns raw = {.type = NULL};
	int r = reader_object(rd, v, ns_members, &raw), type;

	(void)to;
	if (r < 0)
		return r;
	type = reader_index_of(config_ns_names, raw.type);
	if (type < 0) {
		reader_enter(rd, "type");
		return reader_fail(rd, EINVAL, "\"%.100s\" is not a namespace", raw.type);
	}
	if (c->box.ns[type].wanted)
		return reader_fail(rd, EINVAL, "namespace \"%s\" appears twice", raw.type);
	c->box.ns[type].wanted = true;
	c->ns_paths[type] = raw.path;
	return 0;
}

static int read_namespaces(struct reader *rd, yyjson_val *v, void *to)
{
	void *none;
	size_t n;

	(void)to;
	return reader_list(rd, v, CONFIG_LIST_MAX, 1, read_namespace, &none, &n);
}

/* ---- devices ---- */

struct raw_device {
	const char *type, *path;
	int64_t major, minor, mode;
	uint32_t uid, gid;
};

#define RAW(m) offsetof(struct raw_device, m)
static const struct reader_member device_members[] = {
    {"type", READER_STR, .required = true, .at = RAW(type)},
    {"path", READER_PATH, .required = true, .at = RAW(path)},
    {"major", READER_INT, .at = RAW(major), .max = 0xfff},
    {"minor", READER_INT, .at = RAW(minor), .max = 0xfffff},
    {"fileMode", READER_INT, .at = RAW(mode), .max = 0177777},
    {"uid", READER_U32, .at = RAW(uid), .max = UINT32_MAX - 1ll},
    {"gid", READER_U32, .at = RAW(gid), .max = UINT32_MAX - 1ll},
    {NULL},
};
#undef RAW

static const struct {
	char name, type;
	mode_t format;
} device_types[] = {{'c', 'c', S_IFCHR}, {'u', 'c', S_IFCHR}, {'b', 'b', S_IFBLK}, {'p', 'p', S_IFIFO}};

static int set_device_type(struct reader *rd, const struct raw_device *raw, struct rt_device *d)
{
	mode_t format = (mode_t)raw->mode & S_IFMT;

	for (size_t i = 0; i < sizeof device_types / sizeof *device_types; i++) {
		if (raw->type[0] != device_types[i].name || raw->type[1])
			continue;
		if (format && format != device_types[i].format)
			return reader_fail(rd, EINVAL, "fileMode 0%o is not that of a device of type %s",
					   (unsigned)raw->mode, raw->type);
		d->type = device_types[i].type;
		return 0;
	}
	return reader_fail(rd, EINVAL, "type \"%.100s\" is not c, b, u or p", raw->type);
}

static int read_device(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_device raw = {.major = -1, .minor = -1, .mode = 0666};
	struct rt_device *d = to;
	int r = reader_object(rd, v, device_members, &raw);

	if (r == 0)
		r = set_device_type(rd, &raw, d);
	if (r < 0)
		return r;
	if (d->type != 'p' && (raw.major < 0 || raw.minor < 0))
		return reader_fail(rd, EINVAL, "major and minor are needed");
	d->path = raw.path;
	d->major = raw.major < 0 ? 0 : (unsigned)raw.major;
	d->minor = raw.minor < 0 ? 0 : (unsigned)raw.minor;
	d->mode = (mode_t)raw.mode & 07777;
	d->uid = raw.uid;
	d->gid = raw.gid;
	return 0;
}

/* ---- names of the kernel's settings ---- */

/* sysctl(8): where the first separator is a slash, slashes separate and dots are part of the names. */
static const char *with_dots(struct pool *a, const char *key)
{
	size_t first = strcspn(key, "./");
	char *copy;

	if (key[first] != '/')
		return key;
	copy = pool_printf(a, "%s", key);
	for (char *p = copy; *p; p++)
		*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
	return copy;
}

/* The key becomes a path below /proc/sys, with dots and slashes changed over: no part may be empty, "." or "..". */
static bool parts_ok(const char *key)
{
	for (;;) {
		size_t n = strcspn(key, ".");

		if (n == 0 || (n == 1 && *key == '/') || (n == 2 && !strncmp(key, "//", 2)))
			return false;
		if (!key[n])
			return true;
		key += n + 1;
	}
}

static int read_sysctl(struct reader *rd, const char *key, yyjson_val *v, void *to)
{
	struct rt_sysctl *s = to;

	s->key = with_dots(rd->pool, key);
	if (!parts_ok(s->key))
		return reader_fail(rd, EINVAL, "not the name of a kernel setting");
	return reader_str(rd, v, &s->value);
}

/* ---- clocks ---- */

struct raw_offset {
	int64_t secs;
	uint32_t nanosecs;
};

static const struct reader_member offset_members[] = {
    {"secs", READER_INT, .at = offsetof(struct raw_offset, secs), .min = INT64_MIN, .max = INT64_MAX},
    {"nanosecs", READER_U32, .at = offsetof(struct raw_offset, nanosecs), .max = 999999999},
    {NULL},
};

static int read_offset(struct reader *rd, const char *key, yyjson_val *v, void *to)
{
	struct rt_box_attr *box = &rd->config->box;
	struct rt_time_offset *offset = NULL;
	struct raw_offset raw = {0};
	int r;

	(void)to;
	if (!strcmp(key, "monotonic"))
		offset = &box->monotonic;
	else if (!strcmp(key, "boottime"))
		offset = &box->boottime;
	if (!offset)
		return reader_fail(rd, EINVAL, "not a clock of a time namespace: monotonic and boottime are");
	r = reader_object(rd, v, offset_members, &raw);
	if (r < 0)
		return r;
	*offset = (struct rt_time_offset){.set = true, .secs = raw.secs, .nanosecs = raw.nanosecs};
	return 0;
}

static int read_offsets(struct reader *rd, yyjson_val *v, void *to)
{
	void *none;
	size_t n;

	(void)to;
	return reader_map(rd, v, CONFIG_LIST_MAX, 1, read_offset, &none, &n);
}

/* ---- the rest ---- */

static int read_paths(struct reader *rd, yyjson_val *v, void *to)
{
	char *const *paths;
	int r = reader_strv(rd, v, CONFIG_LIST_MAX, &paths);

	for (size_t i = 0; r == 0 && paths[i]; i++) {
		if (*paths[i] == '/')
			continue;
		reader_enter_index(rd, i);
		return reader_fail(rd, EINVAL, "\"%.200s\" is not an absolute path", paths[i]);
	}
	if (r == 0)
		*(const char *const **)to = (const char *const *)paths;
	return r;
}

static int read_propagation(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_box_attr *box = to;
	const char *name;
	int r = reader_str(rd, v, &name);

	if (r < 0 || !*name)
		return r;
	if (!mount_option_propagation(name, &box->root_propagation, &box->root_propagation_recursive))
		return reader_fail(rd, EINVAL, "\"%.100s\" is not shared, slave, private or unbindable", name);
	return 0;
}

struct raw_personality {
	const char *domain;
	char *const *flags;
};

static const struct reader_member personality_members[] = {
    {"domain", READER_STR, .required = true, .at = offsetof(struct raw_personality, domain)},
    {"flags", READER_STRV, .at = offsetof(struct raw_personality, flags), .max = 64},
    {NULL},
};

static int read_personality(struct reader *rd, yyjson_val *v, void *to)
{
	static const char *const domains[] = {"LINUX", "LINUX32", NULL};
	static const unsigned long values[] = {PER_LINUX, PER_LINUX32};
	struct raw_personality raw = {.domain = NULL};
	struct rt_process_attr *attr = to;
	int r = reader_object(rd, v, personality_members, &raw), i;

	if (r < 0)
		return r;
	i = reader_index_of(domains, raw.domain);
	if (i < 0)
		return reader_fail(rd, EINVAL, "domain \"%.100s\" is not LINUX or LINUX32", raw.domain);
	/* "Currently no flag values are supported." */
	if (raw.flags && raw.flags[0])
		return reader_fail(rd, ENOTSUP, "flag \"%.100s\" is not known", raw.flags[0]);
	attr->has_personality = true;
	attr->personality = values[i];
	return 0;
}

struct raw_rdt {
	const char *clos_id, *l3_schema, *bandwidth_schema;
	bool cmt, mbm;
};

#define RAW(m) offsetof(struct raw_rdt, m)
static const struct reader_member rdt_members[] = {
    {"closID", READER_STR, .at = RAW(clos_id)},
    {"l3CacheSchema", READER_STR, .at = RAW(l3_schema)},
    {"memBwSchema", READER_STR, .at = RAW(bandwidth_schema)},
    {"enableCMT", READER_BOOL, .at = RAW(cmt)},
    {"enableMBM", READER_BOOL, .at = RAW(mbm)},
    {NULL},
};
#undef RAW

static bool clos_id_ok(const char *id)
{
	return !strchr(id, '/') && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

/* "If no mounted resctrl pseudo-filesystem is available [...], the runtime MUST generate an error": to this runtime none is. */
static int read_rdt(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_rdt raw = {.clos_id = NULL};
	int r = reader_object(rd, v, rdt_members, &raw);

	(void)to;
	if (r < 0)
		return r;
	if (raw.clos_id && !clos_id_ok(raw.clos_id))
		return reader_fail(rd, EINVAL, "closID \"%.100s\" is not the name of a folder", raw.clos_id);
	if (raw.bandwidth_schema &&
	    (strncmp(raw.bandwidth_schema, "MB:", 3) != 0 || strchr(raw.bandwidth_schema, '\n')))
		return reader_fail(rd, EINVAL,
				   "memBwSchema \"%.100s\" is not one line that starts with MB:", raw.bandwidth_schema);
	return reader_fail(rd, ENOTSUP, "this runtime does not manage caches and memory bandwidth (resctrl)");
}

/* Its way in the cgroups' tree is the runtime's to choose; out of it there is none. */
static int read_cgroups_path(struct reader *rd, yyjson_val *v, void *to)
{
	const char *path, *p;
	int r = reader_str(rd, v, &path);

	if (r < 0 || !*path)
		return r;
	for (p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !strncmp(p, "..", 2))
			return reader_fail(rd, EINVAL, "\"%.200s\" holds \"..\"", path);
		p += n + (p[n] == '/');
	}
	*(const char **)to = path;
	return 0;
}

const struct reader_member config_linux_members[] = {
    {"namespaces", READER_CUSTOM, .fn = read_namespaces},
    {"uidMappings", READER_LIST, CONFIG_ITEMS(struct oci_config, box.uid_maps, box.n_uid_maps),
     .max = CONFIG_ID_MAPS_MAX, .fn = config_read_id_map},
    {"gidMappings", READER_LIST, CONFIG_ITEMS(struct oci_config, box.gid_maps, box.n_gid_maps),
     .max = CONFIG_ID_MAPS_MAX, .fn = config_read_id_map},
    {"timeOffsets", READER_CUSTOM, .fn = read_offsets},
    {"devices", READER_LIST, CONFIG_ITEMS(struct oci_config, box.devices, box.n_devices), .max = CONFIG_LIST_MAX,
     .fn = read_device},
    {"cgroupsPath", READER_CUSTOM, .at = AT(cgroups_path), .fn = read_cgroups_path},
    {"resources", READER_CUSTOM, .at = AT(resources), .fn = config_read_resources},
    {"sysctl", READER_MAP, CONFIG_ITEMS(struct oci_config, box.sysctls, box.n_sysctls), .max = CONFIG_LIST_MAX,
     .entry_fn = read_sysctl},
    {"seccomp", READER_CUSTOM, .at = AT(seccomp), .fn = config_read_seccomp},
    {"rootfsPropagation", READER_CUSTOM, .at = AT(box), .fn = read_propagation},
    {"maskedPaths", READER_CUSTOM, .at = AT(box.masked), .fn = read_paths},
    {"readonlyPaths", READER_CUSTOM, .at = AT(box.read_only_paths), .fn = read_paths},
    {"mountLabel", READER_STR, .at = AT(box.mount_label)},
    {"personality", READER_CUSTOM, .at = AT(process.attr), .fn = read_personality},
    {"intelRdt", READER_CUSTOM, .fn = read_rdt},
    {"memoryPolicy", READER_CUSTOM, .at = AT(process.attr), .fn = config_read_memory_policy},
    {"netDevices", READER_REFUSE},
    {NULL},
};
