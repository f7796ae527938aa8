/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: the server's side of TLS 1.2 and 1.3 on a socket that does not block, by OpenSSL. Nothing of OpenSSL runs before tls_new(), so that a
 * process without TLS pays nothing for it. SIGPIPE must be ignored. No certificates of the system are read: whom to trust is always said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct tls;
struct tls_conn;

struct tls_files {
	const char *cert;      /* PEM: the server's certificate, then those that lead to its root */
	const char *key;       /* PEM, without a password */
	const char *client_ca; /* PEM: clients must show a certificate of one of these; NULL = they need none */
};

/* Once for all connections. The error names the file and what is wrong with it. */
int tls_new(const struct tls_files *files, struct tls **ret, struct err *err);
struct tls *tls_free(struct tls *t); /* connections must have gone; takes NULL, returns NULL */
/* The server's own certificate is for this name or address (RFC 6125, without the common name). */
bool tls_serves(const struct tls *t, const char *host);

struct tls_conn *tls_conn_new(struct tls *t, int fd); /* NULL: no memory */
struct tls_conn *tls_conn_free(struct tls_conn *c);
/* As recv(2) and send(2) that do not block: -1 with errno EAGAIN, EPROTO when the peer breaks the protocol or does not prove who it is. The handshake
 * happens within. What tls_send() could not send must be sent again, at the same place or as more. A piece given to tls_recv() has TLS_PIECE
 * bytes at least, so that nothing stays in here that the socket would not tell of. */
#define TLS_PIECE (16u << 10)
ssize_t tls_recv(struct tls_conn *c, void *data, size_t n);
ssize_t tls_send(struct tls_conn *c, const void *data, size_t n);
/* The last tls_recv() could not go on because the socket takes nothing: wait until it does. */
bool tls_wants_out(const struct tls_conn *c);
bool tls_is_ready(const struct tls_conn *c); /* the handshake is over */
/* The common name in the certificate that the client has shown; false: it has none, or one with a NUL or too long for `n`. */
bool tls_peer_name(const struct tls_conn *c, char *name, size_t n);
/* Tells the peer that nothing more comes. False: the socket takes nothing now, so that it is not told yet. */
bool tls_end(struct tls_conn *c);
