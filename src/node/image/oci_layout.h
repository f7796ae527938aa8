/* SPDX-License-Identifier: Apache-2.0
 *
 * oci_layout: the documents of an OCI image layout (image-spec 1.1, image-layout.md): index.json with the names of its images, and the
 * manifest of an image whose layers are what we say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/image/manifest.h"

#define OCI_LAYOUT_NAME "oci-layout"
#define OCI_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define OCI_INDEX_NAME "index.json"

struct oci_blob {
	const char *media_type;
	char hex[65];
	uint64_t size;
};

/* An OCI manifest; new memory. The same parts give the same bytes. */
char *oci_manifest_text(const struct oci_blob *config, const struct oci_blob *layers, size_t n, size_t *ret_len);

/* An image in index.json; names may be NULL (an image without one). */
struct oci_entry {
	struct oci_blob manifest;
	char **names; /* "busybox:latest" */
};
/* One entry for each name, with the annotations that docker ("io.containerd.image.name") and others ("org.opencontainers.image.ref.name")
 * read. */
char *oci_index_text(const struct oci_entry *entries, size_t n, size_t *ret_len);

/* The name that an entry of somebody's index.json asks for, as our store calls it; new memory, NULL = none. A bare tag is no name. */
char *oci_entry_name(const struct manifest_descriptor *d);

/* Whether an entry is meant by "sha256:<hex>", by its name, or by its tag alone. */
bool oci_entry_is(const struct manifest_descriptor *d, const char *reference);

/* "busybox:latest" <-> "docker.io/library/busybox:latest"; new memory. */
char *oci_name_long(const char *name);
char *oci_name_short(const char *name);
