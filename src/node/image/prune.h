/* SPDX-License-Identifier: Apache-2.0
 *
 * prune: removes images that nobody uses. What a lease is on stays.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/image.h"

struct image_prune_options {
	bool all;     /* images with names too; otherwise only those without one */
	bool dry_run; /* say what would go */
};
struct image_pruned {
	char **images;		  /* names; ids of those without one */
	char **gone;		  /* ids of which no name is left */
	uint64_t n_layers, bytes; /* on the disk */
};
int image_prune(struct image_store *s, const struct image_prune_options *o, struct image_pruned *ret, struct err *err);
void image_pruned_free(struct image_pruned *p);
