/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_cache: answers of other servers, kept as long as they may be; both those that tell of something and those that tell that there is
 * nothing. Pure: the time comes in. It has a limit of entries and of bytes; the one that was not asked for the longest goes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dns_cache;

#define DNS_CACHE_ANSWER_MAX 16384 /* longer ones are not kept */

struct dns_cache *dns_cache_new(size_t entries_max, size_t bytes_max);
struct dns_cache *dns_cache_free(struct dns_cache *c);

/* Keeps a copy for `ttl` seconds; 0 does nothing. */
void dns_cache_put(struct dns_cache *c, const char *key, const void *packet, size_t n, uint32_t ttl, int64_t now_ms);
/* The packet, valid until the next call, and how many seconds it has been here; NULL = it is not here or is too old. */
const void *dns_cache_get(struct dns_cache *c, const char *key, int64_t now_ms, size_t *ret_len, uint32_t *ret_age);

size_t dns_cache_entries(const struct dns_cache *c);
size_t dns_cache_bytes(const struct dns_cache *c);
