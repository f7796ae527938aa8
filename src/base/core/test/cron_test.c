/* SPDX-License-Identifier: Apache-2.0 */
/* Zones are compared with libc's reading of the same files, times with an oracle that walks minute by minute. */
#include "base/core/calendar.h"
#include "base/core/civil.h"
#include "base/core/cron.h"
#include "base/core/err.h"
#include "base/core/tz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *const zones[] = {"UTC",
				    "Europe/Paris",
				    "America/New_York",
				    "Australia/Lord_Howe",
				    "America/Sao_Paulo",
				    "Asia/Kathmandu",
				    "Africa/Casablanca",
				    "Pacific/Apia",
				    "America/Nuuk",
				    "Australia/Melbourne",
				    "Europe/Dublin",
				    "Africa/Cairo"};
#define N_ZONES (sizeof zones / sizeof *zones)

static struct tz *zone(const char *name)
{
	struct err err = ERR_INIT;
	struct tz *z;

	if (tz_open(name, &z, &err) < 0)
		fail_msg("%s", err.text);
	return z;
}

static struct cron cron(const char *text)
{
	struct err err = ERR_INIT;
	struct cron c;

	if (cron_parse(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
	return civil_days(year, month, day) * CIVIL_DAY_S + hour * 3600 + minute * 60;
}

static uint64_t random_state = 1;

static uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int below(int n)
{
	return (int)(random_next() % (uint64_t)n);
}

/* ---- dates ---- */

static void dates_go_there_and_back(void **state)
{
	(void)state;
	for (int64_t d = -800000; d < 800000; d += 37) {
		struct civil c = civil_date(d);
		time_t t = (time_t)(d * CIVIL_DAY_S);
		struct tm tm;

		gmtime_r(&t, &tm);
		assert_int_equal(civil_days(c.year, c.month, c.day), d);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(civil_weekday(d), tm.tm_wday);
	}
}

/* ---- zones ---- */

static void offset_is_libcs(const struct tz *z, const char *name, int64_t t)
{
	struct tz_span s = tz_span(z, t);
	time_t at = (time_t)t;
	struct tm tm;

	localtime_r(&at, &tm);
	if (s.offset != tm.tm_gmtoff || s.from > t || s.to <= t)
		fail_msg("%s at %lld: offset %d, libc says %ld", name, (long long)t, s.offset, tm.tm_gmtoff);
}

/* 1970 to 2120: before and after what the files list. Both sides of each seam. */
static void zones_are_those_of_libc(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_ZONES; k++) {
		struct tz *z = zone(zones[k]);

		setenv("TZ", zones[k], 1);
		tzset();
		for (int64_t t = 0; t < utc(2120, 1, 1, 0, 0);) {
			struct tz_span s = tz_span(z, t);

			offset_is_libcs(z, zones[k], t);
			for (int n = 0; n < 40; n++)
				offset_is_libcs(z, zones[k],
						(int64_t)(random_next() % (uint64_t)utc(2120, 1, 1, 0, 0)));
			if (s.to == INT64_MAX)
				break;
			offset_is_libcs(z, zones[k], s.to - 1);
			t = s.to;
		}
		tz_free(z);
	}
	unsetenv("TZ");
	tzset();
}

static void names_of_zones_are_checked(void **state)
{
	static const struct {
		const char *name, *says;
		int r;
	} rows[] = {
	    {"", "not the name of a time zone", -EINVAL},
	    {"../../../etc/passwd", "not the name of a time zone", -EINVAL},
	    {"/etc/localtime", "not the name of a time zone", -EINVAL},
	    {"Mars/Olympus", "there is no time zone \"Mars/Olympus\"", -ENOENT},
	    {"Europe", "time zone \"Europe\"", -EISDIR},
	    {"zone.tab", "not the name of a time zone", -EINVAL},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct err err = ERR_INIT;
		struct tz *z;

		assert_int_equal(tz_open(rows[k].name, &z, &err), rows[k].r);
		assert_non_null(strstr(err.text, rows[k].says));
	}
}

/* A file without changes, with this rule. */
static int parse_rule(const char *rule, struct tz **ret)
{
	uint8_t file[2 * 44 + 2 * 7 + 128] = {0}, *p = file;
	struct err err = ERR_INIT;

	for (int k = 0; k < 2; k++) {
		memcpy(p, "TZif2", 5);
		p[20 + 19] = 1; /* types */
		p[20 + 23] = 1; /* bytes of names */
		p += 44 + 6 + 1;
	}
	p += snprintf((char *)p, 100, "\n%s\n", rule);
	return tz_parse(file, (size_t)(p - file), ret, &err);
}

static void rules_are_read(void **state)
{
	static const struct {
		const char *rule;
		int64_t at;
		int32_t offset;
	} rows[] = {
	    {"EST5", 0, -5 * 3600},
	    {"<+0330>-3:30", 0, 12600},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1774745999, 3600}, /* 2026-03-29 00:59:59 */
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, 7200},
	    {"NZST-12NZDT,M9.5.0,M4.1.0/3", 1767225600, 13 * 3600},
	    {"AAA0BBB,J60/0,J61/0", 1772323200, 3600}, /* 1 March, in any year */
	    {"AAA0BBB,J60/0,J61/0", 1772323199, 0},
	    {"AAA0BBB,J60/0,J61/0", 1835481600, 3600},	     /* 2028, a leap year */
	    {"AAA0BBB,59/0,60/0", 1835395200, 3600},	     /* 29 February there */
	    {"XXX3EDT4,0/0,J365/23", 1767225600, -4 * 3600}, /* summer all year */
	    {"XXX3EDT4,0/0,J365/23", 1767236400, -4 * 3600},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct tz *z = NULL;

