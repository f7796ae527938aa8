/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: the bytes of a blob as a registry has them, for those who need the compressed form of a layer again.
 */
#pragma once

#include <stdint.h>

#include "node/image/sink.h"

struct err;

/* `from`: "lab.example:5000/team/app" (image_layer_meta.from). Into the sink as they come; the digest is compared at the end: nothing may be
 * used before this has returned 0. Blocks. */
int registry_fetch_blob(const char *from, const char *hex, uint64_t size, const struct sink *to, struct err *err);
