/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: the bytes of a blob as a registry has them, for those who need the compressed form of a layer again.
 */
#pragma once

#include <stdint.h>

#include "node/image/sink.h"

struct err;
struct image_store;

/* `from`: "lab.example:5000/team/app" (image_layer_meta.from). Into the sink as they come; the digest is compared at the end: nothing may be
 * used before this has returned 0. Blocks. */
int registry_fetch_blob(const char *from, const char *hex, uint64_t size, const struct sink *to, struct err *err);
/* The compressed form in which a layer of the store came. -ENODATA: it did not come from a registry. */
int registry_fetch_layer(struct image_store *s, const char *diff_hex, const struct sink *to, struct err *err);
