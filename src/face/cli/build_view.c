/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/build_view.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <stdio.h>
#include <string.h>

#define REPAINT_MS 60
#define TAIL_LINES 25

void build_view_init(struct build_view *v, enum build_view_mode mode, int fd)
{
	*v = (struct build_view){.mode = mode, .fd = fd};
	v->warnings = (struct buf)BUF_INIT;
}

static void put(struct build_view *v, struct buf *b)
{
	if (b->len > 0)
		(void)fd_write_all(v->fd, b->data, b->len);
}

static void wipe(struct build_view *v, struct buf *out)
{
	if (v->painted > 0)
		buf_printf(out, "\x1b[%zuA\r\x1b[J", v->painted);
	v->painted = 0;
}

/* ---- running steps ---- */

static struct build_view_step *find(struct build_view *v, size_t index)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->steps[i].index == index)
			return &v->steps[i];
	}
	return NULL;
}

static void step_free(struct build_view_step *s)
{
	free(s->title);
	for (size_t i = 0; i < s->n_lines; i++)
		free(s->lines[i]);
}

void build_view_free(struct build_view *v)
{
	struct buf out buf_cleanup = BUF_INIT;

	wipe(v, &out);
	if (v->n_warnings > 0 && v->mode != BUILD_VIEW_QUIET)
		buf_printf(&out, "%zu warning%s found:\n%s", v->n_warnings, v->n_warnings == 1 ? "" : "s",
			   buf_str(&v->warnings));
	put(v, &out);
	buf_free(&v->warnings);
	for (size_t i = 0; i < v->n; i++)
		step_free(&v->steps[i]);
	free(v->steps);
	*v = (struct build_view){.mode = BUILD_VIEW_QUIET, .n_warnings = v->n_warnings};
}

/* A line of a command's output: escaped, its tabs as blanks. */
static char *shown(const char *text)
{
	struct buf wide buf_cleanup = BUF_INIT;

	for (const char *p = text ? text : ""; *p; p++) {
		if (*p != '\t')
			buf_addc(&wide, *p);
		for (size_t at = wide.len; *p == '\t' && (wide.len == at || wide.len % 8);)
			buf_addc(&wide, ' ');
	}
	return text_escaped(buf_str(&wide));
}

static char *title_of(const struct build_event *e)
{
	struct buf b = BUF_INIT;
	const char *text = e->step ? e->step : "";

	if (e->of > 0)
		buf_printf(&b, "[%s %d/%d] ", e->stage ? e->stage : "", e->number, e->of);
	else
		buf_printf(&b, "[%s] ", e->stage ? e->stage : "");
	text_escape(&b, text, strlen(text));
	return buf_take(&b);
}

static void add_step(struct build_view *v, const struct build_event *e)
{
	mem_grow(&v->steps, &v->cap, v->n);
	v->steps[v->n++] =
	    (struct build_view_step){.index = e->index, .title = title_of(e), .started_ms = clock_wall_ms()};
}

static void drop_step(struct build_view *v, size_t index)
{
	struct build_view_step *s = find(v, index);

	if (!s)
		return;
	step_free(s);
	memmove(s, s + 1, (size_t)(v->steps + --v->n - s) * sizeof *s);
}

static void add_line(struct build_view_step *s, const char *text)
{
	if (s->n_lines == BUILD_VIEW_LINES) {
		free(s->lines[0]);
		memmove(s->lines, s->lines + 1, (BUILD_VIEW_LINES - 1) * sizeof *s->lines);
		s->n_lines--;
	}
	s->lines[s->n_lines++] = shown(text);
}

/* ---- the terminal ---- */

static void add_cut(struct buf *out, const char *text, size_t width)
{
	size_t n = width ? text_cut(text, width) : strlen(text);

	buf_add(out, text, n);
}

/* "title ........ 1.2 s", no wider than the terminal. */
static void add_row(struct build_view *v, struct buf *out, const char *title, const char *right, enum color color)
{
	size_t width = term_width(v->fd), room = strlen(right) + 2, have;

	width = width > room + 20 ? width - 1 : 79;
	have = text_width(title);
	buf_adds(out, term_color(v->fd, color));
	add_cut(out, title, width - room);
	buf_adds(out, term_plain(v->fd));
	for (size_t i = have < width - room ? have : width - room; i < width - strlen(right); i++)
		buf_addc(out, ' ');
	buf_adds(out, right);
	buf_addc(out, '\n');
}

static void paint(struct build_view *v, struct buf *out)
{
	size_t height = term_height(v->fd), left = height > 3 ? height - 2 : 20;

	for (size_t i = 0; i < v->n && left > 0; i++) {
		const struct build_view_step *s = &v->steps[i];
		char time[TEXT_MAX];

		add_row(v, out, s->title, text_duration(time, clock_wall_ms() - s->started_ms), COLOR_BUSY);
		v->painted++;
		left--;
		for (size_t k = 0; k < s->n_lines && left > 0; k++, left--) {
			buf_printf(out, "%s  | ", term_color(v->fd, COLOR_DIM));
			add_cut(out, s->lines[k], term_width(v->fd) > 10 ? term_width(v->fd) - 6 : 70);
			buf_printf(out, "%s\n", term_plain(v->fd));
			v->painted++;
		}
	}
	v->last_ms = clock_wall_ms();
}

