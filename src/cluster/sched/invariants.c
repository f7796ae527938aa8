/* SPDX-License-Identifier: Apache-2.0
 *
 * invariants: everything that must hold between two steps, counted anew from the records. For tests, and for a
 * state that comes from a snapshot: nothing else in this folder checks what these guarantee.
 */
#include "cluster/sched/state.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <string.h>

struct use {
	uint64_t slots, cpu_milli, memory;
	size_t live;
};

struct owner_use {
	uint64_t used[SCHED_QUOTA_N];
	size_t jobs;
};

struct audit {
	const struct sched *s;
	struct use *use;	  /* by node */
	struct owner_use *owners; /* by quota */
	size_t timers;
	struct err *err;
};

#define BROKEN(a, ...) err_set((a)->err, EINVAL, __VA_ARGS__)

static bool is_live_state(uint8_t state)
{
	return state == SCHED_TASK_STARTING || state == SCHED_TASK_RUNNING;
}

static bool listed(const struct audit *a, const struct job *j, const struct instance *i)
{
	(void)a;
	return i->live_pos < j->n_live && j->live[i->live_pos].instance == i;
}

static bool timed(const struct audit *a, const struct instance *i)
{
	return i->timer_pos < a->s->n_timers && a->s->timers[i->timer_pos].instance == i;
}

static int audit_attempts(struct audit *a, const struct task *t, const struct instance *i)
{
	for (size_t k = 0; k < i->n_attempts; k++) {
		const struct attempt *at = &i->attempts[k];

		if (at->node >= a->s->n_nodes)
			return BROKEN(a, "%s/%u: attempt on an unknown node", t->name, i->index);
		if (k + 1 < i->n_attempts && (!at->ended || at->epoch + 1 != at[1].epoch))
			return BROKEN(a, "%s/%u: attempts out of order", t->name, i->index);
	}
	if (!i->n_attempts && !i->epoch &&
	    (i->state == SCHED_TASK_FINISHED || i->state == SCHED_TASK_FAULTY || i->state == SCHED_TASK_SKIPPED))
		return 0;
	if (!i->n_attempts || sched_instance_last(i)->epoch != i->epoch)
		return BROKEN(a, "%s/%u: the last attempt is not that of epoch %u", t->name, i->index, i->epoch);
	return 0;
}

static int audit_live(struct audit *a, const struct job *j, const struct task *t, const struct instance *i)
{
	const struct attempt *at = sched_instance_last(i);
	const struct shape *sh = sched_instance_shape(t, i);
	struct use *u = &a->use[at->node];

	if (!listed(a, j, i))
		return BROKEN(a, "%s/%s/%u: live and not listed", j->id, t->name, i->index);
	if (i->node_pos >= a->s->nodes[at->node]->n_live || a->s->nodes[at->node]->live[i->node_pos].instance != i)
		return BROKEN(a, "%s/%s/%u: not in the list of its node", j->id, t->name, i->index);
	if (!a->s->nodes[at->node]->up)
		return BROKEN(a, "%s/%s/%u: live on node %s, which is down", j->id, t->name, i->index,
			      a->s->nodes[at->node]->name);
	if (t->gang && !at->kill && !j->ending &&
	    t->counts[SCHED_TASK_PENDING] + t->counts[SCHED_TASK_DELAYED] + t->counts[SCHED_TASK_IN_ERROR])
		return BROKEN(a, "%s/%s/%u: goes on without the rest of its gang", j->id, t->name, i->index);
	if (j->ending && !at->kill)
		return BROKEN(a, "%s/%s/%u: goes on while its job ends", j->id, t->name, i->index);
	if ((i->state == SCHED_TASK_RUNNING) != (at->started_ms != 0))
		return BROKEN(a, "%s/%s/%u: state and start disagree", j->id, t->name, i->index);
	u->slots += sh->slots;
	u->cpu_milli += sh->cpu_milli;
	u->memory += sh->memory;
	u->live++;
	return 0;
}

