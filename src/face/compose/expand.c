/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/expand.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/model.h"
#include "face/compose/read.h"
#include "face/compose/unite.h"

#include <string.h>

void expand_depends(struct loader *l, struct node *n)
{
	struct node **items = n->items, *one;
	size_t count = n->n;

	if (n->kind != NODE_LIST)
		return;
	for (size_t i = 0; i < count; i++)
		if (items[i]->kind != NODE_SCALAR)
			return;
	edit_become(n, NODE_MAP);
	for (size_t i = 0; i < count; i++) {
		one = edit_map(l, items[i]);
		edit_put(l, one, "condition", edit_text(l, one, "service_started"));
		edit_put(l, one, "required", edit_plain(l, one, "true"));
		edit_put(l, n, items[i]->text, one);
	}
}

static void one_device(struct loader *l, struct node *n)
{
	char *source = n->text, *target = strchr(source, ':'), *permissions = target ? strchr(target + 1, ':') : NULL;

	if (!*source || target == source || (permissions && strchr(permissions + 1, ':'))) {
		message_error(l, n, "SOURCE, SOURCE:TARGET or SOURCE:TARGET:PERMISSIONS is needed, not \"%s\"", source);
		n->bad = n->text;
		return;
	}
	source = arena_strndup(&l->arena, source, target ? (size_t)(target - source) : strlen(source));
	if (target)
		target = arena_strndup(&l->arena, target + 1,
				       permissions ? (size_t)(permissions - target - 1) : strlen(target + 1));
	edit_become(n, NODE_MAP);
	edit_put(l, n, "source", edit_text(l, n, source));
	edit_put(l, n, "target", edit_text(l, n, target && *target ? target : source));
	edit_put(l, n, "permissions", edit_text(l, n, permissions ? permissions + 1 : "rwm"));
}

void expand_device(struct loader *l, struct node *n)
{
	for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
		if (n->items[i]->kind == NODE_SCALAR && !loader_is_open(l, n->items[i]))
			one_device(l, n->items[i]);
}

/* `n` becomes a list whose only item is what it was. */
static void wrap(struct loader *l, struct node *n)
{
	struct node *item = edit_text(l, n, "");

	edit_take(item, n);
	item->tag = NODE_UNTAGGED;
	edit_become(n, NODE_LIST);
	node_add(&l->arena, n, NULL, item);
}

void expand_env_file(struct loader *l, struct node *n)
{
	if (n->kind == NODE_SCALAR)
		wrap(l, n);
}

void expand_gpus(struct loader *l, struct node *n)
{
	struct node *one;

	if (n->kind != NODE_SCALAR || strcmp(n->text, "all") != 0)
		return;
	one = edit_map(l, n);
	edit_put(l, one, "count", edit_text(l, n, "all"));
	edit_become(n, NODE_LIST);
	node_add(&l->arena, n, NULL, one);
}

const char *expand_target_identity(struct loader *l, const struct node *n)
{
	(void)l;
	return read_str(n, "target", NULL);
}

const char *expand_path_identity(struct loader *l, const struct node *n)
{
	(void)l;
	return read_str(n, "path", NULL);
}

const char *expand_pool_identity(struct loader *l, const struct node *n)
{
	(void)l;
	return read_str(n, "subnet", NULL);
}

static const char *mounted_at(struct loader *l, const struct node *n, const char *directory)
{
	const char *target = read_str(n, "target", NULL);

	return target ? target : arena_printf(&l->arena, "%s/%s", directory, read_str(n, "source", ""));
}

const char *expand_config_identity(struct loader *l, const struct node *n)
{
	return mounted_at(l, n, "");
}

const char *expand_secret_identity(struct loader *l, const struct node *n)
{
	return mounted_at(l, n, "/run/secrets");
}

void expand_unite_logging(struct loader *l, struct node *base, struct node *over, const struct model *m)
{
	const char *a = read_str(base, "driver", NULL), *b = read_str(over, "driver", NULL);

	if (a && b && strcmp(a, b) != 0)
		edit_take(base, over);
	else
		unite_maps(l, base, over, m->fields);
}
