/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what the store says about itself as JSON, the same for the commands that open it and for the API.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/wire/json.h"
#include "node/image/image.h"
#include "node/image/prune.h"

/* {"name", "id", "digest", "platform", "size" (bytes of the layers' tars), "created_ms", "layers" (diff ids, hex)} */
void report_image(yyjson_mut_doc *doc, yyjson_mut_val *o, const struct image_info *i);
/* A list of them, each with "erofs" if it has such a file (its bytes); all: with those that have no name. The text is the caller's. */
char *report_images(struct image_store *s, bool all);

/* One image: the members above, and "names", "index", "erofs" (bytes of its EROFS file, if it has one), "parts" (of each layer: "diff_id", "size", "files", and as far as they are known "packed",
 * "packed_size", "media_type", "from"), "config" and "manifest", the documents as they are. */
int report_inspect(struct image_store *s, const char *name, char **ret, struct err *err);

/* {"images": [names], "layers": n, "bytes": n} */
char *report_pruned(const struct image_pruned *p);

/* A directory of the data directory that is a part of its own and not the store's: what its owner knows of it. */
struct report_part {
	const char *name;
	uint64_t count, reclaimable; /* UINT64_MAX: all of it */
};
#define REPORT_PARTS_MAX 4u

/* `others` NULL: "registry" and "mirror" (berth registry's), all of the second reclaimable.
 * Bytes on the disk of everything below the data directory: {"images": [{"name", "id", "bytes", "unique"}], "parts": [{"what", "count", "bytes",
 * "reclaimable"}], "bytes"}. The parts add up to "bytes", which is what du says of the directory. */
int report_usage(struct image_store *s, int data_dir, const struct report_part *others, size_t n_others, char **ret,
		 struct err *err);