static int audit_timer(struct audit *a, const struct job *j, const struct task *t, const struct instance *i)
{
	const struct attempt *at = sched_instance_last(i);
	bool wanted = i->state == SCHED_TASK_DELAYED ||
		      (i->state == SCHED_TASK_RUNNING && t->walltime_ms && at->kill == KILL_NONE);

	if (wanted != (i->timer_pos != NOT_LISTED) || (wanted && !timed(a, i)))
		return BROKEN(a, "%s/%s/%u: deadline missing or left over", j->id, t->name, i->index);
	a->timers += wanted;
	return 0;
}

static int audit_instance(struct audit *a, const struct job *j, const struct task *t, const struct instance *i)
{
	int r = audit_attempts(a, t, i);

	if (r < 0)
		return r;
	if (i->state == SCHED_TASK_WAITING || i->state == SCHED_TASK_PAUSED || i->state > SCHED_TASK_ABORTED)
		return BROKEN(a, "%s/%s/%u: state %u", j->id, t->name, i->index, i->state);
	if (is_live_state(i->state) != (sched_instance_live(i) != NULL))
		return BROKEN(a, "%s/%s/%u: state %s and its attempt disagree", j->id, t->name, i->index,
			      sched_task_state_name((enum sched_task_state)i->state));
	if (is_live_state(i->state))
		r = audit_live(a, j, t, i);
	else if (i->live_pos != NOT_LISTED)
		r = BROKEN(a, "%s/%s/%u: listed and not live", j->id, t->name, i->index);
	return r < 0 ? r : audit_timer(a, j, t, i);
}

static size_t pending_in_items(const struct task *t)
{
	size_t n = t->base.n;

	for (const struct item *it = t->others; it; it = it->next)
		n += it->n;
	return n;
}

static int audit_counts(struct audit *a, const struct job *j, const struct task *t)
{
	uint32_t counts[SCHED_TASK_ABORTED + 1] = {0};
	uint32_t started = 0, healthy = 0, ahead = 0;

	for (uint32_t k = 0; k < sched_instance_past(t); k++) {
		const struct instance *i = sched_instance_at(t, k);
		int r = i ? audit_instance(a, j, t, i) : 0;

		if (r < 0)
			return r;
		if (!i)
			continue;
		counts[i->state]++;
		started += i->started;
		healthy += i->healthy;
		ahead += i->ahead;
		if (i->n_attempts && !t->ready)
			return BROKEN(a, "%s/%s/%u: ran before it was ready", j->id, t->name, k);
	}
	if (ahead != t->n_ahead || (ahead && t->next_fresh < t->n && sched_instance_at(t, t->next_fresh)))
		return BROKEN(a, "%s/%s: %u copies taken out of their turn, %u counted", j->id, t->name, ahead,
			      t->n_ahead);
	if (counts[SCHED_TASK_PENDING] != pending_in_items(t))
		return BROKEN(a, "%s/%s: %u instances pending, %zu queued", j->id, t->name, counts[SCHED_TASK_PENDING],
			      pending_in_items(t));
	counts[t->fresh_state] += sched_instance_n_fresh(t);
	if (memcmp(counts, t->counts, sizeof counts) != 0 || started != t->n_started || healthy != t->n_healthy)
		return BROKEN(a, "%s/%s: counts are wrong", j->id, t->name);
	return 0;
}

static int audit_item(struct audit *a, const struct item *it)
{
	bool wanted = sched_job_may_start(it->job) && sched_task_may_start(it->task) &&
		      (it->n || (it == &it->task->base && it->task->fresh_state == SCHED_TASK_PENDING &&
				 it->task->next_fresh < it->task->n));

	if (wanted != (it->pos != NOT_LISTED))
		return BROKEN(a, "%s/%s: queued wrongly", it->job->id, it->task->name);
	return 0;
}

