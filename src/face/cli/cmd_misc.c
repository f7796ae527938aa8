/* SPDX-License-Identifier: Apache-2.0
 *
 * The short ones: info, version, wait, kill, stop, rm.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/each.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>

struct json_values {
	bool json;
};
static const struct option_spec json_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct json_values, json), NULL, "print JSON"},
    {NULL},
};

static int version_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct json_values *v = values;

	(void)cli;
	(void)operands;
	(void)err;
	fputs(v->json ? "{\"version\":\"" BERTH_VERSION "\"}\n" : "berth " BERTH_VERSION "\n", stdout);
	return CLI_OK;
}

const struct cli_command command_version = {
    .name = "version",
    .usage = "",
    .summary = "Print the version of this program",
    .examples = "  berth version",
    .options = json_options,
    .values_size = sizeof(struct json_values),
    .run = version_run,
};

static void info_line(const char *name, const char *value)
{
	mem_cleanup char *safe = text_escaped(value);

	printf("%-12s%s\n", name, safe);
}

/* Of this node, or of the cluster that this is the server of. */
static void info_node(yyjson_val *info)
{
	yyjson_val *nodes = yyjson_obj_get(info, "nodes"), *node = nodes ? nodes : yyjson_obj_get(info, "node");
	char used[TEXT_MAX], all[TEXT_MAX];
	mem_cleanup char *slots = mem_printf("%" PRId64 " of %" PRId64 " in use", show_int(node, "slots_used", 0),
					     show_int(node, "slots", 0));
	mem_cleanup char *memory =
	    mem_printf("%s of %s in use", text_size(used, (uint64_t)show_int(node, "memory_used", 0)),
		       text_size(all, (uint64_t)show_int(node, "memory", 0)));

	if (nodes)
		printf("%-12s%" PRId64 " up of %" PRId64 "\n", "nodes", show_int(nodes, "up", 0),
		       show_int(nodes, "total", 0));
	else
		info_line("node", show_str(node, "name", "-"));
	info_line("slots", slots);
	info_line("memory", memory);
}

static void info_counts(yyjson_val *info)
{
	yyjson_val *c = yyjson_obj_get(info, "containers"), *j = yyjson_obj_get(info, "jobs");

	if (yyjson_obj_get(info, "nodes"))
		printf("%-12s%" PRId64 "\n", "containers", show_int(yyjson_obj_get(info, "nodes"), "containers", 0));
	else
		printf("%-12s%" PRId64 " running, %" PRId64 " in all\n", "containers", show_int(c, "running", 0),
		       show_int(c, "total", 0));
	printf("%-12s%" PRId64 " running, %" PRId64 " waiting, %" PRId64 " ended\n", "jobs", show_int(j, "running", 0),
	       show_int(j, "waiting", 0), show_int(j, "ended", 0));
	printf("%-12s%" PRId64 "\n", "images", show_int(info, "images", 0));
}

static int info_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct json_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *info;
	char ago[TEXT_MAX];
	int r = client_call(cli, "GET", "/v1/info", NULL, &doc, err);

	(void)operands;
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	info = yyjson_doc_get_root(doc);
	info_line("version", show_str(info, "version", "-"));
	info_line("started", text_ago(ago, show_int(info, "started_ms", 0), clock_wall_ms()));
	printf("%-12s%" PRId64 "\n", "pid", show_int(info, "pid", 0));
	info_line("socket", show_str(info, "socket", "-"));
	info_line("data", show_str(info, "data", "-"));
	info_line("cgroup", show_str(info, "cgroup", "-"));
	info_node(info);
	info_counts(info);
	return CLI_OK;
}

const struct cli_command command_info = {
    .name = "info",
    .usage = "",
    .summary = "Show what the running berth is and does",
    .examples = "  berth info\n  berth info --json",
    .options = json_options,
    .values_size = sizeof(struct json_values),
    .run = info_run,
};

/* As docker has it for a container: its code is printed. A job is ours: its state is printed and its code is the exit
 * status. */
static int wait_one(struct cli *cli, const char *id, int *status, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/containers/", id, "/wait");
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *end;
	const char *state;
	int r = client_call(cli, "GET", target, NULL, &doc, err);

	if (r < 0)
		return r;
	end = yyjson_doc_get_root(doc);
	state = show_str(end, "state", NULL);
	if (state) {
		text_line(stdout, "%s", state);
		*status = show_job_status(end);
	} else {
		printf("%" PRId64 "\n", show_int(end, "exit_code", 0));
	}
	return 0;
}

static int wait_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	int status = CLI_OK;

	(void)values;
	for (char **id = operands; *id; id++) {
		int r = wait_one(cli, *id, &status, err);

		if (r < 0)
			return r;
		(void)fflush(stdout);
	}
	return status;
}

const struct cli_command command_wait = {
    .name = "wait",
    .usage = "ID...",
    .summary = "Wait until containers or jobs have ended",
    .detail =
	"For a container its exit code is printed, and the exit status is 0. For a job its state is printed, and the\n"
	"exit status is 0 when it finished, else the job's exit code or 1.",
    .examples = "  berth wait web\n  berth wait wordcount-7f3a",
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_ANY_ID,
    .run = wait_run,
};

struct kill_values {
	const char *signal;
};
static const struct option_spec kill_options[] = {
    {"signal", 's', OPTION_TEXT, offsetof(struct kill_values, signal), "SIGNAL",
     "name or number, with or without SIG (default KILL)"},
    {NULL},
};
static const struct kill_values kill_defaults = {.signal = "KILL"};

