/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: tests that tasks want to have run on a node before they run there, and what nodes have answered. A probe is shared by all tasks that name it,
 * and each node is asked once until its answer is too old: so a thousand copies cost one run a node. A node without an answer will not do, and is asked
 * while something waits that could run there: those with the most free room first, AT_ONCE at a time. Nodes without room are asked until there are some
 * more that are fit than are needed now, so that nodes can be held for what waits.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16	     /* nodes that are asked by one probe */
#define NODE_AT_ONCE 2	     /* probes that one node is asked by */
#define SPARE 8		     /* fit nodes without room beyond those that are needed */
#define ANSWER_MAX_MS 600000 /* for an answer; then it is a no */
#define TEXT_TOLD 3	     /* different answers */

/* ---- the probes ---- */

struct probe *sched_probe_get(struct sched *s, const char *key, int64_t age_ms)
{
	mem_cleanup char *name = mem_printf("%s@%" PRId64, key, age_ms);
	struct probe *p = map_get(&s->by_probe, name);

	if (p) {
		p->refs++;
		return p;
	}
	p = mem_new(struct probe);
	*p = (struct probe){.age_ms = age_ms, .due_ms = INT64_MAX, .refs = 1, .pos = s->n_probes};
	p->number = ++s->last_probe;
	p->name = mem_take(name);
	mem_grow(&s->probes, &s->cap_probes, s->n_probes);
	s->probes[s->n_probes++] = p;
	map_put(&s->by_probe, p->name, p);
	return p;
}

static struct answer *answer_of(struct probe *p, const struct node *n)
{
	while (n->pos >= p->n_answers)
		mem_grow_to((void **)&p->answers, &p->n_answers, (size_t)n->pos + 1, sizeof *p->answers);
	return &p->answers[n->pos];
}

static void set(struct probe *p, struct node *n, enum probe_state state, int64_t at_ms, const char *text)
{
	struct answer *a = answer_of(p, n);
	bool was = a->state == PROBE_ASKED, is = state == PROBE_ASKED;
	int64_t due = sched_later(at_ms, is ? ANSWER_MAX_MS : p->age_ms);

	p->n_asked = p->n_asked + is - was;
	n->n_asked = n->n_asked + is - was;
	free(a->text);
	*a = (struct answer){.state = (uint8_t)state, .at_ms = state == PROBE_NONE ? 0 : at_ms};
	if (state == PROBE_NO)
		a->text = mem_strndup(text ? text : "", strnlen(text ? text : "", SCHED_PROBE_TEXT_MAX));
	if (state != PROBE_NONE && due < p->due_ms)
		p->due_ms = due;
}

void sched_probe_drop(struct sched *s, struct probe *p)
{
	if (!p || --p->refs)
		return;
	for (size_t k = 0; k < p->n_answers && k < s->n_nodes; k++)
		set(p, s->nodes[k], PROBE_NONE, 0, NULL);
	map_remove(&s->by_probe, p->name);
	s->probes[p->pos] = s->probes[--s->n_probes];
	s->probes[p->pos]->pos = p->pos;
	free(p->answers);
	free(p->name);
	free(p);
}

bool sched_probe_fits(const struct probe *p, const struct node *n)
{
	return n->pos < p->n_answers && p->answers[n->pos].state == PROBE_YES;
}

/* Nodes are held for it, and one of them may not do any more. */
static void drop_hold(struct sched *s, const struct probe *p)
{
	bool held = s->hold.item && s->hold.item->shape->probe == p;

	for (size_t k = 0; k < s->n_takers; k++)
		held |= s->takers[k].item->shape->probe == p;
	if (held)
		sched_hold_drop(s);
}

void sched_probe_forget(struct sched *s, struct node *n)
{
	for (size_t k = 0; k < s->n_probes; k++) {
		if (n->pos < s->probes[k]->n_answers)
			set(s->probes[k], n, PROBE_NONE, 0, NULL);
	}
}

/* "BYTES/ID" (server/node_facts.c): the part that says which image it is; NULL = nobody knows. */
static const char *id_of(const struct facts *f, const char *fact)
{
	const char *value = sched_facts_get(f, fact);

	value = value ? strchr(value, '/') : NULL;
	return value && value[1] ? value : NULL;
}

