/* SPDX-License-Identifier: Apache-2.0
 *
 * stats_json: what a container uses as Docker's API says it. Inside of face/docker only.
 */
#pragma once

#include "base/wire/json.h"

struct engine_container;
struct stats;

/* The processor's part of an earlier answer; all zeros = there was none. */
struct stats_before {
	int64_t read_ns;
	uint64_t total_ns, user_ns, kernel_ns, system_ns, periods, throttled_periods, throttled_ns;
	unsigned n_cpus;
	uint64_t *per_cpu_ns;
	size_t n_per_cpu;
};
void stats_keep(struct stats_before *b, const struct stats *s);
void stats_before_free(struct stats_before *b);

/* One line, the caller's. */
char *stats_json(const struct engine_container *c, const struct stats *s, const struct stats_before *before);
