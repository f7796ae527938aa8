/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/messages.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/compose/loader.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2000

void compose_messages_free(struct compose_messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->items[i].text);
	free(m->items);
	*m = (struct compose_messages)COMPOSE_MESSAGES_INIT;
}

static bool is_told(const struct compose_messages *m, const char *text)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->items[i].text, text) == 0)
			return true;
	return false;
}

static bool has_room(struct compose_messages *m, enum compose_level level)
{
	size_t *n = level == COMPOSE_ERROR ? &m->n_errors : &m->n_warnings;
	size_t max = level == COMPOSE_ERROR ? COMPOSE_ERRORS_MAX : COMPOSE_WARNINGS_MAX;

	return ++*n <= max;
}

static void keep(struct compose_messages *m, enum compose_level level, int line, int column, struct buf *b)
{
	struct compose_message *item;

	if (is_told(m, buf_str(b)) || !has_room(m, level)) {
		buf_free(b);
		return;
	}
	mem_grow(&m->items, &m->cap, m->n);
	item = &m->items[m->n++];
	item->level = level;
	item->line = line;
	item->column = column;
	item->text = buf_take(b);
}

/* One line, no control bytes: the text of a file must not steer the user's terminal. */
static void add_clean(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (b->len >= TEXT_MAX) {
			buf_adds(b, "...");
			return;
		}
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			buf_printf(b, "\\x%02x", (unsigned)(unsigned char)*p);
		else
			buf_addc(b, *p);
	}
}

__attribute__((format(printf, 7, 0))) static void tell(struct loader *l, enum compose_level level, const char *file,
						       int line, int column, const char *path, const char *fmt,
						       va_list ap)
{
	struct buf b = BUF_INIT;
	mem_cleanup char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return;
	}
	add_clean(&b, file ? file : l->file_name);
	if (line > 0)
		buf_printf(&b, ":%d:%d", line, column);
	buf_printf(&b, ": %s: ", level == COMPOSE_ERROR ? "error" : "warning");
	if (*path) {
		add_clean(&b, path);
		buf_adds(&b, ": ");
	}
	add_clean(&b, text);
	keep(l->messages, level, line, column, &b);
}

#define TELL(level, at, path)                                                                                          \
	do {                                                                                                           \
		va_list ap;                                                                                            \
		va_start(ap, fmt);                                                                                     \
		tell(l, level, (at)->file, (at)->line, (at)->column, node_path(&l->arena, path), fmt, ap);             \
		va_end(ap);                                                                                            \
	} while (0)

void message_error(struct loader *l, const struct node *at, const char *fmt, ...)
{
	/* the value of `key:` with nothing after it has no place of its own */
	TELL(COMPOSE_ERROR, node_is_null(at) && at->key ? at->key : at, at);
}

void message_warn(struct loader *l, const struct node *at, const char *fmt, ...)
{
	TELL(COMPOSE_WARNING, node_is_null(at) && at->key ? at->key : at, at);
}

void message_key_error(struct loader *l, const struct node *value, const char *fmt, ...)
{
	TELL(COMPOSE_ERROR, value->key ? value->key : value, value);
}

void message_key_warn(struct loader *l, const struct node *value, const char *fmt, ...)
{
	TELL(COMPOSE_WARNING, value->key ? value->key : value, value);
}

void message_place_error(struct loader *l, int line, int column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(l, COMPOSE_ERROR, NULL, line, column, "", fmt, ap);
	va_end(ap);
}

void message_place_warn(struct loader *l, int line, int column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(l, COMPOSE_WARNING, NULL, line, column, "", fmt, ap);
	va_end(ap);
}

static int by_place(const void *a, const void *b)
{
	const struct compose_message *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

void messages_sort(struct compose_messages *m)
{
	if (m->n)
		qsort(m->items, m->n, sizeof *m->items, by_place);
}
