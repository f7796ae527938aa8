/* SPDX-License-Identifier: Apache-2.0 */
/* Local time is looked at span by span (tz.h): inside one it runs like UTC, so the next time is found field by field; what is left out or comes twice lies at
 * the seams and nowhere else. */
#include "base/core/cron.h"

#include "base/core/civil.h"
#include "base/core/err.h"
#include "base/core/tz.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NONE INT64_MAX
#define MINUTE 60
#define HORIZON_S ((int64_t)CRON_YEARS * 366 * CIVIL_DAY_S)

/* ---- reading ---- */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
					  "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum { MINUTES, HOURS, DOMS, MONTHS, DOWS, N_FIELDS };
static const struct field {
	const char *name;
	int min, max;
	const char *const *names; /* of min, min + 1 ... */
	int n_names;
} fields[N_FIELDS] = {
    [MINUTES] = {"minute", 0, 59, NULL, 0},	      [HOURS] = {"hour", 0, 23, NULL, 0},
    [DOMS] = {"day of the month", 1, 31, NULL, 0},    [MONTHS] = {"month", 1, 12, month_names, 12},
    [DOWS] = {"day of the week", 0, 7, day_names, 7},
};

static const struct {
	const char *word, *means;
} words[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

/* A number or a name; false: neither, or out of range. */
static bool read_value(const struct field *f, const char **p, int *ret)
{
	size_t n = 0;

	for (int k = 0; k < f->n_names; k++) {
		if (!strncasecmp(*p, f->names[k], 3) && !isalnum((unsigned char)(*p)[3])) {
			*p += 3;
			*ret = f->min + k;
			return true;
		}
	}
	for (*ret = 0; isdigit((unsigned char)(*p)[n]) && n < 4; n++)
		*ret = *ret * 10 + ((*p)[n] - '0');
	*p += n;
	return n > 0 && *ret >= f->min && *ret <= f->max;
}

/* *, a, a-b, each with /n */
static bool read_range(const struct field *f, const char **p, uint64_t *bits)
{
	int from = f->min, to = f->max, step = 1;
	bool one = false;

	if (**p == '*') {
		(*p)++;
	} else {
		if (!read_value(f, p, &from))
			return false;
		one = **p != '-';
		to = from;
		if (!one && ((*p)++, !read_value(f, p, &to)))
			return false;
		if (f == &fields[DOWS] && from > 0 && to == 0)
			to = 7; /* sat-sun */
	}
	if (**p == '/') {
		const struct field steps = {.min = 1, .max = f->max};

		(*p)++;
		if (!read_value(&steps, p, &step))
			return false;
		to = one ? f->max : to;
	}
	for (int k = from; k <= to; k += step)
		*bits |= UINT64_C(1) << k;
	return from <= to;
}

static bool read_field(const struct field *f, const char *text, uint64_t *bits, bool *last)
{
	const char *p = text;

	for (;; p++) {
		if (f == &fields[DOMS] && (*p == 'L' || *p == 'l')) {
			*last = true;
			p++;
		} else if (!read_range(f, &p, bits)) {
			return false;
		}
		if (*p != ',')
			return !*p;
	}
}

static int64_t unit_s(char unit)
{
	return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? CIVIL_DAY_S : 0;
}

static int parse_every(const char *text, struct cron *ret, struct err *err)
{
	int64_t sum = 0;
	const char *p = text;

	while (*p) {
		int64_t value = 0, unit;
		int digits = 0;

		for (; isdigit((unsigned char)*p) && digits < 6; p++, digits++)
			value = value * 10 + (*p - '0');
		unit = digits ? unit_s(*p) : 0;
		if (!unit)
			return err_set(err, EINVAL,
				       "@every %.40s: a length of time is needed, for example 90s, 15m, 1h30m or 1d",
				       text);
		sum += value * unit;
		p++;
	}
	if (sum < 1 || sum > (int64_t)366 * CIVIL_DAY_S)
		return err_set(err, EINVAL, "@every %.40s: from 1s to 366d are possible", text);
	*ret = (struct cron){.period_s = sum};
	return 0;
}

/* 30 February. */
static bool comes(const struct cron *c)
{
	if (!c->any_dow || c->any_dom || c->last_dom)
		return true;
	for (int m = 1; m <= 12; m++) {
		for (int d = 1; d <= civil_month_days(2000, m); d++) {
			if (c->months >> m & 1 && c->doms >> d & 1)
				return true;
		}
	}
	return false;
}

static int split(char *text, char *part[N_FIELDS])
{
	char *rest = NULL;
	int n = 0;

	for (char *p = strtok_r(text, " \t", &rest); p; p = strtok_r(NULL, " \t", &rest)) {
		if (n < N_FIELDS)
			part[n] = p;
		n++;
	}
	return n;
}

static int parse_fields(const char *text, struct cron *ret, struct err *err)
{
	char copy[CRON_TEXT_MAX], *part[N_FIELDS];
	uint64_t bits[N_FIELDS] = {0};
	int n;

	memcpy(copy, text, strlen(text) + 1);
	n = split(copy, part);
	*ret = (struct cron){.period_s = 0};
	if (n != N_FIELDS)
		return err_set(err, EINVAL,
			       "\"%.100s\" has %d fields; five are needed (minute, hour, day of the month, month, day "
			       "of the week), or @daily and its like",
			       text, n);
	for (int k = 0; k < N_FIELDS; k++) {
		if (!read_field(&fields[k], part[k], &bits[k], &ret->last_dom))
			return err_set(
			    err, EINVAL,
			    "\"%.100s\": the %s \"%.40s\" is wrong; it takes %d to %d%s, lists, ranges and steps", text,
			    fields[k].name, part[k], fields[k].min, fields[k].max, fields[k].names ? ", names" : "");
	}
	ret->minutes = bits[MINUTES];
	ret->hours = (uint32_t)bits[HOURS];
	ret->doms = (uint32_t)bits[DOMS];
	ret->months = (uint16_t)bits[MONTHS];
	ret->dows = (uint8_t)((bits[DOWS] | bits[DOWS] >> 7) & 0x7f);
	ret->any_dom = part[DOMS][0] == '*';
	ret->any_dow = part[DOWS][0] == '*';
	ret->every_hour = part[HOURS][0] == '*' && !part[HOURS][1];
	return comes(ret) ? 0 : err_set(err, EINVAL, "\"%.100s\" never comes: no month of these has such a day", text);
}

int cron_parse(const char *text, struct cron *ret, struct err *err)
{
	if (strnlen(text, CRON_TEXT_MAX) == CRON_TEXT_MAX)
		return err_set(err, EINVAL, "it is longer than %d bytes", CRON_TEXT_MAX - 1);
	while (*text == ' ')
		text++;
	if (!strncmp(text, "@every ", 7))
		return parse_every(text + 7, ret, err);
	for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
		if (!strcmp(words[k].word, text))
			return parse_fields(words[k].means, ret, err);
	}
	if (*text == '@')
		return err_set(
		    err, EINVAL,
		    "\"%.40s\" is unknown; there are @yearly, @monthly, @weekly, @daily, @hourly and @every TIME",
		    text);
	return parse_fields(text, ret, err);
}

