/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of Docker's volume driver "local": they are those of mount(8), here for the mount calls that take one option at a time.
 */
#include "node/engine/volume_record.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/mount_api.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#define OPTIONS_MAX 64
#define TEXT_MAX 4096

static const struct {
	const char *name;
	uint64_t attribute; /* 0 = nothing has to be done */
} flags[] = {
    {"ro", MOUNT_ATTR_RDONLY},
    {"rw", 0},
    {"nosuid", MOUNT_ATTR_NOSUID},
    {"suid", 0},
    {"nodev", MOUNT_ATTR_NODEV},
    {"dev", 0},
    {"noexec", MOUNT_ATTR_NOEXEC},
    {"exec", 0},
    {"noatime", MOUNT_ATTR_NOATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME},
    {"relatime", 0},
    {"defaults", 0},
    {"bind", 0},
    {"rbind", 0},
    {"async", 0},
};

static bool has_flag(const char *o, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = o; p && *p; p += strcspn(p, ","), p += *p == ',') {
		if (strcspn(p, ",") == n && !strncmp(p, name, n))
			return true;
	}
	return false;
}

static bool is_bind(const struct volume_options *o)
{
	return has_flag(o->o, "bind") || has_flag(o->o, "rbind");
}

static int check_type(const char *type, struct err *err)
{
	size_t n = strlen(type);

	if (n == 0 || n > 32 || strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789._-") != n)
		return err_set(err, EINVAL, "type: \"%.100s\" is not the name of a file system", type);
	return 0;
}

/* The kernel takes addresses only, and whoever starts a container does not wait for a name server. */
static int check_nfs(const struct volume_options *o, struct err *err)
{
	const char *addr = o->o ? strstr(o->o, "addr=") : NULL;
	mem_cleanup char *text = addr ? mem_strndup(addr + 5, strcspn(addr + 5, ",")) : NULL;
	struct in6_addr in;

	if (!text || (inet_pton(AF_INET, text, &in) != 1 && inet_pton(AF_INET6, text, &in) != 1))
		return err_set(
		    err, EINVAL,
		    "o: a volume of type %s needs the address of the server, such as \"addr=192.0.2.1,rw\"; a name "
		    "is not enough",
		    o->type);
	return 0;
}

static int check(const struct volume_options *o, struct err *err)
{
	int r;

	if (!o->type && !o->device && !o->o)
		return 0;
	if (o->o && strlen(o->o) > TEXT_MAX)
		return err_set(err, E2BIG, "o: longer than %d bytes", TEXT_MAX);
	if (!o->device || !*o->device)
		return err_set(err, EINVAL, "missing required option: \"device\"");
	if (!o->type || !*o->type)
		return err_set(err, EINVAL, "missing required option: \"type\"");
	r = check_type(o->type, err);
	if (r < 0)
		return r;
	if (is_bind(o) && *o->device != '/')
		return err_set(err, EINVAL, "device: \"%.200s\" is not an absolute path", o->device);
	if (!strcmp(o->type, "none") && !is_bind(o))
		return err_set(err, EINVAL, "type none needs o=bind");
	return strncmp(o->type, "nfs", 3) ? 0 : check_nfs(o, err);
}

int volume_options_parse(char *const *list, struct volume_options *ret, struct err *err)
{
	static const char *const names[] = {"type", "device", "o"};
	const char **const to[] = {&ret->type, &ret->device, &ret->o};

	*ret = (struct volume_options){.type = NULL};
	if (mem_strv_len(list) > VOLUME_OPTIONS_MAX)
		return err_set(err, E2BIG, "a volume has at most %d options", VOLUME_OPTIONS_MAX);
	for (; list && *list; list++) {
		size_t n = strcspn(*list, "="), i = 0;

		while (i < 3 && (strlen(names[i]) != n || strncmp(*list, names[i], n) != 0))
			i++;
		if (i == 3)
			return err_set(err, EINVAL, "invalid option: \"%.*s\"", n > 100 ? 100 : (int)n, *list);
		*to[i] = (*list)[n] ? *list + n + 1 : "";
	}
	return check(ret, err);
}

struct parts {
	char *text; /* cut into pieces */
	uint64_t attributes;
	struct mount_option v[OPTIONS_MAX + 2];
	size_t n;
};

static bool take_flag(struct parts *p, const char *name)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (!strcmp(flags[i].name, name)) {
			p->attributes |= flags[i].attribute;
			return true;
		}
	}
	return false;
}

static int split(struct parts *p, struct err *err)
{
	char *save = NULL;

	for (char *one = strtok_r(p->text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		char *equal = strchr(one, '=');

		if (!equal && take_flag(p, one))
			continue;
		if (p->n == OPTIONS_MAX)
			return err_set(err, E2BIG, "o: more than %d options", OPTIONS_MAX);
		if (equal)
			*equal = '\0';
		p->v[p->n++] = (struct mount_option){.key = one, .value = equal ? equal + 1 : NULL};
	}
	return 0;
}

static int mount_bind(const struct volume_options *o, uint64_t attributes, struct err *err)
{
	fd_cleanup int dir = open(o->device, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, errno, "device \"%s\"", o->device);
	return mount_copy(dir, "", has_flag(o->o, "rbind"), attributes, -1, err);
}

int volume_options_mount(const struct volume_options *o, struct err *err)
{
	mem_cleanup char *text = mem_strdup(o->o ? o->o : "");
	struct parts p = {.text = text, .v = {{"source", o->device}}, .n = 1};
	int r = split(&p, err);

	if (r < 0)
		return r;
	if (is_bind(o))
		return mount_bind(o, p.attributes, err);
	return mount_new(o->type, p.v, p.attributes, err);
}
