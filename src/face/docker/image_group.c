/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/image_group.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 1024

static struct image_group *group_of(struct image_groups *g, const struct image_info *i)
{
	for (size_t k = 0; k < g->n; k++) {
		if (!strcmp(g->v[k].info->id, i->id))
			return &g->v[k];
	}
	mem_grow(&g->v, &g->cap, g->n);
	g->v[g->n] = (struct image_group){.info = i};
	return &g->v[g->n++];
}

static void add_once(char ***list, const char *text)
{
	for (char **t = *list; t && *t; t++) {
		if (!strcmp(*t, text))
			return;
	}
	mem_strv_add(list, text);
}

/* A tag gives a digest as well: what its repository means by it. */
static void add_name(struct image_group *g, const struct image_info *i)
{
	const char *at = strchr(i->name, '@'), *colon = strrchr(i->name, ':');
	mem_cleanup char *digest = NULL;

	if (!*i->name)
		return;
	if (at) {
		add_once(&g->digests, i->name);
		return;
	}
	mem_strv_add(&g->tags, i->name);
	if (colon && !strchr(colon, '/')) {
		digest = mem_printf("%.*s@%s", (int)(colon - i->name), i->name, i->index ? i->index : i->digest);
		add_once(&g->digests, digest);
	}
}

static int newest_first(const void *a, const void *b)
{
	const struct image_group *x = a, *y = b;

	if (x->info->created_ms != y->info->created_ms)
		return x->info->created_ms < y->info->created_ms ? 1 : -1;
	return strcmp(x->info->id, y->info->id);
}

/* The name with its registry: Docker's order is that of whole names. */
static void whole_name(const char *name, char *text, size_t n)
{
	const char *slash = strchr(name, '/');
	size_t first = slash ? (size_t)(slash - name) : 0;
	bool registry = slash && (memchr(name, '.', first) || memchr(name, ':', first) ||
				  (first == strlen("localhost") && !memcmp(name, "localhost", first)));

	(void)snprintf(text, n, "%s%s", registry ? "" : slash ? "docker.io/" : "docker.io/library/", name);
}

static int by_whole_name(const void *a, const void *b)
{
	char left[NAME_ROOM], right[NAME_ROOM];

	whole_name(*(char *const *)a, left, sizeof left);
	whole_name(*(char *const *)b, right, sizeof right);
	return strcmp(left, right);
}

static void sort_names(char **list)
{
	if (list)
		qsort(list, mem_strv_len(list), sizeof *list, by_whole_name);
}

struct image_groups image_groups_of(struct image_store *s)
{
	struct image_groups g = {.list = image_list_all(s)};

	for (struct image_info **i = g.list; *i; i++)
		add_name(group_of(&g, *i), *i);
	for (size_t k = 0; k < g.n; k++) {
		sort_names(g.v[k].tags);
		sort_names(g.v[k].digests);
	}
	if (g.n > 0)
		qsort(g.v, g.n, sizeof *g.v, newest_first);
	return g;
}

void image_groups_free(struct image_groups *g)
{
	for (size_t k = 0; k < g->n; k++) {
		mem_strv_free(g->v[k].tags);
		mem_strv_free(g->v[k].digests);
	}
	for (struct image_info **i = g->list; i && *i; i++)
		image_info_free(*i);
	free(g->v);
	free(g->list);
	*g = (struct image_groups){.n = 0};
}

const struct image_group *image_groups_find(const struct image_groups *g, const char *id)
{
	for (size_t k = 0; k < g->n; k++) {
		if (!strcmp(g->v[k].info->id, id))
			return &g->v[k];
	}
	return NULL;
}

static void add_list(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, char *const *list)
{
	yyjson_mut_val *arr = yyjson_mut_obj_add_arr(d, o, key);

	for (; list && *list; list++)
		yyjson_mut_arr_add_strcpy(d, arr, *list);
}

void image_group_names(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_group *g)
{
	add_list(d, o, "RepoTags", g ? g->tags : NULL);
	add_list(d, o, "RepoDigests", g ? g->digests : NULL);
}

void image_group_labels(yyjson_mut_doc *d, yyjson_mut_val *o, const struct image_group *g)
{
	yyjson_mut_val *labels = yyjson_mut_obj(d);

	for (char **l = g->info->labels; l && *l; l++) {
		const char *equal = strchr(*l, '=');
		size_t n = equal ? (size_t)(equal - *l) : strlen(*l);

		yyjson_mut_obj_add(labels, yyjson_mut_strncpy(d, *l, n), yyjson_mut_strcpy(d, equal ? equal + 1 : ""));
	}
	yyjson_mut_obj_add_val(d, o, "Labels", labels);
}
