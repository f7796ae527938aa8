/* SPDX-License-Identifier: Apache-2.0 */
/* What people see of node sources. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/fleet.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"

#include <string.h>

void source_view_node(const struct server *s, const char *node, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	const struct source *src = sources_of(s, node);

	if (!src)
		return;
	yyjson_mut_obj_add_str(d, o, "source", src->name);
	yyjson_mut_obj_add_real(d, o, "price", src->spec->price);
	if (src->spec->zone[0])
		yyjson_mut_obj_add_str(d, o, "zone", src->spec->zone);
}

static const char missing_why[] = "it is expected, and has never joined (berth token create)";

void source_view_missing(const struct server *s, yyjson_mut_doc *d, yyjson_mut_val *list)
{
	for (const struct source *src = s->sources->first; src; src = src->next) {
		if (src->coming)
			continue;
		for (char **name = src->spec->nodes; name && *name; name++) {
			yyjson_mut_val *o;

			if (fleet_find(s, *name))
				continue;
			o = yyjson_mut_arr_add_obj(d, list);
			yyjson_mut_obj_add_strcpy(d, o, "name", *name);
			yyjson_mut_obj_add_str(d, o, "state", "missing");
			yyjson_mut_obj_add_str(d, o, "reason", missing_why);
			yyjson_mut_obj_add_bool(d, o, "connected", false);
			source_view_node(s, *name, d, o);
		}
	}
}

static void add_machine(const struct machine *m, yyjson_mut_doc *d, yyjson_mut_val *list)
{
	const struct server *s = m->source->server;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);
	struct sched_node_view v;

	yyjson_mut_obj_add_str(d, o, "node", m->node);
	yyjson_mut_obj_add_str(d, o, "state", machine_states[m->state]);
	yyjson_mut_obj_add_int(d, o, "since_ms", m->since_ms);
	if (m->id)
		yyjson_mut_obj_add_str(d, o, "id", m->id);
	if (m->source->spec->kind == SOURCE_SSH && m->index <= mem_strv_len(m->source->spec->hosts))
		yyjson_mut_obj_add_str(d, o, "host", m->source->spec->hosts[m->index - 1]);
	if (m->error)
		yyjson_mut_obj_add_str(d, o, "error", m->error);
	if (m->retry_ms > server_now(s))
		yyjson_mut_obj_add_int(d, o, "retry_ms", m->retry_ms);
	if ((m->state == MACHINE_UP || m->state == MACHINE_DRAINING) && fleet_view(s, m->node, &v))
		yyjson_mut_obj_add_uint(d, o, "attempts", v.live);
}

/* One that is expected: as its node is. */
static void add_expected(const struct server *s, const char *name, yyjson_mut_doc *d, yyjson_mut_val *list)
{
	const struct node *n = fleet_find(s, name);
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);
	struct sched_node_view v;
	bool up = n && fleet_view(s, name, &v) && v.up;

	yyjson_mut_obj_add_strcpy(d, o, "node", name);
	yyjson_mut_obj_add_str(d, o, "state", up ? "up" : n ? "down" : "missing");
	if (!n)
		yyjson_mut_obj_add_str(d, o, "error", missing_why);
	else if (!up)
		yyjson_mut_obj_add_strcpy(d, o, "error",
					  n->lost && n->why ? n->why : "it has not come since the server was started");
}

static uint32_t count_up(const struct server *s, const struct source *src)
{
	struct sched_node_view v;
	uint32_t up = 0;

	for (size_t i = 0; i < src->n; i++)
		up += src->machines[i]->state == MACHINE_UP && !src->machines[i]->lost_ms;
	for (char **name = src->spec->nodes; name && *name; name++)
		up += fleet_view(s, *name, &v) && v.up;
	return up;
}

static const char *state_of(const struct source *src)
{
	return src->leaving ? "leaving" : src->paused ? "paused" : "active";
}

static void add_source(const struct source *src, bool all, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	const struct server *s = src->server;
	const struct source_spec *spec = src->spec;
	yyjson_mut_val *list;

	yyjson_mut_obj_add_str(d, o, "name", src->name);
	yyjson_mut_obj_add_str(d, o, "kind", source_spec_kinds[spec->kind]);
	yyjson_mut_obj_add_str(d, o, "policy",
			       spec->kind == SOURCE_STATIC ? "" : source_spec_policies[spec->policy.kind]);
	yyjson_mut_obj_add_str(d, o, "state", state_of(src));
	yyjson_mut_obj_add_uint(d, o, "up", count_up(s, src));
	yyjson_mut_obj_add_uint(d, o, "wanted", spec->kind == SOURCE_STATIC ? source_spec_limit(spec) : src->wanted);
	yyjson_mut_obj_add_uint(d, o, "min", spec->min);
	yyjson_mut_obj_add_uint(d, o, "max", source_spec_limit(spec));
	yyjson_mut_obj_add_int(d, o, "order", spec->order);
	yyjson_mut_obj_add_real(d, o, "price", spec->price);
	yyjson_mut_obj_add_str(d, o, "zone", spec->zone);
	if (src->retry_ms > server_now(s))
		yyjson_mut_obj_add_int(d, o, "retry_ms", src->retry_ms);
	if (src->bad_formula)
		yyjson_mut_obj_add_str(d, o, "trouble",
				       "policy.formula: the result is no number (a division by zero?)");
	else if (src->trouble)
		yyjson_mut_obj_add_strcpy(d, o, "trouble", src->trouble);
	list = yyjson_mut_obj_add_arr(d, o, "nodes");
	for (size_t i = 0; i < src->n; i++)
		add_machine(src->machines[i], d, list);
	for (char **name = spec->nodes; name && *name; name++)
		add_expected(s, *name, d, list);
	if (all)
		yyjson_mut_obj_add_val(d, o, "spec", yyjson_mut_raw(d, src->json));
}

char *server_sources_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);

	yyjson_mut_doc_set_root(d, list);
	for (const struct source *src = s->sources->first; src; src = src->next) {
		if (!src->coming)
			add_source(src, false, d, yyjson_mut_arr_add_obj(d, list));
	}
	return json_text(d, false, NULL);
}

int server_source_json(struct server *s, const char *name, char **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	const struct source *src = sources_named(s, name);

	if (!src)
		return err_set(err, ENOENT, "there is no node source \"%.80s\" (berth source ls)", name);
	yyjson_mut_doc_set_root(d, o);
	add_source(src, true, d, o);
	*ret = json_text(d, false, NULL);
	return 0;
}
