/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_group: queued writes as transactions of etcd. One transaction carries a group of events as one value, the documents beside them, and the new head;
 * it happens only while we lead and the head is the one that we know, so that a transaction of which nobody knows what became of it can be sent again.
 * Large values are put in pieces before. Below etcd's limits: 128 operations, 1.5 MiB.
 */
#pragma once

#include "base/core/buf.h"
#include "base/store/etcd_load.h"
#include "base/store/store_write.h"

/* A key that changes: "doc/KEY" or "snap"; `id`: its value lies in pieces. */
struct etcd_op {
	char *key, *id;
	const char *value; /* of the write; NULL: the key goes, and all below it when it ends in '/' */
	size_t len;
};

struct etcd_group {
	struct store_write *first, **end;
	struct etcd_op *ops;
	size_t n_ops, cap_ops, bytes;
	uint64_t last_seq, first_seq; /* last_seq: when it has happened; first_seq: of its events, 0 without */
	struct buf head;	      /* likewise */
	struct store_write *snapshot; /* the only write then */
	size_t at, offset;	      /* the piece that is next: the operation, and where in its value */
	bool unknown;		      /* it was sent, and nobody knows what became of it */
	bool asking;		      /* it has failed since: now we ask whether it had happened before */
	bool again;		      /* to be sent once more, a little later */
	struct err failure;
	int64_t sent_ms;
};

struct etcd_ids {
	const char *prefix, *lead_key;
	uint64_t lead_created, lease, *counter; /* counter: makes names that are new */
};

/* Takes as many writes as fit out of the list, which is not empty, and numbers them. */
struct etcd_group *etcd_group_new(struct store_list *queue, const struct etcd_state *state, const struct etcd_ids *ids);
struct etcd_group *etcd_group_free(struct etcd_group *g); /* the writes have been ended */

/* There is nothing to be sent: all of its writes are refused. */
bool etcd_group_is_empty(const struct etcd_group *g);
/* The next message: a transaction that puts a piece, or the one that is the group itself; while `asking` a range: the head as it is now. */
void etcd_group_message(struct etcd_group *g, const struct etcd_state *state, const struct etcd_ids *ids,
			struct buf *m);
/* The message has gone well. True: it was a piece. */
bool etcd_group_piece_done(struct etcd_group *g);
/* The group has happened. */
void etcd_group_apply(struct etcd_group *g, struct etcd_state *state);
