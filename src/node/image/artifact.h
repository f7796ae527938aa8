/* SPDX-License-Identifier: Apache-2.0
 *
 * artifact: layers of the store with a config of any media type, under one name: an image, or something of ours that travels like one (a build
 * cache). Here: to and from an OCI layout in a directory. node/registry/artifact.h: to and from a registry.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/bundle.h"
#include "node/image/compress.h"
#include "node/image/manifest.h"
#include "node/image/oci_layout.h"
#include "node/image/sink.h"

struct image_store;

/* What was read: checked by manifest.h, the config by its size and digest only. */
struct artifact {
	struct manifest manifest;
	char *config;
	size_t n_config;
};
#define ARTIFACT_INIT                                                                                                  \
	{                                                                                                              \
		.config = NULL                                                                                         \
	}
void artifact_free(struct artifact *a);

/* The entry of index.json with this tag (annotation org.opencontainers.image.ref.name), or with this digest ("sha256:<hex>"), whatever its tag;
 * of an index the manifest for `want`. -ENOENT: there is none. */
int artifact_read(struct bundle *b, const char *tag, const char *digest, const struct platform *want,
		  struct artifact *ret, struct err *err);
/* The bytes of a layer of it as they are there: the reader checks the digest. */
int artifact_read_layer(struct bundle *b, const struct manifest_descriptor *d, const struct sink *to, struct err *err);

/* What is to be written. */
struct artifact_draft {
	const char *config_type, *config;
	size_t n_config;
	char *const *layers; /* diff ids (hex) of layers that are there and leased, NULL-terminated */
	enum compress_kind kind;
	int level; /* of layers that have to be packed; a blob that is there already is taken as it is */
};
/* Adds it to the layout in `dir` under the tag, which it takes from whatever had it; other entries stay. Blobs come before the documents that
 * name them, and index.json last and at once. */
int artifact_write(struct image_store *s, int dir, const char *tag, const struct artifact_draft *d, struct err *err);

/* ---- for both ways of writing ---- */

/* The blobs that a layer is known as: as it came from elsewhere, and as it was packed here with `kind` and can be packed again. hex "" = not
 * known. Their media types are constants. */
struct artifact_forms {
	struct oci_blob came, packed;
};
int artifact_forms(struct image_store *s, const char *diff_hex, enum compress_kind kind, struct artifact_forms *ret,
		   struct err *err);
const char *artifact_layer_type(enum compress_kind kind);
/* The manifest over its layers; new memory. */
char *artifact_manifest(const struct artifact_draft *d, const struct oci_blob *layers, size_t n, size_t *ret_len);
