/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the two JSON documents of an image, OCI image-spec 1.1: the manifest (manifest.md) and the config (config.md). Reading is for
 * untrusted text: sizes, counts and lengths have limits, digests one grammar, strings no NUL, keys that matter appear once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "node/image/image.h"

#define CONFIG_BYTES_MAX (4u << 20)
#define CONFIG_LAYERS_MAX 127u /* what overlay can stack, and what docker allows */

/* One layer: an uncompressed tar, whose digest is its diff id. The text is the caller's. */
char *config_manifest_text(const char *config_hex, size_t config_size, const struct image_unpacked *u, size_t *ret_len);

/* Everything of an image_info but name, id, digest and size. */
int config_parse(const char *text, size_t n, struct image_info **ret, struct err *err);
/* The config of an imported root filesystem; -EINVAL for options that config_parse() would refuse. */
int config_text(const struct image_unpacked *u, const struct image_import_options *o, int64_t created_ms, char **ret,
		size_t *ret_len, struct err *err);
