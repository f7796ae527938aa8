/* SPDX-License-Identifier: Apache-2.0
 *
 * selection: an expression and the nodes that it is true of.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_ASKED, ANSWER_NO, ANSWER_YES };

struct selection *sched_selection_get(struct sched *s, const char *text)
{
	struct selection *sel = map_get(&s->by_selection, text);

	if (sel) {
		sel->refs++;
		return sel;
	}
	sel = mem_new(struct selection);
	if (expr_parse(text, &sel->expr, NULL, NULL) < 0) {
		free(sel);
		return NULL;
	}
	sel->text = mem_strdup(text);
	sel->number = ++s->last_selection;
	sel->refs = 1;
	sel->pos = s->n_selections;
	mem_grow(&s->selections, &s->cap_selections, s->n_selections);
	s->selections[s->n_selections++] = sel;
	map_put(&s->by_selection, text, sel);
	return sel;
}

void sched_selection_drop(struct sched *s, struct selection *sel)
{
	if (!sel || --sel->refs)
		return;
	map_remove(&s->by_selection, sel->text);
	s->selections[sel->pos] = s->selections[--s->n_selections];
	s->selections[sel->pos]->pos = sel->pos;
	expr_free(sel->expr);
	free(sel->answers);
	free(sel->text);
	free(sel);
}

static struct selection *counted(struct sched *s, const char *text)
{
	struct selection *sel = sched_selection_get(s, text);

	if (!sel || sel->counted)
		return sel;
	sel->counted = true;
	free(sel->answers);
	sel->answers = NULL;
	sel->n_answers = sel->n_yes = 0;
	for (size_t k = 0; k < s->n_nodes; k++)
		(void)sched_selection_has(sel, s->nodes[k]);
	return sel;
}

struct selection *sched_selection_image(struct sched *s, const char *image)
{
	mem_cleanup char *text = mem_printf("has(image.%s)", image);

	return counted(s, text);
}

struct selection *sched_selection_data(struct sched *s, const char *name)
{
	mem_cleanup char *text = mem_printf("has(%s)", name);

	return counted(s, text);
}

char *sched_selection_fact(const struct selection *sel)
{
	return mem_printf("has.%.*s", (int)(strlen(sel->text) - strlen("has()")), sel->text + strlen("has("));
}

uint64_t sched_selection_bytes(const struct sched *s, struct selection *sel)
{
	mem_cleanup char *fact = sched_selection_fact(sel);

	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *node = s->nodes[k];
		const char *value = sched_selection_has(sel, node) ? sched_facts_get(&node->facts, fact) : NULL;

		if (value)
			return strtoull(value, NULL, 10);
	}
	return 0;
}

/* ---- what a node says ---- */

/* What the scheduler knows better than any report. */
const char *sched_node_fact(const struct node *n, const char *name, char buffer[static 32])
{
	if (!strcmp(name, "hostname") || !strcmp(name, "id"))
		return n->name;
	if (!strcmp(name, "slots"))
		snprintf(buffer, 32, "%" PRIu32, n->slots);
	else if (!strcmp(name, "cpus"))
		snprintf(buffer, 32, "%" PRIu64 ".%03" PRIu64, n->cpu_milli / 1000, n->cpu_milli % 1000);
	else if (!strcmp(name, "memory"))
		snprintf(buffer, 32, "%" PRIu64, n->memory);
	else
		return sched_facts_get(&n->facts, name);
	return buffer;
}

struct asked {
	const struct node *node;
	char buffer[32];
};

static const char *fact_of(void *ctx, const char *name)
{
	struct asked *a = ctx;

	return sched_node_fact(a->node, name, a->buffer);
}

bool sched_selection_asks(const struct selection *sel, const struct node *n)
{
	struct asked a = {.node = n};

	return expr_holds(sel->expr, fact_of, &a);
}

bool sched_selection_part(const struct selection *sel, size_t part, const struct node *n)
{
	struct asked a = {.node = n};

	return expr_part_holds(sel->expr, part, fact_of, &a);
}

/* ---- answers that are kept ---- */

static unsigned shift_of(const struct node *n)
{
	return n->pos % 4 * 2;
}

bool sched_selection_has(struct selection *sel, const struct node *n)
{
	size_t at = n->pos / 4;
	unsigned answer;

	while (at >= sel->n_answers)
		mem_grow_to((void **)&sel->answers, &sel->n_answers, at + 1, 1);
	answer = sel->answers[at] >> shift_of(n) & 3;
	if (answer == NOT_ASKED) {
		answer = sched_selection_asks(sel, n) ? ANSWER_YES : ANSWER_NO;
		sel->answers[at] |= (uint8_t)(answer << shift_of(n));
		sel->n_yes += answer == ANSWER_YES;
	}
	return answer == ANSWER_YES;
}

void sched_selection_forget(struct sched *s, const struct node *n)
{
	for (size_t k = 0; k < s->n_selections; k++) {
		struct selection *sel = s->selections[k];

		if (n->pos / 4 < sel->n_answers) {
			sel->n_yes -= (sel->answers[n->pos / 4] >> shift_of(n) & 3) == ANSWER_YES;
			sel->answers[n->pos / 4] &= (uint8_t) ~(3u << shift_of(n));
		}
		if (sel->counted)
			(void)sched_selection_has(sel, n);
	}
}
