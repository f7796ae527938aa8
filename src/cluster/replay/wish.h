/* SPDX-License-Identifier: Apache-2.0
 *
 * wish: what is to be otherwise in a replay. Not included from outside this folder.
 */
#pragma once

#include "cluster/replay/past.h"
#include "cluster/replay/replay.h"

#include <stdbool.h>

#define WISH_NODES_MAX 10000

struct replay_wish {
	struct past_node *nodes; /* that are added; names and facts are owned */
	size_t n_nodes, cap_nodes;
	char *const *without;
	bool fifo, spread, pack, set;
};

/* -EINVAL names the word. */
int replay_wish_read(const struct replay_options *o, const struct past *p, struct replay_wish *ret, struct err *err);
void replay_wish_free(struct replay_wish *w);
bool replay_wish_leaves_out(const struct replay_wish *w, const char *node);
/* The job as the policy has it: `spec` is a copy whose tasks may be changed. */
void replay_wish_apply(const struct replay_wish *w, struct sched_job_spec *spec, struct sched_task_spec *tasks);
