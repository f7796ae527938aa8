/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/pem.h"

#include "base/core/mem.h"

#include <string.h>

static BIO *reader(const char *text)
{
	size_t n = text ? strlen(text) : 0;

	return n > 0 && n <= PEM_TEXT_MAX ? ossl->BIO_new_mem_buf(text, (int)n) : NULL;
}

static int no_password(char *buf, int size, int writing, void *ctx)
{
	if (size > 0)
		*buf = '\0';
	(void)writing;
	(void)ctx;
	return 0;
}

X509 *pem_cert(const char *text)
{
	BIO *in = reader(text);
	X509 *cert = in ? ossl->PEM_read_bio_X509(in, NULL, no_password, NULL) : NULL;

	ossl->BIO_free(in);
	return cert;
}

EVP_PKEY *pem_key(const char *text)
{
	BIO *in = reader(text);
	EVP_PKEY *key = in ? ossl->PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;

	ossl->BIO_free(in);
	return key;
}

static int give_secret(char *buf, int size, int writing, void *ctx)
{
	size_t n = strlen(ctx);

	(void)writing;
	if (n > PEM_SECRET_MAX || n > (size_t)size)
		return -1;
	memcpy(buf, ctx, n); // NOLINT(bugprone-not-null-terminated-result): it is counted
	return (int)n;
}

EVP_PKEY *pem_key_sealed(const char *text, const char *secret)
{
	BIO *in = reader(text);
	EVP_PKEY *key = in ? ossl->PEM_read_bio_PrivateKey(in, NULL, give_secret, (void *)(uintptr_t)secret) : NULL;

	ossl->BIO_free(in);
	return key;
}

X509_REQ *pem_request(const char *text)
{
	BIO *in = reader(text);
	X509_REQ *request = in ? ossl->PEM_read_bio_X509_REQ(in, NULL, no_password, NULL) : NULL;

	ossl->BIO_free(in);
	return request;
}

/* What was written into memory, as a string; the BIO is freed. */
static char *text_of(BIO *out, int written)
{
	char *data = NULL, *text = NULL;
	long n = written == 1 ? ossl->BIO_ctrl(out, BIO_CTRL_INFO, 0, &data) : 0;

	if (n > 0 && data)
		text = mem_strndup(data, (size_t)n);
	ossl->BIO_free(out);
	return text;
}

char *pem_of_cert(X509 *cert)
{
	BIO *out = ossl->BIO_new(ossl->BIO_s_mem());

	return out ? text_of(out, ossl->PEM_write_bio_X509(out, cert)) : NULL;
}

char *pem_of_key(EVP_PKEY *key)
{
	BIO *out = ossl->BIO_new(ossl->BIO_s_mem());

	return out ? text_of(out, ossl->PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) : NULL;
}

char *pem_of_key_sealed(EVP_PKEY *key, const char *secret)
{
	BIO *out = ossl->BIO_new(ossl->BIO_s_mem());

	return out ? text_of(out, ossl->PEM_write_bio_PKCS8PrivateKey(out, key, ossl->EVP_aes_256_cbc(), NULL, 0,
								      give_secret, (void *)(uintptr_t)secret))
		   : NULL;
}

char *pem_of_request(X509_REQ *request)
{
	BIO *out = ossl->BIO_new(ossl->BIO_s_mem());

	return out ? text_of(out, ossl->PEM_write_bio_X509_REQ(out, request)) : NULL;
}

bool pem_fingerprint(X509 *cert, char hex[static SHA256_HEX_MAX])
{
	mem_cleanup unsigned char *der = NULL;
	unsigned char *end;
	int n = ossl->i2d_X509(cert, NULL);

	if (n <= 0)
		return false;
	der = mem_zalloc(1, (size_t)n);
	end = der;
	ossl->i2d_X509(cert, &end);
	sha256_of(der, (size_t)n, hex);
	return true;
}
