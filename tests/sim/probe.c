/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: what nodes answer when they are asked. Answers are late, lost, or come twice; whether a node is fit can change between two of them. The book of the world: what
 * each node has said last, and when.
 */
#include "sim.h"

#include <string.h>

#define ANSWER_MAX_MS 600000 /* then the scheduler takes it for a no */

static const struct {
	const char *key, *name;
	int64_t age_ms;
} probes[SIM_PROBES] = {{"even", "even@5000", 5000}, {"small", "small@60000", 60000}};

static int number_of(const char *name)
{
	for (int k = 0; k < SIM_PROBES; k++) {
		if (!strcmp(probes[k].name, name))
			return k;
	}
	return -1;
}

/* The spare node, which comes when all is calm, will do for all. */
static bool is_fit(const struct sim_node *n, int probe)
{
	if (n->number == SIM_NODES)
		return true;
	return probe == 0 ? n->number % 2 == n->kind % 2 : n->slots < 5;
}

void sim_probe_wish(struct sim *w, struct sched_task_spec *t)
{
	uint32_t k = sim_below(w, SIM_PROBES);

	if (!sim_chance(w, 150))
		return;
	t->probe = probes[k].key;
	t->probe_age_ms = probes[k].age_ms;
}

void sim_probe_ask(struct sim *w, const struct sched_action *a)
{
	struct sim_node *n = w->nodes;
	struct sim_answer *book;
	int k = number_of(a->probe);

	while (strcmp(n->name, a->node) != 0)
		n++;
	book = &n->answers[k < 0 ? 0 : k];
	if (k < 0 || !n->up)
		sim_fail(w, "node %s is asked by %s, which nobody has, or is down", n->name, a->probe);
	if (book->asked && w->server_ms - book->asked_ms < ANSWER_MAX_MS)
		sim_fail(w, "node %s is asked by %s while it is asked", n->name, a->probe);
	if (book->said && w->server_ms - book->said_ms < probes[k].age_ms)
		sim_fail(w, "node %s is asked by %s and has just answered", n->name, a->probe);
	*book = (struct sim_answer){.asked = true, .asked_ms = w->server_ms};
}

void sim_probe_send(struct sim *w, struct sim_node *n, const char *probe)
{
	int k = number_of(probe);
	struct sim_message m = {.type = SIM_FACT, .node = n->number, .connection = n->connection};

	if (!n->connected || (!w->calm && sim_chance(w, 20)))
		return;
	m.event = (struct sched_event){.type = SCHED_EV_PROBED,
				       .node = n->name,
				       .probe = probes[k].name,
				       .fit = is_fit(n, k) ? SCHED_FIT_YES : SCHED_FIT_NO,
				       .error = is_fit(n, k) ? NULL : "odd, or large"};
	sim_post(w, m, 1 + sim_below(w, 300));
	if (!w->calm && sim_chance(w, 50))
		sim_post(w, m, sim_below(w, 3000));
}

/* Answers are kept as long as a job with the probe is remembered. */
static void forget_unused(struct sim *w)
{
	for (int k = 0; k < SIM_PROBES; k++) {
		bool used = false;

		for (size_t i = 0; i < w->n_jobs && !used; i++) {
			const struct sim_job *j = w->jobs[i];

			for (size_t t = 0; t < j->spec.n_tasks && !j->forgotten; t++)
				used |= j->specs[t].probe == probes[k].key;
		}
		for (size_t n = 0; n <= SIM_NODES && !used; n++)
			w->nodes[n].answers[k] = (struct sim_answer){.asked = false};
	}
}

void sim_probe_event(struct sim *w, const struct sched_event *e)
{
	if (e->type == SCHED_EV_JOB_FORGET)
		forget_unused(w);
	for (size_t k = 0; k <= SIM_NODES; k++) {
		struct sim_node *n = &w->nodes[k];
		int p = e->type == SCHED_EV_PROBED ? number_of(e->probe) : -1;

		if ((e->type != SCHED_EV_PROBED && e->type != SCHED_EV_NODE_DOWN) || strcmp(n->name, e->node) != 0)
			continue;
		if (p < 0)
			memset(n->answers, 0, sizeof n->answers);
		else if (n->answers[p].asked)
			n->answers[p] =
			    (struct sim_answer){.said = true, .yes = e->fit == SCHED_FIT_YES, .said_ms = w->server_ms};
	}
}

bool sim_probe_selects(const struct sched_task_spec *t, const struct sim_node *n)
{
	for (int k = 0; t->probe && k < SIM_PROBES; k++) {
		if (!strcmp(t->probe, probes[k].key))
			return is_fit(n, k);
	}
	return true;
}

void sim_probe_check(struct sim *w, const struct sched_task_spec *t, const struct sim_node *n)
{
	for (int k = 0; t->probe && k < SIM_PROBES; k++) {
		const struct sim_answer *a = &n->answers[k];

		if (strcmp(t->probe, probes[k].key) != 0)
			continue;
		if (!a->said || !a->yes || w->server_ms - a->said_ms >= probes[k].age_ms)
			sim_fail(w, "%s starts on node %s, and its probe %s has not said yes there, or too long ago",
				 t->name, n->name, probes[k].key);
	}
}

struct resending {
	struct sim *w;
	struct sim_node *n;
};

static int resend(void *ctx, const char *probe, const char *job, uint32_t task)
{
	const struct resending *r = ctx;

	(void)job;
	(void)task;
	sim_probe_send(r->w, r->n, probe);
	return 0;
}

void sim_probe_resync(struct sim *w, struct sim_node *n)
{
	struct resending r = {.w = w, .n = n};

	sched_probing(w->s, n->name, resend, &r);
}
