/* SPDX-License-Identifier: Apache-2.0
 *
 * link: interfaces, addresses and routes by rtnetlink. Each call works in the network namespace that its socket was opened in.
 */
#pragma once

#include "node/net/cidr.h"
#include "node/net/nl.h"

#include <stdbool.h>

#define LINK_MAC_LEN 6

/* Its index, or -ENODEV. */
int link_find(struct nl *nl, const char *name, struct err *err);
/* The same, and its address (of none: zeroes). */
int link_find_mac(struct nl *nl, const char *name, unsigned char ret_mac[static LINK_MAC_LEN]);
/* The index of a bridge of that name, made when it is not there. -EEXIST: there is something else. */
enum link_state {
	LINK_NEW,  /* it was made */
	LINK_SEEN, /* it was there */
	LINK_READY /* it was there with this MAC, switched on */
};
int link_bridge(struct nl *nl, const char *name, uint32_t mtu, const unsigned char mac[static LINK_MAC_LEN],
		enum link_state *ret_state, struct err *err);

struct link_veth {
	const char *name; /* here, a port of the bridge */
	int bridge;
	uint32_t mtu;
	bool isolated; /* from other ports that are */
	bool hairpin;  /* what came from it may go back to it */
	const char *peer;
	int peer_netns;
	const unsigned char *peer_mac;
};
/* The index of the end that is here. */
int link_veth(struct nl *nl, const struct link_veth *v, struct err *err);
int link_up(struct nl *nl, int index, struct err *err);
/* Gone already = success. */
int link_delete(struct nl *nl, const char *name, struct err *err);
/* There already = success. No duplicate address detection. */
int link_address(struct nl *nl, int index, const struct cidr *address, struct err *err);
/* The default route of the address's family. */
int link_default_route(struct nl *nl, int index, const struct ip *gateway, struct err *err);

/* All addresses and routes but default ones, of one family: fn for each (and again when something changes meanwhile); it stops at a
 * result other than 0, and that is returned. */
typedef int (*link_cidr_fn)(void *ctx, const struct cidr *c, int index);
int link_each_address(struct nl *nl, int family, link_cidr_fn fn, void *ctx, struct err *err);
int link_each_route(struct nl *nl, int family, link_cidr_fn fn, void *ctx, struct err *err);
/* The smallest MTU of the interfaces that default routes lead through, or 0. */
int link_default_mtu(struct nl *nl, uint32_t *ret, struct err *err);
/* How many interfaces have this one as their bridge (0 = whatever they have) and a name that begins so. */
int link_count(struct nl *nl, int bridge, const char *prefix, struct err *err);
