/* SPDX-License-Identifier: Apache-2.0
 *
 * fence: leases in virtual time. A server with the real scheduler and the real rules of lease.h, nodes whose clocks go at rates of their own
 * within LEASE_DRIFT, links that break and hold messages back, agents and servers that die, monitors that are late by at most
 * LEASE_KILL_MS. No two attempts of a strict task may run at once, ever; those of the others do, which shows that the world is wild enough.
 * SIM_SEED=N is the first start value (1), SIM_RUNS=N their number (200), SIM_MS=N how long a run is wild (120,000).
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/link/lease.h"
#include "cluster/sched/sched.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 5
#define OPEN_JOBS 6
#define COPIES 3
#define LEASE_MS 1000
#define PPM 1000000
#define CALM_MS 600000

struct clock {
	int64_t base, rate; /* ppm of what really passes */
};

struct box {
	struct sched_attempt_id id;
	int64_t term;
	bool strict, running, gone;
	struct sched_event exit; /* told again until it is not wanted any more */
};

struct node {
	struct clock clock;
	char name[8];
	bool alive;	     /* its agent */
	int64_t cut_until;   /* no message passes before */
	uint64_t link;	     /* the agent's; 0 = none */
	int64_t until, term; /* the fence */
	struct box *boxes;
	size_t n, cap;
	/* at the server */
	uint64_t session;
	int64_t heard, last_in, last_out;
	bool up;
};

enum what { TO_SERVER, TO_AGENT, BEAT, RECONNECT, LEASE, CHECK, BEGIN, END, AGENT_BACK, SERVER_BACK };
enum kind { HELLO, BEATS, FACT, WELCOME, HEARD, START, KILL };

struct item {
	int64_t at;
	uint64_t order, link;
	enum what what;
	enum kind kind;
	uint32_t node;
	int64_t sent; /* by the clock of the node */
	struct sched_attempt_id id;
	struct sched_event fact;
};

struct job {
	char id[SCHED_ID_MAX];
	struct sched_task_spec task;
	struct sched_job_spec spec;
	bool strict, ended;
	unsigned running[COPIES];
};

struct world {
	uint64_t seed, random, order, link, starts, overlaps, ended, lost;
	int64_t now;
	bool server_up;
	struct clock server;
	struct sched *s;
	struct node nodes[NODES];
	struct job **jobs;
	size_t n_jobs, cap_jobs, n_open;
	struct item *items;
	size_t n_items, cap_items;
};

static uint32_t below(struct world *w, uint32_t n)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

static bool chance(struct world *w, uint32_t per_mille)
{
	return below(w, 1000) < per_mille;
}

