/* SPDX-License-Identifier: Apache-2.0
 *
 * sha512: as sha256.h, for the few whose digests are longer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA512_HEX_MAX 129

struct sha512 {
	uint64_t state[28]; /* room for OpenSSL's SHA512_CTX (216 bytes), checked in sha512.c */
};

void sha512_init(struct sha512 *s);
void sha512_add(struct sha512 *s, const void *data, size_t n);
/* 128 lower-case hexadecimal digits and a NUL. */
void sha512_hex(struct sha512 *s, char hex[static SHA512_HEX_MAX]);
