/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: several runs of the world, each from a start value that is printed. SIM_SEED=N is the first of them (1),
 * SIM_STEPS=N sets the steps of a run (12,000), SIM_RUNS=N their number (5; 1 when SIM_SEED is set).
 */
#include "sim.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_JOBS 10
#define CALM_STEPS_MAX 200000
#define TIDY_STEPS 100	  /* in the calm: the user looks ... */
#define REPORT_STEPS 1000 /* ... and what was lost is said again */

uint64_t sim_random(struct sim *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t sim_below(struct sim *w, uint32_t n)
{
	return (uint32_t)(sim_random(w) % n);
}

bool sim_chance(struct sim *w, uint32_t per_mille)
{
	return sim_below(w, 1000) < per_mille;
}

static struct sim_trace *trace_next(struct sim *w)
{
	struct sim_trace *t = &w->trace[w->n_traces++ % SIM_TRACES];

	t->at_ms = w->now_ms;
	*t->text = 0;
	return t;
}

void sim_trace(struct sim *w, const char *fmt, ...)
{
	struct sim_trace *t = trace_next(w);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->text, sizeof t->text, fmt, ap);
	va_end(ap);
}

void sim_trace_event(struct sim *w, const struct sched_event *e)
{
	trace_next(w)->event = *e;
}

static void trace_print(const struct sim_trace *t)
{
	const struct sched_event *e = &t->event;

	if (*t->text)
		fprintf(stderr, "  %" PRId64 " ms %s\n", t->at_ms, t->text);
	else
		fprintf(stderr, "  %" PRId64 " ms event %d %s%s%s %u/%u#%u outcome %d code %d\n", t->at_ms,
			(int)e->type, e->job ? e->job : "", e->node ? e->node : "", e->attempt.job, e->attempt.task,
			e->attempt.index, e->attempt.epoch, (int)e->outcome, (int)e->exit_code);
}