static int audit_deps(struct audit *a, const struct job *j, const struct task *t)
{
	size_t unmet = 0;

	for (size_t d = 0; d < t->n_deps; d++) {
		const struct task *on = &j->tasks[t->deps[d].task];
		bool met = on->met & (1u << t->deps[d].condition);

		unmet += t->deps[d].state == DEP_OPEN;
		if (j->ending || j->ended)
			continue;
		if ((t->deps[d].state == DEP_MET) != met || (t->deps[d].state == DEP_DEAD) != (on->ended && !met))
			return BROKEN(a, "%s/%s: dependency on \"%s\" is wrong", j->id, t->name, on->name);
	}
	if (unmet != t->unmet || (t->ready && unmet) || (!t->ready && !t->ended && !unmet))
		return BROKEN(a, "%s/%s: readiness and dependencies disagree", j->id, t->name);
	return 0;
}

static int audit_task(struct audit *a, const struct job *j, const struct task *t)
{
	uint32_t open = t->n - t->counts[SCHED_TASK_FINISHED] - t->counts[SCHED_TASK_FAULTY] -
			t->counts[SCHED_TASK_SKIPPED] - t->counts[SCHED_TASK_ABORTED];
	int r = 0;

	if (t->n && t->ended != (open == 0))
		return BROKEN(a, "%s/%s: %u instances open, ended %d", j->id, t->name, open, t->ended);
	if (!t->n && t->expanded && t->ready && !t->ended)
		return BROKEN(a, "%s/%s: empty and not ended", j->id, t->name);
	if (t->expanding && (!t->ready || t->expanded || t->ended))
		return BROKEN(a, "%s/%s: expands in the wrong state", j->id, t->name);
	if (t->max_running && t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING] > t->max_running)
		return BROKEN(a, "%s/%s: more than %u live", j->id, t->name, t->max_running);
	if (t->fresh_state == SCHED_TASK_PENDING && !t->ready)
		return BROKEN(a, "%s/%s: pending before it was ready", j->id, t->name);
	if (t->fresh_state == SCHED_TASK_WAITING && t->ready && t->expanded)
		return BROKEN(a, "%s/%s: ready and its instances wait", j->id, t->name);
	r = audit_counts(a, j, t);
	if (r == 0)
		r = audit_deps(a, j, t);
	for (const struct item *it = &t->base; it && r == 0; it = it == &t->base ? t->others : it->next)
		r = audit_item(a, it);
	return r;
}

/* What the owners of quotas use, added up while the jobs are walked. */
static void count_quotas(struct audit *a, const struct job *j)
{
	for (size_t k = 0; k < 2; k++) {
		struct owner_use *u = NULL;

		for (size_t q = 0; q < a->s->n_quotas && !u; q++)
			u = a->s->quotas[q] == j->quotas[k] ? &a->owners[q] : NULL;
		if (!u)
			continue;
		u->used[SCHED_QUOTA_JOBS] += !j->ended;
		u->used[SCHED_QUOTA_TASKS] += j->n_live;
		for (size_t l = 0; l < j->n_live; l++) {
			const struct shape *sh = sched_instance_shape(j->live[l].task, j->live[l].instance);

			u->used[SCHED_QUOTA_CPU] += (uint64_t)sh->slots * 1000 + sh->cpu_milli;
			u->used[SCHED_QUOTA_MEMORY] += sh->memory;
			u->used[SCHED_QUOTA_GPUS] += sh->wants ? counts_get(sh->wants, COUNTS_GPU) : 0;
		}
		u->jobs++;
	}
}

static int audit_quotas(struct audit *a)
{
	for (size_t k = 0; k < a->s->n_quotas; k++) {
		const struct quota *q = a->s->quotas[k];

		if (k && strcmp(a->s->quotas[k - 1]->name, q->name) >= 0)
			return BROKEN(a, "quotas out of order");
		if (q->refs != a->owners[k].jobs || (!q->refs && !q->set))
			return BROKEN(a, "quota of %s: %zu jobs, %zu counted", q->name, q->refs, a->owners[k].jobs);
		if (memcmp(q->used, a->owners[k].used, sizeof q->used) != 0)
			return BROKEN(a, "quota of %s: what it has in use is counted wrongly", q->name);
	}
	return 0;
}

