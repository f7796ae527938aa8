/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8536. A file has a block of 32-bit times for old readers, then the same with 64 bits, then one line with a rule in the form of POSIX' TZ variable. */
#include "base/core/tz.h"

#include "base/core/civil.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/usr/share/zoneinfo"
#define HEADER 44
#define TIMES_MAX 10000
#define HOUR 3600
/* Where the years of a rule can be counted without overflow. */
#define YEARS_S (INT64_C(200000) * 366 * CIVIL_DAY_S)

/* When the clock changes in a year: Mm.w.d, Jn or n (POSIX.1-2017, 8.3). */
struct change {
	char kind; /* 'M', 'J' (1 to 365, never 29 February), 'n' (0 to 365) */
	int month, week, day;
	int32_t time; /* local seconds of that day */
};

struct rule {
	bool set, dst;
	int32_t std_offset, dst_offset;
	struct change start, end;
};

struct tz {
	int64_t *times;
	int32_t *offsets; /* offsets[i + 1] holds from times[i], offsets[0] before */
	size_t n;
	struct rule rule;
};

struct tz *tz_free(struct tz *z)
{
	if (!z)
		return NULL;
	free(z->times);
	free(z->offsets);
	free(z);
	return NULL;
}

static void tz_freep(struct tz **z)
{
	*z = tz_free(*z);
}

/* ---- the rule ---- */

static bool rule_number(const char **p, int max, int *ret)
{
	int value = 0, digits = 0;

	for (; isdigit((unsigned char)**p) && digits < 4; (*p)++, digits++)
		value = value * 10 + (**p - '0');
	*ret = value;
	return digits > 0 && value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool rule_time(const char **p, int max_hours, int32_t *ret)
{
	int sign = **p == '-' ? -1 : 1, part[3] = {0};

	if (**p == '-' || **p == '+')
		(*p)++;
	if (!rule_number(p, max_hours, &part[0]))
		return false;
	for (int k = 1; k < 3 && **p == ':'; k++) {
		(*p)++;
		if (!rule_number(p, 59, &part[k]))
			return false;
	}
	*ret = sign * (part[0] * HOUR + part[1] * 60 + part[2]);
	return true;
}

static bool rule_name(const char **p)
{
	const char *from = *p;

	if (*from == '<') {
		*p = strchr(from, '>');
		return *p && (*p)++ - from > 1;
	}
	while (isalpha((unsigned char)**p))
		(*p)++;
	return *p - from >= 3;
}

static bool rule_change(const char **p, struct change *c)
{
	bool ok;

	if (**p != ',')
		return false;
	(*p)++;
	c->kind = **p == 'M' || **p == 'J' ? *(*p)++ : 'n';
	c->time = 2 * HOUR;
	if (c->kind == 'M')
		ok = rule_number(p, 12, &c->month) && c->month > 0 && *(*p)++ == '.' && rule_number(p, 5, &c->week) &&
		     c->week > 0 && *(*p)++ == '.' && rule_number(p, 6, &c->day);
	else
		ok = rule_number(p, 365, &c->day) && (c->kind == 'n' || c->day > 0);
	if (ok && **p == '/') {
		(*p)++;
		ok = rule_time(p, 167, &c->time); /* RFC 8536 3.3.1: more than POSIX */
	}
	return ok;
}

/* stdoffset[dst[offset],start[/time],end[/time]]; offsets count from local time to UTC. */
static bool rule_parse(const char *text, struct rule *r)
{
	const char *p = text;

	if (!*p)
		return true;
	if (!rule_name(&p) || !rule_time(&p, 24, &r->std_offset))
		return false;
	r->std_offset = -r->std_offset;
	r->set = true;
	if (!*p)
		return true;
	if (!rule_name(&p))
		return false;
	r->dst = true;
	r->dst_offset = r->std_offset + HOUR;
	if (*p && *p != ',') {
		if (!rule_time(&p, 24, &r->dst_offset))
			return false;
		r->dst_offset = -r->dst_offset;
	}
	return rule_change(&p, &r->start) && rule_change(&p, &r->end) && !*p;
}

/* In local seconds since 1970. */
static int64_t change_at(const struct change *c, int64_t year)
{
	int64_t first = civil_days(year, c->kind == 'M' ? c->month : 1, 1), day;

	if (c->kind == 'M') {
		day = first + (c->day - civil_weekday(first) + 7) % 7 + (int64_t)(c->week - 1) * 7;
		if (day >= first + civil_month_days(year, c->month))
			day -= 7;
	} else if (c->kind == 'J') {
		day = first + c->day - 1 + (civil_leap(year) && c->day >= 60);
	} else {
		day = first + c->day;
	}
	return day * CIVIL_DAY_S + c->time;
}

/* The span of a rule: one of those between the changes of three years. At the same moment a beginning counts after an end. */
static struct tz_span rule_span(const struct rule *r, int64_t utc_s)
{
	struct tz_span s = {INT64_MIN, INT64_MAX, r->std_offset};
	int64_t year, starts = INT64_MIN, ends = INT64_MIN;

	if (!r->dst)
		return s;
	if (utc_s > YEARS_S || utc_s < -YEARS_S)
		return s;
	year = civil_date(civil_floor(utc_s, CIVIL_DAY_S)).year;
	for (int64_t y = year - 2; y <= year + 2; y++) {
		const int64_t at[2] = {change_at(&r->start, y) - r->std_offset, change_at(&r->end, y) - r->dst_offset};

		for (int k = 0; k < 2; k++) {
			int64_t *last = k ? &ends : &starts;

			if (at[k] <= utc_s && at[k] > *last)
				*last = at[k];
			if (at[k] > utc_s && at[k] < s.to)
				s.to = at[k];
		}
	}
	s.from = starts > ends ? starts : ends;
	s.offset = starts >= ends ? r->dst_offset : r->std_offset;
	return s;
}

struct tz_span tz_span(const struct tz *z, int64_t utc_s)
{
	struct tz_span s = {INT64_MIN, INT64_MAX, 0};
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (z->times[mid] <= utc_s)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == z->n && z->rule.set)
		s = rule_span(&z->rule, utc_s);
	else
		s.offset = z->offsets[low];
	if (low > 0 && z->times[low - 1] > s.from)
		s.from = z->times[low - 1];
	if (low < z->n)
		s.to = z->times[low];
	return s;
}

