/* SPDX-License-Identifier: Apache-2.0
 *
 * node: capacity, use, and what is live on it. The nodes that are up stand in sched.order. A node keeps its number
 * for ever.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static void list(struct sched *s, struct node *n)
{
	sched_order_insert(&s->order, n);
	sched_parts_insert(s, n);
}

/* Before anything changes that it stands there by: free slots, price, labels, what is live. */
static void unlist(struct sched *s, const struct node *n)
{
	sched_order_remove(&s->order, n);
	sched_parts_remove(s, n);
}

struct node *sched_node_add(struct sched *s, const char *name)
{
	struct node *n = mem_new(struct node);

	n->name = mem_strdup(name);
	n->pos = (uint32_t)s->n_nodes;
	mem_grow(&s->nodes, &s->cap_nodes, s->n_nodes);
	s->nodes[s->n_nodes++] = n;
	map_put(&s->by_node, name, n);
	sched_domain_meet(s, n);
	return n;
}

/* A node that came back smaller can be used beyond its size: nothing is free then. */
static uint64_t left(uint64_t all, uint64_t used)
{
	return used < all ? all - used : 0;
}

uint64_t sched_node_free_slots(const struct node *n)
{
	return left(left(n->slots, n->slots_used), n->slots_else);
}

uint64_t sched_node_free_cpu(const struct node *n)
{
	return left(left(n->cpu_milli, n->cpu_used), n->cpu_else);
}

uint64_t sched_node_free_memory(const struct node *n)
{
	return left(left(n->memory, n->memory_used), n->memory_else);
}

/* A reservation that counted on what is taken now is looked for anew. */
void sched_node_use(struct sched *s, struct node *n, uint64_t slots, uint64_t cpu_milli, uint64_t memory)
{
	if (n->up)
		unlist(s, n);
	if (n->held)
		sched_hold_drop(s);
	s->changes++;
	n->slots_else = slots;
	n->cpu_else = cpu_milli;
	n->memory_else = memory;
	if (!n->up)
		return;
	list(s, n);
	sched_place_freed(s, n);
}

static bool is_shrunk(const struct node *n)
{
	return n->slots_used > n->slots || n->cpu_used > n->cpu_milli || n->memory_used > n->memory ||
	       sched_counter_over(n);
}

void sched_node_up(struct sched *s, struct node *n, uint32_t slots, uint64_t cpu_milli, uint64_t memory,
		   const struct counts *counters)
{
	if (n->up)
		unlist(s, n);
	if (n->held)
		sched_hold_drop(s);
	s->changes++;
	n->up = true;
	n->slots = slots;
	n->cpu_milli = cpu_milli;
	n->memory = memory;
	sched_counter_set(n, counters);
	n->shrunk = is_shrunk(n);
	sched_selection_forget(s, n);
	list(s, n);
	sched_place_freed(s, n);
}

static int live_compare(const void *a, const void *b)
{
	const struct live *x = a, *y = b;
	const struct job *jx = x->task->base.job, *jy = y->task->base.job;

	if (jx != jy)
		return jx->seq < jy->seq ? -1 : 1;
	if (x->task != y->task)
		return x->task->idx < y->task->idx ? -1 : 1;
	return x->instance->index < y->instance->index ? -1 : 1;
}

struct live *sched_node_live(const struct node *n)
{
	struct live *live = n->n_live ? mem_dup(n->live, n->n_live * sizeof *live) : NULL;

	if (live)
		qsort(live, n->n_live, sizeof *live, live_compare);
	return live;
}

void sched_node_down(struct sched *s, struct node *n)
{
	mem_cleanup struct live *lost = NULL;
	mem_cleanup char *text = NULL;
	size_t n_lost = n->n_live;

	if (!n->up)
		return;
	unlist(s, n);
	if (n->held)
		sched_hold_drop(s);
	s->changes++;
	n->up = false;
	sched_probe_forget(s, n);
	text = mem_printf("node %s went down", n->name);
	lost = sched_node_live(n);
	for (size_t k = 0; k < n_lost; k++) {
		struct ending e = {.outcome = SCHED_OUT_LOST, .error = text};

		sched_instance_end(s, lost[k].task->base.job, lost[k].task, lost[k].instance, &e);
	}
}

