/* SPDX-License-Identifier: Apache-2.0
 *
 * cron: "at which times", as crontab(5) says it. Pure.
 *
 *   minute 0-59, hour 0-23, day of the month 1-31 or L (the last one), month 1-12 or jan-dec, day of the week 0-7 or sun-sat (0 and 7 are Sunday):
 *   a number, `*`, a range a-b, steps `*` + `/n`, a-b/n, a/n (from a on), and lists of these. When both day fields are restricted (do not begin with `*`), a day
 *   that fits one of them is enough.
 *   @yearly (@annually), @monthly, @weekly, @daily (@midnight), @hourly; @every 90s, 15m, 1h30m, 1d: at the multiples of that, counted from 1970 in UTC.
 *
 * When the clocks change: a time that is left out runs at the next minute that there is, and several of them once; a time that comes twice runs the first time.
 * Only with `*` as the hour (each hour) it runs both times: these are different hours for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct tz;

#define CRON_TEXT_MAX 256
#define CRON_YEARS 12 /* nothing is looked for farther away */

struct cron {
	uint64_t minutes;
	uint32_t hours, doms; /* bit 1 = the first day */
	uint16_t months;      /* bit 1 = January */
	uint8_t dows;	      /* bit 0 = Sunday */
	bool last_dom, any_dom, any_dow, every_hour;
	int64_t period_s; /* of @every, else 0 */
};

/* -EINVAL names the field and the part that is wrong, or says that the time never comes. */
int cron_parse(const char *text, struct cron *ret, struct err *err);

/* Whether it may run on that (local) day, counted from 1970-01-01; NULL: on all. */
typedef bool (*cron_day_fn)(void *ctx, int64_t day);

/* The first time after `after_s` (seconds since 1970), INT64_MAX when there is none within CRON_YEARS. */
int64_t cron_next(const struct cron *c, const struct tz *z, cron_day_fn day, void *ctx, int64_t after_s);
