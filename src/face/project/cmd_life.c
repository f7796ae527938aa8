/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about containers that are there: down, start, stop, restart, kill, pause, unpause, rm, wait.
 */
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/project/converge.h"
#include "face/project/life.h"
#include "face/project/spec.h"
#include "face/project/steps.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct life_values {
	bool orphans, volumes, stop, force, no_deps, down_project;
	const char *timeout, *signal, *rmi;
};
#define V(field) offsetof(struct life_values, field)

int project_timeout(const char *text, int64_t *ret, struct err *err)
{
	char *end = NULL;
	long long n;

	if (!text)
		return 0;
	n = strtoll(text, &end, 10);
	if (!*text || *end || n < -1 || n > INT32_MAX)
		return err_set(err, EINVAL, "--timeout: \"%s\" is no number of seconds", text);
	*ret = n;
	return 0;
}

static int do_life(struct project *p, struct life_how *how, const char *timeout, char **operands, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = project_timeout(timeout, &p->timeout, err);

	how->services = operands;
	if (r == 0)
		r = members_read(p, &m, err);
	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0)
		r = life_do(p, &m, how, NULL, err);
	members_free(&m);
	return r;
}

static int stop_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	struct life_how how = {.verb = LIFE_STOP};

	return do_life(p, &how, v->timeout, operands, err);
}

struct restarts {
	char *const *names;
	bool wanted;
};

static void on_dep(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct restarts *r = ctx;

	(void)condition;
	(void)required;
	for (char *const *n = r->names; restart && n && *n; n++)
		r->wanted |= !strcmp(*n, name);
}

/* Those that depend on one of the names by `restart: true` are restarted, too, and so on: they come later in the order. */
static int add_dependents(struct project *p, char ***names, struct err *err)
{
	struct members m = MEMBERS_INIT;
	char **order cleanup_with(mem_strv_freep) = NULL;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, *names, err);
	if (r == 0)
		order = project_order(p, &m, NULL, true, err);
	if (r == 0 && !order)
		r = -EINVAL;
	for (char **s = order; r == 0 && *s; s++) {
		struct restarts wish = {.names = *names};

		project_deps(p, &m, *s, on_dep, &wish);
		if (wish.wanted && !project_in(*names, *s))
			mem_strv_add(names, *s);
	}
	members_free(&m);
	return r;
}

static int restart_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	struct life_how how = {.verb = LIFE_RESTART};
	char **names cleanup_with(mem_strv_freep) = mem_strv_dup(operands);
	int r = *operands && !v->no_deps ? add_dependents(p, &names, err) : 0;

	return r < 0 ? r : do_life(p, &how, v->timeout, names ? names : operands, err);
}

static int kill_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	struct life_how how = {.verb = LIFE_KILL, .signal = v->signal};

	return do_life(p, &how, NULL, operands, err);
}

static int pause_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct life_how how = {.verb = LIFE_PAUSE};

	(void)values;
	return do_life(p, &how, NULL, operands, err);
}

static int unpause_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct life_how how = {.verb = LIFE_UNPAUSE};

	(void)values;
	return do_life(p, &how, NULL, operands, err);
}

static bool agreed(size_t n)
{
	char answer[16] = "";

	fprintf(stderr, "Remove %zu containers? [yN] ", n);
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int rm_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	const struct life_how how = {
	    .verb = LIFE_REMOVE, .services = operands, .volumes = v->volumes, .oneoff = true, .stop = v->stop};
	struct members m = MEMBERS_INIT;
	size_t n = 0;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	for (size_t i = 0; i < m.n; i++)
		n += project_in(operands, m.v[i].service) && (v->stop || !member_runs(&m.v[i]));
	if (r == 0 && n == 0)
		fputs("No stopped containers\n", stderr);
	else if (r == 0 && !v->force && !agreed(n))
		r = err_set(err, ECANCELED, "nothing was removed; -f asks no questions");
	else if (r == 0)
		r = life_do(p, &m, &how, NULL, err);
	members_free(&m);
	return r;
}

/* Without a file, too: what each container says of itself. */
static int start_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	char **order cleanup_with(mem_strv_freep) = NULL;
	struct converge *c = NULL;
	struct members m = MEMBERS_INIT;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0) {
		order = project_order(p, &m, operands, v->no_deps, err);
		r = order ? converge_existing(p, order, &c, err) : -EINVAL;
	}
	if (r == 0)
		r = converge_start(c, &(struct converge_wait){.timeout = -1}, err);
	converge_free(c);
	members_free(&m);
	return r;
}

/* ---- down ---- */

