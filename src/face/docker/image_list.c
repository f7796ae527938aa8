/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container_filter.h"
#include "face/docker/docker_private.h"
#include "face/docker/image_group.h"
#include "face/docker/volume_group.h"
#include "node/engine/engine.h"

#include <fnmatch.h>
#include <string.h>

/* ---- filters ---- */

/* A pattern without a tag means all of them: "busybox", "busybox:1.*". Digests ("busybox@sha256:...") are no tags. */
static bool name_fits(const char *name, const char *pattern)
{
	const char *end = strchr(name, '@') ? strchr(name, '@') : strrchr(name, ':');
	mem_cleanup char *repo = end ? mem_strndup(name, (size_t)(end - name)) : mem_strdup(name);

	return fnmatch(pattern, name, FNM_PATHNAME) == 0 || fnmatch(pattern, repo, FNM_PATHNAME) == 0;
}

static bool reference_fits(const struct image_group *g, const char *pattern)
{
	for (char **t = g->tags; t && *t; t++) {
		if (name_fits(*t, pattern))
			return true;
	}
	return false;
}

/* Whoever asks for names gets those alone. */
static void keep_names(char **names, const struct docker_filters *f, const char *name)
{
	char **kept = names;
	const char *value;

	for (char **n = names; n && *n; n++) {
		bool fits = name && name_fits(*n, name);

		for (size_t i = 0; !fits && (value = docker_filter(f, "reference", i)); i++)
			fits = name_fits(*n, value);
		if (fits)
			*kept++ = *n;
		else
			free(*n);
	}
	if (names)
		*kept = NULL;
}

/* "key" or "key=value" */
static bool label_fits(const struct image_group *g, const char *wanted)
{
	size_t n = strlen(wanted);

	for (char **l = g->info->labels; l && *l; l++) {
		if (!strcmp(*l, wanted) || (!strchr(wanted, '=') && !strncmp(*l, wanted, n) && (*l)[n] == '='))
			return true;
	}
	return false;
}

static bool is_dangling(const struct image_group *g)
{
	return !g->tags && !g->digests;
}

/* What the filters "before" and "since", names of images, come to: times in ms. */
struct span {
	int64_t after, before;
};

static int span_image(struct image_store *s, const char *name, int64_t *ret, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	int r = image_find(s, name, &info, err);

	if (r == 0)
		*ret = info->created_ms;
	return r;
}

static int check_dangling(const struct docker_filters *f, struct err *err)
{
	static const char *const known[] = {"0", "1", "true", "false"};
	const char *value = docker_filter(f, "dangling", 0);
	size_t i = 0;

	while (value && i < sizeof known / sizeof *known && strcmp(value, known[i]) != 0)
		i++;
	return i < sizeof known / sizeof *known ? 0 : err_set(err, EINVAL, "invalid filter 'dangling=[%.100s]'", value);
}

/* Of several values each one counts. */
static int span_read(struct image_store *s, const struct docker_filters *f, struct span *ret, struct err *err)
{
	const char *value;
	int64_t ms;
	int r = 0;

	*ret = (struct span){.after = INT64_MIN, .before = INT64_MAX};
	for (size_t i = 0; r == 0 && (value = docker_filter(f, "before", i)); i++) {
		r = span_image(s, value, &ms, err);
		if (r == 0 && ms < ret->before)
			ret->before = ms;
	}
	for (size_t i = 0; r == 0 && (value = docker_filter(f, "since", i)); i++) {
		r = span_image(s, value, &ms, err);
		if (r == 0 && ms > ret->after)
			ret->after = ms;
	}
	return r;
}

static bool fits(const struct image_group *g, const struct docker_filters *f, const struct span *span)
{
	const char *dangling = docker_filter(f, "dangling", 0), *value;
	bool referenced = !docker_filter(f, "reference", 0);

	if (g->info->created_ms <= span->after || g->info->created_ms >= span->before)
		return false;
	if (dangling && is_dangling(g) != (!strcmp(dangling, "true") || !strcmp(dangling, "1")))
		return false;
	for (size_t i = 0; (value = docker_filter(f, "label", i)); i++) {
		if (!label_fits(g, value))
			return false;
	}
	for (size_t i = 0; !referenced && (value = docker_filter(f, "reference", i)); i++)
		referenced = reference_fits(g, value);
	return referenced;
}

