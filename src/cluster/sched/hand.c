/* SPDX-License-Identifier: Apache-2.0
 *
 * hand: what a person says of one copy of a task, or of all of them: start it again, or take it as done, failed or
 * cancelled. What is live is killed and gets that end when it has ended; what rests gets it at once; of a task that waits for
 * others, or for room, those that never started stay a number as they were: only one that is named gets a record.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	enum kill kill;
	enum sched_task_state fresh; /* what that makes of those that never started */
	const char *failure;	     /* NULL = it is none */
} ways[SCHED_AS_N] = {
    [SCHED_AS_DONE] = {KILL_FINISHED, SCHED_TASK_FINISHED, NULL},
    [SCHED_AS_FAILED] = {KILL_FAILED, SCHED_TASK_FAULTY, "taken as failed by hand"},
    [SCHED_AS_CANCELLED] = {KILL_CANCELLED, SCHED_TASK_SKIPPED, "cancelled by hand"},
};

/* The first that failed is told, but rather the first that was cancelled. i NULL: all of it. */
void sched_hand_blame(struct task *t, const struct instance *i, enum sched_as as)
{
	const char *what = ways[as].failure;

	if (!what || (t->failure && (as == SCHED_AS_FAILED || strstr(t->failure, what))))
		return;
	free(t->failure);
	t->failure = i && t->n > 1 ? mem_printf("instance %u: %s", i->index, what) : mem_strdup(what);
	t->exit_code = 1;
}

/* Nothing of it is in error any more, unless it comes again. What has failed for good, or was cancelled, stays told. */
void sched_hand_error_gone(struct task *t)
{
	if (t->counts[SCHED_TASK_FAULTY] || t->counts[SCHED_TASK_ABORTED] || t->counts[SCHED_TASK_SKIPPED])
		return;
	free(t->failure);
	t->failure = NULL;
	t->exit_code = 0;
}

/* Its expansion is asked for again. */
void sched_hand_expand_again(struct sched *s, struct job *j, struct task *t)
{
	j->n_in_error -= t->in_error;
	t->in_error = false;
	if (t->ready && !t->expanded)
		sched_workflow_ask(s, j, t);
}

static struct task *open_task(struct job *j, uint32_t task)
{
	struct task *t = task < j->n_tasks ? &j->tasks[task] : NULL;

	return !t || t->ended || j->ending || j->ended ? NULL : t;
}

/* After its copies were changed. */
static void changed(struct sched *s, struct job *j, struct task *t, bool was_in_error)
{
	if (was_in_error && !t->counts[SCHED_TASK_IN_ERROR])
		sched_hand_error_gone(t);
	sched_place_job(s, j);
	sched_touch(s, j);
	sched_workflow_look(s, j, t);
}

/* ---- again ---- */

static void restart_one(struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	if (sched_instance_live(i)) {
		sched_instance_kill(s, j, t, i, KILL_RESTARTED);
	} else if (i->state == SCHED_TASK_DELAYED) {
		sched_timer_unset(s, i);
		sched_instance_pend(s, j, t, i);
	} else if (i->state == SCHED_TASK_IN_ERROR) {
		sched_instance_retry(s, j, t, i);
	}
}

void sched_hand_restart(struct sched *s, struct job *j, uint32_t task, uint32_t index)
{
	struct task *t = open_task(j, task);
	bool in_error;

	if (!t)
		return;
	in_error = t->counts[SCHED_TASK_IN_ERROR];
	for (uint32_t k = 0; k < t->next_fresh; k++) {
		if (index == SCHED_ALL || index == k)
			restart_one(s, j, t, sched_instance_at(t, k));
	}
	changed(s, j, t, in_error);
	if (index == SCHED_ALL && t->in_error) {
		sched_hand_error_gone(t);
		sched_hand_expand_again(s, j, t);
	}
}

/* ---- an end ---- */

/* Also what is being killed for another reason, after which it would start again. */
static void kill_as(struct sched *s, struct job *j, struct task *t, struct instance *i, enum kill why)
{
	if (sched_instance_live(i)->kill == KILL_NONE)
		sched_instance_kill(s, j, t, i, why);
	else
		sched_instance_rekill(s, i, why);
}

/* One that is delayed, in error, or pending and in no queue any more. */
static void settle(struct sched *s, struct job *j, struct task *t, struct instance *i, enum sched_as as)
{
	sched_timer_unset(s, i);
	i->next_try_ms = 0;
	sched_instance_settle(s, j, t, i, as);
}

static bool rests(const struct instance *i)
{
	return i->state == SCHED_TASK_DELAYED || i->state == SCHED_TASK_IN_ERROR || i->state == SCHED_TASK_PENDING;
}

static bool is_fresh(const struct task *t, uint32_t index)
{
	return index < t->n && !sched_instance_at(t, index) &&
	       (t->fresh_state == SCHED_TASK_WAITING || t->fresh_state == SCHED_TASK_PENDING);
}

/* A gang that waits does so as a whole. */
static void finish_one(struct sched *s, struct job *j, struct task *t, uint32_t index, enum sched_as as)
{
	struct instance *i = sched_instance_at(t, index);

	if (i && sched_instance_live(i)) {
		kill_as(s, j, t, i, ways[as].kill);
	} else if (i && rests(i) && !t->gang) {
		if (i->state == SCHED_TASK_PENDING)
			sched_place_pull(s, t, index);
		settle(s, j, t, i, as);
	} else if (is_fresh(t, index) && !t->gang) {
		i = sched_instance_ahead(t, index);
		sched_place_pull(s, t, index);
		settle(s, j, t, i, as);
	}
}

static void finish_all(struct sched *s, struct job *j, struct task *t, enum sched_as as)
{
	sched_hand_blame(t, NULL, as);
	sched_place_clear(s, t);
	for (uint32_t k = 0; k < t->next_fresh && !j->ending; k++) {
		struct instance *i = sched_instance_at(t, k);

		if (sched_instance_live(i))
			kill_as(s, j, t, i, ways[as].kill);
		else if (rests(i))
			settle(s, j, t, i, as);
	}
	sched_workflow_rest(s, j, t, ways[as].fresh);
	if (as == SCHED_AS_FAILED && t->on_error == SCHED_ON_ERROR_CANCEL)
		sched_job_fail(s, j, t);
}

/* As it was meant when only what had started could be finished. */
static void finish_started(struct sched *s, struct job *j, struct task *t, uint32_t index)
{
	for (uint32_t k = 0; k < t->next_fresh; k++) {
		struct instance *i = sched_instance_at(t, k);

		if (index != SCHED_ALL && index != k)
			continue;
		if (sched_instance_live(i))
			sched_instance_kill(s, j, t, i, KILL_FINISHED);
		else if (i->state == SCHED_TASK_DELAYED || i->state == SCHED_TASK_IN_ERROR)
			settle(s, j, t, i, SCHED_AS_DONE);
	}
}

void sched_hand_finish(struct sched *s, struct job *j, uint32_t task, uint32_t index, enum sched_as as, bool waiting)
{
	struct task *t = open_task(j, task);
	bool in_error;

	if (!t)
		return;
	in_error = t->counts[SCHED_TASK_IN_ERROR];
	if (!waiting)
		finish_started(s, j, t, index);
	else if (index == SCHED_ALL)
		finish_all(s, j, t, as);
	else
		finish_one(s, j, t, index, as);
	changed(s, j, t, in_error);
}
