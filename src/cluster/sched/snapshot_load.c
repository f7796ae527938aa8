/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_load: text -> state, docs/formats/snapshot.md. The text is not trusted: each word is checked when it is
 * read, each job as if it were submitted, and the whole by sched_invariants() at the end. The first error sticks;
 * after it all words read as nothing and the loops stop.
 */
#include "cluster/sched/snapshot_draft.h"
#include "cluster/sched/snapshot_words.h"

#define VERSION 7 /* that is written; older ones are read, too */

/* ---- nodes ---- */

static void load_facts(struct reader *r, struct sched *s, struct node *n)
{
	mem_cleanup char *raw = text(r);
	struct facts facts = {.raw = NULL};

	if (r->bad)
		return;
	if (!raw || sched_facts_parse(raw, &facts, NULL) < 0)
		fail(r, "these are no facts of a node");
	else
		sched_node_tell(s, n, &facts);
}

static void load_stocks(struct reader *r, struct sched *s, struct node *n)
{
	struct counts totals = {.n = 0};

	sched_draft_counts(r, COUNTS_MAX, &totals);
	if (r->bad)
		return;
	/* The order knows what is free. */
	if (n->up)
		sched_order_remove(&s->order, n);
	sched_counter_set(n, &totals);
	if (n->up)
		sched_order_insert(&s->order, n);
}

static void load_node(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	uint64_t state = number(r, 3); /* 1 up, 2 closed */
	bool shrunk = flag(r);
	uint32_t slots = number32(r);
	uint64_t cpu_milli = number(r, UINT64_MAX), memory = number(r, UINT64_MAX);
	struct node *n;

	if (r->bad)
		return;
	if (!sched_name_ok(name, SCHED_ID_MAX) || map_get(&s->by_node, name) || s->n_nodes >= NODES_MAX) {
		fail(r, "the node's name is wrong or there twice, or there are too many");
		return;
	}
	n = sched_node_add(s, name);
	n->closed = state & 2;
	if (state & 1)
		sched_node_up(s, n, slots, cpu_milli, memory, &(struct counts){.n = 0});
	n->slots = slots;
	n->cpu_milli = cpu_milli;
	n->memory = memory;
	n->shrunk = shrunk;
	if (optional(r, "facts"))
		load_facts(r, s, n);
	if (optional(r, "stock"))
		load_stocks(r, s, n);
}

static void load_use(struct reader *r, struct sched *s)
{
	uint64_t pos = number(r, UINT32_MAX), slots = number(r, UINT32_MAX);
	uint64_t cpu_milli = number(r, UINT64_MAX), memory = number(r, UINT64_MAX);

	if (r->bad)
		return;
	if (pos >= s->n_nodes)
		fail(r, "an unknown node is in use");
	else
		sched_node_use(s, s->nodes[pos], slots, cpu_milli, memory);
}

static void load_tenant(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	uint64_t used = number(r, (uint64_t)1 << 62);
	int64_t since_ms = time_ms(r);
	struct tenant *t;

	if (r->bad)
		return;
	if (!name || map_get(&s->by_tenant, name) || (*name && !sched_name_ok(name, SCHED_ID_MAX)) ||
	    since_ms > s->now_ms) {
		fail(r, "the tenant's name is wrong or there twice, or its time is not past");
		return;
	}
	t = sched_tenant_get(s, name);
	t->used = used;
	t->since_ms = since_ms;
}

static void load_quota(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	uint64_t caps[SCHED_QUOTA_N];

	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		caps[k] = k == SCHED_QUOTA_GPUS && r->version < 5 ? SCHED_NO_LIMIT : number(r, UINT64_MAX);
	if (!r->bad && !sched_quota_name_ok(name))
		fail(r, "the quota's owner is wrong");
	if (!r->bad)
		sched_quota_set(s, name, caps);
}

