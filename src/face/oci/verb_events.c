/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/oci/verb.h"
#include "node/oci/events.h"

#include <limits.h>
#include <stdint.h>

struct values {
	bool stats;
	uint64_t interval;
};

static const struct values defaults = {.interval = 5000};

static const struct option_spec options[] = {
    {"interval", 0, OPTION_TIME, offsetof(struct values, interval), "TIME",
     "how often to show statistics (default 5s)"},
    {"stats", 0, OPTION_FLAG, offsetof(struct values, stats), NULL, "show them once and end"},
    {NULL},
};

static int print(void *ctx, const char *line)
{
	mem_cleanup char *text = mem_printf("%s\n", line);

	return oci_print(text, ctx);
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;

	if (v->interval == 0 || v->interval > INT_MAX)
		return err_set(err, EINVAL, "duration interval must be greater than 0 and less than 24 days");
	if (v->stats)
		return oci_stats(rt, operands[0], print, err, err);
	return oci_events(rt, operands[0], (int)v->interval, print, err, err);
}

const struct oci_verb verb_events = {.name = "events",
				     .usage = "[OPTIONS] ID",
				     .summary =
					 "show what a container uses, and when its memory runs out, as JSON lines",
				     .options = options,
				     .values_size = sizeof(struct values),
				     .defaults = &defaults,
				     .least = 1,
				     .most = 1,
				     .run = run};
