/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t (*fake_wall)(void);
static int64_t (*fake_mono)(void);

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return fake_mono ? fake_mono() : read_clock(CLOCK_BOOTTIME);
}

int64_t clock_wall_ns(void)
{
	return fake_wall ? fake_wall() : read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

int64_t clock_wall_ms(void)
{
	return clock_wall_ns() / 1000000;
}

void clock_use(int64_t (*wall_ns)(void), int64_t (*mono_ns)(void))
{
	fake_wall = wall_ns;
	fake_mono = mono_ns;
}

char *clock_format(int64_t wall_ms, char text[static CLOCK_TEXT_MAX])
{
	int ms = (int)(wall_ms % 1000);
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	n = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, CLOCK_TEXT_MAX - n, ".%03dZ", ms);
	return text;
}

char *clock_format_ns(int64_t seconds, unsigned ns, char text[static CLOCK_TEXT_NS_MAX])
{
	static const int64_t first = -30610224000, last = 253402300799;
	time_t t = seconds < first ? first : seconds > last ? last : seconds;
	struct tm tm;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(text, CLOCK_TEXT_NS_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, CLOCK_TEXT_NS_MAX - n, ".%09uZ", ns % 1000000000);
	return text;
}
