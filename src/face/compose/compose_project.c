/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a load, in order. As many errors as possible are told in one run, but each step needs what the one
 * before it made: the first one with errors is the last.
 */
#include "face/compose/compose_project.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/consistent.h"
#include "face/compose/edit.h"
#include "face/compose/interpolate.h"
#include "face/compose/loader.h"
#include "face/compose/normal.h"
#include "face/compose/params.h"
#include "face/compose/project.h"
#include "face/compose/project_json.h"
#include "face/compose/read.h"
#include "face/compose/resolve.h"
#include "face/compose/select.h"
#include "face/compose/sources.h"
#include "face/compose/tree.h"
#include "face/compose/yaml.h"

#include <stdlib.h>
#include <string.h>

#define JSON_BYTES_MAX (32u << 20)
#define TEXT_BUDGET (16u << 20)
#define SERVICES_MAX 10000
#define NAME_MAX_BYTES 200

struct load {
	struct loader l;
	const struct compose_project_options *o;
	struct compose_options base; /* what the parts shared with jobs look at */
	struct sources sources;
	struct tree tree;
	struct param name;
	struct node *root;
	struct strings profiles, inactive;
};

static bool failed(const struct load *d)
{
	return d->l.messages->n_errors > 0;
}

/* The last `name:` of the files, with variables replaced, or NULL. */
static const struct node *name_in_files(struct load *d)
{
	struct node *found = NULL, *n;

	for (size_t i = 0; i < d->sources.n; i++) {
		n = node_value(d->sources.files[i].root, "name");
		if (n && n->kind == NODE_SCALAR && *n->text)
			found = n;
	}
	if (found && !d->l.no_interpolate)
		interpolate_node(&d->l, found);
	return found;
}

static void check_name(struct load *d, const struct node *at, const char *from, const char *name)
{
	static const char why[] =
	    "is no name of a project: a-z, 0-9, \"_\" and \"-\" are possible, a letter or digit first";

	if (project_name_ok(name, NAME_MAX_BYTES))
		return;
	if (at)
		message_error(&d->l, at, "\"%s\" %s", name, why);
	else
		message_place_error(&d->l, 0, 0, "%s \"%s\" %s", from, name, why);
}

/* The name wins over the variable of the environment from now on. */
static void set_name(struct load *d)
{
	struct loader *l = &d->l;
	const char *name = d->o->project, *from = "--project-name";
	const struct node *at = NULL;

	if (!name || !*name) {
		name = loader_variable(l, "COMPOSE_PROJECT_NAME");
		from = "COMPOSE_PROJECT_NAME";
	}
	if (!name || !*name) {
		at = name_in_files(d);
		name = at ? at->text : project_name_of_directory(l, NAME_MAX_BYTES);
	}
	if (!name || !*name) {
		message_place_error(l, 0, 0, "the directory's name cannot be that of a project; give one with -p NAME");
		return;
	}
	check_name(d, at, from, name);
	d->name = (struct param){.name = "COMPOSE_PROJECT_NAME", .value = name};
	l->params = &d->name;
	l->n_params = 1;
}

static void parse_files(struct load *d)
{
	for (size_t i = 0; i < d->sources.n; i++)
		if (!tree_parse(&d->tree, &d->sources.files[i]))
			return;
}

static void make_tree(struct load *d)
{
	struct loader *l = &d->l;
	struct node *services;

	d->root = tree_load(&d->tree, d->sources.files, d->sources.n);
	if (!d->root || failed(d))
		return;
	edit_remove(d->root, "version");
	services = node_get(d->root, "services");
	if (!services || node_is_null(services))
		edit_put(l, d->root, "services", edit_map(l, d->root));
	else if (services->n > SERVICES_MAX)
		message_error(l, services, "%zu services; %d are possible", services->n, SERVICES_MAX);
	edit_put(l, d->root, "name", edit_text(l, d->root, d->name.value));
	node_link(d->root);
	if (!d->o->no_normalize)
		normal_make(l, d->root, d->name.value);
}

static void choose(struct load *d)
{
	struct loader *l = &d->l;
	const struct node *services;

	project_profiles(l);
	select_services(l, d->root, d->o, &d->profiles, &d->inactive);
	node_link(d->root);
	if (!d->o->no_consistency && !failed(d))
		consistent_check(l, d->root, &d->inactive);
	services = read_map(d->root, "services");
	for (size_t i = 0; !d->o->no_env_files && !failed(d) && services && i < services->n; i++)
		resolve_files(l, services->items[i]);
	if (!d->o->all_resources && !failed(d))
		select_resources(l, d->root);
}

