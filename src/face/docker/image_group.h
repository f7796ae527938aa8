/* SPDX-License-Identifier: Apache-2.0
 *
 * image_group: images as Docker counts them: one for each id, with all its names.
 */
#pragma once

#include <stddef.h>

#include "base/wire/json.h"
#include "node/image/image.h"

struct image_group {
	const struct image_info *info; /* one of those with the id */
	char **tags, **digests;	       /* "busybox:latest"; "busybox@sha256:..." */
};
struct image_groups {
	struct image_info **list; /* of the store: what the groups point to */
	struct image_group *v;
	size_t n, cap;
};
/* Of all images of the store; newest first. */
struct image_groups image_groups_of(struct image_store *s);
void image_groups_free(struct image_groups *g);
/* The group of one id, or NULL. */
const struct image_group *image_groups_find(const struct image_groups *g, const char *id);
/* "RepoTags" and "RepoDigests". */
void image_group_names(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_group *g);
/* "a=b" -> {"a": "b"}, as the member "Labels". */
void image_group_labels(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_group *g);
