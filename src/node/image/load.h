/* SPDX-License-Identifier: Apache-2.0
 *
 * load: images of an archive come into the store: an OCI layout (a tar or a directory), or what `docker save` writes (any version since
 * 1.10). Where a file is both, as Docker writes it since version 25, index.json counts.
 *
 * The archive is data: digests are checked, members are found by name in a table, layers are unpacked by confined workers. A name that
 * another image here has stays where it is unless `force` says otherwise (attacks I8 and I10): the loaded image is kept without the name
 * then, and the result says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/image.h"
#include "node/image/platform.h"
#include "node/image/progress.h"

struct image_load_options {
	bool force;	  /* names move from other images, which stay without, to those of the archive */
	const char *name; /* instead of the archive's own names; it must hold one image. NULL = its own */
	/* NULL, or the id ("sha256:...") that each image of the archive must have, or else it is refused before anything of it is unpacked; without `name` it
	 * gets none */
	const char *only;
	/* Of an OCI layout the one image that oci_entry_is() this (oci_layout.h); "" = the only one, or "latest". It gets no name. NULL = all, with
	 * theirs */
	const char *pick;
	const struct platform *platform; /* NULL = this machine's */
	image_progress_fn *progress;	 /* may be NULL */
	void *ctx;
};

struct image_loaded {
	char *name;		     /* NULL = without */
	char *taken;		     /* NULL, or the name it did not get, because the image `taken_by` has it */
	char *taken_by, *moved_from; /* image ids; moved_from: what the name meant before, NULL = nothing else */
	char *id, *digest;
};
struct image_loads {
	struct image_loaded *v;
	size_t n, cap;
};
void image_loads_free(struct image_loads *l);

/* fd: a tar (plain or packed as tar_stream.h knows; a file or a pipe), or a directory. On failure the images that were complete before stay, and are in *ret. */
int image_load(struct image_store *s, int fd, const struct image_load_options *o, struct image_loads *ret,
	       struct err *err);
