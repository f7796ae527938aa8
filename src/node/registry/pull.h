/* SPDX-License-Identifier: Apache-2.0
 *
 * pull: an image from a registry into the store: the manifest (for our platform, if there are several), the config, and the layers that are
 * not there, several at once, unpacked as they come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/image.h"
#include "node/image/progress.h"
#include "node/image/sink.h"

struct name;
struct remote;

struct registry_pull_options {
	const char *platform; /* "linux/arm64", NULL = this machine's */
	image_progress_fn *progress;
	void *ctx;
};

struct registry_pulled {
	struct image_info *info;
	char digest[72]; /* "sha256:<hex>" of what the name means there: an index or a manifest */
	char *name;	 /* "busybox:latest" */
	bool fresh;	 /* false: all of it was here */
};
void registry_pulled_free(struct registry_pulled *p);

/* "busybox", "lab.example:5000/a:1", "a@sha256:..." (with a tag and a digest the digest decides). The errors name the image, the registry, the
 * layer, and say what to do. */
int registry_pull(struct image_store *s, const char *image, const struct registry_pull_options *o,
		  struct registry_pulled *ret, struct err *err);
/* The same over an open remote, for one after the other of its tags. */
int registry_pull_from(struct image_store *s, struct remote *r, const struct name *name,
		       const struct registry_pull_options *o, struct registry_pulled *ret, struct err *err);
/* The tags of "busybox", to be pulled one by one; a NULL-terminated array of whole names, the caller's. */
int registry_all_tags(const char *image, char ***ret, struct err *err);
