/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/node.h"

#include "base/core/buf.h"
#include "face/compose/arena.h"
#include "face/compose/scalar.h"

#include <string.h>

struct node *node_new(struct arena *a, enum node_kind kind, int line, int column)
{
	struct node *n = arena_new(a, struct node);

	n->kind = kind;
	n->line = line;
	n->column = column;
	if (kind == NODE_SCALAR)
		n->text = arena_strndup(a, "", 0);
	return n;
}

void node_add(struct arena *a, struct node *parent, struct node *key, struct node *child)
{
	arena_grow(a, &parent->items, &parent->cap, parent->n);
	child->key = key;
	child->parent = parent;
	child->index = parent->n;
	parent->items[parent->n++] = child;
}

struct node *node_get(const struct node *n, const char *key)
{
	if (!n || n->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->items[i]->key->text, key) == 0)
			return n->items[i];
	return NULL;
}

struct node *node_value(const struct node *n, const char *key)
{
	struct node *v = node_get(n, key);

	return v && node_is_null(v) ? NULL : v;
}

struct node *node_copy(struct arena *a, const struct node *n, size_t *budget)
{
	struct node *copy;

	if (*budget == 0)
		return NULL;
	(*budget)--;
	copy = node_new(a, n->kind, n->line, n->column);
	copy->plain = n->plain;
	copy->interpolated = n->interpolated;
	copy->bad = n->bad;
	copy->tag = n->tag;
	copy->file = n->file;
	if (n->kind == NODE_SCALAR)
		copy->text = n->text;
	for (size_t i = 0; i < n->n; i++) {
		struct node *child = node_copy(a, n->items[i], budget);

		if (!child)
			return NULL;
		node_add(a, copy, n->items[i]->key, child);
	}
	return copy;
}

void node_link(struct node *n)
{
	for (size_t i = 0; i < n->n; i++) {
		n->items[i]->parent = n;
		n->items[i]->index = i;
		node_link(n->items[i]);
	}
}

static void add_path(struct buf *b, const struct node *top, const struct node *n)
{
	if (n == top || !n->parent)
		return;
	add_path(b, top, n->parent);
	if (b->len)
		buf_addc(b, '.');
	/* An item of a list that is being made a map has no key yet. */
	if (n->parent->kind == NODE_MAP && n->key)
		buf_adds(b, n->key->text);
	else
		buf_printf(b, "%zu", n->index);
}

char *node_path_below(struct arena *a, const struct node *top, const struct node *n)
{
	struct buf b = BUF_LIMIT(4096);

	add_path(&b, top, n);
	if (!b.data)
		return arena_strndup(a, "", 0);
	return arena_own(a, buf_take(&b));
}

char *node_path(struct arena *a, const struct node *n)
{
	return node_path_below(a, NULL, n);
}

bool node_is_null(const struct node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (n->kind != NODE_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(n->text, words[i]) == 0)
			return true;
	return false;
}

char *node_what(struct arena *a, const struct node *n)
{
	double number;
	bool truth;

	if (n->kind == NODE_LIST)
		return arena_strdup(a, "a list");
	if (n->kind == NODE_MAP)
		return arena_strdup(a, "a map");
	if (node_is_null(n))
		return arena_strdup(a, "nothing");
	if (n->plain && scalar_bool(n->text, false, &truth))
		return arena_printf(a, "the boolean %s", n->text);
	if (n->plain && scalar_number(n->text, &number))
		return arena_printf(a, "the number %s", n->text);
	return arena_printf(a, "the string \"%.60s%s\"", n->text, strlen(n->text) > 60 ? "..." : "");
}
