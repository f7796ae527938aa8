/* SPDX-License-Identifier: Apache-2.0
 *
 * The books from inside. Shared by book.c, ipam.c, net.c, endpoint.c and ports.c alone.
 */
#pragma once

#include "base/core/map.h"
#include "node/net/cidr.h"
#include "node/net/net.h"
#include "node/net/nl.h"
#include "node/net/plug.h"

struct wall_watch;
struct loop_timer;

struct pool {
	struct cidr subnet, range; /* range: where addresses are taken from */
	struct ip gateway;
	uint64_t next; /* where the search goes on: an address that was given back is not given again at once */
};

struct network {
	struct net_network pub; /* first; strings are of `doc` or of `text` */
	yyjson_doc *doc;
	struct pool *pools; /* as many as pub.pools */
	char bridge[NET_LINK_MAX];
	struct map by_ip; /* text -> endpoint, or the network itself for an address that is not to be given */
	struct endpoint **endpoints;
	size_t n, cap;
};

struct endpoint {
	struct net_endpoint pub; /* first */
	struct network *network;
	struct pool *pool4, *pool6;
};

struct port {
	struct net_port pub; /* first */
	struct ip host_ip, to;
	struct port *next; /* with the same protocol, family and number */
};

/* A container that has endpoints. */
struct holder {
	char id[65];
	struct endpoint **endpoints;
	size_t n, cap;
	struct port **ports;
	size_t n_ports, cap_ports;
};

struct net {
	int dir; /* <data>/networks; locked while a daemon has it open */
	bool bare;
	struct loop *loop;
	struct network **list;
	size_t n, cap;
	struct network *builds; /* in no list: guest.h; NULL = no subnet is free for it */
	struct map by_id, by_name;
	struct map holders;	   /* container -> holder */
	struct map ports;	   /* "tcp4:8080" -> the first */
	size_t n_endpoints;	   /* parting ones too */
	struct endpoint **parting; /* of containers that have ended: only their addresses are still taken (net_part) */
	size_t n_parting, cap_parting;
	struct nl rules; /* for what is removed; open as long as this is */
	uint16_t next_port;
	struct cidr ula;	   /* of this installation, /48 */
	char owner[CIDR_TEXT_MAX]; /* its text, by which our rules are known */
	bool side;		   /* side.h: another daemon has the usual names */
	char table[NET_LINK_MAX];  /* of nft */
	bool reconciled;
	struct wall_watch *watch;
	uint16_t doors[NET_DOORS_MAX];
	size_t n_doors;
	char *warnings[8];
	size_t n_warnings;
};

#define BOOK_MAX (4u << 20)

/* book.c */
char *book_text(const struct net_network *w, size_t *ret_len);
int book_parse(const char *text, size_t n, struct network **ret, struct err *err);
struct network *book_free(struct network *w);
int book_save(struct net *n, const struct network *w, struct err *err);
int book_load_all(struct net *n, struct err *err);
int book_ula(struct net *n, struct err *err);

/* ipam.c */
/* A subnet that nothing of this machine uses. -EDQUOT. */
int ipam_subnet(struct net *n, int family, struct cidr *ret, struct err *err);
/* The same for builds: a small one, at a place of our own, from which it goes downwards. */
int ipam_last_subnet(struct net *n, int family, struct cidr *ret, struct err *err);
/* Whether an address or a route of the machine lies in it. */
bool ipam_is_used(const struct cidr *c);
/* -EBUSY when a network of ours has it. */
int ipam_check_subnet(struct net *n, const struct cidr *c, struct err *err);
/* wish NULL = the next free one. */
int ipam_take(struct network *w, int family, const char *wish, void *owner, struct pool **ret_pool, struct ip *ret,
	      struct err *err);
void ipam_give_back(struct network *w, const char *ip);

/* ports.c */
int ports_add(struct net *n, struct holder *h, const struct plug_port *p, bool ask, struct err *err);
void ports_drop(struct net *n, struct holder *h);
/* The ways out are these addresses now, "" = there is none. */
void ports_follow(struct net *n, struct holder *h, const char *ip4, const char *ip6);

/* endpoint.c */
void endpoint_fill_plug(struct net *n, struct holder *h, struct plug *p);
void endpoint_free_holder(struct net *n, struct holder *h);
/* Made when it is not there. */
struct holder *endpoint_holder(struct net *n, const char *container);
void endpoint_drop_if_empty(struct net *n, struct holder *h);
/* Removes parting ones whose monitors are not done yet, of this network (NULL = any) and container (NULL = any). True: there were some. */
bool endpoint_settle(struct net *n, const struct network *w, const char *container);

/* guest.c */
/* The network of builds; makes it when it is not there. */
int guest_book(struct net *n, struct err *err);
/* Whether a guest is there or just comes or goes; takes away what one left that was killed. */
bool guest_present(struct net *n);
/* Nobody comes or goes while this descriptor is open; -EBUSY: somebody does. */
int guest_hold(const struct net *n);
/* What the rules need of guests: of those that are there, or, when they are not held, of all that there could be. */
void guest_fill_plug(const struct net *n, bool held, struct plug *p);

/* net.c */
bool net_has_ipv6(void);
/* The books for another process than the daemon. */
int net_visit(int data_dir, struct net **ret, struct err *err);
/* The rules go, when neither a daemon is there nor a container on a network. */
void net_leave(struct net *n);
int net_list(struct net *n, struct network *w, struct err *err);
/* Before the first container comes to a network: -EADDRINUSE when another daemon has some here. What one left that is gone is removed. */
int net_claim(struct net *n, struct err *err);
/* The rules are made to be as the books say. */
int net_assert(struct net *n, struct err *err);
