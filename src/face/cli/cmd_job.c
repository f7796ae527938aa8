/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs, job, cancel, finish, resume.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/each.h"
#include "face/cli/job_task.h"
#include "face/cli/jobview.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct jobs_values {
	bool all, json, quiet;
	uint64_t limit;
};
static const struct option_spec jobs_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct jobs_values, all), NULL, "also those that have ended"},
    {"limit", 'n', OPTION_COUNT, offsetof(struct jobs_values, limit), "N", "at the most the N newest"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct jobs_values, quiet), NULL, "print IDs only"},
    {"json", 0, OPTION_FLAG, offsetof(struct jobs_values, json), NULL, "print JSON"},
    {NULL},
};
static const struct table_column columns[] = {
    {.title = "ID", .least = 12},     {.title = "STATE"},
    {.title = "TASKS", .least = 10},  {.title = "SUBMITTED"},
    {.title = "TIME", .right = true}, {.title = "EXIT", .right = true},
    {.title = "WHY", .least = 10},    {.title = NULL},
};

static void job_row(struct table *t, yyjson_val *job, int64_t now)
{
	const char *state = show_str(job, "state", "-"), *reason = show_str(job, "reason", NULL);
	int64_t start = show_int(job, "started_ms", 0), end = show_int(job, "ended_ms", 0);
	struct buf counts buf_cleanup = BUF_INIT;
	char text[TEXT_MAX];

	show_counts(&counts, yyjson_obj_get(job, "counts"));
	table_cell(t, show_str(job, "id", "-"));
	table_cell_color(t, term_state_color(state), state);
	table_cell(t, buf_str(&counts));
	table_cell(t, text_ago(text, show_int(job, "submitted_ms", 0), now));
	table_cell(t, start > 0 ? text_duration(text, (end > 0 ? end : now) - start) : "");
	if (show_job_ended(state))
		table_cellf(t, "%" PRId64, show_int(job, "exit_code", 0));
	else
		table_cell(t, "");
	table_cell(t, reason && *reason ? reason : show_str(job, "why", ""));
}

static int jobs_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct jobs_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = table_new(columns);
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_val *job;
	size_t i, n;
	int r;

	(void)operands;
	buf_adds(&target, v->all ? "/v1/jobs?all=1" : "/v1/jobs");
	if (v->limit)
		buf_printf(&target, "%climit=%" PRIu64, v->all ? '&' : '?', v->limit);
	r = client_call(cli, "GET", buf_str(&target), NULL, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, job) {
		if (v->quiet)
			text_line(stdout, "%s", show_str(job, "id", ""));
		else
			job_row(t, job, clock_wall_ms());
	}
	if (!v->quiet)
		table_print(t);
	return CLI_OK;
}

const struct cli_command command_jobs = {
    .name = "jobs",
    .usage = "",
    .summary = "List jobs, newest first",
    .examples = "  berth jobs\n  berth jobs -a -n 20",
    .options = jobs_options,
    .values_size = sizeof(struct jobs_values),
    .run = jobs_run,
};

struct job_values {
	bool all, json;
};
static const struct option_spec job_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct job_values, all), NULL, "every copy of every task, however many"},
    {"json", 0, OPTION_FLAG, offsetof(struct job_values, json), NULL, "print JSON"},
    {NULL},
};

static void job_head(yyjson_val *job, int64_t now)
{
	const char *state = show_str(job, "state", "-"), *reason = show_str(job, "reason", NULL);
	const char *why = show_str(job, "why", NULL), *file = show_str(job, "file", NULL);
	int64_t start = show_int(job, "started_ms", 0), end = show_int(job, "ended_ms", 0);
	mem_cleanup char *id = text_escaped(show_str(job, "id", "-"));
	mem_cleanup char *safe = text_escaped(state);
	char ago[TEXT_MAX], took[TEXT_MAX];

	printf("job %s: %s%s%s, submitted %s", id, term_color(STDOUT_FILENO, term_state_color(state)), safe,
	       term_plain(STDOUT_FILENO), text_ago(ago, show_int(job, "submitted_ms", 0), now));
	if (start > 0)
		printf(", %s %s", end > 0 ? "took" : "running for", text_duration(took, (end > 0 ? end : now) - start));
	if (show_job_ended(state))
		printf(", exit code %" PRId64, show_int(job, "exit_code", 0));
	putchar('\n');
	if (file && *file)
		text_line(stdout, "file: %s", file);
	if (reason && *reason)
		text_line(stdout, "reason: %s", reason);
	if (why && *why)
		text_line(stdout, "why: %s", why);
	putchar('\n');
}

