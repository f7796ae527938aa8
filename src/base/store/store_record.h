/* SPDX-License-Identifier: Apache-2.0
 *
 * store_record: all that is in a store, one record after the other, and a store made of records: what backups and copies are made of. The order is: where the
 * numbers begin, documents, events, snapshot.
 */
#pragma once

#include "base/store/store.h"

struct err;
struct loop;

enum store_record_type { STORE_RECORD_BEGIN, STORE_RECORD_DOC, STORE_RECORD_EVENT, STORE_RECORD_SNAPSHOT };

struct store_record {
	enum store_record_type type;
	struct store_event event; /* of BEGIN: seq, one below the first that comes; of a snapshot seq, data and len */
	struct store_doc doc;
};

struct store_counts {
	uint64_t docs, events, snapshots;
};
void store_count(struct store_counts *c, const struct store_record *r);

/* fn returning != 0 stops and is returned; it may run the loop. */
typedef int (*store_record_fn)(void *ctx, const struct store_record *r);
int store_records(struct store *s, store_record_fn fn, void *ctx, struct err *err);

/* Of a store that is being filled, until it is whole: a server refuses one that has it. */
#define STORE_UNFINISHED "unfinished-copy"

struct store_fill;
/* -EEXIST: there is something in the store already. */
int store_fill_new(struct store *to, struct loop *l, struct store_fill **ret, struct err *err);
/* Waits when much is on its way, by running the loop. */
int store_fill_take(struct store_fill *f, const struct store_record *r, struct err *err);
/* All is durable, and the mark gone. */
int store_fill_end(struct store_fill *f, struct err *err);
struct store_fill *store_fill_free(struct store_fill *f); /* before the store is closed; takes NULL */
