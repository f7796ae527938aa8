/* SPDX-License-Identifier: Apache-2.0 */
/* The one-shot EVP interface would link all of libcrypto's provider machinery (4 MB) for one function. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/core/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>

_Static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX), "struct sha256 has no room for SHA256_CTX");

void sha256_init(struct sha256 *s)
{
	SHA256_Init((SHA256_CTX *)s->state);
}

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	SHA256_Update((SHA256_CTX *)s->state, data, n);
}

void sha256_hex(struct sha256 *s, char hex[static SHA256_HEX_MAX])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256_Final(digest, (SHA256_CTX *)s->state);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void sha256_of(const void *data, size_t n, char hex[static SHA256_HEX_MAX])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, n);
	sha256_hex(&s, hex);
}
