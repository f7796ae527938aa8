/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_follow: what was read of a store in etcd is kept as it is there, by a watch: so that a server that waits has everything when its turn comes. It is never
 * certain to be the newest: who wants to write compares the head first.
 */
#pragma once

#include "base/store/etcd_load.h"

struct etcd_follow;
struct loop;

/* Goes on behind the revision. stale(), on a turn of its own and once: something cannot be followed (etcd was compacted, a part was missed), and all is
 * to be read again; the follow is to be freed. */
struct etcd_follow *etcd_follow_new(struct etcd *e, struct loop *l, const char *prefix, uint64_t revision,
				    struct etcd_state *state, void (*stale)(void *ctx), void *ctx);
/* Pieces that have come and that nothing refers to yet may be left over: the load is told of them. */
void etcd_follow_suspects(const struct etcd_follow *f, struct etcd_load *l);
struct etcd_follow *etcd_follow_free(struct etcd_follow *f); /* takes NULL */
