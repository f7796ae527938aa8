/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/recall.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_time(const void *a, const void *b)
{
	const struct recall_item *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void recall_sort(struct recall *p)
{
	if (p->n > 1)
		qsort(p->items, p->n, sizeof *p->items, by_time);
}

static size_t size_of(const char *text)
{
	return strlen(text) + sizeof(struct recall_item);
}

static void forget_half(struct recall *p)
{
	size_t half = (p->n + 1) / 2;

	recall_sort(p);
	for (size_t i = 0; i < half; i++) {
		p->bytes -= size_of(p->items[i].text);
		free(p->items[i].text);
	}
	p->n -= half;
	memmove(p->items, p->items + half, p->n * sizeof *p->items);
}

void recall_add(struct recall *p, int64_t time_ns, char *text)
{
	if (p->n && p->bytes + size_of(text) > RECALL_BYTES_MAX) {
		if (p->next > 0) {
			free(text);
			return;
		}
		forget_half(p);
	}
	mem_grow(&p->items, &p->cap, p->n);
	p->items[p->n++] = (struct recall_item){.time_ns = time_ns, .number = p->number++, .text = text};
	p->bytes += size_of(text);
}

const char *recall_next(struct recall *p)
{
	return p->next < p->n ? p->items[p->next++].text : NULL;
}

void recall_free(struct recall *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct recall){.items = NULL};
}
