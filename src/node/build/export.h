/* SPDX-License-Identifier: Apache-2.0
 *
 * export: the documents of an image that is made of layers of the store.
 */
#pragma once

#include <stddef.h>

struct err;
struct image_store;

/* The manifest for a config and its layers (diff ids, hex, bottom first): each as it came from a registry, or as its plain tar. The text is the
 * caller's. */
int export_manifest(struct image_store *s, char *const *layers, const char *config, size_t n_config, char **ret,
		    size_t *ret_n, struct err *err);
