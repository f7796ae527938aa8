/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/normal.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>

/* The map at a key, made when there is none. */
static struct node *map_at(struct loader *l, struct node *parent, const char *key)
{
	struct node *map = node_get(parent, key);

	if (map && map->kind == NODE_MAP)
		return map;
	map = edit_map(l, parent);
	edit_put(l, parent, key, map);
	return map;
}

static void depend(struct loader *l, struct node *service, const struct node *at, const char *on, const char *restart)
{
	struct node *depends = map_at(l, service, "depends_on"), *one;

	if (node_get(depends, on))
		return;
	one = edit_map(l, at);
	edit_put(l, one, "condition", edit_text(l, at, "service_started"));
	if (restart)
		edit_put(l, one, "restart", edit_plain(l, at, restart));
	edit_put(l, one, "required", edit_plain(l, at, "true"));
	edit_put(l, depends, on, one);
}

/* "web:alias" -> "web" */
static char *before_colon(struct loader *l, const char *text)
{
	return arena_strndup(&l->arena, text, strcspn(text, ":"));
}

static void implied_depends(struct loader *l, struct node *service)
{
	static const char *const shared[] = {"network_mode", "ipc", "pid", "uts", "cgroup"};
	static const char prefix[] = "service:";
	const struct node *links = read_list(service, "links"), *from = read_list(service, "volumes_from");

	for (size_t i = 0; links && i < links->n; i++)
		depend(l, service, links->items[i], before_colon(l, links->items[i]->text), "true");
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		const char *ref = read_str(service, shared[i], "");

		if (strncmp(ref, prefix, strlen(prefix)) == 0)
			depend(l, service, node_get(service, shared[i]), ref + strlen(prefix), "true");
	}
	for (size_t i = 0; from && i < from->n; i++)
		if (strncmp(from->items[i]->text, "container:", strlen("container:")) != 0)
			depend(l, service, from->items[i], before_colon(l, from->items[i]->text), NULL);
}

/* True when the service is on the network `default`. */
static bool join_default(struct loader *l, struct node *service)
{
	struct node *networks;

	if (node_value(service, "provider") || node_value(service, "network_mode"))
		return false;
	networks = map_at(l, service, "networks");
	if (networks->n == 0)
		edit_put(l, networks, "default", edit_plain(l, networks, ""));
	return node_get(networks, "default");
}

/* Arguments without a value take it from the environment; those that have none there are not given. */
static void resolve_args(struct loader *l, struct node *args)
{
	for (size_t i = args->n; i > 0; i--) {
		struct node *n = args->items[i - 1];
		const char *value = node_is_null(n) ? loader_variable(l, n->key->text) : NULL;

		if (value)
			edit_put(l, args, n->key->text, edit_text(l, n, value));
		else if (node_is_null(n))
			edit_remove_at(args, i - 1);
	}
}

static void make_build(struct loader *l, struct node *build)
{
	struct node *args = node_value(build, "args");

	if (build->kind != NODE_MAP)
		return;
	if (!node_value(build, "dockerfile") && !node_value(build, "dockerfile_inline"))
		edit_put(l, build, "dockerfile", edit_text(l, build, "Dockerfile"));
	if (args && args->kind == NODE_MAP)
		resolve_args(l, args);
}

static void clean_targets(struct loader *l, const struct node *volumes)
{
	for (size_t i = 0; volumes && i < volumes->n; i++) {
		struct node *target = node_value(volumes->items[i], "target");

		if (target && target->kind == NODE_SCALAR && *target->text)
			target->text = loader_tidy(l, target->text);
	}
}

/* The number of copies is said in both places. */
static void copy_scale(struct loader *l, const struct node *service)
{
	struct node *deploy = node_value(service, "deploy");
	const struct node *scale = node_value(service, "scale");

	if (deploy && deploy->kind == NODE_MAP && scale && scale->kind == NODE_SCALAR &&
	    !node_value(deploy, "replicas"))
		edit_put(l, deploy, "replicas", edit_plain(l, scale, scale->text));
}

static bool make_service(struct loader *l, struct node *service)
{
	struct node *build = node_value(service, "build");

	if (service->kind != NODE_MAP)
		return false;
	if (strcmp(read_str(service, "pull_policy", ""), "if_not_present") == 0)
		edit_put(l, service, "pull_policy", edit_text(l, service, "missing"));
	if (build)
		make_build(l, build);
	copy_scale(l, service);
	implied_depends(l, service);
	clean_targets(l, read_list(service, "volumes"));
	return join_default(l, service);
}

static void name_all(struct loader *l, struct node *root, const char *kind, const char *project)
{
	const struct node *all = read_map(root, kind);

	for (size_t i = 0; all && i < all->n; i++) {
		struct node *n = all->items[i];
		const char *key = n->key->text;

		if (node_is_null(n))
			edit_become(n, NODE_MAP);
		if (n->kind != NODE_MAP || node_value(n, "name"))
			continue;
		edit_put(
		    l, n, "name",
		    edit_text(l, n,
			      read_bool(n, "external", false) ? key : arena_printf(&l->arena, "%s_%s", project, key)));
	}
}

void normal_make(struct loader *l, struct node *root, const char *project)
{
	static const char *const kinds[] = {"networks", "volumes", "configs", "secrets"};
	const struct node *services = read_map(root, "services");
	bool uses_default = false;

	for (size_t i = 0; services && i < services->n; i++)
		uses_default = make_service(l, services->items[i]) || uses_default;
	if (uses_default && !node_get(map_at(l, root, "networks"), "default"))
		edit_put(l, map_at(l, root, "networks"), "default", edit_map(l, root));
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		name_all(l, root, kinds[i], project);
}
