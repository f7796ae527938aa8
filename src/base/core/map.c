/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/map.h"

#include "base/core/mem.h"
#include "base/core/random.h"

#include <stdbool.h>
#include <string.h>

/* FNV-1a from a random start, so that keys made by a user cannot be chosen to collide. */
static uint32_t hash_of(const char *key)
{
	static uint32_t start;
	uint32_t h;

	if (!start) {
		random_bytes(&start, sizeof start);
		start |= 1;
	}
	h = 2166136261u ^ start;
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 16777619u;
	return h;
}

static struct map_slot *find(const struct map *m, const char *key, uint32_t hash)
{
	size_t i;

	if (m->cap == 0)
		return NULL;
	for (i = hash & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
		if (m->slots[i].hash == hash && !strcmp(m->slots[i].key, key))
			break;
	}
	return &m->slots[i];
}

void *map_get(const struct map *m, const char *key)
{
	struct map_slot *s = find(m, key, hash_of(key));

	return s && s->key ? s->value : NULL;
}

static void insert_slot(struct map *m, struct map_slot slot)
{
	size_t i = slot.hash & (m->cap - 1);

	while (m->slots[i].key)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = slot;
}

static void grow(struct map *m)
{
	struct map bigger = {.cap = m->cap ? m->cap * 2 : 16, .n = m->n};

	bigger.slots = mem_new_n(struct map_slot, bigger.cap);
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slots[i].key)
			insert_slot(&bigger, m->slots[i]);
	}
	free(m->slots);
	*m = bigger;
}

void *map_put(struct map *m, const char *key, void *value)
{
	uint32_t hash = hash_of(key);
	struct map_slot *s;
	void *old;

	if (4 * (m->n + 1) > 3 * m->cap)
		grow(m);
	s = find(m, key, hash);
	if (!s->key) {
		*s = (struct map_slot){.key = mem_strdup(key), .value = value, .hash = hash};
		m->n++;
		return NULL;
	}
	old = s->value;
	s->value = value;
	return old;
}

/* Closes the gap: what follows in the same run is put in again. */
static void refill(struct map *m, size_t i)
{
	for (i = (i + 1) & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
		struct map_slot moved = m->slots[i];

		m->slots[i] = (struct map_slot){.key = NULL};
		insert_slot(m, moved);
	}
}

void *map_remove(struct map *m, const char *key)
{
	struct map_slot *s = find(m, key, hash_of(key));
	void *value;

	if (!s || !s->key)
		return NULL;
	value = s->value;
	free(s->key);
	*s = (struct map_slot){.key = NULL};
	m->n--;
	refill(m, (size_t)(s - m->slots));
	return value;
}

void map_free(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct map)MAP_INIT;
}

struct map_slot *map_next(const struct map *m, struct map_slot *after)
{
	size_t i = after ? (size_t)(after - m->slots) + 1 : 0;

	for (; i < m->cap; i++) {
		if (m->slots[i].key)
			return &m->slots[i];
	}
	return NULL;
}