static bool has_moved(const struct node *n, const struct facts *facts, const struct shape *sh)
{
	mem_cleanup char *fact = sched_selection_fact(sh->image);
	const char *was = id_of(&n->facts, fact), *is = id_of(facts, fact);

	return was && is && strcmp(was, is) != 0;
}

void sched_probe_moved(struct sched *s, struct node *n, const struct facts *facts)
{
	for (size_t k = 0; s->n_probes && k < s->n_shapes; k++) {
		const struct shape *sh = s->shapes[k];
		enum probe_state state = PROBE_NONE;

		if (sh->probe && sh->image && n->pos < sh->probe->n_answers)
			state = (enum probe_state)sh->probe->answers[n->pos].state;
		/* One that is asked now waits for its answer. */
		if (state == PROBE_NONE || state == PROBE_ASKED || !has_moved(n, facts, sh))
			continue;
		if (state == PROBE_YES)
			drop_hold(s, sh->probe);
		set(sh->probe, n, PROBE_NONE, 0, NULL);
	}
}

void sched_probe_answer(struct sched *s, const char *name, const char *node, enum sched_fit fit, const char *text)
{
	static const enum probe_state states[] = {
	    [SCHED_FIT_UNKNOWN] = PROBE_NONE, [SCHED_FIT_NO] = PROBE_NO, [SCHED_FIT_YES] = PROBE_YES};
	struct probe *p = map_get(&s->by_probe, name);
	struct node *n = map_get(&s->by_node, node);

	if (!p || !n || answer_of(p, n)->state != PROBE_ASKED)
		return;
	set(p, n, states[fit], s->now_ms, text);
	s->changes++;
	for (size_t k = 0; k < s->n_shapes && fit == SCHED_FIT_YES; k++) {
		if (s->shapes[k]->probe == p)
			s->shapes[k]->blocked = false;
	}
}

void sched_probe_put(struct sched *s, struct probe *p, uint32_t node, enum probe_state state, int64_t at_ms,
		     const char *text)
{
	set(p, s->nodes[node], state, at_ms, text);
}

/* ---- time ---- */

static int64_t due_of(const struct probe *p, const struct answer *a)
{
	if (a->state == PROBE_NONE)
		return INT64_MAX;
	return sched_later(a->at_ms, a->state == PROBE_ASKED ? ANSWER_MAX_MS : p->age_ms);
}

static void expire(struct sched *s, struct probe *p)
{
	p->due_ms = INT64_MAX;
	for (size_t k = 0; k < p->n_answers && k < s->n_nodes; k++) {
		const struct answer *a = &p->answers[k];
		int64_t due = due_of(p, a);

		if (due > s->now_ms) {
			p->due_ms = due < p->due_ms ? due : p->due_ms;
			continue;
		}
		if (a->state == PROBE_YES)
			drop_hold(s, p);
		if (a->state == PROBE_ASKED)
			set(p, s->nodes[k], PROBE_NO, s->now_ms, "the node did not answer");
		else
			set(p, s->nodes[k], PROBE_NONE, 0, NULL);
		s->changes++;
	}
}

void sched_probe_expire(struct sched *s)
{
	for (size_t k = 0; k < s->n_probes; k++) {
		if (s->probes[k]->due_ms <= s->now_ms)
			expire(s, s->probes[k]);
	}
}

int64_t sched_probe_next_ms(const struct sched *s)
{
	int64_t next = INT64_MAX;

	for (size_t k = 0; s->n_probes && k < s->n_shapes; k++) {
		const struct shape *sh = s->shapes[k];

		if (sh->probe && sh->n_items && sh->probe->due_ms < next)
			next = sh->probe->due_ms;
	}
	return next;
}

/* ---- asking ---- */

static bool could_serve(const struct node *n, const struct shape *sh)
{
	return n->up && !n->closed && sh->slots <= n->slots && sh->cpu_milli <= n->cpu_milli &&
	       sh->memory <= n->memory && sched_counter_allows(n, sh) && !sched_shape_bans(sh, n->pos) &&
	       (!sh->selection || sched_selection_has(sh->selection, n));
}

