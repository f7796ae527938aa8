/* SPDX-License-Identifier: Apache-2.0
 *
 * pem: OpenSSL's objects from PEM texts, and back. After openssl_load() only. NULL when the text is no such thing.
 */
#pragma once

#include "base/core/sha256.h"
#include "base/wire/openssl.h"

#include <stdbool.h>

#define PEM_TEXT_MAX (64u << 10)

X509 *pem_cert(const char *text);
EVP_PKEY *pem_key(const char *text); /* without a password */
/* With one (PKCS #8, AES-256), as text of at most PEM_SECRET_MAX bytes. */
#define PEM_SECRET_MAX 1024
EVP_PKEY *pem_key_sealed(const char *text, const char *secret);
X509_REQ *pem_request(const char *text);

/* New memory of the caller, or NULL. */
char *pem_of_cert(X509 *cert);
char *pem_of_key(EVP_PKEY *key);
char *pem_of_key_sealed(EVP_PKEY *key, const char *secret);
char *pem_of_request(X509_REQ *request);

/* SHA-256 of the certificate as it is signed (DER). */
bool pem_fingerprint(X509 *cert, char hex[static SHA256_HEX_MAX]);