__attribute__((format(printf, 2, 3), noreturn)) static void fail(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fence: at %" PRId64 " ms of the run SIM_SEED=%" PRIu64 ": ", w->now, w->seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- clocks ---- */

static int64_t reads(const struct world *w, const struct clock *c)
{
	return c->base + w->now * c->rate / PPM;
}

/* When the clock shows that, in what really passes. */
static int64_t when(const struct clock *c, int64_t shown)
{
	return (shown - c->base) * PPM / c->rate + 1;
}

static struct clock random_clock(struct world *w)
{
	return (struct clock){.base = 1000000 + below(w, 1000000),
			      .rate = PPM - PPM / LEASE_DRIFT + below(w, 2 * PPM / LEASE_DRIFT + 1)};
}

/* ---- what is to come: a heap ---- */

static bool before(const struct item *a, const struct item *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void post(struct world *w, struct item i)
{
	size_t pos;

	i.order = ++w->order;
	mem_grow(&w->items, &w->cap_items, w->n_items);
	for (pos = w->n_items++; pos > 0 && before(&i, &w->items[(pos - 1) / 2]); pos = (pos - 1) / 2)
		w->items[pos] = w->items[(pos - 1) / 2];
	w->items[pos] = i;
}

static struct item take(struct world *w)
{
	struct item first = w->items[0], last = w->items[--w->n_items];
	size_t pos = 0;

	for (size_t child; (child = 2 * pos + 1) < w->n_items; pos = child) {
		if (child + 1 < w->n_items && before(&w->items[child + 1], &w->items[child]))
			child++;
		if (!before(&w->items[child], &last))
			break;
		w->items[pos] = w->items[child];
	}
	w->items[pos] = last;
	return first;
}

/* In order within a link; what is cut off comes when the cable is back. */
static void send(struct world *w, struct item i)
{
	struct node *n = &w->nodes[i.node];
	int64_t *last = i.what == TO_SERVER ? &n->last_in : &n->last_out;

	i.link = i.what == TO_SERVER ? n->link : n->session;
	if (!i.link)
		return;
	i.at = (n->cut_until > w->now ? n->cut_until : w->now) + 1 + below(w, chance(w, 20) ? 2 * LEASE_MS : 30);
	if (i.at <= *last)
		i.at = *last + 1;
	*last = i.at;
	post(w, i);
}

/* ---- the server ---- */

static struct job *job_of(struct world *w, const char *id)
{
	return w->jobs[strtoul(id + 1, NULL, 10)];
}

static uint32_t node_of(const struct world *w, const char *name)
{
	uint32_t k = 0;

	while (strcmp(w->nodes[k].name, name) != 0)
		k++;
	return k;
}

static void step(struct world *w, struct sched_event e)
{
	struct sched_actions acts;
	struct err err = ERR_INIT;

	e.now_ms = reads(w, &w->server);
	if (sched_step(w->s, &e, &acts, &err) < 0)
		fail(w, "step: %s", err.text);
	for (size_t k = 0; k < acts.n; k++) {
		const struct sched_action *a = &acts.items[k];

		if (a->type == SCHED_ACT_START || a->type == SCHED_ACT_KILL)
			send(w, (struct item){.what = TO_AGENT,
					      .kind = a->type == SCHED_ACT_START ? START : KILL,
					      .node = node_of(w, a->node),
					      .id = a->attempt});
		if (a->type == SCHED_ACT_JOB_ENDED) {
			job_of(w, a->attempt.job)->ended = true;
			w->n_open--;
			w->ended++;
		}
	}
}

static void heard(struct world *w, struct node *n)
{
	n->heard = reads(w, &w->server);
	post(w, (struct item){.at = when(&w->server, n->heard + lease_patience(LEASE_MS)),
			      .what = LEASE,
			      .node = (uint32_t)(n - w->nodes),
			      .sent = n->heard});
}

struct live {
	struct world *w;
	uint32_t node;
	const struct sched_attempt_id *wanted;
	bool found;
};

static int each_live(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
		     const char *kill_reason)
{
	struct live *l = ctx;

	(void)started;
	if (strcmp(node, l->w->nodes[l->node].name) != 0)
		return 0;
	if (!l->wanted)
		send(l->w,
		     (struct item){.what = TO_AGENT, .kind = kill_reason ? KILL : START, .node = l->node, .id = *a});
	else if (!strcmp(a->job, l->wanted->job) && a->index == l->wanted->index && a->epoch == l->wanted->epoch)
		l->found = true;
	return 0;
}

static void at_server(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];
	struct live l = {.w = w, .node = i->node, .wanted = &i->id};

	if (!w->server_up || (i->kind != HELLO && i->link != n->session))
		return;
	if (i->kind == HELLO) {
		n->session = i->link;
		n->up = true;
		heard(w, n);
		send(w, (struct item){.what = TO_AGENT, .kind = WELCOME, .node = i->node, .sent = i->sent});
		l.wanted = NULL;
		sched_live(w->s, each_live, &l);
		step(w, (struct sched_event){
			    .type = SCHED_EV_NODE_UP, .node = n->name, .node_slots = 3, .node_cpu_milli = 3000});
		return;
	}
	heard(w, n);
	if (i->kind == BEATS) {
		send(w, (struct item){.what = TO_AGENT, .kind = HEARD, .node = i->node, .sent = i->sent});
		return;
	}
	sched_live(w->s, each_live, &l);
	if (l.found)
		step(w, i->fact);
	else if (i->fact.type == SCHED_EV_STARTED)
		send(w, (struct item){.what = TO_AGENT, .kind = KILL, .node = i->node, .id = i->id});
}

static void on_lease(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];

	if (!w->server_up || !n->up || i->sent != n->heard)
		return;
	n->up = false;
	n->session = 0;
	w->lost++;
	step(w, (struct sched_event){.type = SCHED_EV_NODE_DOWN, .node = n->name});
}

