/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/filters.h"
#include "face/cli/rows.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/template.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>

struct ps_values {
	bool all, json, quiet, latest, size, whole;
	uint64_t last;
	const char *format;
	char **filters;
};
static const struct option_spec ps_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ps_values, all), NULL, "also those that have ended"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ps_values, quiet), NULL, "print IDs only"},
    {"json", 0, OPTION_FLAG, offsetof(struct ps_values, json), NULL, "print JSON"},
    FILTERS_OPTION(struct ps_values),
    {"format", 0, OPTION_TEXT, offsetof(struct ps_values, format), "TEMPLATE",
     "print {{.Names}}, {{.Status}} ..., or json, or \"table {{.ID}}\\t{{.Ports}}\""},
    {"last", 'n', OPTION_COUNT, offsetof(struct ps_values, last), "N", "the N that were created last, ended or not"},
    {"latest", 'l', OPTION_FLAG, offsetof(struct ps_values, latest), NULL, "the one that was created last"},
    {"size", 's', OPTION_FLAG, offsetof(struct ps_values, size), NULL, "show what their files take"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ps_values, whole), NULL, "cut nothing"},
    {NULL},
};

static const struct table_column columns[] = {
    {.title = "ID"},
    {.title = "NAME", .least = 12},
    {.title = "IMAGE", .least = 10},
    {.title = "COMMAND", .least = 10},
    {.title = "STATE"},
    {.title = "CREATED"},
    {.title = "TASK", .least = 10},
    {.title = NULL},
};

/* Of a cluster. */
static const struct table_column columns_of_nodes[] = {
    {.title = "ID"},
    {.title = "NAME", .least = 12},
    {.title = "IMAGE", .least = 10},
    {.title = "COMMAND", .least = 10},
    {.title = "STATE"},
    {.title = "CREATED"},
    {.title = "NODE", .least = 8},
    {.title = "TASK", .least = 10},
    {.title = NULL},
};

static bool has_nodes(yyjson_val *list)
{
	return yyjson_obj_get(yyjson_arr_get_first(list), "node") != NULL;
}

static void state_cell(struct table *t, yyjson_val *c)
{
	const char *state = show_str(c, "state", "-"), *health = show_str(c, "health", NULL);
	yyjson_val *code = yyjson_obj_get(c, "exit_code");
	char took[TEXT_MAX];
	int64_t started = show_int(c, "started_ms", 0);

	if (strcmp(state, "running") != 0 && yyjson_is_int(code))
		table_cellf(t, "%s (%" PRId64 ")", state, yyjson_get_sint(code));
	else if (strcmp(state, "running") == 0 && started > 0)
		table_cellf(t, "up %s%s%s%s", text_duration(took, clock_wall_ms() - started), health ? " (" : "",
			    health ? health : "", health ? ")" : "");
	else
		table_cell_color(t, term_state_color(state), state);
}

static void row(struct table *t, yyjson_val *c, bool of_nodes)
{
	mem_cleanup char *id = text_id(show_str(c, "id", ""));
	struct buf command buf_cleanup = BUF_INIT;
	const char *job = show_str(c, "job", NULL);
	char ago[TEXT_MAX];

	show_words(&command, yyjson_obj_get(c, "command"));
	table_cell(t, id);
	table_cell(t, show_str(c, "name", ""));
	table_cell(t, show_str(c, "image", ""));
	table_cell(t, buf_str(&command));
	state_cell(t, c);
	table_cell(t, text_ago(ago, show_int(c, "created_ms", 0), clock_wall_ms()));
	if (of_nodes)
		table_cell(t, show_str(c, "node", ""));
	if (job)
		table_cellf(t, "%s/%s/%" PRId64, job, show_str(c, "task", ""), show_int(c, "index", 0));
	else
		table_cell(t, "");
}

/* What docker's users ask for: by Docker's API, which has filters and sizes. */
static bool is_dockers(const struct ps_values *v)
{
	return v->filters || v->format || v->latest || v->size || v->whole || v->last > 0;
}

static int ps_docker(struct cli *cli, const struct ps_values *v, struct err *err)
{
	static const char usual[] = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
				    "\t{{.Names}}";
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL, *rows json_doc_cleanup = NULL;
	mem_cleanup char *last = mem_printf("%" PRIu64, v->latest ? 1 : v->last);
	mem_cleanup char *format = mem_printf("%s%s", usual, v->size ? "\t{{.Size}}" : "");
	int r;

	buf_adds(&target, CLIENT_DOCKER_CONTAINERS "json");
	if (v->all || v->latest || v->last > 0)
		client_query(&target, "all", "1");
	if (v->latest || v->last > 0)
		client_query(&target, "limit", last);
	if (v->size)
		client_query(&target, "size", "1");
	r = filters_query(&target, v->filters, err);
	if (r == 0)
		r = client_call(cli, "GET", buf_str(&target), NULL, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	rows = rows_containers(yyjson_doc_get_root(doc), v->whole);
	return template_print(v->quiet ? "{{.ID}}" : v->format ? v->format : format, yyjson_doc_get_root(rows), err);
}

static int ps_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct ps_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = NULL;
	bool of_nodes;
	yyjson_val *c;
	size_t i, n;
	int r;

	(void)operands;
	if (is_dockers(v))
		return ps_docker(cli, v, err);
	r = client_call(cli, "GET", v->all ? "/v1/containers?all=1" : "/v1/containers", NULL, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	of_nodes = has_nodes(yyjson_doc_get_root(doc));
	t = table_new(of_nodes ? columns_of_nodes : columns);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, c) {
		if (v->quiet)
			text_line(stdout, "%s", show_str(c, "id", ""));
		else
			row(t, c, of_nodes);
	}
	if (!v->quiet)
		table_print(t);
	return CLI_OK;
}

const struct cli_command command_ps = {
    .name = "ps",
    .usage = "",
    .summary = "List containers",
    .examples = "  berth ps\n  berth ps -a\n  berth ps --json | jq '.[].name'\n"
		"  berth ps --filter label=team=web --format '{{.Names}}: {{.Status}}'",
    .options = ps_options,
    .values_size = sizeof(struct ps_values),
    .run = ps_run,
};
