/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/user.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ID_MAX 2147483647u
#define FIELDS_MAX 7

struct field {
	const char *at;
	size_t len;
};

static bool is_digits(struct field f)
{
	if (f.len == 0)
		return false;
	for (size_t i = 0; i < f.len; i++) {
		if (f.at[i] < '0' || f.at[i] > '9')
			return false;
	}
	return true;
}

static bool parse_id(struct field f, uint32_t *ret)
{
	uint64_t n = 0;

	if (!is_digits(f))
		return false;
	for (size_t i = 0; i < f.len; i++) {
		n = n * 10 + (uint64_t)(f.at[i] - '0');
		if (n > ID_MAX && RT_GUARD(R11))
			return false;
	}
	*ret = (uint32_t)n;
	return true;
}

static bool same(struct field a, struct field b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

/* Splits the next line of *text at ':'; returns the number of fields, or -1 at the end. What is too much stays in the last field. */
static int next_line(const char **text, struct field f[static FIELDS_MAX])
{
	const char *p = *text, *end = strchrnul(p, '\n');
	int n = 0;

	if (!*p)
		return -1;
	for (;;) {
		const char *colon = n < FIELDS_MAX - 1 ? memchr(p, ':', (size_t)(end - p)) : NULL;
		const char *stop = colon ? colon : end;

		f[n++] = (struct field){p, (size_t)(stop - p)};
		if (!colon)
			break;
		p = colon + 1;
	}
	*text = *end ? end + 1 : end;
	return n;
}

/* passwd: name:password:uid:gid:text:home:shell. By name, or by number when by_id is set. */
static bool find_passwd(const char *passwd, struct field name, bool by_id, uint32_t id, struct user *u,
			struct field *ret_name)
{
	struct field f[FIELDS_MAX];

	for (int n = next_line(&passwd, f); n >= 0; n = next_line(&passwd, f)) {
		uint32_t uid, gid;

		if (n < 4 || f[0].len == 0 || !parse_id(f[2], &uid) || !parse_id(f[3], &gid))
			continue;
		if (by_id ? uid != id : !same(f[0], name))
			continue;
		u->uid = uid;
		u->gid = gid;
		if (n >= 6 && f[5].len > 0 && f[5].len < sizeof u->home && f[5].at[0] == '/')
			snprintf(u->home, sizeof u->home, "%.*s", (int)f[5].len, f[5].at);
		*ret_name = f[0];
		return true;
	}
	return false;
}

static int add_group(struct user *u, gid_t gid, struct err *err)
{
	for (size_t i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == gid)
			return 0;
	}
	if (u->n_groups == USER_GROUPS_MAX)
		return err_set(err, E2BIG, "the user is in more than %d groups of /etc/group", USER_GROUPS_MAX);
	u->groups[u->n_groups++] = gid;
	return 0;
}

static bool is_member(struct field members, struct field name)
{
	const char *p = members.at, *end = members.at + members.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (same((struct field){p, (size_t)(stop - p)}, name))
			return true;
		p = stop + 1;
	}
	return false;
}

