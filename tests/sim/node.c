/* SPDX-License-Identifier: Apache-2.0
 *
 * node: an agent and its containers. Containers outlive the agent's restarts and broken connections; a report is
 * repeated until it is acknowledged; an attempt that was seen once, or an older one, is refused.
 */
#include "sim.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>

static bool same(const struct sched_attempt_id *a, const struct sched_attempt_id *b)
{
	return !strcmp(a->job, b->job) && a->task == b->task && a->index == b->index && a->epoch == b->epoch;
}

static struct sim_container *find(struct sim_node *n, const struct sched_attempt_id *id)
{
	for (size_t k = 0; k < n->n; k++) {
		if (same(&n->containers[k].id, id))
			return &n->containers[k];
	}
	return NULL;
}

static void tell(struct sim *w, struct sim_node *n, const struct sched_event *e)
{
	struct sim_message m = {.type = SIM_FACT, .node = n->number, .connection = n->connection, .event = *e};

	if (!n->connected)
		return;
	if (!w->calm && sim_chance(w, 40)) {
		w->lost++;
		return;
	}
	sim_post(w, m, sim_below(w, 30));
	if (!w->calm && sim_chance(w, 50)) {
		/* Once more, much later and whatever happens to the connection. */
		m.connection = 0;
		sim_post(w, m, sim_below(w, 20000));
		w->dups++;
	}
}

/* ---- the life of a container ---- */

static struct sched_event random_end(struct sim *w, const struct sched_task_spec *t, const struct sched_attempt_id *id)
{
	struct sched_event e = {.type = SCHED_EV_EXITED, .attempt = *id, .outcome = SCHED_OUT_EXITED};
	uint32_t dice = sim_below(w, 1000);

	(void)t;
	if (w->calm || dice < 700)
		return e;
	if (dice < 900) {
		e.exit_code = 1 + (int32_t)sim_below(w, 200);
		e.oom = sim_chance(w, 200);
	} else if (dice < 960) {
		e.outcome = SCHED_OUT_FAILED;
		e.error = "image \"x\" is not there";
	} else {
		e.outcome = SCHED_OUT_LOST;
	}
	return e;
}

static void start(struct sim *w, struct sim_node *n, const struct sched_attempt_id *id)
{
	struct sim_job *j;
	struct sim_instance *i = sim_instance(w, id, &j);
	const struct sched_task_spec *t = &j->specs[id->task];
	struct sim_message gone = {.type = SIM_GONE, .node = n->number, .id = *id};
	int64_t length = t->service ? 500 + sim_below(w, 20000) : 1 + sim_below(w, 2000);

	if (id->epoch <= i->refuse[n->number])
		return;
	i->refuse[n->number] = id->epoch;
	if (i->running)
		sim_fail(w, "two attempts of %s/%u/%u at once: #%u comes to %s", id->job, id->task, id->index,
			 id->epoch, n->name);
	i->running = true;
	mem_grow(&n->containers, &n->cap, n->n);
	n->containers[n->n++] = (struct sim_container){.id = *id, .running = true};
	gone.event = random_end(w, t, id);
	if (gone.event.outcome != SCHED_OUT_FAILED)
		sim_post(w, (struct sim_message){.type = SIM_CREATED, .node = n->number, .id = *id}, sim_below(w, 10));
	/* Some hang until their walltime. */
	if (!t->walltime_ms || w->calm || !sim_chance(w, 300))
		sim_post(w, gone, 10 + length);
}

static void created(struct sim *w, struct sim_node *n, struct sim_container *c)
{
	struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = c->id};

	if (c->dead)
		return;
	c->started = true;
	tell(w, n, &e);
	e.type = SCHED_EV_HEALTH;
	for (e.healthy = sim_chance(w, 800); sim_chance(w, 600); e.healthy = !e.healthy) {
		c->healthy = e.healthy;
		tell(w, n, &e);
	}
}

static void gone(struct sim *w, struct sim_node *n, struct sim_container *c, const struct sched_event *how)
{
	struct sim_job *j;

	if (c->dead)
		return;
	c->dead = true;
	c->running = false;
	c->exit = *how;
	sim_instance(w, &c->id, &j)->running = false;
	tell(w, n, &c->exit);
}

static void kill_container(struct sim *w, struct sim_node *n, struct sim_container *c)
{
	struct sched_event e = {.type = SCHED_EV_EXITED, .attempt = c->id, .outcome = SCHED_OUT_EXITED};

	e.exit_code = sim_chance(w, 300) ? 0 : 143;
	sim_post(w, (struct sim_message){.type = SIM_GONE, .node = n->number, .id = c->id, .event = e},
		 sim_below(w, 500));
}

