/* SPDX-License-Identifier: Apache-2.0
 *
 * context ls|show|use|inspect: the contexts of docker's client; `docker context create` makes them.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/docker_context.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "node/registry/docker_config.h"

#include <stdlib.h>
#include <string.h>

/* What the default one means, so far as other settings do not say it. */
static char *default_host(void)
{
	const char *said = getenv("BERTH_SOCKET");
	mem_cleanup char *socket = NULL;

	if (!said || !*said)
		said = getenv("DOCKER_HOST");
	if (said && strstr(said, "://"))
		return mem_strdup(said);
	socket = said && *said ? mem_strdup(said) : client_default_socket();
	return mem_printf("unix://%s", socket);
}

/* The one that --context or the settings name; "default" when none does. */
static int in_use(const struct cli *cli, char **ret, struct err *err)
{
	int r = 0;

	if (cli->context_option)
		*ret = mem_strdup(cli->context_option);
	else
		r = docker_context_current(ret, err);
	if (r == 0 && !*ret)
		*ret = mem_strdup(DOCKER_CONTEXT_DEFAULT);
	return r;
}

/* ---- ls ---- */

struct ls_values {
	bool quiet;
};
static const struct option_spec ls_options[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_values, quiet), NULL, "names alone"}, {NULL}};

static const struct table_column ls_columns[] = {
    {.title = "NAME", .least = 12}, {.title = "DESCRIPTION", .least = 12}, {.title = "HOST"}, {.title = NULL}};

static void row(struct table *t, const char *name, const char *current, const char *description, const char *host)
{
	table_cellf(t, "%s%s", name, !strcmp(name, current) ? " *" : "");
	table_cell(t, description);
	table_cell(t, host);
}

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct ls_values *v = values;
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct table *t cleanup_with(table_freep) = table_new(ls_columns);
	mem_cleanup char *current = NULL;
	mem_cleanup char *host = default_host();
	int r = docker_context_list(&names, err);

	(void)operands;
	if (r == 0)
		r = in_use(cli, &current, err);
	if (r < 0)
		return r;
	if (v->quiet)
		text_line(stdout, "%s", DOCKER_CONTEXT_DEFAULT);
	if (!current)
		return err_set(err, EINVAL, "no context is in use");
	row(t, DOCKER_CONTEXT_DEFAULT, current, "what there is without contexts", host);
	for (char **n = names; n && *n; n++) {
		cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;

		if (v->quiet)
			text_line(stdout, "%s", *n);
		else if (docker_context_read(*n, &c, NULL) == 0)
			row(t, *n, current, c.description, c.host);
	}
	if (!v->quiet)
		table_print(t);
	return 0;
}

const struct cli_command command_context_ls = {
    .name = "context ls",
    .group = "context",
    .usage = "",
    .summary = "List the contexts of docker's client",
    .detail = "Each says where a daemon is; `docker context create` makes them. A * is at the one in use.",
    .examples = "  berth context ls\n  berth --context rack ps",
    .options = ls_options,
    .values_size = sizeof(struct ls_values),
    .run = ls_run,
};

/* ---- show, use ---- */

static int show_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *current = NULL;
	int r = in_use(cli, &current, err);

	(void)values;
	(void)operands;
	if (r == 0)
		text_line(stdout, "%s", current);
	return r;
}

const struct cli_command command_context_show = {
    .name = "context show",
    .group = "context",
    .usage = "",
    .summary = "Print the name of the context in use",
    .examples = "  berth context show",
    .run = show_run,
};

/* What counts before it is told, so that nobody wonders. */
static void warn_hidden(void)
{
	static const char *const names[] = {"BERTH_SOCKET", "DOCKER_HOST", "DOCKER_CONTEXT"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value) {
			text_line(stderr, "berth: %s is set and counts before it", names[i]);
			return;
		}
	}
}

static int use_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;
	bool none = !strcmp(operands[0], DOCKER_CONTEXT_DEFAULT);
	int r = none ? 0 : docker_context_read(operands[0], &c, err);

	(void)cli;
	(void)values;
	if (r == 0)
		r = docker_config_set("currentContext", none ? NULL : operands[0], err);
	if (r < 0)
		return r;
	text_line(stdout, "%s", operands[0]);
	warn_hidden();
	return 0;
}

const struct cli_command command_context_use = {
    .name = "context use",
    .group = "context",
    .usage = "NAME",
    .summary = "Make a context the one in use, for docker's client, too",
    .examples = "  berth context use rack\n  berth context use default",
    .least = 1,
    .most = 1,
    .run = use_run,
};

/* ---- inspect ---- */

static void add_tls(yyjson_mut_doc *d, yyjson_mut_val *o, const struct docker_context *c)
{
	const struct {
		const char *name, *path;
	} files[] = {{"ca.pem", c->ca}, {"cert.pem", c->cert}, {"key.pem", c->key}};
	yyjson_mut_val *tls = yyjson_mut_obj_add_obj(d, o, "TLSMaterial"), *list = NULL;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (!files[i].path)
			continue;
		if (!list)
			list = yyjson_mut_obj_add_arr(d, tls, "docker");
		yyjson_mut_arr_add_str(d, list, files[i].name);
	}
}

static void describe(yyjson_mut_doc *d, const struct docker_context *c)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, yyjson_mut_doc_get_root(d)), *meta, *docker;

	yyjson_mut_obj_add_strcpy(d, o, "Name", c->name);
	meta = yyjson_mut_obj_add_obj(d, o, "Metadata");
	if (c->description && *c->description)
		yyjson_mut_obj_add_strcpy(d, meta, "Description", c->description);
	docker = yyjson_mut_obj_add_obj(d, yyjson_mut_obj_add_obj(d, o, "Endpoints"), "docker");
	yyjson_mut_obj_add_strcpy(d, docker, "Host", c->host);
	yyjson_mut_obj_add_bool(d, docker, "SkipTLSVerify", c->unverified);
	add_tls(d, o, c);
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_obj_add_obj(d, o, "Storage"), "MetadataPath",
				  c->folder ? c->folder : "");
}

static int inspect_one(yyjson_mut_doc *d, const char *name, struct err *err)
{
	cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;
	int r = 0;

	if (strcmp(name, DOCKER_CONTEXT_DEFAULT) == 0)
		c = (struct docker_context){.name = mem_strdup(name), .host = default_host()};
	else
		r = docker_context_read(name, &c, err);
	if (r == 0)
		describe(d, &c);
	return r;
}

static int inspect_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	mem_cleanup char *current = NULL;
	mem_cleanup char *text = NULL;
	int r = *operands ? 0 : in_use(cli, &current, err);

	(void)values;
	yyjson_mut_doc_set_root(d, yyjson_mut_arr(d));
	if (current)
		r = inspect_one(d, current, err);
	for (; r == 0 && *operands; operands++)
		r = inspect_one(d, *operands, err);
	if (r < 0)
		return r;
	text = json_text(d, true, NULL);
	fputs(text, stdout);
	fputc('\n', stdout);
	return 0;
}

const struct cli_command command_context_inspect = {
    .name = "context inspect",
    .group = "context",
    .usage = "[NAME...]",
    .summary = "Show all that is known of contexts",
    .examples = "  berth context inspect rack",
    .most = CLI_MANY,
    .run = inspect_run,
};
