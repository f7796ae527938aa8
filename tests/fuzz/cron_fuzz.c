/* SPDX-License-Identifier: Apache-2.0 */
/* An expression, then the days of a calendar, a line each ("-" before a day: left out). What is found is later than what it was asked for. */
#include "base/core/calendar.h"
#include "base/core/cron.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/tz.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool has(void *ctx, int64_t day)
{
	return calendar_empty(ctx) || calendar_has(ctx, day);
}

static void look(const char *text, struct calendar *calendar)
{
	static const char *const zones[] = {"UTC", "Europe/Paris", "Australia/Lord_Howe"};
	int64_t t = 1795392000;
	struct err err = ERR_INIT;
	struct cron c;

	if (cron_parse(text, &c, &err) < 0)
		return;
	for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
		struct tz *z = NULL;

		if (tz_open(zones[k], &z, &err) < 0)
			continue;
		for (int i = 0; i < 8 && t < INT64_MAX; i++) {
			int64_t next = cron_next(&c, z, has, calendar, t);

			if (next <= t)
				abort();
			t = next == INT64_MAX ? t : next;
		}
		tz_free(z);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_zalloc(1, n + 1);
	struct calendar *calendar = calendar_new();
	char *rest = NULL, *first;
	struct err err = ERR_INIT;

	if (n)
		memcpy(text, data, n);
	first = strtok_r(text, "\n", &rest);
	for (char *day; first && (day = strtok_r(NULL, "\n", &rest));)
		(void)calendar_add(calendar, *day != '-', day + (*day == '-'), &err);
	if (first)
		look(first, calendar);
	calendar_free(calendar);
	return 0;
}
