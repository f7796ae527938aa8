/* SPDX-License-Identifier: Apache-2.0 */
/* Two rows of events meet: what came from outside, in its order, and what follows from the scheduler's own actions, a heap by time. */
#include "cluster/replay/world.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX (SCHED_ID_MAX + 48)
#define STEPS_MAX 100000000 /* a scheduler that found no end */

struct coming {
	int64_t at_ms;
	uint64_t order;
	struct sched_event e; /* STARTED, EXITED, EXPANDED; job points into a past_job */
};

/* An attempt that is live, as the scheduler sees it. */
struct live {
	struct past_job *job;
	char node[SCHED_ID_MAX];
	uint32_t slots;
	int64_t started_ms;
};

struct running {
	const struct past *past;
	const struct replay_wish *wish;
	struct world *world;
	struct sched *sched;
	struct coming *heap;
	size_t n, cap, next; /* next: of the past's events */
	uint64_t order, steps;
	int64_t now_ms, since_ms; /* capacity is counted up to since_ms ... */
	int64_t up_slots, capacity_ms, last_capacity_ms;
	struct map live;  /* "job/task/index#epoch" */
	struct map nodes; /* name -> slots, of those that are up */
};

/* ---- a heap ---- */

static bool before(const struct coming *a, const struct coming *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

static void post(struct running *r, int64_t at_ms, struct sched_event e)
{
	struct coming c = {.at_ms = at_ms, .order = ++r->order, .e = e};
	size_t pos;

	mem_grow(&r->heap, &r->cap, r->n);
	for (pos = r->n++; pos > 0 && before(&c, &r->heap[(pos - 1) / 2]); pos = (pos - 1) / 2)
		r->heap[pos] = r->heap[(pos - 1) / 2];
	r->heap[pos] = c;
}

static struct coming take_first(struct running *r)
{
	struct coming first = r->heap[0], last = r->heap[--r->n];
	size_t pos = 0;

	for (size_t child; (child = 2 * pos + 1) < r->n; pos = child) {
		if (child + 1 < r->n && before(&r->heap[child + 1], &r->heap[child]))
			child++;
		if (!before(&r->heap[child], &last))
			break;
		r->heap[pos] = r->heap[child];
	}
	r->heap[pos] = last;
	return first;
}

/* ---- attempts ---- */

static const char *key_of(char *text, const struct sched_attempt_id *a)
{
	snprintf(text, KEY_MAX, "%s/%u/%u#%u", a->job, a->task, a->index, a->epoch);
	return text;
}

/* The record of the attempt that takes the place of this one: losses do not count, for they are the nodes'. NULL: there is none. */
static const struct past_run *record_of(const struct running *r, const struct sched_attempt_id *a)
{
	const struct past_instance *i = past_instance(r->past, a->job, a->task, a->index);
	uint32_t nth = 0;

	for (size_t k = 0; i && k < i->n; k++) {
		if (i->runs[k].ended && i->runs[k].outcome == SCHED_OUT_LOST)
			continue;
		if (++nth == a->epoch)
			return &i->runs[k];
	}
	/* After a loss that only this run has seen: the last one again. */
	return i && i->n && i->runs[i->n - 1].ended && i->runs[i->n - 1].outcome != SCHED_OUT_LOST ? &i->runs[i->n - 1]
												   : NULL;
}

/* What was ended early, or never ran: as long as others of its kind, but no shorter than it was seen to run. */
static int64_t guess(struct running *r, const struct past_job *j, uint32_t task, const struct past_run *run)
{
	int64_t seen = run && run->started_ms ? (run->ended ? run->ended_ms : r->past->to_ms) - run->started_ms : 0;
	int64_t ms = past_guess(r->past, j, task);

	r->world->guessed++;
	return ms > seen ? ms : seen;
}

static void start(struct running *r, const struct sched_action *a)
{
	struct past_job *j = map_get(&r->past->by_job, a->attempt.job);
	const struct sched_task_spec *t = &j->spec->tasks[a->attempt.task];
	const struct past_run *run = record_of(r, &a->attempt);
	struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = a->attempt};
	bool known = run && run->ended && !run->cut;
	int64_t latency = r->past->latency_ms, takes;
	struct live *l = mem_new(struct live);
	char key[KEY_MAX];

	*l = (struct live){.job = j, .slots = t->slots};
	snprintf(l->node, sizeof l->node, "%s", a->node);
	map_put(&r->live, key_of(key, &a->attempt), l);
	if (run && run->sent_ms && run->started_ms >= run->sent_ms)
		latency = run->started_ms - run->sent_ms;
	if (known && !run->started_ms) {
		takes = run->sent_ms ? run->ended_ms - run->sent_ms : 0; /* it never ran */
	} else {
		post(r, r->now_ms + latency, e);
		if (!known && t->service)
			return; /* until its job ends */
		takes = latency + (known ? run->ended_ms - run->started_ms : guess(r, j, a->attempt.task, run));
	}
	e.type = SCHED_EV_EXITED;
	e.outcome = known ? run->outcome : SCHED_OUT_EXITED;
	e.exit_code = known ? run->exit_code : 0;
	post(r, r->now_ms + takes, e);
}

