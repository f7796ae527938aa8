/* SPDX-License-Identifier: Apache-2.0
 *
 * cache: what earlier builds made: build/ in the data directory.
 *
 *   records/<key>      the layer that a step with this key made: {"layer": diff id, "size": bytes of its tar}. The file's time is its last use.
 *                      "imported": true, when somebody else made it: then it answers nobody
 *   contents/<key>     the digest of files in a chain of layers, which never changes
 *   mounts/<id>.<n>/   RUN --mount=type=cache: fs/ is the directory, its own time the last use
 *   mounts/<id>.c<n>/ a directory of a client (client.h): fs/ is its copy, size how many bytes it has
 *   running/<id>       a container of a build that runs, locked by its build: what a build that was killed leaves is cleared by the next
 *   lock               byte ranges of it are the keys that somebody works on
 *   digests            digests.h
 *
 * Only what this machine built itself gets a record: an image that was pulled is never an answer, whatever its history claims (row B6).
 * The key holds the layers below, so a record answers for that very root alone.
 *
 * The records' layers are kept by a lasting lease of the store. A record whose layer is gone is no record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/image.h"
#include "node/image/lease.h"

struct cache;

#define CACHE_SIZE_DEFAULT (20ull << 30)
#define CACHE_AGE_DEFAULT_S (30 * 86400)

struct cache_limits {
	uint64_t size; /* bytes of layers and cache mounts */
	int64_t age_s; /* since the last use */
};

int cache_open(int data_dir, struct image_store *s, struct cache **ret, struct err *err);
struct cache *cache_close(struct cache *c);
int cache_dir(const struct cache *c); /* build/, for digests.h; the cache's */

/* 1: *ret_diff is leased now and there. */
int cache_find(struct cache *c, struct image_lease *lease, const char *key, char ret_diff[static 65]);
int cache_put(struct cache *c, const char *key, const struct image_unpacked *u, struct err *err);
/* Another's result (cache_from.h): its layer is kept and counted like one of ours, but cache_find() passes the record over. A record of our own
 * stays. The caller has the lock of the key. */
void cache_put_imported(struct cache *c, const char *key, const char *diff);

/* Digests of content that were computed before: 1 found, 0 not. */
int cache_content_find(struct cache *c, const char *key, char ret[static 65]);
void cache_content_put(struct cache *c, const char *key, const char *digest);

/* Waits until nobody else works on the key. Closing the descriptor lets it go, and so does the end of the process. */
int cache_lock(struct cache *c, const char *key, struct err *err);

/* A directory for RUN --mount=type=cache. *ret_lock holds it (and must outlive its use); *ret_new: it was just made, and is empty. */
enum cache_sharing { CACHE_SHARED, CACHE_PRIVATE, CACHE_LOCKED };
int cache_mount(struct cache *c, const char *id, enum cache_sharing sharing, int *ret_lock, bool *ret_new,
		struct err *err);

/* A directory for a copy of what a client has under this id, which closing the descriptor lets go. -EBUSY: too many use it. */
int cache_context(struct cache *c, const char *id, struct err *err);

/* Writes down that the container `id` runs: *ret_lock for its life. */
int cache_running(struct cache *c, const char *id, int *ret_lock, struct err *err);
void cache_ended(struct cache *c, const char *id);
/* Clears away containers whose build was killed. */
void cache_recover(struct cache *c);

/* Forgets what was not used for long, then the oldest until the rest is within the size, and leases what stays. What a running build uses is
 * leased by that build. */
int cache_collect(struct cache *c, const struct cache_limits *limits, struct err *err);
/* The same, and tells what was forgotten: the keys (NULL = none; the caller's) and the sum of their sizes. */
int cache_prune(struct cache *c, const struct cache_limits *limits, char ***ret_keys, uint64_t *ret_bytes,
		struct err *err);

/* What is kept, the oldest use first; the caller's. */
struct cache_use {
	char id[80];
	enum { CACHE_USE_STEP, CACHE_USE_MOUNT, CACHE_USE_CONTEXT } kind;
	bool shared; /* its layer is one of an image, too */
	uint64_t size;
	int64_t used_s;
};
void cache_uses(struct cache *c, struct cache_use **ret, size_t *ret_n);
