/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: what changes in the sources comes into the containers.
 */
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/text.h"
#include "face/project/ensure.h"
#include "face/project/sync.h"
#include "face/project/tree_watch.h"
#include "face/project/view.h"
#include "face/project/watch_rule.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* An editor or a version control changes several files at once. */
#define QUIET_MS 200

struct watch_values {
	bool no_up, quiet, prune;
};
#define V(field) offsetof(struct watch_values, field)
static const struct option_spec watch_options[] = {
    {"no-up", 0, OPTION_FLAG, V(no_up), NULL, "do not build and start the services first"},
    {"quiet", 0, OPTION_FLAG, V(quiet), NULL, "build without progress"},
    {"prune", 0, OPTION_FLAG, V(prune), NULL, "accepted for Compose's sake"},
    {NULL},
};
#undef V

struct watching {
	struct project *p;
	const struct watch_values *v;
	struct watch_rules rules;
};

static void tell(const char *what, const char *service)
{
	printf("%s service \"%s\"\n", what, service);
	fflush(stdout);
}

static bool wants(void *ctx, const char *path)
{
	const struct watching *w = ctx;

	for (size_t i = 0; i < w->rules.n; i++) {
		if (watch_rule_below(&w->rules.v[i], path))
			return true;
	}
	return false;
}

/* ---- this program once more, on the same project ---- */

static void option(char ***words, const char *name, const char *value)
{
	if (!value)
		return;
	mem_strv_add(words, name);
	mem_strv_add(words, value);
}

static void options(char ***words, const char *name, char *const *values)
{
	for (; values && *values; values++)
		option(words, name, *values);
}

/* berth compose COMMAND OPTION... SERVICE...; of the options those that are not NULL. */
static int again(struct watching *w, const char *const *command, char *const *services, struct err *err)
{
	const struct project_globals *g = w->p->globals;
	char **words cleanup_with(mem_strv_freep) = NULL;
	int r;

	mem_strv_add(&words, "compose");
	options(&words, "--file", g->files);
	options(&words, "--env-file", g->env_files);
	options(&words, "--profile", g->profiles);
	option(&words, "--project-directory", g->directory);
	option(&words, "--project-name", w->p->name);
	for (; *command; command++)
		mem_strv_add(&words, *command);
	for (; services && *services; services++)
		mem_strv_add(&words, *services);
	r = ensure_run(w->p, words, err);
	return r > 0 ? err_set(err, EIO, "it did not work") : r;
}

static int up(struct watching *w, char *const *services, struct err *err)
{
	const char *const command[] = {"up", "-d", "--build", w->v->quiet ? "--quiet-build" : NULL, NULL};

	return again(w, command, services, err);
}

static int restart(struct watching *w, const char *service, struct err *err)
{
	const char *const command[] = {"restart", "--no-deps", NULL};
	char *const services[] = {(char *)service, NULL};

	return again(w, command, services, err);
}

/* ---- one service ---- */

static int sync_one(struct watching *w, const struct members *m, const struct watch_rule *rule, const char *path,
		    struct err *err)
{
	mem_cleanup char *target = watch_rule_target(rule, watch_rule_below(rule, path));
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++) {
		if (!strcmp(m->v[i].service, rule->service) && !m->v[i].oneoff && member_runs(&m->v[i]))
			r = sync_path(w->p, m->v[i].id, path, target, err);
	}
	return r;
}

static int exec_all(struct watching *w, const struct members *m, const struct watch_rule *rule, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++) {
		char **words cleanup_with(mem_strv_freep) = NULL;
		yyjson_val *v;
		size_t k, n;

		if (strcmp(m->v[i].service, rule->service) != 0 || m->v[i].oneoff || !member_runs(&m->v[i]))
			continue;
		mem_strv_add(&words, "exec");
		mem_strv_add(&words, m->v[i].id);
		yyjson_arr_foreach (rule->exec, k, n, v) {
			mem_strv_add(&words, yyjson_get_str(v));
		}
		r = ensure_run(w->p, words, err);
		r = r > 0 ? err_set(err, EIO, "the command of sync+exec failed") : r;
	}
	return r;
}

struct work {
	unsigned actions;
	size_t files;
};

/* Of all rules of a service that are about the paths. */
static struct work find_work(const struct watching *w, const char *service, char *const *paths)
{
	struct work found = {.actions = 0};

