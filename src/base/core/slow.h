/* SPDX-License-Identifier: Apache-2.0
 *
 * slow: which callback holds up the loop. While one runs nobody else is served. With BERTH_SLOW_MS=N in the environment of a daemon, each that takes N
 * milliseconds or longer is a warning in its log: what woke it, where it is ("berth+0x1234" is for `addr2line -f -e build/src/berth 0x1234`), how much
 * of the time the processor worked for it, how often it waited for something (a disk, a lock), and the last call of the API that it served. No waits and little of
 * the processor: the machine was busy. Without the variable it costs one comparison.
 */
#pragma once

#include <stdint.h>

void slow_begin(void); /* asks the environment; loop_new() calls it */

struct slow {
	int64_t wall_ns, cpu_ns; /* 0 = nobody looks */
	long waits;
};
struct slow slow_start(void);
/* kind: "descriptor", "timer" ...; fn: the callback. */
void slow_end(const struct slow *began, const char *kind, uintptr_t fn);
/* What the callback that runs is about. */
void slow_about(const char *verb, const char *object);
