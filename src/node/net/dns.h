/* SPDX-License-Identifier: Apache-2.0
 *
 * dns: the name server that containers on user-defined networks see at 127.0.0.11. No process a container: its sockets are made inside the
 * container's network namespace and served by the daemon's loop, so a question knows its container by the socket it came through.
 *
 * A container sees the names of the networks that it is on, and no others: from there come A, AAAA and PTR, and an empty answer at once for what a
 * name has none of. All other questions go on as they are to the servers of the machine's resolv.conf, asked from the machine, or to the
 * container's own, asked from inside of its network namespace; answers, the negative ones too, are kept as long as they say. A container that
 * is on internal networks alone gets REFUSED for those.
 *
 * The sockets listen at free ports and rules in the namespace's own nft table "berth-dns" lead port 53 of 127.0.0.11 there: a program in
 * the container may listen on 0.0.0.0:53 itself. Where the kernel has no nft they listen at port 53.
 *
 *   dns_message.c  packets        dns_cache.c     answers kept          dns_zone.c   the names of one network
 *   dns_relay.c    other servers  dns_ask.c       one question there    dns_resolv.c resolv.conf
 *   dns_server.c   this           dns_serve.c     one container         dns_stream.c TCP connections
 *   dns_inside.c   sockets in another network namespace                 hosts.c      /etc/hosts, resolv.conf and hostname
 *
 * All calls are made on the loop's thread; none blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct dns_server;

#define DNS_ADDRESS "127.0.0.11"
#define DNS_NAMES_MAX 256 /* of one container on one network */

struct dns_options {
	/* The machine's; NULL = /etc/resolv.conf. Read again when it has changed. Its servers may be at the machine's own loopback. */
	const char *resolv_conf;
};

int dns_server_new(struct loop *l, const struct dns_options *o, struct dns_server **ret, struct err *err);
struct dns_server *dns_server_free(struct dns_server *s); /* takes NULL, returns NULL */

/* A container on a network. The same container and network again replaces what was known. */
struct dns_endpoint {
	const char *network, *container; /* ids */
	const char *network_name;	 /* "web.NETWORK" is a name too */
	bool internal;			 /* the network leads nowhere */
	/* NULL-terminated: its name first, then aliases, short id, hostname, service. Several containers may have the same one: then all addresses are
	 * given, in turn. */
	char *const *names;
	/* NULL, or "TARGET:ALIAS": names that this container alone sees, of another one on the network. */
	char *const *links;
	const char *ip4, *ip6; /* text without a prefix length, NULL = none */
};
/* -EINVAL names what cannot be; -E2BIG too many names. The container need not be served yet. */
int dns_server_join(struct dns_server *s, const struct dns_endpoint *e, struct err *err);
void dns_server_leave(struct dns_server *s, const char *network, const char *container);

/* A container that is to be served. */
struct dns_box {
	const char *container;
	int netns;   /* a descriptor of its network namespace, the caller's */
	int monitor; /* pid of its monitor, which may have made the sockets (dns_inside_offer()); 0 = it has not */
	char *const *servers; /* its own name servers, NULL-terminated; NULL or empty = the machine's */
};
/* Again for the same container replaces the old. The daemon calls it when a container with a user-defined network starts, and for those that run when the
 * daemon starts. */
int dns_server_open(struct dns_server *s, const struct dns_box *box, struct err *err);
/* It ended, or left its last user-defined network; its endpoints stay until dns_server_leave(). */
void dns_server_close(struct dns_server *s, const char *container);

/* A descriptor of the network namespace of a process that started at that time (proc_start_time()), or a negative errno: -ESRCH when it is
 * another one by now. */
int dns_netns_of(int pid, uint64_t start_time, struct err *err);

struct dns_figures {
	uint64_t questions, local, cached, relayed, failed, refused;
	size_t asking, cache_entries, cache_bytes, connections, containers;
};
void dns_server_figures(const struct dns_server *s, struct dns_figures *ret);