/* Each gets its successor when it has ended, not before. */
void sched_node_empty(struct sched *s, struct node *n)
{
	size_t n_live = n->n_live;
	mem_cleanup struct live *live = n_live ? mem_dup(n->live, n_live * sizeof *live) : NULL;

	if (n_live)
		qsort(live, n_live, sizeof *live, live_compare);
	for (size_t k = 0; k < n_live; k++)
		sched_instance_kill(s, live[k].task->base.job, live[k].task, live[k].instance, KILL_DRAINED);
}

/* It keeps its place in the order: what it has free is only not to be had. */
void sched_node_close(struct sched *s, struct node *n, bool closed)
{
	n->closed = closed;
	s->changes++;
	if (closed && n->held)
		sched_hold_drop(s);
	if (!closed && n->up)
		sched_place_freed(s, n);
}

static uint64_t price_of(const struct facts *f)
{
	const char *text = sched_facts_get(f, "price");
	double price = text ? strtod(text, NULL) : 0;

	return price > 0 && price <= 1e9 ? (uint64_t)(price * 1e6) : 0;
}

/* What runs there goes on, whatever it had selected. */
void sched_node_tell(struct sched *s, struct node *n, struct facts *facts)
{
	if (n->up)
		unlist(s, n);
	sched_tally_out(s, n);
	sched_probe_moved(s, n, facts);
	sched_facts_free(&n->facts);
	n->facts = *facts;
	n->price = price_of(&n->facts);
	sched_counter_told(n);
	sched_tally_in(s, n);
	if (n->up)
		list(s, n);
	*facts = (struct facts){.raw = NULL};
	s->changes++;
	sched_selection_forget(s, n);
	if (n->held)
		sched_hold_drop(s);
	if (n->up)
		sched_place_freed(s, n);
}

/* An attempt that is read back from a snapshot may be dying already. */
static void count_dying(struct sched *s, struct node *n, const struct instance *i, int change)
{
	const struct attempt *a = sched_instance_last(i);

	n->n_dying += a->kill != KILL_NONE ? (size_t)change : 0;
	s->n_preempted += a->kill == KILL_PREEMPTED ? (size_t)change : 0;
}

bool sched_node_take(struct sched *s, struct node *n, struct task *t, struct instance *i)
{
	const struct shape *sh = sched_instance_shape(t, i);
	uint64_t cpu, memory;

	if (__builtin_add_overflow(n->cpu_used, sh->cpu_milli, &cpu) ||
	    __builtin_add_overflow(n->memory_used, sh->memory, &memory) || n->slots_used + sh->slots > UINT32_MAX)
		return false;
	if (n->up)
		unlist(s, n);
	n->slots_used += sh->slots;
	n->cpu_used = cpu;
	n->memory_used = memory;
	sched_counter_take(n, sh);
	mem_grow(&n->live, &n->cap_live, n->n_live);
	i->node_pos = (uint32_t)n->n_live;
	n->live[n->n_live++] = (struct live){.task = t, .instance = i};
	n->exclusive = sh->exclusive ? t : NULL;
	sched_tally_count(s, n, t, true);
	n->n_preemptible += t->preemptible;
	count_dying(s, n, i, 1);
	sched_preempt_count(s, t, 1);
	s->changes += t->service;
	sched_share_take(s, t->base.job->tenant, sh);
	sched_quota_take(sh);
	sched_licence_take(sh);
	if (n->up)
		list(s, n);
	return true;
}

struct room sched_node_room(const struct node *n)
{
	return (struct room){.slots = sched_node_free_slots(n),
			     .cpu_milli = sched_node_free_cpu(n),
			     .memory = sched_node_free_memory(n)};
}

static void live_remove(struct node *n, struct instance *i)
{
	struct live last = n->live[--n->n_live];

	n->live[i->node_pos] = last;
	last.instance->node_pos = i->node_pos;
	i->node_pos = NOT_LISTED;
}

