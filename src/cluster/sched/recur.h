/* SPDX-License-Identifier: Apache-2.0
 *
 * recur: when a schedule makes its next job. Pure: time, the number of its jobs that live, and the times at which it is due come from outside; what to do
 * now and the state after that go out, one step at a time. The server makes a step durable together with the job it makes, and asks again until there is
 * nothing to do; so a server that dies between any two steps makes no job twice and forgets none.
 *
 * Rules:
 * - Every time up to `decided_s` is settled for ever: what has run does not run again when the clock is set back, nor after a restart.
 * - A time is missed when nobody could start it within RECUR_GRACE_S: the server was down, or the clock was set forward. catch_up: none leaves missed times
 *   out; last starts the latest of them; all starts all, the oldest first, but no more than the last `catch_up_limit`. Of several times that are not
 *   missed yet, none and last start the latest.
 * - While a job of the schedule lives: allow starts the next one beside it; skip leaves the time out; queue starts it afterwards, at most queue_limit of
 *   them; replace cancels what lives and starts the latest when that has ended.
 * - A paused schedule does nothing; the times of its pause are not missed but gone (recur_resume).
 * - When the clock is back by more than a day, it was wrong before: the schedule goes on from now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RECUR_GRACE_S 60
#define RECUR_BACK_S (24 * 3600)
#define RECUR_QUEUE_MAX 16
#define RECUR_CATCH_UP_MAX 100
#define RECUR_NEVER INT64_MAX

enum recur_catch_up { RECUR_NONE, RECUR_LAST, RECUR_ALL };
enum recur_overlap { RECUR_ALLOW, RECUR_SKIP_LIVE, RECUR_QUEUE, RECUR_REPLACE };

struct recur_rule {
	enum recur_catch_up catch_up;
	enum recur_overlap overlap;
	uint32_t catch_up_limit; /* 1 to RECUR_CATCH_UP_MAX */
	uint32_t queue_limit;	 /* 1 to RECUR_QUEUE_MAX */
};

struct recur_state {
	int64_t decided_s;
	bool paused;
	uint32_t n_queue;
	int64_t queue[RECUR_QUEUE_MAX]; /* the oldest first */
};

/* The first time after after_s at which it is due, RECUR_NEVER: none. */
typedef int64_t (*recur_next_fn)(void *ctx, int64_t after_s);

enum recur_act {
	RECUR_NOTHING,
	RECUR_START,  /* a job for at_s */
	RECUR_SKIP,   /* at_s is left out: one still runs, or the queue is full */
	RECUR_MISS,   /* the times up to at_s, and that, are left out: nobody was there */
	RECUR_WAIT,   /* at_s joins the queue */
	RECUR_CANCEL, /* the jobs that live are to be cancelled; at_s follows them */
	RECUR_RESET,  /* the clock was wrong */
};
struct recur_step {
	enum recur_act act;
	int64_t at_s;
	struct recur_state after; /* to be made durable with what is done */
};

struct recur_step recur_step(const struct recur_rule *rule, const struct recur_state *now, int64_t now_s, uint32_t live,
			     recur_next_fn next, void *ctx);

/* When there could be something to do, as long as no job of it ends: not before then has recur_step() to be asked. */
int64_t recur_due(const struct recur_state *now, recur_next_fn next, void *ctx);

void recur_pause(struct recur_state *s);
void recur_resume(struct recur_state *s, int64_t now_s);
const char *recur_act_name(enum recur_act act);
