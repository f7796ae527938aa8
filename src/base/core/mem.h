/* SPDX-License-Identifier: Apache-2.0
 *
 * mem: allocation, cleanup attributes and growing arrays.
 *
 * Small allocations cannot fail here: mem_* ends the process with a message when the kernel has no memory left, because no caller
 * could do better, and everything that outside data can make grow has a limit of its own that fails long before. Large or
 * outside-sized buffers therefore check their limit first, then allocate.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* Frees the variable when it goes out of scope: `mem_cleanup char *name = NULL;`. Set it on the declaration line. */
#define mem_cleanup __attribute__((cleanup(mem_freep)))

/* Calls `fn(&variable)` at the end of the scope. */
#define cleanup_with(fn) __attribute__((cleanup(fn)))

static inline void mem_freep(void *p)
{
	free(*(void **)p);
}

/* Moves ownership out of a variable: `return mem_take(name);` leaves NULL behind. */
#define mem_take(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(p) mem_taken = (p);                                                                         \
		(p) = NULL;                                                                                            \
		mem_taken;                                                                                             \
	})

/* Zeroed memory for one object, or for n of them (checked for overflow). */
#define mem_new(type) ((type *)mem_zalloc(1, sizeof(type)))
#define mem_new_n(type, n) ((type *)mem_zalloc((n), sizeof(type)))

void *mem_zalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc));	    /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n) __attribute__((malloc)); /* always NUL-terminated */
void *mem_dup(const void *p, size_t n) __attribute__((malloc));
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));
char *mem_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0), malloc));

/* Frees a NULL-terminated array of strings and its strings. NULL is fine. */
void mem_strv_free(char **v);
char **mem_strv_dup(char *const *v);
size_t mem_strv_len(char *const *v);
/* Appends a copy of `s` to the NULL-terminated array *v of n strings (*v may be NULL). */
void mem_strv_add(char ***v, const char *s);

static inline void mem_strv_freep(char ***v)
{
	mem_strv_free(*v);
}

/* Makes room for one more element in an array: `mem_grow(&v->items, &v->cap, v->n);`. The new part is zeroed. */
#define mem_grow(items, cap, n) mem_grow_to((void **)(items), (cap), (n) + 1, sizeof **(items))
void mem_grow_to(void **items, size_t *cap, size_t want, size_t size);
