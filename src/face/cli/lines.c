/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/lines.h"

#include "base/core/err.h"

#include <string.h>

int lines_feed(struct lines *l, const char *data, size_t n,
	       int (*fn)(void *ctx, const char *line, size_t len, struct err *err), void *ctx, struct err *err)
{
	int r = 0;

	while (n > 0 && r >= 0) {
		const char *newline = memchr(data, '\n', n);
		size_t part = newline ? (size_t)(newline - data) : n;

		if (buf_add(&l->rest, data, part) < 0)
			return err_set(err, E2BIG, "a line of the reply is longer than %u bytes", LINES_MAX);
		if (newline && l->rest.len > 0)
			r = fn(ctx, buf_str(&l->rest), l->rest.len, err);
		if (newline)
			buf_clear(&l->rest);
		part += newline ? 1 : 0;
		data += part;
		n -= part;
	}
	return r < 0 ? r : 0;
}

void lines_free(struct lines *l)
{
	buf_free(&l->rest);
}
