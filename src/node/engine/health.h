/* SPDX-License-Identifier: Apache-2.0
 *
 * health: the health check of one container, as Docker defines it: a command is run in the container every interval (start_interval during
 * the start period); `retries` failures in a row make it unhealthy, one success healthy; failures within the start period do not count until the first
 * success. The deciding is pure (health_due, health_result); the monitor runs the command.
 */
#pragma once

#include "base/core/buf.h"
#include "node/engine/engine.h"
#include "node/engine/spec.h"

#include <sys/types.h>

#define HEALTH_LOG_MAX 5
#define HEALTH_OUTPUT_MAX 4096 /* bytes of one check's output */
#define HEALTH_TEXT_MAX                                                                                                \
	(HEALTH_LOG_MAX * (6 * HEALTH_OUTPUT_MAX + 256)) /* of health.json: every byte may be a \\u00xx */

struct rt_box;
struct rt_exec_spec;

/* The result of one check. */
struct health_result {
	int64_t start_ns, end_ns;
	int code; /* 0 = good, 128 + signal, -1 = it took too long or could not be started */
	char *output;
};

struct health {
	const struct spec_health *spec; /* NULL or without test = none */
	enum engine_health state;
	int64_t failures;
	int64_t started_ms, next_ms; /* clock_mono_ms() */
	/* the check that runs */
	pid_t pid;
	int pidfd; /* -1 = none runs */
	int out;   /* what it writes, -1 = nothing more */
	int64_t deadline_ms, began_ns;
	struct buf output; /* its beginning */
	struct health_result log[HEALTH_LOG_MAX];
	size_t n_log;
	uint64_t n_results;
};

void health_init(struct health *h);
void health_start(struct health *h, const struct spec_health *spec, int64_t now_ms);
/* Kills and collects a running check; nothing is due afterwards. */
void health_stop(struct health *h);
/* So long nothing could be done: all that is due is due as much later. */
void health_skip(struct health *h, int64_t ms);
/* When something is to be done, INT64_MAX = never. */
int64_t health_due(const struct health *h);
/* Pure: takes the result of one check. Returns true when the state changed. */
bool health_result(struct health *h, bool good, int64_t now_ms);
/* The last results, as engine_health_log() gives them. */
void health_text(const struct health *h, struct buf *out);
/* Does what is due: starts a check, reads its output, ends one that takes too long, collects one that ended. Returns true when the state changed;
 * n_results tells that there is one more. */
bool health_turn(struct health *h, struct rt_box *box, const struct rt_exec_spec *exec, int64_t now_ms);
