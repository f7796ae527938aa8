/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_msg: the messages of etcd's API, version 3 (the same from 3.4 on): what is needed of them, written and read by base/wire/protobuf.h.
 */
#pragma once

#include "base/core/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- writing ---- */

enum etcd_branch { ETCD_THEN = 2, ETCD_ELSE = 3 };
enum etcd_order { ETCD_BY_KEY, ETCD_OLDEST };

struct etcd_range {
	const char *key, *end; /* end NULL: the key alone */
	uint64_t limit, revision;
	enum etcd_order order;
	bool keys_only;
};
void etcd_msg_range(struct buf *m, const struct etcd_range *r);

/* A transaction: comparisons first or last, operations in order. */
void etcd_msg_if_created(struct buf *m, const char *key, uint64_t revision); /* 0: it is not there */
void etcd_msg_if_value(struct buf *m, const char *key, const void *value, size_t n);
void etcd_msg_put(struct buf *m, const char *key, const void *value, size_t n, uint64_t lease); /* ETCD_THEN */
void etcd_msg_delete(struct buf *m, const char *key, const char *end);				/* ETCD_THEN */
void etcd_msg_get(struct buf *m, enum etcd_branch branch, const char *key);

void etcd_msg_watch(struct buf *m, const char *key, const char *end, uint64_t from_revision);

void etcd_msg_authenticate(struct buf *m, const char *user, const char *password);
void etcd_msg_grant(struct buf *m, uint64_t ttl_s);
void etcd_msg_lease(struct buf *m, uint64_t id); /* to be kept alive, or revoked */
void etcd_msg_compact(struct buf *m, uint64_t revision);

/* The first key behind all that begin with the prefix, which is not empty. The caller frees. */
char *etcd_msg_prefix_end(const char *prefix);

/* ---- reading ---- */

struct etcd_kv {
	const char *key, *value; /* not terminated */
	size_t key_len, value_len;
	uint64_t created, revision; /* its own */
	bool deleted;		    /* of a watch */
};

/* What any answer may say; what it does not is 0. */
struct etcd_answer {
	uint64_t revision; /* of the store */
	uint64_t id, ttl;  /* of a lease */
	uint64_t compacted;
	bool more; /* of a range: keys that were not asked for; of a watch: the rest of this answer comes in the next */
	bool succeeded, created, canceled;
	char *token; /* inside the message */
	size_t token_len;
};

typedef int (*etcd_kv_fn)(void *ctx, const struct etcd_kv *kv);

/* fn gets what is found: of a range its keys, of a transaction those of its ranges, of a watch its events. -EINVAL: no such message; what fn returns
 * when that is not 0. */
int etcd_msg_read_range(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx);
int etcd_msg_read_txn(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx);
int etcd_msg_read_watch(const char *data, size_t n, struct etcd_answer *ret, etcd_kv_fn fn, void *ctx);
int etcd_msg_read_lease(const char *data, size_t n, struct etcd_answer *ret); /* granted, or kept alive */
int etcd_msg_read_token(const char *data, size_t n, struct etcd_answer *ret);
