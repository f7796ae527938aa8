/* SPDX-License-Identifier: Apache-2.0
 *
 * run and cp.
 */
#include "face/compose/compose_project.h"
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "face/cli/client.h"
#include "face/cli/session.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/project/converge.h"
#include "face/project/ensure.h"
#include "face/project/steps.h"
#include "face/project/spec.h"
#include "face/project/step_calls.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- run ---- */

struct run_values {
	bool build, detach, no_deps, no_tty, interactive, remove, ports, aliases, quiet_pull, remove_orphans, tty,
	    quiet, quiet_build;
	const char *name, *entrypoint, *user, *workdir, *pull;
	char **env, **publish, **volumes, **labels, **cap_add, **cap_drop;
};
#define V(field) offsetof(struct run_values, field)
static const struct option_spec run_options[] = {
    {"build", 0, OPTION_FLAG, V(build), NULL, "build the image first"},
    {"pull", 0, OPTION_TEXT, V(pull), "always|missing|never", "when the image is pulled"},
    {"quiet-pull", 0, OPTION_FLAG, V(quiet_pull), NULL, "pull without progress"},
    {"detach", 'd', OPTION_FLAG, V(detach), NULL, "do not wait for its end: print its name"},
    {"rm", 0, OPTION_FLAG, V(remove), NULL, "remove it when it has ended"},
    {"no-deps", 0, OPTION_FLAG, V(no_deps), NULL, "leave alone what the service depends on"},
    {"no-TTY", 'T', OPTION_FLAG, V(no_tty), NULL, "no terminal (the default where there is none)"},
    {"interactive", 'i', OPTION_FLAG, V(interactive), NULL, "send it standard input (the default)"},
    {"tty", 't', OPTION_FLAG, V(tty), NULL, "accepted: there is a terminal where there is one here"},
    {"cap-add", 0, OPTION_LIST, V(cap_add), "NAME", "one more capability; may be repeated"},
    {"cap-drop", 0, OPTION_LIST, V(cap_drop), "NAME", "one capability less; may be repeated"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "only what the command prints"},
    {"quiet-build", 0, OPTION_FLAG, V(quiet_build), NULL, "build without progress"},
    {"service-ports", 'P', OPTION_FLAG, V(ports), NULL, "publish the ports of the service"},
    {"use-aliases", 0, OPTION_FLAG, V(aliases), NULL, "answer to the names of the service"},
    {"publish", 'p', OPTION_LIST, V(publish), "[[IP:]HOST:]PORT", "publish a port; may be repeated"},
    {"volume", 'v', OPTION_LIST, V(volumes), "SOURCE:TARGET[:ro]", "mount; may be repeated"},
    {"env", 'e', OPTION_LIST, V(env), "K[=V]", "environment variable; may be repeated"},
    {"label", 'l', OPTION_LIST, V(labels), "K=V", "label; may be repeated"},
    {"entrypoint", 0, OPTION_TEXT, V(entrypoint), "COMMAND", "instead of the image's and the service's"},
    {"user", 'u', OPTION_TEXT, V(user), "USER", "user, or user:group"},
    {"workdir", 'w', OPTION_TEXT, V(workdir), "DIR", "working directory"},
    {"name", 0, OPTION_TEXT, V(name), "NAME", "name of the container"},
    {"remove-orphans", 0, OPTION_FLAG, V(remove_orphans), NULL, "remove containers of services that are gone"},
    {NULL},
};

struct one_off {
	struct project *p;
	const char *service;
	yyjson_val *def;
	char *name, *id;
	char *body;
};

static int created(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct one_off *o = s->ctx;

	if (failed)
		return err_set(err, failed->code, "%s: %s", s->subject, failed->text);
	o->id = mem_strdup(show_str(reply, "Id", ""));
	return step_contents(s, o->p, o->def, o->id, step_done, err);
}