/* ---- the list ---- */

static void add_image(yyjson_mut_doc *d, yyjson_mut_val *list, const struct image_group *g, unsigned minor)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

	yyjson_mut_obj_add_strcpy(d, o, "Id", g->info->id);
	yyjson_mut_obj_add_str(d, o, "ParentId", "");
	image_group_names(d, o, g);
	/* Older clients show what has no name by these words. */
	if (!age_since(minor, DOCKER_NO_NONE_TAGS) && is_dangling(g)) {
		yyjson_mut_arr_add_str(d, yyjson_mut_obj_get(o, "RepoTags"), "<none>:<none>");
		yyjson_mut_arr_add_str(d, yyjson_mut_obj_get(o, "RepoDigests"), "<none>@<none>");
	}
	yyjson_mut_obj_add_int(d, o, "Created", g->info->created_ms / 1000);
	yyjson_mut_obj_add_uint(d, o, "Size", g->info->size);
	if (!age_since(minor, DOCKER_NO_VIRTUAL_SIZE))
		yyjson_mut_obj_add_uint(d, o, "VirtualSize", g->info->size);
	yyjson_mut_obj_add_int(d, o, "SharedSize", -1);
	yyjson_mut_obj_add_int(d, o, "Containers", -1);
	image_group_labels(d, o, g);
}

void docker_images(const struct docker_call *c)
{
	static const char *const keys[] = {"dangling", "label", "reference", "before", "since", NULL};
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	struct image_groups groups;
	struct err err = ERR_INIT;
	yyjson_mut_doc *d;
	yyjson_mut_val *list;
	struct span span;
	const char *name = docker_since(c, DOCKER_FILTERS_ONLY) ? NULL : http_req_query(c->r, "filter");

	name = name && *name ? name : NULL;
	if (docker_filters_parse(http_req_query(c->r, "filters"), &f, &err) < 0 ||
	    docker_filters_check(&f, keys, &err) < 0 || check_dangling(&f, &err) < 0 ||
	    span_read(c->d->images, &f, &span, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	d = yyjson_mut_doc_new(NULL);
	list = yyjson_mut_arr(d);
	yyjson_mut_doc_set_root(d, list);
	groups = image_groups_of(c->d->images);
	for (size_t i = 0; i < groups.n; i++) {
		if (!fits(&groups.v[i], &f, &span) || (name && !reference_fits(&groups.v[i], name)))
			continue;
		if (name || docker_filter(&f, "reference", 0)) {
			keep_names(groups.v[i].tags, &f, name);
			keep_names(groups.v[i].digests, &f, name);
		}
		add_image(d, list, &groups.v[i], c->minor);
	}
	image_groups_free(&groups);
	docker_reply(c->r, 200, d);
}

/* ---- disk usage ---- */

static uint64_t part_bytes(yyjson_val *usage, const char *what)
{
	yyjson_val *parts = yyjson_obj_get(usage, "parts"), *p;
	size_t i, n;

	yyjson_arr_foreach (parts, i, n, p) {
		if (yyjson_equals_str(yyjson_obj_get(p, "what"), what))
			return yyjson_get_uint(yyjson_obj_get(p, "bytes"));
	}
	return 0;
}

/* How many containers there are of each image. */
static void add_users(yyjson_mut_doc *d, yyjson_mut_val *image, yyjson_mut_val *containers)
{
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(image, "Id"));
	yyjson_mut_val *c;
	int64_t users = 0;
	size_t i, n;

	yyjson_mut_arr_foreach (containers, i, n, c) {
		users += yyjson_mut_equals_str(yyjson_mut_obj_get(c, "ImageID"), id);
	}
	yyjson_mut_obj_put(image, yyjson_mut_str(d, "Containers"), yyjson_mut_sint(d, users));
}

/* What its layers take on the disk, so that it adds up with LayersSize, and how much of that other images have, too. */
static void add_usage(yyjson_mut_doc *d, yyjson_mut_val *image, yyjson_val *usage)
{
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(image, "Id"));
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(usage, "images"), i, n, v) {
		int64_t bytes = yyjson_get_sint(yyjson_obj_get(v, "bytes"));

		if (!yyjson_equals_str(yyjson_obj_get(v, "id"), id))
			continue;
		yyjson_mut_obj_put(image, yyjson_mut_str(d, "Size"), yyjson_mut_sint(d, bytes));
		yyjson_mut_obj_put(image, yyjson_mut_str(d, "SharedSize"),
				   yyjson_mut_sint(d, bytes - yyjson_get_sint(yyjson_obj_get(v, "unique"))));
		return;
	}
}

