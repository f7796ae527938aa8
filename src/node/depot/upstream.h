/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream: the registry that a mirror speaks for, as the mirror asks it. All calls wait for the network: from helper threads, several at once.
 * Where it is, how it is trusted and who we are there says the same configuration that `berth pull` reads (hosts.h, docker_config.h), but for the
 * mirrors that it names: one of them may be we.
 *
 * What comes is checked before anybody gets it: a manifest has the digest that was asked for and at most DOCUMENT_MAX bytes, a blob its digest and
 * no more bytes than it may. Errors: -ENOENT upstream does not have it, -EACCES we may not have it, -EBUSY we asked too often, -ECANCELED
 * nobody wants it any more; anything else means that it cannot be had now.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/depot/depot_name.h"

struct buf;
struct err;
struct upstream;

/* `registry`: "docker.io", "lab.example:5000", "https://lab.example". -EINVAL; -ENOSYS: no libcurl. */
int upstream_new(const char *registry, struct upstream **ret, struct err *err);
/* What runs ends within a second; from any thread. */
void upstream_stop(struct upstream *u);
struct upstream *upstream_free(struct upstream *u); /* nothing may run; takes NULL */
const char *upstream_name(const struct upstream *u);

struct upstream_ask {
	const char *repo;
	bool hurry;			   /* there is another answer: one try, a few seconds */
	bool (*unwanted)(const void *ctx); /* true: it ends. NULL = it is wanted */
	const void *ctx;
};

struct upstream_manifest {
	char *text, *media_type; /* NULL = it was not said */
	size_t n;
	struct depot_digest digest;
};
void upstream_manifest_free(struct upstream_manifest *m);

/* The digest that a tag has now. -ENODATA: the registry does not tell without sending it. */
int upstream_tag(struct upstream *u, const struct upstream_ask *a, const char *tag, struct depot_digest *ret,
		 struct err *err);
/* By `tag`, or by `digest` when that is not NULL. */
int upstream_manifest(struct upstream *u, const struct upstream_ask *a, const char *tag,
		      const struct depot_digest *digest, struct upstream_manifest *ret, struct err *err);
int upstream_blob_size(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		       uint64_t *ret, struct err *err);

struct upstream_blob {
	uint64_t max;
	void (*sized)(void *ctx, uint64_t size); /* before the first byte, when the registry says it */
	int (*write)(void *ctx, const void *data, size_t n, struct err *err);
	void *ctx;
	uint64_t size; /* how many came */
};
/* -EBADMSG: it has another digest than the one that was asked for. */
int upstream_blob(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		  struct upstream_blob *b, struct err *err);
/* Sorted by strcmp, NULL-terminated, the caller's. */
int upstream_tags(struct upstream *u, const struct upstream_ask *a, char ***ret, struct err *err);
/* The index of what refers to a digest, as it came: JSON with a list "manifests". */
int upstream_referrers(struct upstream *u, const struct upstream_ask *a, const struct depot_digest *digest,
		       struct buf *out, struct err *err);
