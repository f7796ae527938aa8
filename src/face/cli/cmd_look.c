/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks into containers: top, diff, port, inspect.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/job_task.h"
#include "face/cli/cluster_top.h"
#include "face/cli/each.h"
#include "face/cli/session.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <string.h>

/* ---- top: of a container, or without one of the cluster ---- */

static const struct option_spec top_options[] = {
    {"once", 0, OPTION_FLAG, offsetof(struct cluster_top, once), NULL, "without CONTAINER: print once and end"},
    {"sort", 0, OPTION_TEXT, offsetof(struct cluster_top, sort), "KEY",
     "without CONTAINER: nodes by name, slots, memory or containers"},
    {NULL},
};

static void top_rows(struct table *t, size_t columns, yyjson_val *processes)
{
	yyjson_val *process;
	size_t i, n;

	yyjson_arr_foreach (processes, i, n, process) {
		for (size_t k = 0; k < columns; k++)
			table_cell(t, yyjson_get_str(yyjson_arr_get(process, k)));
	}
}

static void top_print(yyjson_val *root)
{
	struct table_column columns[TABLE_COLUMNS_MAX + 1] = {{.title = NULL}};
	struct table *t cleanup_with(table_freep) = NULL;
	yyjson_val *title;
	size_t i, n, count = 0;

	yyjson_arr_foreach (yyjson_obj_get(root, "Titles"), i, n, title) {
		if (count < TABLE_COLUMNS_MAX && yyjson_is_str(title))
			columns[count++].title = yyjson_get_str(title);
	}
	t = table_new(columns);
	top_rows(t, count, yyjson_obj_get(root, "Processes"));
	table_print(t);
}

static int top_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *container = NULL, *base = NULL;
	struct buf target buf_cleanup = BUF_INIT, arguments buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r;

	if (!operands[0])
		return cluster_top_run(cli, values, err);
	r = job_task_container(cli, operands[0], &container, err);
	if (r < 0)
		return r;
	base = client_target(CLIENT_DOCKER_CONTAINERS, container, "/top");
	for (char **word = operands + 1; *word; word++)
		buf_printf(&arguments, "%s%s", arguments.len ? " " : "", *word);
	buf_adds(&target, base);
	if (arguments.len > 0)
		client_query(&target, "ps_args", buf_str(&arguments));
	r = client_call(cli, "GET", buf_str(&target), NULL, &doc, err);
	if (r == 0)
		top_print(yyjson_doc_get_root(doc));
	return r;
}

const struct cli_command command_top = {
    .name = "top",
    .usage = "[CONTAINER|JOB/TASK[/INDEX] [PS-OPTION...]]",
    .summary = "Watch nodes, queue and jobs, or list the processes of a running container",
    .detail = "Without CONTAINER the screen shows what happens, once a second: q ends it; N, S, M and C sort the nodes "
	      "by name, slots,\n"
	      "memory and containers; J sorts the jobs by time, running or waiting copies; R turns the order round.",
    .examples = "  berth top\n  berth top --once --sort slots\n  berth top web\n  berth top web -o pid,rss,args",
    .options = top_options,
    .values_size = sizeof(struct cluster_top),
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .stop = true,
    .run = top_run,
};

/* ---- diff ---- */

static int diff_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	static const char kinds[] = "CAD";
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, operands[0], "/changes");
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *change;
	size_t i, n;
	int r = client_call(cli, "GET", target, NULL, &doc, err);

	(void)values;
	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, change) {
		int64_t kind = show_int(change, "Kind", 0);

		text_line(stdout, "%c %s", kind >= 0 && kind < 3 ? kinds[kind] : '?', show_str(change, "Path", ""));
	}
	return CLI_OK;
}

const struct cli_command command_diff = {
    .name = "diff",
    .usage = "CONTAINER",
    .summary = "List files that a container has changed (C), added (A) or deleted (D)",
    .examples = "  berth diff web",
    .least = 1,
    .most = 1,
    .operand = OPERAND_CONTAINER,
    .run = diff_run,
};

/* ---- port ---- */