static void load_licence(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	uint64_t state = number(r, 3); /* 1 known, 2 over */
	bool known = state & 1;
	uint64_t total = number(r, INT64_MAX);

	if (r->bad)
		return;
	if (!sched_name_ok(name, SCHED_ID_MAX) || map_get(&s->by_licence, name) ||
	    s->n_licences >= SCHED_LICENCES_MAX || (!known && total)) {
		fail(r, "the licence's name is wrong or there twice, or there are too many");
		return;
	}
	sched_licence_set(s, name, known ? total : SCHED_NO_LIMIT);
	sched_licence_get(s, name)->over = state & 2;
}

/* ---- the part of a job that changed since ---- */

static void load_attempt(struct reader *r, struct sched *s, struct instance *i)
{
	struct attempt *a = sched_instance_push(i);

	keyword(r, "try");
	a->epoch = number32(r);
	a->node = number32(r);
	a->sent_ms = time_ms(r);
	a->started_ms = time_ms(r);
	a->ended_ms = time_ms(r);
	a->ended = flag(r);
	a->healthy = flag(r);
	a->oom = flag(r);
	a->outcome = (uint8_t)number(r, SCHED_OUT_LOST);
	a->exit_code = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	a->kill = (uint8_t)number(r, KILL_N - 1);
	a->error = text(r);
	if (optional(r, "warned"))
		a->warned_ms = time_ms(r);
	if (!r->bad && (a->node >= s->n_nodes || !a->epoch))
		fail(r, "an attempt names no known node, or has no number");
	if (!a->ended && (a->error || a->ended_ms))
		fail(r, "an attempt has an end and has not ended");
}

static void load_banned(struct reader *r, struct sched *s, const struct task *t, struct instance *i)
{
	size_t n = (size_t)number(r, NODES_MAX);

	for (size_t k = 0; k < n && !r->bad; k++) {
		uint32_t node = number32(r);
		struct shape *old = i->shape;

		if (node >= s->n_nodes) {
			fail(r, "an unknown node is banned");
			return;
		}
		i->shape = sched_shape_ban(s, sched_instance_shape(t, i), node);
		sched_shape_drop(s, old);
	}
}

/* Puts an instance that was read where its state says: among the live, the waiting or the delayed. */
static void enlist(struct reader *r, struct sched *s, struct job *j, struct task *t, struct instance *i)
{
	const struct attempt *a = sched_instance_last(i);

	if (a && !a->ended) {
		if (!s->nodes[a->node]->up || !sched_node_take(s, s->nodes[a->node], t, i)) {
			fail(r, "an attempt is live where it cannot be");
			return;
		}
		sched_live_add(j, t, i);
	}
	if (i->state == SCHED_TASK_PENDING)
		sched_place_push(s, t, i);
	else if (i->state == SCHED_TASK_DELAYED)
		sched_timer_set(s, t, i, i->next_try_ms);
	else if (i->state == SCHED_TASK_RUNNING && t->walltime_ms && a && a->kill == KILL_NONE)
		sched_timer_set(s, t, i, sched_later(a->started_ms, t->walltime_ms));
}

static bool ended_by_hand(unsigned state)
{
	return state == SCHED_TASK_FINISHED || state == SCHED_TASK_FAULTY || state == SCHED_TASK_SKIPPED;
}

static void load_instance(struct reader *r, struct sched *s, struct job *j, struct task *t)
{
	struct instance *i = sched_instance_open(t);
	size_t n_attempts;

	keyword(r, "inst");
	sched_instance_set(j, t, i, (enum sched_task_state)task_state(r));
	i->epoch = number32(r);
	i->tries = number32(r);
	i->delays = number32(r);
	i->lost = (uint8_t)number(r, LOST_MAX);
	i->next_try_ms = time_ms(r);
	i->started = flag(r);
	i->healthy = flag(r);
	n_attempts = (size_t)number(r, ATTEMPTS_KEPT);
	load_banned(r, s, t, i);
	t->n_started += i->started;
	t->n_healthy += i->healthy;
	for (size_t k = 0; k < n_attempts && !r->bad; k++)
		load_attempt(r, s, i);
	if (!n_attempts && (i->epoch || !ended_by_hand(i->state)))
		fail(r, "an instance without an attempt");
	if (!r->bad)
		enlist(r, s, j, t, i);
}

