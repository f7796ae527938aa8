/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256: digests of streams, by OpenSSL's low-level functions (no engine, no allocation per use, SHA-NI when the CPU has it).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_MAX 65

struct sha256 {
	uint64_t state[16]; /* room for OpenSSL's SHA256_CTX (112 bytes), checked in sha256.c */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* 64 lower-case hexadecimal digits and a NUL. */
void sha256_hex(struct sha256 *s, char hex[static SHA256_HEX_MAX]);
/* All at once. */
void sha256_of(const void *data, size_t n, char hex[static SHA256_HEX_MAX]);
