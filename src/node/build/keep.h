/* SPDX-License-Identifier: Apache-2.0
 *
 * keep: memory that lives as long as its owner. A Dockerfile and a plan are thousands of small strings and lists that end together: they
 * are taken from a keep and freed at once.
 *
 * A keep has a limit, because what a Dockerfile expands to is outside data: past it `full` is set and stays set, and the memory is still
 * given (the owner asks keep_ok() after every step, which is bounded itself).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define KEEP_LIMIT (256u << 20)

struct keep {
	void **items;
	size_t n, cap, bytes;
	size_t limit; /* 0 = KEEP_LIMIT */
	bool full;
};

void keep_free(struct keep *k);
static inline bool keep_ok(const struct keep *k)
{
	return !k->full;
}

/* Zeroed. */
void *keep_alloc(struct keep *k, size_t n, size_t size);
#define keep_new(k, type) ((type *)keep_alloc((k), 1, sizeof(type)))
#define keep_new_n(k, type, n) ((type *)keep_alloc((k), (n), sizeof(type)))
char *keep_str(struct keep *k, const char *s); /* NULL gives NULL */
char *keep_strn(struct keep *k, const char *s, size_t n);
char *keep_printf(struct keep *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes memory of malloc over. */
void *keep_own(struct keep *k, void *p, size_t n);
/* Takes a string of mem_* over. */
char *keep_own_str(struct keep *k, char *s);
/* A copy of a NULL-terminated array. NULL gives an empty one. */
char **keep_strv(struct keep *k, char *const *v);

/* A list of strings that grows: v is always NULL-terminated once something was added (keep_list_end() makes it so for an empty one). */
struct keep_list {
	char **v;
	size_t n, cap;
};
void keep_list_add(struct keep *k, struct keep_list *l, char *s); /* s is not copied */
char **keep_list_end(struct keep *k, struct keep_list *l);
