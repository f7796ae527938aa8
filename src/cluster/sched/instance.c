/* SPDX-License-Identifier: Apache-2.0
 *
 * instance: the life of one instance and its attempts. Waiting -> pending -> starting -> running -> finished,
 * delayed (and pending again), faulty or in error. An attempt takes its node's resources when it is made and gives
 * them back exactly once, when it ends.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sched_kill_text(enum kill k)
{
	static const char *const texts[KILL_N] = {
	    [KILL_CANCELLED] = "cancelled", [KILL_WALLTIME] = "walltime", [KILL_JOB_ENDED] = "job ended",
	    [KILL_GANG] = "gang failed",    [KILL_DRAINED] = "drained",	  [KILL_PREEMPTED] = SCHED_PREEMPTED,
	    [KILL_RESTARTED] = "restarted", [KILL_FINISHED] = "finished", [KILL_FAILED] = "failed by hand"};

	return k < KILL_N ? texts[k] : NULL;
}

/* ---- records ---- */

static struct instance *place_of(const struct task *t, uint32_t index)
{
	return &t->pages[index / PAGE_SIZE][index % PAGE_SIZE];
}

static bool is_ahead(const struct task *t, uint32_t index)
{
	return t->n_ahead && index < t->n && t->pages[index / PAGE_SIZE] && place_of(t, index)->ahead;
}

struct instance *sched_instance_at(const struct task *t, uint32_t index)
{
	return index < t->next_fresh || is_ahead(t, index) ? place_of(t, index) : NULL;
}

uint32_t sched_instance_past(const struct task *t)
{
	return t->n_ahead ? t->n : t->next_fresh;
}

uint32_t sched_instance_n_fresh(const struct task *t)
{
	return t->n - t->next_fresh - t->n_ahead;
}

static struct instance *record_new(struct task *t, uint32_t index)
{
	struct instance *i;

	if (!t->pages[index / PAGE_SIZE])
		t->pages[index / PAGE_SIZE] = mem_new_n(struct instance, PAGE_SIZE);
	i = place_of(t, index);
	i->index = index;
	i->state = t->fresh_state;
	i->live_pos = i->node_pos = i->timer_pos = NOT_LISTED;
	return i;
}

struct instance *sched_instance_open(struct task *t)
{
	struct instance *i = record_new(t, t->next_fresh++);

	while (is_ahead(t, t->next_fresh)) {
		place_of(t, t->next_fresh++)->ahead = false;
		t->n_ahead--;
	}
	return i;
}

struct instance *sched_instance_ahead(struct task *t, uint32_t index)
{
	struct instance *i;

	if (index == t->next_fresh)
		return sched_instance_open(t);
	i = record_new(t, index);
	i->ahead = true;
	t->n_ahead++;
	return i;
}

void sched_instance_drop(struct sched *s, struct instance *i)
{
	sched_timer_unset(s, i);
	for (size_t k = 0; k < i->n_attempts; k++)
		free(i->attempts[k].error);
	free(i->attempts);
	sched_shape_drop(s, i->shape);
}

struct attempt *sched_instance_last(const struct instance *i)
{
	return i->n_attempts ? &i->attempts[i->n_attempts - 1] : NULL;
}

struct attempt *sched_instance_live(const struct instance *i)
{
	struct attempt *a = sched_instance_last(i);

	return a && !a->ended ? a : NULL;
}

const struct shape *sched_instance_shape(const struct task *t, const struct instance *i)
{
	return i->shape ? i->shape : t->base.shape;
}

/* Room for one more attempt at the end; past ATTEMPTS_KEPT the oldest is forgotten. Zeroed. */
struct attempt *sched_instance_push(struct instance *i)
{
	if (i->n_attempts == ATTEMPTS_KEPT) {
		free(i->attempts[0].error);
		memmove(i->attempts, i->attempts + 1, (ATTEMPTS_KEPT - 1) * sizeof *i->attempts);
		i->n_attempts--;
	}
	if (i->n_attempts == i->cap_attempts) {
		uint8_t cap = i->cap_attempts ? (uint8_t)(2 * i->cap_attempts) : 1;
		struct attempt *bigger = mem_new_n(struct attempt, cap);

		if (i->n_attempts)
			memcpy(bigger, i->attempts, i->n_attempts * sizeof *bigger);
		free(i->attempts);
		i->attempts = bigger;
		i->cap_attempts = cap;
	}
	i->attempts[i->n_attempts] = (struct attempt){.sent_ms = 0};
	return &i->attempts[i->n_attempts++];
}