static void run(struct load *d)
{
	void (*const steps[])(struct load * d) = {parse_files, set_name, make_tree, choose};

	sources_find(&d->l, d->o, &d->sources);
	if (!d->sources.n && !failed(d))
		return;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && !failed(d); i++)
		steps[i](d);
}

static char **copy_list(char *const *v)
{
	char **copy = NULL;

	for (; v && *v; v++)
		mem_strv_add(&copy, *v);
	return copy;
}

/* What the user's environment does not have comes after it. */
static char **whole_environment(const struct load *d)
{
	char **all = copy_list(d->o->env);

	for (char *const *v = d->l.dotenv; v && *v; v++)
		mem_strv_add(&all, *v);
	return all;
}

static void fill(const struct load *d, struct compose_project *ret)
{
	for (size_t i = 0; i < d->sources.n; i++)
		mem_strv_add(&ret->files, d->sources.files[i].path);
	ret->name = mem_strdup(d->name.value);
	ret->directory = mem_strdup(d->l.directory);
	ret->env_files = copy_list(d->sources.env_files);
	ret->environment = whole_environment(d);
	ret->inactive = copy_list(d->inactive.v);
	ret->profiles = copy_list(d->profiles.v);
}

static int first_error(const struct compose_messages *m, struct err *err)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].level == COMPOSE_ERROR)
			return err_set(err, EINVAL, "%s", m->items[i].text);
	return err_set(err, EINVAL, "the project is wrong");
}

static int finish(struct load *d, struct compose_project *ret, struct err *err)
{
	mem_cleanup char *json = NULL;
	size_t len;

	if (d->sources.n == 1)
		messages_sort(d->l.messages);
	if (failed(d))
		return first_error(d->l.messages, err);
	if (!d->sources.n)
		return err_set(
		    err, ENOENT,
		    "there is no compose.yaml, compose.yml, docker-compose.yml or docker-compose.yaml in %s or "
		    "a directory above it; name one with -f FILE",
		    d->l.directory);
	json = project_json(&d->l, d->root, d->o->contents, &len);
	if (len > JSON_BYTES_MAX)
		return err_set(err, E2BIG, "the project has %zu bytes as JSON; the limit is %u (32 MiB)", len,
			       JSON_BYTES_MAX);
	fill(d, ret);
	ret->json = mem_take(json);
	ret->len = len;
	return 0;
}

static void init(struct load *d, const struct compose_project_options *o, struct compose_messages *messages)
{
	*d = (struct load){.o = o,
			   .base = {.file = "compose.yaml", .profiles = o->profiles, .env = o->env},
			   .l = {.messages = messages,
				 .merges = true,
				 .no_interpolate = o->no_interpolate,
				 .no_paths = o->no_paths,
				 .node_budget = YAML_NODES_MAX,
				 .text_budget = TEXT_BUDGET}};
	d->l.options = &d->base;
	d->l.file_name = arena_strdup(&d->l.arena, "compose");
	d->tree.l = &d->l;
}

int compose_project_load(const struct compose_project_options *o, struct compose_project *ret,
			 struct compose_messages *ret_messages, struct err *err)
{
	struct load d;
	int r;

	init(&d, o, ret_messages);
	run(&d);
	r = finish(&d, ret, err);
	arena_free(&d.l.arena);
	return r;
}

int compose_project_name(const struct compose_project_options *o, struct compose_project *ret, struct err *err)
{
	compose_messages_cleanup struct compose_messages messages = COMPOSE_MESSAGES_INIT;
	struct load d;
	int r = 0;

	init(&d, o, &messages);
	sources_find(&d.l, o, &d.sources);
	d.sources.n = 0;
	if (!failed(&d))
		set_name(&d);
	if (failed(&d)) {
		r = first_error(&messages, err);
	} else {
		ret->name = mem_strdup(d.name.value);
		ret->directory = mem_strdup(d.l.directory);
		ret->environment = whole_environment(&d);
	}
	arena_free(&d.l.arena);
	return r;
}

void compose_project_free(struct compose_project *p)
{
	char **const lists[] = {p->files, p->env_files, p->environment, p->inactive, p->profiles};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		mem_strv_free(lists[i]);
	free(p->name);
	free(p->directory);
	free(p->json);
	*p = (struct compose_project)COMPOSE_PROJECT_INIT;
}