/* Everything of a kind that has the project's label. */
static int remove_kind(struct project *p, const char *title, const char *list, const char *member, const char *one,
		       struct err *err)
{
	mem_cleanup char *filter = project_filter(p, NULL);
	mem_cleanup char *target = mem_printf("%s?filters=%s", list, filter);
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *v, *all;
	size_t i, n;
	int r = client_call(p->cli, "GET", target, NULL, &doc, err);

	all = r == 0 ? yyjson_doc_get_root(doc) : NULL;
	all = member ? yyjson_obj_get(all, member) : all;
	yyjson_arr_foreach (all, i, n, v) {
		const char *name = show_str(v, "Name", "");
		mem_cleanup char *remove = client_target(one, name, ""), *subject = mem_printf("%s %s", title, name);
		struct err own = ERR_INIT;

		view_line(p->view, subject, "Removing", VIEW_BUSY);
		if (client_call(p->cli, "DELETE", remove, NULL, NULL, &own) < 0 && own.code != ENOENT) {
			view_line(p->view, subject, "Resource is still in use", VIEW_FAILED);
			view_warn(p->view, own.text);
			continue;
		}
		view_line(p->view, subject, "Removed", VIEW_DONE);
	}
	return r;
}

static void remove_images(struct project *p, const struct members *m, bool local)
{
	for (size_t i = 0; i < m->n; i++) {
		yyjson_val *def = project_service(p, m->v[i].service);
		mem_cleanup char *target = client_target("/images/", m->v[i].image, "");
		mem_cleanup char *subject = mem_printf("Image %s", m->v[i].image);

		if (local && (!def || *show_str(def, "image", "")))
			continue;
		if (client_call(p->cli, "DELETE", target, NULL, NULL, NULL) == 0)
			view_line(p->view, subject, "Removed", VIEW_DONE);
	}
}

/* Orphans are those that the file does not have; without a file there are none. */
static void drop_orphans(struct project *p, struct members *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (!p->doc || project_service(p, m->v[i].service) || project_is_inactive(p, m->v[i].service))
			m->v[n++] = m->v[i];
	}
	m->n = n;
}

static int down_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	const struct life_how how = {
	    .verb = LIFE_REMOVE, .services = operands, .volumes = v->volumes, .oneoff = true, .stop = true};
	struct members m = MEMBERS_INIT;
	bool local = v->rmi && !strcmp(v->rmi, "local");
	int r = project_timeout(v->timeout, &p->timeout, err);

	if (r == 0 && v->rmi && !local && strcmp(v->rmi, "all") != 0)
		r = err_set(err, EINVAL, "--rmi: \"%s\" is neither all nor local", v->rmi);
	if (r == 0)
		r = members_read(p, &m, err);
	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0 && !v->orphans) {
		r = converge_orphans(p, &m, false, err);
		drop_orphans(p, &m);
	}
	if (r == 0)
		r = life_do(p, &m, &how, NULL, err);
	if (r == 0 && v->rmi)
		remove_images(p, &m, local);
	if (r == 0 && !*operands && v->volumes)
		r = remove_kind(p, "Volume", "/volumes", "Volumes", "/volumes/", err);
	if (r == 0 && !*operands)
		r = remove_kind(p, "Network", "/networks", NULL, "/networks/", err);
	members_free(&m);
	return r;
}

/* ---- wait ---- */

/* All are waited for side by side: one may be gone by the time that another ends. Codes are printed in the order of the containers. */
struct awaited {
	struct waits *all;
	bool ended;
	int code;
};

struct waits {
	struct awaited *v;
	size_t n, printed;
	bool first; /* the first end is the end of all */
	int status;
};

static void print_codes(struct waits *w)
{
	for (; w->printed < w->n && w->v[w->printed].ended; w->printed++) {
		w->status = w->v[w->printed].code;
		printf("%d\n", w->status);
	}
	fflush(stdout);
}

static int has_ended(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct awaited *one = s->ctx;
	struct waits *w = one->all;

	if (failed)
		return step_done(s, reply, failed, err);
	one->ended = true;
	one->code = (int)show_int(reply, "StatusCode", 1);
	if (w->first && w->printed == 0) {
		w->printed = w->n;
		w->status = one->code;
		printf("%d\n", w->status);
		steps_abandon(s->plan);
	}
	print_codes(w);
	step_end(s);
	return 0;
}

static int begin_wait(struct step *s, struct err *err)
{
	return step_call(s, "POST", s->target, NULL, has_ended, err);
}

