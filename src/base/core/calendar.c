/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/calendar.h"

#include "base/core/civil.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define EVERY_YEAR 0 /* the year of a day that comes each year */

struct row {
	int64_t from, to; /* days, both in it */
};

struct days {
	uint8_t weekdays;      /* bit 0 = Sunday */
	uint32_t of_month[12]; /* each year: bit 0 = the first */
	struct row *rows;      /* sorted by from, none touches another */
	size_t n, cap;
};

struct calendar {
	struct days days[2]; /* [0] left out, [1] included */
	size_t n;
};

struct calendar *calendar_new(void)
{
	return mem_new(struct calendar);
}

struct calendar *calendar_free(struct calendar *c)
{
	if (!c)
		return NULL;
	free(c->days[0].rows);
	free(c->days[1].rows);
	free(c);
	return NULL;
}

bool calendar_empty(const struct calendar *c)
{
	return c->n == 0;
}

/* ---- reading ---- */

static int digits(const char **p, int n)
{
	int value = 0;

	for (int k = 0; k < n; k++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

/* YYYY-MM-DD or MM-DD; the length of the first number tells. */
static bool read_date(const char **p, struct civil *ret)
{
	bool year = strspn(*p, "0123456789") == 4;

	ret->year = EVERY_YEAR;
	if (year) {
		ret->year = digits(p, 4);
		if (ret->year < 1 || *(*p)++ != '-')
			return false;
	}
	ret->month = digits(p, 2);
	if (ret->month < 1 || ret->month > 12 || *(*p)++ != '-')
		return false;
	ret->day = digits(p, 2);
	return ret->day >= 1 && ret->day <= civil_month_days(year ? ret->year : 2000, ret->month);
}

static int weekday(const char *text)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	for (int k = 0; k < 7; k++) {
		if (!strcasecmp(text, names[k]))
			return k;
	}
	return -1;
}

/* Keeps them sorted and apart: what the new one touches becomes part of it. */
static void add_row(struct days *d, struct row new)
{
	size_t at = 0, end;

	while (at < d->n && d->rows[at].to < new.from - 1)
		at++;
	for (end = at; end < d->n && d->rows[end].from <= new.to + 1; end++) {
		new.from = d->rows[end].from < new.from ? d->rows[end].from : new.from;
		new.to = d->rows[end].to > new.to ? d->rows[end].to : new.to;
	}
	if (end == at)
		mem_grow(&d->rows, &d->cap, d->n);
	if (at != end - 1)
		memmove(&d->rows[at + 1], &d->rows[end], (d->n - end) * sizeof *d->rows);
	d->n = d->n + 1 - (end - at);
	d->rows[at] = new;
}

/* A year that has all days; one that ends before it begins goes over New Year. */
static void add_yearly(struct days *d, const struct civil *from, const struct civil *to)
{
	struct civil c = *from;

	for (;;) {
		d->of_month[c.month - 1] |= UINT32_C(1) << (c.day - 1);
		if (c.month == to->month && c.day == to->day)
			return;
		if (++c.day > civil_month_days(2000, c.month)) {
			c.day = 1;
			c.month = c.month % 12 + 1;
		}
	}
}

int calendar_add(struct calendar *c, bool include, const char *day, struct err *err)
{
	struct days *d = &c->days[include];
	struct civil from, to;
	const char *p = day;
	int w = weekday(day);

	if (c->n >= CALENDAR_ENTRIES_MAX)
		return err_set(err, E2BIG, "a calendar has at most %d days and rows of days", CALENDAR_ENTRIES_MAX);
	if (w >= 0) {
		d->weekdays |= (uint8_t)(1u << w);
		c->n++;
		return 0;
	}
	if (!read_date(&p, &from))
		return err_set(
		    err, EINVAL,
		    "\"%.40s\" is not a day; days are: sat, 12-25, 2026-12-24, 12-24..01-01, 2026-08-01..2026-08-15",
		    day);
	to = from;
	if (!strncmp(p, "..", 2)) {
		p += 2;
		if (!read_date(&p, &to) || (from.year == EVERY_YEAR) != (to.year == EVERY_YEAR))
			return err_set(err, EINVAL,
				       "\"%.40s\": the last day is wrong; both are like 12-24, or both like 2026-12-24",
				       day);
	}
	if (*p)
		return err_set(err, EINVAL, "\"%.40s\": nothing may follow the day, but \"%.20s\" does", day, p);
	if (from.year != EVERY_YEAR &&
	    civil_days(to.year, to.month, to.day) < civil_days(from.year, from.month, from.day))
		return err_set(err, EINVAL, "\"%.40s\" ends before it begins", day);
	if (from.year == EVERY_YEAR)
		add_yearly(d, &from, &to);
	else
		add_row(d, (struct row){civil_days(from.year, from.month, from.day),
					civil_days(to.year, to.month, to.day)});
	c->n++;
	return 0;
}

/* ---- asking ---- */

static bool in(const struct days *d, int64_t day)
{
	struct civil c = civil_date(day);
	size_t low = 0, high = d->n;

	if (d->weekdays >> civil_weekday(day) & 1 || d->of_month[c.month - 1] >> (c.day - 1) & 1)
		return true;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (d->rows[mid].to < day)
			low = mid + 1;
		else
			high = mid;
	}
	return low < d->n && d->rows[low].from <= day;
}

static bool any(const struct days *d)
{
	uint32_t all = d->weekdays;

	for (int k = 0; k < 12; k++)
		all |= d->of_month[k];
	return all || d->n;
}

bool calendar_has(const struct calendar *c, int64_t day)
{
	return in(&c->days[1], day) || (any(&c->days[0]) && !in(&c->days[0], day));
}
