/* SPDX-License-Identifier: Apache-2.0
 *
 * net: the networks of this machine. Three parts that know each other by plain data alone:
 *
 *   books    which networks there are (<data>/networks/<id>.json), which container has which address and port. In the daemon. (this header)
 *   plug     what one container needs from the kernel, as JSON in the container's directory; carried out and undone by its monitor, without a
 *            daemon, or undone by the daemon when the monitor was killed (plug.h)
 *   wall     the nft tables "inet berth" and "bridge berth", of fixed rules over sets and maps; put there by whoever needs them first and put
 *            there again by the daemon within a second when somebody flushed them (wall.h)
 *
 * Nothing is in the kernel before the first container needs it. The default networks bridge, host and none always exist; host and none have no
 * endpoints here. A network is kept from the moment net_create() returns; an endpoint lives as long as its container runs and is kept by its plug.
 *
 *   cidr.c    address arithmetic   ipam.c   addresses of a network   ports.c  host ports
 *   book.c    networks in files    net.c    networks in memory       endpoint.c  containers on them   plug.c  plug <-> JSON
 *   link.c    rtnetlink            nl.c     netlink messages         attach.c the plug in the kernel  wall*.c nft
 *   flows.c   what is remembered of UDP       doors.c   the API, closed to containers            side.c  daemons beside each other
 *
 * Texts of errors are those that clients of Docker know, where they have one. All calls are made on the loop's thread and none waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct buf;
struct err;
struct loop;
struct net;
struct sockaddr_storage;

#define NET_NETWORKS_MAX 4000
#define NET_ENDPOINTS_MAX 100000 /* of all networks together */
#define NET_PORTS_MAX 65536	 /* of one container */
#define NET_POOLS_MAX 16	 /* of one network */
#define NET_AUX_MAX 256
#define NET_LABELS_MAX 1024 /* labels, and options */
#define NET_NAME_MAX 255
#define NET_ALIASES_MAX 256  /* of one endpoint */
#define NET_LINK_LOCAL_MAX 8 /* ... chosen link-local addresses */
#define NET_IP_MAX 46	     /* INET6_ADDRSTRLEN */
#define NET_CIDR_MAX 50
#define NET_MAC_MAX 18
#define NET_LINK_MAX 16 /* name of an interface */
#define NET_DOORS_MAX 64
#define NET_TABLE "berth" /* of nft; with a suffix where another daemon has it */

/* ---- open ---- */

/* data_dir: descriptor of <data>. Reads the books; makes those of the default networks when they are not there. Starts no kernel work. loop may be NULL
 * (then nobody watches the rules). bare: this process may not make links (an ordinary user): networks can be named, not used. */
int net_open(int data_dir, struct loop *loop, bool bare, struct net **ret, struct err *err);
/* Takes NULL, returns NULL. What containers use stays in the kernel; when there is none, nothing does. */
struct net *net_close(struct net *n);

/* ---- networks ---- */

enum net_driver { NET_BRIDGE, NET_HOST, NET_NONE };
const char *net_driver_name(enum net_driver d); /* "bridge", "host", "null" as Docker calls it */

struct net_pair {
	const char *key, *value;
};

struct net_pool {
	const char *subnet, *ip_range, *gateway; /* "172.18.0.0/24", "172.18.0.128/25" or NULL, "172.18.0.1" */
	const struct net_pair *aux;		 /* addresses that are not ours to give */
	size_t n_aux;
	bool own; /* its subnet was chosen here: another one would do */
};