static void print_bindings(const char *port, yyjson_val *bindings, bool alone)
{
	yyjson_val *b;
	size_t i, n;

	yyjson_arr_foreach (bindings, i, n, b) {
		const char *ip = show_str(b, "HostIp", "");
		bool six = strchr(ip, ':') != NULL;

		text_line(stdout, "%s%s%s%s%s:%s", alone ? "" : port, alone ? "" : " -> ", six ? "[" : "", ip,
			  six ? "]" : "", show_str(b, "HostPort", ""));
	}
}

static int port_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *wanted =
	    operands[1] ? mem_printf("%s%s", operands[1], strchr(operands[1], '/') ? "" : "/tcp") : NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *ports, *key, *value;
	bool found = false;
	size_t i, n;
	int r = session_inspect(cli, operands[0], &doc, err);

	(void)values;
	if (r < 0)
		return r;
	ports = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "NetworkSettings"), "Ports");
	yyjson_obj_foreach (ports, i, n, key, value) {
		if (wanted && !yyjson_equals_str(key, wanted))
			continue;
		found = found || yyjson_arr_size(value) > 0;
		print_bindings(yyjson_get_str(key), value, wanted != NULL);
	}
	if (wanted && !found)
		return err_set(err, ENOENT, "port %s of %s is not published", wanted, operands[0]);
	return CLI_OK;
}

const struct cli_command command_port = {
    .name = "port",
    .usage = "CONTAINER [PORT[/PROTOCOL]]",
    .summary = "List the published ports of a container",
    .examples = "  berth port web\n  berth port web 80",
    .least = 1,
    .most = 2,
    .operand = OPERAND_CONTAINER,
    .run = port_run,
};

/* ---- inspect ---- */

static const struct {
	const char *type, *before, *after;
} kinds[] = {{"container", CLIENT_DOCKER "/containers/", "/json"},
	     {"image", CLIENT_DOCKER "/images/", "/json"},
	     {"network", CLIENT_DOCKER "/networks/", ""},
	     {"volume", CLIENT_DOCKER "/volumes/", ""}};
#define N_KINDS (sizeof kinds / sizeof *kinds)

struct inspect_values {
	bool size;
	const char *type;
};
static const struct option_spec inspect_options[] = {
    {"type", 0, OPTION_TEXT, offsetof(struct inspect_values, type), "KIND",
     "only a container, image, network or volume of that name"},
    {"size", 's', OPTION_FLAG, offsetof(struct inspect_values, size), NULL, "and the sizes of a container's files"},
    {NULL},
};

/* The first kind that has something of that name. */
static int inspect_one(struct cli *cli, const char *name, const void *values, yyjson_doc **ret, struct err *err)
{
	const struct inspect_values *v = values;

	for (size_t i = 0; i < N_KINDS; i++) {
		const char *tail = v->size && i == 0 ? "/json?size=1" : kinds[i].after;
		mem_cleanup char *target = client_target(kinds[i].before, name, tail);
		struct err why = ERR_INIT;
		int r;

		if (v->type && strcmp(v->type, kinds[i].type) != 0)
			continue;
		r = client_call(cli, "GET", target, NULL, ret, &why);
		if (r == 0)
			return 0;
		if (r != -ENOENT || !cli->http)
			return err_set(err, -r, "%s", why.text);
	}
	return err_set(err, ENOENT, v->type ? "there is no %s \"%s\"" : "there is no %s of the name \"%s\"",
		       v->type ? v->type : "container, image, network or volume", name);
}

static bool is_kind(const char *type)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (!strcmp(kinds[i].type, type))
			return true;
	}
	return false;
}

static int inspect_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct inspect_values *v = values;

	if (v->type && !is_kind(v->type))
		return err_set(err, EINVAL, "--type: \"%s\" is not container, image, network or volume", v->type);
	return each_json(cli, operands, v, inspect_one);
}

const struct cli_command command_inspect = {
    .name = "inspect",
    .usage = "NAME...",
    .summary = "Show all that is known of containers, images, networks or volumes",
    .detail = "A JSON list with what Docker's API says of each.",
    .examples =
	"  berth inspect web\n  berth inspect web | jq -r '.[0].State.Status'\n  berth inspect --type volume data",
    .options = inspect_options,
    .values_size = sizeof(struct inspect_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = inspect_run,
};
