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

void sched_why_bytes(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t u = 0;

	while (u + 1 < sizeof units / sizeof *units && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	buf_printf(b, "%" PRIu64 " %s", bytes, units[u]);
}

void sched_why_count(struct buf *b, uint64_t n, const char *name)
{
	if (counts_is_amount(name))
		sched_why_bytes(b, n << 20);
	else
		buf_printf(b, "%" PRIu64, n);
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

	if (sh->slots || (!sh->cpu_milli && !sh->memory && !sh->wants)) {
		buf_printf(b, "%" PRIu32 " slot%s", sh->slots, plural(sh->slots));
		sep = ", ";
	}
	if (sh->cpu_milli) {
		buf_printf(b, "%s%g CPU", sep, (double)sh->cpu_milli / 1000);
		sep = ", ";
	}
	if (sh->memory) {
		buf_printf(b, "%smemory of ", sep);
		sched_why_bytes(b, sh->memory);
		sep = ", ";
	}
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++, sep = ", ") {
		buf_adds(b, sep);
		sched_why_count(b, sh->wants->list[k].n, sh->wants->list[k].name);
		buf_printf(b, " %s", sh->wants->list[k].name);
	}
}

static bool is_too_small(const struct node *n, const struct shape *sh)
{
	return n->slots < sh->slots || n->cpu_milli < sh->cpu_milli || n->memory < sh->memory ||
	       !sched_counter_allows(n, sh);
}

/* How well a node could serve. */
enum rank {
	RANK_DOWN,
	RANK_CLOSED,
	RANK_UNSELECTED,
	RANK_SMALL,
	RANK_BANNED,
	RANK_UNFIT,
	RANK_RULED,
	RANK_AWAY,
	RANK_BUSY,
	RANK_FREE
};

static enum rank rank(const struct sched *s, const struct node *n, const struct shape *sh)
{
	if (!n->up)
		return RANK_DOWN;
	if (n->closed)
		return RANK_CLOSED;
	if (sh->selection && !sched_selection_has(sh->selection, n))
		return RANK_UNSELECTED;
	if (is_too_small(n, sh))
		return RANK_SMALL;
	if (sched_shape_bans(sh, n->pos))
		return RANK_BANNED;
	if (sh->probe && !sched_probe_fits(sh->probe, n))
		return RANK_UNFIT;
	if (sh->owner && !sched_wish_allows(sh->owner, n))
		return RANK_RULED;
	if (sh->owner && !sched_home_allows(sh->owner, n))
		return RANK_AWAY;
	return sched_node_fits(s, n, sh, true) ? RANK_FREE : RANK_BUSY;
}

/* Of two nodes of one rank. */
static bool is_nearer(const struct node *n, const struct node *than, enum rank r, const struct shape *sh)
{
	uint64_t a = r == RANK_BUSY ? sched_why_missing(n, sh) : 0,
		 b = r == RANK_BUSY ? sched_why_missing(than, sh) : 0;

	if (a == b) {
		a = sched_counter_nearness(than, sh);
		b = sched_counter_nearness(n, sh);
	}
	return a != b ? a < b : n->slots > than->slots;
}

static const struct node *nearest(const struct sched *s, const struct shape *sh, enum rank *ret_rank, size_t *ret_n)
{
	const struct node *best = NULL;

	*ret_rank = RANK_DOWN;
	*ret_n = 0;
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];
		enum rank r = rank(s, n, sh);

		*ret_n = r > *ret_rank ? 1 : *ret_n + (r == *ret_rank);
		if (r > *ret_rank || (best && r == *ret_rank && is_nearer(n, best, r, sh)))
			best = n;
		*ret_rank = r > *ret_rank ? r : *ret_rank;
	}
	return best;
}

static void why_too_small(const struct node *n, const struct shape *sh, struct buf *b)
{
	uint32_t all = 0;
	const struct count *few = sched_counter_short(n, sh, &all);

	buf_adds(b, "needs ");
	add_request(b, sh);
	buf_printf(b, "; node %s has ", n->name);
	if (n->slots < sh->slots) {
		buf_printf(b, "%" PRIu32, n->slots);
	} else if (n->cpu_milli < sh->cpu_milli) {
		buf_printf(b, "%g CPU", (double)n->cpu_milli / 1000);
	} else if (n->memory < sh->memory) {
		buf_adds(b, "memory of ");
		sched_why_bytes(b, n->memory);
	} else {
		sched_why_count(b, all, few ? few->name : "");
		buf_printf(b, " %s", few ? few->name : "");
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
		if (rank(s, s->nodes[k], sh) != RANK_BANNED)
			continue;
		if (n < NAMES_MAX)
			buf_printf(b, "%s%s", n ? ", " : "node ", s->nodes[k]->name);
		n++;
	}
	if (n > NAMES_MAX)
		buf_printf(b, " and %zu more", n - NAMES_MAX);
	buf_adds(b, "), and no other node that is up is large enough");
}