/* ---- the next time ---- */

struct search {
	const struct cron *cron;
	cron_day_fn day;
	void *ctx;
};

/* * and its steps are no restriction of the other field, but a condition of their own. */
static bool day_fits(const struct search *q, int64_t day, const struct civil *c)
{
	const struct cron *cron = q->cron;
	bool dow = cron->dows >> civil_weekday(day) & 1;
	bool dom = cron->doms >> c->day & 1 || (cron->last_dom && c->day == civil_month_days(c->year, c->month));
	bool fits = cron->any_dom || cron->any_dow ? dom && dow : dom || dow;

	return fits && (!q->day || q->day(q->ctx, day));
}

/* The first set bit that is not before `from`, or -1. */
static int next_bit(uint64_t bits, int from)
{
	bits = from < 64 ? bits >> from << from : 0;
	return bits ? __builtin_ctzll(bits) : -1;
}

/* The first minute of that day that fits and is not before `from` minutes, or -1. */
static int minute_of_day(const struct cron *c, int from)
{
	int hour = next_bit(c->hours, from / 60);

	if (hour == from / 60) {
		int minute = next_bit(c->minutes, from % 60);

		if (minute >= 0)
			return hour * 60 + minute;
		hour = next_bit(c->hours, hour + 1);
	}
	return hour < 0 ? -1 : hour * 60 + next_bit(c->minutes, 0);
}