	for (size_t i = 0; i < w->rules.n; i++) {
		const struct watch_rule *rule = &w->rules.v[i];

		for (char *const *path = paths; !strcmp(rule->service, service) && *path; path++) {
			if (!watch_rule_below(rule, *path))
				continue;
			found.actions |= rule->actions;
			found.files += (rule->actions & WATCH_SYNC) != 0;
		}
	}
	return found;
}

static int sync_all(struct watching *w, const char *service, char *const *paths, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = members_read(w->p, &m, err);

	for (size_t i = 0; r == 0 && i < w->rules.n; i++) {
		const struct watch_rule *rule = &w->rules.v[i];
		bool any = false;

		if (strcmp(rule->service, service) != 0 || !(rule->actions & WATCH_SYNC))
			continue;
		for (char *const *path = paths; r == 0 && *path; path++) {
			if (!watch_rule_below(rule, *path))
				continue;
			any = true;
			r = sync_one(w, &m, rule, *path, err);
		}
		if (r == 0 && any && (rule->actions & WATCH_EXEC))
			r = exec_all(w, &m, rule, err);
	}
	members_free(&m);
	return r;
}

static int serve(struct watching *w, const char *service, char *const *paths, struct err *err)
{
	const struct work work = find_work(w, service, paths);
	char *const services[] = {(char *)service, NULL};
	int r = 0;

	/* A new container has all of it. */
	if (work.actions & WATCH_REBUILD) {
		tell("Rebuilding", service);
		r = up(w, services, err);
		if (r == 0)
			tell("Rebuilt", service);
		return r;
	}
	if (work.actions & WATCH_SYNC) {
		printf("Syncing service \"%s\" after %zu changes were detected\n", service, work.files);
		fflush(stdout);
		r = sync_all(w, service, paths, err);
	}
	if (r == 0 && (work.actions & WATCH_RESTART))
		r = restart(w, service, err);
	if (r == 0 && work.actions)
		tell(work.actions & WATCH_RESTART ? "Restarted" : "Synced", service);
	return r;
}

/* ---- the whole ---- */

/* What fails for one change is told, and the next one is waited for. */
static void serve_all(struct watching *w, char *const *paths)
{
	const char *last = NULL;

	/* The daemon does not keep connections that are silent for long. */
	w->p->cli->http = http_client_close(w->p->cli->http);
	for (size_t i = 0; i < w->rules.n; i++) {
		struct err err = ERR_INIT;

		/* Rules of a service stand together. */
		if (last && !strcmp(last, w->rules.v[i].service))
			continue;
		last = w->rules.v[i].service;
		if (serve(w, last, paths, &err) < 0)
			text_error("watch: service %s: %s", last, err.text);
	}
}

static int watch(struct watching *w, struct tree_watch *tree, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->rules.n; i++)
		r = tree_watch_add(tree, w->rules.v[i].path, err);
	for (size_t i = 0; r == 0 && i < w->rules.n; i++) {
		if (w->rules.v[i].initial)
			tree_watch_touch(tree, w->rules.v[i].path);
	}
	if (r < 0)
		return r;
	puts("Watch enabled");
	fflush(stdout);
	while (r == 0) {
		char **paths cleanup_with(mem_strv_freep) = NULL;

		r = tree_watch_next(tree, QUIET_MS, &paths, err);
		if (r == 0)
			serve_all(w, paths);
	}
	return r;
}

static int watch_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct watching w = {.p = p, .v = values, .rules = WATCH_RULES_NONE};
	struct tree_watch *tree = NULL;
	int r = project_check_names(p, NULL, operands, err);

	view_settle(p->view);
	if (r == 0)
		r = watch_rules_read(p, operands, &w.rules, err);
	if (r == 0 && !w.v->no_up)
		r = up(&w, operands, err);
	if (r == 0)
		r = tree_watch_new(wants, &w, &tree, err);
	if (r == 0)
		r = watch(&w, tree, err);
	tree_watch_free(tree);
	watch_rules_free(&w.rules);
	return r;
}

const struct project_command project_watch = {
    .name = "watch",
    .usage = "[SERVICE...]",
    .summary = "Bring changes of sources into containers, as develop.watch says",
    .options = watch_options,
    .values_size = sizeof(struct watch_values),
    .most = CLI_MANY,
    .run = watch_run,
};
