/* SPDX-License-Identifier: Apache-2.0
 *
 * why_select: which nodes a selection leaves out, by which of its parts, and which node is nearest to being selected.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

#define NODES_TOLD 3
#define PARTS_TOLD 4
#define VALUE_TOLD 40 /* bytes */

static void add_part(struct buf *b, const struct selection *sel, size_t part)
{
	size_t n;
	const char *text = expr_part_text(sel->expr, part, &n);

	buf_addc(b, '`');
	buf_add(b, text, n < 200 ? n : 200);
	buf_adds(b, n < 200 ? "`" : "...`");
}

/* "n1: hdd": what the node says where the part asks for one thing. */
static void add_node(struct buf *b, const struct selection *sel, size_t part, const struct node *n)
{
	const char *name = expr_part_name(sel->expr, part), *is;
	char buffer[32];

	buf_adds(b, n->name);
	if (!name || !strcmp(name, "hostname") || !strcmp(name, "id"))
		return;
	is = sched_node_fact(n, name, buffer);
	buf_printf(b, ": %.*s", VALUE_TOLD, is ? is : "not set");
}

static bool open(const struct node *n)
{
	return n->up && !n->closed;
}

static size_t failing(const struct sched *s, const struct selection *sel, size_t part)
{
	size_t n = 0;

	for (size_t k = 0; k < s->n_nodes; k++)
		n += open(s->nodes[k]) && !sched_selection_part(sel, part, s->nodes[k]);
	return n;
}

static void add_failing(struct buf *b, const struct sched *s, const struct selection *sel, size_t part, size_t n)
{
	size_t told = 0;

	buf_printf(b, "%zu fail%s ", n, n == 1 ? "s" : "");
	add_part(b, sel, part);
	buf_adds(b, " (");
	for (size_t k = 0; k < s->n_nodes && told < NODES_TOLD; k++) {
		if (!open(s->nodes[k]) || sched_selection_part(sel, part, s->nodes[k]))
			continue;
		buf_adds(b, told++ ? ", " : "");
		add_node(b, sel, part, s->nodes[k]);
	}
	buf_adds(b, n > NODES_TOLD ? ", ...)" : ")");
}

/* Nodes that are up, open, and left out. */
static size_t left_out(const struct sched *s, struct selection *sel, size_t *ret_open)
{
	size_t n = 0;

	*ret_open = 0;
	for (size_t k = 0; k < s->n_nodes; k++) {
		*ret_open += open(s->nodes[k]);
		n += open(s->nodes[k]) && !sched_selection_has(sel, s->nodes[k]);
	}
	return n;
}

/* The one that fails the fewest parts, when that is less than all of several. */
static void add_nearest(struct buf *b, const struct sched *s, const struct selection *sel)
{
	size_t parts = expr_parts(sel->expr), fewest = parts, last = 0, last_of_best = 0;
	const struct node *best = NULL;

	for (size_t k = 0; k < s->n_nodes; k++) {
		size_t fails = 0;

		for (size_t p = 0; open(s->nodes[k]) && p < parts; p++) {
			bool bad = !sched_selection_part(sel, p, s->nodes[k]);

			fails += bad;
			last = bad ? p : last;
		}
		if (!fails || fails >= fewest)
			continue;
		fewest = fails;
		last_of_best = last;
		best = s->nodes[k];
	}
	if (!best)
		return;
	buf_printf(b, "; nearest is node %s, which fails ", best->name);
	if (fewest > 1) {
		buf_printf(b, "%zu of the %zu parts", fewest, parts);
		return;
	}
	buf_adds(b, "only ");
	add_part(b, sel, last_of_best);
}

/* One that would do and is not there. */
static void add_absent(struct buf *b, const struct sched *s, struct selection *sel)
{
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];

		if (open(n) || !sched_selection_has(sel, n))
			continue;
		buf_printf(b, "; node %s would do and is %s", n->name, n->up ? "locked or being drained" : "down");
		return;
	}
}

void sched_why_select(const struct sched *s, const struct shape *sh, struct buf *b)
{
	struct selection *sel = sh->selection;
	size_t n_open, out = left_out(s, sel, &n_open), told = 0;
	const char *sep = ": ";

	if (!out)
		return;
	if (out < n_open)
		buf_printf(b, "; %zu other node%s not selected", out, out == 1 ? " is" : "s are");
	else
		buf_printf(b, "selects none of the %zu node%s that %s up", n_open, n_open == 1 ? "" : "s",
			   n_open == 1 ? "is" : "are");
	for (size_t p = 0; p < expr_parts(sel->expr) && told < PARTS_TOLD; p++) {
		size_t n = failing(s, sel, p);

		if (!n)
			continue;
		buf_adds(b, sep);
		add_failing(b, s, sel, p, n);
		sep = ", ";
		told++;
	}
	if (out == n_open) {
		add_nearest(b, s, sel);
		add_absent(b, s, sel);
	}
}
