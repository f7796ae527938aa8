/* SPDX-License-Identifier: Apache-2.0
 *
 * timer: a heap of deadlines, at most one per instance: the next try of one that is DELAYED, or the walltime of a
 * live attempt. Ties go by job, task and index, so that a state read back from a snapshot fires in the same order.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <string.h>

static bool before(const struct timer *a, const struct timer *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	if (a->job != b->job)
		return a->job->seq < b->job->seq;
	if (a->task != b->task)
		return a->task->idx < b->task->idx;
	return a->instance->index < b->instance->index;
}

static void put(struct sched *s, size_t pos, struct timer t)
{
	s->timers[pos] = t;
	t.instance->timer_pos = (uint32_t)pos;
}

static void rise(struct sched *s, size_t pos, struct timer t)
{
	while (pos > 0 && before(&t, &s->timers[(pos - 1) / 2])) {
		put(s, pos, s->timers[(pos - 1) / 2]);
		pos = (pos - 1) / 2;
	}
	put(s, pos, t);
}

static void sink(struct sched *s, size_t pos, struct timer t)
{
	for (size_t child; (child = 2 * pos + 1) < s->n_timers; pos = child) {
		if (child + 1 < s->n_timers && before(&s->timers[child + 1], &s->timers[child]))
			child++;
		if (!before(&s->timers[child], &t))
			break;
		put(s, pos, s->timers[child]);
	}
	rise(s, pos, t);
}

void sched_timer_set(struct sched *s, struct task *t, struct instance *i, int64_t at_ms)
{
	sched_timer_unset(s, i);
	mem_grow(&s->timers, &s->cap_timers, s->n_timers);
	rise(s, s->n_timers++, (struct timer){.at_ms = at_ms, .job = t->base.job, .task = t, .instance = i});
}

void sched_timer_unset(struct sched *s, struct instance *i)
{
	size_t pos = i->timer_pos;
	struct timer last;

	if (i->timer_pos == NOT_LISTED)
		return;
	i->timer_pos = NOT_LISTED;
	last = s->timers[--s->n_timers];
	if (pos < s->n_timers)
		sink(s, pos, last);
}

/* ---- jobs that must not start yet ---- */

static bool starts_before(const struct job *a, const struct job *b)
{
	return a->start_at_ms != b->start_at_ms ? a->start_at_ms < b->start_at_ms : a->seq < b->seq;
}

static size_t start_find(const struct sched *s, const struct job *j)
{
	size_t lo = 0, hi = s->n_starts;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (starts_before(j, s->starts[mid]))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void sched_timer_start(struct sched *s, struct job *j)
{
	size_t at = start_find(s, j);

	j->early = true;
	mem_grow(&s->starts, &s->cap_starts, s->n_starts);
	memmove(&s->starts[at + 1], &s->starts[at], (s->n_starts - at) * sizeof(struct job *));
	s->starts[at] = j;
	s->n_starts++;
}

void sched_timer_unstart(struct sched *s, struct job *j)
{
	size_t at;

	if (!j->early)
		return;
	j->early = false;
	at = start_find(s, j);
	s->n_starts--;
	memmove(&s->starts[at], &s->starts[at + 1], (s->n_starts - at) * sizeof(struct job *));
}

static void starts_fire(struct sched *s)
{
	while (s->n_starts && s->starts[s->n_starts - 1]->start_at_ms <= s->now_ms) {
		struct job *j = s->starts[s->n_starts - 1];

		sched_timer_unstart(s, j);
		sched_job_begin(s, j);
	}
}

void sched_timer_fire(struct sched *s)
{
	starts_fire(s);
	while (s->n_timers && s->timers[0].at_ms <= s->now_ms) {
		struct timer t = s->timers[0];

		sched_timer_unset(s, t.instance);
		if (t.instance->state == SCHED_TASK_DELAYED)
			sched_instance_pend(s, t.job, t.task, t.instance);
		else
			sched_instance_kill(s, t.job, t.task, t.instance, KILL_WALLTIME);
	}
}

int64_t sched_next_ms(const struct sched *s)
{
	int64_t first = s->n_timers ? s->timers[0].at_ms : INT64_MAX;
	int64_t probe = sched_probe_next_ms(s);
	int64_t start = s->n_starts ? s->starts[s->n_starts - 1]->start_at_ms : INT64_MAX;

	first = probe < first ? probe : first;
	return start < first ? start : first;
}
