/* SPDX-License-Identifier: Apache-2.0
 *
 * calendar: a set of days, by what is left out and what is in. Pure.
 *
 * A day is `sat` (each week), `12-25` (each year), `2026-12-24` (once), or a row of these last two: `12-24..01-01`, `2026-08-01..2026-08-15`. A calendar has a
 * day when `include` names it; or when it leaves out some days and this is none of them. So one that only includes has these days alone, and one that does
 * both has all days but those left out, with the exceptions that are included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calendar;
struct err;

#define CALENDAR_ENTRIES_MAX 4096

struct calendar *calendar_new(void);
struct calendar *calendar_free(struct calendar *c);
/* -EINVAL names the text, -E2BIG: there are too many. */
int calendar_add(struct calendar *c, bool include, const char *day, struct err *err);
bool calendar_empty(const struct calendar *c);
/* day: since 1970-01-01 */
bool calendar_has(const struct calendar *c, int64_t day);
