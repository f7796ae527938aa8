/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/arena.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_piece {
	struct arena_piece *before;
	char *owned; /* memory from elsewhere that goes with this piece */
	_Alignas(max_align_t) char data[];
};

static struct arena_piece *new_piece(struct arena *a, size_t n)
{
	struct arena_piece *p = mem_zalloc(1, sizeof *p + n);

	p->before = a->last;
	a->last = p;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return new_piece(a, n)->data;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_own(struct arena *a, char *s)
{
	new_piece(a, 0)->owned = s;
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s ? arena_own(a, s) : arena_strndup(a, "", 0);
}

void arena_grow_to(struct arena *a, void **items, size_t *cap, size_t n, size_t size)
{
	size_t want;
	void *bigger;

	if (n < *cap)
		return;
	want = *cap ? *cap * 2 : 4;
	if (want <= n)
		want = n + 1;
	bigger = arena_alloc(a, want * size);
	if (*cap)
		memcpy(bigger, *items, *cap * size);
	*items = bigger;
	*cap = want;
}

void arena_free(struct arena *a)
{
	while (a->last) {
		struct arena_piece *before = a->last->before;

		free(a->last->owned);
		free(a->last);
		a->last = before;
	}
}

void strings_add(struct arena *a, struct strings *s, const char *text)
{
	arena_grow(a, &s->v, &s->cap, s->n + 1);
	s->v[s->n++] = arena_strdup(a, text);
	s->v[s->n] = NULL;
}
