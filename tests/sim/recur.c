/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules in virtual time: random rules, a clock that is set forward and back, servers that are down or die between two steps, pauses, jobs that live long. Each
 * step is compared with what plain loops over the list of all times say; and whatever they say, no time makes two jobs, and where it may not be no job
 * begins while another one lives. Settings as in main.c. */
#include "cluster/sched/recur.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES 4000
#define LIVE_MAX 256

struct world {
	uint64_t seed, random;
	struct recur_rule rule;
	struct recur_state state;
	int64_t times[TIMES], now_s, ends_s[LIVE_MAX]; /* of the jobs that live */
	uint8_t started[TIMES];
	bool given_up[TIMES]; /* the clock was wrong: it may come again */
	uint32_t live;
	uint64_t starts, acts[RECUR_RESET + 1];
};

static uint64_t random_next(struct world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int64_t below(struct world *w, int64_t n)
{
	return (int64_t)(random_next(w) % (uint64_t)n);
}

static void fail(const struct world *w, const char *what, int64_t a, int64_t b)
{
	fprintf(stderr, "recur: SIM_SEED=%" PRIu64 " at %" PRId64 ": %s (%" PRId64 ", %" PRId64 ")\n", w->seed,
		w->now_s, what, a, b);
	exit(1);
}

static int64_t next_time(void *ctx, int64_t after_s)
{
	const struct world *w = ctx;
	size_t low = 0, high = TIMES;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (w->times[mid] > after_s)
			high = mid;
		else
			low = mid + 1;
	}
	return low < TIMES ? w->times[low] : RECUR_NEVER;
}

/* ---- what plain loops say ---- */

/* Of the times that are due: how many of the last ones are to be looked at. */
static size_t kept(const struct world *w, size_t first, size_t end)
{
	size_t n = end - first, limit = w->rule.catch_up == RECUR_ALL ? w->rule.catch_up_limit : 1;

	if (w->rule.catch_up == RECUR_NONE && n && w->now_s - w->times[end - 1] > RECUR_GRACE_S)
		return 0;
	return n < limit ? n : limit;
}

static enum recur_act expected(const struct world *w, int64_t *ret_at)
{
	const struct recur_state *s = &w->state;
	size_t first = 0, end;

	if (s->paused)
		return RECUR_NOTHING;
	if (s->decided_s > w->now_s + RECUR_BACK_S)
		return RECUR_RESET;
	if (s->n_queue && !w->live) {
		*ret_at = s->queue[0];
		return RECUR_START;
	}
	while (first < TIMES && w->times[first] <= s->decided_s)
		first++;
	for (end = first; end < TIMES && w->times[end] <= w->now_s;)
		end++;
	if (first == end)
		return RECUR_NOTHING;
	if (kept(w, first, end) < end - first)
		return RECUR_MISS;
	*ret_at = w->times[first];
	if (!w->live || w->rule.overlap == RECUR_ALLOW)
		return RECUR_START;
	if (w->rule.overlap == RECUR_REPLACE)
		return RECUR_CANCEL;
	return w->rule.overlap == RECUR_QUEUE && s->n_queue < w->rule.queue_limit ? RECUR_WAIT : RECUR_SKIP;
}

/* ---- what is done ---- */

static size_t place_of(const struct world *w, int64_t at)
{
	for (size_t k = 0; k < TIMES; k++) {
		if (w->times[k] == at)
			return k;
	}
	fail(w, "it starts at a time that is none", at, 0);
	return 0;
}

static void start(struct world *w, int64_t at)
{
	size_t k = place_of(w, at);

	if (w->started[k]++ && !w->given_up[k])
		fail(w, "a time starts twice", at, w->now_s);
	if (w->live && w->rule.overlap != RECUR_ALLOW)
		fail(w, "a job starts while one lives", at, w->live);
	if (w->live < LIVE_MAX)
		w->ends_s[w->live++] = w->now_s + below(w, below(w, 4) ? 100 : 5000);
	w->starts++;
}

/* All times after the new state may come again. */
static void reset(struct world *w, const struct recur_state *after)
{
	for (size_t k = 0; k < TIMES; k++)
		w->given_up[k] |= w->times[k] > after->decided_s;
}

static void perform(struct world *w, const struct recur_step *step)
{
	const struct recur_state *s = &step->after;

	if (step->act == RECUR_START)
		start(w, step->at_s);
	if (step->act == RECUR_CANCEL) {
		for (uint32_t k = 0; k < w->live; k++)
			w->ends_s[k] = w->now_s + below(w, 20);
		if (s->n_queue != 1 || s->queue[0] != step->at_s)
			fail(w, "what replaces is not what waits", step->at_s, s->queue[0]);
	}
	if (step->act == RECUR_WAIT && (s->n_queue > w->rule.queue_limit || s->queue[s->n_queue - 1] != step->at_s))
		fail(w, "the queue is not in order", s->n_queue, step->at_s);
	if (step->act == RECUR_RESET)
		reset(w, s);
	w->acts[step->act]++;
	w->state = *s;
}