static int job_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct job_values *v = values;
	mem_cleanup char *target = client_target("/v1/jobs/", operands[0], "");
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct buf out buf_cleanup = BUF_LIMIT(CLIENT_REPLY_MAX);
	int64_t now = clock_wall_ms();
	int r = client_call(cli, "GET", target, NULL, &doc, err);

	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	job_head(yyjson_doc_get_root(doc), now);
	jobview_tree(yyjson_doc_get_root(doc), v->all, now, term_width(STDOUT_FILENO), STDOUT_FILENO, &out);
	fwrite(buf_str(&out), 1, out.len, stdout);
	return CLI_OK;
}

const struct cli_command command_job = {
    .name = "job",
    .usage = "JOB",
    .summary = "Show a job: its tasks, copies, tries, times and exit codes, and why it waits",
    .detail = "A task with many copies is one line, with those of its copies that failed; --all shows each.",
    .examples = "  berth job wordcount-7f3a\n  berth job wordcount-7f3a --json | jq .tasks",
    .options = job_options,
    .values_size = sizeof(struct job_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_JOB,
    .run = job_run,
};

static int post_job(struct cli *cli, const char *id, const char *tail, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/jobs/", id, tail);

	return client_call(cli, "POST", target, NULL, NULL, err);
}

static int cancel_one(struct cli *cli, const char *name, const void *values, struct err *err)
{
	(void)values;
	return strchr(name, '/') ? job_task_post(cli, name, "/cancel", NULL, err) : post_job(cli, name, "/cancel", err);
}

static int cancel_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, cancel_one);
}

const struct cli_command command_cancel = {
    .name = "cancel",
    .usage = "JOB[/TASK[/INDEX]]...",
    .summary = "Cancel jobs, or tasks of them: what runs is stopped, what waits never starts",
    .detail = "JOB/TASK is every copy of that task that has not ended; JOB/TASK/INDEX one copy. The other copies go "
	      "on; what needs the\n"
	      "task is skipped, and the job has failed in the end. To let it go on without them: berth finish.",
    .examples = "  berth cancel wordcount-7f3a\n  berth cancel sweep-19c2/run/17",
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_JOB,
    .run = cancel_run,
};

struct finish_values {
	const char *as;
};
static const struct option_spec finish_options[] = {
    {"as", 0, OPTION_TEXT, offsetof(struct finish_values, as), "HOW",
     "done (the default), or failed: as if its tries were used up"},
    {NULL},
};

static int finish_one(struct cli *cli, const char *name, const void *values, struct err *err)
{
	const struct finish_values *v = values;

	return job_task_post(cli, name, "/finish", v->as, err);
}

static int finish_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct finish_values *v = values;

	if (v->as && strcmp(v->as, "done") != 0 && strcmp(v->as, "failed") != 0)
		return err_set(err, EINVAL, "--as %s: it is \"done\" or \"failed\"", v->as);
	return each_of(cli, operands, values, finish_one);
}

const struct cli_command command_finish = {
    .name = "finish",
    .usage = "JOB/TASK[/INDEX]...",
    .summary = "Take tasks of jobs as done, or as failed: what waits for them goes on",
    .detail = "JOB/TASK is every copy of that task that has not ended, JOB/TASK/INDEX one copy: it may run, wait (for "
	      "room, for other\n"
	      "tasks, for its next try, in a paused job) or be in error. What runs is stopped first, and counts so "
	      "however it ends;\n"
	      "what waits never starts. --as failed: on_error says what follows; with suspend or pause, what needs the "
	      "task is "
	      "skipped.\nOf a gang only what runs is taken as done copy by copy; else name the whole task.",
    .examples = "  berth finish wordcount-7f3a/map/17\n  berth finish sweep-19c2/run --as failed",
    .options = finish_options,
    .values_size = sizeof(struct finish_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_JOB,
    .run = finish_run,
};

static int resume_one(struct cli *cli, const char *name, const void *values, struct err *err)
{
	(void)values;
	return post_job(cli, name, "/resume", err);
}

static int resume_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, resume_one);
}

const struct cli_command command_resume = {
    .name = "resume",
    .usage = "JOB...",
    .summary = "Continue paused jobs, and try again what is in error",
    .examples = "  berth resume wordcount-7f3a",
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_JOB,
    .run = resume_run,
};
