/* SPDX-License-Identifier: Apache-2.0
 *
 * bind: what a container gets for itself alone: processors (cores.h, numa.h) and units of the node's counters (units.h). What is taken stands in the labels of the
 * engine's containers that have not ended.
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
	const char *const *cdi; /* directories of files that describe GPUs (node/engine/cdi.h) */
};

#define BIND_BUSY                                                                                                      \
	1 /* what it needs is taken now: by something that the server has given up, and that has not ended yet */

/* The specification with what was chosen for it; labels that only this may set are taken away. GPUs come as their maker's file describes them, with libraries
 * and hooks (*ret_hooks, for engine_run_hooked(); NULL = none), or where there is none as device nodes. 0, and both are the caller's; BIND_BUSY or a negative error:
 * the node has not so many at all. */
int bind_spec(struct engine *e, const struct bind *b, const yyjson_doc *doc, yyjson_doc **ret, yyjson_doc **ret_hooks,
	      struct err *err);
