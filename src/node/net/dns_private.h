/* SPDX-License-Identifier: Apache-2.0
 *
 * What dns_server.c, dns_serve.c and dns_stream.c share. Nobody else includes this.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/map.h"
#include "node/net/dns.h"
#include "node/net/dns_inside.h"
#include "node/net/dns_message.h"
#include "node/net/dns_relay.h"

#include <netinet/in.h>

#define DNS_TTL 1	       /* of our own names: what moves is found at once */
#define DNS_PENDING_MAX 1024   /* questions of one container that wait for another server */
#define DNS_STREAMS_MAX 32     /* TCP connections of one container */
#define DNS_STREAMS_ALL 1024   /* ... and of all */
#define DNS_STREAM_ASKS_MAX 32 /* questions of one connection that wait */
#define DNS_STREAM_OUT_MAX 131072
#define DNS_STREAM_IDLE_MS 10000

struct dns_zone;
struct loop_fd;
struct loop_timer;
struct pending;
struct stream;

struct dns_network {
	char *id;
	struct dns_zone *zone;
	bool internal;
};

/* The networks of one container. */
struct dns_member {
	struct dns_network **networks;
	size_t n, cap;
};

struct dns_server {
	struct loop *loop;
	struct map networks, members, served; /* by id of the network; by id of the container */
	struct dns_relay *relay;
	struct dns_upstream *machine;
	char *resolv_conf;
	int64_t looked_ms; /* when resolv.conf was looked at, and what it was */
	uint64_t stamp[3];
	struct loop_timer *tidy; /* closes what is left over of setting up the redirection */
	uint8_t *packet;	 /* one that is being read or written: each is done with within one turn */
	size_t n_streams;
	struct dns_figures figures;
};

/* One container. */
struct served {
	struct dns_server *s;
	char *id;
	struct dns_upstream *own; /* NULL = the machine's servers */
	struct dns_sockets sockets;
	struct loop_fd *udp_watch, *tcp_watch;
	struct pending *pendings;
	size_t n_pending;
	struct stream *streams;
	size_t n_streams;
};

/* Who is to get an answer. */
struct dns_peer {
	struct stream *stream; /* NULL = over UDP, to address */
	struct sockaddr_in address;
};

/* dns_server.c */
struct dns_upstream *dns_server_machine(struct dns_server *s); /* the servers of the machine, as they are now */

/* dns_serve.c */
int served_new(struct dns_server *s, const struct dns_box *box, struct served **ret, struct err *err);
struct served *served_free(struct served *c);
/* A packet came: it is answered now or later. false: it is none, whoever sent it need not be heard any more. */
bool served_packet(struct served *c, const struct dns_peer *peer, const uint8_t *p, size_t n);
/* Nobody is there any more for those answers. */
void served_forget(struct served *c, const struct stream *stream);

/* dns_stream.c */
void stream_accept(struct served *c); /* all that wait at its socket */
void stream_reply(struct stream *t, const uint8_t *p, size_t n);
void stream_asks(struct stream *t, int change); /* +1, -1: questions that wait */
void stream_free(struct stream *t);