/* group: name:password:gid:member,member */
static int add_memberships(const char *group, struct field name, struct user *u, struct err *err)
{
	struct field f[FIELDS_MAX];

	for (int n = next_line(&group, f); n >= 0; n = next_line(&group, f)) {
		uint32_t gid;
		int r;

		if (n < 4 || !parse_id(f[2], &gid) || !is_member(f[3], name))
			continue;
		r = add_group(u, gid, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool find_group(const char *group, struct field name, gid_t *ret)
{
	struct field f[FIELDS_MAX];

	for (int n = next_line(&group, f); n >= 0; n = next_line(&group, f)) {
		uint32_t gid;

		if (n >= 3 && same(f[0], name) && parse_id(f[2], &gid)) {
			*ret = gid;
			return true;
		}
	}
	return false;
}

static bool name_ok(struct field f)
{
	if (f.len == 0 || f.len > 255 || f.at[0] == '-' || f.at[0] == '+')
		return false;
	for (size_t i = 0; i < f.len; i++) {
		unsigned char c = (unsigned char)f.at[i];

		if (c <= ' ' || c == 0x7f || c == ':' || c == ',' || c == '/')
			return false;
	}
	return true;
}

static int resolve_user(const char *text, struct field user, const char *passwd, struct user *u, struct field *ret_name,
			struct err *err)
{
	uint32_t id = 0;

	if (is_digits(user)) {
		if (!parse_id(user, &id))
			return err_set(err, EINVAL, "user \"%s\": the uid is larger than %u", text, ID_MAX);
		u->uid = id;
		(void)find_passwd(passwd, user, true, id, u, ret_name);
		return 0;
	}
	if (!name_ok(user))
		return err_set(err, EINVAL, "user \"%s\" is neither a number nor a name", text);
	if (!find_passwd(passwd, user, false, 0, u, ret_name))
		return err_set(err, ENOENT, "unable to find user %.*s: no matching entries in passwd file",
			       (int)user.len, user.at);
	return 0;
}

static int resolve_group(const char *text, struct field name, const char *group, gid_t *ret, struct err *err)
{
	uint32_t id;

	if (is_digits(name)) {
		if (!parse_id(name, &id))
			return err_set(err, EINVAL, "user \"%s\": the gid is larger than %u", text, ID_MAX);
		*ret = id;
		return 0;
	}
	if (!name_ok(name))
		return err_set(err, EINVAL, "user \"%s\": the group is neither a number nor a name", text);
	if (!find_group(group, name, ret))
		return err_set(err, ENOENT, "unable to find group %.*s: no matching entries in group file",
			       (int)name.len, name.at);
	return 0;
}

int user_find(const char *text, const char *passwd, const char *group, struct user *ret, struct err *err)
{
	const char *whole = text ? text : "0", *colon = strchr(whole, ':');
	struct field name = {"", 0}, user = {whole, colon ? (size_t)(colon - whole) : strlen(whole)};
	struct user u = {.home = "/"};
	int r = resolve_user(whole, user, passwd, &u, &name, err);

	if (r == 0 && colon)
		r = resolve_group(whole, (struct field){colon + 1, strlen(colon + 1)}, group, &u.gid, err);
	if (r == 0 && RT_GUARD(R12))
		r = add_group(&u, u.gid, err);
	/* As docker does: a group that is named stands alone, otherwise the memberships count too. */
	if (r == 0 && !colon && name.len > 0)
		r = add_memberships(group, name, &u, err);
	if (r == 0)
		*ret = u;
	return r;
}

/* A missing file is an empty one. O_NONBLOCK: a FIFO must not hold us. */
static int read_file(int root, const char *path, char **ret, struct err *err)
{
	struct err missing = ERR_INIT;
	fd_cleanup int fd = fs_open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, FS_IN_ROOT, &missing);
	struct stat st;
	size_t len;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret = mem_strdup("");
		return 0;
	}
	if (fd < 0)
		return err_sys(err, -fd, "open the image's %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat the image's %s", path);
	if (!S_ISREG(st.st_mode) && RT_GUARD(R13))
		return err_set(err, EINVAL, "the image's %s is not a regular file", path);
	if (st.st_size > USER_FILE_MAX && RT_GUARD(R13))
		return err_set(err, E2BIG, "the image's %s is larger than %u bytes", path, USER_FILE_MAX);
	r = fd_read_all(fd, RT_GUARD(R13) ? USER_FILE_MAX : 256u << 20, ret, &len);
	return r < 0 ? err_sys(err, -r, "read the image's %s", path) : 0;
}

int user_find_in(int root, const char *text, struct user *ret, struct err *err)
{
	mem_cleanup char *passwd = NULL, *group = NULL;
	int r = read_file(root, "/etc/passwd", &passwd, err);

	if (r == 0)
		r = read_file(root, "/etc/group", &group, err);
	return r < 0 ? r : user_find(text, passwd, group, ret, err);
}

static int group_of(const char *text, const char *group, gid_t *ret, struct err *err)
{
	struct field name = {text, strlen(text)};
	uint32_t id;

	if (!is_digits(name)) {
		if (name_ok(name) && find_group(group, name, ret))
			return 0;
		return err_set(err, ENOENT, "unable to find group %.200s: no matching entries in group file", text);
	}
	if (!parse_id(name, &id))
		return err_set(err, EINVAL, "additional group \"%.200s\": the gid is larger than %u", text, ID_MAX);
	*ret = id;
	return 0;
}

int user_add_groups(char *const *groups, const char *group, struct user *u, struct err *err)
{
	for (; groups && *groups; groups++) {
		gid_t gid;
		int r = group_of(*groups, group, &gid, err);

		if (r == 0)
			r = add_group(u, gid, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int user_add_groups_in(int root, char *const *groups, struct user *u, struct err *err)
{
	mem_cleanup char *group = NULL;
	int r;

	if (!groups || !*groups)
		return 0;
	r = read_file(root, "/etc/group", &group, err);
	return r < 0 ? r : user_add_groups(groups, group, u, err);
}
