/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of mountinfo is cut into words once; what is kept is copied into fixed fields, and what does not fit is left out as a whole.
 */
#include "node/runtime/cgroup_mounts.h"

#include "base/core/fs.h"

#include <stdio.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

static struct span next_word(struct span *rest, char separator)
{
	struct span s;

	while (rest->len > 0 && *rest->at == separator) {
		rest->at++;
		rest->len--;
	}
	s = (struct span){rest->at, 0};
	while (s.len < rest->len && s.at[s.len] != separator)
		s.len++;
	rest->at += s.len;
	rest->len -= s.len;
	return s;
}

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static bool list_has(struct span list, struct span word)
{
	while (list.len > 0) {
		struct span w = next_word(&list, ',');

		if (w.len > 0 && w.len == word.len && !memcmp(w.at, word.at, w.len))
			return true;
	}
	return false;
}

bool cgroup_mounts_has(const char *list, const char *word)
{
	return list_has((struct span){list, strlen(list)}, (struct span){word, strlen(word)});
}

bool cgroup_mounts_path_ok(const char *path)
{
	char name[256];

	if (*path != '/' || strlen(path) >= CGROUP_PATH_MAX)
		return false;
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		if (n >= sizeof name)
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		if (!fs_name_ok(name))
			return false;
		path += n;
	}
	return true;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* Mount points have blanks and backslashes as \040. False when it does not fit. */
static bool copy_path(struct span s, char out[static CGROUP_PATH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (n == CGROUP_PATH_MAX - 1)
			return false;
		if (s.at[i] == '\\' && s.len - i > 3 && is_octal(s.at + i + 1)) {
			out[n++] = (char)((s.at[i + 1] - '0') * 64 + (s.at[i + 2] - '0') * 8 + (s.at[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = s.at[i];
		}
	}
	out[n] = '\0';
	return n > 0;
}

static bool is_controller(struct span s)
{
	static const char *const known[] = {"cpuset",  "cpu",	  "cpuacct", "blkio",	   "memory",
					    "devices", "freezer", "net_cls", "perf_event", "net_prio",
					    "hugetlb", "pids",	  "rdma",    "misc",	   "debug"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (is(s, known[i]))
			return true;
	}
	return s.len > 5 && !memcmp(s.at, "name=", 5);
}

/* The super block's options are "rw,cpu,cpuacct" and others that are no controllers ("xattr", "clone_children"). */
static bool copy_controllers(struct span options, char out[static CGROUP_CONTROLLERS_MAX])
{
	size_t n = 0;

	while (options.len > 0) {
		struct span w = next_word(&options, ',');

		if (!is_controller(w))
			continue;
		if (n + w.len + 2 > CGROUP_CONTROLLERS_MAX)
			return false;
		if (n > 0)
			out[n++] = ',';
		memcpy(out + n, w.at, w.len);
		n += w.len;
	}
	out[n] = '\0';
	return n > 0;
}

static bool is_known(const struct cgroup_mounts *m, const struct cgroup_mount *c)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].v2 == c->v2 && !strcmp(m->v[i].controllers, c->controllers))
			return true;
	}
	return false;
}

static bool parse_device(struct span s, struct cgroup_mount *c)
{
	char text[32];

	if (s.len >= sizeof text)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return sscanf(text, "%9u:%9u", &c->major, &c->minor) == 2;
}

/* The group of our process in this hierarchy: "N:controllers:/path"; version 2 has no controllers there. */
static struct span own_group(const char *self_cgroup, const struct cgroup_mount *c)
{
	for (const char *p = self_cgroup; *p;) {
		const char *end = strchrnul(p, '\n');
		const char *list = memchr(p, ':', (size_t)(end - p));
		const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
		struct span names = {list ? list + 1 : p, path ? (size_t)(path - list - 1) : 0}, first = names;

		first = next_word(&first, ',');
		if (path &&
		    (c->v2 ? names.len == 0 : list_has((struct span){c->controllers, strlen(c->controllers)}, first)))
			return (struct span){path + 1, (size_t)(end - path - 1)};
		p = *end ? end + 1 : end;
	}
	return (struct span){"", 0};
}

/* `root` is what of the hierarchy is mounted: in a container without a cgroup namespace a part of it. A path that is not below it, or
 * begins with "/..", cannot be seen from here. */
static void set_own(struct cgroup_mount *c, struct span root, const char *self_cgroup)
{
	struct span own = own_group(self_cgroup, c);

	if (!is(root, "/")) {
		if (own.len < root.len || memcmp(own.at, root.at, root.len) != 0)
			own.len = 0;
		else
			own = (struct span){own.at + root.len, own.len - root.len};
	}
	if (own.len < CGROUP_PATH_MAX) {
		memcpy(c->own, own.at, own.len);
		c->own[own.len] = '\0';
	}
	if (!cgroup_mounts_path_ok(c->own))
		c->own[0] = '\0';
}

/* id parent major:minor root point options [tags...] - type source super-options */
static void parse_mount(struct cgroup_mounts *m, struct span line, const char *self_cgroup)
{
	struct cgroup_mount c = {.v2 = false};
	struct span w[6], type, options;

	for (size_t i = 0; i < 6; i++)
		w[i] = next_word(&line, ' ');
	do {
		type = next_word(&line, ' ');
	} while (type.len > 0 && !is(type, "-"));
	type = next_word(&line, ' ');
	(void)next_word(&line, ' ');
	options = next_word(&line, ' ');
	c.v2 = is(type, "cgroup2");
	if (m->n == CGROUP_MOUNTS_MAX || !(c.v2 || is(type, "cgroup")) || list_has(w[5], (struct span){"ro", 2}))
		return;
	if (!parse_device(w[2], &c) || !copy_path(w[4], c.point) || *c.point != '/')
		return;
	if ((!c.v2 && !copy_controllers(options, c.controllers)) || is_known(m, &c))
		return;
	set_own(&c, w[3], self_cgroup);
	m->v1 = m->v1 || (!c.v2 && strncmp(c.controllers, "name=", 5) != 0);
	m->v[m->n++] = c;
}

void cgroup_mounts_parse(const char *mountinfo, const char *self_cgroup, struct cgroup_mounts *ret)
{
	ret->n = 0;
	ret->v1 = false;
	for (const char *p = mountinfo; *p;) {
		const char *end = strchrnul(p, '\n');

		parse_mount(ret, (struct span){p, (size_t)(end - p)}, self_cgroup);
		p = *end ? end + 1 : end;
	}
}
