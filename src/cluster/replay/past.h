/* SPDX-License-Identifier: Apache-2.0
 *
 * past: the log as the replay needs it. Not included from outside this folder.
 */
#pragma once

#include "base/core/map.h"
#include "cluster/sched/sched.h"
#include "cluster/server/jobspec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct err;
struct store;

/* One attempt, as it was. Times: 0 = not known. */
struct past_run {
	uint32_t epoch;
	int64_t sent_ms, started_ms, ended_ms;
	enum sched_outcome outcome;
	int32_t exit_code;
	bool ended, cut; /* cut: somebody ended it, it would have run on */
};

struct past_instance {
	struct past_run *runs; /* by epoch */
	size_t n, cap;
};

struct past_job {
	struct jobspec *spec;
	size_t place; /* in past.jobs */
	int64_t submitted_ms, started_ms, ended_ms;
};

/* What comes from outside, in the order of the log. */
struct past_event {
	struct sched_event e; /* strings point into doc, job_spec into a past_job */
	yyjson_doc *doc;
};

struct past_node {
	char *name;
	uint32_t slots;
	uint64_t cpu_milli, memory;
	char *facts, *counters;
};

struct past {
	struct past_event *events;
	size_t n_events, cap_events;
	struct past_job **jobs;
	size_t n_jobs, cap_jobs;
	struct map by_job, instances; /* id -> past_job; "id/task/index" -> past_instance */
	struct past_node *nodes;      /* each as it was at last */
	size_t n_nodes, cap_nodes;
	struct map durations; /* "job name/task name" -> struct past_times; "" -> all */
	int64_t latency_ms;   /* from sent to started: the middle of all */
	uint64_t first_seq, read;
	int64_t from_ms, to_ms;
	size_t forgotten, nodes_before; /* jobs without a file; nodes that were up before the log begins */
};

struct past_times {
	int64_t *ms; /* sorted once all is read */
	size_t n, cap;
};

int past_read(struct store *s, struct past *ret, struct err *err);
void past_free(struct past *p);

struct past_instance *past_instance(const struct past *p, const char *job, uint32_t task, uint32_t index);
/* The middle of what runs of this task took, else of all; -1: nothing is known. */
int64_t past_guess(const struct past *p, const struct past_job *j, uint32_t task);
void past_times_add(struct past_times *t, int64_t ms);
void past_times_sort(struct past_times *t);
int64_t past_times_at(const struct past_times *t, unsigned percent); /* sorted; 0 when empty */