void sched_node_release(struct sched *s, struct node *n, struct task *t, struct instance *i)
{
	const struct shape *sh = sched_instance_shape(t, i);
	struct room before = s->n_takers ? sched_node_room(n) : (struct room){.slots = 0};

	if (n->up)
		unlist(s, n);
	n->slots_used -= sh->slots;
	n->cpu_used -= sh->cpu_milli;
	n->memory_used -= sh->memory;
	sched_counter_release(n, sh);
	live_remove(n, i);
	sched_tally_count(s, n, t, false);
	n->n_preemptible -= t->preemptible;
	count_dying(s, n, i, -1);
	sched_preempt_count(s, t, -1);
	sched_share_release(s, t->base.job->tenant, sh);
	sched_quota_release(s, sh);
	sched_licence_release(s, sh);
	s->changes += t->service;
	if (s->n_takers && sched_instance_last(i)->kill == KILL_NONE)
		sched_claim_freed(n, sh, &before);
	if (!n->n_live)
		n->exclusive = NULL;
	if (!n->up)
		return;
	n->shrunk = is_shrunk(n);
	list(s, n);
	sched_place_freed(s, n);
}

static bool has_of(const struct node *n, const struct task *t)
{
	for (size_t k = 0; k < n->n_live; k++) {
		if (n->live[k].task == t)
			return true;
	}
	return false;
}

/* Whom it may share the node with. */
static bool shares(const struct node *n, const struct shape *sh)
{
	if (n->exclusive && n->exclusive != sh->owner)
		return false;
	if (sh->exclusive && n->n_live && n->exclusive != sh->owner)
		return false;
	if (sh->owner && (!sched_wish_allows(sh->owner, n) || !sched_home_allows(sh->owner, n)))
		return false;
	return sh->topology != SCHED_TOPO_APART || !has_of(n, sh->owner);
}

static bool spares(const struct sched *s, const struct node *n, const struct shape *sh)
{
	/* What is to be alone there has nothing to spare, not even for those that ask for nothing. */
	return sched_hold_ends_before(s, sh) ||
	       (!sh->exclusive && !n->alone && sh->slots <= n->spare_slots && sh->cpu_milli <= n->spare_cpu &&
		sh->memory <= n->spare_memory && sched_counter_spares(n, sh)) ||
	       sched_claim_copies(s, sh, n) > 0;
}

bool sched_node_fits(const struct sched *s, const struct node *n, const struct shape *sh, bool pass)
{
	return n->up && !n->closed && (!sh->selection || sched_selection_has(sh->selection, n)) &&
	       n->n_live < NODE_LIVE_MAX && sh->slots <= sched_node_free_slots(n) &&
	       sh->cpu_milli <= sched_node_free_cpu(n) && sh->memory <= sched_node_free_memory(n) &&
	       (!sh->probe || sched_probe_fits(sh->probe, n)) && (!sh->wants || sched_counter_fits(n, sh)) &&
	       !sched_shape_bans(sh, n->pos) && shares(n, sh) && (pass || !n->held || spares(s, n, sh));
}

bool sched_node_allows(const struct node *n, const struct shape *sh)
{
	return n->up && !n->closed && sh->slots <= n->slots && sh->cpu_milli <= n->cpu_milli &&
	       sh->memory <= n->memory && sched_counter_allows(n, sh) && !sched_shape_bans(sh, n->pos) &&
	       (!sh->selection || sched_selection_has(sh->selection, n)) &&
	       (!sh->probe || sched_probe_fits(sh->probe, n)) &&
	       (!sh->owner || (sched_wish_allows(sh->owner, n) && sched_home_allows(sh->owner, n)));
}

bool sched_node_takes(const struct sched *s, const char *node, uint32_t slots, uint64_t cpu_milli, uint64_t memory)
{
	const struct shape want = {.slots = slots, .cpu_milli = cpu_milli, .memory = memory};
	const struct node *n = map_get(&s->by_node, node);

	return n && sched_node_fits(s, n, &want, false);
}