void sched_live_add(struct job *j, struct task *t, struct instance *i)
{
	mem_grow(&j->live, &j->cap_live, j->n_live);
	i->live_pos = (uint32_t)j->n_live;
	j->live[j->n_live++] = (struct live){.task = t, .instance = i};
}

static void live_remove(struct job *j, struct instance *i)
{
	struct live last = j->live[--j->n_live];

	j->live[i->live_pos] = last;
	last.instance->live_pos = i->live_pos;
	i->live_pos = NOT_LISTED;
}

void sched_instance_move(struct job *j, struct task *t, uint8_t from, uint8_t to, uint32_t n)
{
	t->counts[from] -= n;
	j->counts[from] -= n;
	t->counts[to] += n;
	j->counts[to] += n;
	if (t->home)
		sched_home_move(j, from, to, n);
}

void sched_instance_set(struct job *j, struct task *t, struct instance *i, enum sched_task_state state)
{
	sched_instance_move(j, t, i->state, (uint8_t)state, 1);
	i->state = (uint8_t)state;
}

static void count_started(struct task *t, struct instance *i)
{
	t->n_started += !i->started;
	i->started = true;
}

static void count_healthy(struct task *t, struct instance *i, bool healthy)
{
	if (i->healthy == healthy)
		return;
	i->healthy = healthy;
	if (healthy)
		t->n_healthy++;
	else
		t->n_healthy--;
}

/* ---- what happens to it ---- */

/* The node was found by place and fits; that is why taking cannot fail. */
void sched_instance_start(struct sched *s, struct job *j, struct task *t, struct instance *i, struct node *n)
{
	struct attempt *a = sched_instance_push(i);
	struct sched_action *act = sched_act(s, SCHED_ACT_START, j);

	a->epoch = ++i->epoch;
	a->node = n->pos;
	a->sent_ms = s->now_ms;
	sched_home_start(s, j, t, n);
	(void)sched_node_take(s, n, t, i);
	sched_instance_set(j, t, i, SCHED_TASK_STARTING);
	sched_live_add(j, t, i);
	if (!j->started_ms)
		j->started_ms = s->now_ms;
	act->attempt.task = t->idx;
	act->attempt.index = i->index;
	act->attempt.epoch = a->epoch;
	snprintf(act->node, sizeof act->node, "%s", n->name);
}

void sched_instance_started(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	struct attempt *a = sched_instance_live(i);

	if (i->state != SCHED_TASK_STARTING)
		return;
	a->started_ms = s->now_ms;
	if (!t->started_ms)
		t->started_ms = s->now_ms;
	sched_instance_set(j, t, i, SCHED_TASK_RUNNING);
	count_started(t, i);
	if (t->walltime_ms && a->kill == KILL_NONE)
		sched_timer_set(s, t, i, sched_later(s->now_ms, t->walltime_ms));
	sched_touch(s, j);
	sched_workflow_look(s, j, t);
}

/* The first word of it counts; it says that it has started, too. */
void sched_instance_warned(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	struct attempt *a = sched_instance_live(i);

	sched_instance_started(s, j, t, i);
	if (!a->warned_ms)
		a->warned_ms = s->now_ms;
}

/* A health report of an attempt that nobody reported as started says that too. */
void sched_instance_health(struct sched *s, struct job *j, struct task *t, struct instance *i, bool healthy)
{
	sched_instance_started(s, j, t, i);
	sched_instance_live(i)->healthy = healthy;
	count_healthy(t, i, healthy);
	sched_touch(s, j);
	sched_workflow_look(s, j, t);
}

void sched_instance_kill(struct sched *s, struct job *j, struct task *t, struct instance *i, enum kill why)
{
	struct attempt *a = sched_instance_live(i);
	struct sched_action *act;

	if (!a || a->kill != KILL_NONE)
		return;
	a->kill = (uint8_t)why;
	s->nodes[a->node]->n_dying++;
	s->n_preempted += why == KILL_PREEMPTED;
	s->changes += t->service; /* it ends now: hold.c */
	sched_timer_unset(s, i);
	act = sched_act(s, SCHED_ACT_KILL, j);
	act->attempt.task = t->idx;
	act->attempt.index = i->index;
	act->attempt.epoch = a->epoch;
	act->reason = sched_kill_text(why);
	snprintf(act->node, sizeof act->node, "%s", s->nodes[a->node]->name);
}

