/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/table.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/cli/text.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define GAP 2

struct cell {
	char *text;
	enum color color;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n, cap;
};

struct table *table_new(const struct table_column *columns)
{
	struct table *t = mem_new(struct table);

	t->columns = columns;
	while (columns[t->n_columns].title && t->n_columns < TABLE_COLUMNS_MAX)
		t->n_columns++;
	return t;
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
	return NULL;
}

void table_cell_color(struct table *t, enum color color, const char *text)
{
	mem_grow(&t->cells, &t->cap, t->n);
	t->cells[t->n++] = (struct cell){.text = text_escaped(text), .color = color};
}

void table_cell(struct table *t, const char *text)
{
	table_cell_color(t, COLOR_NONE, text);
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	mem_cleanup char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	table_cell(t, text);
}

size_t table_rows(const struct table *t)
{
	return t->n_columns > 0 ? t->n / t->n_columns : 0;
}

static void measure(const struct table *t, bool titles, size_t widths[static TABLE_COLUMNS_MAX])
{
	for (size_t c = 0; c < t->n_columns; c++)
		widths[c] = titles ? strlen(t->columns[c].title) : 0;
	for (size_t i = 0, c = 0; i < t->n; i++) {
		size_t w = text_width(t->cells[i].text);

		if (w > widths[c])
			widths[c] = w;
		c = c + 1 < t->n_columns ? c + 1 : 0;
	}
}

/* The column that has the most to give, or n_columns. */
static size_t widest(const struct table *t, const size_t widths[static TABLE_COLUMNS_MAX])
{
	size_t best = t->n_columns;

	for (size_t c = 0; c < t->n_columns; c++) {
		if (t->columns[c].least == 0 || widths[c] <= t->columns[c].least)
			continue;
		if (best == t->n_columns || widths[c] > widths[best])
			best = c;
	}
	return best;
}

static void fit(const struct table *t, size_t width, size_t widths[static TABLE_COLUMNS_MAX])
{
	size_t total = GAP * (t->n_columns - 1), c;

	for (c = 0; c < t->n_columns; c++)
		total += widths[c];
	while (width > 0 && total > width && (c = widest(t, widths)) < t->n_columns) {
		widths[c]--;
		total--;
	}
}

static void pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_addc(out, ' ');
}

static void add_cut(struct buf *out, const char *text, size_t width)
{
	if (text_width(text) <= width) {
		buf_adds(out, text);
	} else if (width <= 2) {
		buf_add(out, text, text_cut(text, width));
	} else {
		buf_add(out, text, text_cut(text, width - 2));
		buf_adds(out, "..");
	}
}

static void add_cell(struct buf *out, const struct table_column *column, const struct cell *cell, size_t width,
		     bool last, int fd)
{
	size_t before = out->len, used;

	add_cut(out, cell->text, width);
	used = text_width(out->len > before ? out->data + before : "");
	if (cell->color != COLOR_NONE || column->right) {
		mem_cleanup char *text = mem_strndup(out->len > before ? out->data + before : "", out->len - before);

		out->len = before;
		if (column->right && used < width)
			pad(out, width - used);
		buf_printf(out, "%s%s%s", term_color(fd, cell->color), text,
			   cell->color != COLOR_NONE ? term_plain(fd) : "");
	}
	if (!last)
		pad(out, (column->right || used > width ? 0 : width - used) + GAP);
}

static void trim(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	buf_addc(out, '\n');
}

void table_render(const struct table *t, size_t width, int fd, bool titles, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	measure(t, titles, widths);
	fit(t, width, widths);
	for (size_t c = 0; titles && c < t->n_columns; c++) {
		struct cell title = {.text = (char *)t->columns[c].title, .color = COLOR_BOLD};

		add_cell(out, &t->columns[c], &title, widths[c], c + 1 == t->n_columns, fd);
	}
	if (titles)
		trim(out);
	for (size_t row = 0; row < table_rows(t); row++) {
		const struct cell *cells = t->cells + row * t->n_columns;

		for (size_t c = 0; c < t->n_columns; c++)
			add_cell(out, &t->columns[c], &cells[c], widths[c], c + 1 == t->n_columns, fd);
		trim(out);
	}
}

void table_print(const struct table *t)
{
	struct buf out buf_cleanup = BUF_INIT;

	table_render(t, term_width(STDOUT_FILENO), STDOUT_FILENO, true, &out);
	fwrite(buf_str(&out), 1, out.len, stdout);
}
