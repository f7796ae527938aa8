/* SPDX-License-Identifier: Apache-2.0
 *
 * What tls.c and tls_mutual.c share. Nobody else includes this.
 */
#pragma once

#include "base/wire/openssl.h"
#include "base/wire/tls.h"

struct tls {
	SSL_CTX *ctx;
	bool client;
	unsigned char alpn[64]; /* of a server: the protocols it speaks, as they stand on the wire */
	unsigned alpn_len;
};

/* The first of OpenSSL's reasons, which is the deepest one. */
const char *tls_reason(void);
/* What every context of ours has: no renegotiation, buffers given back, no cache of sessions. */
void tls_settle(struct tls *t, int least_version);

/* What OpenSSL says -> what recv(2) and send(2) would. */
ssize_t tls_result(struct tls_conn *c, int r);
/* The certificate is for this name or address. */
bool tls_cert_serves(X509 *cert, const char *host);

int tls_conn_reason(const struct tls_conn *c); /* OpenSSL's, of what broke it; 0: nothing has */
SSL *tls_conn_ssl(const struct tls_conn *c);
/* A word of the subject of the certificate that the peer has shown; false as tls_peer_name(). */
bool tls_peer_text(const struct tls_conn *c, int nid, char *name, size_t n);
