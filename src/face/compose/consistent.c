/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/consistent.h"

#include "base/core/buf.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"

#include <string.h>

struct whole {
	struct loader *l;
	const struct node *root, *services;
	const struct strings *inactive;
};

static bool is_inactive(const struct whole *w, const char *name)
{
	for (size_t i = 0; i < w->inactive->n; i++)
		if (strcmp(w->inactive->v[i], name) == 0)
			return true;
	return false;
}

/* The map at the top must have the name. */
static void need_name(struct whole *w, const struct node *at, const char *kind, const char *noun, const char *name)
{
	const struct node *all = read_map(w->root, kind);
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	if (node_get(all, name))
		return;
	for (size_t i = 0; all && i < all->n; i++)
		suggest_try(&s, all->items[i]->key->text);
	message_error(w->l, at, "no %s \"%s\" is declared at the top%s", noun, name, suggest_text(&s, text));
}

static void need_service(struct whole *w, const struct node *at, const char *name, bool required)
{
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	if (node_get(w->services, name) || (is_inactive(w, name) && !required))
		return;
	if (is_inactive(w, name)) {
		message_error(w->l, at, "the service \"%s\" is not in an active profile; give --profile NAME", name);
		return;
	}
	for (size_t i = 0; w->services && i < w->services->n; i++)
		suggest_try(&s, w->services->items[i]->key->text);
	message_error(w->l, at, "there is no service \"%s\"%s", name, suggest_text(&s, text));
}

static void check_sources(struct whole *w, const struct node *list, const char *kind, const char *noun)
{
	for (size_t i = 0; list && i < list->n; i++)
		need_name(w, list->items[i], kind, noun, read_str(list->items[i], "source", ""));
}

static void check_volumes(struct whole *w, const struct node *service)
{
	const struct node *volumes = read_list(service, "volumes"), *tmpfs = read_list(service, "tmpfs");

	for (size_t i = 0; volumes && i < volumes->n; i++) {
		const char *source = read_str(volumes->items[i], "source", ""), *target;

		if (*source && strcmp(read_str(volumes->items[i], "type", ""), "volume") == 0)
			need_name(w, volumes->items[i], "volumes", "volume", source);
		target = read_str(volumes->items[i], "target", "");
		for (size_t k = 0; tmpfs && k < tmpfs->n; k++)
			if (strcspn(tmpfs->items[k]->text, ":") == strlen(target) &&
			    strncmp(tmpfs->items[k]->text, target, strlen(target)) == 0)
				message_error(w->l, volumes->items[i], "two mounts at %s", target);
	}
}

static void check_networks(struct whole *w, const struct node *service)
{
	const struct node *networks = read_map(service, "networks"), *mode = node_value(service, "network_mode");
	const char *ref = read_str(service, "network_mode", "");

	if (mode && networks && networks->n)
		message_key_error(w->l, mode, "it cannot stand beside networks");
	for (size_t i = 0; networks && i < networks->n; i++)
		need_name(w, networks->items[i], "networks", "network", networks->items[i]->key->text);
	if (strncmp(ref, "service:", 8) == 0)
		need_service(w, mode, ref + 8, true);
}

static void check_build(struct whole *w, const struct node *service, const struct node *build)
{
	const struct node *platforms = read_list(build, "platforms"), *platform = node_value(service, "platform");
	bool found = !platform || !platforms || platforms->n == 0;

	if (node_value(build, "dockerfile_inline") && node_value(build, "dockerfile"))
		message_key_error(w->l, node_get(build, "dockerfile_inline"), "it cannot stand beside dockerfile");
	for (size_t i = 0; !found && i < platforms->n; i++)
		found = platform->kind == NODE_SCALAR && strcmp(platforms->items[i]->text, platform->text) == 0;
	if (!found)
		message_key_error(w->l, platforms, "the platform of the service is not among them");
	check_sources(w, read_list(build, "secrets"), "secrets", "secret");
}

