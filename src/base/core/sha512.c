/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level functions, for the reason told in sha256.c. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/core/sha512.h"

#include <openssl/sha.h>
#include <stdio.h>

_Static_assert(sizeof(struct sha512) >= sizeof(SHA512_CTX), "struct sha512 has no room for SHA512_CTX");

void sha512_init(struct sha512 *s)
{
	SHA512_Init((SHA512_CTX *)s->state);
}

void sha512_add(struct sha512 *s, const void *data, size_t n)
{
	SHA512_Update((SHA512_CTX *)s->state, data, n);
}

void sha512_hex(struct sha512 *s, char hex[static SHA512_HEX_MAX])
{
	unsigned char digest[SHA512_DIGEST_LENGTH];

	SHA512_Final(digest, (SHA512_CTX *)s->state);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
