/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of containers and of other name servers. The first byte says how many of the next belong to the question; the rest is the answer to it. */
#include "node/net/dns_message.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is cut must be as good a packet as before. */
static void change(const uint8_t *p, size_t n, const uint8_t *query, const struct dns_query *q)
{
	uint8_t *copy = malloc(n);
	struct dns_outcome o;

	memcpy(copy, p, n);
	dns_message_age(copy, n, 77);
	dns_message_address(copy, n, query, q->question_end);
	for (size_t limit = 2048; limit >= DNS_UDP_PLAIN; limit /= 2) {
		n = dns_message_cut(copy, n, limit);
		if (n > limit || dns_message_outcome(copy, n, query, q->question_end, q->id, &o) < 0)
			abort();
	}
	free(copy);
}

static void answer(const uint8_t *query, const struct dns_query *q, int rcode)
{
	uint8_t p[DNS_UDP_PLAIN];
	struct dns_draft d;

	dns_draft_begin(&d, p, sizeof p, query, q, rcode);
	for (int i = 0; i < 40; i++)
		dns_draft_address(&d, AF_INET, "1234", 1);
	dns_draft_pointer(&d, "name", 1);
	if (dns_draft_end(&d) > sizeof p)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct in6_addr address;
	struct dns_outcome o;
	struct dns_query q;
	uint8_t *query, *p;
	size_t first;

	if (n < 1 || n - 1 < data[0])
		return 0;
	first = data[0];
	/* Memory of its own for each: reading past the end is seen. */
	query = malloc(first + 1);
	p = malloc(n - first);
	memcpy(query, data + 1, first);
	memcpy(p, data + 1 + first, n - 1 - first);
	switch (dns_message_query(query, first, &q)) {
	case 0:
		(void)dns_message_reverse(q.name, &address);
		answer(query, &q, DNS_OK);
		if (dns_message_outcome(p, n - 1 - first, query, q.question_end, q.id, &o) == 0 && !o.truncated)
			change(p, n - 1 - first, query, &q);
		break;
	case -EBADMSG:
		answer(query, &q, DNS_FORMERR);
		break;
	}
	free(query);
	free(p);
	return 0;
}