/* Large enough and selected, but for its rules about others. */
static void why_ruled(const struct sched *s, const struct shape *sh, struct buf *b)
{
	size_t n = 0;

	buf_adds(b, "may not run on any node that would do: ");
	for (size_t k = 0; k < s->n_nodes; k++) {
		if (rank(s, s->nodes[k], sh) != RANK_RULED)
			continue;
		if (n < NAMES_MAX) {
			buf_printf(b, "%s%s ", n ? "; " : "", s->nodes[k]->name);
			sched_wish_refusal(sh->owner, s->nodes[k], b);
		}
		n++;
	}
	if (n > NAMES_MAX)
		buf_printf(b, "; and %zu more", n - NAMES_MAX);
}

/* There is room, but it is kept for what stands before it, or is not enough for all of a gang. */
static void why_held(const struct sched *s, const struct node *n, struct buf *b)
{
	const struct item *holder = sched_hold_first(s);

	buf_printf(b, "node %s has room", n->name);
	if (holder && n->held)
		buf_printf(b, " and is held for \"%s\" of job %s, which stands before it", holder->task->name,
			   holder->job->id);
}

static void why_no_room(const struct sched *s, const struct shape *sh, struct buf *b)
{
	enum rank how;
	size_t n_such;
	const struct node *n = nearest(s, sh, &how, &n_such);

	if (how == RANK_DOWN) {
		buf_adds(b, "no node is up");
	} else if (how == RANK_CLOSED) {
		buf_printf(b, "node %s is locked or being drained, and no other is up", n->name);
	} else if (how == RANK_UNSELECTED) {
		sched_why_select(s, sh, b);
		return;
	} else if (how == RANK_SMALL) {
		why_too_small(n, sh, b);
	} else if (how == RANK_BANNED) {
		why_banned(s, sh, b);
	} else if (how == RANK_UNFIT) {
		buf_adds(b, "needs a node that its probe says yes on");
	} else if (how == RANK_RULED) {
		why_ruled(s, sh, b);
	} else if (how == RANK_AWAY) {
		sched_home_why(sh->owner, b);
	} else if (how == RANK_FREE) {
		why_held(s, n, b);
	} else {
		buf_adds(b, "waits for ");
		add_request(b, sh);
		sched_why_busy(n, n_such, sh, b);
	}
	if (sh->probe)
		sched_probe_why(s, sh, how == RANK_UNFIT ? ": " : "; ", b);
	if (sh->selection)
		sched_why_select(s, sh, b);
	if (how == RANK_BUSY || how == RANK_FREE)
		sched_why_place(s, sh, false, b);
}

static const struct item *waiting_item(const struct task *t)
{
	if (t->base.n || (t->fresh_state == SCHED_TASK_PENDING && t->next_fresh < t->n) || !t->others)
		return &t->base;
	return t->others;
}

static void add_wait(struct buf *b, int64_t ms)
{
	int64_t tenths_of_s = (ms + 99) / 100, tenths_of_h = (ms + 359999) / 360000;

	if (ms < 10000)
		buf_printf(b, "%g s", (double)tenths_of_s / 10);
	else if (ms < 7200000)
		buf_printf(b, "%" PRId64 " s", (ms + 999) / 1000);
	else
		buf_printf(b, "%g h", (double)tenths_of_h / 10);
}

/* When it should start by the walltimes of what runs, if what stands before it does not come between. */
static void why_when_planned(const struct sched *s, const struct item *it, int64_t now_ms, struct buf *b)
{
	int64_t at_ms = it->pos == NOT_LISTED ? INT64_MAX : sched_hold_when(s, it);

	if (at_ms == INT64_MAX || at_ms <= now_ms)
		return;
	buf_adds(b, "; should start in ");
	add_wait(b, at_ms - now_ms);
	buf_adds(b, s->hold.item == it ? " at the latest" : " or later");
}

static void why_when(const struct sched *s, const struct item *it, int64_t now_ms, struct buf *b)
{
	if (sched_preempt_makes_room(s, it)) {
		buf_adds(b, "; room is being made for it: preempted copies end");
		return;
	}
	why_when_planned(s, it, now_ms, b);
}