static int audit_preempted(struct audit *a)
{
	size_t may = 0, preempted = 0, bands = 0;

	for (size_t k = 0; k < a->s->n_nodes; k++) {
		const struct node *n = a->s->nodes[k];
		size_t dying = 0, here = 0;

		for (size_t x = 0; x < n->n_live; x++) {
			const struct attempt *at = sched_instance_last(n->live[x].instance);

			here += n->live[x].task->preemptible;
			dying += at->kill != KILL_NONE;
			preempted += at->kill == KILL_PREEMPTED;
			if (at->kill == KILL_PREEMPTED && !n->live[x].task->preemptible)
				return BROKEN(a, "node %s: preempts what may not be", n->name);
		}
		if (here != n->n_preemptible || dying != n->n_dying)
			return BROKEN(a, "node %s: %zu preemptible, %zu dying, counted wrongly", n->name, here, dying);
		may += here;
	}
	for (size_t k = 0; k < a->s->n_bands; k++)
		bands += a->s->bands[k].live;
	if (may != bands || preempted != a->s->n_preempted)
		return BROKEN(a, "%zu preemptible, %zu preempted, counted wrongly", may, preempted);
	return sched_preempt_wants(a->s) ? BROKEN(a, "more could be preempted for what waits") : 0;
}

static int audit_licences(struct audit *a)
{
	mem_cleanup uint64_t *used = mem_new_n(uint64_t, a->s->n_licences + 1);

	for (size_t k = 0; k < a->s->n_nodes; k++) {
		for (size_t x = 0; x < a->s->nodes[k]->n_live; x++) {
			const struct live *l = &a->s->nodes[k]->live[x];
			const struct shape *sh = sched_instance_shape(l->task, l->instance);

			for (size_t n = 0; n < sh->n_needs; n++)
				used[sh->needs[n].licence->pos] += sh->needs[n].n;
		}
	}
	for (size_t k = 0; k < a->s->n_licences; k++) {
		const struct licence *l = a->s->licences[k];

		if (l->used != used[k] || l->pos != k)
			return BROKEN(a, "licence %s: %" PRIu64 " in use, %" PRIu64 " counted", l->name, l->used,
				      used[k]);
		if (l->used > l->total && !l->over)
			return BROKEN(a, "licence %s: more are in use than there are", l->name);
		if (l->held && !a->s->n_takers && (!a->s->hold.item || !sched_licence_of(a->s->hold.item->shape, l)))
			return BROKEN(a, "licence %s is kept for nobody", l->name);
	}
	return 0;
}

static int audit_job(struct audit *a, const struct job *j)
{
	size_t ended = 0, instances = 0, live = 0, expanding = 0, in_error = 0;
	size_t counts[SCHED_TASK_ABORTED + 1] = {0};

	for (size_t k = 0; k < j->n_tasks; k++) {
		const struct task *t = &j->tasks[k];
		int r = audit_task(a, j, t);

		if (r < 0)
			return r;
		ended += t->ended;
		instances += t->n;
		expanding += t->expanding;
		in_error += t->in_error;
		live += t->counts[SCHED_TASK_STARTING] + t->counts[SCHED_TASK_RUNNING];
		for (size_t c = 0; c <= SCHED_TASK_ABORTED; c++)
			counts[c] += t->counts[c];
	}
	if (ended != j->n_ended || instances != j->n_instances || live != j->n_live || expanding != j->n_expanding ||
	    in_error != j->n_in_error || memcmp(counts, j->counts, sizeof counts) != 0)
		return BROKEN(a, "job %s: totals are wrong", j->id);
	if (j->ended && (live || ended != j->n_tasks || j->ending))
		return BROKEN(a, "job %s: ended with %zu live attempts and %zu of %zu tasks ended", j->id, live, ended,
			      j->n_tasks);
	if (!j->ended && !live && (j->ending || ended == j->n_tasks))
		return BROKEN(a, "job %s: should have ended", j->id);
	if (j->max_running && j->n_live > j->max_running)
		return BROKEN(a, "job %s: more than %u live", j->id, j->max_running);
	count_quotas(a, j);
	if (j->early && (j->started_ms || j->ending || j->ended))
		return BROKEN(a, "job %s: started before its time", j->id);
	if (!sched_home_sound(j))
		return BROKEN(a, "job %s: where its files lie is wrong", j->id);
	if (j->touched || j->n_queue)
		return BROKEN(a, "job %s: changes were left over", j->id);
	return 0;
}

