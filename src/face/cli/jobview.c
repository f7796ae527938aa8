/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/jobview.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>

#define FOLD_ABOVE 8 /* copies */
#define FAILED_SHOWN 5

enum fate { FATE_OPEN, FATE_RUNNING, FATE_DONE, FATE_FAILED, FATE_LEFT_OUT };

static enum fate fate_of(const char *state)
{
	static const struct {
		const char *state;
		enum fate fate;
	} fates[] = {
	    {"running", FATE_RUNNING},	{"starting", FATE_RUNNING}, {"finished", FATE_DONE},
	    {"skipped", FATE_LEFT_OUT}, {"faulty", FATE_FAILED},    {"in_error", FATE_FAILED},
	    {"failed", FATE_FAILED},	{"aborted", FATE_LEFT_OUT}, {"canceled", FATE_FAILED},
	};

	for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
		if (strcmp(fates[i].state, state) == 0)
			return fates[i].fate;
	}
	return FATE_OPEN;
}

static void count(struct jobview_counts *c, const char *state, int64_t n)
{
	enum fate fate = fate_of(state);

	if (n <= 0)
		return;
	c->total += n;
	c->running += fate == FATE_RUNNING ? n : 0;
	c->done += fate == FATE_DONE ? n : 0;
	c->failed += fate == FATE_FAILED ? n : 0;
	c->left_out += fate == FATE_LEFT_OUT ? n : 0;
}

struct jobview_counts jobview_count(yyjson_val *task)
{
	struct jobview_counts c = {.total = 0};
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(task, "counts"), i, n, key, value) {
		count(&c, yyjson_get_str(key), yyjson_is_int(value) ? yyjson_get_sint(value) : 0);
	}
	if (c.total > 0)
		return c;
	yyjson_arr_foreach (yyjson_obj_get(task, "instances"), i, n, value) {
		count(&c, show_str(value, "state", ""), 1);
	}
	return c;
}

yyjson_val *jobview_last_attempt(yyjson_val *instance)
{
	return yyjson_arr_get_last(yyjson_obj_get(instance, "attempts"));
}

/* A copy that was ended with its job has not failed by itself: only one that nobody ended and that says why, or left with a code, has. */
static bool has_failed(yyjson_val *instance)
{
	const char *state = show_str(instance, "state", "");
	yyjson_val *last = jobview_last_attempt(instance);

	if (strcmp(state, "faulty") == 0 || strcmp(state, "in_error") == 0 || strcmp(state, "failed") == 0)
		return true;
	return strcmp(state, "aborted") == 0 && last && !show_str(last, "killed", NULL) &&
	       (show_str(last, "error", NULL) || show_int(last, "exit_code", 0) > 0);
}

size_t jobview_failed(yyjson_val *job, size_t most, jobview_fn fn, void *ctx)
{
	yyjson_val *task, *instance;
	size_t i, j, n, m, found = 0;

	yyjson_arr_foreach (yyjson_obj_get(job, "tasks"), i, n, task) {
		yyjson_arr_foreach (yyjson_obj_get(task, "instances"), j, m, instance) {
			if (!has_failed(instance))
				continue;
			if (found++ < most)
				fn(ctx, task, instance, jobview_last_attempt(instance));
		}
	}
	return found;
}

static const struct table_column columns[] = {
    {.title = "TASK", .least = 12},
    {.title = "STATE", .least = 10},
    {.title = "TRIES", .right = true},
    {.title = "TIME", .right = true},
    {.title = "EXIT", .right = true},
    {.title = "WHY", .least = 16},
    {.title = NULL},
};

static void time_cell(struct table *t, int64_t start, int64_t end, int64_t now)
{
	char text[TEXT_MAX];

	table_cell(t, start > 0 ? text_duration(text, (end > 0 ? end : now) - start) : "");
}

static void exit_cell(struct table *t, yyjson_val *attempt)
{
	yyjson_val *code = yyjson_obj_get(attempt, "exit_code");

	if (show_int(attempt, "ended_ms", 0) > 0 && yyjson_is_int(code))
		table_cellf(t, "%" PRId64, yyjson_get_sint(code));
	else
		table_cell(t, "");
}

