/* SPDX-License-Identifier: Apache-2.0
 *
 * The first word picks a command from the table, its options are parsed into its own struct, and its function runs.
 * Nothing is set up that the command does not ask for: `berth version` ends before the table is even looked at.
 */
#include "face/cli/cli.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/text.h"
#include "face/compose/suggest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_command *const cli_commands[] = {
    &command_up,
    &command_server,
    &command_agent,
    &command_down,
    &command_info,
    &command_run,
    &command_create,
    &command_start,
    &command_exec,
    &command_attach,
    &command_ps,
    &command_logs,
    &command_wait,
    &command_kill,
    &command_stop,
    &command_restart,
    &command_rm,
    &command_container_prune,
    &command_pause,
    &command_unpause,
    &command_rename,
    &command_update,
    &command_inspect,
    &command_top,
    &command_stats,
    &command_port,
    &command_diff,
    &command_cp,
    &command_commit,
    &command_export,
    &command_submit,
    &command_build,
    &command_jobs,
    &command_job,
    &command_why,
    &command_cancel,
    &command_resume,
    &command_finish,
    &command_events,
    &command_pull,
    &command_push,
    &command_login,
    &command_logout,
    &command_search,
    &command_image_import,
    &command_image_ls,
    &command_image_rm,
    &command_image_tag,
    &command_image_inspect,
    &command_image_history,
    &command_image_convert,
    &command_image_prune,
    &command_volume_create,
    &command_volume_ls,
    &command_volume_inspect,
    &command_volume_rm,
    &command_volume_prune,
    &command_network_create,
    &command_network_ls,
    &command_network_inspect,
    &command_network_rm,
    &command_network_connect,
    &command_network_disconnect,
    &command_network_prune,
    &command_node_ls,
    &command_node_inspect,
    &command_node_lock,
    &command_node_unlock,
    &command_node_drain,
    &command_node_label,
    &command_node_rm,
    &command_source_add,
    &command_source_ls,
    &command_source_inspect,
    &command_source_pause,
    &command_source_resume,
    &command_source_rm,
    &command_token_create,
    &command_token_ls,
    &command_token_rm,
    &command_sim,
    &command_backup,
    &command_restore,
    &command_store_copy,
    &command_schedule_ls,
    &command_schedule_inspect,
    &command_schedule_pause,
    &command_schedule_resume,
    &command_schedule_run,
    &command_schedule_rm,
    &command_calendar_set,
    &command_calendar_ls,
    &command_calendar_rm,
    &command_quota_set,
    &command_quota_ls,
    &command_quota_rm,
    &command_licence_set,
    &command_licence_ls,
    &command_licence_rm,
    &command_system_df,
    &command_system_prune,
    &command_system_dial,
    &command_tag,
    &command_image_save,
    &command_image_load,
    &command_save,
    &command_load,
    &command_registry_ls,
    &command_registry_gc,
    &command_registry,
    &command_version,
    &command_context_ls,
    &command_context_show,
    &command_context_use,
    &command_context_inspect,
    &command_completion,
    &command_oci,
    &command_compose,
    NULL,
};

const struct option_spec cli_common_options[] = {
    {"socket", 0, OPTION_TEXT, offsetof(struct cli_common, socket), "PATH|URL",
     "where berth listens; unix://PATH or tcp://HOST:PORT, too (environment: BERTH_SOCKET, DOCKER_HOST)"},
    {"host", 'H', OPTION_TEXT, offsetof(struct cli_common, socket), "URL", "the same, as docker has it"},
    {"context", 0, OPTION_TEXT, offsetof(struct cli_common, context), "NAME",
     "of docker's client: where its daemon is (environment: DOCKER_CONTEXT; see: berth context ls)"},
    {"node", 0, OPTION_TEXT, offsetof(struct cli_common, node), "NODE",
     "ask that node of the cluster, through its server (environment: BERTH_NODE)"},
    {"help", 'h', OPTION_FLAG, offsetof(struct cli_common, help), NULL, "show this help"},
    {NULL},
};

static int print_version(void)
{
	static const char text[] = "berth " BERTH_VERSION "\n";

	int r = fd_write_all(STDOUT_FILENO, text, sizeof text - 1);

	if (r < 0)
		text_error("cannot write the output: %s", strerror(-r));
	return r < 0 ? CLI_FAILED : CLI_OK;
}

static bool is_version(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0);
}

/* The word that tells a command apart within its group. */
static const char *own_word(const struct cli_command *c)
{
	return c->group ? c->name + strlen(c->group) + 1 : c->name;
}

static const struct cli_command *find_alias(char **argv, size_t *ret_words)
{
	for (const struct cli_alias *a = cli_aliases; a->first; a++) {
		if (strcmp(argv[0], a->first) != 0 || (a->second && !(argv[1] && strcmp(argv[1], a->second) == 0)))
			continue;
		*ret_words = a->second ? 2 : 1;
		return a->command;
	}
	return NULL;
}

/* The command whose words begin argv; *ret_words = how many of argv they are. */
static const struct cli_command *find(char **argv, size_t *ret_words)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		const char *group = (*c)->group;

		if (strcmp(argv[0], group ? group : (*c)->name) != 0)
			continue;
		if (group && !(argv[1] && strcmp(argv[1], own_word(*c)) == 0))
			continue;
		*ret_words = group ? 2 : 1;
		return *c;
	}
	return find_alias(argv, ret_words);
}

