/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/view.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct view_row {
	char *subject, *what;
	enum view_state state;
};

struct view {
	struct view_row *rows;
	size_t n, cap, painted;
	bool quiet, repaint;
};

struct view *view_new(enum view_how how)
{
	struct view *v = mem_new(struct view);

	v->quiet = how == VIEW_QUIET;
	v->repaint = how == VIEW_AUTO && term_can_repaint(STDERR_FILENO);
	return v;
}

void view_settle(struct view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->rows[i].subject);
		free(v->rows[i].what);
	}
	v->n = v->painted = 0;
}

struct view *view_free(struct view *v)
{
	if (!v)
		return NULL;
	view_settle(v);
	free(v->rows);
	free(v);
	return NULL;
}

static struct view_row *row(struct view *v, const char *subject)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!strcmp(v->rows[i].subject, subject))
			return &v->rows[i];
	}
	mem_grow(&v->rows, &v->cap, v->n);
	v->rows[v->n].subject = text_escaped(subject);
	return &v->rows[v->n++];
}

/* The last rows that the terminal has room for; those above them have been seen. */
static void paint(struct view *v)
{
	static const enum color colors[] = {
	    [VIEW_BUSY] = COLOR_BUSY, [VIEW_DONE] = COLOR_GOOD, [VIEW_FAILED] = COLOR_BAD};
	size_t height = term_height(STDERR_FILENO), width = term_width(STDERR_FILENO), least = 0, first = 0, room;
	struct buf out buf_cleanup = BUF_INIT;

	if (height > 2 && v->n > height - 2)
		first = v->n - (height - 2);
	if (v->painted > 0)
		buf_printf(&out, "\033[%zuA\r", v->painted);
	for (size_t i = first; i < v->n; i++)
		least = text_width(v->rows[i].subject) > least ? text_width(v->rows[i].subject) : least;
	if (width > 24 && least > width - 20)
		least = width - 20;
	/* A line that wraps would be two when it is painted over. */
	room = width > least + 3 ? width - least - 3 : 0;
	for (size_t i = first; i < v->n; i++)
		buf_printf(&out, " %-*.*s  %s%.*s%s\033[K\n", (int)least, (int)text_cut(v->rows[i].subject, least),
			   v->rows[i].subject, term_color(STDERR_FILENO, colors[v->rows[i].state]),
			   (int)text_cut(v->rows[i].what, room), v->rows[i].what, term_plain(STDERR_FILENO));
	v->painted = v->n - first;
	(void)fd_write_all(STDERR_FILENO, buf_str(&out), out.len);
}

void view_line(struct view *v, const char *subject, const char *what, enum view_state state)
{
	struct view_row *r;

	if (v->quiet)
		return;
	if (!v->repaint) {
		text_line(stderr, " %s  %s", subject, what);
		return;
	}
	r = row(v, subject);
	free(r->what);
	r->what = mem_strdup(what);
	r->state = state;
	paint(v);
}

void view_warn(struct view *v, const char *text)
{
	view_settle(v);
	text_line(stderr, "berth: warning: %s", text);
}
