/* SPDX-License-Identifier: Apache-2.0
 *
 * bind: what a container gets for itself alone: processors (cores.h, numa.h) and units of the node's counters (units.h). What is taken stands in the labels of the
 * engine's containers of jobs that have not ended. Containers that no job started (docker run --gpus, --device) have the GPUs whose device nodes they were given, from
 * the order to start until nothing starts them again: they get what they ask for, as with Docker, and jobs get others.
 */
#pragma once

#include "base/wire/json.h"

struct counts;
struct engine;
struct err;
struct gpus;

struct bind {
	const struct counts *has; /* of the node */
	const struct gpus *gpus;
	unsigned cores;		/* so many processors, 0 = none */
	bool numa;		/* of one NUMA node, with its memory (numa.h) */
	const char *counters;	/* counts.h; NULL = none */
	bool share;		/* jobs may get what containers of no job have, too */
	const char *const *cdi; /* directories of files that describe GPUs (node/engine/cdi.h) */
};

#define BIND_BUSY                                                                                                      \
	1 /* what it needs is taken now: by something that the server has given up, and that has not ended yet */
#define BIND_BY_HAND 2 /* what it needs is taken by containers of no job, for as long as somebody likes */

/* The specification with what was chosen for it; labels that only this may set are taken away. GPUs come as their maker's file describes them, with libraries
 * and hooks (*ret_hooks, for engine_run_hooked(); NULL = none), or where there is none as device nodes. 0, and both are the caller's; BIND_BUSY, BIND_BY_HAND, or a negative error:
 * the node has not so many at all. */
int bind_spec(struct engine *e, const struct bind *b, const yyjson_doc *doc, yyjson_doc **ret, yyjson_doc **ret_hooks,
	      struct err *err);
/* How many GPUs containers of no job have now that no job has; of `b`, `has`, `gpus` and `share` count. */
unsigned bind_by_hand(struct engine *e, const struct bind *b);
