/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/base64.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_text(const void *data, size_t n)
{
	const unsigned char *in = data;
	char *text = mem_new_n(char, (n + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t bits =
		    (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);

		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[bits & 63] : '=';
	}
	return text;
}

char *base64_bytes(const char *text, size_t *ret_len)
{
	size_t n = strlen(text), pad = 0, used = 0;
	mem_cleanup char *out = mem_new_n(char, n / 4 * 3 + 1);

	if (n % 4)
		return NULL;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n; i += 4) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *digit = i + k < n - pad ? strchr(digits, text[i + k]) : digits;

			if (!digit || !*digit)
				return NULL;
			bits = bits << 6 | (uint32_t)(digit - digits);
		}
		out[used++] = (char)(bits >> 16);
		out[used++] = (char)(bits >> 8);
		out[used++] = (char)bits;
	}
	used -= pad;
	out[used] = '\0';
	*ret_len = used;
	return mem_take(out);
}
