/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/keep.h"

#include "base/core/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void keep_free(struct keep *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->items[i]);
	free(k->items);
	*k = (struct keep){.limit = k->limit};
}

void *keep_own(struct keep *k, void *p, size_t n)
{
	size_t limit = k->limit ? k->limit : KEEP_LIMIT;

	mem_grow(&k->items, &k->cap, k->n);
	k->items[k->n++] = p;
	k->full = k->full || n > limit || k->bytes > limit - n;
	k->bytes += n;
	return p;
}

void *keep_alloc(struct keep *k, size_t n, size_t size)
{
	void *p = mem_zalloc(n ? n : 1, size);

	return keep_own(k, p, n * size);
}

char *keep_own_str(struct keep *k, char *s)
{
	return s ? keep_own(k, s, strlen(s) + 1) : NULL;
}

char *keep_str(struct keep *k, const char *s)
{
	return s ? keep_own_str(k, mem_strdup(s)) : NULL;
}

char *keep_strn(struct keep *k, const char *s, size_t n)
{
	return keep_own_str(k, mem_strndup(s, n));
}

char *keep_printf(struct keep *k, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort(); /* as mem_printf() does: no memory */
	va_end(ap);
	return keep_own_str(k, s);
}

char **keep_strv(struct keep *k, char *const *v)
{
	size_t n = mem_strv_len(v);
	char **copy = keep_new_n(k, char *, n + 1);

	for (size_t i = 0; i < n; i++)
		copy[i] = keep_str(k, v[i]);
	return copy;
}

void keep_list_add(struct keep *k, struct keep_list *l, char *s)
{
	if (l->n + 2 > l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		char **v = keep_new_n(k, char *, cap);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

char **keep_list_end(struct keep *k, struct keep_list *l)
{
	if (!l->v)
		l->v = keep_new(k, char *);
	return l->v;
}