		assert_int_equal(parse_rule(rows[k].rule, &z), 0);
		if (tz_span(z, rows[k].at).offset != rows[k].offset)
			fail_msg("%s at %lld: %d", rows[k].rule, (long long)rows[k].at, tz_span(z, rows[k].at).offset);
		tz_free(z);
	}
}

static void bad_rules_are_refused(void **state)
{
	static const char *const rules[] = {
	    "E5",    "EST",   "EST5EDT", "EST5EDT,M3.2.0",  "EST5EDT,M13.2.0,M11.1.0",	 "EST5EDT,M3.6.0,M11.1.0",
	    "EST5 ", "EST25", "<EST5",	 "EST5EDT,J0,J365", "EST5EDT,M3.2.0/168,M11.1.0"};

	(void)state;
	for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
		struct tz *z = NULL;

		if (parse_rule(rules[k], &z) != -EINVAL)
			fail_msg("%s was taken", rules[k]);
	}
}

/* ---- expressions ---- */

static void wrong_expressions_say_what(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "has 0 fields"},
	    {"* * * *", "has 4 fields"},
	    {"* * * * * *", "has 6 fields"},
	    {"60 * * * *", "the minute \"60\" is wrong; it takes 0 to 59"},
	    {"* 24 * * *", "the hour \"24\""},
	    {"* * 0 * *", "the day of the month \"0\""},
	    {"* * * 13 *", "the month \"13\" is wrong; it takes 1 to 12, names"},
	    {"* * * * 8", "the day of the week \"8\""},
	    {"*/0 * * * *", "the minute"},
	    {"5-1 * * * *", "the minute"},
	    {"1, * * * *", "the minute"},
	    {"-1 * * * *", "the minute"},
	    {"1-2-3 * * * *", "the minute"},
	    {"* * * monday *", "the month"},
	    {"0 0 31 2,4 *", "never comes"},
	    {"@reboot", "is unknown"},
	    {"@every 0s", "from 1s to 366d"},
	    {"@every 10", "a length of time"},
	    {"@every 367d", "from 1s to 366d"},
	    {"@every ", "from 1s to 366d"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct err err = ERR_INIT;
		struct cron c;

		assert_int_equal(cron_parse(rows[k].text, &c, &err), -EINVAL);
		if (!strstr(err.text, rows[k].says))
			fail_msg("%s: %s", rows[k].text, err.text);
	}
}

