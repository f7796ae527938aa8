/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/spec_parts.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>
#include <sys/mount.h>

#define TMPFS_OPTIONS_MAX 32

static int mount_type(const char *type, enum spec_mount_type *ret, struct err *err)
{
	static const char *const names[] = {[SPEC_BIND] = "bind", [SPEC_VOLUME] = "volume", [SPEC_TMPFS] = "tmpfs"};

	for (unsigned i = 0; type && i < 3; i++) {
		if (!strcmp(type, names[i])) {
			*ret = (enum spec_mount_type)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "type: \"%s\" is not bind, volume or tmpfs", type ? type : "");
}

static const struct {
	const char *name;
	unsigned long flag;
	bool recursive;
} propagations[] = {
    {"", 0, false},
    {"private", MS_PRIVATE, false},
    {"rprivate", MS_PRIVATE, true},
    {"shared", MS_SHARED, false},
    {"rshared", MS_SHARED, true},
    {"slave", MS_SLAVE, false},
    {"rslave", MS_SLAVE, true},
};

static int propagation(const char *text, struct spec_mount *ret, struct err *err)
{
	for (size_t i = 0; text && i < sizeof propagations / sizeof *propagations; i++) {
		if (strcmp(text, propagations[i].name) != 0)
			continue;
		ret->propagation = propagations[i].flag;
		ret->propagation_recursive = propagations[i].recursive;
		return 0;
	}
	return text ? err_set(err, EINVAL, "propagation: \"%s\" is not private, shared or slave, with or without r",
			      text)
		    : 0;
}

struct raw_mount {
	struct spec_mount m;
	const char *type, *propagation, *consistency;
	int64_t size, mode;
};

#define AT(m) offsetof(struct raw_mount, m)
static const struct spec_member mount_members[] = {
    {"type", SPEC_STR, AT(type)},
    {"source", SPEC_STR, AT(m.source)},
    {"target", SPEC_STR, AT(m.target)},
    {"read_only", SPEC_BOOL, AT(m.read_only)},
    {"create", SPEC_BOOL, AT(m.create)},
    {"size", SPEC_INT, AT(size), 0, INT64_MAX},
    {"mode", SPEC_INT, AT(mode), 0, 07777},
    {"propagation", SPEC_STR, AT(propagation)},
    {"recursive", SPEC_BOOL, AT(m.recursive)},
    {"read_only_recursive", SPEC_BOOL, AT(m.read_only_recursive)},
    {"subpath", SPEC_STR, AT(m.subpath)},
    {"nocopy", SPEC_BOOL, AT(m.nocopy)},
    {"anonymous", SPEC_BOOL, AT(m.anonymous)},
    {"consistency", SPEC_STR, AT(consistency)}, /* Docker Desktop's; means nothing here */
    {"driver", SPEC_STR, AT(m.driver)},
    {"driver_options", SPEC_PAIRS, AT(m.driver_options), 0, SPEC_LIST_MAX},
    {"labels", SPEC_PAIRS, AT(m.labels), 0, SPEC_LIST_MAX},
    {"options", SPEC_STRV, AT(m.options), 0, TMPFS_OPTIONS_MAX},
    {NULL},
};
#undef AT

/* A path below a volume's top: relative, without "..". */
static int check_subpath(const struct spec_mount *m, struct err *err)
{
	const char *p = m->subpath;

	if (!p || !*p)
		return 0;
	if (m->type != SPEC_VOLUME)
		return err_set(err, EINVAL, "subpath is for a volume only");
	if (*p == '/' || strlen(p) > 4000)
		return err_set(err, EINVAL, "subpath \"%.200s\" is not a relative path of at most 4000 bytes", p);
	for (; *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !strncmp(p, "..", 2))
			return err_set(err, EINVAL, "subpath \"%s\" holds \"..\"", m->subpath);
		p += n;
	}
	return 0;
}

