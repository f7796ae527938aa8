/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/spec_parts.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>

#define ULIMITS_MAX 64
#define SYSCTLS_MAX 256
#define PATH_LEN_MAX 4000

/* ---- namespaces ---- */

enum { OWN = 1 << SPEC_NS_PRIVATE, SHAREABLE = 1 << SPEC_NS_SHAREABLE, NONE = 1 << SPEC_NS_NONE };
enum { HOST = 1 << SPEC_NS_HOST, CONTAINER = 1 << SPEC_NS_CONTAINER, NAMED = 1 << SPEC_NS_NAMED };

static const struct {
	const char *name;
	size_t offset;
	int kinds;
} modes[] = {
    {"pid_mode", offsetof(struct spec, pid_mode), OWN | HOST | CONTAINER},
    {"ipc_mode", offsetof(struct spec, ipc_mode), OWN | SHAREABLE | NONE | HOST | CONTAINER},
    {"network_mode", offsetof(struct spec, network_mode), OWN | NONE | HOST | CONTAINER | NAMED},
    {"uts_mode", offsetof(struct spec, uts_mode), OWN | HOST},
    {"userns_mode", offsetof(struct spec, userns_mode), OWN | HOST},
    {"cgroupns_mode", offsetof(struct spec, cgroupns_mode), OWN | HOST},
};

static const struct {
	const char *text;
	enum spec_ns_kind kind;
} words[] = {
    {"private", SPEC_NS_PRIVATE},
    {"shareable", SPEC_NS_SHAREABLE},
    {"none", SPEC_NS_NONE},
    {"host", SPEC_NS_HOST},
};

static enum spec_ns_kind kind_of(const char *text, int kinds)
{
	if (!*text)
		return SPEC_NS_DEFAULT;
	if (!strncmp(text, "container:", 10))
		return SPEC_NS_CONTAINER;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!strcmp(text, words[i].text) && (kinds & 1 << words[i].kind))
			return words[i].kind;
	}
	return SPEC_NS_NAMED;
}

static int read_mode(yyjson_val *obj, const char *name, int kinds, struct spec_ns *ret, struct err *err)
{
	const char *text = "";
	int r = json_opt_str(obj, name, &text, err);

	if (r < 0)
		return r;
	ret->kind = kind_of(text, kinds);
	ret->name = ret->kind == SPEC_NS_CONTAINER ? text + 10 : ret->kind == SPEC_NS_NAMED ? text : NULL;
	if (ret->kind != SPEC_NS_DEFAULT && !(kinds & 1 << ret->kind))
		return err_set(err, EINVAL, "%s: \"%.200s\" is not possible", name, text);
	if (ret->name && !spec_name_ok(ret->name))
		return err_set(err, EINVAL, "%s: \"%.200s\" is not a name", name, ret->name);
	return 0;
}

/* ---- lists ---- */

#define AT(m) offsetof(struct spec_device, m)
static const struct spec_member device_members[] = {
    {"path_on_host", SPEC_STR, AT(path_on_host)},
    {"path_in_container", SPEC_STR, AT(path_in_container)},
    {"permissions", SPEC_STR, AT(permissions)},
    {NULL},
};
#undef AT

static int check_path(const char *what, const char *path, struct err *err)
{
	if (!path || *path != '/' || strlen(path) > PATH_LEN_MAX)
		return err_set(err, EINVAL, "%s \"%.200s\" is not an absolute path of at most %d bytes", what,
			       path ? path : "", PATH_LEN_MAX);
	return 0;
}

static int read_device(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct spec_device *d = item;
	int r = spec_read_members(v, device_members, d, err);

	(void)s;
	if (r == 0)
		r = check_path("path_on_host", d->path_on_host, err);
	if (r < 0)
		return r;
	if (!d->path_in_container || !*d->path_in_container)
		d->path_in_container = d->path_on_host;
	if (!d->permissions || !*d->permissions)
		d->permissions = "rwm";
	if (strspn(d->permissions, "rwm") != strlen(d->permissions) || strlen(d->permissions) > 3)
		return err_set(err, EINVAL, "permissions \"%.20s\" are not of the letters r, w and m", d->permissions);
	return spec_check_target(d->path_in_container, err);
}

#define AT(m) offsetof(struct spec_ulimit, m)
static const struct spec_member ulimit_members[] = {
    {"name", SPEC_STR, AT(name)},
    {"soft", SPEC_INT, AT(soft), -1, INT64_MAX},
    {"hard", SPEC_INT, AT(hard), -1, INT64_MAX},
    {NULL},
};
#undef AT

