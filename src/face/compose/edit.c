/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/edit.h"

#include "face/compose/loader.h"

#include <string.h>

static struct node *new_at(struct loader *l, const struct node *at, enum node_kind kind)
{
	struct node *n = node_new(&l->arena, kind, at->line, at->column);

	n->file = at->file;
	return n;
}

struct node *edit_text(struct loader *l, const struct node *at, const char *text)
{
	struct node *n = new_at(l, at, NODE_SCALAR);

	n->text = arena_strdup(&l->arena, text);
	return n;
}

struct node *edit_plain(struct loader *l, const struct node *at, const char *text)
{
	struct node *n = edit_text(l, at, text);

	n->plain = true;
	return n;
}

struct node *edit_map(struct loader *l, const struct node *at)
{
	return new_at(l, at, NODE_MAP);
}

void edit_put(struct loader *l, struct node *map, const char *key, struct node *value)
{
	struct node *old = node_get(map, key);

	if (!old) {
		node_add(&l->arena, map, edit_text(l, value, key), value);
		return;
	}
	value->key = old->key;
	value->parent = map;
	value->index = old->index;
	map->items[old->index] = value;
}

void edit_remove_at(struct node *parent, size_t index)
{
	parent->n--;
	for (size_t i = index; i < parent->n; i++) {
		parent->items[i] = parent->items[i + 1];
		parent->items[i]->index = i;
	}
}

void edit_remove(struct node *map, const char *key)
{
	struct node *n = node_get(map, key);

	if (n)
		edit_remove_at(map, n->index);
}

void edit_become(struct node *n, enum node_kind kind)
{
	n->kind = kind;
	n->items = NULL;
	n->n = n->cap = 0;
	n->plain = n->interpolated = false;
}

void edit_take(struct node *n, struct node *from)
{
	n->kind = from->kind;
	n->plain = from->plain;
	n->interpolated = from->interpolated;
	n->tag = from->tag;
	n->line = from->line;
	n->column = from->column;
	n->file = from->file;
	n->text = from->text;
	n->bad = from->bad;
	n->items = from->items;
	n->n = from->n;
	n->cap = from->cap;
	for (size_t i = 0; i < n->n; i++)
		n->items[i]->parent = n;
}

bool edit_equal(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == NODE_SCALAR)
		return node_is_null(a) == node_is_null(b) && strcmp(a->text, b->text) == 0;
	for (size_t i = 0; i < a->n; i++) {
		const struct node *other = a->kind == NODE_MAP ? node_get(b, a->items[i]->key->text) : b->items[i];

		if (!other || !edit_equal(a->items[i], other))
			return false;
	}
	return true;
}
