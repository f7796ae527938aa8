/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/merge.h"

#include "base/core/map.h"
#include "face/compose/loader.h"

#include <string.h>

static bool is_merge_key(const struct node *key)
{
	return key->plain && strcmp(key->text, "<<") == 0;
}

/* Keeps the first of equal keys; `seen` has them all afterwards. */
static void drop_duplicates(struct loader *l, struct node *map, struct map *seen)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->n; i++) {
		struct node *value = map->items[i], *first = map_get(seen, value->key->text);

		if (first) {
			message_place_error(l, value->key->line, value->key->column,
					    "the key \"%s\" is there twice; the first is in line %d, column %d",
					    value->key->text, first->key->line, first->key->column);
			continue;
		}
		map_put(seen, value->key->text, value);
		map->items[kept++] = value;
	}
	map->n = kept;
}

static void add_missing(struct loader *l, struct node *map, const struct node *from, struct map *seen)
{
	for (size_t i = 0; i < from->n; i++) {
		struct node *value = from->items[i];

		if (map_get(seen, value->key->text))
			continue;
		map_put(seen, value->key->text, value);
		node_add(&l->arena, map, value->key, value);
	}
}

static void merge_value(struct loader *l, struct node *map, const struct node *value, struct map *seen)
{
	if (value->kind == NODE_MAP) {
		add_missing(l, map, value, seen);
		return;
	}
	message_place_error(l, value->line, value->column,
			    "\"<<\" needs a map or a list of maps, not %s; for example <<: *defaults",
			    node_what(&l->arena, value));
}

static struct node *take_merge(struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		struct node *value = map->items[i];

		if (!is_merge_key(value->key))
			continue;
		memmove(&map->items[i], &map->items[i + 1], (map->n - i - 1) * sizeof *map->items);
		map->n--;
		return value;
	}
	return NULL;
}

void merge_map(struct loader *l, struct node *map)
{
	struct map seen = MAP_INIT;
	struct node *merge;

	drop_duplicates(l, map, &seen);
	merge = take_merge(map);
	if (merge && merge->kind == NODE_LIST)
		for (size_t i = 0; i < merge->n; i++)
			merge_value(l, map, merge->items[i], &seen);
	else if (merge)
		merge_value(l, map, merge, &seen);
	map_free(&seen);
}
