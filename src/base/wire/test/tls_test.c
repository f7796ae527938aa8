/* SPDX-License-Identifier: Apache-2.0 */
#include "http_lib.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two self-signed pairs: the server's, and one of a client. */
static struct place {
	char dir[64], cert[96], key[96], cert2[96], key2[96];
} place;

static void write_pair(const char *cert_file, const char *key_file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *f = fopen(key_file, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
				   -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	f = fopen(cert_file, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int make_place(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(place.dir, sizeof place.dir, "/tmp/berth-tls-XXXXXX");
	if (!mkdtemp(place.dir))
		return -1;
	snprintf(place.cert, sizeof place.cert, "%s/cert", place.dir);
	snprintf(place.key, sizeof place.key, "%s/key", place.dir);
	snprintf(place.cert2, sizeof place.cert2, "%s/cert2", place.dir);
	snprintf(place.key2, sizeof place.key2, "%s/key2", place.dir);
	write_pair(place.cert, place.key);
	write_pair(place.cert2, place.key2);
	return 0;
}

static int drop_place(void **state)
{
	(void)state;
	unlink(place.cert);
	unlink(place.key);
	unlink(place.cert2);
	unlink(place.key2);
	return rmdir(place.dir);
}

/* ---- a client ---- */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static bool client_open(struct http_lib *t, struct client *c, bool with_cert)
{
	struct timeval patience = {.tv_sec = 20};

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (with_cert) {
		assert_int_equal(SSL_CTX_use_certificate_file(c->ctx, place.cert2, SSL_FILETYPE_PEM), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey_file(c->ctx, place.key2, SSL_FILETYPE_PEM), 1);
	}
	c->fd = http_lib_connect(t);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	c->ssl = SSL_new(c->ctx);
	SSL_set_fd(c->ssl, c->fd);
	return SSL_connect(c->ssl) == 1;
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

static void client_send(struct client *c, const char *data, size_t n)
{
	assert_int_equal(SSL_write(c->ssl, data, (int)n), (int)n);
}

/* Until the end; the number of bytes, the first ones in `start`. */
static size_t client_recv(struct client *c, char *start, size_t cap)
{
	static char piece[65536];
	size_t total = 0;
	int n;

	while ((n = SSL_read(c->ssl, piece, sizeof piece)) > 0) {
		for (int i = 0; i < n && total + (size_t)i < cap - 1; i++)
			start[total + (size_t)i] = piece[i];
		total += (size_t)n;
	}
	start[total < cap - 1 ? total : cap - 1] = '\0';
	return total;
}

static struct tls *server_tls(const char *client_ca)
{
	const struct tls_files files = {.cert = place.cert, .key = place.key, .client_ca = client_ca};
	struct err err = ERR_INIT;
	struct tls *t = NULL;

	assert_int_equal(tls_new(&files, &t, &err), 0);
	return t;
}

/* Bodies of several megabytes both ways, in more records than fit anywhere at once. */
static void test_bodies(void **state)
{
	static const char head[] = "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n",
			  next[] = "GET /stream?n=5000000 HTTP/1.0\r\n\r\n";
	struct tls *tls = server_tls(NULL);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char *body = mem_zalloc(1, 3000000), start[512];
	struct client c;

	(void)state;
	assert_true(client_open(t, &c, false));
	client_send(&c, head, sizeof head - 1);
	client_send(&c, body, 3000000);
	client_send(&c, next, sizeof next - 1);
	assert_true(client_recv(&c, start, sizeof start) > 5000000);
	assert_non_null(strstr(start, "\r\n\r\n3000000HTTP/1.1 200 OK\r\n"));
	assert_true(atomic_load(&t->max_buffered) < 1 << 20);
	client_close(&c);
	free(body);
	http_lib_stop(t);
	tls_free(tls);
}

/* A connection that was given away: the end of what the peer sends arrives as such, and everything comes back after it. */
static void test_hijack(void **state)
{
	static const char head[] = "POST /hijack HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
	struct tls *tls = server_tls(NULL);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char *body = mem_zalloc(1, 3000000), start[512];
	struct client c;

	(void)state;
	assert_true(client_open(t, &c, false));
	client_send(&c, head, sizeof head - 1);
	client_send(&c, body, 3000000);
	assert_int_equal(SSL_shutdown(c.ssl), 0);
	assert_true(client_recv(&c, start, sizeof start) > 1000000);
	assert_non_null(strstr(start, "HTTP/1.1 101 UPGRADED\r\n"));
	assert_non_null(strstr(start, "\r\n\r\n3000000"));
	assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN);
	client_close(&c);
	http_lib_until(&t->given, 1);
	/* One that has not ended goes with the server. */
	assert_true(client_open(t, &c, false));
	client_send(&c, head, sizeof head - 1);
	http_lib_until(&t->closed, 2);
	http_lib_stop(t);
	client_recv(&c, start, sizeof start);
	client_close(&c);
	free(body);
	tls_free(tls);
}

/* Clients that close their half of the connection beneath TLS have ended their input, and are answered. */
static void test_half_close(void **state)
{
	static const char head[] =
	    "POST /hijack HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n12345";
	struct tls *tls = server_tls(NULL);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char start[512];
	struct client c;

	(void)state;
	assert_true(client_open(t, &c, false));
	client_send(&c, head, sizeof head - 1);
	shutdown(c.fd, SHUT_WR);
	client_recv(&c, start, sizeof start);
	assert_non_null(strstr(start, "\r\n\r\n5"));
	assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN);
	client_close(&c);
	http_lib_until(&t->closed, 1);
	http_lib_stop(t);
	tls_free(tls);
}

/* The end of our side comes with its own record, so that nobody can cut a reply short unseen. */
static void test_end_is_told(void **state)
{
	struct tls *tls = server_tls(NULL);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char start[256];
	struct client c;

	(void)state;
	assert_true(client_open(t, &c, false));
	client_send(&c, "GET /hello HTTP/1.0\r\n\r\n", 23);
	client_recv(&c, start, sizeof start);
	assert_non_null(strstr(start, "hello"));
	assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN);
	client_close(&c);
	http_lib_stop(t);
	tls_free(tls);
}

static void test_client_certificates(void **state)
{
	struct tls *tls = server_tls(place.cert2);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char start[256];
	struct client c;

	(void)state;
	assert_true(client_open(t, &c, true));
	client_send(&c, "GET /hello HTTP/1.0\r\n\r\n", 23);
	client_recv(&c, start, sizeof start);
	assert_non_null(strstr(start, "hello"));
	client_close(&c);
	/* With TLS 1.3 the client learns of it when it reads. */
	if (client_open(t, &c, false))
		assert_int_equal(client_recv(&c, start, sizeof start), 0);
	client_close(&c);
	assert_int_equal(atomic_load(&t->requests), 1);
	http_lib_stop(t);
	tls_free(tls);
}

/* What is no TLS, and a handshake that does not go on. */
static void test_strangers(void **state)
{
	struct http_limits limits = {.header_ms = 50};
	struct tls *tls = server_tls(NULL);
	struct http_lib *t = http_lib_start_tls(NULL, tls);
	char *reply = http_lib_talk(t, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	int fd;

	(void)state;
	assert_non_null(strstr(reply, "400 Bad Request"));
	free(reply);
	reply = http_lib_talk(t, "\377\376\375 nothing that anybody speaks \001\002\003");
	free(reply);
	assert_int_equal(atomic_load(&t->requests), 0);
	http_lib_stop(t);
	t = http_lib_start_tls(&limits, tls);
	fd = http_lib_connect(t);
	http_lib_send(fd, "\026\003\001\002\000\001\000", 7);
	reply = http_lib_recv(fd, 0, NULL); /* ends by the server's doing */
	free(reply);
	close(fd);
	assert_int_equal(atomic_load(&t->requests), 0);
	http_lib_stop(t);
	tls_free(tls);
}

static void test_bad_files(void **state)
{
	const struct {
		struct tls_files files;
		const char *has;
	} rows[] = {
	    {{.cert = "/nowhere/cert", .key = place.key}, "\"/nowhere/cert\": No such file"},
	    {{.cert = place.key, .key = place.key}, "the TLS certificate"},
	    {{.cert = place.cert, .key = "/nowhere/key"}, "\"/nowhere/key\": No such file"},
	    {{.cert = place.cert, .key = place.cert}, "the TLS key"},
	    {{.cert = place.cert, .key = place.key2}, "is not the one of the certificate"},
	    {{.cert = place.cert, .key = place.key, .client_ca = "/nowhere/ca"}, "/nowhere/ca"},
	    {{.cert = place.cert, .key = place.key, .client_ca = place.key}, "clients' issuers"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;
		struct tls *t = NULL;

		assert_int_equal(tls_new(&rows[i].files, &t, &err), -EINVAL);
		if (!strstr(err.text, rows[i].has))
			fail_msg("%zu: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_hijack),
	    cmocka_unit_test(test_half_close),
	    cmocka_unit_test(test_end_is_told),
	    cmocka_unit_test(test_client_certificates),
	    cmocka_unit_test(test_strangers),
	    cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, make_place, drop_place);
}
