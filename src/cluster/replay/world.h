/* SPDX-License-Identifier: Apache-2.0
 *
 * world: one run of the past's jobs in virtual time. Not included from outside this folder.
 */
#pragma once

#include "cluster/replay/past.h"
#include "cluster/replay/wish.h"

#include <stdint.h>

/* What became of each job, by its place in past.jobs; 0 = it did not. */
struct world_job {
	int64_t started_ms, ended_ms;
	int64_t slot_ms; /* slots times time, of its attempts */
};

struct world {
	struct world_job *jobs;
	int64_t busy_ms, capacity_ms; /* slots times time, from the first submission to the last end */
	int64_t first_ms, last_ms;
	uint64_t guessed; /* attempts that took a guess */
	uint64_t endless; /* that would never have ended: nothing is known of them */
};

/* wish NULL: as it was. */
void world_run(const struct past *p, const struct replay_wish *wish, struct world *ret);
/* What was recorded, in the same words. */
void world_recorded(const struct past *p, struct world *ret);
void world_free(struct world *w);
