/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/project.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/show.h"

#include <stdlib.h>
#include <string.h>

/* ---- containers ---- */

void members_free(struct members *m)
{
	yyjson_doc_free(m->doc);
	free(m->v);
	*m = (struct members)MEMBERS_INIT;
}

const char *member_label(const struct member *m, const char *name)
{
	mem_cleanup char *key = mem_printf(PROJECT_LABEL "%s", name);

	return show_str(yyjson_obj_get(m->json, "Labels"), key, "");
}

bool member_runs(const struct member *m)
{
	return !strcmp(m->state, "running") || !strcmp(m->state, "paused") || !strcmp(m->state, "restarting");
}

static int by_number(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = strcmp(x->service, y->service);

	if (r == 0)
		r = (int)x->oneoff - (int)y->oneoff;
	return r ? r : (x->number > y->number) - (x->number < y->number);
}

static void add_member(struct members *list, yyjson_val *o)
{
	const char *name = yyjson_get_str(yyjson_arr_get_first(yyjson_obj_get(o, "Names")));
	struct member *m;

	mem_grow(&list->v, &list->cap, list->n);
	m = &list->v[list->n++];
	m->json = o;
	m->id = show_str(o, "Id", "");
	m->name = !name ? m->id : name + (*name == '/');
	m->image = show_str(o, "Image", "");
	m->image_id = show_str(o, "ImageID", "");
	m->state = show_str(o, "State", "");
	m->status = show_str(o, "Status", "");
	m->service = member_label(m, "service");
	m->hash = member_label(m, "config-hash");
	m->number = strtoll(member_label(m, "container-number"), NULL, 10);
	m->oneoff = !strcasecmp(member_label(m, "oneoff"), "true");
}

char *project_filter(const struct project *p, const char *type)
{
	mem_cleanup char *plain = mem_printf("{\"label\":[\"" PROJECT_LABEL "project=%s\"]%s%s%s}", p->name,
					     type ? ",\"type\":[\"" : "", type ? type : "", type ? "\"]" : "");

	return http_url_encode(plain);
}

int members_read(struct project *p, struct members *ret, struct err *err)
{
	mem_cleanup char *filter = project_filter(p, NULL);
	mem_cleanup char *target = mem_printf("/containers/json?all=1&filters=%s", filter);
	struct members m = MEMBERS_INIT;
	yyjson_val *o;
	size_t i, n;
	int r = client_call(p->cli, "GET", target, NULL, &m.doc, err);

	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_doc_get_root(m.doc), i, n, o) {
		add_member(&m, o);
	}
	if (m.n)
		qsort(m.v, m.n, sizeof *m.v, by_number);
	*ret = m;
	return 0;
}

/* ---- services ---- */

yyjson_val *project_service(const struct project *p, const char *name)
{
	return yyjson_obj_get(p->services, name);
}

bool project_is_inactive(const struct project *p, const char *service)
{
	for (char **s = p->inactive; s && *s; s++) {
		if (!strcmp(*s, service))
			return true;
	}
	return false;
}

const char *project_real_name(const struct project *p, const char *section, const char *key)
{
	yyjson_val *root = p->doc ? yyjson_doc_get_root(p->doc) : NULL;

	return show_str(yyjson_obj_get(yyjson_obj_get(root, section), key), "name", key);
}

bool project_in(char *const *names, const char *name)
{
	if (!names || !*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(*names, name))
			return true;
	}
	return false;
}

static bool is_member_service(const struct members *m, const char *name)
{
	for (size_t i = 0; m && i < m->n; i++) {
		if (!strcmp(m->v[i].service, name))
			return true;
	}
	return false;
}

int project_check_names(const struct project *p, const struct members *m, char *const *names, struct err *err)
{
	for (; names && *names; names++) {
		if (!project_service(p, *names) && (p->doc || !is_member_service(m, *names)))
			return err_set(err, ENOENT, "no such service: %s", *names);
	}
	return 0;
}