static void instance_cells(struct table *t, yyjson_val *instance, const char *why, int64_t now)
{
	yyjson_val *last = jobview_last_attempt(instance);
	const char *error = show_str(last, "error", NULL);
	size_t tries = yyjson_arr_size(yyjson_obj_get(instance, "attempts"));

	if (tries > 0)
		table_cellf(t, "%zu", tries);
	else
		table_cell(t, "");
	time_cell(t, show_int(last, "started_ms", 0), show_int(last, "ended_ms", 0), now);
	exit_cell(t, last);
	if (error && *error)
		table_cell(t, error);
	else if (show_int(last, "warned_ms", 0) > 0 && show_int(last, "ended_ms", 0) == 0)
		table_cell(t, "was warned: its walltime is about to end");
	else
		table_cell(t, show_bool(last, "oom") ? "out of memory" : why);
}

static void instance_row(struct table *t, yyjson_val *task, yyjson_val *instance, int64_t now)
{
	const char *item = show_str(instance, "item", NULL), *state = show_str(instance, "state", "-");

	table_cellf(t, "  %s/%" PRId64 "%s%s", show_str(task, "name", "-"), show_int(instance, "index", 0),
		    item ? " " : "", item ? item : "");
	table_cell_color(t, term_state_color(state), state);
	instance_cells(t, instance, show_str(instance, "why", ""), now);
}

/* First start to last end of all copies. */
static void task_time_cell(struct table *t, yyjson_val *task, int64_t now)
{
	yyjson_val *instance, *attempt;
	size_t i, j, n, m;
	int64_t start = 0, end = 0;
	bool open = false;

	yyjson_arr_foreach (yyjson_obj_get(task, "instances"), i, n, instance) {
		yyjson_arr_foreach (yyjson_obj_get(instance, "attempts"), j, m, attempt) {
			int64_t s = show_int(attempt, "started_ms", 0), e = show_int(attempt, "ended_ms", 0);

			if (s > 0 && (start == 0 || s < start))
				start = s;
			end = e > end ? e : end;
			open = open || (s > 0 && e == 0);
		}
	}
	time_cell(t, start, open ? 0 : end, now);
}

static void folded_row(struct table *t, yyjson_val *task, size_t copies, int64_t now)
{
	struct buf counts buf_cleanup = BUF_INIT;

	show_counts(&counts, yyjson_obj_get(task, "counts"));
	table_cellf(t, "%s [%zu]", show_str(task, "name", "-"), copies);
	table_cell_color(t, term_state_color(show_str(task, "state", "")),
			 counts.len ? buf_str(&counts) : show_str(task, "state", "-"));
	table_cell(t, "");
	task_time_cell(t, task, now);
	table_cell(t, "");
	table_cell(t, show_str(task, "why", ""));
}

static void copies_rows(struct table *t, yyjson_val *task, bool all, int64_t now)
{
	yyjson_val *list = yyjson_obj_get(task, "instances"), *instance;
	bool fold = !all && yyjson_arr_size(list) > FOLD_ABOVE;
	size_t i, n, failed = 0;

	yyjson_arr_foreach (list, i, n, instance) {
		if (!fold || (has_failed(instance) && failed++ < FAILED_SHOWN))
			instance_row(t, task, instance, now);
	}
}

static void task_rows(struct table *t, yyjson_val *task, bool all, int64_t now)
{
	yyjson_val *list = yyjson_obj_get(task, "instances");
	const char *state = show_str(task, "state", "-");
	size_t copies = yyjson_arr_size(list);

	if (copies > 1) {
		folded_row(t, task, copies, now);
		copies_rows(t, task, all, now);
		return;
	}
	table_cell(t, show_str(task, "name", "-"));
	table_cell_color(t, term_state_color(state), state);
	instance_cells(t, yyjson_arr_get_first(list), show_str(task, "why", ""), now);
}

void jobview_tree(yyjson_val *job, bool all, int64_t now_ms, size_t width, int fd, struct buf *out)
{
	struct table *t cleanup_with(table_freep) = table_new(columns);
	yyjson_val *task;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(job, "tasks"), i, n, task) {
		task_rows(t, task, all, now_ms);
	}
	table_render(t, width, fd, true, out);
}
