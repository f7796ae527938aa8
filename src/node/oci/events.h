/* SPDX-License-Identifier: Apache-2.0
 *
 * events: what a container uses, and when it runs out of memory, as JSON lines in runc's form (`events`).
 */
#pragma once

#include "node/oci/container.h"

struct cgroup_stats;

/* Takes one line without its newline. Negative: stop. */
typedef int (*oci_event_fn)(void *ctx, const char *line);

/* One line of statistics. */
int oci_stats(const struct oci_runtime *rt, const char *id, oci_event_fn fn, void *ctx, struct err *err);
/* A line of statistics every interval and one each time the memory has run out, until the container ends. */
int oci_events(const struct oci_runtime *rt, const char *id, int interval_ms, oci_event_fn fn, void *ctx,
	       struct err *err);

/* The caller frees it. */
char *oci_stats_json(const char *id, const struct cgroup_stats *s);
