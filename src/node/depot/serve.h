/* SPDX-License-Identifier: Apache-2.0
 *
 * serve: the registry as a server, the OCI distribution protocol 1.1 over a depot (docs/REGISTRY.md). One loop; disk and passwords on helper threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

struct serve_options {
	const char *data;		/* directory of the depot, absolute */
	const char *address;		/* HOST:PORT */
	const char *tls_cert, *tls_key; /* PEM files; NULL = plain HTTP */
	const char *tls_client_ca;	/* clients must have a certificate of it; NULL = need none */
	const char *htpasswd;		/* file of users; NULL = none */
	const char *token_realm, *token_service, *token_issuer, *token_keys; /* all or none */
	bool anonymous_pull;						     /* reading needs no login */
	bool read_only, deletes;
	uint64_t blob_max, quota; /* bytes; quota 0 = none */
	unsigned uploads_max, connections;
	int64_t patience_ms; /* with a client that says or takes nothing */
	int64_t upload_ttl_ms;
	int64_t gc_every_ms; /* 0 = never by itself */
	int64_t gc_grace_ms;
	const char *mirror;	/* the registry that is mirrored; NULL = images of its own */
	int64_t mirror_keep_ms; /* what nobody asks for so long is forgotten; 0 = only by the quota */
};

/* Serves until SIGTERM or SIGINT. `ready` (may be NULL) is called with the address when it listens. */
int serve_run(const struct serve_options *o, void (*ready)(void *ctx, const char *address), void *ctx, struct err *err);