static void check_health(struct whole *w, const struct node *service)
{
	const struct node *test = read_list(read_map(service, "healthcheck"), "test");
	const char *first = test && test->n ? test->items[0]->text : "NONE";

	if (strcmp(first, "CMD") != 0 && strcmp(first, "CMD-SHELL") != 0 && strcmp(first, "NONE") != 0)
		message_error(w->l, test, "the first word of the list must be CMD, CMD-SHELL or NONE, not \"%s\"",
			      first);
}

static void check_scale(struct whole *w, const struct node *service)
{
	const struct node *deploy = read_map(service, "deploy"), *name = node_value(service, "container_name");
	int64_t scale = read_int(service, "scale", -1), replicas = read_int(deploy, "replicas", -1);

	if (scale >= 0 && replicas >= 0 && scale != replicas)
		message_key_error(w->l, node_get(service, "scale"), "deploy.replicas says %lld; say it once",
				  (long long)replicas);
	if (name && (scale > 1 || (scale < 0 && replicas > 1)))
		message_key_error(w->l, name, "more than one container cannot have the same name");
}

/* A limit in both places must be the same. */
static void check_limits(struct whole *w, const struct node *service)
{
	static const struct {
		const char *key, *group, *other;
		bool (*read)(const char *text, int64_t *ret);
	} pairs[] = {{"cpus", "limits", "cpus", scalar_cpus},
		     {"mem_limit", "limits", "memory", scalar_size},
		     {"mem_reservation", "reservations", "memory", scalar_size},
		     {"pids_limit", "limits", "pids", scalar_int}};
	const struct node *resources = read_map(read_map(service, "deploy"), "resources");

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		const struct node *group = read_map(resources, pairs[i].group);
		const char *here = read_str(service, pairs[i].key, NULL), *there = read_str(group, pairs[i].other, "0");
		int64_t a = 0, b = 0;

		if (here && group && pairs[i].read(here, &a) && pairs[i].read(there, &b) && a && a != b)
			message_key_error(w->l, node_get(service, pairs[i].key),
					  "deploy.resources.%s.%s says something else; say it once", pairs[i].group,
					  pairs[i].other);
	}
}

static void check_depends(struct whole *w, const struct node *service)
{
	const struct node *depends = read_map(service, "depends_on"), *models = read_map(service, "models");

	for (size_t i = 0; depends && i < depends->n; i++)
		need_service(w, depends->items[i], depends->items[i]->key->text,
			     read_bool(depends->items[i], "required", true));
	for (size_t i = 0; models && i < models->n; i++)
		need_name(w, models->items[i], "models", "model", models->items[i]->key->text);
}

static void check_service(struct whole *w, const struct node *service)
{
	const struct node *build = read_map(service, "build");

	if (service->kind != NODE_MAP ||
	    (!build && !*read_str(service, "image", "") && !node_value(service, "provider"))) {
		message_error(w->l, service, "image or build is missing; for example image: busybox:1.36");
		return;
	}
	if (build)
		check_build(w, service, build);
	check_networks(w, service);
	check_volumes(w, service);
	check_sources(w, read_list(service, "configs"), "configs", "config");
	check_sources(w, read_list(service, "secrets"), "secrets", "secret");
	check_health(w, service);
	check_scale(w, service);
	check_limits(w, service);
	check_depends(w, service);
}

/* ---- secrets and configs ---- */

static void check_source(struct whole *w, const struct node *n)
{
	static const char *const keys[] = {"file", "environment", "content"};
	size_t found = 0;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		found += node_value(n, keys[i]) != NULL;
	/* the value of a variable was put in content */
	if (node_value(n, "environment") && node_value(n, "content") && found == 2)
		found = 1;
	if (found > 1)
		message_error(w->l, n, "only one of file, environment and content can be there");
	else if (!found && !node_value(n, "driver") && !read_bool(n, "external", false))
		message_error(w->l, n, "one of file, environment and content is needed; for example {file: ./key.txt}");
}

