/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what each file of commands gives to the table of `berth compose`, and what it gets.
 */
#pragma once

#include "face/cli/command.h"
#include "face/project/project.h"

/* How much of the project a command needs. */
enum project_need {
	PROJECT_FILE, /* its Compose file */
	PROJECT_NAME, /* its name; the file when there is one */
	PROJECT_NONE,
};

struct project_command {
	const char *name, *usage, *summary;
	const struct option_spec *options; /* NULL: none */
	size_t values_size;
	const void *defaults;
	size_t least, most; /* operands */
	bool stop;	    /* options end at the first operand */
	enum project_need need;
	bool all_profiles; /* services of all profiles are known */
	/* The exit status, or a negative errno with *err set. */
	int (*run)(struct project *p, void *values, char **operands, struct err *err);
};

extern const struct project_command project_up, project_down, project_create, project_start, project_stop,
    project_restart, project_kill, project_rm, project_pause, project_unpause, project_ps, project_logs, project_exec,
    project_run, project_build, project_pull, project_push, project_top, project_events, project_images, project_port,
    project_ls, project_wait, project_version, project_scale, project_config, project_convert, project_cp,
    project_attach, project_stats, project_commit, project_export, project_volumes, project_watch;

/* Options before the command. */
struct project_globals {
	char **files, **env_files, **profiles;
	const char *project, *directory, *ansi, *progress;
	uint64_t parallel;
	bool all_resources, dry_run, compatibility;
};

/* -t of many commands, which is one of seconds: -1 when it was not said. */
int project_timeout(const char *text, int64_t *ret, struct err *err);
