/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_draft: the fixed part of a job in a snapshot: what was submitted, and where it stands as a whole.
 */
#pragma once

#include "cluster/sched/state.h"

struct counts;
struct reader;

struct draft {
	struct sched_job_spec spec;
	struct sched_task_spec *tasks;
	struct sched_dep **deps;
	struct sched_need **needs;
	uint8_t **dep_states;
	bool paused, ending, ended, early;
	uint8_t final;
	uint64_t seq;
	int64_t submitted_ms, started_ms, ended_ms;
	int32_t exit_code;
	char *id, *name, *reason, *tenant, *project;
};

/* Frees what it holds; it may be half read. */
void sched_draft_free(struct draft *d);
/* How many names at most, then a name and a number of each. */
void sched_draft_counts(struct reader *r, size_t most, struct counts *ret);
/* After the word "job". What is wrong sticks to the reader. */
void sched_draft_load(struct reader *r, const struct sched *s, struct draft *d);