static bool is_group(const char *word)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if ((*c)->group && strcmp((*c)->group, word) == 0)
			return true;
	}
	return false;
}

/* `berth image`, `berth image --help` or `berth image lst`. */
static int incomplete_group(char **argv)
{
	struct suggest near = {.wrong = argv[1] ? argv[1] : ""};

	if (argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_group(argv[0], stdout);
		return CLI_OK;
	}
	if (argv[1]) {
		for (const struct cli_command *const *c = cli_commands; *c; c++) {
			if ((*c)->group && strcmp((*c)->group, argv[0]) == 0)
				suggest_try(&near, own_word(*c));
		}
		if (near.best)
			text_error("unknown command \"%s %s\"; did you mean \"%s %s\"?", argv[0], argv[1], argv[0],
				   near.best);
		else
			text_error("unknown command \"%s %s\"", argv[0], argv[1]);
	} else {
		text_error("%s: say what to do", argv[0]);
	}
	help_group(argv[0], stderr);
	return CLI_USAGE;
}

static int unknown_command(char **argv)
{
	struct suggest near = {.wrong = argv[0]};
	char text[SUGGEST_TEXT_MAX];

	if (is_group(argv[0]))
		return incomplete_group(argv);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		suggest_try(&near, (*c)->group ? (*c)->group : (*c)->name);
	suggest_try(&near, "help");
	text_error("unknown command \"%s\"%s", argv[0], suggest_text(&near, text));
	fputs("See: berth help\n", stderr);
	return CLI_USAGE;
}

static int misused(const struct cli_command *c, const char *text)
{
	text_error("%s: %s", c->name, text);
	fprintf(stderr, "See: berth %s --help\n", c->name);
	return c->misused ? c->misused : CLI_USAGE;
}

static int check_operands(const struct cli_command *c, char **operands, struct err *err)
{
	size_t n = mem_strv_len(operands);

	if (n < c->least)
		return err_set(err, EINVAL, "%s is missing: berth %s %s", n ? "an argument" : "what to act on", c->name,
			       c->usage);
	if (n > c->most)
		return err_set(err, EINVAL, "\"%s\" is one argument too many: berth %s %s", operands[c->most], c->name,
			       c->usage);
	return 0;
}

static int run_parsed(struct cli *cli, void *values, char **operands)
{
	const struct cli_command *c = cli->command;
	struct err err = ERR_INIT;
	int status = c->run(cli, values, operands, &err);

	if (status >= 0)
		return status;
	text_error("%s", err.text);
	return c->failed ? c->failed : CLI_FAILED;
}

static int run_command(struct cli *cli, struct cli_common *common, char **words)
{
	const struct cli_command *c = cli->command;
	mem_cleanup void *values = mem_zalloc(1, c->values_size);
	const struct option_set own = {.specs = c->options, .values = values};
	const struct option_set sets[] = {own, {.specs = cli_common_options, .values = common}};
	mem_cleanup char **operands = NULL;
	struct err err = ERR_INIT;
	int status;

	if (c->defaults)
		memcpy(values, c->defaults, c->values_size);
	if (options_parse(sets, 2, words, c->stop, &operands, &err) < 0) {
		status = misused(c, err.text);
	} else if (common->help) {
		help_command(c, stdout);
		status = CLI_OK;
	} else if (check_operands(c, operands, &err) < 0) {
		status = misused(c, err.text);
	} else {
		cli->socket_option = common->socket;
		cli->context_option = common->context;
		cli->node_option = common->node;
		status = run_parsed(cli, values, operands);
	}
	options_free(&own);
	return status;
}

/* What stands before the command: berth --socket PATH COMMAND ... */
static int dispatch(struct cli *cli, char **argv)
{
	struct cli_common common = {.socket = NULL};
	const struct option_set set = {.specs = cli_common_options, .values = &common};
	mem_cleanup char **words = NULL;
	struct err err = ERR_INIT;
	size_t n;

	if (options_parse(&set, 1, argv, true, &words, &err) < 0) {
		text_error("%s", err.text);
		fputs("See: berth help\n", stderr);
		return CLI_USAGE;
	}
	if (common.help || !words[0]) {
		help_overview(common.help ? stdout : stderr);
		return common.help ? CLI_OK : CLI_USAGE;
	}
	if (strcmp(words[0], "help") == 0)
		return help_topic(words + 1);
	if (strcmp(words[0], "compose") == 0 && cli->hooks && cli->hooks->compose)
		return cli->hooks->compose((int)mem_strv_len(words), words, common.socket, common.context);
	cli->command = find(words, &n);
	if (!cli->command)
		return unknown_command(words);
	return run_command(cli, &common, words + n);
}

/* What could not be written is an error, even when all else went well: a full disk must not look like success. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	text_error("cannot write the output: %s", strerror(errno));
	return status ? status : CLI_FAILED;
}

int cli_main(int argc, char **argv, const struct cli_hooks *hooks)
{
	struct cli cli = {.hooks = hooks};
	int status;

	if (is_version(argc, argv))
		return print_version();
	if (argc < 1)
		return CLI_USAGE;
	status = flushed(dispatch(&cli, argv + 1));
	client_end(&cli);
	return status;
}
