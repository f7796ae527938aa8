/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_from: caches that the user names by --cache-from. The documents are read before the build; a layer is fetched when its step is reached and
 * the machine has neither a result of its own nor the layer.
 *
 * What such a cache says is believed by the builds that name it, and by no other (row B6): see cache_put_imported(). All it can lead to is layers,
 * and their digests are checked while they are unpacked.
 */
#pragma once

#include <stddef.h>

#include "node/build/cache_option.h"
#include "node/image/image.h"
#include "node/image/lease.h"
#include "node/image/platform.h"

struct cache_from;

/* Takes the option over, also when it fails. */
int cache_from_open(struct image_store *s, struct cache_option *o, const struct platform *want, struct cache_from **ret,
		    struct err *err);
struct cache_from *cache_from_close(struct cache_from *c); /* takes NULL */

/* The diff id of the layer that the cache has for the step; NULL = none. */
const char *cache_from_find(const struct cache_from *c, const char *key);
/* Gets the layer of the record into the store; it is leased then. Blocks. */
int cache_from_fetch(struct cache_from *c, struct image_store *s, struct image_lease *lease, const char *key,
		     struct err *err);
