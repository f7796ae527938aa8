/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/slow.h"

#include "base/core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static int64_t limit_ns;
static char about[160];

/* Given by the linker: where the program begins in memory. */
extern const char __executable_start;

void slow_begin(void)
{
	const char *ms = getenv("BERTH_SLOW_MS");

	limit_ns = ms ? strtol(ms, NULL, 10) * 1000000 : 0;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* How often this thread has waited for something. */
static long waits(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nvcsw : 0;
}

struct slow slow_start(void)
{
	if (limit_ns <= 0)
		return (struct slow){.wall_ns = 0};
	*about = '\0';
	return (struct slow){
	    .wall_ns = now_ns(CLOCK_MONOTONIC), .cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID), .waits = waits()};
}

void slow_end(const struct slow *began, const char *kind, uintptr_t fn)
{
	int64_t ns;

	if (!began->wall_ns)
		return;
	ns = now_ns(CLOCK_MONOTONIC) - began->wall_ns;
	if (ns < limit_ns)
		return;
	log_warning("slow: %lld ms (%lld ms of the processor, %ld waits) in the callback of a %s, berth+0x%llx%s%s",
		    (long long)(ns / 1000000), (long long)((now_ns(CLOCK_THREAD_CPUTIME_ID) - began->cpu_ns) / 1000000),
		    waits() - began->waits, kind, (unsigned long long)(fn - (uintptr_t)&__executable_start),
		    *about ? ": " : "", about);
}

void slow_about(const char *verb, const char *object)
{
	if (limit_ns > 0)
		snprintf(about, sizeof about, "%s %s", verb, object);
}
