/* SPDX-License-Identifier: Apache-2.0
 *
 * store: what the files of this folder share: the open store, its table of images, and the files behind them.
 *
 * The table is refs.json as it was read last. Whoever looks calls store_refresh() first; whoever changes takes the lock, refreshes, changes
 * the table, writes it with store_save(), and collects garbage while the lock is held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "base/core/map.h"
#include "node/image/image.h"

struct store_image {
	char *name;		 /* "" = it has none */
	bool detached;		 /* without a name, and it goes with the last lease on it */
	char manifest[65];	 /* hex */
	char index[65];		 /* hex; "" = none */
	struct image_info *info; /* NULL = its blobs cannot be read: why says the reason */
	char *why;
};

struct import;
struct image_store {
	int root, blobs, layers, tmp, leases, erofs;
	struct store_image *images; /* sorted by name, those without one first */
	size_t n, cap;
	int version; /* of refs.json; 1: containers of an earlier berth may run without a lease */
	struct {
		uint64_t device, inode, size;
		int64_t s, ns;
	} seen; /* refs.json as it was read */
	struct image_limits limits;
	uint64_t layers_max;
	struct import *imports;
	struct {
		int dir; /* not ours */
		void (*told)(void *ctx);
		void *ctx;
	} trash; /* told NULL: there is none */
};

/* ---- store.c ---- */

/* Takes images/lock; the descriptor is the caller's, closing it gives the lock back. */
int store_lock(struct image_store *s, struct err *err);
/* Reads refs.json again when it is another file than the one read last. */
int store_refresh(struct image_store *s, struct err *err);
/* Reads manifest and config of the image and checks their digests. *ret is without a name. */
int store_load(struct image_store *s, const char *manifest_hex, struct image_info **ret, struct err *err);

struct store_image *store_by_name(struct image_store *s, const char *name);
/* A new place in the table, which is sorted by store_sort() only; info becomes the table's. */
struct store_image *store_add(struct image_store *s, const char *name, const char *manifest_hex,
			      struct image_info *info);
void store_drop(struct image_store *s, struct store_image *i);
void store_sort(struct image_store *s);
/* With the lock held. After a failure the table is read again by the next store_refresh(). */
int store_save(struct image_store *s, struct err *err);

/* ---- sweep.c ---- */

/* With the lock held: takes what nothing leads to out of layers/ and blobs/, into tmp/. */
void store_sweep(struct image_store *s);
/* The same, and says what it took; look_only: what it would take. */
struct store_garbage {
	bool look_only;
	char **places; /* where it is now, names below images/ */
	uint64_t n_layers;
};
void store_sweep_to(struct image_store *s, struct store_garbage *g);
/* Without the lock: removes what is dead in tmp/, or puts it into the trash. */
void store_empty(struct image_store *s);
/* Moves dir/name to tmp/ (one rename: it is there or it is gone, never half); store_empty() removes it. */
void store_discard(struct image_store *s, int dir, const char *name);

/* ---- lease.c ---- */

/* What the living leases name, and the images of the lasting ones. Dead jobs' files are removed. With the lock held. */
struct store_leases {
	struct map layers, blobs; /* hex -> non-NULL */
	struct store_keep {
		char manifest[65]; /* "" = not known */
		char **layers;
	} * keeps;
	size_t n, cap;
};
int store_leases_read(struct image_store *s, struct store_leases *ret, struct err *err);
void store_leases_free(struct store_leases *l);
/* The number of lasting leases on this very image. */
size_t store_holds(const struct store_leases *l, const struct store_image *i);
/* True for a name in tmp/ that belongs to a living job. */
bool store_lease_lives(struct image_store *s, const char *tmp_name);

/* ---- image.c ---- */

#define STORE_VERSION 2 /* of refs.json */
/* -EBUSY while refs.json is of an earlier version: see version above. */
int store_check_version(const struct image_store *s, struct err *err);
/* True when another image that has a name has all layers of i. */
bool store_named_elsewhere(const struct image_store *s, const struct store_image *i);

/* With the lock held and the table fresh: images that lost their name go when no lease is on them. 1 = something changed. */
int store_collect(struct image_store *s, const struct store_leases *l);

/* ---- commit.c ---- */

/* With the lock held and the table fresh: gives the name ("" = none) to the image and writes the table. The image that had the name before stays
 * without one while a lease is on it. */
/* It keeps its place without its name, until the last lease on it goes. info is there. */
void store_unname(struct store_image *i);
int store_name(struct image_store *s, const char *name, const char *manifest_hex, const char *index_hex,
	       enum image_replace replace, struct err *err);

/* image_commit(); sync: everything to the disk first. Without it what the layers consist of is there already. */
int store_commit(struct image_store *s, struct image_lease *lease, const struct image_docs *docs, const char *ref,
		 enum image_replace replace, bool sync, struct image_info **ret, struct err *err);

/* ---- layer_place.c ---- */

/* 1 = the layer is there, whole and leased now, 0 = it is not. */
int store_layer_is_there(struct image_store *s, struct image_lease *lease, const char *diff_hex, struct err *err);
