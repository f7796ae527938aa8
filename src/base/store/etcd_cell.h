/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_cell: what lies below the keys of a store in etcd, as protobuf messages (docs/formats/store-etcd.md):
 *
 *   head          the number of the last event, and a mark of the transaction that wrote it
 *   log/LAST      a group of events; LAST is the number of its last one, 16 hexadecimal digits
 *   doc/KEY       a document, here or in pieces
 *   snap          the snapshot, likewise, and its number
 *   blob/ID/N     a piece of a large value; there before what refers to it
 *   leader/LEASE  who leads, or wants to: the oldest one does
 */
#pragma once

#include "base/core/buf.h"
#include "base/store/store.h"

#define CELL_INLINE (256u << 10) /* larger values lie in pieces */
#define CELL_PIECE (512u << 10)
#define CELL_VALUE_MAX (1u << 30)
#define CELL_ID_MAX 48

struct cell_head {
	uint64_t last_seq, format;
};
void cell_put_head(struct buf *b, uint64_t last_seq, const char *mark);
int cell_get_head(const char *data, size_t n, struct cell_head *ret); /* negative: it is none */

/* A value: `data` is inside what was read, or NULL when it lies in pieces. */
struct cell_value {
	const char *data;
	size_t len; /* of the whole */
	char blob[CELL_ID_MAX];
	uint64_t seq, first; /* of a snapshot: its own, and the oldest event that is kept */
};
void cell_put_value(struct buf *b, const struct cell_value *v);
int cell_get_value(const char *data, size_t n, struct cell_value *ret);

/* A group: begun with the number of its first event. */
void cell_put_first(struct buf *b, uint64_t seq);
void cell_put_event(struct buf *b, const struct store_event *e);
/* Calls fn for each event that is at `from` or above. Negative: it is none, or what fn returns. */
int cell_get_events(const char *data, size_t n, uint64_t from, store_event_fn fn, void *ctx);
