/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_impl: what cache.c and cache_collect.c share.
 */
#pragma once

#include "node/build/cache.h"

struct cache {
	struct image_store *store;
	int dir, records, contents, mounts, running;
};

struct cache_record {
	char layer[65];
	uint64_t size;
	int64_t used_s;
	bool imported;
};

bool cache_is_hex(const char *s);
/* 1 read, 0 not there or damaged. */
int cache_record_read(struct cache *c, const char *key, struct cache_record *ret);
