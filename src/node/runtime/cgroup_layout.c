/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/cgroup_layout.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The name of each version 1 controller in the super block's options. */
static const char *const controllers[CGROUP_TREES] = {
    [CGROUP_CPU] = "cpu", [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_FREEZER] = "freezer"};

struct span {
	const char *at;
	size_t len;
};

static struct span next_word(const char **p, const char *end)
{
	struct span s;

	while (*p < end && **p == ' ')
		(*p)++;
	s.at = *p;
	while (*p < end && **p != ' ')
		(*p)++;
	s.len = (size_t)(*p - s.at);
	return s;
}

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static bool has_option(struct span options, const char *want)
{
	const char *p = options.at, *end = options.at + options.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (is((struct span){p, (size_t)(stop - p)}, want))
			return true;
		p = stop + 1;
	}
	return false;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* Mount points have blanks and backslashes as \040. False when it does not fit. */
static bool copy_path(struct span s, char out[static CGROUP_BASE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (n == CGROUP_BASE_MAX - 1)
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

/* The first mount of a hierarchy is taken; read-only ones are of no use. */
static void take_mount(struct cgroup_layout *l, struct span point, struct span type, struct span options)
{
	char path[CGROUP_BASE_MAX];

	if (!copy_path(point, path))
		return;
	if (is(type, "cgroup2") && !*l->v2_root)
		memcpy(l->v2_root, path, sizeof path);
	for (int t = CGROUP_CPU; is(type, "cgroup") && t < CGROUP_TREES; t++) {
		if (has_option(options, controllers[t]) && !*l->base[t])
			memcpy(l->base[t], path, sizeof path);
	}
}

/* id parent major:minor root point options [tags...] - type source super-options */
static void parse_mount(struct cgroup_layout *l, const char *line, const char *end)
{
	struct span w[6], type, options;

	for (size_t i = 0; i < 6; i++)
		w[i] = next_word(&line, end);
	do {
		type = next_word(&line, end);
	} while (type.len > 0 && !is(type, "-"));
	type = next_word(&line, end);
	(void)next_word(&line, end);
	options = next_word(&line, end);
	if (type.len > 0 && !has_option(w[5], "ro"))
		take_mount(l, w[4], type, options);
}

/* The line "0::/path" is the unified hierarchy's. */
static struct span own_group(const char *self_cgroup)
{
	struct span s = {"", 0};

	for (const char *p = self_cgroup; *p;) {
		const char *end = strchrnul(p, '\n');

		if (!strncmp(p, "0::/", 4))
			s = (struct span){p + 3, (size_t)(end - p - 3)};
		p = *end ? end + 1 : end;
	}
	return s;
}

static bool has_dotdot(struct span s)
{
	for (size_t i = 0; i + 2 < s.len; i++) {
		if (!memcmp(s.at + i, "/..", 3))
			return true;
	}
	return false;
}

static void set_v2_base(struct cgroup_layout *l, struct span own)
{
	const size_t main_len = strlen("/" CGROUP_MAIN);

	if (own.len >= main_len && !memcmp(own.at + own.len - main_len, "/" CGROUP_MAIN, main_len))
		own.len -= main_len;
	/* "/../x": we are outside the part of the hierarchy that we can see. */
	if (own.len <= 1 || has_dotdot(own) || strlen(l->v2_root) + own.len >= CGROUP_BASE_MAX)
		own.len = 0;
	snprintf(l->base[CGROUP_V2], CGROUP_BASE_MAX, "%s%.*s", l->v2_root, (int)own.len, own.at);
}

static void set_kind(struct cgroup_layout *l)
{
	bool v1 = false;

	for (int t = CGROUP_CPU; t < CGROUP_TREES; t++)
		v1 = v1 || *l->base[t];
	if (v1)
		l->kind = *l->v2_root ? CGROUP_KIND_HYBRID : CGROUP_KIND_V1;
	else
		l->kind = *l->v2_root ? CGROUP_KIND_V2 : CGROUP_KIND_NONE;
}

void cgroup_layout_drop(struct cgroup_layout *l, enum cgroup_tree t)
{
	l->base[t][0] = '\0';
	if (t == CGROUP_V2)
		l->v2_root[0] = '\0';
	set_kind(l);
}

void cgroup_layout_parse(const char *mountinfo, const char *self_cgroup, struct cgroup_layout *ret)
{
	*ret = (struct cgroup_layout){.kind = CGROUP_KIND_NONE};
	for (const char *p = mountinfo; *p;) {
		const char *end = strchrnul(p, '\n');

		parse_mount(ret, p, end);
		p = *end ? end + 1 : end;
	}
	if (*ret->v2_root)
		set_v2_base(ret, own_group(self_cgroup));
	set_kind(ret);
}

const char *cgroup_kind_name(enum cgroup_kind kind)
{
	static const char *const names[] = {"none", "v1", "hybrid", "v2"};

	return names[kind];
}
