/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/sched/recur.h"

#include <string.h>

struct due {
	recur_next_fn next;
	void *ctx;
};

static int64_t due_after(const struct due *d, int64_t after_s)
{
	return d->next(d->ctx, after_s);
}

/* The latest time before `end` and after `from`, which must have one: the number of calls grows with the logarithm of the distance. */
static int64_t latest(const struct due *d, int64_t from, int64_t end)
{
	int64_t low = from, high = end;

	/* The last moment from which the next time is still before the end lies in [low, high). */
	while (high - low > 1) {
		int64_t mid = low + (high - low) / 2;

		if (due_after(d, mid) < end)
			low = mid;
		else
			high = mid;
	}
	return due_after(d, low);
}

/* Whether more than `limit` times lie after `from` and up to `to`. */
static bool more_than(const struct due *d, uint32_t limit, int64_t from, int64_t to)
{
	uint32_t n = 0;

	for (int64_t t = due_after(d, from); t <= to && n <= limit; t = due_after(d, t))
		n++;
	return n > limit;
}

/* Times that are left out because nobody was there: all up to the result; INT64_MIN: none. first: the first that is due. */
static int64_t missed(const struct recur_rule *rule, const struct due *d, int64_t decided_s, int64_t first,
		      int64_t now_s)
{
	int64_t t = now_s + 1;
	uint32_t limit = rule->catch_up == RECUR_ALL ? rule->catch_up_limit : 1;

	if (rule->catch_up == RECUR_NONE) {
		t = latest(d, decided_s, now_s + 1);
		if (t < now_s - RECUR_GRACE_S)
			return t;
		return first < t ? t - 1 : INT64_MIN;
	}
	if (!more_than(d, limit, decided_s, now_s))
		return INT64_MIN;
	for (uint32_t n = 0; n < limit; n++)
		t = latest(d, decided_s, t);
	return t - 1;
}

static void take_first(struct recur_state *s)
{
	s->n_queue--;
	memmove(s->queue, s->queue + 1, s->n_queue * sizeof *s->queue);
}

/* A time that comes while a job lives. */
static void overlap(const struct recur_rule *rule, int64_t at_s, struct recur_step *ret)
{
	struct recur_state *s = &ret->after;

	ret->at_s = at_s;
	if (rule->overlap == RECUR_REPLACE) {
		ret->act = RECUR_CANCEL;
		s->n_queue = 1;
		s->queue[0] = at_s;
	} else if (rule->overlap == RECUR_QUEUE && s->n_queue < rule->queue_limit && s->n_queue < RECUR_QUEUE_MAX) {
		ret->act = RECUR_WAIT;
		s->queue[s->n_queue++] = at_s;
	} else {
		ret->act = RECUR_SKIP;
	}
}

struct recur_step recur_step(const struct recur_rule *rule, const struct recur_state *now, int64_t now_s, uint32_t live,
			     recur_next_fn next, void *ctx)
{
	struct recur_step ret = {.act = RECUR_NOTHING, .after = *now};
	const struct due d = {next, ctx};
	int64_t at, left_out;

	if (now->paused)
		return ret;
	if (now->decided_s - now_s > RECUR_BACK_S) {
		ret.act = RECUR_RESET;
		ret.at_s = ret.after.decided_s = now_s;
		return ret;
	}
	if (now->n_queue && !live) {
		ret.act = RECUR_START;
		ret.at_s = now->queue[0];
		take_first(&ret.after);
		return ret;
	}
	at = due_after(&d, now->decided_s);
	if (at > now_s)
		return ret;
	left_out = missed(rule, &d, now->decided_s, at, now_s);
	ret.after.decided_s = left_out == INT64_MIN ? at : left_out;
	if (left_out != INT64_MIN) {
		ret.act = RECUR_MISS;
		ret.at_s = left_out;
	} else if (live && rule->overlap != RECUR_ALLOW) {
		overlap(rule, at, &ret);
	} else {
		ret.act = RECUR_START;
		ret.at_s = at;
	}
	return ret;
}

int64_t recur_due(const struct recur_state *now, recur_next_fn next, void *ctx)
{
	return now->paused ? RECUR_NEVER : next(ctx, now->decided_s);
}

void recur_pause(struct recur_state *s)
{
	s->paused = true;
	s->n_queue = 0;
}

void recur_resume(struct recur_state *s, int64_t now_s)
{
	s->paused = false;
	if (now_s > s->decided_s)
		s->decided_s = now_s;
}

const char *recur_act_name(enum recur_act act)
{
	static const char *const names[] = {
	    [RECUR_NOTHING] = "nothing", [RECUR_START] = "start",   [RECUR_SKIP] = "skip",  [RECUR_MISS] = "miss",
	    [RECUR_WAIT] = "wait",	 [RECUR_CANCEL] = "cancel", [RECUR_RESET] = "reset"};

	return names[act];
}
