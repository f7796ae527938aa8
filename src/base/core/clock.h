/* SPDX-License-Identifier: Apache-2.0
 *
 * clock: the time, real or virtual.
 *
 * clock_mono_ms() only ever goes forward and does not care when somebody sets the date: use it for every duration and deadline within
 * one process. clock_wall_ms() is for people and records. Tests may put their own clock in place of both.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_BOOTTIME: goes on during suspend */
int64_t clock_mono_ns(void);
int64_t clock_wall_ms(void); /* since 1970 */
int64_t clock_wall_ns(void);

/* Replaces the real clock (both) until set back with NULL. For tests. */
void clock_use(int64_t (*wall_ns)(void), int64_t (*mono_ns)(void));

#define CLOCK_TEXT_MAX 32
/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z. Returns text. */
char *clock_format(int64_t wall_ms, char text[static CLOCK_TEXT_MAX]);

#define CLOCK_TEXT_NS_MAX 40
/* The same with nanoseconds. A time before the year 1000 or after 9999 becomes the first or last one of those: readers want four digits. */
char *clock_format_ns(int64_t seconds, unsigned ns, char text[static CLOCK_TEXT_NS_MAX]);
