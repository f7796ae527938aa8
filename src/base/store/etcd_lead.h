/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_lead: which of several servers leads. Each puts a key leader/LEASE that ends with its lease; the oldest key leads, as in etcd's own packages. That
 * alone proves nothing (a process may have slept): whoever leads compares etcd_lead_created() of etcd_lead_key() in each transaction that writes.
 */
#pragma once

#include <stdint.h>

struct err;
struct etcd;
struct etcd_lead;
struct loop;

struct etcd_lead_hooks {
	void (*led)(void *ctx);
	void (*following)(void *ctx, const char *leader);
	void (*trouble)(void *ctx, const struct err *what); /* it is tried again */
	void (*lost)(void *ctx, const struct err *why);	    /* after led(): the lease has ended */
	void (*failed)(void *ctx, const struct err *why);   /* before: it makes no sense to go on */
};

struct etcd_lead *etcd_lead_new(struct etcd *e, struct loop *l, const char *prefix, uint64_t ttl_s,
				const struct etcd_lead_hooks *hooks, void *ctx);
/* Frees it before the etcd is closed. The lease ends by itself if it was not given up. */
struct etcd_lead *etcd_lead_free(struct etcd_lead *l);
/* Gives the lease up, so that the next one need not wait; calls done() when etcd has answered, or does not. */
void etcd_lead_resign(struct etcd_lead *l, void (*done)(void *ctx), void *ctx);

const char *etcd_lead_key(const struct etcd_lead *l);
uint64_t etcd_lead_created(const struct etcd_lead *l); /* the revision */
uint64_t etcd_lead_lease(const struct etcd_lead *l);
