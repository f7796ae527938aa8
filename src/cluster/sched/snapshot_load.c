/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_load: text -> state, docs/formats/snapshot.md. The text is not trusted: each word is checked when it is
 * read, each job as if it were submitted, and the whole by sched_invariants() at the end. The first error sticks;
 * after it all words read as nothing and the loops stop.
 */
#include "cluster/sched/state.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX (4 * SCHED_FACTS_TEXT_MAX)
#define VERSION 4 /* that is written; older ones are read, too */

struct reader {
	const char *p, *line_end, *end;
	uint64_t version;
	uint64_t line;
	bool bad;
	struct err *err;
};

static void fail(struct reader *r, const char *what)
{
	if (!r->bad)
		err_set(r->err, EINVAL, "snapshot, line %" PRIu64 ": %s", r->line, what);
	r->bad = true;
}

/* ---- words ---- */

/* Goes to the next line. */
static void next_line(struct reader *r)
{
	const char *nl;

	if (r->bad)
		return;
	if (r->line && r->p != r->line_end) {
		fail(r, "more words than expected");
		return;
	}
	r->p = r->line ? r->line_end + 1 : r->p;
	nl = r->p < r->end ? memchr(r->p, '\n', (size_t)(r->end - r->p)) : NULL;
	r->line++;
	if (!nl)
		fail(r, "the text ends too early");
	else
		r->line_end = nl;
}

/* The next word, up to a blank or the end of the line; not terminated. */
static const char *word(struct reader *r, size_t *ret_n)
{
	const char *start = r->p, *blank;

	*ret_n = 0;
	if (r->bad)
		return NULL;
	blank = memchr(start, ' ', (size_t)(r->line_end - start));
	*ret_n = (size_t)((blank ? blank : r->line_end) - start);
	r->p = blank ? blank + 1 : r->line_end;
	if (*ret_n == 0 || *ret_n > WORD_MAX || (blank && r->p == r->line_end)) {
		fail(r, "a word is missing or too long");
		return NULL;
	}
	return start;
}

static bool is_word(struct reader *r, const char *want)
{
	const char *blank;
	size_t n;

	if (r->bad)
		return false;
	blank = memchr(r->p, ' ', (size_t)(r->line_end - r->p));
	n = (size_t)((blank ? blank : r->line_end) - r->p);
	return n == strlen(want) && !memcmp(r->p, want, n);
}

static void keyword(struct reader *r, const char *want)
{
	size_t n;

	next_line(r);
	if (!r->bad && !is_word(r, want))
		fail(r, "another line was expected here");
	(void)word(r, &n);
}

/* True when the next line begins with that word; then it is the line that is read. */
static bool optional(struct reader *r, const char *want)
{
	const char *next = r->line_end + 1;
	size_t n = strlen(want);

	if (r->bad || r->p != r->line_end || next >= r->end || (size_t)(r->end - next) <= n ||
	    memcmp(next, want, n) != 0 || next[n] != ' ')
		return false;
	keyword(r, want);
	return true;
}

static uint64_t number(struct reader *r, uint64_t max)
{
	uint64_t value = 0;
	size_t n;
	const char *w = word(r, &n);

	for (size_t k = 0; w && k < n; k++) {
		if (w[k] < '0' || w[k] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(w[k] - '0'), &value) || value > max) {
			fail(r, "a whole number is wrong or out of range");
			return 0;
		}
	}
	return value;
}

static int64_t whole(struct reader *r, int64_t min, int64_t max)
{
	bool minus = !r->bad && r->p < r->line_end && *r->p == '-';
	uint64_t value;

	if (minus)
		r->p++;
	value = number(r, INT64_MAX);
	if (r->bad || (minus ? -(int64_t)value : (int64_t)value) < min ||
	    (minus ? -(int64_t)value : (int64_t)value) > max) {
		fail(r, "a number is out of range");
		return 0;
	}
	return minus ? -(int64_t)value : (int64_t)value;
}

