/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/oci.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/core/self_exe.h"
#include "face/cli/options.h"
#include "face/cli/text.h"
#include "face/oci/help.h"
#include "face/oci/report.h"
#include "face/oci/verb.h"
#include "node/oci/config.h"
#include "node/runtime/rootless.h"
#include "base/core/guard.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/run/berth-oci"
#define FDS_MAX 1000

const struct oci_verb *const oci_verbs[] = {
    &verb_checkpoint, &verb_create, &verb_delete, &verb_events, &verb_exec,    &verb_features,
    &verb_kill,	      &verb_list,   &verb_pause,  &verb_ps,	&verb_restore, &verb_resume,
    &verb_run,	      &verb_spec,   &verb_start,  &verb_state,	&verb_update,  NULL,
};

struct globals {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless;
	bool debug, debug_timing, systemd_cgroup, version, help;
};

const struct option_spec oci_global_options[] = {
    {"root", 0, OPTION_TEXT, offsetof(struct globals, root), "DIR",
     "where the states of containers are (default " ROOT ", or $XDG_RUNTIME_DIR/berth-oci)"},
    {"log", 0, OPTION_TEXT, offsetof(struct globals, log), "FILE", "where messages go (default: standard error)"},
    {"log-format", 0, OPTION_TEXT, offsetof(struct globals, log_format), "FORMAT", "text (default) or json"},
    {"log-level", 0, OPTION_TEXT, offsetof(struct globals, log_level), "LEVEL", "error, warning (default) or debug"},
    {"debug", 0, OPTION_FLAG, offsetof(struct globals, debug), NULL, "say more"},
    {"debug-timing", 0, OPTION_FLAG, offsetof(struct globals, debug_timing), NULL,
     "show on standard error how long each step of create, run or exec took"},
    {"systemd-cgroup", 0, OPTION_FLAG, offsetof(struct globals, systemd_cgroup), NULL,
     "cgroupsPath is \"slice:prefix:name\"; the cgroup is made directly, without a unit of systemd"},
    {"cgroup-manager", 0, OPTION_TEXT, offsetof(struct globals, cgroup_manager), "MANAGER",
     "cgroupfs (default), systemd (as --systemd-cgroup) or disabled"},
    {"rootless", 0, OPTION_TEXT, offsetof(struct globals, rootless), "WHEN", "true, false or auto (default)"},
    {"version", 'v', OPTION_FLAG, offsetof(struct globals, version), NULL, "show the version"},
    {"help", 'h', OPTION_FLAG, offsetof(struct globals, help), NULL, "show this help"},
    {NULL},
};

bool oci_is_name(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash ? slash + 1 : argv0, "berth-oci") == 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

static int check_words(const struct globals *g, struct err *err)
{
	static const char *const whens[] = {"true", "false", "auto", NULL};
	static const char *const managers[] = {"cgroupfs", "systemd", "disabled", NULL};
	static const char *const levels[] = {"error", "warning", "debug", NULL};
	const struct {
		const char *name, *word;
		const char *const *words;
	} rows[] = {{"rootless", g->rootless, whens},
		    {"cgroup-manager", g->cgroup_manager, managers},
		    {"log-level", g->log_level, levels}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!is_one_of(rows[i].word, rows[i].words))
			return err_set(err, EINVAL, "--%s: \"%s\" is not known", rows[i].name, rows[i].word);
	}
	return 0;
}

static int find_root(const struct globals *g, char **ret, struct err *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (g->root) {
		if (strspn(g->root, "/.") == strlen(g->root))
			return err_set(err, EINVAL, "--root \"%s\": this cannot be the folder of states", g->root);
		*ret = mem_strdup(g->root);
	} else if (geteuid() == 0) {
		*ret = mem_strdup(ROOT);
	} else if (run && *run == '/') {
		*ret = mem_printf("%s/berth-oci", run);
	} else {
		return err_set(err, EINVAL, "say with --root where states go: XDG_RUNTIME_DIR is not set");
	}
	return 0;
}

static const struct oci_verb *find_verb(const char *name)
{
	for (const struct oci_verb *const *v = oci_verbs; *v; v++) {
		if (strcmp((*v)->name, name) == 0)
			return *v;
	}
	return NULL;
}

/* ---- descriptors ---- */

static unsigned number_of(const char *text)
{
	size_t n = text ? strlen(text) : 0;

	return n > 0 && n < 9 && strspn(text, "0123456789") == n ? (unsigned)strtoul(text, NULL, 10) : 0;
}

unsigned oci_listen_fds(void)
{
	unsigned n = number_of(getenv("LISTEN_FDS"));

	return number_of(getenv("LISTEN_PID")) == (unsigned)getpid() && n <= FDS_MAX ? n : 0;
}

/* What is kept must be there: a number that is free now would be given to a file of ours. All others are never a container's. */
static int sort_descriptors(const struct oci_verb *v, const void *values, struct err *err)
{
	uint64_t keep =
	    v->preserve_offset ? *(const uint64_t *)(const void *)((const char *)values + v->preserve_offset) : 0;
	int r;

	if (keep > FDS_MAX)
		return err_set(err, EINVAL, "--preserve-fds: at the most %d", FDS_MAX);
	if (v->preserve_offset)
		keep += oci_listen_fds();
	for (int fd = 3; fd < 3 + (int)keep; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return err_sys(err, errno, "--preserve-fds: descriptor %d", fd);
	}
	r = proc_close_from(3 + (unsigned)keep, true);
	return r < 0 ? err_sys(err, -r, "mark descriptors close-on-exec") : 0;
}

/* ---- one run ---- */

struct call {
	struct globals globals;
	const struct oci_verb *verb;
	void *values;
	char **operands;
	bool help;
};

