/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd: calls of an etcd from the loop: its errors in our words, TLS, and the token of a user, renewed when it has ended.
 *
 * The errors: ENOSPC it is full, ETIMEDOUT nobody knows what became of the call (no answer, no quorum, connection lost), EAGAIN it is overloaded and has
 * done nothing, ENOENT, ESTALE what is asked for was compacted away, EACCES, E2BIG, EBADMSG, EIO something else: it may have happened.
 */
#pragma once

#include "base/store/etcd_msg.h"
#include "base/store/etcd_url.h"

struct err;
struct etcd;
struct grpc_call;
struct grpc_hooks;
struct loop;

#define ETCD_RANGE "/etcdserverpb.KV/Range"
#define ETCD_TXN "/etcdserverpb.KV/Txn"
#define ETCD_COMPACT "/etcdserverpb.KV/Compact"
#define ETCD_GRANT "/etcdserverpb.Lease/LeaseGrant"
#define ETCD_REVOKE "/etcdserverpb.Lease/LeaseRevoke"
#define ETCD_KEEP_ALIVE "/etcdserverpb.Lease/LeaseKeepAlive"
#define ETCD_CALL_MS 5000

/* Reads the files that the URL names; looks up names, so it is for the start. The URL must outlive it. Not to be closed from an etcd_fn. */
int etcd_open(const struct etcd_url *u, struct loop *l, struct etcd **ret, struct err *err);
struct etcd *etcd_close(struct etcd *e); /* calls end without a word; takes NULL */

/* error NULL: data is the answer. Never from within etcd_call(). */
typedef void (*etcd_fn)(void *ctx, const char *data, size_t n, const struct err *error);
void etcd_call(struct etcd *e, const char *method, const struct buf *m, int64_t ms, etcd_fn fn, void *ctx);

/* A stream of answers; without quorum it ends. To be begun after a call has gone well, so that there is a token. */
struct grpc_call *etcd_watch(struct etcd *e, const struct buf *m, const struct grpc_hooks *hooks, void *ctx);

const char *etcd_endpoint(const struct etcd *e);
