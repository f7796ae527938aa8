/* SPDX-License-Identifier: Apache-2.0
 *
 * document: what a registry has to know of a manifest or an index: its media type, what it refers to, and whom it belongs to. Unlike
 * the image store it takes any artifact; it never looks into configs or layers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#include "node/depot/depot_name.h"

struct buf;
struct err;

#define DOCUMENT_MAX (4u << 20)
#define DOCUMENT_REFS_MAX 20000u

struct document_ref {
	struct depot_digest digest;
	bool manifest;	/* a manifest of an index; else a blob */
	bool elsewhere; /* a foreign layer, which no registry has to hold */
};

struct document {
	yyjson_doc *json;
	const char *media_type;	   /* static */
	const char *artifact_type; /* NULL = none */
	struct document_ref *refs;
	size_t n_refs;
	struct depot_digest subject;
	bool has_subject, index;
};

/* `content_type` is what the client called it, NULL = go by the text alone (which must then have been accepted before). -EINVAL: no manifest,
 * -ENOTSUP: a media type that is not known here. */
int document_parse(const char *text, size_t n, const char *content_type, struct document *ret, struct err *err);
void document_free(struct document *d);

/* "Accept: ..." with every media type that is known here; new memory. */
char *document_accept(void);

/* The descriptor that the referrers list of its subject shows. */
void document_descriptor(const struct document *d, const struct depot_digest *digest, size_t size, struct buf *out);
