/* SPDX-License-Identifier: Apache-2.0
 *
 * remote: a registry with all servers that speak for it, and the documents that are fetched from it whole: manifests, configs, lists of tags.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/registry/hosts.h"
#include "node/registry/name.h"
#include "node/registry/session.h"

struct remote {
	struct transport *transport;
	struct hosts hosts;
	struct endpoint *endpoints;
	struct session **sessions; /* one for each endpoint */
	size_t n;
};
#define REMOTE_INIT                                                                                                    \
	{                                                                                                              \
		.transport = NULL                                                                                      \
	}

/* `mirrors`: they may be asked, too (pulling). */
int remote_open(const char *registry, bool mirrors, struct remote *ret, struct err *err);
void remote_close(struct remote *r);

/* A document: its bytes, what the server called it, its digest (computed), and which of the sessions it came from. */
struct remote_document {
	char *text;
	size_t n;
	char *media_type; /* NULL = it did not say */
	char digest[65];  /* hex */
	size_t from;
};
void remote_document_free(struct remote_document *d);

/* By tag or by "sha256:<hex>", which is compared. All servers are asked in their order, from the first one. */
int remote_manifest(struct remote *r, const char *repo, const char *reference, struct remote_document *ret,
		    struct err *err);
/* A blob of at most `max` bytes; its digest and size are compared. */
int remote_blob(struct remote *r, const char *repo, const char *hex, uint64_t size, size_t max,
		struct remote_document *ret, struct err *err);
/* All tags of a repository (paged), at most REMOTE_TAGS_MAX; the NULL-terminated array is the caller's. */
#define REMOTE_TAGS_MAX 10000u
int remote_tags(struct remote *r, const char *repo, char ***ret, struct err *err);

/* "repository:NAME:pull", new memory. */
char *remote_scope(const char *repo, const char *actions);
