/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: many small allocations that live and go together. There is no freeing of one of them, so a parser that fails half-way has
 * nothing to undo: its arena is freed as a whole.
 */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
};

/* Zeroed memory for n objects of `size` bytes, aligned for any type. Never NULL, also for n = 0. */
void *arena_alloc(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
void arena_free(struct arena *a); /* back to empty */

#define arena_new(a, type) ((type *)arena_alloc((a), 1, sizeof(type)))
#define arena_new_n(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type)))