static void server_back(struct world *w)
{
	w->server_up = true;
	for (uint32_t k = 0; k < NODES; k++) {
		if (w->nodes[k].up)
			heard(w, &w->nodes[k]);
	}
}

/* ---- a node ---- */

static void fact(struct world *w, struct node *n, const struct sched_event *e)
{
	if (n->alive)
		send(w, (struct item){.what = TO_SERVER,
				      .kind = FACT,
				      .node = (uint32_t)(n - w->nodes),
				      .id = e->attempt,
				      .fact = *e});
}

/* As engine_fence(). */
static void move_on(struct world *w, struct node *n, int64_t until)
{
	int64_t now = reads(w, &n->clock);

	if (until <= n->until)
		return;
	if (n->until <= now)
		n->term++;
	n->until = until;
}

static bool holds(const struct world *w, const struct node *n, const struct box *b)
{
	return !b->strict || (b->term == n->term && n->until > reads(w, &n->clock));
}

static struct box *find(struct node *n, const struct sched_attempt_id *id)
{
	for (size_t k = 0; k < n->n; k++) {
		struct box *b = &n->boxes[k];

		if (!strcmp(b->id.job, id->job) && b->id.index == id->index && b->id.epoch == id->epoch)
			return b;
	}
	return NULL;
}

static void ends(struct world *w, struct node *n, struct box *b, enum sched_outcome outcome, int code)
{
	if (b->gone)
		return;
	if (b->running)
		job_of(w, b->id.job)->running[b->id.index]--;
	b->running = false;
	b->gone = true;
	b->exit = (struct sched_event){.type = SCHED_EV_EXITED,
				       .attempt = b->id,
				       .outcome = outcome,
				       .exit_code = outcome == SCHED_OUT_LOST ? 0 : code};
	fact(w, n, &b->exit);
}

static void watch(struct world *w, const struct node *n, const struct box *b)
{
	if (b->strict)
		post(w, (struct item){.at = when(&n->clock, n->until),
				      .what = CHECK,
				      .node = (uint32_t)(n - w->nodes),
				      .id = b->id});
}

/* Its monitor looks in time; the killing takes its time. */
static void on_check(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];
	struct box *b = find(n, &i->id);

	if (b->gone)
		return;
	if (holds(w, n, b))
		watch(w, n, b);
	else
		post(w, (struct item){.at = w->now + below(w, LEASE_KILL_MS - 1),
				      .what = END,
				      .node = i->node,
				      .id = i->id,
				      .fact = {.outcome = SCHED_OUT_LOST}});
}

static void on_begin(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];
	struct box *b = find(n, &i->id);
	struct job *j = job_of(w, i->id.job);
	struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = i->id};

	if (b->gone)
		return;
	if (!holds(w, n, b)) {
		ends(w, n, b, SCHED_OUT_LOST, 0);
		return;
	}
	if (j->running[i->id.index]) {
		if (b->strict)
			fail(w, "two attempts of the strict %s/%u at once: #%u begins on %s", i->id.job, i->id.index,
			     i->id.epoch, n->name);
		w->overlaps++;
	}
	b->running = true;
	j->running[i->id.index]++;
	w->starts++;
	watch(w, n, b);
	fact(w, n, &e);
	post(w, (struct item){.at = w->now + 10 + below(w, 4 * LEASE_MS),
			      .what = END,
			      .node = i->node,
			      .id = i->id,
			      .fact = {.outcome = SCHED_OUT_EXITED, .exit_code = chance(w, 100)}});
}

