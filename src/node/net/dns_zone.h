/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_zone: the names of one network. Pure. Each endpoint has several; several endpoints may have the same (a service), then all addresses are given,
 * each time beginning with another one. Names are found whatever the case of their letters.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct dns_endpoint;
struct dns_zone;
struct err;

#define DNS_ZONE_NAMES_MAX 65536 /* of all endpoints */
#define DNS_ZONE_FOUND_MAX 256	 /* addresses in one answer */

struct dns_zone *dns_zone_new(const char *name);
struct dns_zone *dns_zone_free(struct dns_zone *z);

/* Replaces what the container had. -EINVAL, -E2BIG: as it was before. The members network, network_name and internal are not looked at. */
int dns_zone_set(struct dns_zone *z, const struct dns_endpoint *from, struct err *err);
void dns_zone_drop(struct dns_zone *z, const char *container);
size_t dns_zone_count(const struct dns_zone *z); /* of endpoints */

struct dns_found {
	struct in6_addr address[DNS_ZONE_FOUND_MAX];
	size_t n;
};
/* Does the container that asks see the name here? Adds its addresses of that family (AF_INET, AF_INET6), up to the limit. Its own links go first. The name
 * is lower-case; "NAME.NETWORK" fits too. */
bool dns_zone_find(struct dns_zone *z, const char *asker, const char *name, int family, struct dns_found *inout);
/* "NAME.NETWORK" of the endpoint with that address, new memory, or NULL. */
char *dns_zone_reverse(const struct dns_zone *z, int family, const struct in6_addr *address);
