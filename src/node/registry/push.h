/* SPDX-License-Identifier: Apache-2.0
 *
 * push: an image of the store into a registry.
 *
 * A layer goes as the manifest has it, if that can be: it is there already (HEAD), the registry has it in another repository (mount), it is what
 * we packed and can pack again bit for bit, or the registry that it came from still has it. Else, and when it is not compressed, it is packed
 * anew: the image then has another manifest (and digest) there, which the store takes over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/compress.h"
#include "node/image/image.h"
#include "node/image/progress.h"

struct registry_push_options {
	bool repack; /* all layers are packed as `kind` and `level` say, whatever the manifest says */
	enum compress_kind kind;
	int level;
	image_progress_fn *progress;
	void *ctx;
};

struct registry_pushed {
	char digest[72]; /* "sha256:<hex>" of the manifest that is there now */
	size_t size;	 /* of it */
	bool changed;	 /* it is not the one that the store had */
	char *host;
};

/* "lab.example:5000/team/app:1": the name says where to. */
int registry_push(struct image_store *s, const char *image, const struct registry_push_options *o,
		  struct registry_pushed *ret, struct err *err);
void registry_pushed_free(struct registry_pushed *p);
