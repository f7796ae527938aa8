/* SPDX-License-Identifier: Apache-2.0
 *
 * bring: the images of jobs. An attempt that the scheduler has put on a node without its image waits until the image has come there (server_bring_images in
 * server.h says by whom it is brought); several attempts on one node wait for one image together. What was ended or given up meanwhile never starts.
 * Nothing of this is durable: after a restart the nodes say what they have, and what is still wanted is asked for again.
 */
#pragma once

#include "cluster/sched/sched.h"

#include <stdbool.h>
#include <stdint.h>

struct sched_attempt_id;
struct server;

/* Whether the attempt has to wait: it is started, or fails, when the image has come or cannot. image NULL = none is needed. */
bool bring_waits(struct server *s, const struct sched_attempt_id *a, const char *node, const char *image);
/* The same for a probe of a node: probe_go() follows. */
struct bring_probe {
	char name[SCHED_PROBE_MAX + 32], job[SCHED_ID_MAX];
	uint32_t task;
};
bool bring_waits_probe(struct server *s, const struct bring_probe *p, const char *node, const char *image);
/* Why a task of the job has been sent and has not started: "its image \"x\" comes to node n2 first" (of several the oldest, and how many more). false: not therefore. */
bool bring_why(const struct server *s, const char *job, uint32_t task, char *text, size_t n);
void bring_free_all(struct server *s);