static int wait_all(struct project *p, const struct members *m, char **operands, struct waits *w, struct err *err)
{
	struct steps *plan = steps_new(p);
	int r;

	w->v = mem_new_n(struct awaited, m->n + 1);
	for (size_t i = 0; i < m->n; i++) {
		struct step *s;

		if (m->v[i].oneoff || !project_in(operands, m->v[i].service))
			continue;
		w->v[w->n] = (struct awaited){.all = w};
		s = steps_add(plan, NULL, NULL, NULL, begin_wait, &w->v[w->n++]);
		s->target = client_target("/containers/", m->v[i].id, "/wait");
		s->watches = true;
	}
	r = steps_run(plan, err);
	steps_free(plan);
	free(w->v);
	return r;
}

static int wait_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct life_values *v = values;
	struct waits w = {.first = v->down_project};
	struct members m = MEMBERS_INIT;
	int r = members_read(p, &m, err);

	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0)
		r = wait_all(p, &m, operands, &w, err);
	if (r == -ECANCELED && w.first) {
		err_clear(err);
		r = 0;
	}
	members_free(&m);
	if (r == 0 && v->down_project)
		r = down_run(p, &(struct life_values){.volumes = false}, &(char *){NULL}, err);
	return r < 0 ? r : w.status;
}

/* ---- the table ---- */

static const struct option_spec timeout_options[] = {
    {"timeout", 't', OPTION_TEXT, V(timeout), "SECONDS", "until a container is killed"},
    {NULL},
};
static const struct option_spec restart_options[] = {
    {"timeout", 't', OPTION_TEXT, V(timeout), "SECONDS", "until a container is killed"},
    {"no-deps", 0, OPTION_FLAG, V(no_deps), NULL, "only these services"},
    {NULL},
};
static const struct option_spec start_options[] = {
    {"no-deps", 0, OPTION_FLAG, V(no_deps), NULL, "leave alone what the services depend on"},
    {NULL},
};
static const struct option_spec kill_options[] = {
    {"signal", 's', OPTION_TEXT, V(signal), "SIGNAL", "instead of SIGKILL"},
    {"remove-orphans", 0, OPTION_FLAG, V(orphans), NULL, "accepted for Compose's sake"},
    {NULL},
};
static const struct option_spec rm_options[] = {
    {"force", 'f', OPTION_FLAG, V(force), NULL, "ask no questions"},
    {"stop", 's', OPTION_FLAG, V(stop), NULL, "stop those that run first"},
    {"volumes", 'v', OPTION_FLAG, V(volumes), NULL, "their anonymous volumes, too"},
    {NULL},
};
static const struct option_spec down_options[] = {
    {"volumes", 'v', OPTION_FLAG, V(volumes), NULL, "volumes of the project and anonymous ones, too"},
    {"remove-orphans", 0, OPTION_FLAG, V(orphans), NULL, "containers of services that are gone, too"},
    {"rmi", 0, OPTION_TEXT, V(rmi), "all|local", "images, too; local: those that were built without a name"},
    {"timeout", 't', OPTION_TEXT, V(timeout), "SECONDS", "until a container is killed"},
    {NULL},
};
static const struct option_spec wait_options[] = {
    {"down-project", 0, OPTION_FLAG, V(down_project), NULL, "when the first has ended, remove all"},
    {NULL},
};

#define LIFE(NAME, TEXT, OPTIONS, FN)                                                                                  \
	{                                                                                                              \
		.name = (NAME), .usage = "[SERVICE...]", .summary = (TEXT), .options = (OPTIONS),                      \
		.values_size = sizeof(struct life_values), .most = CLI_MANY, .need = PROJECT_NAME,                     \
		.all_profiles = true, .run = (FN),                                                                     \
	}

const struct project_command project_stop = LIFE("stop", "Stop containers", timeout_options, stop_run);
const struct project_command project_start = LIFE("start", "Start containers that are there", start_options, start_run);
const struct project_command project_restart =
    LIFE("restart", "Stop and start containers", restart_options, restart_run);
const struct project_command project_kill = LIFE("kill", "Kill containers", kill_options, kill_run);
const struct project_command project_pause = LIFE("pause", "Pause containers", NULL, pause_run);
const struct project_command project_unpause = LIFE("unpause", "Let paused containers go on", NULL, unpause_run);
const struct project_command project_rm = LIFE("rm", "Remove containers that have ended", rm_options, rm_run);
const struct project_command project_down =
    LIFE("down", "Stop and remove containers and networks", down_options, down_run);
const struct project_command project_wait = {
    .name = "wait",
    .usage = "SERVICE...",
    .summary = "Wait for the end of services and print their exit codes",
    .options = wait_options,
    .values_size = sizeof(struct life_values),
    .least = 1,
    .most = CLI_MANY,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = wait_run,
};
