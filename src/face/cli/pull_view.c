/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/pull_view.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <string.h>

#define BAR 30
#define REPAINT_MS 100

void pull_view_init(struct pull_view *v, int fd, bool quiet)
{
	*v = (struct pull_view){.fd = fd, .quiet = quiet, .repaint = term_can_repaint(fd)};
}

static void wipe(struct pull_view *v, struct buf *out)
{
	if (v->painted > 0)
		buf_printf(out, "\r\033[%zuA\033[J", v->painted);
	v->painted = 0;
}

void pull_view_end(struct pull_view *v)
{
	struct buf out buf_cleanup = BUF_INIT;

	wipe(v, &out);
	if (out.len > 0)
		(void)fd_write_all(v->fd, out.data, out.len);
	for (size_t i = 0; i < v->n; i++) {
		free(v->lines[i].id);
		free(v->lines[i].action);
	}
	free(v->lines);
	v->lines = NULL;
	v->n = v->cap = 0;
}

static struct pull_view_line *line_of(struct pull_view *v, const char *id)
{
	mem_cleanup char *safe = text_escaped(id);

	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->lines[i].id, safe) == 0)
			return &v->lines[i];
	}
	mem_grow(&v->lines, &v->cap, v->n);
	v->lines[v->n] = (struct pull_view_line){.id = mem_take(safe), .action = mem_strdup("")};
	return &v->lines[v->n++];
}

void pull_view_take(struct pull_view *v, const struct image_progress *p)
{
	struct pull_view_line *l = line_of(v, p->id);

	if (strcmp(l->action, p->action) != 0) {
		free(l->action);
		l->action = text_escaped(p->action);
		l->changed = true;
	}
	l->done = p->done;
	l->total = p->total;
}

/* Bytes are on their way. */
static bool moves(const struct pull_view_line *l)
{
	return l->done > 0 && l->done < l->total;
}

static void line_text(const struct pull_view_line *l, struct buf *out)
{
	char done[TEXT_MAX], total[TEXT_MAX];
	uint64_t filled;

	if (*l->id)
		buf_printf(out, "%s: ", l->id);
	buf_adds(out, l->action);
	if (!moves(l))
		return;
	filled = (uint64_t)((double)l->done * BAR / (double)l->total);
	buf_adds(out, "  [");
	for (uint64_t i = 0; i < BAR; i++)
		buf_addc(out, i < filled ? '=' : i == filled ? '>' : ' ');
	buf_printf(out, "]  %s / %s", text_size(done, l->done), text_size(total, l->total));
}

/* The last ones, as many as there is room for. */
void pull_view_paint(struct pull_view *v, size_t width, size_t height, struct buf *out)
{
	size_t room = height > 3 ? height - 2 : 1, from = v->n > room ? v->n - room : 0;

	wipe(v, out);
	for (size_t i = from; i < v->n; i++) {
		struct buf line buf_cleanup = BUF_INIT;

		line_text(&v->lines[i], &line);
		buf_add(out, buf_str(&line), text_cut(buf_str(&line), width > 1 ? width - 1 : 79));
		buf_adds(out, "\033[K\r\n");
		v->painted++;
	}
}

void pull_view_plain(struct pull_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->n; i++) {
		struct pull_view_line *l = &v->lines[i];

		if (!l->changed)
			continue;
		l->changed = false;
		if (*l->id)
			buf_printf(out, "%s: ", l->id);
		buf_printf(out, "%s\n", l->action);
	}
}

void pull_view_event(void *ctx, const struct image_progress *p)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct pull_view *v = ctx;

	if (v->quiet)
		return;
	pull_view_take(v, p);
	if (!v->repaint)
		pull_view_plain(v, &out);
	else if (clock_mono_ms() - v->painted_ms >= REPAINT_MS) {
		v->painted_ms = clock_mono_ms();
		pull_view_paint(v, term_width(v->fd), term_height(v->fd), &out);
	}
	if (out.len > 0)
		(void)fd_write_all(v->fd, out.data, out.len);
}
