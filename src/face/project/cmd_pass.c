/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that berth has for containers, with services in their place: exec, attach, stats, commit, export; and volumes.
 */
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/term.h"
#include "face/project/ensure.h"

#include <string.h>
#include <unistd.h>

/* The one that is meant, of those that run or (`any`) are there. */
static const struct member *find(const struct members *m, const char *service, uint64_t index, bool any)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!strcmp(m->v[i].service, service) && !m->v[i].oneoff && (any || member_runs(&m->v[i])) &&
		    (!index || (int64_t)index == m->v[i].number))
			return &m->v[i];
	}
	return NULL;
}

static void option(char ***words, const char *name, const char *value)
{
	if (!value)
		return;
	mem_strv_add(words, name);
	mem_strv_add(words, value);
}

static void flag(char ***words, const char *name, bool value)
{
	if (value)
		mem_strv_add(words, name);
}

/* berth WORDS ID OPERANDS, where the ID is that of the first operand's container. */
static int pass(struct project *p, char ***words, char **operands, uint64_t index, bool any, struct err *err)
{
	struct members m = MEMBERS_INIT;
	char *name[] = {operands[0], NULL};
	const struct member *one;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, name, err);
	one = r == 0 ? find(&m, operands[0], index, any) : NULL;
	if (r == 0 && !one)
		r = err_set(err, ESRCH, any ? "service \"%s\" has no container" : "service \"%s\" is not running",
			    operands[0]);
	if (one) {
		mem_strv_add(words, one->id);
		for (char **o = operands + 1; *o; o++)
			mem_strv_add(words, *o);
		r = ensure_run(p, *words, err);
	}
	members_free(&m);
	return r;
}

#define INDEX                                                                                                          \
	{                                                                                                              \
		"index", 0, OPTION_COUNT, V(index), "N", "number of the container (default: the first)"                \
	}

/* ---- exec ---- */

struct exec_values {
	bool detach, no_tty, privileged, usual;
	const char *user, *workdir;
	char **env;
	uint64_t index;
};
#define V(field) offsetof(struct exec_values, field)
static const struct option_spec exec_options[] = {
    {"detach", 'd', OPTION_FLAG, V(detach), NULL, "do not wait for its end"},
    {"no-TTY", 'T', OPTION_FLAG, V(no_tty), NULL, "no terminal (the default where there is none)"},
    {"interactive", 'i', OPTION_FLAG, V(usual), NULL, "accepted: standard input is sent, unless -d is given"},
    {"tty", 't', OPTION_FLAG, V(usual), NULL, "accepted: there is a terminal where there is one here"},
    {"env", 'e', OPTION_LIST, V(env), "K=V", "environment variable; may be repeated"},
    {"user", 'u', OPTION_TEXT, V(user), "USER", "user, or user:group"},
    {"workdir", 'w', OPTION_TEXT, V(workdir), "DIR", "working directory"},
    {"privileged", 0, OPTION_FLAG, V(privileged), NULL, "with all capabilities"},
    INDEX,
    {NULL},
};
#undef V

static int exec_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct exec_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;

	mem_strv_add(&words, "exec");
	mem_strv_add(&words, v->detach ? "-d" : "-i");
	flag(&words, "-t", !v->detach && !v->no_tty && term_is(STDIN_FILENO) && term_is(STDOUT_FILENO));
	flag(&words, "--privileged", v->privileged);
	option(&words, "--user", v->user);
	option(&words, "--workdir", v->workdir);
	for (char **e = v->env; e && *e; e++)
		option(&words, "--env", *e);
	return pass(p, &words, operands, v->index, false, err);
}

const struct project_command project_exec = {
    .name = "exec",
    .usage = "SERVICE COMMAND [ARG...]",
    .summary = "Run a command in a container that runs",
    .options = exec_options,
    .values_size = sizeof(struct exec_values),
    .least = 2,
    .most = CLI_MANY,
    .stop = true,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = exec_run,
};

/* ---- attach ---- */

struct attach_values {
	bool no_stdin, sig_proxy;
	const char *keys;
	uint64_t index;
};
#define V(field) offsetof(struct attach_values, field)
static const struct option_spec attach_options[] = {
    {"no-stdin", 0, OPTION_FLAG, V(no_stdin), NULL, "do not send standard input"},
    {"sig-proxy", 0, OPTION_FLAG, V(sig_proxy), NULL, "pass signals on (default; --sig-proxy=false: not)"},
    {"detach-keys", 0, OPTION_TEXT, V(keys), "KEYS", "keys that leave it running (default: ctrl-p,ctrl-q)"},
    INDEX,
    {NULL},
};
#undef V
static const struct attach_values attach_defaults = {.sig_proxy = true};

static int attach_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct attach_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;

	mem_strv_add(&words, "attach");
	flag(&words, "--no-stdin", v->no_stdin);
	flag(&words, "--sig-proxy=false", !v->sig_proxy);
	option(&words, "--detach-keys", v->keys);
	return pass(p, &words, operands, v->index, false, err);
}

