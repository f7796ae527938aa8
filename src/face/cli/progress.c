/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/progress.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/cli/jobview.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>

#define BAR 20
#define NAME_MAX_COLUMNS 24

void progress_init(struct progress *p, int64_t now_ms)
{
	*p = (struct progress){.start_ms = now_ms};
}

void progress_free(struct progress *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->tasks[i].name);
		free(p->tasks[i].state);
		free(p->tasks[i].why);
	}
	free(p->tasks);
	free(p->id);
	free(p->state);
	free(p->why);
	*p = (struct progress){.start_ms = 0};
}

/* Returns true when it was another text before. */
static bool set_text(char **place, const char *text)
{
	char *fresh;

	if (*place && strcmp(*place, text) == 0)
		return false;
	fresh = text_escaped(text);
	free(*place);
	*place = fresh;
	return true;
}

static struct progress_task *task_named(struct progress *p, const char *name)
{
	mem_cleanup char *safe = text_escaped(name);

	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->tasks[i].name, safe) == 0)
			return &p->tasks[i];
	}
	mem_grow(&p->tasks, &p->cap, p->n);
	p->tasks[p->n] = (struct progress_task){.name = mem_take(safe)};
	return &p->tasks[p->n++];
}

void progress_update(struct progress *p, yyjson_val *job)
{
	yyjson_val *task;
	size_t i, n;

	set_text(&p->id, show_str(job, "id", ""));
	set_text(&p->why, show_str(job, "why", ""));
	if (set_text(&p->state, show_str(job, "state", "")))
		p->state_changed = true;
	yyjson_arr_foreach (yyjson_obj_get(job, "tasks"), i, n, task) {
		struct progress_task *t = task_named(p, show_str(task, "name", "-"));
		struct jobview_counts c = jobview_count(task);

		t->service = strcmp(show_str(task, "kind", "task"), "service") == 0;
		t->total = c.total;
		t->running = c.running;
		t->done = c.done;
		t->failed = c.failed;
		t->left_out = c.left_out;
		set_text(&t->why, show_str(task, "why", ""));
		if (set_text(&t->state, show_str(task, "state", "")))
			t->changed = true;
	}
}

int64_t progress_left_ms(const struct progress *p, int64_t now_ms)
{
	int64_t total = 0, done = 0, elapsed = now_ms - p->start_ms;

	for (size_t i = 0; i < p->n; i++) {
		const struct progress_task *t = &p->tasks[i];

		if (t->service)
			continue;
		total += t->total > 0 ? t->total : 1;
		done += t->total > 0 ? t->done + t->failed + t->left_out : 0;
	}
	if (done == 0 || done >= total || elapsed <= 0)
		return -1;
	return (int64_t)((double)elapsed * (double)(total - done) / (double)done);
}

static void add_line(struct buf *out, const char *line, size_t width)
{
	buf_add(out, line, text_cut(line, width));
	buf_adds(out, "\033[K\r\n");
}

static void head(const struct progress *p, int64_t now_ms, struct buf *line)
{
	char text[TEXT_MAX];
	int64_t left = progress_left_ms(p, now_ms);

	buf_printf(line, "%s  %s  %s", p->id ? p->id : "", p->state ? p->state : "",
		   text_duration(text, now_ms - p->start_ms));
	if (left >= 0 && !(p->state && show_job_ended(p->state)))
		buf_printf(line, ", about %s left", text_duration(text, left));
	if (p->state && p->why && *p->why && strcmp(p->state, "running") != 0)
		buf_printf(line, "  (%s)", p->why);
}

/* Why it does, is worth a word. */
static bool stands_still(const struct progress_task *t)
{
	return t->running == 0 && t->why && *t->why && (t->total == 0 || t->done + t->left_out < t->total);
}

static void bar(struct buf *line, const struct progress_task *t)
{
	int64_t total = t->total > 0 ? t->total : 1;
	int64_t done = t->done * BAR / total, failed = t->failed * BAR / total, busy = t->running * BAR / total;

	if (t->failed > 0 && failed == 0)
		failed = 1;
	buf_addc(line, '[');
	for (int64_t i = 0; i < BAR; i++)
		buf_addc(line, i < done ? '#' : i < done + failed ? '!' : i < done + failed + busy ? '=' : '.');
	buf_addc(line, ']');
}