/* As the server does; `dies`: after so many steps, and the last one may or may not have become durable. */
static void look(struct world *w, int64_t dies)
{
	for (;;) {
		int64_t at = 0;
		enum recur_act want = expected(w, &at);
		struct recur_step step = recur_step(&w->rule, &w->state, w->now_s, w->live, next_time, w);

		if (step.act != want)
			fail(w, "another step than is right", step.act, want);
		if (at && step.at_s != at)
			fail(w, "another time than is right", step.at_s, at);
		if (step.act == RECUR_NOTHING)
			return;
		if (step.act == RECUR_MISS && step.at_s <= w->state.decided_s)
			fail(w, "nothing is missed by it", step.at_s, w->state.decided_s);
		if (dies-- == 0 && !below(w, 2))
			return;
		perform(w, &step);
		if (dies < 0)
			return;
	}
}

/* ---- the world ---- */

static void end_jobs(struct world *w)
{
	for (uint32_t k = w->live; k-- > 0;) {
		if (w->ends_s[k] <= w->now_s)
			w->ends_s[k] = w->ends_s[--w->live];
	}
}

static void fate(struct world *w)
{
	switch (below(w, 40)) {
	case 0:
		w->now_s += below(w, 20000); /* nobody is there */
		break;
	case 1:
		w->now_s -= below(w, 4000); /* the clock is set back */
		break;
	case 2:
		w->now_s -= below(w, 20) ? 0 : below(w, 3 * RECUR_BACK_S);
		break;
	case 3:
		recur_pause(&w->state);
		break;
	default:
		w->now_s += below(w, 120);
	}
	if (w->state.paused && !below(w, 4)) {
		int64_t decided = w->state.decided_s;

		recur_resume(&w->state, w->now_s);
		if (w->state.decided_s != (decided > w->now_s ? decided : w->now_s))
			fail(w, "the pause is not what is gone", w->state.decided_s, decided);
	}
	end_jobs(w);
	look(w, below(w, 10) ? INT64_MAX : below(w, 4));
}

/* Where nothing may be left out each time must have made a job; then the world is a calm one: no pause, no jump. */
static void all_started(struct world *w)
{
	w->rule = (struct recur_rule){
	    .catch_up = RECUR_ALL, .overlap = RECUR_ALLOW, .catch_up_limit = RECUR_CATCH_UP_MAX, .queue_limit = 1};
	w->state = (struct recur_state){.decided_s = w->times[0] - 1};
	memset(w->started, 0, sizeof w->started);
	w->now_s = w->times[0];
	while (w->now_s < w->times[TIMES - 1]) {
		w->now_s = next_time(w, w->now_s - 1) + below(w, 300);
		end_jobs(w);
		look(w, below(w, 3) ? INT64_MAX : below(w, 4));
	}
	look(w, INT64_MAX);
	for (size_t k = 0; k < TIMES; k++) {
		if (!w->started[k])
			fail(w, "a time made no job", w->times[k], 0);
	}
}

static void run(uint64_t seed, uint64_t steps)
{
	struct world *w = mem_new(struct world);
	int64_t t = 10 * RECUR_BACK_S;
	int64_t gap;

	w->seed = w->random = seed;
	gap = below(w, 3) ? 60 : 1000;
	for (size_t k = 0; k < TIMES; k++)
		w->times[k] = t += 1 + below(w, below(w, 10) ? gap : 20 * gap);
	w->rule = (struct recur_rule){.catch_up = (enum recur_catch_up)below(w, 3),
				      .overlap = (enum recur_overlap)below(w, 4),
				      .catch_up_limit = 1 + (uint32_t)below(w, 8),
				      .queue_limit = 1 + (uint32_t)below(w, 4)};
	w->now_s = w->state.decided_s = w->times[0] - 1;
	for (uint64_t k = 0; k < steps && w->now_s < t; k++)
		fate(w);
	all_started(w);
	printf("recur: SIM_SEED=%" PRIu64 ": %" PRIu64 " jobs, %" PRIu64 " skipped, %" PRIu64 " missed, %" PRIu64
	       " waited, %" PRIu64 " replaced, %" PRIu64 " resets: ok\n",
	       seed, w->starts, w->acts[RECUR_SKIP], w->acts[RECUR_MISS], w->acts[RECUR_WAIT], w->acts[RECUR_CANCEL],
	       w->acts[RECUR_RESET]);
	free(w);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v && *v ? strtoull(v, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t runs = setting("SIM_RUNS", 1), steps = setting("SIM_STEPS", 3000), seed = setting("SIM_SEED", 1);

	for (uint64_t k = 0; k < runs; k++)
		run(seed + k, steps);
	return 0;
}
