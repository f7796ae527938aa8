/* SPDX-License-Identifier: Apache-2.0
 *
 * load_impl: what load.c (images), load_oci.c and load_docker.c (the two kinds of archives) share.
 */
#pragma once

#include "node/image/bundle.h"
#include "node/image/lease.h"
#include "node/image/load.h"
#include "node/image/oci_layout.h"

#include <stdint.h>

struct load {
	struct image_store *store;
	struct image_lease *lease;
	struct bundle *bundle;
	const struct image_load_options *o;
	struct image_loads *loads;
	struct platform platform;
};

/* A layer of the bundle that the image's config calls diff_hex. blob: its digest, size and media type where the archive says them, else
 * NULL. *ret_size: of its tar. */
int load_layer(struct load *l, const char *member, const struct oci_blob *blob, const char *diff_hex,
	       uint64_t *ret_size, struct err *err);
/* Whether an image with this config may come. */
int load_may_come(const struct load *l, const char *config_hex, struct err *err);
/* The image's layers are there: it gets its documents and its name. names may be NULL. */
int load_commit(struct load *l, const struct image_docs *docs, const char *config_hex, char *const *names,
		struct err *err);

int load_oci(struct load *l, struct err *err);
int load_docker(struct load *l, struct err *err);