static size_t copies_on(const struct node *n, const struct task *t)
{
	size_t copies = 0;

	for (size_t k = 0; k < n->n_live; k++)
		copies += n->live[k].task == t;
	return copies;
}

static int audit_exclusive(struct audit *a, const struct node *n)
{
	for (size_t k = 0; k < n->n_live; k++) {
		const struct task *t = n->live[k].task;

		if (t->wish && t->wish->per_node && !sched_wish_copies(t, n, 1) && copies_on(n, t) > t->wish->per_node)
			return BROKEN(a, "node %s: %s/%s has too many copies", n->name, t->base.job->id, t->name);
		if (n->exclusive ? t != n->exclusive : t->base.shape->exclusive)
			return BROKEN(a, "node %s: %s/%s is not alone", n->name, t->base.job->id, t->name);
		for (size_t x = 0; x < k && t->base.shape->topology == SCHED_TOPO_APART; x++) {
			if (n->live[x].task == t)
				return BROKEN(a, "node %s: %s/%s is there twice", n->name, t->base.job->id, t->name);
		}
	}
	return 0;
}

static int audit_hold(struct audit *a)
{
	const struct hold *h = &a->s->hold;
	size_t held = 0;

	for (size_t k = 0; k < a->s->n_nodes; k++)
		held += a->s->nodes[k]->held;
	for (size_t k = 0; k < h->n_nodes; k++) {
		const struct node *n = a->s->nodes[h->nodes[k]];

		if (!n->held || !n->up || n->closed)
			return BROKEN(a, "node %s: held wrongly", n->name);
	}
	if (held != h->n_nodes || (h->item && (h->item->pos == NOT_LISTED || !h->n_nodes)))
		return BROKEN(a, "%zu nodes held, %zu listed", held, h->n_nodes);
	if (a->s->replan || (h->item && a->s->n_takers))
		return BROKEN(a, "a reservation and claims at the same time, or claims that are to be made anew");
	return 0;
}

/* What is claimed on a node is free there, or being killed: nobody waits for what never comes. */
static int audit_room(struct audit *a, const struct node *n)
{
	struct room all = sched_node_room(n);
	uint64_t slots = 0, cpu_milli = 0, memory = 0;

	for (size_t k = 0; k < n->n_live; k++) {
		const struct shape *sh = sched_instance_shape(n->live[k].task, n->live[k].instance);
		bool ends = sched_instance_last(n->live[k].instance)->kill != KILL_NONE;

		all.slots += ends ? sh->slots : 0;
		all.cpu_milli += ends ? sh->cpu_milli : 0;
		all.memory += ends ? sh->memory : 0;
	}
	for (size_t k = 0; k < a->s->n_takers; k++) {
		const struct taker *t = &a->s->takers[k];

		for (size_t p = 0; p < t->n; p++) {
			uint64_t copies = t->places[p].node == n->pos ? t->places[p].copies : 0;

			slots += t->item->shape->slots * copies;
			cpu_milli += t->item->shape->cpu_milli * copies;
			memory += t->item->shape->memory * copies;
		}
	}
	if (slots > all.slots || cpu_milli > all.cpu_milli || memory > all.memory)
		return BROKEN(a, "node %s: more is claimed than will be free", n->name);
	return 0;
}

static int audit_claimed_counters(struct audit *a, const struct taker *t)
{
	const struct counts *wants = t->item->shape->wants;

	for (size_t p = 0; p < t->n; p++) {
		const struct node *n = a->s->nodes[t->places[p].node];

		for (size_t c = 0; wants && c < wants->n; c++) {
			int64_t left = sched_counter_left(n, wants->list[c].name);

			for (size_t k = 0; k < n->n_live; k++) {
				const struct counts *other =
				    sched_instance_shape(n->live[k].task, n->live[k].instance)->wants;

				if (other && sched_instance_last(n->live[k].instance)->kill != KILL_NONE)
					left += counts_get(other, wants->list[c].name);
			}
			if ((int64_t)wants->list[c].n * t->places[p].copies > left)
				return BROKEN(a, "node %s: more %s are claimed than will be free", n->name,
					      wants->list[c].name);
		}
	}
	return 0;
}

