/* SPDX-License-Identifier: Apache-2.0
 *
 * licence set|ls|rm
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/each.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/units.h"

#include <inttypes.h>

#define LICENCES "/v1/licences"

static int set_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *target = client_target(LICENCES "/", operands[0], ""), *body = NULL;
	uint64_t total = 0;
	int r = units_count(operands[1], &total, err);

	(void)values;
	if (r < 0)
		return r;
	body = mem_printf("{\"total\":%" PRIu64 "}", total);
	return client_call(cli, "POST", target, body, NULL, err);
}

const struct cli_command command_licence_set = {
    .name = "licence set",
    .group = "licence",
    .usage = "NAME N",
    .summary = "Say how many of a licence the cluster has",
    .detail = "A licence is a number that all nodes share: seats of a program, streams of a file server. A copy of a "
	      "service with\n"
	      "x-berth: {licences: {NAME: 2}} takes two while it runs and waits until as many are free. A number below "
	      "what is in\n"
	      "use ends nothing.",
    .examples = "  berth licence set matlab 8",
    .least = 2,
    .most = 2,
    .run = set_run,
};

/* ---- licence ls ---- */

struct list_values {
	bool json;
};
static const struct option_spec list_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct list_values, json), NULL, "print JSON"},
    {NULL},
};

static const struct table_column columns[] = {{.title = "NAME", .least = 12},
					      {.title = "IN USE", .right = true},
					      {.title = "TOTAL", .right = true},
					      {.title = NULL}};

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct list_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = table_new(columns);
	yyjson_val *o;
	size_t i, n;
	int r = client_call(cli, "GET", LICENCES, NULL, &doc, err);

	(void)operands;
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, o) {
		table_cell(t, show_str(o, "name", ""));
		table_cellf(t, "%" PRId64, show_int(o, "used", 0));
		table_cellf(t, "%" PRId64, show_int(o, "total", 0));
	}
	table_print(t);
	return CLI_OK;
}

const struct cli_command command_licence_ls = {
    .name = "licence ls",
    .group = "licence",
    .usage = "",
    .summary = "List licences: how many are in use, and how many there are",
    .examples = "  berth licence ls",
    .options = list_options,
    .values_size = sizeof(struct list_values),
    .run = ls_run,
};

/* ---- licence rm ---- */

static int rm_one(struct cli *cli, const char *name, const void *values, struct err *err)
{
	mem_cleanup char *target = client_target(LICENCES "/", name, "");

	(void)values;
	return client_call(cli, "DELETE", target, NULL, NULL, err);
}

static int rm_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, rm_one);
}

const struct cli_command command_licence_rm = {
    .name = "licence rm",
    .group = "licence",
    .usage = "NAME...",
    .summary = "Take licences away; what needs one waits until it is set again",
    .examples = "  berth licence rm matlab",
    .least = 1,
    .most = CLI_MANY,
    .run = rm_run,
};
