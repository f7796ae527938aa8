/* SPDX-License-Identifier: Apache-2.0
 *
 * search: which repositories a registry has for a word. docker.io, and others that know its /v1/search, are asked for it; of a registry that
 * does not, the catalog (distribution-spec) is read and looked through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define REGISTRY_FOUND_MAX 1000u

struct registry_found {
	char *name; /* as `berth pull` takes it */
	char *description;
	int64_t stars; /* -1 = it has none to tell */
	bool official;
	char **tags; /* of a catalog: its tags; else NULL */
};
void registry_found_free(struct registry_found *f, size_t n);

/* `word` may be "" for all. At most `limit` come back. */
int registry_search(const char *registry, const char *word, size_t limit, struct registry_found **ret, size_t *ret_n,
		    struct err *err);

/* The answer of /v1/search, for tests. */
int registry_search_parse(const char *text, size_t n, const char *registry, size_t limit, struct registry_found **ret,
			  size_t *ret_n, struct err *err);
