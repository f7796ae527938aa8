/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/logview.h"
#include "face/cli/units.h"

#include <string.h>

struct logs_values {
	bool follow, timestamps, raw;
	const char *tail, *since, *until;
};
static const struct option_spec logs_options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct logs_values, follow), NULL, "go on until the end, as lines come"},
    {"tail", 'n', OPTION_TEXT, offsetof(struct logs_values, tail), "N", "only the last N lines, or \"all\""},
    {"timestamps", 't', OPTION_FLAG, offsetof(struct logs_values, timestamps), NULL,
     "begin each line with its time (UTC)"},
    {"since", 0, OPTION_TEXT, offsetof(struct logs_values, since), "TIME",
     "from then on: 2024-05-01T10:00:00Z, or 42m (ago)"},
    {"until", 0, OPTION_TEXT, offsetof(struct logs_values, until), "TIME", "until then; not with --follow"},
    {"raw", 0, OPTION_FLAG, offsetof(struct logs_values, raw), NULL, "do not escape control bytes on a terminal"},
    {NULL},
};

static int add_moment(struct buf *target, const char *name, const char *option, const char *text, struct err *err)
{
	mem_cleanup char *moment = NULL, *ms = NULL;
	int r = text ? units_moment(text, &moment, err) : 0;

	if (r < 0)
		return err_wrap(err, "%s", option);
	if (!moment)
		return 0;
	ms = mem_printf("%.0f", strtod(moment, NULL) * 1000);
	client_query(target, name, ms);
	return 0;
}

static int logs_target(const struct logs_values *v, const char *id, struct buf *target, struct err *err)
{
	mem_cleanup char *path = client_target("/v1/containers/", id, "/logs");
	uint64_t lines;
	int r;

	buf_adds(target, path);
	if (v->follow)
		client_query(target, "follow", "1");
	if (v->timestamps)
		client_query(target, "timestamps", "1");
	r = add_moment(target, "since_ms", "--since", v->since, err);
	if (r == 0)
		r = add_moment(target, "until_ms", "--until", v->until, err);
	if (r < 0)
		return r;
	if (!v->tail || strcmp(v->tail, "all") == 0)
		return 0;
	r = units_count(v->tail, &lines, err);
	if (r < 0)
		return err_wrap(err, "--tail");
	client_query(target, "tail", v->tail);
	return 0;
}

static int logs_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct logs_values *v = values;
	struct logview view = LOGVIEW_INIT;
	struct buf target buf_cleanup = BUF_INIT;
	struct http_client *c = NULL;
	int r = logs_target(v, operands[0], &target, err);

	if (r == 0)
		r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", buf_str(&target), NULL, err);
	if (r < 0)
		return r;
	view.raw = v->raw;
	view.utc_times = v->timestamps;
	r = logview_read(&view, c, err);
	logview_end(&view);
	return r;
}

const struct cli_command command_logs = {
    .name = "logs",
    .usage = "CONTAINER|JOB|JOB/TASK|JOB/TASK/INDEX",
    .summary = "Show the output of a container, a job or a task",
    .detail =
	"With several sources each line begins with the one it comes from. On a terminal control bytes are escaped.",
    .examples = "  berth logs -f web\n  berth logs --tail 20 wordcount-7f3a/map\n  berth logs -t wordcount-7f3a/map/3\n"
		"  berth logs --since 10m web",
    .options = logs_options,
    .values_size = sizeof(struct logs_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_ANY_ID,
    .run = logs_run,
};
