/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/cert.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/pem.h"

#include <string.h>
#include <time.h>

#define AUTHORITY_S (20LL * 365 * 24 * 3600)
#define EARLY_S 3600

static int broken(struct err *err, const char *what)
{
	ossl->ERR_clear_error();
	return err_set(err, EINVAL, "%s cannot be made or read: it is damaged, or OpenSSL refuses it", what);
}

int cert_key_new(char **ret_key, struct err *err)
{
	EVP_PKEY *key;
	int r = openssl_load(err);

	if (r < 0)
		return r;
	key = ossl->EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	*ret_key = key ? pem_of_key(key) : NULL;
	ossl->EVP_PKEY_free(key);
	return *ret_key ? 0 : broken(err, "a key");
}

int cert_key_seal(const char *key_text, const char *secret, char **ret, struct err *err)
{
	int r = openssl_load(err);
	EVP_PKEY *key = r < 0 ? NULL : pem_key(key_text);

	if (r < 0)
		return r;
	*ret = key ? pem_of_key_sealed(key, secret) : NULL;
	ossl->EVP_PKEY_free(key);
	return *ret ? 0 : broken(err, "an encrypted key");
}

int cert_key_unseal(const char *sealed, const char *secret, char **ret_key, struct err *err)
{
	int r = openssl_load(err);
	EVP_PKEY *key = r < 0 ? NULL : pem_key_sealed(sealed, secret);

	if (r < 0)
		return r;
	ossl->ERR_clear_error();
	if (!key)
		return err_set(err, EACCES, "the key is damaged, or was encrypted with another secret");
	*ret_key = pem_of_key(key);
	ossl->EVP_PKEY_free(key);
	return *ret_key ? 0 : broken(err, "a key");
}

bool cert_key_is_sealed(const char *text)
{
	return strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != NULL;
}

/* ---- what is in a certificate ---- */

static bool add_name(X509_NAME *name, const char *field, const char *text)
{
	return ossl->X509_NAME_add_entry_by_txt(name, field, V_ASN1_UTF8STRING, (const unsigned char *)text, -1, -1,
						0) == 1;
}

static X509_NAME *name_new(const char *organisation, const char *common)
{
	X509_NAME *name = ossl->X509_NAME_new();

	if (name && add_name(name, "O", organisation) && add_name(name, "CN", common))
		return name;
	ossl->X509_NAME_free(name);
	return NULL;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx = {.flags = 0};
	X509_EXTENSION *x;
	bool fine;

	ossl->X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	x = ossl->X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	fine = x && ossl->X509_add_ext(cert, x, -1) == 1;
	ossl->X509_EXTENSION_free(x);
	return fine;
}

static bool set_times(X509 *cert, int64_t seconds)
{
	return ossl->X509_gmtime_adj(ossl->X509_getm_notBefore(cert), -EARLY_S) &&
	       ossl->X509_gmtime_adj(ossl->X509_getm_notAfter(cert), seconds);
}

static bool set_serial(X509 *cert)
{
	uint64_t serial;

	random_bytes(&serial, sizeof serial);
	return ossl->ASN1_INTEGER_set_uint64(ossl->X509_get_serialNumber(cert), serial >> 1) == 1;
}

static bool begin(X509 *cert, EVP_PKEY *key, int64_t seconds)
{
	return cert && key && ossl->X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       set_times(cert, seconds) && ossl->X509_set_pubkey(cert, key) == 1;
}

int cert_authority_new(const char *key_text, char **ret_cert, struct err *err)
{
	char id[9];
	EVP_PKEY *key;
	X509 *cert;
	X509_NAME *name;
	char *text = NULL;
	int r = openssl_load(err);

	if (r < 0)
		return r;
	random_hex(id, sizeof id - 1);
	key = pem_key(key_text);
	cert = ossl->X509_new();
	name = name_new("berth cluster", id);
	if (begin(cert, key, AUTHORITY_S) && name && ossl->X509_set_subject_name(cert, name) == 1 &&
	    ossl->X509_set_issuer_name(cert, name) == 1 &&
	    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
	    ossl->X509_sign(cert, key, ossl->EVP_sha256()) > 0)
		text = pem_of_cert(cert);
	ossl->X509_NAME_free(name);
	ossl->X509_free(cert);
	ossl->EVP_PKEY_free(key);
	*ret_cert = text;
	return text ? 0 : broken(err, "the authority's certificate");
}