static int audit_claims(struct audit *a)
{
	int r = 0;

	for (size_t k = 0; k < a->s->n_takers; k++) {
		const struct taker *t = &a->s->takers[k];
		uint64_t copies = 0;

		if (t->item->pos == NOT_LISTED || sched_claim_of(a->s, t->item) != t)
			return BROKEN(a, "%s/%s: claims room and does not wait", t->item->job->id, t->item->task->name);
		for (size_t p = 0; p < t->n; p++) {
			copies += t->places[p].copies;
			if (!a->s->nodes[t->places[p].node]->held)
				return BROKEN(a, "node %s: claimed, not held", a->s->nodes[t->places[p].node]->name);
		}
		if (audit_claimed_counters(a, t) < 0)
			return -EINVAL;
		if (copies != t->copies)
			return BROKEN(a, "%s/%s: claims are counted wrongly", t->item->job->id, t->item->task->name);
	}
	for (size_t k = 0; k < a->s->n_nodes && r == 0 && a->s->n_takers; k++)
		r = a->s->nodes[k]->held ? audit_room(a, a->s->nodes[k]) : 0;
	return r;
}

static bool stands_before(const struct node *a, const struct node *b)
{
	uint64_t x = sched_node_free_slots(a), y = sched_node_free_slots(b);

	if (x != y)
		return x < y;
	return a->price != b->price ? a->price < b->price : a->pos < b->pos;
}

static int audit_counters(struct audit *a, const struct node *n)
{
	for (size_t k = 0; k < n->n_live; k++) {
		const struct shape *sh = sched_instance_shape(n->live[k].task, n->live[k].instance);

		for (size_t c = 0; sh->wants && c < sh->wants->n; c++) {
			size_t x = 0;

			while (x < n->n_stocks && strcmp(n->stocks[x].name, sh->wants->list[c].name) != 0)
				x++;
			if (x == n->n_stocks)
				return BROKEN(a, "node %s: somebody has a counter that is not there", n->name);
		}
	}
	for (size_t x = 0; x < n->n_stocks; x++) {
		const struct stock *st = &n->stocks[x];
		uint64_t used = 0;

		for (size_t k = 0; k < n->n_live; k++) {
			const struct shape *sh = sched_instance_shape(n->live[k].task, n->live[k].instance);

			used += sh->wants ? counts_get(sh->wants, st->name) : 0;
		}
		if (used != st->used || (x && strcmp(n->stocks[x - 1].name, st->name) >= 0))
			return BROKEN(a, "node %s: %" PRIu32 " %s in use, %" PRIu64 " counted", n->name, st->used,
				      st->name, used);
		if (!n->shrunk && used > st->total)
			return BROKEN(a, "node %s: more %s are in use than there are", n->name, st->name);
		if (st->others != sched_counter_others(n, st->name, st->total))
			return BROKEN(a, "node %s: %" PRIu32 " %s are not what others have by its facts", n->name,
				      st->others, st->name);
	}
	return 0;
}

static int audit_nodes(struct audit *a)
{
	struct order_at at = {.block = 0};
	size_t up = 0;

	for (size_t k = 0; k < a->s->n_nodes; k++) {
		const struct node *n = a->s->nodes[k];
		const struct use *u = &a->use[k];

		up += n->up;
		if (u->slots != n->slots_used || u->cpu_milli != n->cpu_used || u->memory != n->memory_used ||
		    u->live != n->n_live)
			return BROKEN(a, "node %s: %" PRIu64 " slots in use, %" PRIu64 " counted", n->name,
				      n->slots_used, u->slots);
		if (!n->shrunk &&
		    (n->slots_used > n->slots || n->cpu_used > n->cpu_milli || n->memory_used > n->memory))
			return BROKEN(a, "node %s is over-committed", n->name);
		if (audit_exclusive(a, n) < 0 || audit_counters(a, n) < 0)
			return -EINVAL;
	}
	for (const struct node *n, *p = NULL; (n = sched_order_next(&a->s->order, &at)); p = n) {
		if (!n->up || (p && !stands_before(p, n)))
			return BROKEN(a, "node %s stands wrong in the order", n->name);
	}
	return up == a->s->order.n ? 0 : BROKEN(a, "%zu nodes up, %zu in the order", up, a->s->order.n);
}

