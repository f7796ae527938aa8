/* SPDX-License-Identifier: Apache-2.0
 *
 * agent: the node's side of the cluster. It turns the server's messages into calls of the engine (enact) and the engine's events
 * into facts for the server (report). It owns no state of its own: what it must know after a crash stands in the engine's records, where each
 * attempt is found by its key "job/task/index/epoch". Results stay there until the server says FORGET.
 */
#pragma once

#include "base/core/counts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct engine;
struct link_end;
struct loop;

struct agent_options {
	const char *node; /* NULL = the host's name */
	const char *data_dir;
	const char *api_socket; /* where the server's tunnels end, NULL = nowhere */
	uint32_t slots;		/* 0 = one per core */
	uint64_t memory;	/* bytes that tasks may reserve, 0 = the machine's */
	unsigned cores;		/* what the machine has */
	uint64_t machine_memory;
	uint64_t disk;		/* bytes that tasks may be promised of the file system of data_dir, 0 = all of it */
	bool share_gpus;	/* jobs may get GPUs that containers of no job have, too */
	struct counts counters; /* of the node; without COUNTS_GPU in it the GPUs that are found (gpus.h) */
};

/* Says HELLO over the link each time it is up, and what runs here; everything else follows from messages and events. The link end becomes the agent's. */
struct agent *agent_new(struct loop *l, struct engine *e, struct link_end *link, const struct agent_options *o);
/* What the node is called: o->node, or the host's name. */
void agent_node_name(const struct agent_options *o, char *name, size_t n);
struct agent *agent_free(struct agent *a);