static void send_beat(struct world *w, struct node *n)
{
	if (n->alive)
		send(w, (struct item){.what = TO_SERVER,
				      .kind = BEATS,
				      .node = (uint32_t)(n - w->nodes),
				      .sent = reads(w, &n->clock)});
}

static void on_start(struct world *w, struct node *n, const struct item *i)
{
	struct box *b = find(n, &i->id);
	bool strict = job_of(w, i->id.job)->strict;

	if (b && b->gone)
		fact(w, n, &b->exit);
	if (!b && strict && n->until <= reads(w, &n->clock)) {
		send_beat(w, n);
		fact(w, n, &(struct sched_event){.type = SCHED_EV_EXITED, .attempt = i->id, .outcome = SCHED_OUT_LOST});
		return;
	}
	if (b)
		return;
	mem_grow(&n->boxes, &n->cap, n->n);
	n->boxes[n->n++] = (struct box){.id = i->id, .strict = strict, .term = n->term};
	/* Images are unpacked, files are staged; or an agent dies first, and the next one gives the order once more. */
	post(w, (struct item){.at = w->now + below(w, chance(w, 100) ? 3 * LEASE_MS : 50),
			      .what = BEGIN,
			      .node = i->node,
			      .id = i->id});
}

static void at_agent(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];
	struct box *b;

	if (!n->alive || i->link != n->link)
		return;
	if (i->kind == WELCOME || i->kind == HEARD) {
		move_on(w, n, lease_end(i->sent, LEASE_MS));
	} else if (i->kind == START) {
		on_start(w, n, i);
	} else {
		b = find(n, &i->id);
		if (b && b->gone)
			fact(w, n, &b->exit);
		else if (b)
			post(w, (struct item){.at = w->now + below(w, 200),
					      .what = END,
					      .node = i->node,
					      .id = i->id,
					      .fact = {.outcome = SCHED_OUT_EXITED, .exit_code = 143}});
		else
			fact(w, n,
			     &(struct sched_event){
				 .type = SCHED_EV_EXITED, .attempt = i->id, .outcome = SCHED_OUT_LOST});
	}
}

static void on_beat(struct world *w, struct node *n)
{
	send_beat(w, n);
	post(w, (struct item){.at = w->now + LEASE_MS / 4 * PPM / n->clock.rate + 1,
			      .what = BEAT,
			      .node = (uint32_t)(n - w->nodes)});
}

/* It looks now and then whether its link is one. */
static void on_reconnect(struct world *w, struct node *n)
{
	uint32_t k = (uint32_t)(n - w->nodes);

	if (n->alive && w->server_up && n->cut_until <= w->now && (!n->link || n->link != n->session)) {
		n->link = ++w->link;
		send(w, (struct item){.what = TO_SERVER, .kind = HELLO, .node = k, .sent = reads(w, &n->clock)});
		for (size_t b = 0; b < n->n; b++) {
			struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = n->boxes[b].id};

			if (n->boxes[b].running)
				fact(w, n, &e);
		}
	}
	post(w, (struct item){.at = w->now + 50 + below(w, 2 * LEASE_MS), .what = RECONNECT, .node = k});
}

/* ---- fate ---- */

static void submit(struct world *w)
{
	struct job *j = mem_new(struct job);

	snprintf(j->id, sizeof j->id, "j%zu", w->n_jobs);
	j->strict = chance(w, 700);
	j->task = (struct sched_task_spec){
	    .name = "t", .count = 1 + below(w, COPIES), .slots = 1, .attempts = 1000, .backoff = 1, .delay_ms = 10};
	j->spec = (struct sched_job_spec){.id = j->id, .name = j->id, .tasks = &j->task, .n_tasks = 1, .exit_with = -1};
	mem_grow(&w->jobs, &w->cap_jobs, w->n_jobs);
	w->jobs[w->n_jobs++] = j;
	w->n_open++;
	step(w, (struct sched_event){.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j->spec});
}