static void expand(struct running *r, const struct sched_action *a)
{
	const struct past_job *j = map_get(&r->past->by_job, a->attempt.job);

	for (size_t k = 0; k < r->past->n_events; k++) {
		struct sched_event e = r->past->events[k].e;

		if (e.type != SCHED_EV_EXPANDED || e.task != a->attempt.task || strcmp(e.job, a->attempt.job) != 0)
			continue;
		e.job = j->spec->id;
		post(r, r->now_ms, e);
		return;
	}
	r->world->endless++;
}

static void count_capacity(struct running *r, int64_t now_ms)
{
	if (r->since_ms)
		r->capacity_ms += r->up_slots * (now_ms - r->since_ms);
	r->since_ms = now_ms;
}

static void job_ended(struct running *r, const struct sched_action *a)
{
	const struct past_job *j = map_get(&r->past->by_job, a->attempt.job);

	count_capacity(r, r->now_ms);
	r->last_capacity_ms = r->capacity_ms;
	r->world->jobs[j->place].ended_ms = r->now_ms;
	r->world->last_ms = r->now_ms;
}

static void perform(struct running *r, const struct sched_actions *acts)
{
	/* The scheduler's array is its own until the next step, and none of these makes one. */
	for (size_t k = 0; k < acts->n; k++) {
		const struct sched_action *a = &acts->items[k];

		switch (a->type) {
		case SCHED_ACT_START:
			start(r, a);
			break;
		case SCHED_ACT_KILL:
			post(r, r->now_ms,
			     (struct sched_event){.type = SCHED_EV_EXITED,
						  .attempt = a->attempt,
						  .outcome = SCHED_OUT_EXITED,
						  .exit_code = 137});
			break;
		case SCHED_ACT_EXPAND:
			expand(r, a);
			break;
		case SCHED_ACT_PROBE:
			break; /* submit() */
		case SCHED_ACT_JOB_ENDED:
			job_ended(r, a);
			break;
		}
	}
}

/* ---- what is counted ---- */

static void end_live(struct running *r, const char *key)
{
	struct live *l = map_remove(&r->live, key);
	int64_t slot_ms;

	if (!l)
		return;
	slot_ms = l->started_ms ? (int64_t)l->slots * (r->now_ms - l->started_ms) : 0;
	r->world->busy_ms += slot_ms;
	r->world->jobs[l->job->place].slot_ms += slot_ms;
	free(l);
}

/* What was live there is lost, with no word of its own. */
static void end_live_on(struct running *r, const char *node)
{
	char **keys cleanup_with(mem_strv_freep) = NULL;

	for (struct map_slot *slot = NULL; (slot = map_next(&r->live, slot));) {
		const struct live *l = slot->value;

		if (!strcmp(l->node, node))
			mem_strv_add(&keys, slot->key);
	}
	for (char **key = keys; key && *key; key++)
		end_live(r, *key);
}

static void node_is(struct running *r, const char *name, uint32_t slots)
{
	uintptr_t had = (uintptr_t)map_get(&r->nodes, name);

	count_capacity(r, r->now_ms);
	map_remove(&r->nodes, name);
	if (slots)
		map_put(&r->nodes, name, (void *)(uintptr_t)slots);
	r->up_slots += (int64_t)slots - (int64_t)had;
}

static void note(struct running *r, const struct sched_event *e)
{
	char key[KEY_MAX];
	struct live *l;

	switch (e->type) {
	case SCHED_EV_STARTED:
		l = map_get(&r->live, key_of(key, &e->attempt));
		if (!l)
			break;
		l->started_ms = r->now_ms;
		if (!r->world->jobs[l->job->place].started_ms)
			r->world->jobs[l->job->place].started_ms = r->now_ms;
		break;
	case SCHED_EV_EXITED:
		end_live(r, key_of(key, &e->attempt));
		break;
	case SCHED_EV_NODE_UP:
		node_is(r, e->node, e->node_slots);
		break;
	case SCHED_EV_NODE_DOWN:
		node_is(r, e->node, 0);
		end_live_on(r, e->node);
		break;
	case SCHED_EV_JOB_SUBMIT:
		if (!r->world->first_ms) {
			r->world->first_ms = r->since_ms = r->now_ms;
			r->capacity_ms = 0;
		}
		break;
	default:
		break;
	}
}

/* ---- steps ---- */

static void step(struct running *r, struct sched_event *e)
{
	struct sched_actions acts = {.n = 0};

	e->now_ms = r->now_ms;
	note(r, e);
	r->steps++;
	if (sched_step(r->sched, e, &acts, NULL) == 0)
		perform(r, &acts);
}

static void submit(struct running *r, struct sched_event e)
{
	struct sched_job_spec spec = *e.job_spec;
	mem_cleanup struct sched_task_spec *tasks = mem_dup(spec.tasks, spec.n_tasks * sizeof *tasks);

	/* What new nodes would say nobody knows: all of them will do. */
	for (size_t k = 0; k < spec.n_tasks; k++)
		tasks[k].probe = NULL;
	if (r->wish)
		replay_wish_apply(r->wish, &spec, tasks);
	spec.tasks = tasks;
	e.job_spec = &spec;
	step(r, &e);
}

