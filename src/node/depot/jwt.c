/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/jwt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "base/wire/openssl.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <stdint.h>
#include <string.h>

#define FILE_MAX (1u << 20)
#define KEYS_MAX 32u
#define RSA_BITS_MIN 2048
#define P256_SIZE 32

struct jwt_keys {
	EVP_PKEY *keys[KEYS_MAX];
	size_t n;
};

/* ---- base64url without padding (RFC 7515 section 2) ---- */

static int digit(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* New memory, NUL-terminated; NULL when it is not the one way to write those bytes. */
static unsigned char *decode(const char *text, size_t n, size_t *ret_n)
{
	mem_cleanup unsigned char *out = mem_zalloc(1, n + 1);
	unsigned bits = 0, have = 0;
	size_t len = 0;

	if (n % 4 == 1)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return NULL;
		bits = (bits << 6 | (unsigned)d) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[len++] = (unsigned char)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return NULL;
	*ret_n = len;
	return mem_take(out);
}

/* ---- keys ---- */

static int add_key(struct jwt_keys *k, EVP_PKEY *key, const char *file, struct err *err)
{
	const char *wrong = NULL;
	char group[32] = "";

	if (!key)
		wrong = "a key cannot be read";
	else if (k->n == KEYS_MAX)
		wrong = "there are too many keys";
	else if (ossl->EVP_PKEY_is_a(key, "RSA"))
		wrong = ossl->EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? "an RSA key is shorter than 2048 bits" : NULL;
	else if (!ossl->EVP_PKEY_is_a(key, "EC") ||
		 ossl->EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
		 (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0))
		wrong = "a key is neither RSA nor of the curve P-256";
	ossl->ERR_clear_error();
	if (wrong) {
		ossl->EVP_PKEY_free(key);
		return err_set(err, EINVAL, "the keys of tokens \"%s\": %s", file, wrong);
	}
	k->keys[k->n++] = key;
	return 0;
}

static EVP_PKEY *key_of_pem(const char *name, const unsigned char *data, long n)
{
	EVP_PKEY *key = NULL;
	X509 *cert;

	if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		return ossl->d2i_PUBKEY(NULL, &data, n);
	if (strcmp(name, PEM_STRING_X509) != 0)
		return NULL;
	cert = ossl->d2i_X509(NULL, &data, n);
	key = cert ? ossl->X509_get_pubkey(cert) : NULL;
	ossl->X509_free(cert);
	return key;
}

static int load_pem(struct jwt_keys *k, const char *file, const char *text, size_t n, struct err *err)
{
	BIO *bio = ossl->BIO_new_mem_buf(text, (int)n);
	unsigned char *data;
	char *name, *header;
	int r = 0;
	long len;

	while (bio && r == 0 && ossl->PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		r = add_key(k, key_of_pem(name, data, len), file, err);
		ossl->CRYPTO_free(name, __FILE__, __LINE__);
		ossl->CRYPTO_free(header, __FILE__, __LINE__);
		ossl->CRYPTO_free(data, __FILE__, __LINE__);
	}
	ossl->BIO_free(bio);
	ossl->ERR_clear_error();
	return r;
}

static BIGNUM *number_of(yyjson_val *jwk, const char *member)
{
	const char *text = yyjson_get_str(yyjson_obj_get(jwk, member));
	mem_cleanup unsigned char *bytes = NULL;
	size_t n;

	if (text)
		bytes = decode(text, strlen(text), &n);
	return bytes ? ossl->BN_bin2bn(bytes, (int)n, NULL) : NULL;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = ossl->OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = ossl->EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params && ctx && ossl->EVP_PKEY_fromdata_init(ctx) == 1)
		(void)ossl->EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	ossl->EVP_PKEY_CTX_free(ctx);
	ossl->OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *rsa_of(yyjson_val *jwk)
{
	BIGNUM *n = number_of(jwk, "n"), *e = number_of(jwk, "e");
	OSSL_PARAM_BLD *build = ossl->OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (n && e && build && ossl->OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    ossl->OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
		key = key_from("RSA", build);
	ossl->OSSL_PARAM_BLD_free(build);
	ossl->BN_free(n);
	ossl->BN_free(e);
	return key;
}

static EVP_PKEY *ec_of(yyjson_val *jwk)
{
	unsigned char point[1 + 2 * P256_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
	BIGNUM *x = number_of(jwk, "x"), *y = number_of(jwk, "y");
	OSSL_PARAM_BLD *build = ossl->OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (x && y && build && ossl->BN_bn2binpad(x, point + 1, P256_SIZE) == P256_SIZE &&
	    ossl->BN_bn2binpad(y, point + 1 + P256_SIZE, P256_SIZE) == P256_SIZE &&
	    ossl->OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
	    ossl->OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
		key = key_from("EC", build);
	ossl->OSSL_PARAM_BLD_free(build);
	ossl->BN_free(x);
	ossl->BN_free(y);
	return key;
}

static int load_jwks(struct jwt_keys *k, const char *file, const char *text, size_t n, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, FILE_MAX, file, err);
	yyjson_val *jwk;
	size_t i, count;
	int r = doc ? 0 : -EINVAL;

	if (!doc)
		return r;
	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "keys"), i, count, jwk) {
		const char *type = yyjson_get_str(yyjson_obj_get(jwk, "kty"));

		if (r == 0)
			r = add_key(k, type && strcmp(type, "EC") == 0 ? ec_of(jwk) : rsa_of(jwk), file, err);
	}
	return r;
}

int jwt_keys_load(const char *file, struct jwt_keys **ret, struct err *err)
{
	fd_cleanup int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	mem_cleanup char *text = NULL;
	struct jwt_keys *k;
	size_t n;
	int r = fd < 0 ? -errno : fd_read_all(fd, FILE_MAX, &text, &n);

	if (r < 0 || !text)
		return err_sys(err, -r, "read the keys of tokens \"%s\"", file);
	r = openssl_load(err);
	if (r < 0)
		return r;
	k = mem_new(struct jwt_keys);
	r = text[strspn(text, " \t\r\n")] == '{' ? load_jwks(k, file, text, n, err) : load_pem(k, file, text, n, err);
	if (r == 0 && k->n == 0)
		r = err_set(err, EINVAL,
			    "the keys of tokens \"%s\": there is no PEM certificate, public key or JWKS in it", file);
	if (r < 0) {
		jwt_keys_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

struct jwt_keys *jwt_keys_free(struct jwt_keys *k)
{
	if (!k)
		return NULL;
	for (size_t i = 0; i < k->n; i++)
		ossl->EVP_PKEY_free(k->keys[i]);
	free(k);
	return NULL;
}

/* ---- tokens ---- */

/* ES256 writes the two numbers one after the other; OpenSSL wants them in DER. */
static int ec_signature(const unsigned char *raw, size_t n, unsigned char **ret)
{
	ECDSA_SIG *sig = n == 2 * P256_SIZE ? ossl->ECDSA_SIG_new() : NULL;
	BIGNUM *r, *s;
	int len = -1;

	if (!sig)
		return -1;
	r = ossl->BN_bin2bn(raw, P256_SIZE, NULL);
	s = ossl->BN_bin2bn(raw + P256_SIZE, P256_SIZE, NULL);
	if (r && s && ossl->ECDSA_SIG_set0(sig, r, s) == 1)
		len = ossl->i2d_ECDSA_SIG(sig, ret);
	else {
		ossl->BN_free(r);
		ossl->BN_free(s);
	}
	ossl->ECDSA_SIG_free(sig);
	return len;
}

static bool verify(EVP_PKEY *key, const char *text, size_t n, const unsigned char *sig, size_t sig_n)
{
	EVP_MD_CTX *ctx = ossl->EVP_MD_CTX_new();
	bool good = ctx && ossl->EVP_DigestVerifyInit(ctx, NULL, ossl->EVP_sha256(), NULL, key) == 1 &&
		    ossl->EVP_DigestVerify(ctx, sig, sig_n, (const unsigned char *)text, n) == 1;

	ossl->EVP_MD_CTX_free(ctx);
	ossl->ERR_clear_error();
	return good;
}

/* `n` bytes of `text` were signed. Only keys of the kind that the algorithm means are tried. */
static bool signed_by(const struct jwt_keys *k, bool ec, const char *text, size_t n, const unsigned char *sig,
		      size_t sig_n)
{
	unsigned char *der = NULL;
	int der_n = ec ? ec_signature(sig, sig_n, &der) : 0;
	bool good = false;

	for (size_t i = 0; i < k->n && der_n >= 0 && !good; i++)
		if (ossl->EVP_PKEY_is_a(k->keys[i], ec ? "EC" : "RSA"))
			good = verify(k->keys[i], text, n, ec ? der : sig, ec ? (size_t)der_n : sig_n);
	ossl->CRYPTO_free(der, __FILE__, __LINE__);
	return good;
}

/* 1 = ES256, 0 = RS256, -1 = anything else; "none" most of all. */
static int algorithm(const char *text, size_t n)
{
	size_t len;
	mem_cleanup unsigned char *head = decode(text, n, &len);
	yyjson_doc *doc json_doc_cleanup =
	    head ? json_parse((char *)head, len, JWT_MAX, "the token's head", NULL) : NULL;
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
	const char *alg = yyjson_get_str(yyjson_obj_get(root, "alg"));

	if (!alg || yyjson_obj_get(root, "crit"))
		return -1;
	return strcmp(alg, "ES256") == 0 ? 1 : strcmp(alg, "RS256") == 0 ? 0 : -1;
}

int jwt_open(const struct jwt_keys *k, const char *token, char **ret, size_t *ret_n, struct err *err)
{
	size_t head = strcspn(token, "."), payload, sig_n = 0;
	mem_cleanup unsigned char *sig = NULL;
	int alg;

	if (strlen(token) > JWT_MAX || !token[head])
		return err_set(err, EACCES, "the token is no JWT");
	payload = head + 1 + strcspn(token + head + 1, ".");
	if (token[payload])
		sig = decode(token + payload + 1, strlen(token + payload + 1), &sig_n);
	if (!sig)
		return err_set(err, EACCES, "the token is no JWT");
	alg = algorithm(token, head);
	if (alg < 0)
		return err_set(err, EACCES, "the token is neither signed by RS256 nor by ES256");
	if (!signed_by(k, alg == 1, token, payload, sig, sig_n))
		return err_set(err, EACCES, "the token is signed by nobody who is known here");
	*ret = (char *)decode(token + head + 1, payload - head - 1, ret_n);
	return *ret ? 0 : err_set(err, EACCES, "the token is no JWT");
}
