/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/unite.h"

#include "base/core/map.h"
#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/model.h"

#include <string.h>

static void unite_named(struct loader *l, struct node *base, struct node *over, const struct model *m);

static bool has_text(const struct node *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i]->kind == NODE_SCALAR && strcmp(list->items[i]->text, text) == 0)
			return true;
	return false;
}

static void append(struct loader *l, struct node *base, struct node *over, const struct model *m)
{
	for (size_t i = 0; i < over->n; i++) {
		if (m && m->type == MODEL_HOSTS && has_text(base, over->items[i]->text))
			continue;
		node_add(&l->arena, base, NULL, over->items[i]);
	}
}

/* A value of the wrong type was told already. */
static void tell_other_kind(struct loader *l, const struct node *base, const struct node *over)
{
	if (l->messages->n_errors == 0)
		message_error(l, over, "%s stands here, but an earlier file has %s", node_what(&l->arena, over),
			      node_what(&l->arena, base));
}

/* Neither is null or tagged. */
static void unite_value(struct loader *l, struct node *base, struct node *over, const struct model *m)
{
	bool replaced = over->kind == NODE_SCALAR || base->kind == NODE_SCALAR || (m && (m->flags & MODEL_REPLACE));

	if (base->kind != over->kind && !(m && (m->flags & MODEL_REPLACE)) && base->kind != NODE_SCALAR)
		tell_other_kind(l, base, over);
	else if (replaced)
		edit_take(base, over);
	else if (m && m->unite)
		m->unite(l, base, over, m);
	else if (over->kind == NODE_LIST)
		append(l, base, over, m);
	else if (m && m->type == MODEL_NAMED)
		unite_named(l, base, over, m);
	else if (m && m->type == MODEL_ULIMITS)
		unite_named(l, base, over, NULL);
	else
		unite_maps(l, base, over, m && m->type == MODEL_OBJECT ? m->fields : NULL);
}

static void unite_key(struct loader *l, struct node *base, struct node *over, const struct model *m)
{
	struct node *old = node_get(base, over->key->text);

	if (over->tag == NODE_RESET) {
		edit_remove(base, over->key->text);
	} else if (!old) {
		node_add(&l->arena, base, over->key, over);
	} else if (over->tag == NODE_OVERRIDE || node_is_null(old)) {
		edit_take(old, over);
		old->tag = NODE_UNTAGGED;
	} else if (!node_is_null(over)) {
		unite_value(l, old, over, m);
	} else if (m && (m->flags & MODEL_REPLACE)) {
		edit_take(old, over);
	}
}

/* Any names, each with an object; ulimits (m NULL) are replaced one by one. */
static void unite_named(struct loader *l, struct node *base, struct node *over, const struct model *m)
{
	const struct model one = {.name = "",
				  .type = m ? MODEL_OBJECT : MODEL_ANY,
				  .flags = m ? 0 : MODEL_REPLACE,
				  .fields = m ? m->fields : NULL};

	for (size_t i = 0; base->kind == NODE_MAP && over->kind == NODE_MAP && i < over->n; i++)
		unite_key(l, base, over->items[i], &one);
}

void unite_maps(struct loader *l, struct node *base, struct node *over, const struct model *table)
{
	for (size_t i = 0; base->kind == NODE_MAP && over->kind == NODE_MAP && i < over->n; i++)
		unite_key(l, base, over->items[i], model_find(table, over->items[i]->key->text));
}

/* ---- identities ---- */

static const char *identity(struct loader *l, const struct node *n, const struct model *m)
{
	if (m->identity)
		return n->kind == NODE_MAP ? m->identity(l, n) : NULL;
	if (n->kind != NODE_SCALAR)
		return NULL;
	return arena_strndup(&l->arena, n->text, strcspn(n->text, "="));
}

static void drop_earlier(struct loader *l, struct node *list, const struct model *m)
{
	struct map seen = MAP_INIT;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct node *n = list->items[i], *first;
		const char *same = identity(l, n, m);

		first = same ? map_get(&seen, same) : NULL;
		if (!first) {
			if (same)
				map_put(&seen, same, n);
			n->index = kept;
			list->items[kept++] = n;
		} else if (m->flags & MODEL_UNITE) {
			unite_maps(l, first, n, m->fields);
		} else {
			edit_take(first, n);
		}
	}
	list->n = kept;
	map_free(&seen);
}

/* A !reset that found nothing to remove. */
static void drop_resets(struct node *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n; i++) {
		if (n->items[i]->tag == NODE_RESET)
			continue;
		n->items[i]->tag = NODE_UNTAGGED;
		n->items[i]->index = kept;
		n->items[i]->parent = n;
		n->items[kept++] = n->items[i];
	}
	n->n = kept;
}

static void finish_value(struct loader *l, struct node *n, const struct model *m)
{
	drop_resets(n);
	if (n->kind == NODE_LIST && (m->identity || (m->flags & MODEL_SET)))
		drop_earlier(l, n, m);
	if (m->type == MODEL_OBJECT)
		unite_finish(l, n, m->fields);
	for (size_t i = 0; (m->type == MODEL_NAMED || m->type == MODEL_OBJECTS) && i < n->n; i++)
		unite_finish(l, n->items[i], m->fields);
}

void unite_finish(struct loader *l, struct node *n, const struct model *table)
{
	if (n->kind != NODE_MAP)
		return;
	drop_resets(n);
	for (size_t i = 0; i < n->n; i++) {
		const struct model *m = model_find(table, n->items[i]->key->text);

		if (m)
			finish_value(l, n->items[i], m);
	}
}