/* Their sizes are counted later. */
static void add_volumes(struct engine *e, yyjson_mut_doc *d, yyjson_mut_val *list)
{
	struct volume **volumes = NULL;

	if (engine_volumes(e, &volumes, NULL) < 0)
		return;
	for (struct volume **v = volumes; *v; v++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

		volume_group_json(d, o, *v);
		yyjson_mut_obj_add_int(d, yyjson_mut_obj_add_obj(d, o, "UsageData"), "RefCount",
				       (int64_t)(*v)->n_users);
	}
	volumes_free(volumes);
}

static yyjson_mut_doc *df_view(struct docker *dk, unsigned minor, yyjson_val *usage)
{
	static const struct container_wanted everything = {.all = true, .limit = SIZE_MAX};
	struct image_groups groups = image_groups_of(dk->images);
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *images, *containers, *image;
	size_t i, n;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_uint(d, root, "LayersSize", part_bytes(usage, "layers"));
	images = yyjson_mut_obj_add_arr(d, root, "Images");
	for (i = 0; i < groups.n; i++)
		add_image(d, images, &groups.v[i], minor);
	image_groups_free(&groups);
	containers = yyjson_mut_obj_add_arr(d, root, "Containers");
	container_list_add(dk, d, containers, &everything);
	yyjson_mut_arr_foreach (images, i, n, image) {
		add_users(d, image, containers);
		add_usage(d, image, usage);
	}
	add_volumes(dk->engine, d, yyjson_mut_obj_add_arr(d, root, "Volumes"));
	yyjson_mut_obj_add_arr(d, root, "BuildCache");
	yyjson_mut_obj_add_uint(d, root, "BuilderSize", part_bytes(usage, "build cache"));
	return d;
}

struct df {
	struct http_req *r; /* NULL once its client has gone */
	struct docker *d;
	unsigned minor;
	bool counted;
};

static void on_df_close(struct http_req *r, void *ctx)
{
	struct df *df = ctx;

	(void)r;
	df->r = NULL;
	if (df->counted)
		free(df);
}

static void on_counted(void *ctx, const char *json, const struct err *error)
{
	struct df *df = ctx;
	json_doc_cleanup yyjson_doc *usage = json ? yyjson_read(json, strlen(json), 0) : NULL;
	struct docker_call call;

	df->counted = true;
	if (!df->r) {
		free(df);
		return;
	}
	if (error) {
		docker_fail(df->r, error);
		return;
	}
	call = (struct docker_call){.d = df->d, .r = df->r, .minor = df->minor, .arg = ""};
	/* The request has another owner from now on. */
	free(df);
	container_sizes(&call, df_view(call.d, call.minor, yyjson_doc_get_root(usage)));
}

void docker_df(const struct docker_call *c)
{
	struct df *df = mem_new(struct df);
	struct err err = ERR_INIT;

	*df = (struct df){.r = c->r, .d = c->d, .minor = c->minor};
	http_req_on_close(c->r, on_df_close, df);
	if (engine_usage(c->d->engine, on_counted, df, &err) == 0)
		return;
	df->counted = true;
	docker_fail(c->r, &err);
}
