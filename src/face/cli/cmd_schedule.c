/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule ls|inspect|pause|resume|run|rm, calendar set|ls|rm
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- schedules ---- */

static const struct table_column schedule_columns[] = {{.title = "NAME", .least = 12}, {.title = "STATE"},
						       {.title = "WHEN", .least = 12}, {.title = "TIMEZONE"},
						       {.title = "NEXT", .least = 16}, {.title = "LIVE", .right = true},
						       {.title = "LAST", .least = 10}, {.title = NULL}};

/* In the time of this machine, as `date` prints it. */
static void add_time(struct buf *out, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	/* Most schedules go by minutes. */
	if (tm.tm_sec == 0)
		text[16] = '\0';
	buf_printf(out, "%s%s", out->len ? ", " : "", text);
}

static void schedule_row(struct table *t, yyjson_val *o)
{
	buf_cleanup struct buf when = BUF_INIT, next = BUF_INIT;
	yyjson_val *run = yyjson_arr_get_last(yyjson_obj_get(o, "runs")), *item;
	const char *state = show_str(o, "state", "-");
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(o, "cron"), i, n, item) {
		buf_printf(&when, "%s%s", when.len ? ", " : "", yyjson_get_str(item));
	}
	yyjson_arr_foreach (yyjson_obj_get(o, "next_ms"), i, n, item) {
		add_time(&next, yyjson_get_sint(item));
	}
	table_cell(t, show_str(o, "name", ""));
	table_cell_color(t, term_state_color(state), state);
	table_cell(t, buf_str(&when));
	table_cell(t, show_str(o, "timezone", ""));
	table_cell(t, next.len ? buf_str(&next) : "never");
	table_cellf(t, "%" PRId64, show_int(o, "live", 0));
	if (run)
		table_cellf(t, "%s %s", show_str(run, "job", ""), show_str(run, "state", ""));
	else
		table_cell(t, "-");
}

static const struct things schedules = {.path = "/v1/schedules", .columns = schedule_columns, .row = schedule_row};
static const struct things_wish schedule_pause = {&schedules, "POST", "/pause", NULL, false};
static const struct things_wish schedule_resume = {&schedules, "POST", "/resume", NULL, false};
static const struct things_wish schedule_rm = {&schedules, "DELETE", NULL, NULL, false};

const struct cli_command command_schedule_ls = {
    .name = "schedule ls",
    .group = "schedule",
    .usage = "",
    .summary = "List the jobs that come again, with their next three times",
    .detail = "A schedule is made by submitting a job with `x-berth: {schedule: ...}`, and has the job's name; "
	      "submitting it once\n"
	      "more changes it. Times are shown in the time zone of this machine.",
    .examples = "  berth schedule ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &schedules,
    .run = things_ls,
};

const struct cli_command command_schedule_inspect = {
    .name = "schedule inspect",
    .group = "schedule",
    .usage = "SCHEDULE...",
    .summary = "Show all that is known of schedules, with their jobs, as JSON",
    .examples = "  berth schedule inspect nightly",
    .least = 1,
    .most = CLI_MANY,
    .about = &schedules,
    .run = things_inspect,
};

/* The job's ID alone, as `berth submit` prints it for scripts. */
static int run_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = things_call(cli, &schedules, "POST", operands[0], "/run", NULL, &doc, err);

	(void)values;
	if (r == 0)
		text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "id", ""));
	return r;
}

const struct cli_command command_schedule_pause = {
    .name = "schedule pause",
    .group = "schedule",
    .usage = "SCHEDULE...",
    .summary = "Let schedules make no jobs; the times of the pause are not caught up",
    .examples = "  berth schedule pause nightly",
    .least = 1,
    .most = CLI_MANY,
    .about = &schedule_pause,
    .run = things_each,
};

const struct cli_command command_schedule_resume = {
    .name = "schedule resume",
    .group = "schedule",
    .usage = "SCHEDULE...",
    .summary = "Let paused schedules go on from now",
    .examples = "  berth schedule resume nightly",
    .least = 1,
    .most = CLI_MANY,
    .about = &schedule_resume,
    .run = things_each,
};