/* As asked for: what is NULL or 0 gets a default. And as it is (net_find ...): then nothing is open, gateways and subnets are there. Borrowed. */
struct net_network {
	const char *id, *name; /* id: 64 hex digits, NULL in a wish */
	enum net_driver driver;
	bool internal, attachable, ingress, is_default; /* is_default: bridge, host, none */
	int ipv4, ipv6; /* 1 yes, 0 no; -1 in a wish: yes, and IPv6 where the machine has it and no subnet is named */
	bool ipv6_own;	/* ipv6 was -1: nobody asked for it, whatever has become of it */
	int64_t created_ns;
	const char *ipam_driver; /* "default" */
	const struct net_pair *ipam_options, *labels, *options;
	size_t n_ipam_options, n_labels, n_options;
	const struct net_pool *pools;
	size_t n_pools;
	/* from the options */
	const char *bridge;   /* name of the interface: com.docker.network.bridge.name, berth0, or br-<12 hex> */
	int64_t mtu;	      /* com.docker.network.driver.mtu; 0 = that of the machine's way out, at most 1500 */
	bool icc, masquerade; /* com.docker.network.bridge.enable_icc, .enable_ip_masquerade; both default true */
	const char *host_binding_ipv4; /* com.docker.network.bridge.host_binding_ipv4; "0.0.0.0" */
	bool metadata;		       /* io.berth.metadata=allow: its containers may ask 169.254.169.254 */
	bool antispoof;		       /* io.berth.antispoof, default true */
	size_t n_endpoints;	       /* that are active */
};

/* -EINVAL, -EEXIST (name), -EDQUOT (too many; no subnet is free), -EBUSY (subnet in use by another network). The result is borrowed until net_remove(). */
int net_create(struct net *n, const struct net_network *wish, const struct net_network **ret, struct err *err);
/* -EBUSY while it has active endpoints, -EPERM for the default networks, -ENOENT. */
int net_remove(struct net *n, const char *id, struct err *err);
/* By id, name, or unambiguous prefix of an id (in this order). -ENOENT "network x not found", -EINVAL ambiguous. */
int net_find(struct net *n, const char *name, const struct net_network **ret, struct err *err);
/* In the order of creation; NULL at the end. */
const struct net_network *net_at(struct net *n, size_t position);
const char *net_option(const struct net_network *network, const char *key); /* or NULL */

bool net_link_name_ok(const char *name); /* what the kernel takes as the name of an interface, and no more than that */

/* ---- endpoints: containers on networks ---- */

struct net_endpoint_wish {
	const char *network;	 /* id or name */
	const char *ipv4, *ipv6; /* static addresses, NULL = the next free one */
	/* NULL-terminated or NULL: more addresses, those that net_check_link_local() takes; nobody looks whether they are free */
	char *const *link_local;
	const char *mac;      /* NULL = made from the address */
	char *const *aliases; /* NULL-terminated or NULL: as the user gave them */
	/* NULL-terminated or NULL: all names for the name server (the caller makes them: name, aliases, short id) */
	char *const *dns_names;
	char *const *links; /* "TARGET:ALIAS" */
	const struct net_pair *driver_options;
	size_t n_driver_options;
	int64_t gw_priority;   /* the highest gets the default route; then the first by name */
	const char *interface; /* its name inside; NULL = eth0, eth1 ... */
};

/* Whether it is one of 169.254.0.0/16 or fe80::/10: -EINVAL "Invalid link-local IP address: [x]", "invalid link local IP address: x". */
int net_check_link_local(const char *text, struct err *err);

struct net_endpoint {
	char id[65];
	char container[65];
	const struct net_network *network;
	char ipv4[NET_IP_MAX], ipv6[NET_IP_MAX]; /* "" = none */
	int prefix4, prefix6;
	const char *gateway4, *gateway6; /* "" = none */
	char mac[NET_MAC_MAX];
	char interface[NET_LINK_MAX];	/* inside */
	char port[NET_LINK_MAX];	/* outside */
	bool route4, route6;		/* the container's default routes lead through it */
	bool fixed4, fixed6, fixed_mac; /* it was asked for */
	int64_t gw_priority;
	char **aliases, **dns_names, **links, **link_local; /* NULL or NULL-terminated */
};

/* Allocates: addresses, names of interfaces. The kernel follows when the container's plug is carried out. -ENOENT; -EEXIST: the container is on it; -EBUSY
 * "Address already in use"; -EINVAL not in a subnet, no such ...; -EDQUOT "no available IPv4 addresses on this network's address pools: NAME (ID)";
 * -ENOTSUP host and none. Beside another daemon with containers on networks the names in the kernel become other ones (side.h). Published ports lead to the endpoint with the
 * default route, so to another one afterwards perhaps; so does net_disconnect(), where those that lead nowhere any more are given back. */