/* Nothing that could start is left waiting. A fresh snapshot holds that too: it was taken after a step. */
static int audit_shapes(struct audit *a)
{
	for (size_t k = 0; k < a->s->n_shapes; k++) {
		const struct shape *sh = a->s->shapes[k];

		if (sh->pos != k || !sh->refs)
			return BROKEN(a, "request %s: stands wrong", sh->key);
		if (sh->n_items && sched_item_could_start(a->s, sh->items[0]))
			return BROKEN(a, "request %s waits though there is room", sh->key);
	}
	return 0;
}

/* What was answered once is still true. */
static int audit_selections(struct audit *a)
{
	for (size_t k = 0; k < a->s->n_selections; k++) {
		struct selection *sel = a->s->selections[k];
		size_t n_yes = 0;

		if (sel->pos != k || !sel->refs)
			return BROKEN(a, "selection %s: stands wrong", sel->text);
		for (size_t x = 0; x < a->s->n_nodes; x++) {
			bool asks = sched_selection_asks(sel, a->s->nodes[x]);

			if (sched_selection_has(sel, a->s->nodes[x]) != asks)
				return BROKEN(a, "node %s: an old answer to %s", a->s->nodes[x]->name, sel->text);
			n_yes += asks;
		}
		if (sel->counted && n_yes != sel->n_yes)
			return BROKEN(a, "%s: %zu nodes counted of %zu", sel->text, sel->n_yes, n_yes);
	}
	return 0;
}

/* Where the next copy of each task with wishes would go. */
static int audit_choices(struct audit *a)
{
	for (size_t k = 0; k < a->s->n_jobs; k++) {
		const struct job *j = a->s->jobs[k];

		for (size_t x = 0; !j->ended && x < j->n_tasks; x++) {
			const struct task *t = &j->tasks[x];

			if (t->wish && !sched_cost_sound(a->s, t->base.shape, true))
				return BROKEN(a, "%s/%s: the best node is not found by parts", j->id, t->name);
		}
	}
	return sched_parts_sound(a->s) ? 0 : BROKEN(a, "a node stands in the wrong part");
}

int sched_invariants(const struct sched *s, struct err *err)
{
	mem_cleanup struct use *use = mem_new_n(struct use, s->n_nodes + 1);
	mem_cleanup struct owner_use *owners = mem_new_n(struct owner_use, s->n_quotas + 1);
	struct audit a = {.s = s, .use = use, .owners = owners, .err = err};
	int r = 0;

	for (size_t k = 0; k < s->n_jobs && r == 0; k++) {
		if (k && s->jobs[k - 1]->seq >= s->jobs[k]->seq)
			return BROKEN(&a, "jobs out of order");
		r = audit_job(&a, s->jobs[k]);
	}
	if (r == 0)
		r = audit_nodes(&a);
	if (r == 0)
		r = audit_hold(&a);
	if (r == 0)
		r = audit_claims(&a);
	if (r == 0)
		r = audit_quotas(&a);
	if (r == 0)
		r = audit_selections(&a);
	if (r == 0 && !sched_tally_sound(s))
		r = BROKEN(&a, "who is where is counted wrongly");
	if (r == 0 && !sched_probe_sound(s))
		r = BROKEN(&a, "probes: what was asked is counted wrongly, or somebody waits and nobody is asked");
	if (r == 0)
		r = audit_choices(&a);
	if (r == 0)
		r = audit_licences(&a);
	if (r == 0)
		r = audit_preempted(&a);
	if (r == 0)
		r = audit_shapes(&a);
	if (r == 0 && a.timers != s->n_timers)
		r = BROKEN(&a, "%zu deadlines, %zu wanted", s->n_timers, a.timers);
	return r;
}
