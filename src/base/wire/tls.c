/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/tls.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/tls_private.h"

#include <string.h>
#include <sys/socket.h>

struct tls_conn {
	SSL *ssl;
	int fd;
	int reason; /* OpenSSL's, of what broke it */
	bool wants_out, broken;
};

/* ---- settings ---- */

const char *tls_reason(void)
{
	unsigned long code = ossl->ERR_get_error();
	const char *text =
	    ERR_GET_LIB(code) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(code)) : ossl->ERR_reason_error_string(code);

	ossl->ERR_clear_error();
	return text ? text : "it cannot be used";
}

static int load_cert(struct tls *t, const char *file, struct err *err)
{
	if (ossl->SSL_CTX_use_certificate_chain_file(t->ctx, file) == 1)
		return 0;
	return err_set(err, EINVAL, "the TLS certificate \"%s\": %s (a PEM file is needed)", file, tls_reason());
}

/* A password would be asked for on a terminal, which a server does not have. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
	if (size > 0)
		*buf = '\0';
	(void)writing;
	(void)ctx;
	return 0;
}

static int load_key(struct tls *t, const struct tls_files *files, struct err *err)
{
	ossl->SSL_CTX_set_default_passwd_cb(t->ctx, no_password);
	if (ossl->SSL_CTX_use_PrivateKey_file(t->ctx, files->key, SSL_FILETYPE_PEM) != 1) {
		const char *why = tls_reason();

		if (strstr(why, "mismatch"))
			return err_set(err, EINVAL, "the TLS key \"%s\" is not the one of the certificate \"%s\"",
				       files->key, files->cert);
		return err_set(err, EINVAL, "the TLS key \"%s\": %s (a PEM file without a password is needed)",
			       files->key, why);
	}
	return 0;
}

static void free_name(void *name)
{
	ossl->X509_NAME_free(name);
}

static int load_client_ca(struct tls *t, const char *file, struct err *err)
{
	STACK_OF(X509_NAME) * names;

	if (!file)
		return 0;
	names = ossl->SSL_load_client_CA_file(file);
	if (!names || ossl->SSL_CTX_load_verify_locations(t->ctx, file, NULL) != 1) {
		ossl->OPENSSL_sk_pop_free((OPENSSL_STACK *)names, free_name);
		return err_set(err, EINVAL, "the certificates of clients' issuers \"%s\": %s", file, tls_reason());
	}
	ossl->SSL_CTX_set_client_CA_list(t->ctx, names);
	ossl->SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

void tls_settle(struct tls *t, int least_version)
{
	ossl->SSL_CTX_ctrl(t->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, least_version, NULL);
	ossl->SSL_CTX_set_options(t->ctx,
				  SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	ossl->SSL_CTX_ctrl(
	    t->ctx, SSL_CTRL_MODE,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
	ossl->SSL_CTX_ctrl(t->ctx, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
	/* With certificates of clients a resumed session needs a name; without it the handshake fails. */
	ossl->SSL_CTX_set_session_id_context(t->ctx, (const unsigned char *)"berth", 5);
}

