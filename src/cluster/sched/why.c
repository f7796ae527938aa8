/* SPDX-License-Identifier: Apache-2.0
 *
 * why: the reason why a job or task does not run, in words for people.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void add_bytes(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t u = 0;

	while (u + 1 < sizeof units / sizeof *units && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	buf_printf(b, "%" PRIu64 " %s", bytes, units[u]);
}

/* ---- dependencies ---- */

static void why_waits(const struct job *j, const struct task *t, struct buf *b)
{
	static const char *const verbs[] = {"to start", "to become healthy", "to complete"};
	const struct dep *first = NULL;
	size_t open = 0;

	for (size_t d = 0; d < t->n_deps; d++) {
		if (t->deps[d].state != DEP_OPEN)
			continue;
		first = first ? first : &t->deps[d];
		open++;
	}
	if (!first)
		return;
	buf_printf(b, "waits for \"%s\" %s", j->tasks[first->task].name, verbs[first->condition]);
	if (open > 1)
		buf_printf(b, " and for %zu more", open - 1);
}

/* ---- resources ---- */

static void add_request(struct buf *b, const struct shape *sh)
{
	const char *sep = "";

	if (sh->slots || (!sh->cpu_milli && !sh->memory)) {
		buf_printf(b, "%" PRIu32 " slot%s", sh->slots, plural(sh->slots));
		sep = ", ";
	}
	if (sh->cpu_milli) {
		buf_printf(b, "%s%g CPU", sep, (double)sh->cpu_milli / 1000);
		sep = ", ";
	}
	if (sh->memory) {
		buf_printf(b, "%smemory of ", sep);
		add_bytes(b, sh->memory);
	}
}

static bool is_banned(const struct shape *sh, const struct node *n)
{
	for (size_t k = 0; k < sh->n_banned; k++) {
		if (sh->banned[k] == n->pos)
			return true;
	}
	return false;
}

static bool is_too_small(const struct node *n, const struct shape *sh)
{
	return n->slots < sh->slots || n->cpu_milli < sh->cpu_milli || n->memory < sh->memory;
}

/* How well a node could serve. */
enum rank { RANK_DOWN, RANK_CLOSED, RANK_SMALL, RANK_BANNED, RANK_BUSY };

static enum rank rank(const struct node *n, const struct shape *sh)
{
	if (!n->up)
		return RANK_DOWN;
	if (n->closed)
		return RANK_CLOSED;
	if (is_too_small(n, sh))
		return RANK_SMALL;
	return is_banned(sh, n) ? RANK_BANNED : RANK_BUSY;
}

static const struct node *nearest(const struct sched *s, const struct shape *sh, enum rank *ret_rank)
{
	const struct node *best = NULL;

	*ret_rank = RANK_DOWN;
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];
		enum rank r = rank(n, sh);

		if (r > *ret_rank || (best && r == *ret_rank && n->slots > best->slots)) {
			best = n;
			*ret_rank = r;
		}
	}
	return best;
}

static void why_too_small(const struct node *n, const struct shape *sh, struct buf *b)
{
	buf_adds(b, "needs ");
	add_request(b, sh);
	buf_printf(b, "; node %s has ", n->name);
	if (n->slots < sh->slots) {
		buf_printf(b, "%" PRIu32, n->slots);
	} else if (n->cpu_milli < sh->cpu_milli) {
		buf_printf(b, "%g CPU", (double)n->cpu_milli / 1000);
	} else {
		buf_adds(b, "memory of ");
		add_bytes(b, n->memory);
	}
	buf_adds(b, " in all");
}

#define NAMES_MAX 3

/* The nodes that could serve but for its failures there. */
static void why_banned(const struct sched *s, const struct shape *sh, struct buf *b)
{
	size_t n = 0;

	buf_adds(b, "may not run again where it failed (");
	for (size_t k = 0; k < s->n_nodes; k++) {
		if (rank(s->nodes[k], sh) != RANK_BANNED)
			continue;
		if (n < NAMES_MAX)
			buf_printf(b, "%s%s", n ? ", " : "node ", s->nodes[k]->name);
		n++;
	}
	if (n > NAMES_MAX)
		buf_printf(b, " and %zu more", n - NAMES_MAX);
	buf_adds(b, "), and no other node that is up is large enough");
}

