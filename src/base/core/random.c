/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

void random_bytes(void *data, size_t n)
{
	char *p = data;

	while (n > 0) {
		ssize_t r = getrandom(p, n, 0);

		if (r < 0 && errno != EINTR)
			abort();
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
}

void random_hex(char *text, size_t digits)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[64];

	for (size_t i = 0; i < digits; i++) {
		if (i % sizeof bytes == 0)
			random_bytes(bytes, sizeof bytes);
		text[i] = hex[bytes[i % sizeof bytes] & 15];
	}
	text[digits] = '\0';
}
