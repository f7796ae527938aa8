/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/compose_main.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/term.h"
#include "face/cli/text.h"
#include "face/compose/suggest.h"
#include "face/project/command.h"
#include "face/project/load.h"
#include "face/project/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct project_command *const commands[] = {
    &project_attach,  &project_build,	&project_commit, &project_config,  &project_cp,
    &project_convert, &project_create,	&project_down,	 &project_events,  &project_exec,
    &project_export,  &project_images,	&project_kill,	 &project_logs,	   &project_ls,
    &project_pause,   &project_port,	&project_ps,	 &project_pull,	   &project_push,
    &project_restart, &project_rm,	&project_run,	 &project_scale,   &project_start,
    &project_stats,   &project_stop,	&project_top,	 &project_unpause, &project_up,
    &project_version, &project_volumes, &project_wait,	 &project_watch,   NULL,
};

#define G(field) offsetof(struct globals, g.field)
struct globals {
	struct project_globals g;
	const char *socket, *context;
	bool help, version;
};
static const struct option_spec global_options[] = {
    {"file", 'f', OPTION_LIST, G(files), "FILE", "Compose file; may be repeated"},
    {"project-name", 'p', OPTION_TEXT, G(project), "NAME", "name of the project"},
    {"profile", 0, OPTION_LIST, G(profiles), "NAME", "a profile to make active; may be repeated"},
    {"env-file", 0, OPTION_LIST, G(env_files), "FILE", "file of variables instead of .env; may be repeated"},
    {"project-directory", 0, OPTION_TEXT, G(directory), "DIR", "what relative paths begin at"},
    {"all-resources", 0, OPTION_FLAG, G(all_resources), NULL, "networks and volumes that no service uses, too"},
    {"ansi", 0, OPTION_TEXT, G(ansi), "never|always|auto", "colours and repainting (auto: on a terminal)"},
    {"progress", 0, OPTION_TEXT, G(progress), "auto|tty|plain|quiet", "how to show what is done (tty: as auto)"},
    {"parallel", 0, OPTION_COUNT, G(parallel), "N", "accepted for Compose's sake"},
    {"compatibility", 0, OPTION_FLAG, G(compatibility), NULL, "accepted for Compose's sake"},
    {"socket", 0, OPTION_TEXT, offsetof(struct globals, socket), "PATH|URL",
     "where berth listens; unix://PATH or tcp://HOST:PORT, too (environment: BERTH_SOCKET, DOCKER_HOST)"},
    {"host", 'H', OPTION_TEXT, offsetof(struct globals, socket), "URL", "the same, as docker has it"},
    {"context", 0, OPTION_TEXT, offsetof(struct globals, context), "NAME",
     "of docker's client: where its daemon is (environment: DOCKER_CONTEXT)"},
    {"version", 'v', OPTION_FLAG, offsetof(struct globals, version), NULL, "print the version"},
    {"help", 'h', OPTION_FLAG, offsetof(struct globals, help), NULL, "show this help"},
    {NULL},
};

struct common {
	bool help;
};
static const struct option_spec common_options[] = {
    {"help", 0, OPTION_FLAG, offsetof(struct common, help), NULL, "show this help"},
    {NULL},
};

static void overview(FILE *to)
{
	fputs("Projects of several services, described by a Compose file.\n\n"
	      "Usage: berth compose [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n",
	      to);
	for (const struct project_command *const *c = commands; *c; c++)
		fprintf(to, "  %-10s %s\n", (*c)->name, (*c)->summary);
	fputs("\nOptions:\n", to);
	help_options(global_options, to);
	fputs("\n`berth compose COMMAND --help` tells more about a command.\n", to);
}

static void help_one(const struct project_command *c, FILE *to)
{
	fprintf(to, "%s\n\nUsage: berth compose %s%s%s%s\n\nOptions:\n", c->summary, c->name,
		c->options ? " [OPTIONS]" : "", *c->usage ? " " : "", c->usage);
	help_options(c->options, to);
	help_options(common_options, to);
}

static const struct project_command *find(const char *word)
{
	struct suggest near = {.wrong = word};
	char text[SUGGEST_TEXT_MAX];

	for (const struct project_command *const *c = commands; *c; c++) {
		if (!strcmp((*c)->name, word))
			return *c;
		suggest_try(&near, (*c)->name);
	}
	text_error("compose: unknown command \"%s\"%s", word, suggest_text(&near, text));
	fputs("See: berth compose --help\n", stderr);
	return NULL;
}

static int misused(const struct project_command *c, const char *text)
{
	text_error("compose %s: %s", c->name, text);
	fprintf(stderr, "See: berth compose %s --help\n", c->name);
	return CLI_USAGE;
}