const struct project_command project_attach = {
    .name = "attach",
    .usage = "SERVICE",
    .summary = "Take part in the streams of a container that runs",
    .options = attach_options,
    .values_size = sizeof(struct attach_values),
    .defaults = &attach_defaults,
    .least = 1,
    .most = 1,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = attach_run,
};

/* ---- commit, export ---- */

struct copy_values {
	bool pause;
	const char *author, *message, *output;
	char **changes;
	uint64_t index;
};
#define V(field) offsetof(struct copy_values, field)
static const struct option_spec commit_options[] = {
    {"author", 'a', OPTION_TEXT, V(author), "TEXT", "who made it"},
    {"message", 'm', OPTION_TEXT, V(message), "TEXT", "what it is"},
    {"change", 'c', OPTION_LIST, V(changes), "LINE", "a line of a Dockerfile; may be repeated"},
    {"pause", 'p', OPTION_FLAG, V(pause), NULL, "freeze it meanwhile (default; --pause=false: not)"},
    INDEX,
    {NULL},
};
static const struct option_spec export_options[] = {
    {"output", 'o', OPTION_TEXT, V(output), "FILE", "write it there, not to stdout"},
    INDEX,
    {NULL},
};
#undef V
static const struct copy_values commit_defaults = {.pause = true};

static int commit_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct copy_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;

	mem_strv_add(&words, "commit");
	option(&words, "--author", v->author);
	option(&words, "--message", v->message);
	for (char **c = v->changes; c && *c; c++)
		option(&words, "--change", *c);
	flag(&words, "--pause=false", !v->pause);
	return pass(p, &words, operands, v->index, true, err);
}

static int export_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct copy_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;

	mem_strv_add(&words, "export");
	option(&words, "--output", v->output);
	return pass(p, &words, operands, v->index, true, err);
}

const struct project_command project_commit = {
    .name = "commit",
    .usage = "SERVICE [NAME[:TAG]]",
    .summary = "Make an image of a container's files",
    .options = commit_options,
    .values_size = sizeof(struct copy_values),
    .defaults = &commit_defaults,
    .least = 1,
    .most = 2,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = commit_run,
};
const struct project_command project_export = {
    .name = "export",
    .usage = "SERVICE",
    .summary = "Write a container's files as a tar",
    .options = export_options,
    .values_size = sizeof(struct copy_values),
    .least = 1,
    .most = 1,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = export_run,
};

/* ---- stats ---- */

struct stats_values {
	bool all, once, whole;
	const char *format;
};
#define V(field) offsetof(struct stats_values, field)
static const struct option_spec stats_options[] = {
    {"all", 'a', OPTION_FLAG, V(all), NULL, "also those that do not run"},
    {"no-stream", 0, OPTION_FLAG, V(once), NULL, "once"},
    {"format", 0, OPTION_TEXT, V(format), "TEMPLATE", "print {{.Name}}, {{.CPUPerc}} ..., or json"},
    {"no-trunc", 0, OPTION_FLAG, V(whole), NULL, "cut nothing"},
    {NULL},
};
#undef V

static int stats_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct stats_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;
	struct members m = MEMBERS_INIT;
	size_t n = 0;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	mem_strv_add(&words, "stats");
	flag(&words, "--no-stream", v->once);
	flag(&words, "--no-trunc", v->whole);
	option(&words, "--format", v->format);
	for (size_t i = 0; r == 0 && i < m.n; i++) {
		if (!project_in(operands, m.v[i].service) || (!v->all && !member_runs(&m.v[i])))
			continue;
		mem_strv_add(&words, m.v[i].id);
		n++;
	}
	/* Without a name it would show everybody's. */
	if (r == 0 && n == 0)
		r = err_set(err, ESRCH, "no container of the project runs");
	if (r == 0)
		r = ensure_run(p, words, err);
	members_free(&m);
	return r;
}

const struct project_command project_stats = {
    .name = "stats",
    .usage = "[SERVICE...]",
    .summary = "Show what containers use, second by second",
    .options = stats_options,
    .values_size = sizeof(struct stats_values),
    .most = CLI_MANY,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = stats_run,
};

/* ---- volumes ---- */

struct volumes_values {
	bool quiet, json;
	const char *format;
};
#define V(field) offsetof(struct volumes_values, field)
static const struct option_spec volumes_options[] = {
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "print names only"},
    {"json", 0, OPTION_FLAG, V(json), NULL, "print JSON"},
    {"format", 0, OPTION_TEXT, V(format), "table|json", "how to print"},
    {NULL},
};
#undef V

static int volumes_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct volumes_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;
	mem_cleanup char *filter = mem_printf("label=" PROJECT_LABEL "project=%s", p->name);

	(void)operands;
	mem_strv_add(&words, "volume");
	mem_strv_add(&words, "ls");
	flag(&words, "--quiet", v->quiet);
	flag(&words, "--json", v->json || (v->format && !strcmp(v->format, "json")));
	option(&words, "--filter", filter);
	return ensure_run(p, words, err);
}

const struct project_command project_volumes = {
    .name = "volumes",
    .usage = "",
    .summary = "List the volumes of the project",
    .options = volumes_options,
    .values_size = sizeof(struct volumes_values),
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = volumes_run,
};
