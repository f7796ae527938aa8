/* SPDX-License-Identifier: Apache-2.0
 *
 * home: tasks of a job hand files to each other through the job's own spaces. Those lie on the node where they were written, and nothing moves them, so all that
 * stage from or to one run where the first of them started: its home. It is one as long as something of them is live there or has finished; when nothing is left
 * that anybody could miss, because the node was lost or all tries failed, the next one to start chooses anew.
 *
 * Nodes whose spaces are one file system tell the same fact `spaces`: to all of these the home extends. A gang, and what is to be apart, asks for
 * nodes of its own and has no home.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"

#include <string.h>

bool sched_home_is(const struct sched_task_spec *spec)
{
	return spec->home && !spec->gang && spec->topology != SCHED_TOPO_APART;
}

#define LOOKED_AT 16 /* tasks of a job, when its home is chosen */

static bool serves(const struct node *n, const struct shape *sh)
{
	return sh->slots <= n->slots && sh->cpu_milli <= n->cpu_milli && sh->memory <= n->memory &&
	       sched_counter_allows(n, sh) && (!sh->selection || sched_selection_has(sh->selection, n));
}

bool sched_home_is_open(const struct shape *sh)
{
	const struct job *j = sh->owner && sh->owner->home ? sh->owner->base.job : NULL;

	return j && !j->home && j->n_tasks > 1;
}

bool sched_home_serves(const struct job *j, const struct node *n)
{
	size_t looked = 0;

	for (size_t k = 0; k < j->n_tasks && looked < LOOKED_AT; k++) {
		if (!j->tasks[k].home)
			continue;
		looked++;
		if (!serves(n, j->tasks[k].base.shape))
			return false;
	}
	return true;
}

static bool binds(uint8_t state)
{
	return state == SCHED_TASK_STARTING || state == SCHED_TASK_RUNNING || state == SCHED_TASK_FINISHED;
}

void sched_home_move(struct job *j, uint8_t from, uint8_t to, size_t n)
{
	j->n_home -= binds(from) ? n : 0;
	j->n_home += binds(to) ? n : 0;
}

/* What was found for them, or kept, was for other nodes. */
static void plan_anew(struct sched *s, const struct job *j)
{
	bool kept = s->hold.item && s->hold.item->job == j;

	for (size_t k = 0; k < s->n_takers; k++)
		kept = kept || s->takers[k].item->job == j;
	if (kept)
		sched_hold_drop(s);
}

void sched_home_start(struct sched *s, struct job *j, const struct task *t, struct node *n)
{
	if (!t->home || j->home)
		return;
	j->home = n;
	plan_anew(s, j);
}

static void wake(const struct task *t)
{
	t->base.shape->blocked = false;
	for (const struct item *it = t->others; it; it = it->next)
		it->shape->blocked = false;
}

void sched_home_end(struct sched *s, struct job *j)
{
	if (!j->home || j->n_home || j->ending)
		return;
	j->home = NULL;
	s->changes++; /* what had no hope of room may have */
	plan_anew(s, j);
	for (size_t k = 0; k < j->n_tasks; k++) {
		if (j->tasks[k].home)
			wake(&j->tasks[k]);
	}
}

bool sched_home_ties(const struct job *j, const struct task *t)
{
	return t->home && j->n_home > 1;
}

bool sched_home_allows(const struct task *t, const struct node *n)
{
	const struct node *home = t->home ? t->base.job->home : NULL;
	const char *there;

	if (!home || home == n)
		return true;
	there = sched_facts_get(&home->facts, "spaces");
	return there && strcmp(there, "") != 0 && sched_facts_get(&n->facts, "spaces") &&
	       !strcmp(there, sched_facts_get(&n->facts, "spaces"));
}

const char *sched_home(const struct sched *s, const char *job, uint32_t task)
{
	const struct job *j = sched_job_find(s, job);

	return j && task < j->n_tasks && j->tasks[task].home && j->home ? j->home->name : NULL;
}

bool sched_home_sound(const struct job *j)
{
	size_t n = 0, live = 0;

	for (size_t k = 0; k < j->n_tasks; k++) {
		const uint32_t *counts = j->tasks[k].counts;

		if (!j->tasks[k].home)
			continue;
		live += counts[SCHED_TASK_STARTING] + counts[SCHED_TASK_RUNNING];
		n += counts[SCHED_TASK_FINISHED];
	}
	if (n + live != j->n_home || (live && !j->home))
		return false;
	return j->n_home || !j->home || j->ending || j->ended;
}

void sched_home_why(const struct task *t, struct buf *b)
{
	const struct node *home = t->base.job->home;
	const char *state = !home->up ? "which is down"
			    : home->closed
				? "which is locked or being drained"
				: "which will not do for it (its size, or the task's select, probe or rules)";

	buf_printf(b, "waits for node %s, %s: the files that its job has staged out lie there", home->name, state);
}
