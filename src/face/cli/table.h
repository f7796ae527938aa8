/* SPDX-License-Identifier: Apache-2.0
 *
 * table: rows in aligned columns, fitted to a width.
 *
 * Cells are escaped when they are added (text.h). When the table is wider than the terminal, the widest of the
 * columns that may shrink give up room first, down to their least width; what is cut ends in "..". The last column is
 * not padded.
 */
#pragma once

#include "face/cli/term.h"

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 64 /* more are not shown, and get no cells */

struct buf;
struct table;

struct table_column {
	const char *title; /* NULL ends a list of columns */
	size_t least;	   /* columns it keeps at the least; 0: it never shrinks */
	bool right;	   /* numbers */
};

struct table *table_new(const struct table_column *columns); /* which must outlive it */
struct table *table_free(struct table *t);
static inline void table_freep(struct table **t)
{
	table_free(*t);
}

/* The next cell, row by row. A row is complete when it has a cell for every column. */
void table_cell(struct table *t, const char *text); /* NULL: "" */
void table_cell_color(struct table *t, enum color color, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *t);
/* Adds the title line and the rows. width 0: no limit; `fd` decides about colours. */
void table_render(const struct table *t, size_t width, int fd, bool titles, struct buf *out);
/* Renders for stdout and prints. */
void table_print(const struct table *t);