static void check_all_sources(struct whole *w, const char *kind)
{
	const struct node *all = read_map(w->root, kind);

	for (size_t i = 0; all && i < all->n; i++)
		check_source(w, all->items[i]);
}

static void check_external_volumes(struct whole *w)
{
	static const char *const allowed[] = {"name", "external"};
	const struct node *all = read_map(w->root, "volumes");

	for (size_t i = 0; all && i < all->n; i++) {
		const struct node *v = all->items[i];

		for (size_t k = 0; read_bool(v, "external", false) && k < v->n; k++) {
			const char *key = v->items[k]->key->text;

			if (strcmp(key, allowed[0]) != 0 && strcmp(key, allowed[1]) != 0 && strncmp(key, "x-", 2) != 0)
				message_key_error(w->l, v->items[k], "an external volume has a name only");
		}
	}
}

/* ---- cycles ---- */

enum mark { NEW, OPEN, DONE };

struct walk {
	struct whole *w;
	enum mark *marks;
	size_t *path, *next, depth;
};

static void tell_cycle(const struct walk *walk, const struct node *at, size_t back_to)
{
	struct buf b = BUF_LIMIT(1024);
	struct node *const *services = walk->w->services->items;
	size_t i = 0;

	while (i < walk->depth && walk->path[i] != back_to)
		i++;
	for (; i < walk->depth; i++)
		buf_printf(&b, "%s -> ", services[walk->path[i]]->key->text);
	buf_adds(&b, services[back_to]->key->text);
	message_error(walk->w->l, at, "the services wait for each other: %s", buf_str(&b));
	buf_free(&b);
}

static void push(struct walk *walk, size_t index)
{
	walk->marks[index] = OPEN;
	walk->next[walk->depth] = 0;
	walk->path[walk->depth++] = index;
}

/* True when a cycle was found and told. */
static bool walk_from(struct walk *walk, size_t start)
{
	const struct node *services = walk->w->services;

	push(walk, start);
	while (walk->depth) {
		size_t at = walk->path[walk->depth - 1], edge = walk->next[walk->depth - 1]++;
		const struct node *depends = read_map(services->items[at], "depends_on"), *to;

		if (!depends || edge >= depends->n) {
			walk->marks[at] = DONE;
			walk->depth--;
			continue;
		}
		to = node_get(services, depends->items[edge]->key->text);
		if (to && walk->marks[to->index] == OPEN) {
			tell_cycle(walk, depends->items[edge], to->index);
			return true;
		}
		if (to && walk->marks[to->index] == NEW)
			push(walk, to->index);
	}
	return false;
}

static void check_cycles(struct whole *w)
{
	size_t n = w->services->n;
	struct walk walk = {.w = w,
			    .marks = arena_new_n(&w->l->arena, enum mark, n + 1),
			    .path = arena_new_n(&w->l->arena, size_t, n + 1),
			    .next = arena_new_n(&w->l->arena, size_t, n + 1)};

	for (size_t i = 0; i < n; i++)
		if (walk.marks[i] == NEW && walk_from(&walk, i))
			return;
}

static void check_names(struct whole *w)
{
	for (size_t i = 0; i < w->services->n; i++) {
		const char *name = read_str(w->services->items[i], "container_name", NULL);

		for (size_t k = 0; name && k < i; k++)
			if (strcmp(read_str(w->services->items[k], "container_name", ""), name) == 0)
				message_error(w->l, node_get(w->services->items[i], "container_name"),
					      "the service \"%s\" has this name, too",
					      w->services->items[k]->key->text);
	}
}

void consistent_check(struct loader *l, const struct node *root, const struct strings *inactive)
{
	struct whole w = {.l = l, .root = root, .services = read_map(root, "services"), .inactive = inactive};

	check_all_sources(&w, "secrets");
	check_all_sources(&w, "configs");
	check_external_volumes(&w);
	for (size_t i = 0; w.services && i < w.services->n; i++)
		check_service(&w, w.services->items[i]);
	if (!w.services)
		return;
	check_names(&w);
	check_cycles(&w);
}
