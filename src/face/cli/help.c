/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "face/cli/text.h"
#include "face/compose/suggest.h"

#include <string.h>

static const struct {
	const char *name, *summary, *text;
} topics[] = {
    {"exit-codes", "what the exit status of berth means",
     "0    done; `berth submit --wait` and `berth wait JOB`: the job finished\n"
     "1    failed, or berth is not running; a job that failed without an exit code of its own\n"
     "2    wrong usage: unknown command or option, missing argument\n"
     "125  berth run, exec, create, attach: berth itself failed, or was used wrongly\n"
     "126  berth run, exec: the command was found but cannot be executed\n"
     "127  berth run, exec: the command was not found\n"
     "128+N  berth run: the program was ended by signal N (137: killed)\n"
     "130  interrupted by Ctrl-C; what was started goes on\n"
     "141  berth run: nobody reads the output any more\n\n"
     "Otherwise `berth run` exits with the exit code of the container, `berth submit --wait` and `berth wait JOB` "
     "with\n"
     "that of the job. `berth wait CONTAINER` prints the container's code and exits with 0.\n"},
    {"environment", "environment variables that berth reads",
     "BERTH_SOCKET     where berth listens, when --socket is not given\n"
     "BERTH_DATA       directory of the state, for commands that work with images when --data is not given\n"
     "DOCKER_CONFIG    directory of the config.json with the logins for registries (default: ~/.docker)\n"
     "https_proxy, http_proxy, ALL_PROXY, NO_PROXY  for pull, push, login and search\n"
     "XDG_RUNTIME_DIR  ordinary users: the socket is berth.sock in it; without it, in the directory of the state\n"
     "XDG_DATA_HOME    ordinary users: the default of --data is berth in it; without it, ~/.local/share/berth\n"
     "NO_COLOR         no colours when it is set to anything\n"
     "COMPOSE_PROFILES, COMPOSE_PROJECT_NAME  as in Compose, for berth submit\n"},
};
#define N_TOPICS (sizeof topics / sizeof topics[0])

static void list_commands(const char *group, FILE *to)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if (group && !((*c)->group && strcmp((*c)->group, group) == 0))
			continue;
		fprintf(to, "  %-14s %s\n", (*c)->name, (*c)->summary);
	}
}

void help_options(const struct option_spec *specs, FILE *to)
{
	char left[64];

	for (const struct option_spec *s = specs; s && s->name; s++) {
		if (s->letter)
			snprintf(left, sizeof left, "-%c, --%s%s%s", s->letter, s->name, s->arg ? " " : "",
				 s->arg ? s->arg : "");
		else
			snprintf(left, sizeof left, "    --%s%s%s", s->name, s->arg ? " " : "", s->arg ? s->arg : "");
		fprintf(to, strlen(left) > 26 ? "  %s\n%30s%s\n" : "  %-26s%.0s  %s\n", left, "", s->help);
	}
}

void help_overview(FILE *to)
{
	fputs("berth runs containers, jobs and workflows.\n\n"
	      "Usage: berth [--socket PATH] COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n",
	      to);
	list_commands(NULL, to);
	fputs("\nTopics:\n", to);
	for (size_t i = 0; i < N_TOPICS; i++)
		fprintf(to, "  help %-12s %s\n", topics[i].name, topics[i].summary);
	fputs("\nOptions of all commands:\n", to);
	help_options(cli_common_options, to);
	fputs("\n`berth COMMAND --help` tells more about a command.\n", to);
}

static bool letter_taken(const struct cli_command *c, char letter)
{
	for (const struct option_spec *s = c->options; s && s->name; s++) {
		if (s->letter == letter)
			return true;
	}
	return false;
}

void help_command(const struct cli_command *c, FILE *to)
{
	fprintf(to, "%s\n\nUsage: berth %s%s%s%s\n", c->summary, c->name, c->options ? " [OPTIONS]" : "",
		*c->usage ? " " : "", c->usage);
	if (c->detail)
		fprintf(to, "\n%s\n", c->detail);
	fputs("\nOptions:\n", to);
	help_options(c->options, to);
	for (const struct option_spec *s = cli_common_options; s->name; s++) {
		struct option_spec one[2] = {*s, {NULL}};

		if (letter_taken(c, s->letter))
			one[0].letter = 0;
		help_options(one, to);
	}
	if (c->examples)
		fprintf(to, "\nExamples:\n%s\n", c->examples);
}

bool help_group(const char *group, FILE *to)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if (!((*c)->group && strcmp((*c)->group, group) == 0))
			continue;
		fprintf(to, "Usage: berth %s COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n", group);
		list_commands(group, to);
		fprintf(to, "\n`berth COMMAND --help` tells more about a command.\n");
		return true;
	}
	return false;
}

static bool print_topic(const char *word)
{
	for (size_t i = 0; i < N_TOPICS; i++) {
		if (strcmp(topics[i].name, word) != 0)
			continue;
		fprintf(stdout, "%s\n", topics[i].text);
		return true;
	}
	return false;
}

static bool print_alias(const char *first, const char *second)
{
	for (const struct cli_alias *a = cli_aliases; a->first; a++) {
		if (strcmp(a->first, first) != 0 || (a->second && !(second && strcmp(a->second, second) == 0)))
			continue;
		help_command(a->command, stdout);
		return true;
	}
	return false;
}

static bool print_command(const char *first, const char *second)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		size_t n = strlen(first);

		if (strcmp((*c)->name, first) != 0 &&
		    !(second && strncmp((*c)->name, first, n) == 0 && (*c)->name[n] == ' ' &&
		      strcmp((*c)->name + n + 1, second) == 0))
			continue;
		help_command(*c, stdout);
		return true;
	}
	return print_alias(first, second);
}

int help_topic(char **words)
{
	struct suggest near = {.wrong = words[0] ? words[0] : ""};
	char text[SUGGEST_TEXT_MAX];

	if (!words[0]) {
		help_overview(stdout);
		return CLI_OK;
	}
	if (print_topic(words[0]) || print_command(words[0], words[1]) || help_group(words[0], stdout))
		return CLI_OK;
	for (size_t i = 0; i < N_TOPICS; i++)
		suggest_try(&near, topics[i].name);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		suggest_try(&near, (*c)->name);
	text_error("no help about \"%s\"%s", words[0], suggest_text(&near, text));
	return CLI_USAGE;
}
