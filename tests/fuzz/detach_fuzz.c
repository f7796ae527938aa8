/* SPDX-License-Identifier: Apache-2.0 */
/* Detach keys as a client names them, up to the first NUL, and then what it types: how the bytes are cut must not matter. */
#include "base/core/mem.h"
#include "node/engine/detach.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	size_t skip = strlen(text) < n ? strlen(text) + 1 : n, a, b = 0, i = 0;
	mem_cleanup uint8_t *one = mem_zalloc(n + DETACH_MAX, 1), *two = mem_zalloc(n + DETACH_MAX, 1);
	struct detach d, e;
	bool left, left_too = false;

	if (detach_parse(&d, text, NULL) < 0)
		return 0;
	e = d;
	data += skip;
	n -= skip;
	a = detach_filter(&d, data, n, one, &left);
	for (; i < n && !left_too; i++)
		b += detach_filter(&e, data + i, 1, two + b, &left_too);
	if (a != b || left != left_too || memcmp(one, two, a) != 0 || d.matched != e.matched ||
	    (!left && a + d.matched != n) || (left && a + d.n != i))
		abort();
	return 0;
}
