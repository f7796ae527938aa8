/* SPDX-License-Identifier: Apache-2.0
 *
 * civil: days since 1970-01-01 and the dates of the Gregorian calendar, for every year that fits. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_S 86400

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/* Euclid's division: the rest is never negative. */
static inline int64_t civil_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static inline int64_t civil_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = civil_floor(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline struct civil civil_date(int64_t days)
{
	int64_t era = civil_floor(days + 719468, 146097), of_era = days + 719468 - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	struct civil c = {.day = (int)(of_year - (153 * month + 2) / 5 + 1),
			  .month = (int)(month < 10 ? month + 3 : month - 9)};

	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

static inline bool civil_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int civil_month_days(int64_t year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && civil_leap(year));
}

/* 0 = Sunday. */
static inline int civil_weekday(int64_t days)
{
	return (int)(days + 4 - 7 * civil_floor(days + 4, 7));
}
