/* SPDX-License-Identifier: Apache-2.0
 *
 * lease: what must stay in the store although no name leads to it. Two kinds, both files in images/leases:
 *
 *   job-<random>   what a running job (a pull, a build, a save) needs: lines "layer <hex>" and "blob <hex>". It is locked (flock) by its
 *                  process, so it ends with it, however the process ends.
 *   keep-<id>      what a container needs, for as long as it exists: {"image": manifest digest, "layers": [diff ids]}.
 *
 * No prune and no removal takes what a living lease names. A dead job's lease is garbage, like everything that only it named.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/image.h"

struct image_lease;

/* `what` is for people: "pull busybox". One word of letters, digits and '-' in the file, the rest is replaced. */
int image_lease_new(struct image_store *s, const char *what, struct image_lease **ret, struct err *err);
struct image_lease *image_lease_free(struct image_lease *l); /* takes NULL, returns NULL */
static inline void image_lease_freep(struct image_lease **l)
{
	image_lease_free(*l);
}

/* From now on the layer stays: 1 = it is there, 0 = it is not there yet (it stays once it is). */
int image_lease_layer(struct image_lease *l, const char *diff_hex, struct err *err);
/* The same for a document or another blob of images/blobs. */
int image_lease_blob(struct image_lease *l, const char *hex, struct err *err);
/* Manifest, config, index and all layers of an image; -ENOENT when a part of it went away since image_find(). */
int image_lease_image(struct image_lease *l, const struct image_info *i, struct err *err);

/* A directory (fd_name gives a name of 63 characters at the most) below images/tmp that is not collected while the lease lives. The
 * descriptor is the caller's. */
int image_lease_tmp(struct image_lease *l, int *ret_dir, char ret_name[static 64], struct err *err);

/* A lasting lease: `id` names it ([a-zA-Z0-9_.-], at most 100); a second one of the same id replaces the first. Drop takes a missing one. An image
 * without a name goes with the last lease on it, unless it was made without a name (see image_commit). */
int image_lease_keep(struct image_store *s, const char *id, const struct image_info *i, struct err *err);
bool image_lease_is_kept(struct image_store *s, const char *id);
void image_lease_drop(struct image_store *s, const char *id);
/* Drops the lasting leases whose id begins with `prefix` and for which alive(ctx, id) is false. */
void image_lease_reconcile(struct image_store *s, const char *prefix, bool (*alive)(void *ctx, const char *id),
			   void *ctx);
