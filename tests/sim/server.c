/* SPDX-License-Identifier: Apache-2.0
 *
 * server: each event is written to the log and then applied; actions become messages. A crash loses all messages
 * on their way, and the actions of the last step too: the new server asks the state what is live and sends it
 * again.
 */
#include "sim.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 1099511628211u;
}

/* A sum over all that an action says, to compare a replay with what happened. */
static uint64_t actions_sum(const struct sched_actions *acts)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t k = 0; k < acts->n; k++) {
		const struct sched_action *a = &acts->items[k];
		const char *texts[] = {a->attempt.job, a->node, a->reason ? a->reason : "", a->probe ? a->probe : ""};

		sum = mix(mix(sum, a->type), a->job_state);
		sum = mix(mix(mix(sum, a->attempt.task), a->attempt.index), a->attempt.epoch);
		for (size_t t = 0; t < 4; t++) {
			for (const char *p = texts[t]; *p; p++)
				sum = mix(sum, (unsigned char)*p);
		}
	}
	return sum;
}

static struct sim_node *node_named(struct sim *w, const char *name)
{
	for (size_t k = 0; k <= SIM_NODES; k++) {
		if (!strcmp(w->nodes[k].name, name))
			return &w->nodes[k];
	}
	sim_fail(w, "unknown node %s", name);
}

static void send_attempt(struct sim *w, enum sim_message_type type, const struct sched_attempt_id *id, const char *node)
{
	struct sim_node *n = node_named(w, node);
	struct sim_message m = {.type = type, .node = n->number, .connection = n->connection, .id = *id};

	if (!n->connected)
		return;
	sim_post(w, m, sim_below(w, 20));
	if (!w->calm && sim_chance(w, 30)) {
		sim_post(w, m, sim_below(w, 2000));
		w->dups++;
	}
}

static void ask_expansion(struct sim *w, const char *job, uint32_t task)
{
	struct sched_event e = {.type = SCHED_EV_EXPANDED, .job = sim_job_find(w, job)->id, .task = task};

	e.count = sim_below(w, SIM_COPIES + 1);
	if (!w->calm && sim_chance(w, 100))
		e.error = "the space cannot be read";
	sim_post(w, (struct sim_message){.type = SIM_ANSWER, .connection = w->connection, .event = e},
		 sim_below(w, 300));
}

static void perform(struct sim *w, const struct sched_action *a)
{
	switch (a->type) {
	case SCHED_ACT_START:
		w->starts++;
		send_attempt(w, SIM_START, &a->attempt, a->node);
		break;
	case SCHED_ACT_KILL:
		send_attempt(w, SIM_KILL, &a->attempt, a->node);
		break;
	case SCHED_ACT_EXPAND:
		ask_expansion(w, a->attempt.job, a->attempt.task);
		break;
	case SCHED_ACT_PROBE:
		sim_probe_send(w, node_named(w, a->node), a->probe);
		break;
	case SCHED_ACT_JOB_ENDED:
		break;
	}
}

static void log_event(struct sim *w, const struct sched_event *e, uint64_t sum)
{
	mem_grow(&w->log, &w->cap_log, w->n_log);
	mem_grow(&w->log_sums, &w->cap_sums, w->n_log);
	w->log[w->n_log] = *e;
	w->log_sums[w->n_log++] = sum;
}

void sim_step(struct sim *w, struct sched_event e)
{
	struct sched_actions acts;
	struct err err = ERR_INIT;
	bool crash = !w->calm && sim_chance(w, 10);

	e.now_ms = w->now_ms;
	if (!w->calm && sim_chance(w, 20))
		e.now_ms -= sim_below(w, 100000); /* somebody set the clock back */
	w->server_ms = e.now_ms > w->server_ms ? e.now_ms : w->server_ms;
	sim_trace_event(w, &e);
	sim_probe_event(w, &e);
	sim_model_event(w, &e);
	if (sched_step(w->s, &e, &acts, &err) < 0)
		sim_fail(w, "step: %s", err.text);
	w->steps++;
	log_event(w, &e, actions_sum(&acts));
	for (size_t k = 0; k < acts.n; k++)
		sim_model_action(w, &acts.items[k]);
	sim_model_after(w, &e);
	sim_model_check(w);
	for (size_t k = 0; k < acts.n && !crash; k++)
		perform(w, &acts.items[k]);
	if (crash)
		sim_restart(w);
}

/* ---- restarts ---- */

static struct sched *from_snapshot(struct sim *w, const char *text, size_t n)
{
	struct err err = ERR_INIT;
	struct sched *s = NULL;

	if (sched_load(&s, text, n, &err) < 0)
		sim_fail(w, "load: %s", err.text);
	return s;
}

static struct sched *from_log(struct sim *w)
{
	struct sched *s = sched_new();

	for (size_t k = 0; k < w->n_log; k++) {
		struct sched_actions acts;
		struct err err = ERR_INIT;

		if (sched_step(s, &w->log[k], &acts, &err) < 0)
			sim_fail(w, "replay of event %zu: %s", k, err.text);
		if (actions_sum(&acts) != w->log_sums[k])
			sim_fail(w, "replay of event %zu gives other actions", k);
	}
	w->replays++;
	return s;
}

static void reopen(struct sim *w)
{
	size_t n1, n2;
	mem_cleanup char *before = sched_save(w->s, &n1);
	mem_cleanup char *after = NULL;
	struct sched *s = sim_chance(w, 100) ? from_log(w) : from_snapshot(w, before, n1);

	after = sched_save(s, &n2);
	if (n1 != n2 || memcmp(before, after, n1) != 0) {
		fprintf(stderr, "%s\n---\n%s", before, after);
		sim_fail(w, "another state after the restart (both are printed above)");
	}
	sched_free(w->s);
	w->s = s;
}

static int expand_again(void *ctx, const char *job, uint32_t task)
{
	ask_expansion(ctx, job, task);
	return 0;
}

void sim_restart(struct sim *w)
{
	sim_trace(w, "the server restarts");
	w->restarts++;
	w->connection++; /* answers to expansions on their way are lost */
	reopen(w);
	for (size_t k = 0; k <= SIM_NODES; k++) {
		if (w->nodes[k].connected)
			sim_node_disconnect(w, &w->nodes[k]);
	}
	sched_expanding(w->s, expand_again, w);
}

struct resync {
	struct sim *w;
	struct sim_node *n;
};

/* What the state says is live there: the agent ignores the START of what it has. */
static int send_again(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
		      const char *kill_reason)
{
	struct resync *r = ctx;
	struct sim_job *j;
	struct sim_instance *i = sim_instance(r->w, a, &j);

	if (i->epoch != a->epoch || i->ended || (kill_reason != NULL) != i->killed || (started && !i->told))
		sim_fail(r->w, "%s/%u/%u#%u is not live as the scheduler says", a->job, a->task, a->index, a->epoch);
	if (strcmp(node, r->n->name) != 0)
		return 0;
	send_attempt(r->w, SIM_START, a, node);
	if (kill_reason)
		send_attempt(r->w, SIM_KILL, a, node);
	return 0;
}

void sim_resync(struct sim *w, struct sim_node *n)
{
	struct resync r = {.w = w, .n = n};

	sched_live(w->s, send_again, &r);
	sim_probe_resync(w, n);
}