int tls_new(const struct tls_files *files, struct tls **ret, struct err *err)
{
	struct tls *t;
	int r;

	r = openssl_load(err);
	if (r < 0)
		return r;
	ossl->ERR_clear_error();
	t = mem_new(struct tls);
	t->ctx = ossl->SSL_CTX_new(ossl->TLS_server_method());
	if (!t->ctx) {
		free(t);
		return err_set(err, EIO, "start TLS: %s", tls_reason());
	}
	tls_settle(t, TLS1_2_VERSION);
	/* Clients end the input of a stream by closing their half of the connection without a word of TLS: it is the end of the input, not of the
	 * stream. What must be whole has a length in HTTP. */
	ossl->SSL_CTX_set_options(t->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	r = load_cert(t, files->cert, err);
	if (r == 0)
		r = load_key(t, files, err);
	if (r == 0)
		r = load_client_ca(t, files->client_ca, err);
	if (r < 0) {
		tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct tls *tls_free(struct tls *t)
{
	if (!t)
		return NULL;
	ossl->SSL_CTX_free(t->ctx);
	free(t);
	return NULL;
}

bool tls_cert_serves(X509 *cert, const char *host)
{
	bool fits = ossl->X509_check_ip_asc(cert, host, 0) == 1 ||
		    ossl->X509_check_host(cert, host, strlen(host), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;

	ossl->ERR_clear_error();
	return fits;
}

bool tls_serves(const struct tls *t, const char *host)
{
	X509 *own = ossl->SSL_CTX_get0_certificate(t->ctx);

	return own && tls_cert_serves(own, host);
}

/* ---- connections ---- */

struct tls_conn *tls_conn_new(struct tls *t, int fd)
{
	struct tls_conn *c = mem_new(struct tls_conn);

	c->fd = fd;
	c->ssl = ossl->SSL_new(t->ctx);
	if (!c->ssl || ossl->SSL_set_fd(c->ssl, fd) != 1)
		return tls_conn_free(c);
	if (t->client)
		ossl->SSL_set_connect_state(c->ssl);
	else
		ossl->SSL_set_accept_state(c->ssl);
	return c;
}

struct tls_conn *tls_conn_free(struct tls_conn *c)
{
	if (!c)
		return NULL;
	ossl->SSL_free(c->ssl);
	ossl->ERR_clear_error();
	free(c);
	return NULL;
}

/* Somebody speaks HTTP to us: say so in his language. */
static void answer_plain(const struct tls_conn *c)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
				   "This server speaks TLS: use https://\n";

	(void)send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t tls_result(struct tls_conn *c, int r)
{
	int why = r > 0 ? SSL_ERROR_NONE : ossl->SSL_get_error(c->ssl, r);

	c->wants_out = why == SSL_ERROR_WANT_WRITE;
	switch (why) {
	case SSL_ERROR_NONE:
		return r;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		break;
	}
	c->reason = ERR_GET_REASON(ossl->ERR_peek_error());
	if (c->reason == SSL_R_HTTP_REQUEST)
		answer_plain(c);
	c->broken = true;
	ossl->ERR_clear_error();
	errno = EPROTO;
	return -1;
}

int tls_conn_reason(const struct tls_conn *c)
{
	return c->reason;
}

static int at_most(size_t n)
{
	return n > 1 << 30 ? 1 << 30 : (int)n;
}

ssize_t tls_recv(struct tls_conn *c, void *data, size_t n)
{
	ossl->ERR_clear_error();
	return c->broken ? (errno = EPROTO, -1) : tls_result(c, ossl->SSL_read(c->ssl, data, at_most(n)));
}

ssize_t tls_send(struct tls_conn *c, const void *data, size_t n)
{
	bool wants_out = c->wants_out;
	ssize_t r;

	if (c->broken) {
		errno = EPROTO;
		return -1;
	}
	ossl->ERR_clear_error();
	r = tls_result(c, ossl->SSL_write(c->ssl, data, at_most(n)));
	c->wants_out = wants_out; /* whoever sends waits for the socket anyway */
	return r;
}

bool tls_wants_out(const struct tls_conn *c)
{
	return c->wants_out;
}

bool tls_is_ready(const struct tls_conn *c)
{
	return !ossl->SSL_in_init(c->ssl);
}

SSL *tls_conn_ssl(const struct tls_conn *c)
{
	return c->ssl;
}

bool tls_peer_text(const struct tls_conn *c, int nid, char *name, size_t n)
{
	X509 *cert = ossl->SSL_get1_peer_certificate(c->ssl);
	/* It cuts a long name off without a word; the length that it would have comes without a buffer. */
	int whole = cert ? ossl->X509_NAME_get_text_by_NID(ossl->X509_get_subject_name(cert), nid, NULL, 0) : -1;
	bool fits = whole > 0 && (size_t)whole < n &&
		    ossl->X509_NAME_get_text_by_NID(ossl->X509_get_subject_name(cert), nid, name, (int)n) == whole &&
		    strlen(name) == (size_t)whole;

	ossl->X509_free(cert);
	ossl->ERR_clear_error();
	return fits;
}

bool tls_peer_name(const struct tls_conn *c, char *name, size_t n)
{
	return tls_peer_text(c, NID_commonName, name, n);
}

bool tls_end(struct tls_conn *c)
{
	bool told;
	int r;

	if (c->broken || ossl->SSL_in_init(c->ssl))
		return true;
	ossl->ERR_clear_error();
	r = ossl->SSL_shutdown(c->ssl);
	told = r >= 0 || ossl->SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_WRITE;
	ossl->ERR_clear_error();
	return told;
}