static int begin_create(struct step *s, struct err *err)
{
	struct one_off *o = s->ctx;
	mem_cleanup char *target = step_create_target(o->def, o->name);

	return step_call(s, "POST", target, o->body, created, err);
}

static int create(struct one_off *o, struct err *err)
{
	struct steps *plan = steps_new(o->p);
	mem_cleanup char *subject = mem_printf("Container %s", o->name);
	int r;

	steps_add(plan, subject, "Creating", "Created", begin_create, o);
	r = steps_run(plan, err);
	steps_free(plan);
	return r;
}

/* What it depends on runs; itself it is no container of the service. */
static int prepare(struct project *p, const struct run_values *v, char **name, struct converge **ret, struct err *err)
{
	const struct ensure_images images = {
	    .build = v->build, .pull = v->pull, .quiet = v->quiet_pull || v->quiet || v->quiet_build};
	char **order cleanup_with(mem_strv_freep) = project_order(p, NULL, name, v->no_deps, err);
	struct converge_how how = {.services = order};
	int r = order ? ensure_images(p, order, &images, err) : -EINVAL;

	if (r == 0)
		r = ensure_networks(p, err);
	if (r == 0)
		r = ensure_volumes(p, err);
	if (r < 0)
		return r;
	/* The service itself is the last. */
	for (char **o = order; *o; o++) {
		if (!strcmp(*o, *name)) {
			free(*o);
			*o = NULL;
			break;
		}
	}
	r = converge_new(p, &how, ret, err);
	if (r == 0 && *order)
		r = converge_create(*ret, err);
	if (r == 0 && *order)
		r = converge_start(*ret, &(struct converge_wait){.timeout = -1, .before = *name}, err);
	return r;
}

static const char *id_of(void *ctx, const char *service)
{
	struct converge *c = ctx;

	for (size_t i = 0; i < c->n; i++) {
		if (!strcmp(c->slots[i].service, service))
			return c->slots[i].id;
	}
	return NULL;
}

static int make(struct one_off *o, const struct run_values *v, char **operands, bool tty, struct converge *c,
		struct err *err)
{
	mem_cleanup char *image = spec_image(o->p, o->def, o->service), *image_id = NULL;
	char hash[COMPOSE_PROJECT_HASH_MAX];
	struct spec_how how = {.service = o->service,
			       .number = 1,
			       .oneoff = true,
			       .no_ports = !v->ports,
			       .no_aliases = !v->aliases,
			       .no_tty = !tty,
			       .auto_remove = v->remove && v->detach,
			       .hash = hash,
			       .command = operands + 1,
			       .env = v->env,
			       .volumes = v->volumes,
			       .publish = v->publish,
			       .labels = v->labels,
			       .cap_add = v->cap_add,
			       .cap_drop = v->cap_drop,
			       .entrypoint = v->entrypoint,
			       .user = v->user,
			       .workdir = v->workdir,
			       .id_of = id_of,
			       .ctx = c};
	char hex[13];
	int r = ensure_image_id(o->p, image, &image_id, err);

	if (r < 0)
		return r;
	random_hex(hex, 12);
	o->name = v->name ? mem_strdup(v->name) : mem_printf("%s-%s-run-%s", o->p->name, o->service, hex);
	how.name = o->name;
	how.image_id = image_id;
	compose_project_hash(o->def, hash);
	o->body = spec_body(o->p, o->def, &how, err);
	return o->body ? create(o, err) : -EINVAL;
}

static int attached(struct one_off *o, const struct run_values *v, bool tty, struct err *err)
{
	struct session s = {.cli = o->p->cli, .id = o->id, .tty = tty, .in = true};
	mem_cleanup char *target = mem_printf("/containers/%s?force=1&v=1", o->id);
	int r = session_open(&s, false, err);

	view_settle(o->p->view);
	if (r == 0) {
		r = session_start(o->p->cli, o->id);
		if (r == 0)
			r = session_run(&s, err);
	}
	session_close(&s);
	if (v->remove)
		(void)client_call(o->p->cli, "DELETE", target, NULL, NULL, NULL);
	return r;
}