void sched_instance_rekill(struct sched *s, struct instance *i, enum kill why)
{
	struct attempt *a = sched_instance_live(i);

	s->n_preempted -= a->kill == KILL_PREEMPTED;
	a->kill = (uint8_t)why;
}

void sched_instance_pend(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	i->next_try_ms = 0;
	sched_instance_set(j, t, i, SCHED_TASK_PENDING);
	sched_place_push(s, t, i);
}

void sched_instance_retry(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	i->tries = i->delays = 0;
	i->lost = 0;
	sched_shape_drop(s, i->shape);
	i->shape = NULL;
	sched_instance_pend(s, j, t, i);
}

/* Whoever waits for it goes on, whatever for. */
static void finish(struct job *j, struct task *t, struct instance *i)
{
	sched_instance_set(j, t, i, SCHED_TASK_FINISHED);
	count_started(t, i);
	count_healthy(t, i, true);
}

static void delay(struct sched *s, struct job *j, struct task *t, struct instance *i, int64_t ms)
{
	if (ms <= 0) {
		sched_instance_pend(s, j, t, i);
		return;
	}
	i->next_try_ms = sched_later(s->now_ms, ms);
	sched_instance_set(j, t, i, SCHED_TASK_DELAYED);
	sched_timer_set(s, t, i, i->next_try_ms);
}

static char *failure_text(const struct task *t, const struct instance *i)
{
	const struct attempt *a = sched_instance_last(i);
	mem_cleanup char *what = NULL;

	if (a->error)
		what = mem_strdup(a->error);
	else if (a->outcome == SCHED_OUT_EXITED)
		what = mem_printf("exit code %d%s", a->exit_code, a->oom ? " (out of memory)" : "");
	else
		what = mem_strdup(a->outcome == SCHED_OUT_LOST ? "lost too often" : "could not be started");
	return t->n > 1 ? mem_printf("instance %u: %s", i->index, what) : mem_take(what);
}

/* Faulty for good, and what follows from that. */
static void fail(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	sched_instance_set(j, t, i, SCHED_TASK_FAULTY);
	if (t->on_error == SCHED_ON_ERROR_CANCEL) {
		sched_job_fail(s, j, t);
	} else if (t->on_error == SCHED_ON_ERROR_CONTINUE) {
		/* Those that wait for it go on, whatever they wait for (ProActive: the children of a FAULTY task run). */
		count_started(t, i);
		count_healthy(t, i, true);
	}
}

/* on_error, when the tries are used up. */
static void give_up(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	const struct attempt *a = sched_instance_last(i);

	if (!t->failure) {
		t->failure = failure_text(t, i);
		t->exit_code = a->outcome == SCHED_OUT_EXITED && a->exit_code ? a->exit_code : 1;
	}
	switch ((enum sched_on_error)t->on_error) {
	case SCHED_ON_ERROR_PAUSE:
		sched_job_pause(s, j);
		/* fall through */
	case SCHED_ON_ERROR_SUSPEND:
		sched_instance_set(j, t, i, SCHED_TASK_IN_ERROR);
		return;
	case SCHED_ON_ERROR_CONTINUE:
	case SCHED_ON_ERROR_CANCEL:
		fail(s, j, t, i);
	}
}

void sched_instance_settle(struct sched *s, struct job *j, struct task *t, struct instance *i, enum sched_as as)
{
	sched_hand_blame(t, i, as);
	if (as == SCHED_AS_DONE)
		finish(j, t, i);
	else if (as == SCHED_AS_FAILED)
		fail(s, j, t, i);
	else
		sched_instance_set(j, t, i, i->n_attempts ? SCHED_TASK_ABORTED : SCHED_TASK_SKIPPED);
}

static void note_end(struct sched *s, const struct task *t, struct attempt *a, const struct ending *e)
{
	a->ended = true;
	a->ended_ms = s->now_ms;
	a->outcome = (uint8_t)e->outcome;
	a->exit_code = e->outcome == SCHED_OUT_EXITED ? e->exit_code : 0;
	a->oom = e->oom;
	/* What exited had started, even if the report of that was lost. */
	if (!a->started_ms && e->outcome == SCHED_OUT_EXITED)
		a->started_ms = a->sent_ms;
	if (a->kill == KILL_WALLTIME && e->outcome != SCHED_OUT_LOST)
		a->error = mem_printf("ran longer than its walltime of %g s", (double)t->walltime_ms / 1000);
	else if (a->kill == KILL_PREEMPTED && e->outcome != SCHED_OUT_LOST)
		a->error = mem_strdup("preempted: a job of higher priority needed its room");
	else if (e->error && *e->error)
		a->error = mem_strndup(e->error, strnlen(e->error, ERROR_TEXT_MAX));
}

