/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: one connection between server and agent: TLS, and in it HTTP/2 with the roles reversed. The agent has dialled, and the server opens the streams: one
 * for control, which carries length-prefixed messages both ways as long as the connection lives, and one for each tunnel, which carries bytes. The credit
 * of the connection is given back at once and that of a stream as its reader takes, so that no stream that is stuck holds up another one.
 *
 * HTTP/2 numbers streams up to 2^31 and none comes twice. A server that has used half of them ends the connection when no tunnel is open and nothing waits to be
 * sent, and one that has used all ends it at once; the agent dials again.
 *
 * Limits: a message MSG_MAX, CONN_TUNNELS streams, 64 KiB of each that wait for their reader, CONN_OUT_MAX of messages that wait for the peer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct err;
struct loop;
struct tls_conn;

#define CONN_TUNNELS 128
#define CONN_OUT_MAX (64u << 20)

struct conn_hooks {
	void (*up)(void *ctx);
	void (*message)(void *ctx, const char *text, size_t n);
	int (*tunnel)(void *ctx); /* of an agent: a connected socket that does not block, or negative: refused */
	void (*down)(void *ctx, const struct err *why); /* once; the owner frees the connection, now or later */
};

/* The socket and its TLS become the connection's, and the hooks are copied. Any hook may free the connection. */
int conn_new(struct loop *l, struct tls_conn *tls, int fd, bool server, const struct conn_hooks *hooks, void *ctx,
	     struct conn **ret, struct err *err);
/* From now on the hooks of somebody else are called; they are copied. */
void conn_set_owner(struct conn *c, const struct conn_hooks *hooks, void *ctx);
/* From now on a peer that is silent for `ms` is asked (PING), and the connection ends when it is silent for as long again. */
void conn_watch(struct conn *c, int64_t ms);
struct conn *conn_free(struct conn *c);
void conn_send(struct conn *c, const char *text, size_t n);
/* Of a server: the other end of a connected socket, which becomes the connection's also when it fails. The n first
 * bytes (copied) come before what is read from it. */
int conn_tunnel(struct conn *c, int fd, const void *first, size_t n, struct err *err);

/* For tests and for information: messages that wait, and bytes that wait in tunnels for their readers. */
size_t conn_waiting(const struct conn *c);
/* For tests, at a server that is up: the next tunnel has this (odd) number, as if there had been so many. */
void conn_number_from(struct conn *c, int32_t number);
