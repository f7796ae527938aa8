/* SPDX-License-Identifier: Apache-2.0
 *
 * licence set|ls|rm
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/things.h"
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

static const struct table_column columns[] = {{.title = "NAME", .least = 12},
					      {.title = "IN USE", .right = true},
					      {.title = "TOTAL", .right = true},
					      {.title = NULL}};

static void row(struct table *t, yyjson_val *o)
{
	table_cell(t, show_str(o, "name", ""));
	table_cellf(t, "%" PRId64, show_int(o, "used", 0));
	table_cellf(t, "%" PRId64, show_int(o, "total", 0));
}

static const struct things licences = {.path = LICENCES, .columns = columns, .row = row};
static const struct things_wish licence_rm = {&licences, "DELETE", NULL, NULL, false};

const struct cli_command command_licence_ls = {
    .name = "licence ls",
    .group = "licence",
    .usage = "",
    .summary = "List licences: how many are in use, and how many there are",
    .examples = "  berth licence ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &licences,
    .run = things_ls,
};

/* ---- licence rm ---- */

const struct cli_command command_licence_rm = {
    .name = "licence rm",
    .group = "licence",
    .usage = "NAME...",
    .summary = "Take licences away; what needs one waits until it is set again",
    .examples = "  berth licence rm matlab",
    .least = 1,
    .most = CLI_MANY,
    .about = &licence_rm,
    .run = things_each,
};
