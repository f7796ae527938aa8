/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: many small allocations that live and go together. There is no freeing of one of them, so a parser that fails half-way has
 * nothing to undo: its pool is freed as a whole.
 */
#pragma once

#include <stddef.h>

struct pool_chunk;

struct pool {
	struct pool_chunk *chunks;
};

/* Zeroed memory for n objects of `size` bytes, aligned for any type. Never NULL, also for n = 0. */
void *pool_alloc(struct pool *a, size_t n, size_t size) __attribute__((returns_nonnull));
char *pool_printf(struct pool *a, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
void pool_free(struct pool *a); /* back to empty */

#define pool_new(a, type) ((type *)pool_alloc((a), 1, sizeof(type)))
#define pool_new_n(a, type, n) ((type *)pool_alloc((a), (n), sizeof(type)))