static bool has_room(const struct node *n, const struct shape *sh)
{
	return n->n_live < NODE_LIVE_MAX && sh->slots <= sched_node_free_slots(n) &&
	       sh->cpu_milli <= sched_node_free_cpu(n) && sh->memory <= sched_node_free_memory(n) &&
	       (!sh->wants || sched_counter_fits(n, sh));
}

static uint32_t size_of(const struct item *it)
{
	return it->task->gang ? sched_gang_size(it) : 1;
}

/* What waits for its own quota is not helped by a node. */
static bool waits(const struct sched *s, const struct shape *sh)
{
	return sh->probe && sh->n_items && sched_quota_allows(s, sh, size_of(sh->items[0]), true);
}

static void ask_node(struct sched *s, const struct item *it, struct node *n)
{
	struct sched_action *act = sched_act(s, SCHED_ACT_PROBE, it->job);

	set(it->shape->probe, n, PROBE_ASKED, s->now_ms, NULL);
	act->attempt.task = it->task->idx;
	act->probe = it->shape->probe->name;
	snprintf(act->node, sizeof act->node, "%s", n->name);
}

static void ask(struct sched *s, const struct item *it)
{
	struct shape *sh = it->shape;
	struct order_at at = {.block = s->order.n_blocks};
	size_t fit = 0, enough = SPARE + (size_t)size_of(it);

	for (struct node *n; (n = sched_order_prev(&s->order, &at));) {
		uint8_t state;

		if (sh->probe->n_asked >= AT_ONCE)
			return;
		if (!could_serve(n, sh))
			continue;
		state = answer_of(sh->probe, n)->state;
		fit += state == PROBE_YES;
		if (state == PROBE_NONE && n->n_asked < NODE_AT_ONCE && (has_room(n, sh) || fit < enough))
			ask_node(s, it, n);
	}
	sh->probed = s->changes + 1;
}

static int item_compare(const void *a, const void *b)
{
	const struct item *const *x = a, *const *y = b;

	return sched_item_before(*x, *y) ? -1 : sched_item_before(*y, *x) ? 1 : 0;
}

/* The heads of all requests, as the queue has them: what they ask must not depend on where their requests are kept. Instances of a task with different banned nodes
 * are two requests of one place in the queue. */
static int head_compare(const void *a, const void *b)
{
	const struct item *const *x = a, *const *y = b;
	int order = item_compare(a, b);
	uint32_t i = sched_item_head(*x), k = sched_item_head(*y);

	return order ? order : i < k ? -1 : i > k;
}

void sched_probe_run(struct sched *s)
{
	mem_cleanup struct item **heads = NULL;
	size_t n = 0, cap = 0;

	for (size_t k = 0; s->n_probes && k < s->n_shapes; k++) {
		const struct shape *sh = s->shapes[k];

		if (!sh->probe || sh->probed == s->changes + 1 || sh->probe->n_asked >= AT_ONCE || !waits(s, sh))
			continue;
		mem_grow(&heads, &cap, n);
		heads[n++] = sh->items[0];
	}
	if (n > 1)
		qsort(heads, n, sizeof *heads, head_compare);
	for (size_t k = 0; k < n; k++)
		ask(s, heads[k]);
}

static const struct item *asker(const struct sched *s, const struct probe *p)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		if (s->shapes[k]->probe == p && s->shapes[k]->n_items)
			return s->shapes[k]->items[0];
	}
	return NULL;
}

int sched_probing(const struct sched *s, const char *node, sched_probe_fn fn, void *ctx)
{
	const struct node *n = map_get(&s->by_node, node);

	for (size_t k = 0; n && k < s->n_probes; k++) {
		const struct probe *p = s->probes[k];
		const struct item *it = asker(s, p);
		int r;

		if (n->pos >= p->n_answers || p->answers[n->pos].state != PROBE_ASKED)
			continue;
		r = fn(ctx, p->name, it ? it->job->id : NULL, it ? it->task->idx : 0);
		if (r)
			return r;
	}
	return 0;
}