int net_connect(struct net *n, const char *container, const struct net_endpoint_wish *wish,
		const struct net_endpoint **ret, struct err *err);
/* -ENOENT "container ID is not connected to network NAME". */
int net_disconnect(struct net *n, const char *container, const char *network, struct err *err);
/* Other names, aliases and links than it has, as they are in the wish: of one that net_restore() took over, or that got another name. -ENOENT. */
int net_rename(struct net *n, const char *container, const struct net_network *network,
	       const struct net_endpoint_wish *wish);
/* It has ended, and its rules have gone; its monitor takes its interfaces away, which the kernel does in its own time. It has no endpoints and ports from here
 * on, and only its addresses stay taken: until net_release(), or until somebody wants one of them or the network's end, who waits for the kernel then. */
void net_part(struct net *n, const char *container);
/* Everything of a container: endpoints and ports. Also takes what its plug may have left in the kernel. Does nothing when it has none. */
void net_release(struct net *n, const char *container);

/* Endpoints of a container or of a network, in the order of their coming; NULL at the end. */
const struct net_endpoint *net_endpoint_of(struct net *n, const char *container, size_t position);
const struct net_endpoint *net_endpoint_at(struct net *n, const struct net_network *network, size_t position);

/* ---- published ports ---- */

enum net_proto { NET_TCP, NET_UDP, NET_SCTP };
const char *net_proto_name(enum net_proto p);				     /* "tcp" ... */
int net_proto_parse(const char *text, enum net_proto *ret, struct err *err); /* "" = tcp */

struct net_publish {
	enum net_proto proto;
	uint16_t port;	     /* in the container */
	const char *host_ip; /* NULL or "" = all addresses, both families; "0.0.0.0", "::", "127.0.0.1", "::1" ... */
	uint16_t host_first,
	    host_last; /* 0, 0: any free one of the ephemeral range; first < last: the first free one of them */
};

struct net_port {
	const char *container; /* borrowed, as long as the container has endpoints */
	uint16_t port, host_port;
	enum net_proto proto;
	char host_ip
	    [NET_IP_MAX]; /* one family: a wish for all addresses becomes two, "0.0.0.0" and "::" (if the container has IPv6) */
};

/* For a container that has its endpoints (a bare one has none, and ports all the same, which a program leads to it): all or nothing. -EBUSY "Bind for 0.0.0.0:8080 failed: port is already allocated" or "failed to bind host port for
 * 0.0.0.0:8080/tcp: address already in use"; -EINVAL. */
int net_publish(struct net *n, const char *container, const struct net_publish *wishes, size_t n_wishes,
		struct err *err);
/* NULL at the end. */
const struct net_port *net_port_of(struct net *n, const char *container, size_t position);

/* ---- the plug ---- */

/* What the kernel has to do for this container, for plug_parse(). Empty endpoints: the plug of a container without a network. */
int net_plug(struct net *n, const char *container, struct buf *out, struct err *err);
/* At the start of the daemon: takes over what a plug of an earlier one says. What does not fit any more (its network is gone, another has its address) is
 * left out and told by *err and a negative result. */
int net_restore(struct net *n, const char *container, const char *text, size_t len, struct err *err);
/* After all living containers were restored: the rules are made to be as the books say. Then watches. */
int net_reconcile(struct net *n, struct err *err);

/* ---- the API ---- */

/* The daemon listens with TCP at this port: no container of our networks may come to it, by whatever address. -E2BIG. */
int net_door(struct net *n, uint16_t port, struct err *err);
/* Whether this is a container of a network of ours that somebody is on (the machine's own address there is not). The second lock of the same door, for when
 * the rules are gone. */
bool net_is_inside(struct net *n, const struct sockaddr_storage *peer);

/* ---- the machine ---- */

/* Something of the machine that keeps packets from or to our networks: another firewall's forward chain that drops what it does not know, forwarding that could not be
 * switched on. One line each, NULL at the end; empty when all is well. What to do is in the line. */
const char *net_warning(struct net *n, size_t position);
