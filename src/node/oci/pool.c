/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/pool.h"

#include "base/core/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#define CHUNK_BYTES 8000u
#define ROUND(n) (((n) + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1))

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

static struct pool_chunk *new_chunk(struct pool *a, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct pool_chunk *c = mem_zalloc(1, sizeof *c + size);

	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *pool_alloc(struct pool *a, size_t n, size_t size)
{
	struct pool_chunk *c = a->chunks;
	size_t bytes;
	void *p;

	/* What does not fit into a size_t does not fit into memory: mem_zalloc says so and ends the process. */
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX / 2)
		return mem_zalloc(n, size);
	bytes = ROUND(bytes ? bytes : 1);
	if (!c || c->size - c->used < bytes)
		c = new_chunk(a, bytes);
	p = c->data + c->used;
	c->used += bytes;
	return p;
}

char *pool_printf(struct pool *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	n = n < 0 ? 0 : n;
	s = pool_alloc(a, (size_t)n + 1, 1);
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void pool_free(struct pool *a)
{
	while (a->chunks) {
		struct pool_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}