static int read_ulimit(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct spec_ulimit *u = item;
	int r = spec_read_members(v, ulimit_members, u, err);

	(void)s;
	if (r == 0 && (!u->name || !*u->name))
		return err_set(err, EINVAL, "name is missing");
	if (r == 0 && (uint64_t)u->soft > (uint64_t)u->hard)
		return err_set(err, EINVAL, "the soft limit of %.40s is above the hard one", u->name);
	return r;
}

#define AT(m) offsetof(struct spec_blkio, m)
static const struct spec_member weight_members[] = {
    {"path", SPEC_STR, AT(path)},
    {"weight", SPEC_INT, AT(weight), 0, 1000},
    {NULL},
};
static const struct spec_member rate_members[] = {
    {"path", SPEC_STR, AT(path)},
    {"rate", SPEC_INT, AT(rate), 0, INT64_MAX},
    {NULL},
};
#undef AT

static int read_blkio(const struct spec_member *members, yyjson_val *v, struct spec_blkio *b, struct err *err)
{
	int r = spec_read_members(v, members, b, err);

	return r < 0 ? r : check_path("path", b->path, err);
}

static int read_weight(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	(void)s;
	return read_blkio(weight_members, v, item, err);
}

static int read_rate(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	(void)s;
	return read_blkio(rate_members, v, item, err);
}

#define LIST(name, limit, type, fn, items, count)                                                                      \
	{                                                                                                              \
		{name, limit, sizeof(type), fn}, offsetof(struct spec, items), offsetof(struct spec, count)            \
	}
static const struct {
	struct spec_list list;
	size_t items, count;
} lists[] = {
    LIST("devices", SPEC_DEVICES_MAX, struct spec_device, read_device, devices, n_devices),
    LIST("ulimits", ULIMITS_MAX, struct spec_ulimit, read_ulimit, ulimits, n_ulimits),
    LIST("blkio_weight_device", SPEC_DEVICES_MAX, struct spec_blkio, read_weight, blkio_weight_device.v,
	 blkio_weight_device.n),
    LIST("blkio_device_read_bps", SPEC_DEVICES_MAX, struct spec_blkio, read_rate, blkio_read_bps.v, blkio_read_bps.n),
    LIST("blkio_device_write_bps", SPEC_DEVICES_MAX, struct spec_blkio, read_rate, blkio_write_bps.v,
	 blkio_write_bps.n),
    LIST("blkio_device_read_iops", SPEC_DEVICES_MAX, struct spec_blkio, read_rate, blkio_read_iops.v,
	 blkio_read_iops.n),
    LIST("blkio_device_write_iops", SPEC_DEVICES_MAX, struct spec_blkio, read_rate, blkio_write_iops.v,
	 blkio_write_iops.n),
};

static int read_lists(yyjson_val *obj, struct spec *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof lists / sizeof *lists && r == 0; i++)
		r = spec_read_list(obj, &lists[i].list, s, (char *)s + lists[i].items,
				   (size_t *)(void *)((char *)s + lists[i].count), err);
	return r;
}

/* ---- the rest ---- */

/* That it may be set for this container at all says the runtime. */
static int read_sysctls(yyjson_val *obj, struct spec *s, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
	yyjson_val *v = yyjson_obj_get(obj, "sysctls"), *key, *val;
	size_t i, n;

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "sysctls: an object is needed, not %s", yyjson_get_type_desc(v));
	if (yyjson_obj_size(v) > SYSCTLS_MAX)
		return err_set(err, E2BIG, "sysctls: %zu entries; the limit is %d", yyjson_obj_size(v), SYSCTLS_MAX);
	s->sysctls = mem_new_n(struct spec_pair, yyjson_obj_size(v) + 1);
	yyjson_obj_foreach (v, i, n, key, val) {
		const char *name = yyjson_get_str(key);

		if (!yyjson_is_str(val))
			return err_set(err, EINVAL, "sysctls: \"%.200s\" is not a string", name);
		if (!*name || strspn(name, allowed) != yyjson_get_len(key) || strstr(name, ".."))
			return err_set(err, EINVAL, "sysctls: \"%.200s\" is not the name of a parameter", name);
		s->sysctls[s->n_sysctls++] = (struct spec_pair){name, yyjson_get_str(val)};
	}
	return 0;
}

