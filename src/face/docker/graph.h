/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: the member GraphDriver of inspect: where the files of images and containers lie. Told is what is there: an image that is one file (EROFS) has
 * no directories; of a container that runs, MergedDir is its root as its first process sees it.
 */
#pragma once

#include "face/docker/container.h"

/* layers: diff ids, the lowest first, with or without "sha256:". */
void graph_image(const struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *layers);
void graph_container(const struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c,
		     const struct container_doc *doc);
