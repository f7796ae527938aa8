/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory that lives as long as one load. Everything the loader makes (tree, texts, the job) is freed at once
 * at the end, so no path of an error has anything to free. Each piece is its own allocation: the sanitizers see every
 * overrun.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_piece;

struct arena {
	struct arena_piece *last;
};

/* Zeroed memory, aligned for any type. Never fails (see mem.h). */
void *arena_alloc(struct arena *a, size_t n);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_n(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Makes the memory `s` (from malloc) the arena's. Returns s. */
char *arena_own(struct arena *a, char *s);
/* Room for one more element in an array of n (doubling; the old place stays allocated until the end). */
#define arena_grow(a, items, cap, n) arena_grow_to((a), (void **)(items), (cap), (n), sizeof **(items))
void arena_grow_to(struct arena *a, void **items, size_t *cap, size_t n, size_t size);
void arena_free(struct arena *a);

/* A growing list of strings, for the NULL-terminated arrays of the job: v is NULL while it is empty. */
struct strings {
	char **v;
	size_t n, cap;
};
void strings_add(struct arena *a, struct strings *s, const char *text);