static const struct {
	const char *zone, *text;
	int64_t after, next; /* UTC, as YYYYMMDDhhmm */
} times[] = {
    {"UTC", "0 2 * * *", 202611230200, 202611240200},
    {"UTC", "0 2 * * *", 202611230159, 202611230200},
    {"UTC", "*/20 9-10 * * mon-fri", 202611271040, 202611300900},
    {"UTC", "0 0 13 * 5", 202611130000, 202611200000}, /* the 13th, or a Friday */
    {"UTC", "0 0 L * *", 202602010000, 202602280000},
    {"UTC", "0 0 29 feb *", 202611230000, 202802290000},
    {"UTC", "0 0 * * sat-sun", 202611210000, 202611220000},
    {"UTC", "0 0 */10 * 7", 202611230000, 202701310000}, /* the 1st, 11th, 21st or 31st that is a Sunday */
    {"UTC", "5,10/25 0 * * *", 202611230010, 202611230035},
    {"UTC", "@every 1h30m", 202611230000, 202611230130},
    {"UTC", "@weekly", 202611230000, 202611290000},
    {"Europe/Paris", "30 2 * * *", 202603280130, 202603290100}, /* 02:30 is left out: 03:00 */
    {"Europe/Paris", "30 2 * * *", 202603290100, 202603300030},
    {"Europe/Paris", "0,15,30 2 * * *", 202603280130, 202603290100}, /* three of them, once */
    {"Europe/Paris", "0,15,30 2 * * *", 202603290100, 202603300000},
    {"Europe/Paris", "30 2 * * *", 202610240030, 202610250030}, /* twice: the first */
    {"Europe/Paris", "30 2 * * *", 202610250030, 202610260130},
    {"Europe/Paris", "30 * * * *", 202610250030, 202610250130}, /* each hour: both */
    {"Australia/Lord_Howe", "15 2 * * *", 202610020000, 202610021545},
    {"Australia/Lord_Howe", "15 2 * * *", 202610021545, 202610031530}, /* 02:15 is left out: 02:30 */
    {"Pacific/Apia", "0 12 30 12 *", 201112290000, 201112301000},      /* a whole day is left out */
};

static int64_t stamp(int64_t n)
{
	return utc((int)(n / 100000000), (int)(n / 1000000 % 100), (int)(n / 10000 % 100), (int)(n / 100 % 100),
		   (int)(n % 100));
}

static void next_times(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
		struct cron c = cron(times[k].text);
		struct tz *z = zone(times[k].zone);
		int64_t next = cron_next(&c, z, NULL, NULL, stamp(times[k].after));

		if (next != stamp(times[k].next))
			fail_msg("%s in %s after %lld: %+lld minutes from what is right", times[k].text, times[k].zone,
				 (long long)times[k].after, (long long)(next - stamp(times[k].next)) / 60);
		tz_free(z);
	}
}

/* ---- the oracle ---- */

