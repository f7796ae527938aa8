/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PACE_MS 100
#define LINES_MAX 4096u
#define BAR 50

/* What was said last of each layer. */
struct tool_lines {
	struct line {
		char *id, *action;
		int64_t said_ms;
	} * v;
	size_t n, cap;
};

/* Takes the document. Nobody may listen any more: SIGPIPE ends us then. */
static void write_line(yyjson_mut_doc *d)
{
	size_t n;
	mem_cleanup char *text = json_text(d, false, &n);
	mem_cleanup char *line = mem_printf("%s\r\n", text);

	yyjson_mut_doc_free(d);
	(void)fd_write_all(STDOUT_FILENO, line, n + 2);
}

static yyjson_mut_doc *object(void)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);

	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	return d;
}

/* Text of a build or a registry need not be UTF-8. */
static void add_text(yyjson_mut_doc *d, const char *key, const char *text)
{
	buf_cleanup struct buf quoted = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;

	json_quote(&quoted, text, strlen(text));
	doc = yyjson_read(buf_str(&quoted), quoted.len, 0);
	yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), key, yyjson_val_mut_copy(d, yyjson_doc_get_root(doc)));
}

void tool_status(struct tool *t, const char *id, const char *fmt, ...)
{
	yyjson_mut_doc *d = object();
	mem_cleanup char *text = NULL;
	va_list ap;

	(void)t;
	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	add_text(d, "status", text);
	if (id)
		add_text(d, "id", id);
	write_line(d);
}

void tool_stream(struct tool *t, const char *fmt, ...)
{
	yyjson_mut_doc *d = object();
	mem_cleanup char *text = NULL;
	va_list ap;

	(void)t;
	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	add_text(d, "stream", text);
	write_line(d);
}

void tool_aux(struct tool *t, yyjson_mut_doc *value)
{
	yyjson_mut_doc *d = object();

	(void)t;
	yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), "aux",
			       yyjson_mut_val_mut_copy(d, yyjson_mut_doc_get_root(value)));
	yyjson_mut_doc_free(value);
	write_line(d);
}

/* ---- progress ---- */

static struct line *line_of(struct tool *t, const char *id)
{
	struct tool_lines *l = t->lines;

	if (!l)
		l = t->lines = mem_new(struct tool_lines);
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i].id, id))
			return &l->v[i];
	}
	if (l->n == LINES_MAX)
		return NULL;
	mem_grow(&l->v, &l->cap, l->n);
	l->v[l->n].id = mem_strdup(id);
	return &l->v[l->n++];
}

static bool is_new(struct tool *t, const struct image_progress *p)
{
	struct line *l = line_of(t, p->id);
	int64_t now = clock_mono_ms();

	if (!l || (l->action && !strcmp(l->action, p->action) && now - l->said_ms < PACE_MS && p->done < p->total))
		return false;
	if (l->action && !strcmp(l->action, p->action) && p->total == 0)
		return false;
	free(l->action);
	l->action = mem_strdup(p->action);
	l->said_ms = now;
	return true;
}

/* "[=====>    ]  1.2MB/5MB", for clients that print it as it is. */
static char *bar_text(const struct image_progress *p)
{
	size_t filled = (size_t)((double)p->done * BAR / (double)p->total);
	char bar[BAR + 1];

	memset(bar, ' ', BAR);
	bar[BAR] = '\0';
	memset(bar, '=', filled < BAR ? filled : BAR);
	if (filled < BAR)
		bar[filled] = '>';
	return mem_printf("[%s]  %.4gMB/%.4gMB", bar, (double)p->done / 1e6, (double)p->total / 1e6);
}

void tool_progress(void *ctx, const struct image_progress *p)
{
	struct tool *t = ctx;
	yyjson_mut_doc *d;
	yyjson_mut_val *detail;

	if (!is_new(t, p))
		return;
	d = object();
	add_text(d, "status", p->action);
	detail = yyjson_mut_obj_add_obj(d, yyjson_mut_doc_get_root(d), "progressDetail");
	if (p->total > 0 && p->done <= p->total) {
		mem_cleanup char *bar = bar_text(p);

		yyjson_mut_obj_add_uint(d, detail, "current", p->done);
		yyjson_mut_obj_add_uint(d, detail, "total", p->total);
		add_text(d, "progress", bar);
	}
	if (*p->id)
		add_text(d, "id", p->id);
	write_line(d);
}

void tool_lines_free(struct tool *t)
{
	for (size_t i = 0; t->lines && i < t->lines->n; i++) {
		free(t->lines->v[i].id);
		free(t->lines->v[i].action);
	}
	if (t->lines)
		free(t->lines->v);
	free(t->lines);
	t->lines = NULL;
}