static void from_outside(struct running *r)
{
	struct sched_event e = r->past->events[r->next++].e;

	if (e.type == SCHED_EV_EXPANDED || (e.node && replay_wish_leaves_out(r->wish, e.node)))
		return;
	if (e.type == SCHED_EV_JOB_SUBMIT)
		submit(r, e);
	else
		step(r, &e);
}

static void add_nodes(struct running *r)
{
	for (size_t k = 0; r->wish && k < r->wish->n_nodes; k++) {
		const struct past_node *n = &r->wish->nodes[k];
		struct sched_event facts = {.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = n->facts};
		struct sched_event up = {.type = SCHED_EV_NODE_UP,
					 .node = n->name,
					 .node_slots = n->slots,
					 .node_cpu_milli = n->cpu_milli,
					 .node_memory = n->memory,
					 .counters = n->counters};

		if (n->facts)
			step(r, &facts);
		step(r, &up);
	}
}

/* The next that happens, if anything does: what comes from outside goes first. */
static bool advance(struct running *r)
{
	int64_t outside = r->next < r->past->n_events ? r->past->events[r->next].e.now_ms : INT64_MAX;
	int64_t own = r->n ? r->heap[0].at_ms : INT64_MAX, deadline = sched_next_ms(r->sched);
	int64_t at = outside < own ? outside : own;

	at = deadline < at ? deadline : at;
	if (at == INT64_MAX || r->steps > STEPS_MAX)
		return false;
	r->now_ms = at > r->now_ms ? at : r->now_ms;
	if (outside == at) {
		from_outside(r);
	} else if (own == at) {
		struct coming c = take_first(r);

		step(r, &c.e);
	} else {
		step(r, &(struct sched_event){.type = SCHED_EV_TIME});
	}
	return true;
}

void world_run(const struct past *p, const struct replay_wish *wish, struct world *ret)
{
	struct running r = {.past = p, .wish = wish, .world = ret, .sched = sched_new(), .now_ms = p->from_ms};

	*ret = (struct world){.jobs = mem_new_n(struct world_job, p->n_jobs + 1)};
	add_nodes(&r);
	while (advance(&r))
		;
	ret->capacity_ms = r.last_capacity_ms;
	for (struct map_slot *slot = NULL; (slot = map_next(&r.live, slot));)
		free(slot->value);
	map_free(&r.live);
	map_free(&r.nodes);
	free(r.heap);
	sched_free(r.sched);
}

/* ---- what was recorded ---- */

static void recorded_attempts(const struct past *p, struct world *ret)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&p->instances, slot));) {
		const struct past_instance *i = slot->value;
		mem_cleanup char *id = mem_strdup(slot->key);
		char *task = strchr(id, '/');
		const struct past_job *j;
		int64_t slots;

		*task++ = '\0';
		j = map_get(&p->by_job, id);
		slots = j ? j->spec->tasks[strtoul(task, NULL, 10)].slots : 0;
		for (size_t k = 0; k < i->n; k++) {
			const struct past_run *run = &i->runs[k];
			int64_t ms = run->started_ms && run->ended ? run->ended_ms - run->started_ms : 0;

			ret->busy_ms += slots * ms;
			if (j)
				ret->jobs[j->place].slot_ms += slots * ms;
		}
	}
}

static int64_t recorded_capacity(const struct past *p, int64_t from_ms, int64_t to_ms)
{
	struct running r = {.past = p, .now_ms = from_ms};

	r.since_ms = from_ms;
	for (size_t k = 0; k < p->n_events; k++) {
		const struct sched_event *e = &p->events[k].e;

		r.now_ms = e->now_ms < from_ms ? from_ms : e->now_ms < to_ms ? e->now_ms : to_ms;
		if (e->type == SCHED_EV_NODE_UP || e->type == SCHED_EV_NODE_DOWN)
			node_is(&r, e->node, e->type == SCHED_EV_NODE_UP ? e->node_slots : 0);
	}
	count_capacity(&r, to_ms);
	map_free(&r.nodes);
	return r.capacity_ms;
}

void world_recorded(const struct past *p, struct world *ret)
{
	*ret = (struct world){.jobs = mem_new_n(struct world_job, p->n_jobs + 1)};
	for (size_t k = 0; k < p->n_jobs; k++) {
		const struct past_job *j = p->jobs[k];

		ret->jobs[k] = (struct world_job){.started_ms = j->started_ms, .ended_ms = j->ended_ms};
		if (!ret->first_ms || j->submitted_ms < ret->first_ms)
			ret->first_ms = j->submitted_ms;
		if (j->ended_ms > ret->last_ms)
			ret->last_ms = j->ended_ms;
	}
	recorded_attempts(p, ret);
	if (ret->last_ms)
		ret->capacity_ms = recorded_capacity(p, ret->first_ms, ret->last_ms);
}

void world_free(struct world *w)
{
	free(w->jobs);
	w->jobs = NULL;
}