/* One that a person took out of its turn: it never started. */
static void load_ahead(struct reader *r, struct job *j, struct task *t)
{
	uint64_t index = number(r, UINT32_MAX);
	enum sched_task_state state = (enum sched_task_state)task_state(r);
	bool was_started = flag(r), was_healthy = flag(r);
	struct instance *i;

	if (r->bad)
		return;
	if (index <= t->next_fresh || index >= t->n || sched_instance_at(t, (uint32_t)index) || !ended_by_hand(state)) {
		fail(r, "a copy was taken out of its turn that is not there, has begun, or is open");
		return;
	}
	i = sched_instance_ahead(t, (uint32_t)index);
	sched_instance_set(j, t, i, state);
	t->n_started += i->started = was_started;
	t->n_healthy += i->healthy = was_healthy;
}

static void check_run(struct reader *r, const struct job *j, const struct task *t, uint32_t n, uint32_t opened)
{
	bool fresh_ok = t->fresh_state == SCHED_TASK_WAITING || t->fresh_state == SCHED_TASK_PENDING ||
			ended_by_hand(t->fresh_state);
	bool size_ok = t->expand ? n <= SCHED_INSTANCES_MAX - j->n_instances : n == t->count;

	if (!fresh_ok || !size_ok || opened > n || (n && !t->expanded) || (!t->expand && !t->expanded))
		fail(r, "the task's number of instances is wrong");
}

static void load_run(struct reader *r, struct sched *s, struct job *j, struct task *t)
{
	uint32_t n, opened;

	keyword(r, "run");
	t->ready = flag(r);
	t->expanding = flag(r);
	t->expanded = flag(r);
	t->in_error = flag(r);
	t->ended = flag(r);
	t->final = task_state(r);
	t->fresh_state = task_state(r);
	t->met = (uint8_t)number(r, MET_ALL);
	t->exit_code = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	n = number32(r);
	opened = number32(r);
	t->started_ms = time_ms(r);
	t->ended_ms = time_ms(r);
	t->failure = text(r);
	check_run(r, j, t, n, opened);
	j->n_ended += t->ended;
	j->n_expanding += t->expanding;
	j->n_in_error += t->in_error;
	if (r->bad)
		return;
	if (t->expand && t->expanded)
		sched_workflow_size(j, t, n);
	else
		sched_instance_move(j, t, SCHED_TASK_WAITING, t->fresh_state, n);
	for (uint32_t k = 0; k < opened && !r->bad; k++)
		load_instance(r, s, j, t);
	while (!r->bad && optional(r, "ahead"))
		load_ahead(r, j, t);
	sched_place_update(s, t);
}

static void apply_draft(struct job *j, struct draft *d)
{
	j->submitted_ms = d->submitted_ms;
	j->started_ms = d->started_ms;
	j->ended_ms = d->ended_ms;
	j->paused = d->paused;
	j->ending = d->ending;
	j->ended = d->ended;
	j->final = d->final;
	j->exit_code = d->exit_code;
	j->reason = mem_take(d->reason);
	if (j->ended)
		sched_quota_ended(j);
	for (size_t k = 0; k < j->n_tasks; k++) {
		struct task *t = &j->tasks[k];

		for (size_t x = 0; x < t->n_deps; x++) {
			t->deps[x].state = d->dep_states[k][x];
			t->unmet -= t->deps[x].state != DEP_OPEN;
		}
	}
}

static void load_home(struct reader *r, struct sched *s, struct job *j)
{
	uint32_t pos = optional(r, "files") ? number32(r) : UINT32_MAX;

	if (pos < s->n_nodes)
		j->home = s->nodes[pos];
	else if (pos != UINT32_MAX)
		fail(r, "a job's files are on an unknown node");
}

