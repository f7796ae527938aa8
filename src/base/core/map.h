/* SPDX-License-Identifier: Apache-2.0
 *
 * map: string -> pointer, open addressing. The map owns copies of the keys, never the values. Iteration order is the order of the
 * table, not of insertion: where order matters (cluster/sched), keep a list beside it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	char *key;
	void *value;
	uint32_t hash;
};

struct map {
	struct map_slot *slots;
	size_t cap, n;
};

#define MAP_INIT                                                                                                       \
	{                                                                                                              \
		.slots = NULL                                                                                          \
	}

void *map_get(const struct map *m, const char *key);	    /* NULL when it is not there */
void *map_put(struct map *m, const char *key, void *value); /* returns the value it replaced, or NULL */
void *map_remove(struct map *m, const char *key);	    /* returns the value, or NULL */
void map_free(struct map *m);				    /* keys and table; not the values */

/* for (struct map_slot *s = NULL; (s = map_next(m, s));) ... do not change the map meanwhile */
struct map_slot *map_next(const struct map *m, struct map_slot *after);
