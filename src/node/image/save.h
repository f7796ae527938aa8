/* SPDX-License-Identifier: Apache-2.0
 *
 * save: images of the store become one archive: an OCI layout that docker, podman and others load as well, because manifest.json and
 * repositories are in it, too (as Docker writes it since version 25); or the OCI layout alone, also as a directory. The same images give
 * the same bytes.
 *
 * An image keeps its manifest, and so its digest, when its layers can be written as the manifest says. Where the compressed form of a
 * layer came from elsewhere and cannot be made again, the layer is written as a plain tar and the manifest made anew; the id of the image
 * (the digest of its config) stays in any case.
 */
#pragma once

#include <stdbool.h>

#include "node/image/compress.h"
#include "node/image/image.h"
#include "node/image/progress.h"

enum image_save_format { IMAGE_SAVE_DOCKER, IMAGE_SAVE_OCI };

struct image_save_options {
	enum image_save_format format;
	bool repack; /* all layers are packed this way, whatever the manifest says */
	enum compress_kind kind;
	int level;
	char *const *
	    as; /* names in the archive for the one image that is saved, instead of those that it was asked for by; or NULL */
	image_progress_fn *progress; /* may be NULL */
	void *ctx;
};

/* names: NULL-terminated; several names of one image give one image with several names, an id one without. fd: a file, a pipe or an empty
 * directory (the OCI layout). A failure leaves what was written so far: the caller removes it. */
int image_save(struct image_store *s, char *const *names, int fd, const struct image_save_options *o, struct err *err);