static void why_no_room(const struct sched *s, const struct shape *sh, struct buf *b)
{
	enum rank how;
	const struct node *n = nearest(s, sh, &how);

	if (how == RANK_DOWN) {
		buf_adds(b, "no node is up");
	} else if (how == RANK_CLOSED) {
		buf_printf(b, "node %s is locked or being drained, and no other is up", n->name);
	} else if (how == RANK_SMALL) {
		why_too_small(n, sh, b);
	} else if (how == RANK_BANNED) {
		why_banned(s, sh, b);
	} else {
		buf_adds(b, "waits for ");
		add_request(b, sh);
		buf_printf(b, "; node %s has %" PRIu64 " of %" PRIu32 " slot%s free", n->name, sched_node_free_slots(n),
			   n->slots, plural(n->slots));
	}
}

static const struct shape *waiting_shape(const struct task *t)
{
	if (t->base.n || (t->fresh_state == SCHED_TASK_PENDING && t->next_fresh < t->n) || !t->others)
		return t->base.shape;
	return t->others->shape;
}

/* ---- tasks and jobs ---- */

static void why_delayed(const struct task *t, int64_t now_ms, struct buf *b)
{
	int64_t next = INT64_MAX, tenths;

	for (uint32_t k = 0; k < t->next_fresh; k++) {
		const struct instance *i = sched_instance_at(t, k);

		if (i->state == SCHED_TASK_DELAYED && i->next_try_ms < next)
			next = i->next_try_ms;
	}
	tenths = next > now_ms ? (next - now_ms + 99) / 100 : 0;
	if (next <= now_ms)
		buf_adds(b, "next try now");
	else if (next - now_ms < 10000)
		buf_printf(b, "next try in %g s", (double)tenths / 10);
	else
		buf_printf(b, "next try in %" PRId64 " s", (next - now_ms + 999) / 1000);
}

static void why_task(const struct sched *s, const struct job *j, const struct task *t, int64_t now_ms, struct buf *b)
{
	if (t->ended || t->counts[SCHED_TASK_RUNNING])
		return;
	if (j->ending)
		buf_adds(b, "its job is ending");
	else if (t->counts[SCHED_TASK_STARTING])
		buf_adds(b, "was sent to its node and has not started yet");
	else if (t->counts[SCHED_TASK_IN_ERROR] || t->in_error)
		buf_printf(b, "is in error (%s): resume or cancel the job", t->failure ? t->failure : "unknown");
	else if (j->paused)
		buf_adds(b, "its job is paused: resume or cancel it");
	else if (t->counts[SCHED_TASK_PENDING])
		why_no_room(s, waiting_shape(t), b);
	else if (t->counts[SCHED_TASK_DELAYED])
		why_delayed(t, now_ms, b);
	else if (t->expanding)
		buf_adds(b, "waits for its number of instances");
	else
		why_waits(j, t, b);
}

/* A task in error explains more than one that lacks room, and that more than one that waits for the others. */
static const struct task *telling_task(const struct job *j)
{
	static const enum sched_task_state order[] = {SCHED_TASK_IN_ERROR, SCHED_TASK_STARTING, SCHED_TASK_PENDING,
						      SCHED_TASK_DELAYED};

	for (size_t k = 0; k < j->n_tasks; k++) {
		if (j->tasks[k].in_error)
			return &j->tasks[k];
	}
	for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
		for (size_t k = 0; j->counts[order[o]] && k < j->n_tasks; k++) {
			if (j->tasks[k].counts[order[o]])
				return &j->tasks[k];
		}
	}
	for (size_t k = 0; k < j->n_tasks; k++) {
		if (!j->tasks[k].ended && j->tasks[k].ready)
			return &j->tasks[k];
	}
	return NULL;
}

static void why_job(const struct sched *s, const struct job *j, int64_t now_ms, struct buf *b)
{
	const struct task *t;

	if (j->ended || (j->counts[SCHED_TASK_RUNNING] && !j->ending))
		return;
	if (j->ending) {
		buf_printf(b, "waits for %zu instance%s to end", j->n_live, plural(j->n_live));
		return;
	}
	t = telling_task(j);
	if (!t)
		return;
	buf_printf(b, "task \"%s\": ", t->name);
	if (j->paused && !t->counts[SCHED_TASK_IN_ERROR] && !t->in_error)
		buf_adds(b, "its job is paused: resume or cancel it");
	else
		why_task(s, j, t, now_ms, b);
}

void sched_why(const struct sched *s, const char *job, uint32_t task, int64_t now_ms, char *text, size_t n)
{
	const struct job *j = sched_job_find(s, job);
	struct buf b buf_cleanup = BUF_LIMIT(4096);

	if (n == 0)
		return;
	if (j && task == UINT32_MAX)
		why_job(s, j, now_ms, &b);
	else if (j && task < j->n_tasks)
		why_task(s, j, &j->tasks[task], now_ms, &b);
	snprintf(text, n, "%s", buf_str(&b));
}