static int check_mount(const struct spec_mount *m, struct err *err)
{
	if (m->type == SPEC_BIND && (!m->source || *m->source != '/'))
		return err_set(err, EINVAL, "source \"%s\" is not an absolute path", m->source ? m->source : "");
	if (m->type == SPEC_VOLUME && (!m->source || !spec_name_ok(m->source)))
		return err_set(err, EINVAL, "source \"%s\" is not a volume's name", m->source ? m->source : "");
	if (m->options && m->type != SPEC_TMPFS)
		return err_set(err, EINVAL, "options are for a tmpfs only");
	return check_subpath(m, err);
}

static int read_mount(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct raw_mount raw = {.m = {.recursive = true, .read_only_recursive = true}};
	int r = spec_read_members(v, mount_members, &raw, err);

	(void)s;
	if (r == 0)
		r = mount_type(raw.type, &raw.m.type, err);
	if (r == 0)
		r = spec_check_target(raw.m.target, err);
	if (r == 0)
		r = propagation(raw.propagation, &raw.m, err);
	raw.m.size = (uint64_t)raw.size;
	raw.m.mode = (mode_t)raw.mode;
	memcpy(item, &raw.m, sizeof raw.m);
	if (r == 0 && yyjson_is_true(yyjson_obj_get(v, "read_only_recursive")) &&
	    (!raw.m.read_only || !raw.m.recursive))
		r = err_set(err, EINVAL, "read_only_recursive needs read_only and a recursive mount");
	return r < 0 ? r : check_mount(&raw.m, err);
}

struct raw_file {
	const char *target, *base64;
	int64_t mode, uid, gid;
};

#define AT(m) offsetof(struct raw_file, m)
static const struct spec_member file_members[] = {
    {"target", SPEC_STR, AT(target)},	      {"base64", SPEC_STR, AT(base64)},
    {"mode", SPEC_INT, AT(mode), 0, 07777},   {"uid", SPEC_INT, AT(uid), 0, INT32_MAX},
    {"gid", SPEC_INT, AT(gid), 0, INT32_MAX}, {NULL},
};
#undef AT

static int read_file(const struct spec *s, yyjson_val *v, void *item, struct err *err)
{
	struct raw_file raw = {.mode = 0444};
	mem_cleanup unsigned char *data = NULL;
	struct spec_file *ret = item;
	size_t size;
	int r = spec_read_members(v, file_members, &raw, err);

	(void)s;
	if (r == 0)
		r = spec_check_target(raw.target, err);
	if (r < 0)
		return r;
	*ret = (struct spec_file){
	    .target = raw.target,
	    .base64 = raw.base64 ? raw.base64 : "",
	    .mode = (mode_t)raw.mode,
	    .uid = (uid_t)raw.uid,
	    .gid = (gid_t)raw.gid,
	};
	return spec_base64(ret->base64, &data, &size, err);
}

int spec_read_mounts(yyjson_val *obj, struct spec *s, struct err *err)
{
	static const struct spec_list mounts = {"mounts", SPEC_MOUNTS_MAX, sizeof(struct spec_mount), read_mount};
	static const struct spec_list files = {"files", SPEC_MOUNTS_MAX, sizeof(struct spec_file), read_file};
	size_t bytes = 0;
	int r = spec_read_list(obj, &mounts, s, &s->mounts, &s->n_mounts, err);

	if (r == 0)
		r = spec_read_list(obj, &files, s, &s->files, &s->n_files, err);
	for (size_t i = 0; i < s->n_files && r == 0; i++)
		bytes += strlen(s->files[i].base64);
	if (bytes > SPEC_FILES_MAX)
		return err_set(err, E2BIG, "files: %zu bytes in all; the limit is %u", bytes, SPEC_FILES_MAX);
	return r;
}

void spec_free_mounts(struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		mem_strv_free(s->mounts[i].options);
	free(s->mounts);
	free(s->files);
}
