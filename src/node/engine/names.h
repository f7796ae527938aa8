/* SPDX-License-Identifier: Apache-2.0
 *
 * names: what containers know each other by: the name server of this daemon (node/net/dns.h) and the files hosts, resolv.conf and hostname
 * in their directories (node/net/hosts.h), both as the books of the networks have it (node/net/net.h). network.c calls it, in this order:
 *
 *   names_prepare()  the container has its endpoints, and its monitor has not been asked for: the files are there and others find it
 *   names_serve()    it runs: now, or found by a later daemon (after names_recall())
 *   names_change()   it runs and came to a network or left one
 *   names_forget()   its life is over, or it could not begin
 *
 * Endpoints of the default networks have no names; a container that is on no other is served only if it cannot reach the machine's servers
 * by itself. Nothing here waits.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct names;
struct net;
struct spec;

int names_open(struct loop *l, struct names **ret, struct err *err);
struct names *names_close(struct names *n); /* takes NULL, returns NULL; the containers keep their files */

struct names_of {
	const char *id;		 /* of the container */
	const char *hostname;	 /* NULL = the first 12 digits of the id */
	const struct spec *spec; /* domainname, extra_hosts, dns ..., network_mode */
	struct net *net;	 /* its endpoints with all names (net_endpoint.dns_names) */
	uid_t owner;		 /* whom root in it is for the machine */
	gid_t group;
};

/* dir: its directory. For one on the machine's network, too; not for one that shares another container's (it has that one's files). */
int names_prepare(struct names *n, const struct names_of *c, int dir, struct err *err);
/* For one that shares another container's network: it has that one's files. other: its directory. */
int names_share(int dir, int other, struct err *err);
/* The names alone, without the files: for a container that an earlier daemon prepared. */
int names_recall(struct names *n, const struct names_of *c, struct err *err);
struct names_life {
	int pid;	     /* of its first process, which has its network namespace */
	uint64_t start_time; /* when it started (record.h): a pid alone may be somebody else's by now */
	int monitor; /* pid of its monitor, which made the sockets before the program started (dns_inside_offer()); 0 = it did not */
};
/* Does nothing when it needs no name server of ours. */
int names_serve(struct names *n, const struct names_of *c, int dir, const struct names_life *life, struct err *err);
/* The same for one that is no container: its network namespace, and the process that made the sockets. It has a network with names. */
int names_serve_at(struct names *n, const struct names_of *c, int netns, int monitor, struct err *err);
int names_change(struct names *n, const struct names_of *c, int dir, const struct names_life *life, struct err *err);
/* In the monitor, when its plug is in place and before the program starts: what it asks from its first moment on is heard. Does nothing when the resolv.conf in
 * `dir` does not name our server. */
int names_offer(int dir, int netns, struct err *err);
void names_forget(struct names *n, const char *id);
