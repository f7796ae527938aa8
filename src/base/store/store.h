/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the ordered log of events, documents beside it, and snapshots. A small table of functions hides the back end
 * (store_sqlite.c: embedded; store_etcd.c: shared by
 * several servers, of which one leads; store_mem.c: tests).
 *
 * Writing is asynchronous: store_append() queues, a commit thread writes everything that is queued in one transaction (group commit, one
 * sync for many) and each done() is called on the loop, in the order of the calls, after its group is durable or has failed. A group that fails (disk full)
 * fails as a whole, nothing of it is kept, and later appends are tried again: the caller decides what to repeat. When 64 MiB wait already (a disk or an etcd
 * that hangs), an append fails with EAGAIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct store;

#define STORE_FORMAT 1 /* version of what lies in a data directory; a newer one is refused by name */

struct store_event {
	uint64_t seq;	  /* given by the store, from 1 without gaps, in the order of store_append() */
	int64_t time_ms;  /* wall clock, by the caller */
	const char *kind; /* short word: "job_submit" */
	const char *data; /* JSON text */
	size_t len;
};

/* A document written in the same transaction as the event: value NULL deletes the key. */
struct store_doc {
	const char *key;
	const char *value;
	size_t len;
};

/* `error` is NULL when durable. *seq of the event that was written. */
typedef void (*store_done_fn)(void *ctx, uint64_t seq, const struct err *error);

/* kind: "sqlite" (file berth.db in directory dir_path), "memory", or the address of an etcd (etcd_url.h). -EPROTO: the format is newer than ours, and *err
 * tells both numbers; -EBADMSG: what is there is damaged. An etcd is opened when this server leads: the call runs the loop until then, and is given up with
 * -ECANCELED when somebody stops the loop. */
int store_open(const char *kind, const char *dir_path, struct loop *loop, struct store **ret, struct err *err);

/* What can be wrong with a kind before anything is opened: its words, and the files that it names. -EINVAL, -ENOENT ... */
int store_kind_check(const char *kind, struct err *err);

/* Of a store that several servers share. Both are called on the loop. */
struct store_hooks {
	void (*following)(void *ctx,
			  const char *leader); /* during store_open_shared(): another one leads, "HOST pid N" */
	/* etcd is slow, or there is none just now; it is tried on. */
	void (*trouble)(void *ctx, const struct err *what);
	/* Once: this server does not lead any more. Nothing is written from now on, every append fails; reading still works. */
	void (*lost)(void *ctx, const struct err *why);
	void *ctx;
};
int store_open_shared(const char *kind, const char *dir_path, struct loop *loop, const struct store_hooks *hooks,
		      struct store **ret, struct err *err);
/* One moment of it, for reading alone, also while a server uses it. */
int store_open_read(const char *kind, const char *dir_path, struct loop *loop, struct store **ret, struct err *err);
/* The next event of an empty store gets seq + 1: before anything is written. */
void store_begin_at(struct store *s, uint64_t seq);

/* Waits for what is queued, calls its done functions, then closes. What they append then is answered with ESHUTDOWN. Not to be called from a done function. */
struct store *store_close(struct store *s);

/* Copies its arguments. done may be NULL. e->seq is ignored. */
void store_append(struct store *s, const struct store_event *e, const struct store_doc *docs, size_t n_docs,
		  store_done_fn done, void *ctx);

/* Reading back, synchronous and paged inside (no open statement across calls of fn): at start, and for lists. fn returning != 0 stops and is
 * returned. Reads see what is durable. limit 0 = all. */
typedef int (*store_event_fn)(void *ctx, const struct store_event *e);
int store_read(struct store *s, uint64_t from_seq, size_t limit, store_event_fn fn, void *ctx, struct err *err);
uint64_t store_last_seq(const struct store *s); /* of the last durable event, 0 = none */

/* One document, or all keys with a prefix in order. The caller frees *ret. */
int store_get(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err);
typedef int (*store_doc_fn)(void *ctx, const char *key, const char *value, size_t len);
int store_scan(struct store *s, const char *prefix, store_doc_fn fn, void *ctx, struct err *err);

/* Documents without an event (error: none of them). n 0 is fine; done may be NULL. */
void store_put(struct store *s, const struct store_doc *docs, size_t n, store_done_fn done, void *ctx);
/* Deletes documents, without an event: one key, or, when it ends in '/', all keys that begin with it. Asynchronous, in the order of the other writes. */
void store_remove(struct store *s, const char *key_or_prefix);

/* A snapshot that contains the effect of all events up to seq: replaces the older one in one transaction; events at or below seq may be dropped
 * after `keep` more recent ones are kept for `berth events`. */
void store_snapshot(struct store *s, uint64_t seq, const char *data, size_t len, size_t keep, store_done_fn done,
		    void *ctx);
int store_snapshot_get(struct store *s, uint64_t *ret_seq, char **ret, size_t *ret_len,
		       struct err *err); /* -ENOENT: none yet */
