/* SPDX-License-Identifier: Apache-2.0
 *
 * why: why a job, or a task of it, does not run.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/text.h"

#include <string.h>

static void tell_task(yyjson_val *task)
{
	const char *why = show_str(task, "why", "");

	text_line(stdout, "%s: %s%s%s", show_str(task, "name", "-"), show_str(task, "state", "-"), *why ? ", " : "",
		  why);
}

/* Without a name: all tasks that have not ended. */
static size_t tell_tasks(yyjson_val *tasks, const char *name)
{
	yyjson_val *task;
	size_t i, n, told = 0;

	yyjson_arr_foreach (tasks, i, n, task) {
		bool named = name && !strcmp(show_str(task, "name", ""), name);
		bool open = !name && *show_str(task, "why", "");

		if (!named && !open)
			continue;
		tell_task(task);
		told++;
	}
	return told;
}

static int why_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/jobs/", operands[0], "");
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = client_call(cli, "GET", target, NULL, &doc, err);
	yyjson_val *job = yyjson_doc_get_root(doc);
	const char *reason = show_str(job, "reason", "");

	(void)values;
	if (r < 0)
		return r;
	text_line(stdout, "job %s: %s%s%s", show_str(job, "id", "-"), show_str(job, "state", "-"), *reason ? ", " : "",
		  reason);
	if (tell_tasks(yyjson_obj_get(job, "tasks"), operands[1]) == 0 && operands[1])
		return err_set(err, ENOENT, "job %s has no task \"%.80s\"", show_str(job, "id", "-"), operands[1]);
	return CLI_OK;
}

const struct cli_command command_why = {
    .name = "why",
    .usage = "JOB [TASK]",
    .summary = "Say why a job does not run: what each of its tasks waits for, what is nearest to fitting, and when it "
	       "should start",
    .examples = "  berth why wordcount-7f3a\n  berth why wordcount-7f3a map",
    .least = 1,
    .most = 2,
    .operand = OPERAND_JOB,
    .run = why_run,
};
