/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_mutual: TLS 1.3 between two parts of one cluster, on sockets that do not block. Both sides show a certificate of the cluster's own authority; that of
 * a server is for servers only and that of a client for clients only, so that no member can pass for the server. Names of hosts mean nothing here.
 * What is used of a connection afterwards is that of tls.h.
 */
#pragma once

#include "base/wire/tls.h"

struct tls_mutual {
	const char *cert, *key;	 /* PEM texts; both NULL: a client that has none yet */
	const char *ca;		 /* PEM text of the authority; NULL: a client that is to look at tls_peer_ca() */
	const char *const *alpn; /* of a server: what it speaks, NULL-terminated, 64 bytes with a length before each */
	bool client;
	bool open; /* a server that lets clients in that show none: tls_is_proven() is false */
};

int tls_mutual_new(const struct tls_mutual *o, struct tls **ret, struct err *err);
/* alpn: of a client. NULL: no memory. */
struct tls_conn *tls_mutual_conn(struct tls *t, int fd, const char *alpn);

/* Goes on with the handshake: 1 = it is over, 0 = later, -1 = it failed. */
int tls_shake(struct tls_conn *c);

/* Why a connection of ours broke (EPROTO), in words about the peer: "shows a certificate that ...". */
const char *tls_trouble(const struct tls_conn *c);

/* After the handshake: the protocol that both speak, "" = none. */
void tls_protocol(const struct tls_conn *c, char *text, size_t n);
/* The peer has shown a certificate of the authority. */
bool tls_is_proven(const struct tls_conn *c);
/* The certificate that the peer has shown is for this name or address (RFC 6125, without the common name): for servers that are no part of the cluster. */
bool tls_peer_serves(const struct tls_conn *c, const char *host);
/* The organisation in the certificate of the peer, as tls_peer_name(). */
bool tls_peer_organisation(const struct tls_conn *c, char *name, size_t n);
/* The PEM text of the authority that a server has sent along: the one whose SHA-256 is `pin` (64 hexadecimal digits) and that has signed the certificate
 * of a server which it has shown. -EPERM: there is none. The caller frees. */
int tls_peer_ca(const struct tls_conn *c, const char *pin, char **ret, struct err *err);