static uint32_t number32(struct reader *r)
{
	return (uint32_t)number(r, UINT32_MAX);
}

static bool flag(struct reader *r)
{
	return number(r, 1) != 0;
}

static int64_t time_ms(struct reader *r)
{
	return whole(r, 0, INT64_MAX);
}

static double real(struct reader *r)
{
	char text[40], *end;
	size_t n;
	const char *w = word(r, &n);
	double value;

	if (!w || n >= sizeof text) {
		fail(r, "a number is wrong");
		return 0;
	}
	memcpy(text, w, n);
	text[n] = 0;
	value = strtod(text, &end);
	if (*end)
		fail(r, "a number is wrong");
	return value;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The text that add_text() wrote; NULL for "-" and after an error. */
static char *text(struct reader *r)
{
	size_t n, len = 0;
	const char *w = word(r, &n);
	char *out;

	if (!w || (n == 1 && *w == '-'))
		return NULL;
	out = mem_new_n(char, n + 1);
	for (size_t k = 0; k < n && !(n == 1 && *w == '%'); k++) {
		int hi = k + 2 < n ? hex_digit(w[k + 1]) : -1, lo = k + 2 < n ? hex_digit(w[k + 2]) : -1;

		if (w[k] != '%') {
			out[len++] = w[k];
		} else if (hi < 0 || lo < 0 || hi + lo == 0) {
			fail(r, "a text is wrong");
			break;
		} else {
			out[len++] = (char)(unsigned char)(hi * 16 + lo);
			k += 2;
		}
	}
	return out;
}

static uint8_t task_state(struct reader *r)
{
	for (unsigned s = 0; s <= SCHED_TASK_ABORTED; s++) {
		size_t n;

		if (is_word(r, sched_task_state_name((enum sched_task_state)s))) {
			(void)word(r, &n);
			return (uint8_t)s;
		}
	}
	fail(r, "unknown state of a task");
	return SCHED_TASK_WAITING;
}

static uint8_t job_state(struct reader *r)
{
	for (unsigned s = 0; s <= SCHED_JOB_FAILED; s++) {
		size_t n;

		if (is_word(r, sched_job_state_name((enum sched_job_state)s))) {
			(void)word(r, &n);
			return (uint8_t)s;
		}
	}
	fail(r, "unknown state of a job");
	return SCHED_JOB_PENDING;
}

/* ---- nodes ---- */

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
		sched_node_up(s, n, slots, cpu_milli, memory);
	n->slots = slots;
	n->cpu_milli = cpu_milli;
	n->memory = memory;
	n->shrunk = shrunk;
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
		caps[k] = number(r, UINT64_MAX);
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

/* ---- the fixed part of a job: what was submitted ---- */

struct draft {
	struct sched_job_spec spec;
	struct sched_task_spec *tasks;
	struct sched_dep **deps;
	struct sched_need **needs;
	uint8_t **dep_states;
	bool paused, ending, ended, early;
	uint8_t final;
	uint64_t seq;
	int64_t submitted_ms, started_ms, ended_ms;
	int32_t exit_code;
	char *id, *name, *reason, *tenant, *project;
};

static void draft_free(struct draft *d)
{
	for (size_t k = 0; k < d->spec.n_tasks; k++) {
		free((char *)d->tasks[k].name);
		free((char *)d->tasks[k].select);
		free(d->deps[k]);
		free(d->needs[k]);
		free(d->dep_states[k]);
	}
	free(d->tasks);
	free(d->deps);
	free(d->needs);
	free(d->dep_states);
	free(d->id);
	free(d->name);
	free(d->reason);
	free(d->tenant);
	free(d->project);
}

static void load_facts(struct reader *r, struct sched *s)
{
	mem_cleanup char *raw = text(r);
	struct facts facts = {.raw = NULL};

	if (r->bad)
		return;
	if (!s->n_nodes || !raw || sched_facts_parse(raw, &facts, NULL) < 0) {
		fail(r, "facts without a node, or that are none");
		return;
	}
	sched_node_tell(s, s->nodes[s->n_nodes - 1], &facts);
}

static void load_deps(struct reader *r, struct draft *d, size_t k, size_t n)
{
	d->deps[k] = mem_new_n(struct sched_dep, n ? n : 1);
	d->dep_states[k] = mem_new_n(uint8_t, n ? n : 1);
	for (size_t x = 0; x < n && !r->bad; x++) {
		struct sched_dep *dep = &d->deps[k][x];

		keyword(r, "dep");
		dep->task = number32(r);
		dep->condition = (enum sched_condition)number(r, SCHED_DEP_COMPLETED);
		dep->required = flag(r);
		d->dep_states[k][x] = (uint8_t)number(r, DEP_STATE_N - 1);
	}
	d->tasks[k].deps = d->deps[k];
	d->tasks[k].n_deps = n;
}

static void load_needs(struct reader *r, const struct sched *s, struct draft *d, size_t k)
{
	size_t n;

	if (!optional(r, "need"))
		return;
	n = (size_t)number(r, SCHED_NEEDS_MAX);
	d->needs[k] = mem_new_n(struct sched_need, n + 1);
	for (size_t x = 0; x < n && !r->bad; x++) {
		uint32_t pos = number32(r), count = number32(r);

		if (pos >= s->n_licences)
			fail(r, "a task needs an unknown licence");
		else
			d->needs[k][x] = (struct sched_need){.name = s->licences[pos]->name, .n = count};
	}
	d->tasks[k].licences = d->needs[k];
	d->tasks[k].n_licences = n;
}

static void load_task(struct reader *r, const struct sched *s, struct draft *d, size_t k)
{
	struct sched_task_spec *t = &d->tasks[k];
	size_t n_deps;

	keyword(r, "task");
	t->name = text(r);
	t->service = flag(r);
	t->count = number32(r);
	t->expand = flag(r);
	t->healthcheck = flag(r);
	t->slots = number32(r);
	t->cpu_milli = number(r, UINT64_MAX);
	t->memory = number(r, UINT64_MAX);
	t->attempts = number32(r);
	t->delay_ms = whole(r, -1, INT64_MAX);
	t->backoff = real(r);
	t->elsewhere = flag(r);
	t->on_error = (enum sched_on_error)number(r, SCHED_ON_ERROR_CANCEL);
	t->walltime_ms = time_ms(r);
	t->restart = (enum sched_restart)number(r, SCHED_RESTART_UNLESS_STOPPED);
	t->restart_max = number32(r);
	if (r->version > 1) {
		t->gang = flag(r);
		t->exclusive = flag(r);
		t->topology = (enum sched_topology)number(r, SCHED_TOPO_ONE);
		t->max_running = r->version > 2 ? number32(r) : 0;
	}
	n_deps = (size_t)number(r, DEPS_MAX);
	if (optional(r, "select"))
		t->select = text(r);
	load_needs(r, s, d, k);
	load_deps(r, d, k, n_deps);
}

static void load_limit(struct reader *r, struct draft *d)
{
	if (!optional(r, "limit"))
		return;
	d->project = text(r);
	d->spec.project = d->project;
	d->spec.max_running = number32(r);
}

static void load_draft(struct reader *r, const struct sched *s, struct draft *d)
{
	size_t n_tasks;

	d->id = text(r);
	d->name = text(r);
	d->seq = number(r, UINT64_MAX);
	d->spec.priority = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	d->spec.exit_with = (int32_t)whole(r, -1, SCHED_TASKS_MAX);
	d->submitted_ms = time_ms(r);
	d->started_ms = time_ms(r);
	d->ended_ms = time_ms(r);
	d->paused = flag(r);
	d->ending = flag(r);
	d->ended = flag(r);
	d->final = job_state(r);
	d->exit_code = (int32_t)whole(r, INT32_MIN, INT32_MAX);
	d->reason = text(r);
	if (r->version > 2) {
		d->tenant = text(r);
		d->spec.tenant = d->tenant;
		d->spec.start_at_ms = time_ms(r);
		d->spec.deadline_ms = time_ms(r);
		d->early = flag(r);
	}
	n_tasks = (size_t)number(r, SCHED_TASKS_MAX);
	if ((d->ending || d->ended) != sched_job_ended((enum sched_job_state)d->final) ||
	    (d->reason && !d->ending && !d->ended))
		fail(r, "the job's state and its end disagree");
	d->spec.id = d->id;
	d->spec.name = d->name;
	d->tasks = mem_new_n(struct sched_task_spec, n_tasks + 1);
	d->deps = mem_new_n(struct sched_dep *, n_tasks + 1);
	d->needs = mem_new_n(struct sched_need *, n_tasks + 1);
	d->dep_states = mem_new_n(uint8_t *, n_tasks + 1);
	d->spec.tasks = d->tasks;
	d->spec.n_tasks = n_tasks;
	load_limit(r, d);
	for (size_t k = 0; k < n_tasks && !r->bad; k++)
		load_task(r, s, d, k);
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

	if (!a->ended) {
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
	else if (i->state == SCHED_TASK_RUNNING && t->walltime_ms && a->kill == KILL_NONE)
		sched_timer_set(s, t, i, sched_later(a->started_ms, t->walltime_ms));
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
	if (!n_attempts)
		fail(r, "an instance without an attempt");
	if (!r->bad)
		enlist(r, s, j, t, i);
}

static void check_run(struct reader *r, const struct job *j, const struct task *t, uint32_t n, uint32_t opened)
{
	bool fresh_ok = t->fresh_state == SCHED_TASK_WAITING || t->fresh_state == SCHED_TASK_PENDING ||
			t->fresh_state == SCHED_TASK_SKIPPED;
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

static void load_job(struct reader *r, struct sched *s)
{
	cleanup_with(draft_free) struct draft d = {.seq = 0};
	uint64_t next_seq = s->next_seq;
	struct err why = ERR_INIT;
	struct job *j;

	load_draft(r, s, &d);
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
	if (j->max_running && !r->bad)
		sched_place_job(s, j); /* only now it is known how many are live */
}

/* ---- the reservation ---- */

static void load_hold(struct reader *r, struct sched *s)
{
	mem_cleanup char *id = text(r);
	const struct job *j = sched_job_find(s, id);
	uint32_t task = number32(r), index = number32(r);
	int64_t at_ms = time_ms(r);
	size_t n = (size_t)number(r, NODES_MAX);
	struct item *it = j && task < j->n_tasks ? sched_item_find(&j->tasks[task], index) : NULL;

	if (!it || it->pos == NOT_LISTED || !n) {
		fail(r, "what nodes are held for does not wait");
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
		node->spare_slots = slots;
		node->spare_cpu = cpu;
		node->spare_memory = memory;
	}
	while (optional(r, "keep")) {
		uint32_t pos = number32(r);

		if (pos < s->n_licences)
			sched_hold_keep(s->licences[pos], number(r, UINT64_MAX));
		else
			fail(r, "an unknown licence is kept");
	}
}

/* ---- the whole ---- */

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
	for (next_line(r); is_word(r, "node"); next_line(r)) {
		(void)word(r, &n);
		load_node(r, s);
		if (optional(r, "facts"))
			load_facts(r, s);
	}
	for (; is_word(r, "tenant"); next_line(r)) {
		(void)word(r, &n);
		load_tenant(r, s);
	}
	for (; is_word(r, "quota"); next_line(r)) {
		(void)word(r, &n);
		load_quota(r, s);
	}
	for (; is_word(r, "licence"); next_line(r)) {
		(void)word(r, &n);
		load_licence(r, s);
	}
	for (; is_word(r, "job"); next_line(r)) {
		(void)word(r, &n);
		load_job(r, s);
	}
	if (is_word(r, "hold")) {
		(void)word(r, &n);
		load_hold(r, s);
		next_line(r);
	}
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
