/* SPDX-License-Identifier: Apache-2.0
 *
 * store_write: what a back end is made of: the table of its functions, and the queued writes that store.c hands to it. Only the store's own
 * files include this.
 */
#pragma once

#include "base/core/err.h"
#include "base/store/store.h"

/* One call of store_append() or store_snapshot(): one allocation that holds copies of everything. */
struct store_write {
	struct store_write *next;
	bool is_snapshot;
	bool is_docs;		  /* no event, the documents alone */
	bool is_drop;		  /* no event: docs[0].key goes, or all below it when it ends in '/' */
	struct store_event event; /* of a snapshot: seq, data and len alone */
	size_t keep;
	struct store_doc *docs;
	size_t n_docs;
	store_done_fn done;
	void *ctx;
	int code; /* errno of this write alone; 0 = as the group */
};

/* Bytes of events and documents that may wait to be written: what comes then is refused with EAGAIN. A snapshot, of which the caller has one at a time, and what
 * removes do not count. */
#define STORE_QUEUE_MAX (64u << 20)
size_t store_write_size(const struct store_write *w);

struct store_list {
	struct store_write *first, **end;
};

struct store_ops {
	void (*close)(struct store *s);
	void (*write)(struct store *s, struct store_write *w); /* takes w */
	int (*read)(struct store *s, uint64_t from, size_t limit, store_event_fn fn, void *ctx, struct err *err);
	uint64_t (*last_seq)(const struct store *s);
	int (*get)(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err);
	int (*scan)(struct store *s, const char *prefix, store_doc_fn fn, void *ctx, struct err *err);
	int (*snapshot_get)(struct store *s, uint64_t *ret_seq, char **ret, size_t *ret_len, struct err *err);
	void (*begin_at)(struct store *s, uint64_t seq);
};

struct store {
	const struct store_ops *ops;
};

/* What a back end is opened with. */
struct store_where {
	const char *kind, *dir_path;
	struct loop *loop;
	const struct store_hooks *hooks; /* NULL: none */
	bool reads;			 /* only */
};

int store_sqlite_open(const struct store_where *w, struct store **ret, struct err *err);
int store_mem_open(const struct store_where *w, struct store **ret, struct err *err);
int store_etcd_open(const struct store_where *w, struct store **ret, struct err *err);

void store_list_add(struct store_list *l, struct store_write *w);
/* Empties the list and returns its first write. */
struct store_write *store_list_take(struct store_list *l);
/* Tells every write of the chain how its group ended (error NULL = well) and frees it. */
void store_writes_end(struct store_write *first, const struct err *error);
/* The number that the newest event gets when the first of the chain gets `next`: numbers the events. */
uint64_t store_writes_number(struct store_write *first, uint64_t next);
