/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_relay: questions to other name servers. A question goes out as it came, with an id of its own from a port of its own; an answer counts when it comes
 * from the address that was asked, with that id and question. A server that is silent for a while or fails is followed by the next one, and what
 * comes late from the first still counts. What is truncated is asked for again over TCP. Equal questions that wait are asked once.
 *
 * Answers are kept (dns_cache.h). There is a limit of questions that wait, and one of those that have sockets: the others wait their turn.
 */
#pragma once

#include "node/net/dns_resolv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_query;
struct dns_relay;
struct dns_wait;
struct err;
struct loop;

#define DNS_ASKS_MAX 4096    /* questions that wait, of all containers */
#define DNS_ASKS_OUT_MAX 256 /* of them with sockets */
#define DNS_CACHE_ENTRIES 4096
#define DNS_CACHE_BYTES (2u << 20)

/* The servers to ask. */
struct dns_upstream {
	unsigned refs;
	uint64_t number; /* its own: answers of others are not its answers */
	int netns;	 /* asked from inside of this network namespace, its own descriptor; -1 = from here */
	size_t n;
	struct dns_target server[DNS_SERVERS_MAX];
	int64_t shunned_until_ms[DNS_SERVERS_MAX]; /* it was silent or failed: asked after the others */
};
/* Texts that are no addresses are left out, loops (127.0.0.11 inside) too. netns is borrowed, a copy is kept. One reference. */
int dns_upstream_new(char *const *servers, int netns, struct dns_upstream **ret, struct err *err);
struct dns_upstream *dns_upstream_ref(struct dns_upstream *u);
struct dns_upstream *dns_upstream_unref(struct dns_upstream *u);

struct dns_relay *dns_relay_new(struct loop *l);
struct dns_relay *dns_relay_free(struct dns_relay *r); /* nobody waits any more */

struct dns_question {
	struct dns_upstream *to;
	const struct dns_query *q;
	const uint8_t *packet;
	size_t n;
	bool tcp; /* the client came over TCP */
};

/* An answer that is kept: copied to `out` (DNS_CACHE_ANSWER_MAX bytes), its lifetimes what is left of them, with id and letters of this question. 0 = none. */
size_t dns_relay_cached(struct dns_relay *r, const struct dns_question *a, uint8_t *out);

/* fn is called once, never from inside this call, p NULL when no server answered: id and letters are those of somebody else.
 * -EBUSY too many questions wait, -ENOENT there is no server. */
typedef void (*dns_answer_fn)(void *ctx, const uint8_t *p, size_t n);
int dns_relay_ask(struct dns_relay *r, const struct dns_question *a, dns_answer_fn fn, void *ctx,
		  struct dns_wait **ret);
void dns_wait_cancel(struct dns_wait *w); /* fn is not called; takes NULL */

struct dns_relay_figures {
	uint64_t sent, failed;
	size_t asks, entries, bytes;
};
void dns_relay_figures(const struct dns_relay *r, struct dns_relay_figures *ret);