static int kill_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	const struct kill_values *v = values;
	mem_cleanup char *path = client_target("/v1/containers/", id, "/kill");
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, path);
	client_query(&target, "signal", v->signal);
	return client_call(cli, "POST", buf_str(&target), NULL, NULL, err);
}

static int kill_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, kill_one);
}

const struct cli_command command_kill = {
    .name = "kill",
    .usage = "ID...",
    .summary = "Send a signal to running containers",
    .examples = "  berth kill web\n  berth kill -s HUP web",
    .options = kill_options,
    .values_size = sizeof(struct kill_values),
    .defaults = &kill_defaults,
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = kill_run,
};

struct stop_values {
	const char *time, *signal;
	uint64_t grace_ms;
};
static const struct option_spec stop_options[] = {
    {"time", 't', OPTION_TEXT, offsetof(struct stop_values, time), "TIME",
     "how long it may take before it is killed (default: its own, else 10 s)"},
    {"signal", 's', OPTION_TEXT, offsetof(struct stop_values, signal), "SIGNAL",
     "what it gets first instead of its stop signal"},
    {NULL},
};

static int stop_by(struct cli *cli, const char *id, const struct stop_values *v, struct err *err)
{
	mem_cleanup char *path = client_target(CLIENT_DOCKER_CONTAINERS, id, "/stop");
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, path);
	client_query(&target, "signal", v->signal);
	if (v->time)
		buf_printf(&target, "&t=%" PRIu64, (v->grace_ms + 999) / 1000);
	return client_call(cli, "POST", buf_str(&target), NULL, NULL, err);
}

static int stop_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	const struct stop_values *v = values;
	mem_cleanup char *path = client_target("/v1/containers/", id, "/stop");
	mem_cleanup char *target = v->time ? mem_printf("%s?grace_ms=%" PRIu64, path, v->grace_ms) : mem_strdup(path);

	if (v->signal)
		return stop_by(cli, id, v, err);
	return client_call(cli, "POST", target, NULL, NULL, err);
}

static int stop_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct stop_values *v = values;
	int r = v->time ? units_time(v->time, &v->grace_ms, err) : 0;

	return r < 0 ? err_wrap(err, "--time") : each_of(cli, operands, values, stop_one);
}

const struct cli_command command_stop = {
    .name = "stop",
    .usage = "ID...",
    .summary = "Stop containers: ask them to end, then kill them",
    .examples = "  berth stop web\n  berth stop -t 1m web",
    .options = stop_options,
    .values_size = sizeof(struct stop_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = stop_run,
};

struct rm_values {
	bool force, volumes;
};
static const struct option_spec rm_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rm_values, force), NULL, "kill a container that still runs"},
    {"volumes", 'v', OPTION_FLAG, offsetof(struct rm_values, volumes), NULL, "and its volumes without a name"},
    {NULL},
};

static int rm_one(struct cli *cli, const char *id, const void *values, struct err *err)
{
	static const char *const tails[2][2] = {{"", "?force=1"}, {"?v=1", "?v=1&force=1"}};
	const struct rm_values *v = values;
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, id, tails[v->volumes][v->force]);
	mem_cleanup char *job = client_target("/v1/jobs/", id, "");
	struct err why = ERR_INIT;
	int r = client_call(cli, "DELETE", target, NULL, NULL, &why);

	if (r == -ENOENT && cli->http) {
		err_clear(&why);
		r = client_call(cli, "DELETE", job, NULL, NULL, &why);
		if (r == -ENOENT)
			return err_set(err, ENOENT, "there is no container and no job \"%s\"", id);
	}
	return r < 0 ? err_set(err, -r, "%s", why.text) : 0;
}

static int rm_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, rm_one);
}

const struct cli_command command_rm = {
    .name = "rm",
    .usage = "ID...",
    .summary = "Forget containers or jobs that have ended",
    .detail = "A job goes with its containers, logs and private spaces.",
    .examples = "  berth rm web\n  berth rm -f web       # even when it runs\n  berth rm wordcount-7f3a",
    .options = rm_options,
    .values_size = sizeof(struct rm_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_ANY_ID,
    .run = rm_run,
};

/* For the help: main.c runs the runtime before it looks at this table, so that nothing stands before its words. */
static int oci_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)cli;
	(void)values;
	return err_set(err, EINVAL, "oci has to be the first word: berth oci %s", operands[0]);
}

const struct cli_command command_oci = {
    .name = "oci",
    .usage = "[OPTIONS] COMMAND [ARGUMENTS]",
    .summary = "Run bundles of the OCI, in the place of runc or crun",
    .detail = "Podman, containerd and dockerd can use it, under the name berth-oci (a link to the program).\n"
	      "Its commands and options: berth oci --help",
    .examples = "  berth oci run --bundle DIR web\n  podman --runtime /usr/local/bin/berth-oci run busybox true",
    .least = 1,
    .most = CLI_MANY,
    .stop = true,
    .run = oci_run,
};

/* For the help, too: main.c hands the words to face/project. */
static int compose_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)cli;
	(void)values;
	return err_set(err, EINVAL, "compose: this program has no such part: %s", operands[0]);
}

const struct cli_command command_compose = {
    .name = "compose",
    .usage = "[OPTIONS] COMMAND [ARGUMENTS]",
    .summary = "Run projects of several services, as docker compose does",
    .detail = "Its commands and options: berth compose --help",
    .examples = "  berth compose up -d\n  berth compose logs -f web\n  berth compose down",
    .least = 1,
    .most = CLI_MANY,
    .stop = true,
    .run = compose_run,
};