/* [rows, columns] */
static int read_console_size(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, "console_size");
	int64_t *const to[] = {&s->rows, &s->cols};

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_arr(v) || yyjson_arr_size(v) != 2)
		return err_set(err, EINVAL, "console_size: a list of rows and columns is needed");
	for (size_t i = 0; i < 2; i++) {
		yyjson_val *n = yyjson_arr_get(v, i);

		if (!yyjson_is_uint(n) || yyjson_get_uint(n) > UINT16_MAX)
			return err_set(err, EINVAL, "console_size: numbers from 0 to %d are needed", UINT16_MAX);
		*to[i] = (int64_t)yyjson_get_uint(n);
	}
	return 0;
}

static int check_domainname(const struct spec *s, struct err *err)
{
	if (s->domainname && strlen(s->domainname) > 64)
		return err_set(err, EINVAL, "domainname \"%.200s\" is longer than 64 bytes", s->domainname);
	return 0;
}

static int check_cgroup_parent(const struct spec *s, struct err *err)
{
	const char *p = s->cgroup_parent;

	if (!p || !*p)
		return 0;
	if (strlen(p) > 1024 || strstr(p, ".."))
		return err_set(err, EINVAL, "cgroup_parent \"%.200s\" is longer than 1024 bytes or holds \"..\"", p);
	return 0;
}

static int check_seccomp(const struct spec *s, struct err *err)
{
	if (s->seccomp && strlen(s->seccomp) > SPEC_SECCOMP_MAX)
		return err_set(err, E2BIG, "seccomp: %zu bytes; the limit is %u", strlen(s->seccomp), SPEC_SECCOMP_MAX);
	return 0;
}

static const struct {
	const char *name;
	size_t offset;
} lists_of_cpus[] = {{"cpuset_cpus", offsetof(struct spec, cpuset_cpus)},
		     {"cpuset_mems", offsetof(struct spec, cpuset_mems)}};

/* "" is how Docker writes that nothing was given. */
static int check_cpusets(struct spec *s, struct err *err)
{
	for (size_t i = 0; i < 2; i++) {
		const char **text = (const char **)(void *)((char *)s + lists_of_cpus[i].offset);

		if (*text && !**text)
			*text = NULL;
		if (*text && (strspn(*text, "0123456789,-") != strlen(*text) || strlen(*text) > 4096))
			return err_set(err, EINVAL, "%s: \"%.200s\" is not a list of numbers and ranges",
				       lists_of_cpus[i].name, *text);
	}
	return 0;
}

static int read_modes(yyjson_val *obj, struct spec *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof modes / sizeof *modes && r == 0; i++)
		r = read_mode(obj, modes[i].name, modes[i].kinds,
			      (struct spec_ns *)(void *)((char *)s + modes[i].offset), err);
	/* Docker's word for it. */
	s->userns |= r == 0 && s->userns_mode.kind == SPEC_NS_PRIVATE;
	return r;
}

int spec_read_kernel(yyjson_val *obj, struct spec *s, struct err *err)
{
	yyjson_val *init = yyjson_obj_get(obj, "init");
	int r = json_opt_bool(obj, "init", &s->init, err);

	s->init_given = init && !yyjson_is_null(init);
	if (r == 0)
		r = read_modes(obj, s, err);
	if (r == 0)
		r = read_lists(obj, s, err);
	if (r == 0)
		r = read_sysctls(obj, s, err);
	if (r == 0)
		r = read_console_size(obj, s, err);
	if (r == 0)
		r = check_domainname(s, err);
	if (r == 0)
		r = check_cgroup_parent(s, err);
	if (r == 0)
		r = check_seccomp(s, err);
	return r < 0 ? r : check_cpusets(s, err);
}

void spec_free_kernel(struct spec *s)
{
	char **const lists_of_texts[] = {
	    s->cap_add,	    s->cap_drop, s->group_add,	s->masked_paths, s->readonly_paths, s->device_cgroup_rules,
	    s->extra_hosts, s->dns,	 s->dns_search, s->dns_options,	 s->expose};
	void *const items[] = {
	    s->devices,		 s->ulimits,	       s->sysctls,	     s->blkio_weight_device.v,
	    s->blkio_read_bps.v, s->blkio_write_bps.v, s->blkio_read_iops.v, s->blkio_write_iops.v};

	for (size_t i = 0; i < sizeof lists_of_texts / sizeof *lists_of_texts; i++)
		mem_strv_free(lists_of_texts[i]);
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		free(items[i]);
}