int cert_request_new(const char *key_text, char **ret_request, struct err *err)
{
	EVP_PKEY *key;
	X509_REQ *request;
	char *text = NULL;
	int r = openssl_load(err);

	if (r < 0)
		return r;
	key = pem_key(key_text);
	request = ossl->X509_REQ_new();
	if (key && request && ossl->X509_REQ_set_pubkey(request, key) == 1 &&
	    ossl->X509_REQ_sign(request, key, ossl->EVP_sha256()) > 0)
		text = pem_of_request(request);
	ossl->X509_REQ_free(request);
	ossl->EVP_PKEY_free(key);
	*ret_request = text;
	return text ? 0 : broken(err, "the request for a certificate");
}

/* ---- signing ---- */

/* The key of a request that its owner has signed; only P-256, so that nobody makes us compute with monsters. */
static EVP_PKEY *key_of_request(const char *text)
{
	X509_REQ *request = pem_request(text);
	EVP_PKEY *key = request ? ossl->X509_REQ_get_pubkey(request) : NULL;
	char group[32] = "";

	if (key && ossl->EVP_PKEY_is_a(key, "EC") == 1 && ossl->EVP_PKEY_get_bits(key) == 256 &&
	    ossl->EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && !strcmp(group, "prime256v1") &&
	    ossl->X509_REQ_verify(request, key) == 1) {
		ossl->X509_REQ_free(request);
		return key;
	}
	ossl->EVP_PKEY_free(key);
	ossl->X509_REQ_free(request);
	return NULL;
}

static char *sign(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const struct cert_wish *w)
{
	X509 *cert = ossl->X509_new();
	X509_NAME *name = name_new(w->member, w->node);
	char *text = NULL;

	if (begin(cert, key, w->seconds) && name && ossl->X509_set_subject_name(cert, name) == 1 &&
	    ossl->X509_set_issuer_name(cert, ossl->X509_get_subject_name(ca)) == 1 &&
	    add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, ca, NID_ext_key_usage, w->server ? "serverAuth" : "clientAuth") &&
	    ossl->X509_sign(cert, ca_key, ossl->EVP_sha256()) > 0)
		text = pem_of_cert(cert);
	ossl->X509_NAME_free(name);
	ossl->X509_free(cert);
	return text;
}

int cert_sign(const char *ca_text, const char *ca_key_text, const char *request, const struct cert_wish *w, char **ret,
	      struct err *err)
{
	EVP_PKEY *key, *ca_key;
	X509 *ca;
	char *text = NULL;
	int r = openssl_load(err);

	if (r < 0)
		return r;
	key = key_of_request(request);
	ossl->ERR_clear_error();
	if (!key)
		return err_set(err, EINVAL,
			       "the request for a certificate is not one: a P-256 key that has signed it is needed");
	ca = pem_cert(ca_text);
	ca_key = pem_key(ca_key_text);
	if (ca && ca_key)
		text = sign(ca, ca_key, key, w);
	ossl->EVP_PKEY_free(key);
	ossl->EVP_PKEY_free(ca_key);
	ossl->X509_free(ca);
	*ret = text;
	return text ? 0 : broken(err, "a certificate");
}

/* ---- looking ---- */

int cert_fingerprint(const char *text, char hex[static SHA256_HEX_MAX], struct err *err)
{
	int r = openssl_load(err);
	X509 *cert = r < 0 ? NULL : pem_cert(text);
	bool fine = cert && pem_fingerprint(cert, hex);

	if (r < 0)
		return r;
	ossl->X509_free(cert);
	return fine ? 0 : broken(err, "a certificate");
}

int cert_times(const char *text, int64_t *ret_begin, int64_t *ret_end, struct err *err)
{
	struct tm begin_tm = {.tm_sec = 0}, end_tm = {.tm_sec = 0};
	int r = openssl_load(err);
	X509 *cert = r < 0 ? NULL : pem_cert(text);
	bool fine = cert && ossl->ASN1_TIME_to_tm(ossl->X509_get0_notBefore(cert), &begin_tm) == 1 &&
		    ossl->ASN1_TIME_to_tm(ossl->X509_get0_notAfter(cert), &end_tm) == 1;

	if (r < 0)
		return r;
	ossl->X509_free(cert);
	if (!fine)
		return broken(err, "a certificate");
	*ret_begin = timegm(&begin_tm);
	*ret_end = timegm(&end_tm);
	return 0;
}
