/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/sha1.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static uint32_t turn(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

/* FIPS 180-4, 6.1.2 */
static void take_block(uint32_t h[static 5], const uint8_t block[static 64])
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	memcpy(w, block, 64);
	for (int t = 0; t < 16; t++)
		w[t] = be32toh(w[t]);
	for (int t = 16; t < 80; t++)
		w[t] = turn(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (int t = 0; t < 80; t++) {
		uint32_t f = t < 20		 ? ((b & c) | (~b & d))
			     : t >= 40 && t < 60 ? ((b & c) | (b & d) | (c & d))
						 : b ^ c ^ d;
		uint32_t k = t < 20 ? 0x5a827999 : t < 40 ? 0x6ed9eba1 : t < 60 ? 0x8f1bbcdc : 0xca62c1d6;
		uint32_t next = turn(a, 5) + f + e + k + w[t];

		e = d;
		d = c;
		c = turn(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void sha1_of(const void *text, size_t n, uint8_t ret[static 20])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	size_t blocks = (n + 9 + 63) / 64;
	uint64_t bits = htobe64(n * 8);
	uint8_t padded[128] = {0};

	assert(n <= SHA1_TEXT_MAX);
	memcpy(padded, text, n);
	padded[n] = 0x80;
	memcpy(padded + blocks * 64 - sizeof bits, &bits, sizeof bits);
	for (size_t i = 0; i < blocks; i++)
		take_block(h, padded + i * 64);
	for (size_t i = 0; i < 5; i++) {
		uint32_t word = htobe32(h[i]);

		memcpy(ret + i * 4, &word, sizeof word);
	}
}
