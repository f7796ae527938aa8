/* SPDX-License-Identifier: Apache-2.0
 *
 * download: one layer on its way from a registry into the store. The bytes go into the pipe of the layer's worker as they come; when it is
 * full, reading stops. A connection that breaks is taken up where it broke (Range), and what cannot be had from one server is asked of the
 * next one. Many downloads share one transport; the owner steps them all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/progress.h"
#include "node/registry/remote.h"

struct download;

struct download_of {
	struct remote *remote;
	size_t first; /* of its servers */
	const char *repo, *from;
	const struct manifest_descriptor *blob;
	const char *diff_hex;
	struct image_store *store;
	struct image_lease *lease;
	image_progress_fn *progress;
	void *ctx;
};

/* Begins; everything in *of but the numbers must live as long as it. */
struct download *download_new(const struct download_of *of);
struct download *download_free(struct download *d); /* aborts; takes NULL */

/* 1 = the layer is in the store, 0 = it goes on, or a negative errno. */
int download_step(struct download *d, struct err *err);
/* What to wait for until the next step: a descriptor (fd -1: none) and a time (-1: any). */
void download_wait(const struct download *d, struct transport_fd *ret_fd, int *ret_ms);
