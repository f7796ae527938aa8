/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of containers: start, restart, pause, unpause, rename, prune.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/each.h"
#include "face/cli/job_task.h"
#include "face/cli/prune.h"
#include "face/cli/session.h"
#include "face/cli/show.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>

static int post(struct cli *cli, const char *id, const char *tail, struct err *err)
{
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, id, tail);

	return client_call(cli, "POST", target, NULL, NULL, err);
}

/* ---- start ---- */

struct start_values {
	bool attach, interactive;
	const char *keys;
};
static const struct option_spec start_options[] = {
    {"attach", 'a', OPTION_FLAG, offsetof(struct start_values, attach), NULL, "stay with it until its end"},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct start_values, interactive), NULL, "and send standard input"},
    {"detach-keys", 0, OPTION_TEXT, offsetof(struct start_values, keys), "KEYS",
     "keys that leave it running (default: ctrl-p,ctrl-q)"},
    {NULL},
};

static int start_attached(struct cli *cli, const struct start_values *v, const char *id, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct session s = {.cli = cli, .id = id, .detach_keys = v->keys};
	yyjson_val *config, *root;
	int r = session_inspect(cli, id, &doc, err), status;

	if (r < 0)
		return r;
	root = yyjson_doc_get_root(doc);
	config = yyjson_obj_get(root, "Config");
	if (show_bool(yyjson_obj_get(root, "State"), "Running"))
		return err_set(err, EBUSY, "%s runs already; to attach to it: berth attach %s", id, id);
	s.tty = show_bool(config, "Tty");
	s.in = v->interactive && show_bool(config, "OpenStdin");
	s.remove = show_bool(yyjson_obj_get(root, "HostConfig"), "AutoRemove");
	r = session_open(&s, false, err);
	status = r == 0 ? session_start(cli, id) : 0;
	if (r == 0 && status == 0)
		return session_run(&s, err);
	session_close(&s);
	return r < 0 ? r : status;
}

static int start_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	(void)values;
	return post(cli, id, "/start", err);
}

static int start_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct start_values *v = values;

	if (!v->attach && !v->interactive)
		return each_of(cli, operands, values, start_one);
	if (operands[1])
		return err_set(err, EINVAL, "--attach takes one container, not \"%s\" too", operands[1]);
	return start_attached(cli, v, operands[0], err);
}

const struct cli_command command_start = {
    .name = "start",
    .usage = "CONTAINER...",
    .summary = "Start containers that were made or have ended",
    .detail = "With --attach the exit status is that of the container.",
    .examples = "  berth start web db\n  berth start -ai shell",
    .options = start_options,
    .values_size = sizeof(struct start_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = start_run,
};

/* ---- restart, pause, unpause ---- */

struct restart_values {
	const char *time, *signal;
	uint64_t grace_ms;
};
static const struct option_spec restart_options[] = {
    {"time", 't', OPTION_TEXT, offsetof(struct restart_values, time), "TIME",
     "how long it may take to end before it is killed (default: its own, else 10 s)"},
    {"signal", 's', OPTION_TEXT, offsetof(struct restart_values, signal), "SIGNAL",
     "what it gets first instead of its stop signal"},
    {NULL},
};

static int restart_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	const struct restart_values *v = values;
	struct buf tail buf_cleanup = BUF_INIT;

	/* No container has such a name; docker puts a slash before it. */
	if (*id != '/' && strchr(id, '/') && !v->time && !v->signal)
		return job_task_post(cli, id, "/restart", NULL, err);
	buf_adds(&tail, "/restart");
	if (v->time)
		buf_printf(&tail, "?t=%" PRIu64, (v->grace_ms + 999) / 1000);
	if (v->signal)
		client_query(&tail, "signal", v->signal);
	return post(cli, id, buf_str(&tail), err);
}

static int restart_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct restart_values *v = values;
	int r = v->time ? units_time(v->time, &v->grace_ms, err) : 0;

	return r < 0 ? r : each_of(cli, operands, values, restart_one);
}

const struct cli_command command_restart = {
    .name = "restart",
    .usage = "CONTAINER|JOB/TASK[/INDEX]...",
    .summary = "Stop containers, or tasks of jobs, and start them again",
    .detail =
	"JOB/TASK is every copy of that task that runs, waits for its next try or is in error; JOB/TASK/INDEX one "
	"copy.\nIt uses up none of their tries. What has ended otherwise is not started again. The copies of a gang "
	"run "
	"together or not\nat all: the restart of one of them is one of all, and says so.",
    .examples = "  berth restart web\n  berth restart -t 1m db\n  berth restart wordcount-7f3a/map/17",
    .options = restart_options,
    .values_size = sizeof(struct restart_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = restart_run,
};

/* A container, or else a job: the names of both are of one kind, as for wait and logs. */
static int pause_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/jobs/", id, "/pause");
	struct http_client *c;
	int r = client_http(cli, &c, err);

	(void)values;
	if (r < 0)
		return r;
	r = post(cli, id, "/pause", err);
	if (r == -ENOENT)
		r = client_call(cli, "POST", target, NULL, NULL, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "there is no container or job \"%s\" (berth ps -a and berth jobs -a list them)", id);
	return r;
}

static int pause_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, pause_one);
}

const struct cli_command command_pause = {
    .name = "pause",
    .usage = "CONTAINER|JOB...",
    .summary = "Freeze all processes of containers, or start nothing more of jobs",
    .detail = "What runs of a job goes on; berth resume JOB lets it start the rest.",
    .examples = "  berth pause web\n  berth pause wordcount-7f3a",
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = pause_run,
};

static int unpause_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	(void)values;
	return post(cli, id, "/unpause", err);
}

static int unpause_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, unpause_one);
}

const struct cli_command command_unpause = {
    .name = "unpause",
    .usage = "CONTAINER...",
    .summary = "Let frozen containers go on",
    .examples = "  berth unpause web",
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = unpause_run,
};

/* ---- rename ---- */

static int rename_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct buf tail buf_cleanup = BUF_INIT;

	(void)values;
	buf_adds(&tail, "/rename");
	client_query(&tail, "name", operands[1]);
	return post(cli, operands[0], buf_str(&tail), err);
}

const struct cli_command command_rename = {
    .name = "rename",
    .usage = "CONTAINER NAME",
    .summary = "Give a container another name",
    .examples = "  berth rename web old-web",
    .least = 2,
    .most = 2,
    .operand = OPERAND_CONTAINER,
    .run = rename_run,
};

/* ---- prune ---- */

static int prune_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	int r = prune_ask(values, "all containers that do not run", err);

	(void)operands;
	return r < 0 ? r : prune_call(cli, &prune_containers, values, err);
}

const struct cli_command command_container_prune = {
    .name = "container prune",
    .group = "container",
    .usage = "",
    .summary = "Remove all containers that do not run",
    .examples = "  berth container prune\n  berth container prune -f --filter until=24h",
    .options = prune_options,
    .values_size = sizeof(struct prune_choice),
    .run = prune_run,
};
