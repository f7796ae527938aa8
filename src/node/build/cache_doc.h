/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_doc: the records of a build cache that travels (docs/formats/build-cache.md): which layer the step with a key made. Two forms: a document of
 * its own, which is the config of an artifact whose layers it names, and a member of an image's config, whose layers are the image's own.
 * Reading is for untrusted text. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define CACHE_DOC_TYPE "application/vnd.berth.build.cache.v1+json"
#define CACHE_DOC_MEMBER "io.berth.build.cache" /* of an image's config */
#define CACHE_DOC_BYTES_MAX (4u << 20)
#define CACHE_DOC_LAYERS_MAX 1000u
#define CACHE_DOC_RECORDS_MAX 20000u

struct cache_doc_record {
	char key[65];
	size_t layer; /* index */
};

struct cache_doc {
	char **layers; /* diff ids, hex */
	struct cache_doc_record *records;
	size_t n_layers, n, cap;
};
#define CACHE_DOC_INIT                                                                                                 \
	{                                                                                                              \
		.layers = NULL                                                                                         \
	}
void cache_doc_free(struct cache_doc *d);

/* A record with its layer, each once. False when there is no more room: what follows is left out. */
bool cache_doc_add(struct cache_doc *d, const char *key, const char *layer);
/* The document of an artifact; new memory. */
char *cache_doc_text(const struct cache_doc *d, size_t *ret_n);
/* The config of an image with the member; its layers must be those of *d in their order. Takes the text over. */
char *cache_doc_inline(const struct cache_doc *d, char *config, size_t *inout_n);

int cache_doc_parse(const char *text, size_t n, struct cache_doc *ret, struct err *err);
/* Of an image's config; -ENOENT: it has no such member. */
int cache_doc_parse_config(const char *config, size_t n, struct cache_doc *ret, struct err *err);

/* The record's layer, or -1. */
long cache_doc_find(const struct cache_doc *d, const char *key);
