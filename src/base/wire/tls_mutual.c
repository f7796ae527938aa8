/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/tls_mutual.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/pem.h"
#include "base/wire/tls_private.h"

#include <errno.h>
#include <string.h>

/* ---- settings ---- */

static int refused(struct err *err, const char *what)
{
	return err_set(err, EINVAL, "%s: %s", what, tls_reason());
}

static int use_own(struct tls *t, const struct tls_mutual *o, struct err *err)
{
	X509 *cert = pem_cert(o->cert);
	EVP_PKEY *key = pem_key(o->key);
	bool fine = cert && key && ossl->SSL_CTX_use_certificate(t->ctx, cert) == 1 &&
		    ossl->SSL_CTX_use_PrivateKey(t->ctx, key) == 1;

	ossl->X509_free(cert);
	ossl->EVP_PKEY_free(key);
	return fine ? 0 : refused(err, "the certificate of this member and its key");
}

/* A server sends the authority along, so that who comes for the first time can compare it with what his token says. */
static int use_ca(struct tls *t, const struct tls_mutual *o, struct err *err)
{
	X509 *ca = pem_cert(o->ca);
	bool fine = ca && ossl->X509_STORE_add_cert(ossl->SSL_CTX_get_cert_store(t->ctx), ca) == 1;

	if (fine && !o->client)
		fine = ossl->SSL_CTX_ctrl(t->ctx, SSL_CTRL_CHAIN_CERT, 1, ca) == 1 &&
		       ossl->SSL_CTX_add_client_CA(t->ctx, ca) == 1;
	ossl->X509_free(ca);
	if (!fine)
		return refused(err, "the certificate of the cluster's authority");
	ossl->SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | (o->client || o->open ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
				 NULL);
	return 0;
}

/* The first of our protocols that the client speaks, too. A client that speaks none of them is sent away. */
static int choose(SSL *ssl, const unsigned char **ret, unsigned char *ret_len, const unsigned char *in, unsigned in_len,
		  void *ctx)
{
	const struct tls *t = ctx;

	(void)ssl;
	for (unsigned i = 0; i < t->alpn_len; i += 1u + t->alpn[i]) {
		for (unsigned k = 0; k < in_len; k += 1u + in[k]) {
			if (in[k] != t->alpn[i] || k + 1u + in[k] > in_len ||
			    memcmp(in + k, t->alpn + i, 1u + in[k]) != 0)
				continue;
			*ret = t->alpn + i + 1;
			*ret_len = t->alpn[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void use_alpn(struct tls *t, const char *const *names)
{
	for (; names && *names; names++) {
		size_t n = strlen(*names);

		if (t->alpn_len + 1 + n > sizeof t->alpn)
			break;
		t->alpn[t->alpn_len] = (unsigned char)n;
		memcpy(t->alpn + t->alpn_len + 1, *names, n);
		t->alpn_len += (unsigned)n + 1;
	}
	if (t->alpn_len > 0)
		ossl->SSL_CTX_set_alpn_select_cb(t->ctx, choose, t);
}

int tls_mutual_new(const struct tls_mutual *o, struct tls **ret, struct err *err)
{
	struct tls *t;
	int r = openssl_load(err);

	if (r < 0)
		return r;
	ossl->ERR_clear_error();
	t = mem_new(struct tls);
	t->client = o->client;
	t->ctx = ossl->SSL_CTX_new(o->client ? ossl->TLS_client_method() : ossl->TLS_server_method());
	if (!t->ctx) {
		free(t);
		return err_set(err, EIO, "start TLS: %s", tls_reason());
	}
	tls_settle(t, TLS1_3_VERSION);
	if (o->cert)
		r = use_own(t, o, err);
	if (r == 0 && o->ca)
		r = use_ca(t, o, err);
	if (r < 0) {
		tls_free(t);
		return r;
	}
	use_alpn(t, o->alpn);
	*ret = t;
	return 0;
}

struct tls_conn *tls_mutual_conn(struct tls *t, int fd, const char *alpn)
{
	struct tls_conn *c = tls_conn_new(t, fd);
	unsigned char wire[64];
	size_t n = alpn ? strlen(alpn) : 0;

	if (!c || n == 0 || n >= sizeof wire)
		return c;
	wire[0] = (unsigned char)n;
	for (size_t i = 0; i < n; i++)
		wire[i + 1] = (unsigned char)alpn[i];
	ossl->SSL_set_alpn_protos(tls_conn_ssl(c), wire, (unsigned)n + 1);
	return c;
}

int tls_shake(struct tls_conn *c)
{
	ssize_t r;

	ossl->ERR_clear_error();
	r = tls_result(c, ossl->SSL_do_handshake(tls_conn_ssl(c)));
	if (r == 1)
		return 1;
	return r < 0 && errno == EAGAIN ? 0 : -1;
}

/* ---- what went wrong ---- */

struct words {
	long code;
	const char *text;
};

/* What we think of the peer's certificate (RFC 5280, as OpenSSL numbers it). */
static const struct words about_it[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "shows a certificate that has expired, if the clock here is right"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "shows a certificate that is not valid yet: one of the clocks is wrong"},
    {X509_V_ERR_INVALID_PURPOSE, "shows a certificate that is not for a server"},
    {X509_V_ERR_CERT_REVOKED, "shows a certificate that was revoked"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "shows a certificate that the given CA has not signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "shows a certificate that the given CA has not signed"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "shows a certificate that the given CA has not signed"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "shows a certificate that the given CA has not signed"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "shows a certificate that the given CA has not signed"},
};

/* What it says of ours: alerts of TLS (RFC 8446, 6.2). */
static const struct words about_us[] = {
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "wants a certificate of ours: none was given"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "refuses our certificate, or that we show none"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "refuses our certificate: its own CA has not signed it"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "refuses our certificate: it has expired, or a clock is wrong"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "refuses our certificate: it is not for clients"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "does not speak TLS 1.3"},
    {SSL_R_WRONG_VERSION_NUMBER, "does not speak TLS"},
};

static const char *find(const struct words *list, size_t n, long code)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].code == code)
			return list[i].text;
	return NULL;
}

