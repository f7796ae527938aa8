/* SPDX-License-Identifier: Apache-2.0
 *
 * volume create|ls|inspect|rm|prune
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/create_parts.h"
#include "face/cli/docker_list.h"
#include "face/cli/prune.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"

#include <string.h>

#define VOLUMES CLIENT_DOCKER "/volumes"

/* ---- create ---- */

struct create_values {
	const char *driver, *name;
	char **options, **labels;
};
static const struct option_spec create_options[] = {
    {"driver", 'd', OPTION_TEXT, offsetof(struct create_values, driver), "NAME", "local"},
    {"name", 0, OPTION_TEXT, offsetof(struct create_values, name), "NAME", "its name, as the operand"},
    {"opt", 'o', OPTION_LIST, offsetof(struct create_values, options), "K=V",
     "type=, device=, o=: what mount(8) would be told"},
    {"label", 'l', OPTION_LIST, offsetof(struct create_values, labels), "K[=V]", "label"},
    {NULL},
};

static int create_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct create_values *v = values;
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	yyjson_doc *doc json_doc_cleanup = NULL;
	const char *name = operands[0] ? operands[0] : v->name;
	mem_cleanup char *body = NULL;
	int r;

	yyjson_mut_doc_set_root(d, root);
	if (name)
		yyjson_mut_obj_add_str(d, root, "Name", name);
	if (v->driver)
		yyjson_mut_obj_add_str(d, root, "Driver", v->driver);
	r = create_parts_pairs(d, root, "DriverOpts", "opt", v->options, err);
	if (r == 0)
		r = create_parts_pairs(d, root, "Labels", "label", v->labels, err);
	if (r < 0)
		return r;
	body = json_text(d, false, NULL);
	r = client_call(cli, "POST", VOLUMES "/create", body, &doc, err);
	if (r == 0)
		text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "Name", ""));
	return r;
}

const struct cli_command command_volume_create = {
    .name = "volume create",
    .group = "volume",
    .usage = "[NAME]",
    .summary = "Make a volume",
    .examples = "  berth volume create data\n  berth volume create -o type=tmpfs -o device=tmpfs -o o=size=64m cache",
    .options = create_options,
    .values_size = sizeof(struct create_values),
    .most = 1,
    .run = create_run,
};

/* ---- ls ---- */

static const struct table_column ls_columns[] = {
    {.title = "NAME", .least = 12}, {.title = "DRIVER"}, {.title = "CREATED"}, {.title = NULL}};

static void row(struct table *t, yyjson_val *volume)
{
	table_cell(t, show_str(volume, "Name", ""));
	table_cell(t, show_str(volume, "Driver", ""));
	table_cell(t, show_str(volume, "CreatedAt", ""));
}

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	static const struct docker_list list = {
	    .path = VOLUMES, .member = "Volumes", .name = "Name", .columns = ls_columns, .row = row};

	(void)operands;
	return docker_list_run(cli, &list, values, err);
}

const struct cli_command command_volume_ls = {
    .name = "volume ls",
    .group = "volume",
    .usage = "",
    .summary = "List volumes",
    .examples = "  berth volume ls\n  berth volume ls -q -f dangling=true",
    .options = docker_list_options,
    .values_size = sizeof(struct docker_list_choice),
    .run = ls_run,
};

/* ---- inspect, rm, prune ---- */

static const struct things volumes = {.path = VOLUMES};
static const struct things_wish volume_rm = {&volumes, "DELETE", NULL, NULL, true};

const struct cli_command command_volume_inspect = {
    .name = "volume inspect",
    .group = "volume",
    .usage = "NAME...",
    .summary = "Show all that is known of volumes",
    .examples = "  berth volume inspect data",
    .least = 1,
    .most = CLI_MANY,
    .about = &volumes,
    .run = things_inspect,
};

static const struct option_spec rm_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct things_force, force), NULL, "it is no failure when there is none"},
    {NULL},
};

const struct cli_command command_volume_rm = {
    .name = "volume rm",
    .group = "volume",
    .usage = "NAME...",
    .summary = "Remove volumes and what is in them",
    .examples = "  berth volume rm data",
    .options = rm_options,
    .values_size = sizeof(struct things_force),
    .least = 1,
    .most = CLI_MANY,
    .about = &volume_rm,
    .run = things_each,
};

static const struct option_spec volume_prune_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct prune_choice, all), NULL, "those with a name, too"},
    {"force", 'f', OPTION_FLAG, offsetof(struct prune_choice, force), NULL, "do not ask"},
    {"filter", 0, OPTION_LIST, offsetof(struct prune_choice, filters), "NAME=VALUE",
     "only those that fit: label=, label!="},
    {NULL},
};

static int volume_prune_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct prune_choice *v = values;
	int r = prune_ask(
	    v, v->all ? "all volumes that no container has" : "all volumes without a name that no container has", err);

	(void)operands;
	if (r == 0 && v->all)
		mem_strv_add(&v->filters, "all=true");
	return r < 0 ? r : prune_call(cli, &prune_volumes, v, err);
}

const struct cli_command command_volume_prune = {
    .name = "volume prune",
    .group = "volume",
    .usage = "",
    .summary = "Remove volumes that no container has",
    .examples = "  berth volume prune\n  berth volume prune -af",
    .options = volume_prune_options,
    .values_size = sizeof(struct prune_choice),
    .run = volume_prune_run,
};