static int run_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct run_values *v = values;
	char *name[] = {operands[0], NULL};
	struct one_off o = {.p = p, .service = operands[0], .def = project_service(p, operands[0])};
	struct converge *c = NULL;
	bool tty = !v->no_tty && !v->detach && term_is(STDIN_FILENO) && term_is(STDOUT_FILENO);
	int r = project_check_names(p, NULL, name, err);

	if (r == 0)
		r = prepare(p, v, name, &c, err);
	if (r == 0)
		r = make(&o, v, operands, tty, c, err);
	if (r == 0 && v->detach) {
		r = session_start(p->cli, o.id);
		if (r == 0)
			printf("%s\n", o.name);
	} else if (r == 0) {
		r = attached(&o, v, tty, err);
	}
	converge_free(c);
	free(o.name);
	free(o.id);
	free(o.body);
	return r;
}

const struct project_command project_run = {
    .name = "run",
    .usage = "SERVICE [COMMAND [ARG...]]",
    .summary = "Run a command in a new container of a service",
    .options = run_options,
    .values_size = sizeof(struct run_values),
    .least = 1,
    .most = CLI_MANY,
    .stop = true,
    .all_profiles = true,
    .run = run_run,
};
#undef V

/* ---- cp ---- */

struct cp_values {
	bool follow_link, archive;
	uint64_t index;
};
#define V(field) offsetof(struct cp_values, field)
static const struct option_spec cp_options[] = {
    {"archive", 'a', OPTION_FLAG, V(archive), NULL, "keep owners"},
    {"follow-link", 'L', OPTION_FLAG, V(follow_link), NULL, "what a link leads to instead of the link"},
    {"index", 0, OPTION_COUNT, V(index), "N", "number of the container (default: the first)"},
    {NULL},
};

/* SERVICE:PATH -> ID:PATH; a path of this machine and "-" stay. */
static int cp_operand(const struct project *p, const struct members *m, const struct cp_values *v, const char *text,
		      char ***words, struct err *err)
{
	size_t n = strcspn(text, ":");
	mem_cleanup char *service = mem_strndup(text, n), *place = NULL;
	char *const name[] = {service, NULL};
	int r;

	if (!text[n] || memchr(text, '/', n)) {
		mem_strv_add(words, text);
		return 0;
	}
	r = project_check_names(p, m, name, err);
	for (size_t i = 0; r == 0 && !place && i < m->n; i++) {
		if (!strcmp(m->v[i].service, service) && !m->v[i].oneoff &&
		    (!v->index || (int64_t)v->index == m->v[i].number))
			place = mem_printf("%s%s", m->v[i].id, text + n);
	}
	if (r == 0 && !place)
		return err_set(err, ESRCH, "service \"%s\" has no container", service);
	if (r == 0)
		mem_strv_add(words, place);
	return r;
}

static int cp_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct cp_values *v = values;
	char **words cleanup_with(mem_strv_freep) = NULL;
	struct members m = MEMBERS_INIT;
	int r = members_read(p, &m, err);

	mem_strv_add(&words, "cp");
	if (v->archive)
		mem_strv_add(&words, "-a");
	if (v->follow_link)
		mem_strv_add(&words, "-L");
	for (char **o = operands; r == 0 && *o; o++)
		r = cp_operand(p, &m, v, *o, &words, err);
	if (r == 0)
		r = ensure_run(p, words, err);
	members_free(&m);
	return r;
}

const struct project_command project_cp = {
    .name = "cp",
    .usage = "SERVICE:PATH PATH|-, or PATH|- SERVICE:PATH",
    .summary = "Copy files from or to the container of a service",
    .options = cp_options,
    .values_size = sizeof(struct cp_values),
    .least = 2,
    .most = 2,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = cp_run,
};