struct word {
	const char *word;
	int means;
};
static const struct word ansi_words[] = {
    {"auto", TERM_AUTO}, {"never", TERM_NEVER}, {"always", TERM_ALWAYS}, {NULL, 0}};
static const struct word progress_words[] = {
    {"auto", VIEW_AUTO}, {"tty", VIEW_AUTO}, {"plain", VIEW_PLAIN}, {"quiet", VIEW_QUIET}, {NULL, 0}};

/* What was said, by an option or else by the variable of the environment, as Compose has it; without either the first word. */
static int read_word(const struct word *words, const char *option, const char *said, const char *variable, int *ret,
		     struct err *err)
{
	const char *env = getenv(variable), *text = said ? said : env && *env ? env : words->word;
	struct buf all buf_cleanup = BUF_INIT;

	for (const struct word *w = words; w->word; w++) {
		buf_printf(&all, "%s%s", w == words ? "" : ", ", w->word);
		*ret = w->means;
		if (!strcmp(w->word, text))
			return 0;
	}
	return err_set(err, EINVAL, "%s: \"%s\" is none of %s", said ? option : variable, text, buf_str(&all));
}

static int with_project(const struct project_command *c, const struct globals *g, void *values, char **operands,
			struct err *err)
{
	struct cli cli = {.socket_option = g->socket, .context_option = g->context};
	struct project p = {.cli = &cli, .globals = &g->g, .timeout = -1};
	int ansi = 0, progress = 0, r = read_word(ansi_words, "--ansi", g->g.ansi, "COMPOSE_ANSI", &ansi, err);

	if (r == 0)
		r = read_word(progress_words, "--progress", g->g.progress, "COMPOSE_PROGRESS", &progress, err);
	if (r < 0)
		return r;
	term_set_ansi((enum term_ansi)ansi);
	p.view = view_new((enum view_how)progress);
	p.dial = client_dial(&cli, err);
	r = p.dial ? loop_new(&p.loop, err) : -EINVAL;
	if (r == 0)
		r = load_project(&p, &g->g, c, operands, err);
	if (r == 0)
		r = c->run(&p, values, operands, err);
	view_settle(p.view);
	load_free(&p);
	loop_free(p.loop);
	view_free(p.view);
	client_end(&cli);
	return r;
}

static int run(const struct project_command *c, const struct globals *g, char **words)
{
	mem_cleanup void *values = mem_zalloc(1, c->values_size + 1);
	struct common common = {.help = false};
	const struct option_set sets[] = {{.specs = c->options, .values = values},
					  {.specs = common_options, .values = &common}};
	mem_cleanup char **operands = NULL;
	struct err err = ERR_INIT;
	int status;

	if (c->defaults)
		memcpy(values, c->defaults, c->values_size);
	if (options_parse(sets, 2, words, c->stop, &operands, &err) < 0) {
		status = misused(c, err.text);
	} else if (common.help) {
		help_one(c, stdout);
		status = CLI_OK;
	} else if (mem_strv_len(operands) < c->least || mem_strv_len(operands) > c->most) {
		err_set(&err, EINVAL, "it looks like: berth compose %s %s", c->name, c->usage);
		status = misused(c, err.text);
	} else {
		status = with_project(c, g, values, operands, &err);
		if (status < 0) {
			if (*err.text)
				text_error("%s", err.text);
			status = CLI_FAILED;
		}
	}
	options_free(&sets[0]);
	return status;
}

static int dispatch(const struct globals *g, char **words)
{
	const struct project_command *c;

	if (g->version)
		return run(&project_version, g, words);
	if (g->help || !words[0] || !strcmp(words[0], "help")) {
		overview(g->help || words[0] ? stdout : stderr);
		return g->help || words[0] ? CLI_OK : CLI_USAGE;
	}
	c = find(words[0]);
	return c ? run(c, g, words + 1) : CLI_USAGE;
}

int compose_main(int argc, char **argv, const char *socket, const char *context)
{
	struct globals g = {.socket = socket, .context = context};
	const struct option_set set = {.specs = global_options, .values = &g};
	mem_cleanup char **words = NULL;
	struct err err = ERR_INIT;
	int status;

	if (argc < 1)
		return CLI_USAGE;
	if (options_parse(&set, 1, argv + 1, true, &words, &err) < 0) {
		text_error("compose: %s", err.text);
		fputs("See: berth compose --help\n", stderr);
		status = CLI_USAGE;
	} else {
		status = dispatch(&g, words);
	}
	options_free(&set);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		text_error("cannot write the output: %s", strerror(errno));
		status = status ? status : CLI_FAILED;
	}
	return status;
}
