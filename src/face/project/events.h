/* SPDX-License-Identifier: Apache-2.0
 *
 * events: what happens to the containers of a project, as the daemon tells it.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>

struct err;
struct events;
struct project;

struct event {
	const char *action; /* "start", "die", "health_status: healthy" ... */
	const char *id, *name, *service;
	int64_t exit_code; /* of a die */
	int64_t time_ns;
	bool oneoff;
	yyjson_val *json;
};
typedef void (*event_fn)(void *ctx, const struct event *e);
typedef void (*event_end_fn)(void *ctx, const struct err *e); /* e NULL: an orderly end */

/* Listens: what happens after its return is told by fn while the loop runs. since (may be NULL) and until as the API has them. */
int events_open(struct project *p, const char *more, event_fn fn, event_end_fn ended, void *ctx, struct events **ret,
		struct err *err);
struct events *events_free(struct events *e);
