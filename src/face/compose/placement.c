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

void placement_read(struct loader *l, struct job_service *s)
{
	const struct node *placement = read_map(read_map(s->node, "deploy"), "placement");
	const struct node *constraints = read_list(placement, "constraints");

	for (size_t i = 0; constraints && i < constraints->n; i++) {
		if (constraints->items[i]->kind == NODE_SCALAR)
			read_constraint(l, s, constraints->items[i]);
	}
	read_select(l, s, read_map(l->root, "x-berth"));
	read_select(l, s, s->berth);
	if (s->select && strlen(s->select) > EXPR_TEXT_MAX)
		message_error(l, s->node, "its constraints and select together are longer than %d bytes",
			      EXPR_TEXT_MAX);
}