static void why_gang(const struct sched *s, const struct task *t, const struct item *it, struct buf *b)
{
	static const char *const where[] = {"", "", " on as many nodes", "", " on one node"};
	uint32_t need = sched_gang_size(it);
	struct order_at at = {.block = 0};
	uint64_t room = 0;

	if (!sched_gang_whole(t)) {
		buf_adds(b, "waits for the rest of its gang to end, to start anew together");
		return;
	}
	for (const struct node *n; (n = sched_order_next(&s->order, &at));) {
		uint32_t copies = sched_gang_copies(s, n, it->shape, need, true);

		if (it->shape->topology == SCHED_TOPO_ONE)
			room = copies > room ? copies : room;
		else
			room += copies;
	}
	buf_printf(b, "waits for room for all %" PRIu32 " at once%s, each ", need, where[it->shape->topology]);
	add_request(b, it->shape);
	buf_printf(b, "; there is room for %" PRIu64, room < need ? room : need);
	if (it->shape->probe)
		sched_probe_why(s, it->shape, "; ", b);
	if (it->shape->selection)
		sched_why_select(s, it->shape, b);
	if (room >= need)
		buf_adds(b, ", some of it held for what stands before it");
	if (sched_gang_goes_to_data(it->shape))
		sched_why_place(s, it->shape, true, b);
}

/* Held back by a limit, whatever is free. */
static bool why_capped(const struct sched *s, const struct task *t, const struct item *it, struct buf *b)
{
	const struct job *j = t->base.job;
	uint32_t live = t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING];

	if (t->gang && !sched_gang_whole(t))
		return false;
	if (t->max_running && live >= t->max_running)
		buf_printf(b, "its task runs %" PRIu32 " of at most %" PRIu32 " copies at the same time (max_running)",
			   live, t->max_running);
	else if (!sched_task_may_start(t))
		buf_printf(b, "its job runs %zu of at most %" PRIu32 " copies at the same time (max_running)",
			   j->n_live, j->max_running);
	else
		return sched_quota_why(s, it->shape, t->gang ? sched_gang_size(it) : 1,
				       it->pos == NOT_LISTED || sched_item_passes(s, it), b);
	return true;
}

static void why_pending(const struct sched *s, const struct task *t, int64_t now_ms, struct buf *b)
{
	const struct item *it = waiting_item(t);

	if (why_capped(s, t, it, b)) {
		if (sched_preempt_makes_room(s, it))
			why_when(s, it, now_ms, b);
		return;
	}
	if (sched_licence_why(s, it->shape, t->gang ? sched_gang_size(it) : 1,
			      it->pos == NOT_LISTED || sched_item_passes(s, it), b))
		(void)it;
	else if (t->gang)
		why_gang(s, t, it, b);
	else
		why_no_room(s, it->shape, b);
	why_when(s, it, now_ms, b);
}

/* ---- tasks and jobs ---- */

static void why_delayed(const struct task *t, int64_t now_ms, struct buf *b)
{
	int64_t next = INT64_MAX;

	for (uint32_t k = 0; k < t->next_fresh; k++) {
		const struct instance *i = sched_instance_at(t, k);

		if (i->state == SCHED_TASK_DELAYED && i->next_try_ms < next)
			next = i->next_try_ms;
	}
	buf_adds(b, next <= now_ms ? "next try now" : "next try in ");
	if (next > now_ms)
		add_wait(b, next - now_ms);
}

/* Some of its copies run and others wait. */
static void why_more(const struct sched *s, const struct task *t, int64_t now_ms, struct buf *b)
{
	if (!t->counts[SCHED_TASK_PENDING] || !sched_job_may_start(t->base.job) || t->gang)
		return;
	buf_printf(b, "%" PRIu32 " more wait%s: ", t->counts[SCHED_TASK_PENDING],
		   t->counts[SCHED_TASK_PENDING] == 1 ? "s" : "");
	why_pending(s, t, now_ms, b);
}

static void why_task(const struct sched *s, const struct job *j, const struct task *t, int64_t now_ms, struct buf *b)
{
	if (!t->ended && t->counts[SCHED_TASK_RUNNING])
		why_more(s, t, now_ms, b);
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
	else if (j->early)
		buf_adds(b, "its job does not start before its time");
	else if (t->counts[SCHED_TASK_PENDING])
		why_pending(s, t, now_ms, b);
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

	if (j->ended || (j->counts[SCHED_TASK_RUNNING] && !j->ending && !j->paused))
		return;
	if (j->ending) {
		buf_printf(b, "waits for %zu instance%s to end", j->n_live, plural(j->n_live));
		return;
	}
	t = telling_task(j);
	if (j->paused && !j->n_in_error && !j->counts[SCHED_TASK_IN_ERROR]) {
		buf_printf(b, "is paused: %snothing new starts; resume or cancel it",
			   j->n_live ? "what runs goes on, " : "");
		return;
	}
	if (!t)
		return;
	if (j->early) {
		buf_adds(b, "does not start before its time, in ");
		add_wait(b, j->start_at_ms > now_ms ? j->start_at_ms - now_ms : 0);
		return;
	}
	buf_printf(b, "task \"%s\": ", t->name);
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
