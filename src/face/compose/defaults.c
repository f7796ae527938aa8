/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/defaults.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>

/* Sets the key when it is missing or null. */
static void put_missing(struct loader *l, struct node *map, const char *key, struct node *value)
{
	if (map->kind == NODE_MAP && !node_value(map, key))
		edit_put(l, map, key, value);
}

static void of_port(struct loader *l, struct node *port)
{
	put_missing(l, port, "protocol", edit_text(l, port, "tcp"));
	put_missing(l, port, "mode", edit_text(l, port, "ingress"));
}

static void of_secret(struct loader *l, struct node *secret)
{
	const char *source = read_str(secret, "source", "");

	put_missing(l, secret, "target", edit_text(l, secret, arena_printf(&l->arena, "/run/secrets/%s", source)));
}

static void of_env_file(struct loader *l, struct node *file)
{
	put_missing(l, file, "required", edit_plain(l, file, "true"));
}

static void of_devices(struct loader *l, struct node *request)
{
	if (!node_get(request, "device_ids"))
		put_missing(l, request, "count", edit_text(l, request, "all"));
}

static void of_depends(struct loader *l, struct node *on)
{
	if (node_is_null(on))
		edit_become(on, NODE_MAP);
	put_missing(l, on, "condition", edit_text(l, on, "service_started"));
	put_missing(l, on, "required", edit_plain(l, on, "true"));
}

static void of_build(struct loader *l, struct node *build)
{
	put_missing(l, build, "context", edit_text(l, build, l->no_paths ? "." : l->directory));
}

/* A variable that is named alone has the value that it has here. */
static void resolve(struct loader *l, struct node *variable)
{
	const char *value = node_is_null(variable) ? loader_variable(l, variable->key->text) : NULL;

	if (!value)
		return;
	variable->text = arena_strdup(&l->arena, value);
	variable->plain = false;
}

static void each(struct loader *l, const struct node *n, void (*set)(struct loader *l, struct node *item))
{
	for (size_t i = 0; n && i < n->n; i++)
		set(l, n->items[i]);
}

static void of_service(struct loader *l, struct node *service)
{
	const struct node *reservations = read_map(read_map(read_map(service, "deploy"), "resources"), "reservations");
	struct node *build = node_value(service, "build");

	each(l, read_list(service, "ports"), of_port);
	each(l, read_list(service, "secrets"), of_secret);
	each(l, read_list(service, "env_file"), of_env_file);
	each(l, read_list(service, "gpus"), of_devices);
	each(l, read_list(reservations, "devices"), of_devices);
	each(l, read_map(service, "depends_on"), of_depends);
	each(l, read_map(service, "environment"), resolve);
	if (build)
		of_build(l, build);
}

/* A volume that is a bind mount in truth. */
static void of_volume(struct loader *l, struct node *volume)
{
	const struct node *options = read_map(volume, "driver_opts");
	struct node *device = node_value(options, "device");

	if (device && device->kind == NODE_SCALAR && strcmp(read_str(volume, "driver", ""), "local") == 0 &&
	    strcmp(read_str(options, "o", ""), "bind") == 0)
		loader_absolute(l, device);
}

/* What the variable holds; project_json.h writes it only when it is asked for. */
static void of_source(struct loader *l, struct node *source)
{
	const char *name = read_str(source, "environment", NULL), *value = name ? loader_variable(l, name) : NULL;

	if (value)
		put_missing(l, source, "content", edit_text(l, source, value));
}

void defaults_set(struct loader *l, struct node *root)
{
	each(l, read_map(root, "services"), of_service);
	each(l, read_map(root, "volumes"), of_volume);
	each(l, read_map(root, "secrets"), of_source);
	each(l, read_map(root, "configs"), of_source);
}
