/* SPDX-License-Identifier: Apache-2.0
 *
 * pace: when somebody who follows a job by its events reads the job itself again. After events, at the most ten times a
 * second and for at the most a tenth of the time; but at once after what may have been the job's end, which is what
 * whoever waits wants to know. Without events every half a minute: one may have been lost. Time comes in as an
 * argument, in milliseconds on the caller's clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t next_ms; /* not before */
	int64_t left;	 /* copies that had not ended when the job was read */
	int64_t ends;	 /* copies that have ended since */
	bool dirty;	 /* something happened since */
};

/* The following begins, or begins again: whatever happened before is in the job. */
void pace_begin(struct pace *p);
/* A line of GET /v1/events of the job. */
void pace_event(struct pace *p, const char *line, size_t len);
/* The job was read, which took so long; `left` of its copies have not ended. */
void pace_read(struct pace *p, int64_t now_ms, int64_t took_ms, int64_t left);
/* How long to wait for events: 0 means that the job is to be read now. */
int64_t pace_wait(const struct pace *p, int64_t now_ms);
/* No event came for as long as pace_wait() said. */
void pace_silence(struct pace *p);
