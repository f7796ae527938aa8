/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_resolv: resolv.conf(5), read and written. Pure. Lists of texts are NULL-terminated, NULL = empty.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define DNS_SERVERS_MAX 8
#define DNS_RESOLV_MAX 65536 /* bytes of such a file */

struct dns_resolv {
	char **servers, **search, **options;
};
/* Lines that cannot be understood are left out; the last `search` or `domain` counts. `n` bytes. */
void dns_resolv_parse(const char *text, size_t n, struct dns_resolv *ret);
void dns_resolv_free(struct dns_resolv *r);
/* New memory. */
char *dns_resolv_text(char *const *servers, char *const *search, char *const *options);

struct dns_target {
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	} address;
	socklen_t length;
};
/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0": port 53 there; false = it is no address. */
bool dns_target_parse(const char *text, struct dns_target *ret);
bool dns_target_loopback(const struct dns_target *t);