static void load_job(struct reader *r, struct sched *s)
{
	cleanup_with(sched_draft_free) struct draft d = {.seq = 0};
	uint64_t next_seq = s->next_seq;
	struct err why = ERR_INIT;
	struct job *j;

	sched_draft_load(r, s, &d);
	if (r->bad)
		return;
	if (sched_check(s, &d.spec, &why) < 0) {
		fail(r, why.text);
		return;
	}
	if (d.seq >= next_seq) {
		fail(r, "the job's number is not below the next one");
		return;
	}
	s->next_seq = d.seq;
	j = sched_job_new(s, &d.spec);
	s->next_seq = next_seq;
	apply_draft(j, &d);
	if (d.early)
		sched_timer_start(s, j);
	for (size_t k = 0; k < j->n_tasks && !r->bad; k++)
		load_run(r, s, j, &j->tasks[k]);
	load_home(r, s, j);
	if (j->max_running && !r->bad)
		sched_place_job(s, j); /* only now it is known how many are live */
}

/* ---- answers of probes ---- */

static void load_answer(struct reader *r, struct sched *s, struct probe *p)
{
	uint32_t node = number32(r);
	enum probe_state state = (enum probe_state)number(r, PROBE_YES);
	int64_t at_ms = time_ms(r);
	mem_cleanup char *said = text(r);

	if (r->bad)
		return;
	if (node >= s->n_nodes || !s->nodes[node]->up || state == PROBE_NONE || (said != NULL) != (state == PROBE_NO) ||
	    (node < p->n_answers && p->answers[node].state != PROBE_NONE)) {
		fail(r, "an answer of no node that is up, or two of one node");
		return;
	}
	sched_probe_put(s, p, node, state, at_ms, said);
}

static void load_probe(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	struct probe *p = name ? map_get(&s->by_probe, name) : NULL;

	if (!p) {
		fail(r, "answers of a probe that no task has");
		return;
	}
	while (optional(r, "answer"))
		load_answer(r, s, p);
}

/* ---- the reservation ---- */

static void load_spares(struct reader *r, struct sched *s)
{
	while (optional(r, "spare")) {
		uint32_t pos = number32(r);
		mem_cleanup char *name = text(r);
		uint32_t spare = number32(r);

		if (r->bad)
			return;
		if (pos >= s->n_nodes || !s->nodes[pos]->held || !name ||
		    !sched_counter_keep_one(s->nodes[pos], name, spare))
			fail(r, "a counter is kept that is not there, or on a node that is not held");
	}
}

static void load_hold(struct reader *r, struct sched *s)
{
	mem_cleanup char *id = text(r);
	const struct job *j = sched_job_find(s, id);
	uint32_t task = number32(r), index = number32(r);
	int64_t at_ms = time_ms(r);
	size_t n = (size_t)number(r, NODES_MAX);
	struct item *it = j && task < j->n_tasks ? sched_item_find(&j->tasks[task], index) : NULL;

	if (s->hold.item || !it || it->pos == NOT_LISTED || !n) {
		fail(r, "nodes are held twice, or for what does not wait");
		return;
	}
	sched_hold_put(s, it, at_ms);
	for (size_t k = 0; k < n && !r->bad; k++) {
		uint32_t pos = number32(r);
		struct node *node = pos < s->n_nodes ? s->nodes[pos] : NULL;
		uint64_t slots = number(r, UINT64_MAX), cpu = number(r, UINT64_MAX), memory = number(r, UINT64_MAX);

		if (!node || node->held) {
			fail(r, "an unknown node is held, or one is held twice");
			return;
		}
		sched_hold_add(s, node);
		node->alone = it->shape->exclusive;
		node->spare_slots = slots;
		node->spare_cpu = cpu;
		node->spare_memory = memory;
	}
	load_spares(r, s);
}

static void load_taker(struct reader *r, struct sched *s)
{
	mem_cleanup char *id = text(r);
	const struct job *j = sched_job_find(s, id);
	uint32_t task = number32(r), index = number32(r);
	size_t n = (size_t)number(r, NODES_MAX);
	struct item *it = j && task < j->n_tasks ? sched_item_find(&j->tasks[task], index) : NULL;
	struct taker *t;

	if (!it || it->pos == NOT_LISTED || s->hold.item || s->n_takers == TAKERS_MAX || sched_claim_of(s, it)) {
		fail(r, "what room is claimed for does not wait, or is there twice");
		return;
	}
	t = sched_claim_add(s, it);
	for (size_t k = 0; k < n && !r->bad; k++) {
		uint32_t pos = number32(r), copies = number32(r);

		if (pos >= s->n_nodes || !copies || copies > NODE_LIVE_MAX)
			fail(r, "an unknown node is claimed, or too much of it");
		else
			sched_claim_place(s, t, s->nodes[pos], copies);
	}
}