const char *tls_trouble(const struct tls_conn *c)
{
	long verdict = ossl->SSL_get_verify_result(tls_conn_ssl(c));
	const char *text = find(about_it, sizeof about_it / sizeof *about_it, verdict);

	if (!text)
		text = find(about_us, sizeof about_us / sizeof *about_us, tls_conn_reason(c));
	return text ? text : "refuses the TLS connection";
}

/* ---- who is there ---- */

void tls_protocol(const struct tls_conn *c, char *text, size_t n)
{
	const unsigned char *name = NULL;
	unsigned len = 0;

	ossl->SSL_get0_alpn_selected(tls_conn_ssl(c), &name, &len);
	if (!name || len >= n)
		len = 0;
	if (len > 0)
		memcpy(text, name, len);
	text[len] = '\0';
}

bool tls_is_proven(const struct tls_conn *c)
{
	X509 *cert = ossl->SSL_get1_peer_certificate(tls_conn_ssl(c));
	bool proven = cert && ossl->SSL_get_verify_result(tls_conn_ssl(c)) == X509_V_OK;

	ossl->X509_free(cert);
	return proven;
}

bool tls_peer_serves(const struct tls_conn *c, const char *host)
{
	X509 *cert = ossl->SSL_get1_peer_certificate(tls_conn_ssl(c));
	bool fits = cert && tls_cert_serves(cert, host);

	ossl->X509_free(cert);
	return fits;
}

bool tls_peer_organisation(const struct tls_conn *c, char *name, size_t n)
{
	return tls_peer_text(c, NID_organizationName, name, n);
}

/* It has signed the certificate that was shown, which is a server's. The handshake has proved that the key belongs to that. */
static bool vouches(X509 *ca, X509 *shown)
{
	EVP_PKEY *key = ossl->X509_get_pubkey(ca);
	bool fine = key && shown && ossl->X509_verify(shown, key) == 1 &&
		    ossl->X509_check_purpose(shown, X509_PURPOSE_SSL_SERVER, 0) == 1 &&
		    ossl->X509_check_purpose(ca, X509_PURPOSE_SSL_SERVER, 1) == 1;

	ossl->EVP_PKEY_free(key);
	return fine;
}

int tls_peer_ca(const struct tls_conn *c, const char *pin, char **ret, struct err *err)
{
	const OPENSSL_STACK *chain = (const OPENSSL_STACK *)ossl->SSL_get_peer_cert_chain(tls_conn_ssl(c));
	X509 *shown = ossl->SSL_get1_peer_certificate(tls_conn_ssl(c));
	bool found = false;

	for (int i = 0; chain && !found && i < ossl->OPENSSL_sk_num(chain); i++) {
		X509 *ca = ossl->OPENSSL_sk_value(chain, i);
		char hex[SHA256_HEX_MAX];

		found = pem_fingerprint(ca, hex) && !strcmp(hex, pin) && vouches(ca, shown);
		if (found)
			*ret = pem_of_cert(ca);
	}
	ossl->X509_free(shown);
	ossl->ERR_clear_error();
	return found && *ret
		   ? 0
		   : err_set(err, EPERM,
			     "this is not the server that the token was made by: its authority is another one");
}
