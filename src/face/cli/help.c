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
     "BERTH_SOCKET     where berth listens, when --socket is not given; then DOCKER_HOST, DOCKER_CONTEXT and\n"
     "                 the context in use count (docs/COMMANDS.md)\n"
     "BERTH_TOKEN_FILE file of the token for a daemon on TCP\n"
     "BERTH_DATA       directory of the state, for commands that work with images when --data is not given\n"
     "DOCKER_CONFIG    directory of the config.json with the logins for registries (default: ~/.docker)\n"
     "https_proxy, http_proxy, ALL_PROXY, NO_PROXY  for pull, push, login and search\n"
     "XDG_RUNTIME_DIR  ordinary users: the socket is berth.sock in it; without it, in the directory of the state\n"
     "XDG_DATA_HOME    ordinary users: the default of --data is berth in it; without it, ~/.local/share/berth\n"
     "NO_COLOR         no colours when it is set to anything\n"
     "COMPOSE_PROFILES, COMPOSE_PROJECT_NAME  as in Compose, for berth submit\n"},
};
#define N_TOPICS (sizeof topics / sizeof topics[0])

/* The first words of all commands, in the order in which people meet them. What is missing here is shown at the end. */
static const struct {
	const char *title, *words[26];
} sections[] = {
    {"Containers", {"run",   "create",	"start", "exec",  "attach",  "ps",     "logs",	   "wait",    "kill",
		    "stop",  "restart", "rm",	 "pause", "unpause", "rename", "update",   "inspect", "top",
		    "stats", "port",	"diff",	 "cp",	  "commit",  "export", "container"}},
    {"Jobs", {"submit", "jobs", "job", "why", "cancel", "resume", "finish", "events", "schedule", "calendar", "sim"}},
    {"Projects", {"compose"}},
    {"Images", {"build", "pull", "push", "tag", "save", "load", "image", "login", "logout", "search", "registry"}},
    {"Networks and files", {"network", "volume", "system"}},
    {"Berth itself", {"up", "down", "info", "context", "version", "completion", "oci"}},
    {"Clusters", {"server", "agent", "token", "node", "source", "quota", "licence", "backup", "restore", "store"}},
};
#define N_SECTIONS (sizeof sections / sizeof sections[0])

static const struct {
	const char *name, *summary;
} groups[] = {
    {"calendar", "Name sets of days for schedules"},
    {"container", "Remove containers that do not run"},
    {"image", "List, import, tag, convert and remove images"},
    {"licence", "Count the licences that jobs need"},
    {"context", "Where the daemon is: contexts of docker's client"},
    {"network", "Make, connect and remove networks"},
    {"node", "Show, lock, drain and label the nodes of the cluster"},
    {"quota", "Limit what users and projects may have"},
    {"schedule", "Show, pause and run the jobs that come again"},
    {"source", "Say where nodes come from, and when"},
    {"store", "Copy the state of the cluster into another store"},
    {"system", "Show and free the space that is used"},
    {"token", "Make tokens that let machines join the cluster"},
    {"volume", "Make, list and remove volumes"},
};

static bool starts_with(const struct cli_command *c, const char *word)
{
	size_t n = strlen(word);

	return strncmp(c->name, word, n) == 0 && (c->name[n] == '\0' || c->name[n] == ' ');
}

static bool is_in_section(const struct cli_command *c)
{
	for (size_t i = 0; i < N_SECTIONS; i++)
		for (const char *const *w = sections[i].words; *w; w++)
			if (starts_with(c, *w))
				return true;
	return false;
}

static void list_word(const char *word, FILE *to)
{
	const char *summary = NULL;

	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		summary = strcmp(groups[i].name, word) == 0 ? groups[i].summary : summary;
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		summary = strcmp((*c)->name, word) == 0 ? (*c)->summary : summary;
	if (summary)
		fprintf(to, "  %-12s %s\n", word, summary);
}

static void list_sections(FILE *to)
{
	const char *title = "\nOthers:\n";

	for (size_t i = 0; i < N_SECTIONS; i++) {
		fprintf(to, "\n%s:\n", sections[i].title);
		for (const char *const *w = sections[i].words; *w; w++)
			list_word(*w, to);
	}
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if (is_in_section(*c))
			continue;
		fprintf(to, "%s  %-12s %s\n", title, (*c)->name, (*c)->summary);
		title = "";
	}
}

static void list_commands(const char *group, FILE *to)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if (!((*c)->group && strcmp((*c)->group, group) == 0))
			continue;
		fprintf(to, "  %-18s %s\n", (*c)->name, (*c)->summary);
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
	      "Usage: berth [--socket PATH] COMMAND [OPTIONS] [ARGUMENTS]\n",
	      to);
	list_sections(to);
	fputs("\nTopics:\n", to);
	for (size_t i = 0; i < N_TOPICS; i++)
		fprintf(to, "  help %-13s %s\n", topics[i].name, topics[i].summary);
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