/* ---- the file ---- */

struct header {
	uint32_t isutc, isstd, leap, time, type, text;
	uint8_t version;
};

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	for (size_t k = 0; k < n; k++)
		value = value << 8 | p[k];
	return value;
}

static bool read_header(const uint8_t *p, size_t n, struct header *h)
{
	uint32_t *counts[] = {&h->isutc, &h->isstd, &h->leap, &h->time, &h->type, &h->text};

	if (n < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	h->version = p[4];
	for (size_t k = 0; k < 6; k++) {
		*counts[k] = (uint32_t)big_endian(p + 20 + 4 * k, 4);
		if (*counts[k] > TIMES_MAX)
			return false;
	}
	return h->type > 0 && h->type <= 256;
}

static size_t block_size(const struct header *h, size_t width)
{
	return h->time * width + h->time + h->type * (size_t)6 + h->text + h->leap * (width + 4) + h->isstd + h->isutc;
}

static bool read_block(const uint8_t *p, const struct header *h, struct tz *z)
{
	const uint8_t *index = p + (size_t)h->time * 8, *types = index + h->time;

	z->n = h->time;
	z->times = mem_new_n(int64_t, z->n + 1);
	z->offsets = mem_new_n(int32_t, z->n + 1);
	for (size_t k = 0; k <= z->n; k++) {
		uint8_t type = k ? index[k - 1] : 0; /* 3.2: before the first transition type 0 holds */

		if (type >= h->type)
			return false;
		z->offsets[k] = (int32_t)(uint32_t)big_endian(types + (size_t)type * 6, 4);
		if (z->offsets[k] > TZ_OFFSET_MAX || z->offsets[k] < -TZ_OFFSET_MAX)
			return false;
		if (k == 0)
			continue;
		z->times[k - 1] = (int64_t)big_endian(p + (k - 1) * 8, 8);
		if (z->times[k - 1] > YEARS_S || (k > 1 && z->times[k - 1] <= z->times[k - 2]))
			return false;
	}
	return true;
}

static bool read_footer(const uint8_t *p, size_t n, struct tz *z)
{
	const uint8_t *end = n > 1 && p[0] == '\n' ? memchr(p + 1, '\n', n - 1) : NULL;
	mem_cleanup char *text = end ? mem_strndup((const char *)p + 1, (size_t)(end - p - 1)) : NULL;

	return text && strlen(text) == (size_t)(end - p - 1) && rule_parse(text, &z->rule);
}

int tz_parse(const void *data, size_t n, struct tz **ret, struct err *err)
{
	struct tz *z cleanup_with(tz_freep) = mem_new(struct tz);
	const uint8_t *p = data;
	struct header h;
	size_t skip, size;

	if (!read_header(p, n, &h))
		return err_set(err, EINVAL, "it is not a file of a time zone (RFC 8536)");
	if (h.version < '2')
		return err_set(err, EINVAL, "it is a file of version 1, whose times end in 2038");
	skip = HEADER + block_size(&h, 4);
	if (skip > n || !read_header(p + skip, n - skip, &h))
		return err_set(err, EINVAL, "its second header is damaged");
	skip += HEADER;
	size = block_size(&h, 8);
	if (size > n - skip || !read_block(p + skip, &h, z))
		return err_set(err, EINVAL, "its list of changes is damaged");
	if (!read_footer(p + skip + size, n - skip - size, z))
		return err_set(err, EINVAL, "the rule at its end is damaged");
	*ret = mem_take(z);
	return 0;
}

/* ---- by name ---- */

static bool name_ok(const char *name)
{
	size_t n = strnlen(name, TZ_NAME_MAX);

	if (n == 0 || n == TZ_NAME_MAX || name[0] == '/' || strstr(name, ".."))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") == n;
}

static struct tz *utc(void)
{
	struct tz *z = mem_new(struct tz);

	z->offsets = mem_new_n(int32_t, 1);
	return z;
}

static int read_file(const char *path, char *data, size_t *ret_n, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got;

	if (fd < 0)
		return err_sys(err, errno, "read \"%s\"", path);
	*ret_n = 0;
	while ((got = read(fd, data + *ret_n, TZ_FILE_MAX - *ret_n)) > 0)
		*ret_n += (size_t)got;
	return got < 0 ? err_sys(err, errno, "read \"%s\"", path) : 0;
}

int tz_open(const char *name, struct tz **ret, struct err *err)
{
	const char *folder = getenv("TZDIR");
	mem_cleanup char *path = NULL, *data = NULL;
	size_t n = 0;
	int r;

	if (!name_ok(name))
		return err_set(err, EINVAL,
			       "\"%.80s\" is not the name of a time zone; one is, for example, Europe/Paris", name);
	if (!strcmp(name, "UTC")) {
		*ret = utc();
		return 0;
	}
	path = mem_printf("%s/%s", folder && *folder ? folder : FOLDER, name);
	data = mem_zalloc(1, TZ_FILE_MAX);
	r = read_file(path, data, &n, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(err, ENOENT, "there is no time zone \"%s\" here (%s: is the package tzdata installed?)",
			       name, path);
	if (r == 0)
		r = tz_parse(data, n, ret, err);
	return r < 0 ? err_wrap(err, "time zone \"%s\"", name) : 0;
}
