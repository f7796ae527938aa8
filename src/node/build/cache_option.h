/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_option: one value of --cache-from or --cache-to, in BuildKit's words: "type=registry,ref=lab.example/app:cache,mode=max". A word without '='
 * is type=registry with it as ref.
 */
#pragma once

#include <stdbool.h>

#include "node/image/compress.h"

struct err;

enum cache_option_type { CACHE_REGISTRY, CACHE_LOCAL, CACHE_INLINE };

struct cache_option {
	enum cache_option_type type;
	bool plain;	   /* a word without '=' */
	bool stored;	   /* it is an image of the store, with or without a cache inside: set by whoever has looked */
	char *ref;	   /* of CACHE_REGISTRY */
	char *dir;	   /* of CACHE_LOCAL */
	char *tag;	   /* of CACHE_LOCAL; "latest" */
	char *digest;	   /* of CACHE_LOCAL, or NULL */
	bool max;	   /* mode=max: steps of all stages, not of the target's alone */
	bool ignore_error; /* of an export */
	enum compress_kind kind;
	int level;
	char *name; /* for people: the ref or the directory */
};
void cache_option_free(struct cache_option *o);

enum cache_option_use { CACHE_FROM, CACHE_TO };
int cache_option_parse(const char *text, enum cache_option_use use, struct cache_option *ret, struct err *err);
