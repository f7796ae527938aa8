/* SPDX-License-Identifier: Apache-2.0
 *
 * wish: whom a task wants near or apart, how many of its copies a node may have, and over what they are spread. Rules are looked at when it
 * starts.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names have no slash where they come from, so one with a slash is JOB/TASK. */
static char *key_to(const struct job *j, const char *to)
{
	return strchr(to, '/') ? mem_strdup(to) : mem_printf("#%" PRIu64 "/%s", j->seq, to);
}

static bool is_own(const struct task *t, const char *to)
{
	const struct job *j = t->base.job;
	size_t n = strlen(j->name);
	const char *slash = strchr(to, '/');

	if (!slash)
		return strcmp(to, t->name) == 0;
	return (size_t)(slash - to) == n && !memcmp(to, j->name, n) &&
	       (!strcmp(slash + 1, "*") || !strcmp(slash + 1, t->name));
}

static void rule_init(struct sched *s, struct task *t, struct rule *r, const struct sched_rule *spec)
{
	mem_cleanup char *key = key_to(t->base.job, spec->to);

	*r = (struct rule){.to = mem_strdup(spec->to),
			   .within = mem_strdup(spec->within),
			   .weight = spec->weight,
			   .apart = spec->apart,
			   .own = is_own(t, spec->to),
			   .tally = sched_tally_get(s, key, spec->within)};
}

void sched_wish_init(struct sched *s, struct task *t, const struct sched_task_spec *spec)
{
	mem_cleanup char *own = NULL;
	struct wish *w;

	if (!spec->per_node && !spec->n_rules && !spec->n_spread)
		return;
	own = key_to(t->base.job, t->name);
	w = t->wish = mem_new(struct wish);
	w->per_node = spec->per_node;
	if (w->per_node)
		w->copies = sched_tally_get(s, own, "node");
	w->n_rules = spec->n_rules;
	w->rules = mem_new_n(struct rule, spec->n_rules + 1);
	for (size_t k = 0; k < spec->n_rules; k++)
		rule_init(s, t, &w->rules[k], &spec->rules[k]);
	w->n_spread = spec->n_spread;
	for (size_t k = 0; k < spec->n_spread; k++) {
		mem_strv_add(&w->spread, spec->spread[k]);
		w->spread_by[k] = sched_tally_get(s, own, spec->spread[k]);
	}
}

void sched_wish_free(struct sched *s, struct task *t)
{
	struct wish *w = t->wish;

	if (!w)
		return;
	sched_tally_drop(s, w->copies);
	for (size_t k = 0; k < w->n_rules; k++) {
		sched_tally_drop(s, w->rules[k].tally);
		free(w->rules[k].to);
		free(w->rules[k].within);
	}
	for (size_t k = 0; k < w->n_spread; k++)
		sched_tally_drop(s, w->spread_by[k]);
	mem_strv_free(w->spread);
	free(w->rules);
	free(w);
	t->wish = NULL;
}

bool sched_wish_asks(const struct task *t, const struct tally *about)
{
	const struct wish *w = t->wish;

	if (w->copies == about)
		return true;
	for (size_t k = 0; k < w->n_rules; k++) {
		if (w->rules[k].tally == about)
			return true;
	}
	return false;
}

/* The first of all may be anywhere when it is one of those that it is to be near of. */
static bool keeps(const struct rule *r, const struct node *n)
{
	bool said;
	uint32_t there = sched_tally_at(r->tally, n, &said);

	if (r->apart)
		return !said || !there;
	return said && (there || (r->own && !r->tally->total));
}

uint32_t sched_wish_copies(const struct task *t, const struct node *n, uint32_t most)
{
	bool said;
	uint32_t have = t->wish && t->wish->copies ? sched_tally_at(t->wish->copies, n, &said) : 0;
	uint32_t may = t->wish && t->wish->per_node ? t->wish->per_node : UINT32_MAX;

	may = have < may ? may - have : 0;
	return may < most ? may : most;
}

bool sched_wish_allows(const struct task *t, const struct node *n)
{
	const struct wish *w = t->wish;

	if (!w)
		return true;
	if (!sched_wish_copies(t, n, 1))
		return false;
	for (size_t k = 0; k < w->n_rules; k++) {
		if (!w->rules[k].weight && !keeps(&w->rules[k], n))
			return false;
	}
	return true;
}

/* ---- in words ---- */

static void add_place(struct buf *b, const struct rule *r, const struct node *n)
{
	const char *value = sched_facts_get(&n->facts, r->within);

	if (!strcmp(r->within, "node"))
		buf_adds(b, "there");
	else
		buf_printf(b, "where %s is %.40s", r->within, value ? value : "not set");
}

void sched_wish_refusal(const struct task *t, const struct node *n, struct buf *b)
{
	const struct wish *w = t->wish;

	if (!w)
		return;
	if (!sched_wish_copies(t, n, 1)) {
		buf_printf(b, "(has %" PRIu32 " of at most %" PRIu32 " copies)", w->per_node, w->per_node);
		return;
	}
	for (size_t k = 0; k < w->n_rules; k++) {
		const struct rule *r = &w->rules[k];

		if (r->weight || keeps(r, n))
			continue;
		buf_printf(b, "(\"%s\" %s ", r->to, r->apart ? "runs" : "does not run");
		add_place(b, r, n);
		buf_addc(b, ')');
		return;
	}
}
