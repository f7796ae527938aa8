/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/pool.h"

#include "base/core/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

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
	mem_cleanup char *text = NULL;
	va_list ap;
	size_t n;
	char *copy;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	n = strlen(text) + 1;
	copy = pool_alloc(a, n, 1);
	memcpy(copy, text, n);
	return copy;
}

void pool_free(struct pool *a)
{
	while (a->chunks) {
		struct pool_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}