/* Each field by its plain meaning, out of the text. */
static bool oracle_field(const char *text, int value, int max)
{
	char copy[64], *rest = NULL;

	snprintf(copy, sizeof copy, "%s", text);
	for (char *p = strtok_r(copy, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
		int from = 0, to = max, step = 1;

		if (*p == 'L')
			continue;
		if (sscanf(p, "*/%d", &step) == 1 || !strcmp(p, "*"))
			from = max == 31 || max == 12 ? 1 : 0;
		else if (sscanf(p, "%d-%d/%d", &from, &to, &step) < 2) {
			to = from = (int)strtol(p, NULL, 10);
			if (strchr(p, '/')) {
				step = (int)strtol(strchr(p, '/') + 1, NULL, 10);
				to = max;
			}
		}
		if (value >= from && value <= to && (value - from) % step == 0)
			return true;
	}
	return false;
}

struct expression {
	char field[5][64], text[400];
	bool fits[5][60], last_day; /* by value */
	const struct calendar *calendar;
};

static void oracle_read(struct expression *e)
{
	static const int max[] = {59, 23, 31, 12, 7};

	for (int k = 0; k < 5; k++) {
		for (int value = 0; value <= max[k]; value++)
			e->fits[k][value] = oracle_field(e->field[k], value, max[k]);
	}
	e->fits[4][0] |= e->fits[4][7];
	e->last_day = e->field[2][0] == 'L';
}

static bool oracle_matches(const struct expression *e, int64_t local)
{
	int64_t day = civil_floor(local, CIVIL_DAY_S);
	int minute = (int)(local - day * CIVIL_DAY_S) / 60;
	struct civil c = civil_date(day);
	bool last = e->last_day && c.day == civil_month_days(c.year, c.month);
	bool dom = e->fits[2][c.day] || last, dow = e->fits[4][civil_weekday(day)];
	bool both = e->field[2][0] == '*' || e->field[4][0] == '*';

	return e->fits[0][minute % 60] && e->fits[1][minute / 60] && e->fits[3][c.month] &&
	       (both ? dom && dow : dom || dow) && (!e->calendar || calendar_has(e->calendar, day));
}

static bool calendar_day(void *ctx, int64_t day)
{
	return calendar_has(ctx, day);
}

static int64_t libc_offset(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;

	localtime_r(&at, &tm);
	return tm.tm_gmtoff;
}

/* From minute to minute: what the clock shows, what it left out since the last one, and whether it has shown that before. */
static void compare(const struct expression *e, const struct cron *c, const struct tz *z, struct calendar *calendar,
		    int64_t from, int days)
{
	int64_t shown = from - 60 + libc_offset(from - 60), latest = shown,
		next = cron_next(c, z, calendar ? calendar_day : NULL, calendar, from - 60);

	for (int64_t t = from; t < from + (int64_t)days * CIVIL_DAY_S; t += 60) {
		int64_t local = t + libc_offset(t);
		bool runs = oracle_matches(e, local) && (local > latest || !strcmp(e->field[1], "*"));

		for (int64_t m = shown + 60; m < local && !runs; m += 60)
			runs = oracle_matches(e, m);
		if (runs != (next == t))
			fail_msg("\"%s\" at %lld: %s", e->text, (long long)t, runs ? "left out" : "runs");
		if (runs)
			next = cron_next(c, z, calendar ? calendar_day : NULL, calendar, t);
		shown = local;
		latest = local > latest ? local : latest;
	}
}

static void random_field(char *text, size_t n, int min, int max)
{
	int a = min + below(max - min + 1), b = a + below(max - a + 1);

	switch (below(7)) {
	case 0:
		snprintf(text, n, "%d", a);
		break;
	case 1:
		snprintf(text, n, "*/%d", 1 + below(max));
		break;
	case 2:
		snprintf(text, n, "%d-%d", a, b);
		break;
	case 3:
		snprintf(text, n, "%d-%d/%d,%d", a, b, 1 + below(5), min + below(max - min + 1));
		break;
	case 4:
		snprintf(text, n, "%d/%d", a, 1 + below(max));
		break;
	default:
		snprintf(text, n, "*");
	}
}

/* Two weeks at a seam of the zone, two years of it now and then. */
static void random_expressions(void **state)
{
	static const struct {
		int min, max;
	} ranges[] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
	struct err err = ERR_INIT;

	(void)state;
	for (int round = 0; round < 200; round++) {
		const char *name = zones[below(N_ZONES)];
		struct tz *z = zone(name);
		struct calendar *calendar = below(3) ? NULL : calendar_new();
		struct expression e = {.calendar = calendar};
		int64_t from = utc(2000 + below(60), 1 + below(12), 1, 0, 0);
		struct tz_span s = tz_span(z, from);
		struct cron c;

		for (int k = 0; k < 5; k++)
			random_field(e.field[k], sizeof e.field[k], ranges[k].min, ranges[k].max);
		if (!below(8))
			snprintf(e.field[2], sizeof e.field[2], "L");
		snprintf(e.text, sizeof e.text, "%s %s %s %s %s", e.field[0], e.field[1], e.field[2], e.field[3],
			 e.field[4]);
		oracle_read(&e);
		setenv("TZ", name, 1);
		tzset();
		if (calendar) {
			assert_int_equal(calendar_add(calendar, false, "sat", &err), 0);
			assert_int_equal(calendar_add(calendar, false, "03-20..04-03", &err), 0);
			assert_int_equal(calendar_add(calendar, true, below(2) ? "mon" : "03-28..04-01", &err), 0);
		}
		if (s.to < utc(2100, 1, 1, 0, 0) && below(4))
			from = civil_floor(s.to, CIVIL_DAY_S) * CIVIL_DAY_S - 7 * CIVIL_DAY_S;
		if (cron_parse(e.text, &c, &err) == 0)
			compare(&e, &c, z, calendar, from, below(20) ? 15 : 2 * 366);
		tz_free(z);
		calendar_free(calendar);
	}
	unsetenv("TZ");
	tzset();
}

static void nothing_is_found_in_an_empty_calendar(void **state)
{
	struct calendar *calendar = calendar_new();
	struct cron c = cron("* * * * *"), every = cron("@every 1s");
	struct err err = ERR_INIT;
	struct tz *z = zone("Europe/Paris");

	(void)state;
	assert_int_equal(calendar_add(calendar, true, "2020-01-01", &err), 0);
	assert_true(cron_next(&c, z, calendar_day, calendar, utc(2026, 1, 1, 0, 0)) == INT64_MAX);
	assert_true(cron_next(&every, z, calendar_day, calendar, utc(2026, 1, 1, 0, 0)) == INT64_MAX);
	assert_true(cron_next(&every, z, calendar_day, calendar, utc(2019, 1, 1, 0, 0)) == utc(2019, 12, 31, 23, 0));
	assert_true(cron_next(&c, z, NULL, NULL, INT64_MAX - 1) == INT64_MAX);
	calendar_free(calendar);
	tz_free(z);
}

/* ---- calendars ---- */

static void calendars_have_days(void **state)
{
	static const struct {
		const char *exclude[4], *include[4];
		int year, month, day;
		bool has;
	} rows[] = {
	    {{"sat", "sun"}, {NULL}, 2026, 11, 28, false},
	    {{"sat", "sun"}, {NULL}, 2026, 11, 27, true},
	    {{"sat", "sun"}, {"2026-11-28"}, 2026, 11, 28, true},
	    {{NULL}, {"2026-11-28"}, 2026, 11, 27, false},
	    {{"12-24..01-01"}, {NULL}, 2026, 1, 1, false},
	    {{"12-24..01-01"}, {NULL}, 2026, 1, 2, true},
	    {{"12-24..01-01"}, {NULL}, 2026, 12, 23, true},
	    {{"02-29"}, {NULL}, 2028, 2, 29, false},
	    {{"2026-08-01..2026-08-15", "2026-08-16", "2026-07-01..2026-07-30", "2026-07-31"},
	     {NULL},
	     2026,
	     8,
	     16,
	     false},
	    {{"2026-08-01..2026-08-15", "2026-08-16", "2026-07-01..2026-07-30", "2026-07-31"},
	     {NULL},
	     2026,
	     8,
	     17,
	     true},
	    {{"2026-08-01..2026-08-15", "2026-08-16", "2026-07-01..2026-07-30", "2026-07-31"},
	     {NULL},
	     2026,
	     6,
	     30,
	     true},
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct calendar *c = calendar_new();

		for (int i = 0; i < 4; i++) {
			if (rows[k].exclude[i])
				assert_int_equal(calendar_add(c, false, rows[k].exclude[i], &err), 0);
			if (rows[k].include[i])
				assert_int_equal(calendar_add(c, true, rows[k].include[i], &err), 0);
		}
		assert_int_equal(calendar_has(c, civil_days(rows[k].year, rows[k].month, rows[k].day)), rows[k].has);
		calendar_free(c);
	}
}

static void wrong_days_say_what(void **state)
{
	static const char *const days[] = {"",
					   "someday",
					   "13-01",
					   "2026-02-29",
					   "02-30",
					   "2026-1-1",
					   "12-24..2026-12-25",
					   "2026-12-24..2026-12-23",
					   "2026-12-24x",
					   "0000-01-01",
					   "12-24.."};
	struct calendar *c = calendar_new();

	(void)state;
	for (size_t k = 0; k < sizeof days / sizeof *days; k++) {
		struct err err = ERR_INIT;

		assert_int_equal(calendar_add(c, false, days[k], &err), -EINVAL);
		assert_non_null(strstr(err.text, days[k]));
	}
	assert_true(calendar_empty(c));
	calendar_free(c);
}

/* Rows in any order and overlap are the same days as a plain list. */
static void rows_unite(void **state)
{
	int64_t base = civil_days(2026, 1, 1);

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct calendar *c = calendar_new();
		bool days[400] = {false};
		struct err err = ERR_INIT;
		char text[64];

		for (int k = 0; k < 20; k++) {
			int from = below(380), to = from + below(20);
			struct civil a = civil_date(base + from), b = civil_date(base + to);

			snprintf(text, sizeof text, "%04d-%02d-%02d..%04d-%02d-%02d", (int)a.year, a.month, a.day,
				 (int)b.year, b.month, b.day);
			assert_int_equal(calendar_add(c, true, text, &err), 0);
			for (int d = from; d <= to; d++)
				days[d] = true;
		}
		for (int d = 0; d < 400; d++)
			assert_int_equal(calendar_has(c, base + d), days[d]);
		calendar_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_go_there_and_back),
	    cmocka_unit_test(zones_are_those_of_libc),
	    cmocka_unit_test(names_of_zones_are_checked),
	    cmocka_unit_test(rules_are_read),
	    cmocka_unit_test(bad_rules_are_refused),
	    cmocka_unit_test(wrong_expressions_say_what),
	    cmocka_unit_test(next_times),
	    cmocka_unit_test(random_expressions),
	    cmocka_unit_test(nothing_is_found_in_an_empty_calendar),
	    cmocka_unit_test(calendars_have_days),
	    cmocka_unit_test(wrong_days_say_what),
	    cmocka_unit_test(rows_unite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
