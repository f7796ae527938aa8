/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/select.h"

#include "face/compose/compose_project.h"
#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/suggest.h"

#include <stdlib.h>
#include <string.h>

static bool has(const struct strings *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], text) == 0)
			return true;
	return false;
}

static void add_once(struct arena *a, struct strings *s, const char *text)
{
	if (!has(s, text))
		strings_add(a, s, text);
}

static bool is_active(const struct node *service, const struct strings *active)
{
	const struct node *profiles = read_list(service, "profiles");

	if (!profiles || !profiles->n || has(active, "*"))
		return true;
	for (size_t i = 0; i < profiles->n; i++)
		if (has(active, profiles->items[i]->text))
			return true;
	return false;
}

static void tell_no_service(struct loader *l, const struct node *services, const char *name)
{
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	for (size_t i = 0; services && i < services->n; i++)
		suggest_try(&s, services->items[i]->key->text);
	message_place_error(l, 0, 0, "there is no service \"%s\"%s", name, suggest_text(&s, text));
}

/* What the user activated, and the profiles of services that the user named. */
static void active_profiles(struct loader *l, const struct node *services, char *const *named, struct strings *active)
{
	for (char *const *p = l->profiles; p && *p; p++)
		strings_add(&l->arena, active, *p);
	for (; named && *named; named++) {
		const struct node *service = node_get(services, *named), *profiles = read_list(service, "profiles");

		if (!service)
			tell_no_service(l, services, *named);
		for (size_t i = 0; profiles && !is_active(service, active) && i < profiles->n; i++)
			strings_add(&l->arena, active, profiles->items[i]->text);
	}
}

/* Marks what the named services depend on: `wanted` grows while it is walked. */
static void want(struct loader *l, const struct node *services, char *const *named, struct strings *wanted)
{
	for (; named && *named; named++)
		add_once(&l->arena, wanted, *named);
	for (size_t i = 0; i < wanted->n; i++) {
		const struct node *depends = read_map(node_get(services, wanted->v[i]), "depends_on");

		for (size_t k = 0; depends && k < depends->n; k++)
			add_once(&l->arena, wanted, depends->items[k]->key->text);
	}
}

/* Removes those that are not kept: by profile (wanted NULL), or not wanted. */
static void keep(struct loader *l, struct node *services, const struct strings *active, const struct strings *wanted,
		 struct strings *ret_inactive)
{
	for (size_t i = services->n; i > 0; i--) {
		struct node *s = services->items[i - 1];

		if (wanted ? has(wanted, s->key->text) : is_active(s, active))
			continue;
		strings_add(&l->arena, ret_inactive, s->key->text);
		edit_remove_at(services, i - 1);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, by_text);
}

void select_services(struct loader *l, struct node *root, const struct compose_project_options *o,
		     struct strings *ret_profiles, struct strings *ret_inactive)
{
	struct node *services = (struct node *)read_map(root, "services");
	struct strings active = {0}, wanted = {0};

	for (size_t i = 0; services && i < services->n; i++) {
		const struct node *profiles = read_list(services->items[i], "profiles");

		for (size_t k = 0; profiles && k < profiles->n; k++)
			add_once(&l->arena, ret_profiles, profiles->items[k]->text);
	}
	sort(ret_profiles);
	active_profiles(l, services, o->services, &active);
	if (!services)
		return;
	keep(l, services, &active, NULL, ret_inactive);
	if (o->only_services && o->services && *o->services) {
		want(l, services, o->services, &wanted);
		keep(l, services, &active, &wanted, ret_inactive);
	}
	sort(ret_inactive);
}

/* ---- what nobody uses ---- */

static void add_sources(struct arena *a, struct strings *used, const struct node *list, const char *type)
{
	for (size_t i = 0; list && i < list->n; i++) {
		const char *source = read_str(list->items[i], "source", NULL);

		if (source && (!type || strcmp(read_str(list->items[i], "type", ""), type) == 0))
			add_once(a, used, source);
	}
}

static void add_keys(struct arena *a, struct strings *used, const struct node *map)
{
	for (size_t i = 0; map && i < map->n; i++)
		add_once(a, used, map->items[i]->key->text);
}

static void drop_unused(struct node *root, const char *kind, const struct strings *used)
{
	struct node *all = (struct node *)read_map(root, kind);

	for (size_t i = all ? all->n : 0; i > 0; i--)
		if (!has(used, all->items[i - 1]->key->text))
			edit_remove_at(all, i - 1);
}

void select_resources(struct loader *l, struct node *root)
{
	const struct node *services = read_map(root, "services");
	struct strings networks = {0}, volumes = {0}, secrets = {0}, configs = {0}, models = {0};
	struct arena *a = &l->arena;

	for (size_t i = 0; services && i < services->n; i++) {
		const struct node *s = services->items[i];

		add_keys(a, &networks, read_map(s, "networks"));
		add_keys(a, &models, read_map(s, "models"));
		add_sources(a, &volumes, read_list(s, "volumes"), "volume");
		add_sources(a, &secrets, read_list(s, "secrets"), NULL);
		add_sources(a, &secrets, read_list(read_map(s, "build"), "secrets"), NULL);
		add_sources(a, &configs, read_list(s, "configs"), NULL);
	}
	drop_unused(root, "networks", &networks);
	drop_unused(root, "volumes", &volumes);
	drop_unused(root, "secrets", &secrets);
	drop_unused(root, "configs", &configs);
	drop_unused(root, "models", &models);
}
