/* SPDX-License-Identifier: Apache-2.0
 *
 * timer: a heap of deadlines, at most one per instance: the next try of one that is DELAYED, or the walltime of a
 * live attempt. Ties go by job, task and index, so that a state read back from a snapshot fires in the same order.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

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

void sched_timer_fire(struct sched *s)
{
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
	return s->n_timers ? s->timers[0].at_ms : INT64_MAX;
}
