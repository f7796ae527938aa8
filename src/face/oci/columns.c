/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/columns.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <string.h>

#define LEAST 12
#define GAP 3

void columns_start(struct columns *c, size_t n, const char *const *titles)
{
	*c = (struct columns){.n = n};
	columns_add(c, titles);
}

void columns_add(struct columns *c, const char *const *cells)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t need = strlen(cells[i]) + GAP;

		need = need < LEAST ? LEAST : need;
		c->width[i] = c->width[i] < need ? need : c->width[i];
		mem_strv_add(&c->cells, cells[i]);
	}
}

void columns_print(const struct columns *c, struct buf *out)
{
	for (size_t i = 0; c->cells[i]; i++) {
		bool last = i % c->n == c->n - 1;

		if (last)
			buf_printf(out, "%s\n", c->cells[i]);
		else
			buf_printf(out, "%-*s", (int)c->width[i % c->n], c->cells[i]);
	}
}

void columns_end(struct columns *c)
{
	mem_strv_free(c->cells);
	c->cells = NULL;
}
