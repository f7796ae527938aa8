/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/tempo.h"

#include "cluster/link/crowd.h"

#include <string.h>

#define EVERY_US (1000000 / TEMPO_PER_S)

static bool is_loopback(const struct sockaddr_storage *a)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;

	if (a->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (a->ss_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET);
}

/* A bucket that is full says no more than none: of those the one that has been full longest goes first. */
static struct tempo_address *place_for(struct tempo *t, const struct in6_addr *addr)
{
	struct tempo_address *least = t->list;

	for (size_t k = 0; k < t->n; k++) {
		if (memcmp(&t->list[k].addr, addr, sizeof *addr) == 0)
			return &t->list[k];
		if (t->list[k].bucket.full_us < least->bucket.full_us)
			least = &t->list[k];
	}
	if (t->n < TEMPO_MAX)
		least = &t->list[t->n++];
	*least = (struct tempo_address){.addr = *addr};
	return least;
}

bool tempo_take(struct tempo *t, const struct sockaddr_storage *from, int64_t now_us)
{
	const struct in6_addr addr = crowd_origin(from);

	return is_loopback(from) || bucket_take(&place_for(t, &addr)->bucket, now_us, EVERY_US, TEMPO_BURST, 1);
}
