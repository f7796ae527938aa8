/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_cache.h"

#include "base/core/map.h"
#include "base/core/mem.h"

#include <string.h>

struct entry {
	struct entry *newer, *older;
	char *key;
	int64_t since_ms, until_ms;
	size_t n, cost;
	unsigned char packet[];
};

struct dns_cache {
	struct map by_key;
	struct entry *newest, *oldest; /* by when they were asked for */
	size_t bytes, entries_max, bytes_max;
};

struct dns_cache *dns_cache_new(size_t entries_max, size_t bytes_max)
{
	struct dns_cache *c = mem_new(struct dns_cache);

	c->entries_max = entries_max;
	c->bytes_max = bytes_max;
	return c;
}

static void unlink_entry(struct dns_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void link_newest(struct dns_cache *c, struct entry *e)
{
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void drop(struct dns_cache *c, struct entry *e)
{
	map_remove(&c->by_key, e->key);
	unlink_entry(c, e);
	c->bytes -= e->cost;
	free(e->key);
	free(e);
}

struct dns_cache *dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return NULL;
	while (c->oldest)
		drop(c, c->oldest);
	map_free(&c->by_key);
	free(c);
	return NULL;
}

void dns_cache_put(struct dns_cache *c, const char *key, const void *packet, size_t n, uint32_t ttl, int64_t now_ms)
{
	size_t cost = sizeof(struct entry) + n + 2 * (strlen(key) + 1) + sizeof(struct map_slot);
	struct entry *e;

	if (ttl == 0 || n > DNS_CACHE_ANSWER_MAX || cost > c->bytes_max || c->entries_max == 0)
		return;
	e = map_get(&c->by_key, key);
	if (e)
		drop(c, e);
	while (c->oldest && (c->by_key.n >= c->entries_max || c->bytes + cost > c->bytes_max))
		drop(c, c->oldest);
	e = mem_zalloc(1, sizeof *e + n);
	e->key = mem_strdup(key);
	e->since_ms = now_ms;
	e->until_ms = now_ms + (int64_t)ttl * 1000;
	e->n = n;
	e->cost = cost;
	memcpy(e->packet, packet, n);
	map_put(&c->by_key, key, e);
	link_newest(c, e);
	c->bytes += cost;
}

const void *dns_cache_get(struct dns_cache *c, const char *key, int64_t now_ms, size_t *ret_len, uint32_t *ret_age)
{
	struct entry *e = map_get(&c->by_key, key);

	if (!e)
		return NULL;
	if (now_ms >= e->until_ms) {
		drop(c, e);
		return NULL;
	}
	unlink_entry(c, e);
	link_newest(c, e);
	*ret_len = e->n;
	*ret_age = (uint32_t)((now_ms - e->since_ms) / 1000);
	return e->packet;
}

size_t dns_cache_entries(const struct dns_cache *c)
{
	return c->by_key.n;
}

size_t dns_cache_bytes(const struct dns_cache *c)
{
	return c->bytes;
}
