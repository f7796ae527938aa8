/* SPDX-License-Identifier: Apache-2.0
 *
 * create and update: containers as their options have them, without a start.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/container_create.h"
#include "face/cli/create_body.h"
#include "face/cli/interrupt.h"
#include "face/cli/show.h"
#include "face/cli/text.h"

static int create_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct run_options *o = values;
	mem_cleanup char *id = NULL;
	int r;

	/* Who starts it says whether he takes part. */
	o->detach = !o->interactive;
	r = container_create(cli, o, operands, &id, err);
	if (r == 0)
		text_line(stdout, "%s", id);
	return interrupt_status(r, err);
}

const struct cli_command command_create = {
    .name = "create",
    .usage = "IMAGE [COMMAND [ARG...]]",
    .summary = "Make a container without starting it",
    .detail = "The options are those of `berth run`. Its ID is printed.",
    .examples = "  berth create --name web -p 8080:80 busybox httpd -f\n  berth start web",
    .options = create_option_specs,
    .values_size = sizeof(struct run_options),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_IMAGE,
    .stop = true,
    .failed = CLI_RUN_FAILED,
    .misused = CLI_RUN_FAILED,
    .run = create_run,
};

static int update_one(struct cli *cli, const char *id, const char *body, struct err *err)
{
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, id, "/update");
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *warning;
	size_t i, n;
	int r = client_call(cli, "POST", target, body, &doc, err);

	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "Warnings"), i, n, warning) {
		text_error("warning: %s", yyjson_get_str(warning));
	}
	text_line(stdout, "%s", id);
	return 0;
}

static int update_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *body = NULL;
	int r = create_body_update(values, &body, err);

	for (char **id = operands; r == 0 && *id; id++)
		r = update_one(cli, *id, body, err);
	return r;
}

const struct cli_command command_update = {
    .name = "update",
    .usage = "CONTAINER...",
    .summary = "Change limits and the restart policy of containers",
    .examples = "  berth update --memory 512m --cpus 2 web\n  berth update --restart always web",
    .options = update_option_specs,
    .values_size = sizeof(struct run_options),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = update_run,
};
