/* SPDX-License-Identifier: Apache-2.0
 *
 * event: an event of the scheduler as it stands in the log (docs/formats/events.md), and back.
 */
#pragma once

#include "cluster/sched/sched.h"

#include <yyjson.h>

struct buf;
struct err;

/* Kinds that are in the log for people and do nothing to the state. */
#define EVENT_JOB_ENDED "job_ended"
#define EVENT_AUTHORITY "authority_new"
#define EVENT_SOURCE "source"
#define EVENT_MACHINE "machine"
#define EVENT_SCHEDULE "schedule"
#define EVENT_CALENDAR "calendar"
#define EVENT_PREEMPTED "preempted"

/* The word for an event's type: "job_submit", "exited" ... */
const char *event_kind(enum sched_event_type type);

/* What an event tells beyond the scheduler's needs. */
struct event_extra {
	const char *task_name, *container, *job_name;
	const char *killed; /* why the server had it ended: static text */
	int32_t signal;
};

/* Words that an agent has said, for an event: at most so many bytes, and no half of a character. NULL stays NULL; the caller frees. */
char *event_words(const char *text, size_t max);

const char *event_quota_key(enum sched_quota what); /* "cpu_milli", "memory", "tasks", "jobs" */

bool event_as(const char *word, enum sched_as *ret); /* "done", "failed", "cancelled"; false: none of them */

/* Writes the event's JSON object (without seq, time and kind, which are the store's). extra may be NULL. */
void event_encode(const struct sched_event *e, const struct event_extra *extra, struct buf *out);

/* Reads it back. The strings of *ret point into *ret_doc, which the caller frees after use. job_spec is left NULL: it stands in a document of its own.
 * Returns 1 for a kind that does nothing to the state, 0 for an event, negative for a damaged one. */
int event_decode(const char *kind, const char *data, size_t len, int64_t time_ms, struct sched_event *ret,
		 yyjson_doc **ret_doc, struct err *err);