static void task_line(const struct progress_task *t, size_t name_width, struct buf *line)
{
	size_t cut = text_cut(t->name, name_width), used = text_width(t->name);

	buf_adds(line, "  ");
	buf_add(line, t->name, cut);
	for (size_t i = used > name_width ? name_width : used; i < name_width + 2; i++)
		buf_addc(line, ' ');
	bar(line, t);
	buf_printf(line, " %" PRId64 "/%" PRId64 "  %s", t->done, t->total > 0 ? t->total : 1, t->state);
	if (t->running > 0)
		buf_printf(line, ", %" PRId64 " running", t->running);
	if (t->failed > 0)
		buf_printf(line, ", %" PRId64 " failed", t->failed);
	if (stands_still(t))
		buf_printf(line, "  (%s)", t->why);
}

static void paint_task(const struct progress_task *t, size_t name_width, size_t width, int fd, struct buf *out)
{
	struct buf line buf_cleanup = BUF_INIT;

	task_line(t, name_width, &line);
	buf_adds(out, term_color(fd, term_state_color(t->state)));
	buf_add(out, buf_str(&line), text_cut(buf_str(&line), width));
	buf_adds(out, term_plain(fd));
	buf_adds(out, "\033[K\r\n");
}

static bool is_over(const struct progress_task *t)
{
	return t->total > 0 && t->done + t->left_out == t->total;
}

static size_t name_column(const struct progress *p)
{
	size_t most = 0;

	for (size_t i = 0; i < p->n; i++) {
		size_t w = text_width(p->tasks[i].name);

		most = w > most ? w : most;
	}
	return most < NAME_MAX_COLUMNS ? most : NAME_MAX_COLUMNS;
}

/* How many of the tasks that are over, and then of the others, do not fit. */
static size_t paint_tasks(struct progress *p, size_t room, size_t width, int fd, struct buf *out)
{
	size_t hide = p->n > room ? p->n - room + 1 : 0, hide_over = 0, shown = 0, left, names = name_column(p);

	for (size_t i = 0; i < p->n && hide_over < hide; i++)
		hide_over += is_over(&p->tasks[i]);
	left = hide;
	for (size_t i = 0; i < p->n; i++) {
		const struct progress_task *t = &p->tasks[i];
		bool drop = is_over(t) ? hide_over > 0 : shown + (hide > 0) >= room;

		if (drop && left > 0) {
			hide_over -= is_over(t) && hide_over > 0;
			left--;
			continue;
		}
		paint_task(t, names, width, fd, out);
		shown++;
	}
	if (hide > 0) {
		mem_cleanup char *more = mem_printf("  and %zu more", p->n - shown);

		add_line(out, more, width);
	}
	return shown + (hide > 0);
}

void progress_wipe(struct progress *p, struct buf *out)
{
	if (p->painted > 0)
		buf_printf(out, "\r\033[%zuA", p->painted);
	buf_adds(out, "\033[J");
	p->painted = 0;
}

void progress_paint(struct progress *p, int64_t now_ms, size_t width, size_t height, int fd, struct buf *out)
{
	struct buf line buf_cleanup = BUF_INIT;
	size_t room = height > 4 ? height - 2 : 2;

	if (p->painted > 0)
		buf_printf(out, "\r\033[%zuA", p->painted);
	head(p, now_ms, &line);
	/* One column stays free: a line that fills the last one makes some terminals wrap. */
	width = width > 1 ? width - 1 : 79;
	add_line(out, buf_str(&line), width);
	p->painted = 1 + paint_tasks(p, room, width, fd, out);
	buf_adds(out, "\033[J");
}

void progress_lines(struct progress *p, int64_t now_ms, struct buf *out)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < p->n; i++) {
		struct progress_task *t = &p->tasks[i];

		if (!t->changed)
			continue;
		t->changed = false;
		buf_printf(out, "[%8s] %s: %s", text_duration(text, now_ms - p->start_ms), t->name, t->state);
		if (t->total > 1)
			buf_printf(out, ", %" PRId64 " of %" PRId64 " done", t->done, t->total);
		if (t->failed > 0)
			buf_printf(out, ", %" PRId64 " failed", t->failed);
		if (t->done && t->left_out)
			buf_printf(out, ", %" PRId64 " left out", t->left_out);
		if (stands_still(t))
			buf_printf(out, " (%s)", t->why);
		buf_addc(out, '\n');
	}
	/* Where a job stands still it needs a person: say so, but not that it began or ended, which its tasks and the
	 * summary tell. */
	if (p->state_changed &&
	    (strcmp(p->state, "in_error") == 0 || strcmp(p->state, "paused") == 0 || strcmp(p->state, "stalled") == 0))
		buf_printf(out, "[%8s] job %s: %s%s%s\n", text_duration(text, now_ms - p->start_ms), p->id, p->state,
			   *p->why ? ": " : "", p->why);
	p->state_changed = false;
}