/* Local seconds, from `from` on and before `to`. */
static int64_t next_local(const struct search *q, int64_t from, int64_t to)
{
	int64_t day = civil_floor(from, CIVIL_DAY_S);
	int begin = (int)((from - day * CIVIL_DAY_S + MINUTE - 1) / MINUTE);

	while (day * CIVIL_DAY_S < to) {
		struct civil c = civil_date(day);
		int minute;

		if (!(q->cron->months >> c.month & 1)) {
			day += civil_month_days(c.year, c.month) - c.day + 1;
			begin = 0;
			continue;
		}
		minute = begin < 24 * 60 && day_fits(q, day, &c) ? minute_of_day(q->cron, begin) : -1;
		if (minute >= 0)
			return day * CIVIL_DAY_S + minute * MINUTE < to ? day * CIVIL_DAY_S + minute * MINUTE : NONE;
		day++;
		begin = 0;
	}
	return NONE;
}

/* From t on, inside one span; at its beginning what the clocks have left out is run. */
static int64_t next_in_span(const struct search *q, const struct tz *z, const struct tz_span *s, int64_t t, int64_t end)
{
	int64_t from = t + s->offset, to = (s->to < end ? s->to : end) + s->offset, local;
	int64_t jumped = s->from == INT64_MIN ? from : s->from + tz_span(z, s->from - 1).offset;

	if (t == s->from && jumped < from && next_local(q, jumped, from) != NONE)
		return from + (MINUTE - from % MINUTE) % MINUTE - s->offset;
	if (s->from != INT64_MIN && jumped > from && !q->cron->every_hour)
		from = jumped;
	local = next_local(q, from, to);
	return local == NONE ? NONE : local - s->offset;
}

static int64_t next_every(const struct search *q, const struct tz *z, int64_t after_s)
{
	int64_t period = q->cron->period_s, next = (civil_floor(after_s, period) + 1) * period,
		end = after_s + HORIZON_S;

	while (next < end) {
		int64_t offset = tz_span(z, next).offset, day = civil_floor(next + offset, CIVIL_DAY_S), tomorrow;

		if (!q->day || q->day(q->ctx, day))
			return next;
		tomorrow = (day + 1) * CIVIL_DAY_S - offset;
		next += (civil_floor(tomorrow - next - 1, period) + 1) * period;
	}
	return NONE;
}

int64_t cron_next(const struct cron *c, const struct tz *z, cron_day_fn day, void *ctx, int64_t after_s)
{
	const struct search q = {.cron = c, .day = day, .ctx = ctx};
	int64_t t, end;

	if (after_s > NONE / 4 || after_s < -NONE / 4)
		return NONE;
	if (c->period_s)
		return next_every(&q, z, after_s);
	end = after_s + HORIZON_S;
	t = after_s + 1;
	while (t < end) {
		struct tz_span s = tz_span(z, t);
		int64_t found = next_in_span(&q, z, &s, t, end);

		if (found != NONE)
			return found;
		t = s.to;
	}
	return NONE;
}