/* ---- for the invariants ---- */

/* Somebody waits who could run on a node that nobody asks. */
static bool is_forgotten(const struct sched *s, const struct shape *sh)
{
	if (!waits(s, sh) || sh->probe->n_asked)
		return false;
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];

		if (could_serve(n, sh) && has_room(n, sh) && n->n_asked < NODE_AT_ONCE &&
		    answer_of(sh->probe, n)->state == PROBE_NONE)
			return true;
	}
	return false;
}

static bool counted(const struct sched *s, const struct node *n)
{
	size_t asked = 0;

	for (size_t k = 0; k < s->n_probes; k++) {
		const struct probe *p = s->probes[k];

		if (n->pos >= p->n_answers)
			continue;
		asked += p->answers[n->pos].state == PROBE_ASKED;
		if (!n->up && p->answers[n->pos].state != PROBE_NONE)
			return false;
	}
	return asked == n->n_asked;
}

bool sched_probe_sound(const struct sched *s)
{
	for (size_t k = 0; k < s->n_probes; k++) {
		const struct probe *p = s->probes[k];
		size_t asked = 0;

		for (size_t x = 0; x < p->n_answers; x++)
			asked += p->answers[x].state == PROBE_ASKED;
		if (asked != p->n_asked || asked > AT_ONCE || p->pos != k || !p->refs)
			return false;
	}
	for (size_t k = 0; k < s->n_nodes; k++) {
		if (!counted(s, s->nodes[k]))
			return false;
	}
	for (size_t k = 0; s->n_probes && k < s->n_shapes; k++) {
		if (is_forgotten(s, s->shapes[k]))
			return false;
	}
	return true;
}

/* ---- why ---- */

/* Nodes that could serve, by what is known of them. */
static size_t count(const struct sched *s, const struct shape *sh, enum probe_state state, const char *text)
{
	size_t n = 0;

	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct answer *a = answer_of(sh->probe, s->nodes[k]);

		n += could_serve(s->nodes[k], sh) && a->state == state && (!text || !strcmp(a->text, text));
	}
	return n;
}

static bool is_told(const char *const *told, size_t n, const char *text)
{
	while (n-- > 0) {
		if (!strcmp(told[n], text))
			return true;
	}
	return false;
}

static const char *nodes(size_t n)
{
	return n == 1 ? "node" : "nodes";
}

static const char *add_noes(const struct sched *s, const struct shape *sh, const char *sep, struct buf *b)
{
	const char *told[TEXT_TOLD];
	size_t n_told = 0, left = count(s, sh, PROBE_NO, NULL);

	for (size_t k = 0; k < s->n_nodes && n_told < TEXT_TOLD; k++) {
		const struct answer *a = answer_of(sh->probe, s->nodes[k]);
		size_t n;

		if (a->state != PROBE_NO || !could_serve(s->nodes[k], sh) || is_told(told, n_told, a->text))
			continue;
		n = count(s, sh, PROBE_NO, a->text);
		told[n_told++] = a->text;
		left -= n;
		buf_printf(b, "%s%zu %s: probe said no%s%s", sep, n, nodes(n), *a->text ? ": " : "", a->text);
		sep = "; ";
	}
	if (left)
		buf_printf(b, "%s%zu %s: probe said no, otherwise", sep, left, nodes(left));
	return left ? "; " : sep;
}

void sched_probe_why(const struct sched *s, const struct shape *sh, const char *sep, struct buf *b)
{
	size_t asked = count(s, sh, PROBE_ASKED, NULL), none = count(s, sh, PROBE_NONE, NULL);

	sep = add_noes(s, sh, sep, b);
	if (asked)
		buf_printf(b, "%s%zu %s %s asked by its probe", sep, asked, nodes(asked), asked == 1 ? "is" : "are");
	sep = asked ? "; " : sep;
	if (none && !asked)
		buf_printf(b, "%s%zu %s %s not been asked by its probe", sep, none, nodes(none),
			   none == 1 ? "has" : "have");
}