static int check_operands(const struct oci_verb *v, char **operands, struct err *err)
{
	size_t n = mem_strv_len(operands);

	if (v->least == v->most && n != v->least)
		return err_set(err, EINVAL, "\"%s\" requires exactly %zu argument(s): %s %s", v->name, v->least,
			       v->name, v->usage);
	if (n < v->least)
		return err_set(err, EINVAL, "\"%s\" requires a minimum of %zu argument(s): %s %s", v->name, v->least,
			       v->name, v->usage);
	if (n > v->most)
		return err_set(err, EINVAL, "\"%s\" requires a maximum of %zu argument(s): %s %s", v->name, v->most,
			       v->name, v->usage);
	return 0;
}

static int parse_verb(struct call *c, char **words, struct err *err)
{
	static const struct option_spec common[] = {{"help", 'h', OPTION_FLAG, 0, NULL, "show this help"}, {NULL}};
	const struct oci_verb *v = c->verb;
	const struct option_set sets[] = {{.specs = v->options, .values = c->values},
					  {.specs = common, .values = &c->help}};

	if (v->defaults)
		memcpy(c->values, v->defaults, v->values_size);
	return options_parse(sets, 2, words, v->stop, &c->operands, err);
}

/* As the daemon of an ordinary user does (rootless.h). One who is root of a user namespace already (podman's) needs nothing. */
static int enter_users(const struct oci_verb *v, struct oci_runtime *rt, struct err *err)
{
	char warning[ROOTLESS_WARNING_MAX];
	int r;

	if (!v->enters || !rootless_needed())
		return 0;
	r = rootless_enter(warning, err);
	if (r == 0 && *warning)
		report_warning(warning);
	rt->inside = r == 0;
	return r;
}

static int run_verb(const struct call *c, char *const *again, struct err *err)
{
	const struct globals *g = &c->globals;
	bool systemd = g->systemd_cgroup || strcmp(g->cgroup_manager, "systemd") == 0;
	mem_cleanup char *root = NULL;
	struct oci_runtime rt = {.no_cgroups = strcmp(g->cgroup_manager, "disabled") == 0 && !g->systemd_cgroup,
				 .warn = report_warning};
	int r = check_operands(c->verb, c->operands, err);

	/* First, so that a file named by its descriptor (/dev/fd/9) still is there afterwards. */
	if (r == 0 && c->verb->guarded && RT_GUARD(R1))
		r = self_exe_guard(again, environ, err);
	if (r == 0)
		r = sort_descriptors(c->verb, c->values, err);
	if (r == 0 && !c->verb->no_root)
		r = find_root(g, &root, err);
	if (r == 0)
		r = enter_users(c->verb, &rt, err);
	if (r < 0)
		return r;
	rt.root = root;
	rt.root_given = g->root != NULL;
	if (systemd && c->verb->guarded)
		report_warning(
		    "the cgroup manager systemd was asked for: the cgroup is made directly, without a unit of systemd");
	report_debug(c->verb->name);
	r = g->debug_timing ? timing_on(err) : 0;
	if (r < 0)
		return r;
	r = c->verb->run(&rt, c->values, c->operands, err);
	timing_print(stderr);
	return r;
}

static int with_verb(struct call *c, char **words, char *const *again, struct err *err)
{
	mem_cleanup void *values = mem_zalloc(1, c->verb->values_size);
	const struct option_set own = {.specs = c->verb->options, .values = values};
	int r;

	c->values = values;
	r = parse_verb(c, words, err);
	if (r == 0 && c->help)
		oci_help_verb(c->verb, stdout);
	else if (r == 0)
		r = run_verb(c, again, err);
	options_free(&own);
	free(c->operands);
	return r;
}

static int with_globals(struct call *c, char **words, char *const *again, struct err *err)
{
	struct globals *g = &c->globals;
	int r = check_words(g, err);

	if (r < 0)
		return r;
	if (g->version)
		return oci_print("berth-oci version " BERTH_VERSION "\nspec: " OCI_VERSION "\n", err);
	if (g->help || (words[0] && strcmp(words[0], "help") == 0)) {
		oci_help(stdout);
		return 0;
	}
	if (!words[0])
		return err_set(err, EINVAL, "say what to do; see: berth oci --help");
	c->verb = find_verb(words[0]);
	if (!c->verb)
		return err_set(err, EINVAL, "unknown command \"%s\"; see: berth oci --help", words[0]);
	r = report_open(g->log, g->log_format, g->debug || strcmp(g->log_level, "debug") == 0, err);
	return r < 0 ? r : with_verb(c, words + 1, again, err);
}

/* What could not be written is an error: a full disk must not look like success. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	report_error("cannot write the output");
	return status ? status : OCI_FAILED;
}

int oci_main(int argc, char **argv, char *const *again)
{
	struct call c = {
	    .globals = {
		.log_format = "text", .log_level = "warning", .cgroup_manager = "cgroupfs", .rootless = "auto"}};
	const struct option_set set = {.specs = oci_global_options, .values = &c.globals};
	mem_cleanup char **words = NULL;
	struct err err = ERR_INIT;
	int r;

	/* Whoever ignores it would take our children's ends from us. */
	(void)signal(SIGCHLD, SIG_DFL);
	r = argc < 1 ? -EINVAL : options_parse(&set, 1, argv + 1, true, &words, &err);
	if (r == 0)
		r = with_globals(&c, words, again, &err);
	if (r >= 0)
		return flushed(r);
	report_error(err.text);
	return flushed(c.verb && c.verb->failed ? c.verb->failed : OCI_FAILED);
}

/* ---- what verbs share ---- */

int oci_print(const char *text, struct err *err)
{
	int r = fd_write_all(STDOUT_FILENO, text, strlen(text));

	return r < 0 ? err_sys(err, -r, "write to standard output") : 0;
}