static void finished_row(struct build_view *v, struct buf *out, const struct build_event *e)
{
	mem_cleanup char *title = title_of(e);
	char time[TEXT_MAX];

	if (e->type == BUILD_EVENT_CACHED)
		add_row(v, out, title, "cached", COLOR_DIM);
	else
		add_row(v, out, title, text_duration(time, e->ms),
			e->type == BUILD_EVENT_FAILED ? COLOR_BAD : COLOR_GOOD);
}

/* The last lines of a command that failed. */
static void add_tail(struct buf *out, const char *text)
{
	size_t n = 0;
	const char *p = text + strlen(text);

	while (p > text && n <= TAIL_LINES)
		n += *--p == '\n';
	p += p > text || *p == '\n';
	for (size_t len; *p; p += len + (p[len] == '\n')) {
		mem_cleanup char *line = NULL, *safe = NULL;

		len = strcspn(p, "\n");
		line = mem_strndup(p, len);
		safe = shown(line);
		buf_printf(out, "  | %s\n", safe);
	}
}

static void on_terminal(struct build_view *v, const struct build_event *e)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct build_view_step *s = find(v, e->index);

	if (e->type == BUILD_EVENT_OUTPUT && s)
		add_line(s, e->text);
	if ((e->type == BUILD_EVENT_OUTPUT || e->type == BUILD_EVENT_TICK) && clock_wall_ms() - v->last_ms < REPAINT_MS)
		return;
	wipe(v, &out);
	if (e->type == BUILD_EVENT_BEGIN) {
		add_step(v, e);
	} else if (e->type == BUILD_EVENT_CACHED || e->type == BUILD_EVENT_DONE || e->type == BUILD_EVENT_FAILED) {
		drop_step(v, e->index);
		finished_row(v, &out, e);
		if (e->type == BUILD_EVENT_FAILED)
			add_tail(&out, e->text);
	}
	paint(v, &out);
	put(v, &out);
}

/* ---- lines ---- */

static void on_plain(struct build_view *v, const struct build_event *e)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct build_view_step *s = find(v, e->index);
	mem_cleanup char *text = shown(e->text);
	mem_cleanup char *title = title_of(e);
	char time[TEXT_MAX];

	switch (e->type) {
	case BUILD_EVENT_BEGIN:
		add_step(v, e);
		buf_printf(&out, "#%zu %s\n", e->index, title);
		break;
	case BUILD_EVENT_CACHED:
		if (!s)
			buf_printf(&out, "#%zu %s\n", e->index, title);
		buf_printf(&out, "#%zu CACHED\n", e->index);
		drop_step(v, e->index);
		break;
	case BUILD_EVENT_OUTPUT:
		buf_printf(&out, "#%zu %.1f %s\n", e->index, s ? (double)(clock_wall_ms() - s->started_ms) / 1000 : 0.0,
			   text);
		break;
	case BUILD_EVENT_DONE:
	case BUILD_EVENT_FAILED:
		buf_printf(&out, "#%zu %s %s\n", e->index, e->type == BUILD_EVENT_DONE ? "DONE" : "FAILED",
			   text_duration(time, e->ms));
		drop_step(v, e->index);
		break;
	default:
		break;
	}
	put(v, &out);
}

static void on_quiet(struct build_view *v, const struct build_event *e)
{
	struct buf out buf_cleanup = BUF_INIT;

	if (e->type == BUILD_EVENT_FAILED)
		add_tail(&out, e->text);
	put(v, &out);
}

static void warn(struct build_view *v, const struct build_event *e)
{
	mem_cleanup char *text = text_escaped(e->text), *file = text_escaped(e->line ? e->file : "");

	v->n_warnings++;
	if (e->line)
		buf_printf(&v->warnings, "warning: %s:%u: %s\n", file, e->line, text);
	else
		buf_printf(&v->warnings, "warning: %s\n", text);
}

static void note(struct build_view *v, const struct build_event *e)
{
	mem_cleanup char *text = text_escaped(e->text);
	struct buf out buf_cleanup = BUF_INIT;

	wipe(v, &out);
	buf_printf(&out, "%s\n", text);
	put(v, &out);
}

void build_view_event(void *ctx, const struct build_event *e)
{
	static void (*const modes[])(struct build_view *, const struct build_event *) = {
	    [BUILD_VIEW_PLAIN] = on_plain, [BUILD_VIEW_TERMINAL] = on_terminal, [BUILD_VIEW_QUIET] = on_quiet};
	struct build_view *v = ctx;

	if (e->type == BUILD_EVENT_WARNING) {
		warn(v, e);
		return;
	}
	if (e->type == BUILD_EVENT_NOTE) {
		if (v->mode != BUILD_VIEW_QUIET)
			note(v, e);
		return;
	}
	modes[v->mode](v, e);
}