void sim_fail(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	for (uint64_t k = w->n_traces > SIM_TRACES ? w->n_traces - SIM_TRACES : 0; k < w->n_traces; k++)
		trace_print(&w->trace[k % SIM_TRACES]);
	fprintf(stderr, "sim: step %" PRIu64 " of the run SIM_SEED=%" PRIu64 ": ", w->steps, w->seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- messages on their way: a heap ---- */

static bool before(const struct sim_message *a, const struct sim_message *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

void sim_post(struct sim *w, struct sim_message m, int64_t delay_ms)
{
	size_t pos;

	m.at_ms = w->now_ms + delay_ms;
	m.order = ++w->order;
	mem_grow(&w->messages, &w->cap_messages, w->n_messages);
	for (pos = w->n_messages++; pos > 0 && before(&m, &w->messages[(pos - 1) / 2]); pos = (pos - 1) / 2)
		w->messages[pos] = w->messages[(pos - 1) / 2];
	w->messages[pos] = m;
}

static struct sim_message take_first(struct sim *w)
{
	struct sim_message first = w->messages[0], last = w->messages[--w->n_messages];
	size_t pos = 0;

	for (size_t child; (child = 2 * pos + 1) < w->n_messages; pos = child) {
		if (child + 1 < w->n_messages && before(&w->messages[child + 1], &w->messages[child]))
			child++;
		if (!before(&w->messages[child], &last))
			break;
		w->messages[pos] = w->messages[child];
	}
	w->messages[pos] = last;
	return first;
}

/* ---- one turn of the world ---- */

static void fact_arrives(struct sim *w, struct sim_message *m)
{
	struct sim_node *n = &w->nodes[m->node];

	/* 0: a late copy, which comes through whatever happened to the connection. */
	if (m->connection && m->connection != n->connection)
		return;
	sim_step(w, m->event);
	if (m->event.type == SCHED_EV_EXITED && n->connected)
		sim_node_ack(w, n, &m->event.attempt);
}

static void deliver(struct sim *w, struct sim_message m)
{
	struct sim_node *n = &w->nodes[m.node];

	switch (m.type) {
	case SIM_FACT:
		fact_arrives(w, &m);
		break;
	case SIM_ANSWER:
		if (m.connection == w->connection)
			sim_step(w, m.event);
		break;
	case SIM_COMES_BACK:
		if (!n->connected)
			sim_node_connect(w, n);
		break;
	case SIM_TIMES_OUT:
		sim_node_down(w, n);
		break;
	default:
		sim_node_message(w, &m);
	}
}

/* The next thing that happens: a message, or a deadline of the scheduler. False when there is neither. */
static bool advance(struct sim *w)
{
	int64_t deadline = sched_next_ms(w->s);
	struct sim_message m;

	if (!w->n_messages && deadline == INT64_MAX)
		return false;
	if (!w->n_messages || deadline <= w->messages[0].at_ms) {
		w->now_ms = deadline > w->now_ms ? deadline : w->now_ms;
		sim_step(w, (struct sched_event){.type = SCHED_EV_TIME});
		return true;
	}
	m = take_first(w);
	w->now_ms = m.at_ms > w->now_ms ? m.at_ms : w->now_ms;
	deliver(w, m);
	return true;
}

/* ---- what users and fate do ---- */

static void submit(struct sim *w)
{
	struct sim_job *j = sim_job_new(w);

	sim_step(w, (struct sched_event){.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j->spec});
}

static void random_job_event(struct sim *w)
{
	static const enum sched_event_type types[] = {SCHED_EV_JOB_CANCEL, SCHED_EV_JOB_RESUME, SCHED_EV_JOB_RESUME,
						      SCHED_EV_JOB_FORGET, SCHED_EV_JOB_PAUSE,	SCHED_EV_RESTART,
						      SCHED_EV_FINISH};
	enum sched_event_type type = types[sim_below(w, sizeof types / sizeof *types)];
	bool waiting = type == SCHED_EV_FINISH && sim_chance(w, 700);
	enum sched_as as = waiting ? (enum sched_as)sim_below(w, SCHED_AS_N) : SCHED_AS_DONE;
	struct sched_job_view v;
	struct sim_job *j;

	/* Nobody has submitted anything yet. */
	if (w->n_jobs == 0)
		return;
	j = w->jobs[sim_below(w, (uint32_t)w->n_jobs)];
	if (type == SCHED_EV_JOB_FORGET && j->ended)
		j->forgotten = true;
	/* What is delayed is not told apart from what waits for room while its job is paused. */
	if (type == SCHED_EV_FINISH && !waiting && sched_job_view(w->s, j->id, &v) == 0 && v.state == SCHED_JOB_PAUSED)
		type = SCHED_EV_JOB_RESUME;
	sim_step(w, (struct sched_event){.type = type,
					 .job = j->id,
					 .task = sim_below(w, (uint32_t)j->spec.n_tasks),
					 .index = sim_chance(w, 500) ? SCHED_ALL : sim_below(w, SIM_COPIES),
					 .as = as,
					 .waiting = waiting});
}

/* A job that only waits for a user, or runs for ever, makes room for another one. */
static void user_looks(struct sim *w)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		struct sim_job *j = w->jobs[k];

		if (j->ended && !j->forgotten && sim_chance(w, 500)) {
			j->forgotten = true;
			sim_step(w, (struct sched_event){.type = SCHED_EV_JOB_FORGET, .job = j->id});
		} else if (!j->ended && sim_chance(w, 60)) {
			sim_step(w, (struct sched_event){.type = SCHED_EV_JOB_CANCEL, .job = j->id});
		}
	}
}

static void fate(struct sim *w)
{
	if (w->n_open < OPEN_JOBS && sim_chance(w, 100))
		submit(w);
	if (sim_chance(w, 20))
		random_job_event(w);
	if (sim_chance(w, 5))
		user_looks(w);
	if (sim_chance(w, 10))
		sim_limits_change(w);
	if (sim_chance(w, 10))
		sim_node_trouble(w, &w->nodes[sim_below(w, SIM_NODES)]);
	if (sim_chance(w, 4))
		sim_restart(w);
}

/* ---- a run ---- */

static void world_init(struct sim *w)
{
	w->random = w->seed;
	w->now_ms = 1000000;
	w->s = sched_new();
	sim_limits_init(w);
	for (uint32_t k = 0; k <= SIM_NODES; k++) {
		struct sim_node *n = &w->nodes[k];

		snprintf(n->name, sizeof n->name, "n%u", k);
		n->number = k;
		n->slots = 1 + sim_below(w, 8);
		n->cpu_milli = 1000 + sim_below(w, 5000);
		n->memory = 1000 + sim_below(w, 5000);
		n->kind = sim_below(w, SIM_KINDS);
		sim_count_init(w, n);
		if (k < SIM_NODES)
			sim_node_connect(w, n);
	}
}

static void world_free(struct sim *w)
{
	for (size_t k = 0; k < w->n_jobs; k++)
		free(w->jobs[k]);
	for (size_t k = 0; k <= SIM_NODES; k++)
		free(w->nodes[k].containers);
	free(w->jobs);
	free(w->messages);
	free(w->log);
	free(w->log_sums);
	sched_free(w->s);
	free(w);
}

/* A gang apart needs as many nodes that are large enough. */
static bool too_few_nodes(const struct sim *w, const struct sched_task_spec *t)
{
	uint32_t n = 0;

	if (!t->gang || t->topology != SCHED_TOPO_APART)
		return false;
	for (size_t k = 0; k <= SIM_NODES; k++)
		n += w->nodes[k].slots >= t->slots && w->nodes[k].cpu_milli >= t->cpu_milli &&
		     w->nodes[k].memory >= t->memory && sim_count_allows(t, &w->nodes[k]) &&
		     sim_place_selects(t, &w->nodes[k]) && sim_probe_selects(t, &w->nodes[k]);
	return n < t->count;
}

/* A task that may only be tried elsewhere, and has failed on every node that is large enough, waits and says so. The
 * spare node may be one of them: what runs longer than its walltime fails in a calm world, too. */
static bool has_nowhere_to_go(const struct sim *w, const struct sim_job *j)
{
	char text[512];

	for (uint32_t t = 0; t < j->spec.n_tasks; t++) {
		if (too_few_nodes(w, &j->specs[t]))
			return true;
		if (!j->specs[t].elsewhere && !j->specs[t].n_rules && !j->specs[t].home)
			continue;
		sched_why(w->s, j->id, t, w->now_ms, text, sizeof text);
		if (strstr(text, " in all") || strstr(text, "may not run ") ||
		    strstr(text, "which will not do for it") || strstr(text, "its probe says yes"))
			return true;
	}
	return false;
}

static bool must_be_cancelled(struct sim *w, const struct sim_job *j)
{
	return (j->services && sim_chance(w, 300)) || has_nowhere_to_go(w, j);
}

/* What a patient user does with what is left: resume what failed, and cancel what would run or wait for ever. */
static void tidy(struct sim *w)
{
	for (size_t k = 0; k < w->n_jobs; k++) {
		struct sim_job *j = w->jobs[k];

		if (!j->ended)
			sim_step(w, (struct sched_event){.type = must_be_cancelled(w, j) ? SCHED_EV_JOB_CANCEL
											 : SCHED_EV_JOB_RESUME,
							 .job = j->id});
	}
}

static void all_report(struct sim *w)
{
	for (size_t k = 0; k <= SIM_NODES; k++) {
		if (w->nodes[k].connected)
			sim_node_report(w, &w->nodes[k]);
	}
}

/* Containers that hang have no end of their own: they get one now. */
static void end_hanging(struct sim *w)
{
	for (size_t k = 0; k <= SIM_NODES; k++) {
		for (size_t c = 0; c < w->nodes[k].n; c++) {
			struct sched_event e = {.type = SCHED_EV_EXITED,
						.attempt = w->nodes[k].containers[c].id,
						.outcome = SCHED_OUT_EXITED};

			sim_post(
			    w, (struct sim_message){.type = SIM_GONE, .node = (uint32_t)k, .id = e.attempt, .event = e},
			    1);
		}
	}
}

/* For the report: what the scheduler says of each job that does not end. */
static void trace_open(struct sim *w)
{
	char why[120];

	for (size_t k = 0; k < w->n_jobs; k++) {
		const struct sim_job *j = w->jobs[k];

		for (uint32_t t = 0; t < j->spec.n_tasks && !j->ended; t++) {
			struct sched_task_view v;

			sched_task_view(w->s, j->id, t, &v);
			sched_why(w->s, j->id, t, w->now_ms, why, sizeof why);
			sim_trace(w, "%s/%s is %s: %s", j->id, v.name, sched_task_state_name(v.state), why);
		}
	}
}

/* Whoever has taken GPUs without a job. */
static void give_back(struct sim *w)
{
	for (size_t k = 0; k < SIM_NODES; k++) {
		struct sim_node *n = &w->nodes[k];

		n->by_hand = 0;
		if (n->connected)
			sim_step(w, (struct sched_event){
					.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = sim_place_facts(n)});
	}
}

static void calm_down(struct sim *w)
{
	struct sim_node *spare = &w->nodes[SIM_NODES];
	uint64_t limit = w->steps + CALM_STEPS_MAX;

	w->calm = true;
	/* Large enough for everything, and nothing has failed there. */
	spare->slots = 100;
	spare->kind = 3;
	spare->cpu_milli = spare->memory = 1000000;
	sim_count_plenty(spare);
	sim_node_connect(w, spare);
	give_back(w);
	sim_limits_lift(w);
	end_hanging(w);
	while (w->n_open) {
		bool more = advance(w);
		bool report = !more || w->steps % REPORT_STEPS == 0; /* before the look, which makes steps, too */

		if (!more || w->steps % TIDY_STEPS == 0)
			tidy(w);
		if (report)
			all_report(w);
		if (w->steps > limit) {
			trace_open(w);
			sim_fail(w, "%zu jobs do not end though nothing fails any more", w->n_open);
		}
	}
}

static void run(uint64_t seed, uint64_t steps)
{
	struct sim *w = mem_new(struct sim);

	w->seed = seed;
	w->want_steps = steps;
	printf("sim: SIM_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	world_init(w);
	while (w->steps < w->want_steps) {
		fate(w);
		if (!advance(w))
			submit(w);
	}
	calm_down(w);
	sim_restart(w);
	printf("sim: %" PRIu64 " steps, %zu jobs, %" PRIu64 " starts, %" PRIu64 " server restarts (%" PRIu64
	       " by replay), %" PRIu64 " nodes down, %" PRIu64 " messages twice, %" PRIu64 " lost, %" PRIu64
	       " preempted: ok\n",
	       w->steps, w->n_jobs, w->starts, w->restarts, w->replays, w->downs, w->dups, w->lost, w->preempted);
	world_free(w);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v && *v ? strtoull(v, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t runs = setting("SIM_RUNS", getenv("SIM_SEED") ? 1 : 5), steps = setting("SIM_STEPS", 12000);
	uint64_t seed = setting("SIM_SEED", 1);

	for (uint64_t k = 0; k < runs; k++)
		run(seed + k, steps);
	return 0;
}