const struct cli_command command_schedule_run = {
    .name = "schedule run",
    .group = "schedule",
    .usage = "SCHEDULE",
    .summary = "Make a job of a schedule now, besides its times, and print its ID",
    .detail = "Also when the schedule is paused, or a job of it still runs.",
    .examples = "  berth schedule run nightly",
    .least = 1,
    .most = 1,
    .run = run_run,
};

const struct cli_command command_schedule_rm = {
    .name = "schedule rm",
    .group = "schedule",
    .usage = "SCHEDULE...",
    .summary = "Remove schedules; their jobs stay as they are",
    .examples = "  berth schedule rm nightly",
    .least = 1,
    .most = CLI_MANY,
    .about = &schedule_rm,
    .run = things_each,
};

/* ---- calendars ---- */

static const struct table_column calendar_columns[] = {{.title = "NAME", .least = 12},
						       {.title = "EXCLUDE", .least = 20},
						       {.title = "INCLUDE", .least = 20},
						       {.title = NULL}};

static void calendar_row(struct table *t, yyjson_val *o)
{
	static const char *const keys[] = {"exclude", "include"};

	table_cell(t, show_str(o, "name", ""));
	for (int k = 0; k < 2; k++) {
		buf_cleanup struct buf days = BUF_INIT;
		yyjson_val *item;
		size_t i, n;

		yyjson_arr_foreach (yyjson_obj_get(o, keys[k]), i, n, item) {
			buf_printf(&days, "%s%s", days.len ? " " : "", yyjson_get_str(item));
		}
		table_cell(t, days.len ? buf_str(&days) : "-");
	}
}

static const struct things calendars = {.path = "/v1/calendars", .columns = calendar_columns, .row = calendar_row};
static const struct things_wish calendar_rm = {&calendars, "DELETE", NULL, NULL, false};

const struct cli_command command_calendar_ls = {
    .name = "calendar ls",
    .group = "calendar",
    .usage = "",
    .summary = "List calendars: named sets of days for schedules",
    .examples = "  berth calendar ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &calendars,
    .run = things_ls,
};

struct set_values {
	char **exclude, **include;
};
static const struct option_spec set_options[] = {
    {"exclude", 0, OPTION_LIST, offsetof(struct set_values, exclude), "DAYS",
     "days that are left out, with commas between them"},
    {"include", 0, OPTION_LIST, offsetof(struct set_values, include), "DAYS", "days that are in, whatever is left out"},
    {NULL},
};

static void add_days(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, char **words)
{
	yyjson_mut_val *days = yyjson_mut_obj_add_arr(d, o, key);

	for (char **word = words; word && *word; word++) {
		mem_cleanup char *copy = mem_strdup(*word);
		char *rest = NULL;

		for (char *day = strtok_r(copy, ", ", &rest); day; day = strtok_r(NULL, ", ", &rest))
			yyjson_mut_arr_add_strcpy(d, days, day);
	}
}

static int calendar_set_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct set_values *v = values;
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	mem_cleanup char *body = NULL;

	yyjson_mut_doc_set_root(d, o);
	add_days(d, o, "exclude", v->exclude);
	add_days(d, o, "include", v->include);
	body = json_text(d, false, NULL);
	return things_call(cli, &calendars, "PUT", operands[0], "", body, NULL, err);
}

const struct cli_command command_calendar_set = {
    .name = "calendar set",
    .group = "calendar",
    .usage = "CALENDAR",
    .summary = "Make a calendar, or put other days into it",
    .detail = "A day is sat (each week), 12-25 (each year) or 2026-12-24, or a row of these last two: 12-24..01-01.\n"
	      "Schedules that name the calendar run on its days: those that are included, and, when some are left out, "
	      "all others\n"
	      "that are not. Their next times change at once.",
    .examples = "  berth calendar set workdays --exclude sat,sun,12-24..01-01 --include 2026-11-28\n"
		"  berth calendar set closing --include 2026-03-31,2026-06-30",
    .options = set_options,
    .values_size = sizeof(struct set_values),
    .least = 1,
    .most = 1,
    .run = calendar_set_run,
};

const struct cli_command command_calendar_rm = {
    .name = "calendar rm",
    .group = "calendar",
    .usage = "CALENDAR...",
    .summary = "Remove calendars that no schedule goes by",
    .examples = "  berth calendar rm workdays",
    .least = 1,
    .most = CLI_MANY,
    .about = &calendar_rm,
    .run = things_each,
};