/* One of a gang has failed and will be tried again, or waits in error: the others start anew together with it. */
static void end_gang(struct sched *s, struct job *j, struct task *t)
{
	for (uint32_t k = 0; k < t->next_fresh && !sched_gang_whole(t); k++) {
		struct instance *other = sched_instance_at(t, k);
		const struct attempt *a = sched_instance_live(other);

		/* What is on a node that is going down is about to be lost. */
		if (a && s->nodes[a->node]->up)
			sched_instance_kill(s, j, t, other, KILL_GANG);
	}
}

static const uint8_t by_hand[KILL_N] = {
    [KILL_FINISHED] = SCHED_AS_DONE, [KILL_FAILED] = SCHED_AS_FAILED, [KILL_CANCELLED] = SCHED_AS_CANCELLED};

/* What follows an end that nobody's job end caused: success, another try, or the error policy. */
static void decide(struct sched *s, struct job *j, struct task *t, struct instance *i, bool was_healthy)
{
	const struct attempt *a = sched_instance_last(i);
	bool anew =
	    a->kill == KILL_GANG || a->kill == KILL_DRAINED || a->kill == KILL_PREEMPTED || a->kill == KILL_RESTARTED;
	bool success = a->outcome == SCHED_OUT_EXITED && a->exit_code == 0 && a->kill != KILL_WALLTIME && !anew;
	int64_t ran_ms = a->started_ms ? a->ended_ms - a->started_ms : 0;
	int64_t delay_ms = 0;

	if (t->service && ran_ms >= RESET_AFTER_MS)
		i->lost = 0;
	if (a->kill == KILL_FINISHED || a->kill == KILL_FAILED || a->kill == KILL_CANCELLED) {
		sched_instance_settle(s, j, t, i, by_hand[a->kill]);
		return;
	}
	if (anew) {
		sched_instance_pend(s, j, t, i);
		return;
	}
	if (a->outcome == SCHED_OUT_LOST && i->lost < LOST_MAX) {
		i->lost++;
		sched_instance_pend(s, j, t, i);
		return;
	}
	i->lost = 0;
	if (!success && t->elsewhere && !sched_home_ties(j, t)) {
		struct shape *old = i->shape;

		i->shape = sched_shape_ban(s, sched_instance_shape(t, i), a->node);
		sched_shape_drop(s, old);
	}
	if (sched_retry_next(t, i, success, ran_ms, &delay_ms)) {
		delay(s, j, t, i, delay_ms);
	} else if (success) {
		sched_instance_set(j, t, i, SCHED_TASK_FINISHED);
		count_healthy(t, i, was_healthy);
	} else {
		give_up(s, j, t, i);
	}
}

void sched_instance_end(struct sched *s, struct job *j, struct task *t, struct instance *i, const struct ending *e)
{
	struct attempt *a = sched_instance_live(i);
	bool was_healthy = i->healthy;

	if (!a)
		return;
	note_end(s, t, a, e);
	sched_timer_unset(s, i);
	live_remove(j, i);
	sched_node_release(s, s->nodes[a->node], t, i);
	count_healthy(t, i, false);
	if (a->started_ms) {
		count_started(t, i);
		if (!t->started_ms)
			t->started_ms = a->started_ms;
	}
	if (j->ending)
		sched_instance_set(j, t, i, SCHED_TASK_ABORTED);
	else
		decide(s, j, t, i, was_healthy);
	sched_home_end(s, j);
	if (j->max_running)
		sched_place_job(s, j);
	else if (t->max_running)
		sched_place_update(s, t);
	if (t->gang && !j->ending) {
		if (i->state != SCHED_TASK_FINISHED && i->state != SCHED_TASK_FAULTY && i->state != SCHED_TASK_ABORTED)
			end_gang(s, j, t);
		sched_place_update(s, t);
	}
	sched_touch(s, j);
	sched_workflow_look(s, j, t);
}