/* "db:service_started:false,cache:service_healthy:true" */
static void label_deps(const char *text, project_dep_fn fn, void *ctx)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		mem_cleanup char *one = mem_strndup(text, n);
		char *save = NULL, *name = strtok_r(one, ":", &save), *condition = strtok_r(NULL, ":", &save);
		char *restart = strtok_r(NULL, ":", &save);

		if (name)
			fn(ctx, name, condition ? condition : "service_started", true,
			   restart && !strcmp(restart, "true"));
		text += n + (text[n] == ',');
	}
}

void project_deps(const struct project *p, const struct members *m, const char *service, project_dep_fn fn, void *ctx)
{
	yyjson_val *s = project_service(p, service), *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(s, "depends_on"), i, n, key, val) {
		yyjson_val *required = yyjson_obj_get(val, "required");

		fn(ctx, yyjson_get_str(key), show_str(val, "condition", "service_started"),
		   !required || yyjson_is_true(required), show_bool(val, "restart"));
	}
	for (i = 0; !s && m && i < m->n; i++) {
		if (!strcmp(m->v[i].service, service) && !m->v[i].oneoff) {
			label_deps(member_label(&m->v[i], "depends_on"), fn, ctx);
			return;
		}
	}
}

struct order {
	const struct project *p;
	const struct members *m;
	char **names;
	bool alone;
	struct map seen; /* name -> this (on the way) or "" (done) */
	char **list;
	int r;
	struct err *err;
	const char *at;
};

static bool known(const struct order *o, const char *name)
{
	return project_service(o->p, name) || is_member_service(o->m, name);
}

static void visit(struct order *o, const char *name);

static void visit_dep(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct order *o = ctx;

	(void)condition;
	(void)restart;
	if (!known(o, name)) {
		if (required && o->p->doc && o->r == 0 && !o->alone)
			o->r = err_set(o->err, ENOENT, "service %s depends on %s, which is not there", o->at, name);
		return;
	}
	visit(o, name);
}

static void visit(struct order *o, const char *name)
{
	const char *seen = map_get(&o->seen, name), *before = o->at;

	if (o->r < 0 || (seen && !*seen))
		return;
	if (seen) {
		o->r = err_set(o->err, ELOOP, "dependency cycle: service %s depends on itself", name);
		return;
	}
	map_put(&o->seen, name, (void *)"?");
	o->at = name;
	project_deps(o->p, o->m, name, visit_dep, o);
	o->at = before;
	map_put(&o->seen, name, (void *)"");
	mem_strv_add(&o->list, name);
}

/* With `alone` the order is that of all, but only those that are wanted stay. */
static void keep_wanted(struct order *o)
{
	size_t n = 0;

	for (size_t i = 0; o->list && o->list[i]; i++) {
		if (project_in(o->names, o->list[i]))
			o->list[n++] = o->list[i];
		else
			free(o->list[i]);
	}
	if (o->list)
		o->list[n] = NULL;
}

char **project_order(const struct project *p, const struct members *m, char *const *names, bool alone, struct err *err)
{
	struct order o = {.p = p, .m = m, .names = (char **)names, .alone = alone, .err = err};
	bool all = !names || !*names || alone;
	yyjson_val *key, *val;
	size_t i, n;

	o.list = mem_new_n(char *, 1);
	yyjson_obj_foreach (p->services, i, n, key, val) {
		if (val && (all || project_in(names, yyjson_get_str(key))))
			visit(&o, yyjson_get_str(key));
	}
	for (i = 0; m && i < m->n; i++) {
		if (all || project_in(names, m->v[i].service))
			visit(&o, m->v[i].service);
	}
	map_free(&o.seen);
	if (o.r == 0 && alone)
		keep_wanted(&o);
	if (o.r == 0)
		return o.list;
	mem_strv_free(o.list);
	return NULL;
}
