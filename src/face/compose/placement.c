/* SPDX-License-Identifier: Apache-2.0
 *
 * placement: constraints and select become one expression, whose parts must all hold.
 */
#include "face/compose/placement.h"

#include "base/core/err.h"
#include "base/core/expr.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/messages.h"
#include "face/compose/read.h"

#include <ctype.h>
#include <string.h>

#define RULES_MAX 32
#define SPREADS_MAX 4

/* Whether it is an expression; what is wrong with it is told at its place. */
static bool is_expression(struct loader *l, const struct node *at, const char *text, size_t *ret_parts)
{
	struct err err = ERR_INIT;
	struct expr *e = NULL;

	if (expr_parse(text, &e, NULL, &err) < 0) {
		message_error(l, at, "%s", err.text);
		return false;
	}
	*ret_parts = expr_parts(e);
	expr_free(e);
	return true;
}

static void add(struct loader *l, struct job_service *s, const char *part)
{
	s->select = s->select ? arena_printf(&l->arena, "%s && %s", s->select, part) : part;
}

/* One without && at its top may have || there. */
static void read_select(struct loader *l, struct job_service *s, const struct node *berth)
{
	const struct node *n = node_value(berth, "select");
	size_t parts = 0;

	if (!n || n->kind != NODE_SCALAR || !is_expression(l, n, n->text, &parts))
		return;
	add(l, s, parts > 1 ? n->text : arena_printf(&l->arena, "(%s)", n->text));
}

static const char *trimmed(struct loader *l, const char *from, const char *end)
{
	while (from < end && isspace((unsigned char)*from))
		from++;
	while (end > from && isspace((unsigned char)end[-1]))
		end--;
	return arena_printf(&l->arena, "%.*s", (int)(end - from), from);
}

/* "node.labels.disk == ssd"; the value is everything after the operator. */
static void read_constraint(struct loader *l, struct job_service *s, const struct node *n)
{
	const char *op = strstr(n->text, "=="), *not = strstr(n->text, "!="), *name, *value, *text;
	char quote;
	size_t parts;

	op = !op || (not &&not < op) ? not : op;
	name = op ? trimmed(l, n->text, op) : "";
	value = op ? trimmed(l, op + 2, n->text + strlen(n->text)) : "";
	if (!*name || !*value || strpbrk(name, " \t&|!()'\"") || (strchr(value, '"') && strchr(value, '\''))) {
		message_error(l, n, "NAME == VALUE or NAME != VALUE is needed; for example node.labels.disk == ssd");
		return;
	}
	quote = strchr(value, '"') ? '\'' : '"';
	text = arena_printf(&l->arena, "%s %.2s %c%s%c", name, op, quote, value, quote);
	if (is_expression(l, n, text, &parts))
		add(l, s, text);
}

/* ---- rules ---- */

/* "node", "labels.rack", "node.labels.rack" */
static const char *read_within(struct loader *l, const struct node *n, const char *key)
{
	const char *text = read_str(n, key, "node");
	const char *label = strncmp(text, "node.", 5) == 0 ? text + 5 : text;

	if (strcmp(text, "node") != 0 && (strncmp(label, "labels.", 7) != 0 || !label[7]))
		message_error(l, node_get(n, key), "%s is needed, not \"%s\"",
			      strcmp(key, "spread") ? "node or labels.NAME" : "node.labels.NAME", text);
	return label;
}

static void add_rule(struct loader *l, struct job_service *s, const struct node *n, bool apart)
{
	struct job_rule *r;

	arena_grow(&l->arena, &s->rules, &s->cap_rules, s->n_rules);
	r = &s->rules[s->n_rules++];
	*r = (struct job_rule){.apart = apart, .within = "node", .at = n};
	if (n->kind == NODE_SCALAR) {
		r->to = n->text;
		return;
	}
	r->to = read_str(n, "to", NULL);
	r->within = read_within(l, n, "within");
	r->weight = read_int(n, "weight", 0);
	if (!r->to)
		message_error(l, n, "to is missing; for example {to: db}");
}

static void read_rules(struct loader *l, struct job_service *s, const char *key, bool apart)
{
	const struct node *list = read_list(s->berth, key);

	for (size_t i = 0; list && i < list->n; i++)
		add_rule(l, s, list->items[i], apart);
	if (s->n_rules > RULES_MAX)
		message_error(l, list, "near and apart have at most %d entries together", RULES_MAX);
}

static void read_spread(struct loader *l, struct job_service *s, const struct node *placement)
{
	const struct node *list = read_list(placement, "preferences");

	for (size_t i = 0; list && i < list->n; i++) {
		const struct node *n = list->items[i];

		if (n->kind != NODE_MAP)
			continue;
		if (!node_value(n, "spread")) {
			message_error(l, n, "spread is missing; for example {spread: node.labels.zone}");
			continue;
		}
		strings_add(&l->arena, &s->spread_over, read_within(l, n, "spread"));
	}
	if (s->spread_over.n > SPREADS_MAX)
		message_error(l, list, "at most %d labels can be spread over", SPREADS_MAX);
}

static void check_rule(struct loader *l, const struct job_service *s, const struct job_rule *r)
{
	const char *slash = strchr(r->to, '/');
	size_t n = strlen(l->job->name);
	bool same_job = !slash || ((size_t)(slash - r->to) == n && !memcmp(r->to, l->job->name, n));
	const char *task = slash ? slash + 1 : r->to;
	const struct job_service *named = job_find(l->job, task);
	bool all = slash && !strcmp(task, "*");

	if (!*task || slash == r->to)
		message_error(l, r->at, "SERVICE, JOB/SERVICE or JOB/* is needed, not \"%s\"", r->to);
	else if (same_job && !all && !(named && named->active))
		message_error(l, r->at, "there is no service \"%s\"", task);
	else if (s->gang && same_job && (all || !strcmp(task, s->name)))
		message_error(l, r->at, "the copies of a gang have a topology, not rules among themselves");
	else if (s->gang && r->weight)
		message_error(l, r->at, "a gang takes rules that must be kept, not those with a weight");
}

void placement_check(struct loader *l, const struct job_service *s)
{
	if (!s->active)
		return;
	for (size_t i = 0; i < s->n_rules; i++) {
		if (s->rules[i].to)
			check_rule(l, s, &s->rules[i]);
	}
	if (s->bind && strcmp(s->bind, "none") != 0 && (!s->slots || (s->slots < 0 && s->kind != JOB_TASK)))
		message_error(l, node_get(s->berth, "bind"),
			      "at least one slot is needed: each is a processor of its own");
	if (s->gang && s->spread_over.n)
		message_error(l, s->node, "a gang has a topology, it is not spread over labels");
}

void placement_read(struct loader *l, struct job_service *s)
{
	const struct node *placement = read_map(read_map(s->node, "deploy"), "placement");
	const struct node *constraints = read_list(placement, "constraints");

	for (size_t i = 0; constraints && i < constraints->n; i++) {
		if (constraints->items[i]->kind == NODE_SCALAR)
			read_constraint(l, s, constraints->items[i]);
	}
	s->per_node = read_int(placement, "max_replicas_per_node", 0);
	read_spread(l, s, placement);
	read_rules(l, s, "near", false);
	read_rules(l, s, "apart", true);
	read_select(l, s, read_map(l->root, "x-berth"));
	read_select(l, s, s->berth);
	if (s->select && strlen(s->select) > EXPR_TEXT_MAX)
		message_error(l, s->node, "its constraints and select together are longer than %d bytes",
			      EXPR_TEXT_MAX);
}