static void fate(struct world *w)
{
	struct node *n = &w->nodes[below(w, NODES)];

	if (w->server_up && w->n_open < OPEN_JOBS)
		submit(w);
	if (chance(w, 20))
		n->cut_until = w->now + below(w, 4 * LEASE_MS);
	if (chance(w, 10) && n->alive) {
		n->alive = false;
		n->link = 0;
		post(w, (struct item){.at = w->now + below(w, 3 * LEASE_MS),
				      .what = AGENT_BACK,
				      .node = (uint32_t)(n - w->nodes)});
	}
	if (chance(w, 5) && w->server_up)
		step(w, (struct sched_event){.type = SCHED_EV_NODE_EMPTY, .node = n->name});
	if (chance(w, 3) && w->server_up) {
		w->server_up = false;
		for (uint32_t k = 0; k < NODES; k++)
			w->nodes[k].session = 0;
		post(w, (struct item){.at = w->now + below(w, 2 * LEASE_MS), .what = SERVER_BACK});
	}
}

static void happens(struct world *w, const struct item *i)
{
	struct node *n = &w->nodes[i->node];

	switch (i->what) {
	case TO_SERVER:
		at_server(w, i);
		break;
	case TO_AGENT:
		at_agent(w, i);
		break;
	case BEAT:
		on_beat(w, n);
		break;
	case RECONNECT:
		on_reconnect(w, n);
		break;
	case LEASE:
		on_lease(w, i);
		break;
	case CHECK:
		on_check(w, i);
		break;
	case BEGIN:
		on_begin(w, i);
		break;
	case END:
		ends(w, n, find(n, &i->id), i->fact.outcome, i->fact.exit_code);
		break;
	case AGENT_BACK:
		n->alive = true;
		break;
	case SERVER_BACK:
		server_back(w);
		break;
	}
}

static void advance(struct world *w)
{
	struct item i = take(w);
	int64_t next = sched_next_ms(w->s), shown;

	w->now = i.at;
	shown = reads(w, &w->server);
	if (w->server_up && next <= shown)
		step(w, (struct sched_event){.type = SCHED_EV_TIME});
	happens(w, &i);
}

static void begin(struct world *w)
{
	w->random = w->seed;
	w->s = sched_new();
	w->server = random_clock(w);
	w->server_up = true;
	for (uint32_t k = 0; k < NODES; k++) {
		struct node *n = &w->nodes[k];

		snprintf(n->name, sizeof n->name, "n%u", k);
		n->clock = random_clock(w);
		n->alive = true;
		on_beat(w, n);
		on_reconnect(w, n);
	}
}

static void run(uint64_t seed, int64_t ms, uint64_t *overlaps)
{
	struct world *w = mem_new(struct world);

	w->seed = seed;
	begin(w);
	while (w->now < ms) {
		fate(w);
		advance(w);
	}
	while (w->n_open) {
		if (w->now > ms + CALM_MS)
			fail(w, "%zu jobs do not end though nothing fails any more", w->n_open);
		advance(w);
	}
	printf("fence: SIM_SEED=%" PRIu64 ": %" PRIu64 " jobs, %" PRIu64 " containers, %" PRIu64 " nodes lost, %" PRIu64
	       " overlaps of others: ok\n",
	       seed, w->ended, w->starts, w->lost, w->overlaps);
	*overlaps += w->overlaps;
	for (size_t k = 0; k < w->n_jobs; k++)
		free(w->jobs[k]);
	for (uint32_t k = 0; k < NODES; k++)
		free(w->nodes[k].boxes);
	free(w->jobs);
	free(w->items);
	sched_free(w->s);
	free(w);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v && *v ? strtoull(v, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t runs = setting("SIM_RUNS", 200), seed = setting("SIM_SEED", 1), overlaps = 0;

	for (uint64_t k = 0; k < runs; k++)
		run(seed + k, (int64_t)setting("SIM_MS", 120000), &overlaps);
	if (runs >= 20 && !overlaps) {
		fprintf(stderr, "fence: not even what is best-effort has overlapped: the world is too tame\n");
		return 1;
	}
	return 0;
}
