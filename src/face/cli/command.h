/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what each command file gives to the table in cli.c, and what it gets.
 */
#pragma once

#include "face/cli/cli.h"
#include "face/cli/options.h"

#include <stddef.h>
#include <stdio.h>

struct endpoint;
struct err;
struct http_client;

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_RUN_FAILED = 125,
	CLI_INTERRUPTED = 130, /* 128 + SIGINT */
	CLI_NO_READER = 141,   /* 128 + SIGPIPE */
};

/* One run of the program. */
struct cli {
	const struct cli_hooks *hooks; /* may be NULL */
	const struct cli_command *command;
	const char *socket_option;  /* --socket, or NULL */
	const char *context_option; /* --context, or NULL */
	const char *node_option;    /* --node, or NULL */
	char *socket; /* of a daemon that this command starts or looks for: nothing else is looked at; or NULL */
	struct endpoint *endpoint; /* found on first use: client_dial() */
	struct http_client *http;  /* kept open between requests: client_http() */
};

/* What the words after the options are, for the completion. */
enum cli_operand { OPERAND_NONE, OPERAND_FILE, OPERAND_IMAGE, OPERAND_CONTAINER, OPERAND_JOB, OPERAND_ANY_ID };

#define CLI_MANY SIZE_MAX
struct cli_command {
	const char *name;		   /* one word, or two when it belongs to a group: "image ls" */
	const char *group;		   /* the first of the two, or NULL */
	const char *usage;		   /* what follows the name */
	const char *summary;		   /* one line */
	const char *detail;		   /* NULL or paragraphs, wrapped by hand */
	const char *examples;		   /* lines, each "command  # what it does" or so */
	const struct option_spec *options; /* NULL: none of its own */
	size_t values_size;		   /* of the struct that its options fill */
	const void *defaults;		   /* NULL: zeroes */
	size_t least, most;		   /* operands */
	enum cli_operand operand;
	bool stop;	     /* options end at the first operand */
	int failed, misused; /* exit statuses; 0: CLI_FAILED, CLI_USAGE */
	const void *about;   /* what `run` acts on, where commands share one (things.h) */
	/* Returns the exit status, or a negative errno with *err set: it is printed and the status is `failed`. */
	int (*run)(struct cli *cli, void *values, char **operands, struct err *err);
};

/* The table, in the order of the help; ended by NULL. */
extern const struct cli_command *const cli_commands[];
/* Other names of commands, as docker has them; ended by NULL. */
struct cli_alias {
	const char *first, *second; /* second NULL: one word */
	const struct cli_command *command;
};
extern const struct cli_alias cli_aliases[];
/* Options that every command takes: --socket, --help. */
extern const struct option_spec cli_common_options[];
struct cli_common {
	const char *socket, *context, *node;
	bool help;
};

extern const struct cli_command command_up, command_down, command_info, command_version;
extern const struct cli_command command_server, command_agent;
extern const struct cli_command command_node_ls, command_node_inspect, command_node_lock, command_node_drain,
    command_node_unlock, command_node_label, command_node_rm;
extern const struct cli_command command_quota_set, command_quota_ls, command_quota_rm;
extern const struct cli_command command_licence_set, command_licence_ls, command_licence_rm;
extern const struct cli_command command_sim;
extern const struct cli_command command_backup, command_restore, command_store_copy;
extern const struct cli_command command_schedule_ls, command_schedule_inspect, command_schedule_pause,
    command_schedule_resume, command_schedule_run, command_schedule_rm;
extern const struct cli_command command_calendar_ls, command_calendar_set, command_calendar_rm;
extern const struct cli_command command_token_create, command_token_ls, command_token_rm;
extern const struct cli_command command_image_import, command_image_ls, command_image_rm;
extern const struct cli_command command_image_tag, command_image_inspect, command_image_history, command_image_prune,
    command_image_convert;
extern const struct cli_command command_tag, command_system_df;
extern const struct cli_command command_pull, command_push, command_login, command_logout, command_search;
extern const struct cli_command command_save, command_load, command_image_save, command_image_load;
extern const struct cli_command command_run, command_submit, command_build;
extern const struct cli_command command_registry, command_registry_ls, command_registry_gc;
extern const struct cli_command command_jobs, command_job, command_why, command_cancel, command_resume, command_finish;
extern const struct cli_command command_ps, command_logs, command_wait, command_kill, command_stop, command_rm;
extern const struct cli_command command_exec, command_attach, command_create, command_update;
extern const struct cli_command command_start, command_restart, command_pause, command_unpause, command_rename;
extern const struct cli_command command_stats, command_top, command_diff, command_port, command_inspect, command_commit,
    command_export;
extern const struct cli_command command_container_prune, command_system_prune, command_system_dial;
extern const struct cli_command command_volume_create, command_volume_ls, command_volume_inspect, command_volume_rm,
    command_volume_prune;
extern const struct cli_command command_network_create, command_network_ls, command_network_inspect, command_network_rm,
    command_network_connect, command_network_disconnect, command_network_prune;
extern const struct cli_command command_events, command_completion, command_oci, command_compose;
extern const struct cli_command command_cp;
extern const struct cli_command command_context_ls, command_context_show, command_context_use, command_context_inspect;
extern const struct cli_command command_source_add, command_source_ls, command_source_inspect, command_source_pause,
    command_source_resume, command_source_rm;

/* help.c */
void help_options(const struct option_spec *specs, FILE *to); /* specs may be NULL */
void help_overview(FILE *to);
void help_command(const struct cli_command *c, FILE *to);
/* `berth help [TOPIC...]`: a command, a group of commands or a topic. Returns the exit status. */
int help_topic(char **words);
/* The commands of a group ("image"); false when there is no such group. */
bool help_group(const char *group, FILE *to);
