/* SPDX-License-Identifier: Apache-2.0
 *
 * plug: what the kernel has to do so that one container is on its networks, as data: <container's directory>/plug.json, written by the daemon
 * (docs/NETWORKS.md), read by the monitor and by a later daemon. Nobody else writes it; it is checked all the same, for it is acted on with all
 * rights.
 */
#pragma once

#include "node/net/net.h"
#include "node/net/cidr.h"

#define PLUG_NAME "plug.json"
#define PLUG_TEXT_MAX (16u << 20)
#define PLUG_ENDPOINTS_MAX 128
#define PLUG_MAC_LEN 6

struct plug_endpoint {
	char id[65], network[65];
	char bridge[NET_LINK_MAX], port[NET_LINK_MAX], interface[NET_LINK_MAX];
	unsigned char mac[PLUG_MAC_LEN];
	uint32_t mtu; /* 0 = the machine's */
	bool internal, icc, masquerade, metadata, antispoof;
	struct cidr ip4, ip6; /* with the subnet's prefix; family 0 = none */
	struct cidr link_local[NET_LINK_LOCAL_MAX];
	size_t n_link_local;
	struct ip gateway4, gateway6; /* the bridge's */
	bool route4, route6;
};

struct plug_port {
	enum net_proto proto;
	struct ip host_ip;
	uint16_t host_port, port;
	struct ip ip;
};

struct plug {
	char container[65];
	char table[NET_LINK_MAX]; /* of nft, "berth" unless there is another daemon's */
	char owner[NET_CIDR_MAX]; /* of the rules: the networks of one daemon have one, its IPv6 prefix */
	struct plug_endpoint *endpoints;
	size_t n_endpoints;
	struct plug_port *ports;
	size_t n_ports;
	uint16_t doors[NET_DOORS_MAX]; /* where the daemon's API listens with TCP: closed to all containers */
	size_t n_doors;
};

#define plug_cleanup __attribute__((cleanup(plug_free)))

/* -EINVAL or -E2BIG; *ret is for plug_free() in every case. */
int plug_parse(const char *text, size_t n, struct plug *ret, struct err *err);
void plug_free(struct plug *p);
/* The text of it. */
void plug_write(const struct plug *p, struct buf *out);
/* "02:42:ac:12:00:02" */
bool plug_mac_read(const char *text, unsigned char ret[static PLUG_MAC_LEN]);
const char *plug_mac_text(const unsigned char mac[static PLUG_MAC_LEN], char out[static NET_MAC_MAX]);

/* ---- in the kernel (attach.c): blocks for some milliseconds ---- */

struct nl;
/* `rules`: the socket for the rules that these use and leave open (wall.h says why), NL_NULL at first; NULL = one of their own.
 *
 * All of it. netns: of the container; the calling process has one thread and may change its network namespace. What is there already stays (a network
 * that comes later: only what is new). On failure what this call made is gone again. */
int plug_attach(const struct plug *p, int netns, struct nl *rules, struct err *err);
/* Undoes it, however much of it there is: with the namespace gone as well. Bridges stay. In two steps, for the kernel takes its time to remove an interface: */
void plug_detach(const struct plug *p, struct nl *rules);
/* ... its rules: what it published is free, its packets lead nowhere; */
void plug_shut(const struct plug *p, struct nl *rules);
/* ... its interfaces. */
void plug_pull(const struct plug *p);
/* From one to another one of the same container: what is in the first alone goes, then as with plug_attach(). */
int plug_change(const struct plug *from, const struct plug *to, int netns, struct nl *rules, struct err *err);
/* Removes the bridge of a network that has no container any more. -EBUSY when something is plugged into it all the same. No bridge = success. */
int plug_remove_bridge(const char *bridge, const char *table, struct err *err);
/* Whether an interface of this name is there that is not the bridge of this network. */
bool plug_bridge_is_others(const char *bridge, const char *network);
