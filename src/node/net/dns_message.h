/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_message: DNS packets (RFC 1035, 2308, 6891). Pure. What comes in is untrusted: it is walked once, never followed through pointers, and what
 * we keep of it has a fixed size.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PACKET_MAX 65535
#define DNS_HEADER 12
#define DNS_UDP_PLAIN 512  /* of an answer over UDP when the question does not say more */
#define DNS_UDP_MOST 4096  /* of an answer over UDP at the most; on loopback nothing is fragmented */
#define DNS_NAME_WIRE 255  /* of a name in a packet */
#define DNS_NAME_TEXT 1024 /* of a name as text: odd bytes become "\ddd" */
#define DNS_QUESTION_MAX (DNS_HEADER + DNS_NAME_WIRE + 4)

enum { DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255 };
enum { DNS_OK, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };
enum { DNS_QR = 0x8000, DNS_OPCODE = 0x7800, DNS_AA = 0x400, DNS_TC = 0x200, DNS_RD = 0x100, DNS_RA = 0x80 };

/* A question that came. `name` is lower-case, without the last dot ("" = the root). */
struct dns_query {
	uint16_t id, flags, type, class;
	char name[DNS_NAME_TEXT];
	size_t question_end; /* offset behind the question */
	bool edns, dnssec_ok;
	uint8_t edns_version;
	uint16_t udp_size; /* what fits in an answer over UDP */
	bool special;	   /* it has options or records that make its answer its own */
};

/* 0; -EINVAL: nothing to answer (too short, or itself an answer); -EBADMSG: broken, to be answered by DNS_FORMERR; -EOPNOTSUPP: an operation
 * that we do not have, DNS_NOTIMP. id and flags are set in the last two cases. */
int dns_message_query(const uint8_t *p, size_t n, struct dns_query *ret);

/* What an answer says. */
struct dns_outcome {
	int rcode;
	bool truncated;
	uint32_t ttl; /* how long it may be kept, seconds; 0 = not at all */
};
/* Checks the whole packet against the question (header and question of `query`, whatever the case of letters; the id is `id`). -EBADMSG: it is no
 * answer to it, or broken. */
int dns_message_outcome(const uint8_t *p, size_t n, const uint8_t *query, size_t question_end, uint16_t id,
			struct dns_outcome *ret);

/* Of an answer that was checked: takes `seconds` off every lifetime. */
void dns_message_age(uint8_t *p, size_t n, uint32_t seconds);
/* Makes it the answer to another query with the same question: its id and its letters. */
void dns_message_address(uint8_t *p, size_t n, const uint8_t *query, size_t question_end);
/* Cuts it down to at the most `limit` bytes, by whole records from the end; says that it did. Returns the new length. */
size_t dns_message_cut(uint8_t *p, size_t n, size_t limit);
void dns_message_set_id(uint8_t *p, uint16_t id);

/* An answer of our own, written into `p`. What does not fit makes it a truncated one. */
struct dns_draft {
	uint8_t *p;
	size_t n, cap, reserve;
	uint16_t answers;
	bool cut, edns;
	int rcode;
};
/* cap >= DNS_QUESTION_MAX + 11. A query that was broken is answered without its question. limit: bytes of the answer. */
void dns_draft_begin(struct dns_draft *d, uint8_t *p, size_t limit, const uint8_t *query, const struct dns_query *q,
		     int rcode);
void dns_draft_address(struct dns_draft *d, int family, const void *address, uint32_t ttl); /* AF_INET, AF_INET6 */
void dns_draft_pointer(struct dns_draft *d, const char *name, uint32_t ttl);
size_t dns_draft_end(struct dns_draft *d); /* its length */

/* "4.3.2.1.in-addr.arpa", "1.0...ip6.arpa" -> the address: AF_INET, AF_INET6, or 0 for another name. */
int dns_message_reverse(const char *name, struct in6_addr *ret);
/* A question, as a client asks; RD is set. Returns its length, 0 when the name cannot be. p: DNS_QUESTION_MAX bytes. */
size_t dns_message_ask(uint8_t *p, uint16_t id, const char *name, uint16_t type);
