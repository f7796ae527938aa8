/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/grpc_text.h"

#include "base/core/mem.h"

#include <stdint.h>

static int hex_of(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

void grpc_text_decode(char *dst, size_t cap, const void *value, size_t n)
{
	const uint8_t *from = value;
	size_t k = 0;

	for (size_t i = 0; i < n && k < cap - 1; i++) {
		int ch = from[i];

		if (ch == '%' && i + 2 < n && hex_of(from[i + 1]) >= 0 && hex_of(from[i + 2]) >= 0) {
			ch = hex_of(from[i + 1]) << 4 | hex_of(from[i + 2]);
			i += 2;
		}
		dst[k++] = (char)(ch < 0x20 || ch == 0x7f ? '?' : ch);
	}
	dst[k] = '\0';
}

char *grpc_text_encode(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = mem_zalloc(3, GRPC_TEXT_ENCODED + 1);
	size_t k = 0;

	for (size_t i = 0; i < GRPC_TEXT_ENCODED && text[i]; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c >= 0x20 && c < 0x7f && c != '%') {
			out[k++] = (char)c;
			continue;
		}
		out[k++] = '%';
		out[k++] = hex[c >> 4];
		out[k++] = hex[c & 15];
	}
	return out;
}
