/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_load: everything of a store in etcd into a store in memory, page by page, at one revision.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/map.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct etcd;
struct etcd_lead;
struct etcd_load;
struct store;

/* What is known of the store in etcd: all that is read is read from here. */
struct etcd_state {
	struct store *mirror;
	struct buf head; /* as it is in etcd; empty: there is none yet */
	uint64_t last_seq;
	struct map blobs; /* key below the prefix -> id (char *) of the pieces that its value lies in */
};

/* error NULL: done. Only then may the load be freed, or when the etcd is closed. */
typedef void (*etcd_load_fn)(void *ctx, const struct err *error);
struct etcd_load *etcd_load_new(struct etcd *e, const char *prefix, struct etcd_state *state, etcd_load_fn fn,
				void *ctx);
uint64_t etcd_load_revision(const struct etcd_load *l); /* that it has read at */
/* One more value of which pieces may lie there without anything that refers to it. */
void etcd_load_suspect(struct etcd_load *l, const char *id);
struct etcd_load *etcd_load_free(struct etcd_load *l);
/* Deletes pieces that nothing refers to: of values that were never finished. Fenced by the lead. */
void etcd_load_sweep(struct etcd_load *l, const struct etcd_lead *lead);
