/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a client: how the bytes are cut must not matter, and no more comes out than went in. */
#include "base/core/mem.h"
#include "base/wire/websocket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Feeds all of it in pieces of that size; what comes out goes to `out`. *ret_told: the control frames, or -1 when the rules are broken. */
static size_t feed(const uint8_t *data, size_t n, size_t piece, uint8_t *out, long *ret_told)
{
	struct websocket w = {.n_head = 0};
	size_t at = 0, len = 0;
	int r = 0;

	*ret_told = 0;
	while (at < n && r >= 0) {
		size_t used, more, size = n - at < piece ? n - at : piece;

		r = websocket_feed(&w, data + at, size, &used, out + len, &more);
		if (used > size || more > used || w.n_control > WEBSOCKET_CONTROL_MAX || (r == 0 && used != size) ||
		    (r == WEBSOCKET_CLOSE && websocket_close_code(&w) < 1000))
			abort();
		at += used;
		len += more;
		*ret_told = r < 0 ? -1 : *ret_told + r;
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup uint8_t *one = mem_zalloc(n + 1, 1), *two = mem_zalloc(n + 1, 1);
	long told, told_too;
	size_t a = feed(data, n, n, one, &told), b = feed(data, n, 1, two, &told_too);

	if (a != b || memcmp(one, two, a) != 0 || told != told_too)
		abort();
	return 0;
}