void sim_node_message(struct sim *w, struct sim_message *m)
{
	struct sim_node *n = &w->nodes[m->node];
	struct sim_container *c = find(n, &m->id);

	if (m->type == SIM_START && n->connected && m->connection == n->connection)
		start(w, n, &m->id);
	else if (m->type == SIM_KILL && c && m->connection == n->connection)
		kill_container(w, n, c);
	else if (m->type == SIM_CREATED && c)
		created(w, n, c);
	else if (m->type == SIM_GONE && c)
		gone(w, n, c, &m->event);
}

void sim_node_ack(struct sim *w, struct sim_node *n, const struct sched_attempt_id *id)
{
	struct sim_container *c = find(n, id);

	if (c && c->dead && sim_chance(w, 900))
		*c = n->containers[--n->n];
}

void sim_node_report(struct sim *w, struct sim_node *n)
{
	for (size_t k = 0; k < n->n; k++) {
		const struct sim_container *c = &n->containers[k];
		struct sched_event e = {.type = SCHED_EV_STARTED, .attempt = c->id};

		if (c->started)
			tell(w, n, &e);
		e.type = SCHED_EV_HEALTH;
		e.healthy = c->healthy || w->calm;
		if (c->started)
			tell(w, n, &e);
		if (c->dead)
			tell(w, n, &c->exit);
	}
}

/* ---- connections and troubles ---- */

void sim_node_connect(struct sim *w, struct sim_node *n)
{
	n->connected = true;
	n->connection = ++w->order;
	n->up = true;
	sim_step(w, (struct sched_event){.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = sim_place_facts(n)});
	if (!n->connected) /* the server crashed in that step */
		return;
	/* With other devices than before. */
	if (!w->calm && sim_chance(w, 200))
		sim_count_init(w, n);
	sim_step(w, (struct sched_event){.type = SCHED_EV_NODE_UP,
					 .node = n->name,
					 .node_slots = n->slots,
					 .node_cpu_milli = n->cpu_milli,
					 .node_memory = n->memory,
					 .counters = sim_count_text(n)});
	if (!n->connected) /* the server crashed in that step */
		return;
	sim_resync(w, n);
	sim_node_report(w, n);
}

void sim_node_disconnect(struct sim *w, struct sim_node *n)
{
	struct sim_message m = {.type = SIM_COMES_BACK, .node = n->number};

	n->connected = false;
	n->connection = ++w->order;
	sim_post(w, m, 1 + sim_below(w, 300));
}

static void all_die(struct sim *w, struct sim_node *n)
{
	for (size_t k = 0; k < n->n; k++) {
		struct sim_container *c = &n->containers[k];

		gone(w, n, c,
		     &(struct sched_event){.type = SCHED_EV_EXITED,
					   .attempt = c->id,
					   .outcome = SCHED_OUT_LOST,
					   .error = "the machine stopped"});
	}
}

void sim_node_down(struct sim *w, struct sim_node *n)
{
	if (n->connected)
		return;
	/* An agent that cannot reach its server ends its containers before the server gives it up. */
	all_die(w, n);
	w->downs++;
	n->up = false;
	sim_step(w, (struct sched_event){.type = SCHED_EV_NODE_DOWN, .node = n->name});
	sim_post(w, (struct sim_message){.type = SIM_COMES_BACK, .node = n->number}, 1 + sim_below(w, 3000));
}

void sim_node_trouble(struct sim *w, struct sim_node *n)
{
	uint32_t dice = sim_below(w, 6);

	if (!n->connected)
		return;
	sim_trace(w, "trouble %u on %s", dice, n->name);
	switch (dice) {
	case 0: /* the agent restarts and finds its containers again */
		sim_node_disconnect(w, n);
		break;
	case 1: /* the machine stops and is back soon: nobody but the agent notices */
		n->connected = false;
		all_die(w, n);
		sim_node_disconnect(w, n);
		break;
	case 2: /* gone for good, as the server sees it */
		n->connected = false;
		n->connection = ++w->order;
		sim_post(w, (struct sim_message){.type = SIM_TIMES_OUT, .node = n->number}, 1000 + sim_below(w, 2000));
		break;
	case 3: /* it is to be empty: the deadline of a drain */
		sim_step(w, (struct sched_event){.type = SCHED_EV_NODE_EMPTY, .node = n->name});
		break;
	case 4: /* somebody labels it anew, or it has got other processors, or he takes GPUs without a job, or gives them back */
		n->kind = sim_below(w, SIM_KINDS);
		n->by_hand = w->calm ? 0 : sim_below(w, SIM_BY_HAND);
		sim_step(
		    w, (struct sched_event){.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = sim_place_facts(n)});
		break;
	default: /* a report is repeated for no reason */
		sim_node_report(w, n);
	}
}
