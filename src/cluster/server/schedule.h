/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule: jobs that come again. A schedule is a canonical job with the key `schedule`, under the job's name: document schedule/NAME (as a job's), and beside it
 * schedule-state/NAME, what is settled (cluster/sched/recur.h). Each step is one write: a job is made by its own event with the new state in the same transaction, all
 * else by a note in the log with the state. While a step is on its way nothing else is decided for that schedule; wishes wait for it.
 *
 * One timer (base/core/wall_timer.h) serves all of them: it is set to the nearest time, and goes off when the clock is set. Calendars: documents calendar/NAME.
 */
#pragma once

#include "cluster/sched/recur.h"
#include "cluster/sched/sched.h"
#include "base/core/owner.h"
#include "cluster/server/schedule_rule.h"
#include "cluster/server/server.h"

#include <stdbool.h>
#include <stdint.h>

struct calendar;
struct err;
struct jobspec;
struct server;
struct tz;

#define SCHEDULES_MAX 100000
#define SCHEDULE_RUNS_MAX 2100 /* remembered jobs of one schedule */

struct schedule_run {
	char job[SCHED_ID_MAX];
	int64_t at_s;
};

enum schedule_wish { SCHEDULE_NO_WISH, SCHEDULE_SET, SCHEDULE_PAUSE, SCHEDULE_RESUME, SCHEDULE_RUN, SCHEDULE_REMOVE };

struct schedule {
	struct server *server;
	struct schedule *next; /* by name */
	char name[SCHED_ID_MAX];
	uint32_t uid;
	char owner[OWNER_MAX];
	struct schedule_rule rule;
	const struct tz *tz; /* the server's */
	struct recur_state state;
	struct schedule_run *runs; /* the oldest first */
	size_t n_runs, cap_runs;
	uint64_t made, skipped;
	char *error;	/* why the last job could not be made, or NULL */
	uint32_t live;	/* of its jobs, with the one that is on its way */
	int64_t due_ms; /* wall clock: nothing is to be decided before, but by the end of a job */

	bool busy; /* something is on its way to the disk: */
	struct recur_state after;
	struct schedule_run run; /* a job, when it has a name */
	bool skip;

	enum schedule_wish wish; /* of a user: waits, or (acting) is what is on its way */
	bool acting, fresh;	 /* fresh: not durable yet */
	struct schedule_rule new_rule;
	const struct tz *new_tz;
	uint32_t new_uid;
	char new_owner[OWNER_MAX];
	char *new_text;
	server_done_fn done;
	void *ctx;
};

struct schedule *schedule_find(const struct server *s, const char *name);
/* Reads the documents, after those of the live jobs. */
int schedule_recover(struct server *s, struct err *err);
/* The time runs from here on. */
int schedule_begin(struct server *s, struct err *err);
void schedule_free_all(struct server *s);

/* A job with the key `schedule`, which was checked, becomes one; text as submitted. j stays the caller's. */
void schedule_submit(struct server *s, const struct jobspec *j, const char *text, size_t len, bool dry_run,
		     server_done_fn done, void *ctx);
/* A job of a schedule has ended. */
void schedule_job_ended(struct server *s, const struct jobspec *j);

/* schedule_step.c: */
void schedule_look(struct schedule *c);	    /* makes the next step, when there is one and none is on its way */
void schedule_go_on(struct schedule *c);    /* the wish that waits, or the next step */
void schedule_look_again(struct server *s); /* at all: a calendar is another one */
void schedule_timer(void *ctx);		    /* wall_timer */
int64_t schedule_next(struct schedule *c, int64_t after_s);
struct schedule *schedule_free(struct schedule *c);
void schedule_unlink(struct schedule *c);

/* calendar.c: */
struct server_calendar {
	struct server_calendar *next;
	char name[SCHED_ID_MAX];
	struct calendar *calendar;
	char *text;   /* JSON, as it is stored */
	bool leaving; /* its removal is on its way: no schedule may go by it any more */
};
struct server_calendar *server_calendar_find(const struct server *s, const char *name);
int server_calendar_load(struct server *s, const char *name, const char *text, size_t len, struct err *err);
void server_calendar_free_all(struct server *s);
