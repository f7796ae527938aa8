/* SPDX-License-Identifier: Apache-2.0
 *
 * cidr: arithmetic on addresses and subnets of both families. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct ip {
	int family;	     /* AF_INET, AF_INET6; 0 = none */
	unsigned char b[16]; /* network byte order, from the front */
};

struct cidr {
	struct ip ip; /* its first address, or, with cidr_parse_host(), one inside */
	int prefix;
};

#define IP_TEXT_MAX 46
#define CIDR_TEXT_MAX 50

size_t ip_len(const struct ip *a);		/* bytes: 4 or 16, 0 for none */
bool ip_read(const char *text, struct ip *ret); /* false: it is no address */
int ip_parse(const char *text, struct ip *ret, struct err *err);
const char *ip_text(const struct ip *a, char out[static IP_TEXT_MAX]); /* out; "" for none */
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_is_any(const struct ip *a);

/* "10.0.0.0/8". cidr_parse() takes the bits behind the prefix away. */
int cidr_parse(const char *text, struct cidr *ret, struct err *err);
int cidr_parse_host(const char *text, struct cidr *ret, struct err *err);
const char *cidr_text(const struct cidr *c, char out[static CIDR_TEXT_MAX]);
struct cidr cidr_of(const struct ip *a, int prefix); /* the subnet that holds it */

bool cidr_has(const struct cidr *c, const struct ip *a);
bool cidr_within(const struct cidr *outer, const struct cidr *inner);
bool cidr_overlap(const struct cidr *a, const struct cidr *b);
/* How many addresses; UINT64_MAX when that does not fit. */
uint64_t cidr_size(const struct cidr *c);
struct ip cidr_nth(const struct cidr *c, uint64_t at); /* its address number `at`, 0 = the first */
