/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/subid.h"

#include <stdio.h>
#include <string.h>

#define FREE_MIN 100000u
#define ID_MAX 4294967294u /* the last one means "no one" */

/* A decimal number up to `end`, with nothing around it. */
static bool read_number(const char *p, const char *end, uint32_t *ret)
{
	uint64_t n = 0;

	if (p == end || end - p > 10)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (n > ID_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool is_user(const char *p, const char *end, const char *name, uint32_t uid)
{
	char number[16];
	size_t n = (size_t)(end - p);

	snprintf(number, sizeof number, "%u", uid);
	return (strlen(number) == n && !memcmp(p, number, n)) ||
	       (name && *name && strlen(name) == n && !memcmp(p, name, n));
}

static bool overlaps(const struct subid *s, const struct subid_range *r)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct subid_range *o = &s->ranges[i];

		if (r->first < o->first + o->count && o->first < r->first + r->count)
			return true;
	}
	return false;
}

static void parse_line(const char *p, const char *end, const char *name, uint32_t uid, struct subid *s)
{
	const char *a = memchr(p, ':', (size_t)(end - p));
	const char *b = a ? memchr(a + 1, ':', (size_t)(end - a - 1)) : NULL;
	struct subid_range r;

	if (!b || !read_number(a + 1, b, &r.first) || !read_number(b + 1, end, &r.count))
		return;
	if (r.count == 0 || r.first == 0 || r.count - 1 > ID_MAX - r.first)
		return;
	if (s->free && r.first + r.count > s->free)
		s->free = ID_MAX - (r.first + r.count - 1) > SUBID_COUNT_WANTED ? r.first + r.count : 0;
	if (s->n < SUBID_RANGES_MAX && is_user(p, a, name, uid) && !overlaps(s, &r))
		s->ranges[s->n++] = r;
}

void subid_parse(const char *text, const char *name, uint32_t uid, struct subid *ret)
{
	*ret = (struct subid){.free = FREE_MIN};
	for (const char *p = text; *p;) {
		const char *end = strchrnul(p, '\n');

		parse_line(p, end, name, uid, ret);
		p = *end ? end + 1 : end;
	}
}

size_t subid_map(const struct subid *s, uint32_t own, struct subid_line ret[static SUBID_RANGES_MAX + 1])
{
	uint32_t inside = 1;
	size_t n = 0;

	ret[n++] = (struct subid_line){.inside = 0, .outside = own, .count = 1};
	for (size_t i = 0; i < s->n; i++) {
		uint32_t left = ID_MAX - inside, count = s->ranges[i].count < left ? s->ranges[i].count : left;

		if (count == 0)
			break;
		ret[n++] = (struct subid_line){.inside = inside, .outside = s->ranges[i].first, .count = count};
		inside += count;
	}
	return n;
}