static void load_room(struct reader *r, struct sched *s)
{
	uint32_t pos = number32(r);
	bool alone = flag(r);
	uint64_t slots = number(r, UINT64_MAX), cpu = number(r, UINT64_MAX), memory = number(r, UINT64_MAX);
	struct node *n = pos < s->n_nodes ? s->nodes[pos] : NULL;

	if (!n || n->held) {
		fail(r, "an unknown node is held, or one is held twice");
		return;
	}
	sched_hold_add(s, n);
	n->alone = alone;
	n->spare_slots = slots;
	n->spare_cpu = cpu;
	n->spare_memory = memory;
	load_spares(r, s);
}

static void load_keep(struct reader *r, struct sched *s)
{
	uint32_t pos = number32(r);

	if (pos < s->n_licences)
		sched_hold_keep(s->licences[pos], number(r, UINT64_MAX));
	else
		fail(r, "an unknown licence is kept");
}

static void load_kept(struct reader *r, struct sched *s)
{
	mem_cleanup char *name = text(r);
	struct quota *q = NULL;

	for (size_t k = 0; k < s->n_quotas && !r->bad; k++)
		q = strcmp(s->quotas[k]->name, name) != 0 ? q : s->quotas[k];
	if (!q) {
		fail(r, "the quota of somebody unknown is kept");
		return;
	}
	for (unsigned w = 0; w < SCHED_QUOTA_N; w++)
		sched_claim_keep(q, (enum sched_quota)w, number(r, UINT64_MAX));
}

/* ---- the whole ---- */

/* A line each, in this order; any may be missing. */
static const struct section {
	const char *word;
	void (*load)(struct reader *r, struct sched *s);
} sections[] = {
    {"node", load_node},       {"use", load_use},     {"tenant", load_tenant}, {"quota", load_quota},
    {"licence", load_licence}, {"job", load_job},     {"probe", load_probe},   {"hold", load_hold},
    {"room", load_room},       {"taker", load_taker}, {"keep", load_keep},     {"kept", load_kept},
};

static void load_sections(struct reader *r, struct sched *s)
{
	next_line(r);
	for (size_t k = 0; k < sizeof sections / sizeof *sections; k++) {
		for (; is_word(r, sections[k].word); next_line(r)) {
			size_t n;

			(void)word(r, &n);
			sections[k].load(r, s);
		}
	}
}

static void load_all(struct reader *r, struct sched *s)
{
	size_t n;

	keyword(r, "berth-sched");
	r->version = number(r, UINT64_MAX);
	if (!r->bad && (r->version < 1 || r->version > VERSION))
		fail(r, "this version of the format is not known");
	keyword(r, "time");
	s->now_ms = whole(r, 1, INT64_MAX);
	s->next_seq = number(r, UINT64_MAX - 1);
	load_sections(r, s);
	if (!r->bad && !is_word(r, "end"))
		fail(r, "another line was expected here");
	(void)word(r, &n);
	if (number(r, UINT64_MAX) != r->line - 1 || (!r->bad && r->line_end + 1 != r->end))
		fail(r, "the number of lines is wrong, or more follows the end");
}

int sched_load(struct sched **ret, const char *data, size_t len, struct err *err)
{
	struct sched *s = sched_new();
	struct err broken = ERR_INIT;
	struct reader r = {.p = data, .line_end = data, .end = data + len, .err = err};

	load_all(&r, s);
	if (!r.bad && sched_invariants(s, &broken) < 0)
		fail(&r, broken.text);
	if (r.bad) {
		sched_free(s);
		return -EINVAL;
	}
	*ret = s;
	return 0;
}
