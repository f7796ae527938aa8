/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/docker_private.h"
#include "face/docker/graph.h"
#include "face/docker/image_group.h"
#include "node/image/report.h"

#include <string.h>
#include <time.h>

/* What the store says of an image (report_inspect), and all its names. */
struct view {
	yyjson_doc *doc;
	yyjson_val *root, *config; /* config: the document of the image */
	struct image_groups groups;
	const struct image_group *group;
};

static int view_open(const struct docker_call *c, struct view *v)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (report_inspect(c->d->images, c->arg, &text, &err) < 0) {
		docker_fail(c->r, &err);
		return -1;
	}
	v->doc = yyjson_read(text, strlen(text), 0);
	v->root = yyjson_doc_get_root(v->doc);
	v->config = yyjson_obj_get(v->root, "config");
	v->groups = image_groups_of(c->d->images);
	v->group = image_groups_find(&v->groups, yyjson_get_str(yyjson_obj_get(v->root, "id")));
	return 0;
}

static void view_close(struct view *v)
{
	image_groups_free(&v->groups);
	yyjson_doc_free(v->doc);
}

static const char *text_of(yyjson_val *obj, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(obj, key));

	return s ? s : "";
}

/* Docker's container configuration: what the image says, between members that an image has no word about. */
static void add_config(yyjson_mut_doc *d, yyjson_mut_val *root, const char *key, yyjson_val *config)
{
	static const char *const empty[] = {"Hostname", "Domainname", "User", "Image", "WorkingDir"};
	static const char *const no[] = {"AttachStdin", "AttachStdout", "AttachStderr",
					 "Tty",		"OpenStdin",	"StdinOnce"};
	static const char *const null[] = {"Env", "Cmd", "Volumes", "Entrypoint", "OnBuild", "Labels"};
	yyjson_mut_val *o = config ? yyjson_val_mut_copy(d, config) : yyjson_mut_obj(d);

	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		if (!yyjson_mut_obj_get(o, empty[i]))
			yyjson_mut_obj_add_str(d, o, empty[i], "");
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		yyjson_mut_obj_add_bool(d, o, no[i], false);
	for (size_t i = 0; i < sizeof null / sizeof *null; i++) {
		if (!yyjson_mut_obj_get(o, null[i]))
			yyjson_mut_obj_add_null(d, o, null[i]);
	}
	yyjson_mut_obj_add(root, yyjson_mut_str(d, key), o);
}

static void add_layers(yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *config)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "RootFS");
	yyjson_val *ids = yyjson_obj_get(yyjson_obj_get(config, "rootfs"), "diff_ids");

	yyjson_mut_obj_add_str(d, o, "Type", "layers");
	if (yyjson_is_arr(ids))
		yyjson_mut_obj_add_val(d, o, "Layers", yyjson_val_mut_copy(d, ids));
}

static const char *comment_of(yyjson_val *config)
{
	yyjson_val *history = yyjson_obj_get(config, "history");

	return text_of(yyjson_arr_get_last(history), "comment");
}

/* What a commit has written down, as long as that is there. */
static const char *parent_of(const struct docker_call *c, yyjson_val *config)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	const char *parent = text_of(config, "parent");

	return *parent && image_find(c->d->images, parent, &info, NULL) == 0 ? parent : "";
}

void docker_image_inspect(const struct docker_call *c)
{
	struct view v = {.doc = NULL};
	char time[DOCKER_TIME_MAX];
	yyjson_mut_doc *d;
	yyjson_mut_val *root, *o;

	if (view_open(c, &v) < 0)
		return;
	d = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_strcpy(d, root, "Id", text_of(v.root, "id"));
	image_group_names(d, root, v.group);
	yyjson_mut_obj_add_strcpy(d, root, "Parent", parent_of(c, v.config));
	yyjson_mut_obj_add_strcpy(d, root, "Comment", comment_of(v.config));
	yyjson_mut_obj_add_strcpy(d, root, "Created",
				  docker_time(yyjson_get_sint(yyjson_obj_get(v.root, "created_ms")), time));
	yyjson_mut_obj_add_str(d, root, "DockerVersion", "");
	yyjson_mut_obj_add_strcpy(d, root, "Author", text_of(v.config, "author"));
	add_config(d, root, "Config", yyjson_obj_get(v.config, "config"));
	/* Of the container that it was made from, which no builder of today keeps. docker-compose 1 looks there for the volumes of a container that it
	 * makes anew. */
	yyjson_mut_obj_add_str(d, root, "Container", "");
	add_config(d, root, "ContainerConfig", yyjson_obj_get(v.config, "config"));
	yyjson_mut_obj_add_strcpy(d, root, "Architecture", text_of(v.config, "architecture"));
	if (*text_of(v.config, "variant"))
		yyjson_mut_obj_add_strcpy(d, root, "Variant", text_of(v.config, "variant"));
	yyjson_mut_obj_add_strcpy(d, root, "Os", text_of(v.config, "os"));
	yyjson_mut_obj_add_uint(d, root, "Size", yyjson_get_uint(yyjson_obj_get(v.root, "size")));
	if (!docker_since(c, DOCKER_NO_VIRTUAL_SIZE))
		yyjson_mut_obj_add_uint(d, root, "VirtualSize", yyjson_get_uint(yyjson_obj_get(v.root, "size")));
	graph_image(c->d, d, root, yyjson_obj_get(yyjson_obj_get(v.config, "rootfs"), "diff_ids"));
	add_layers(d, root, v.config);
	o = yyjson_mut_obj_add_obj(d, root, "Metadata");
	yyjson_mut_obj_add_str(d, o, "LastTagTime", "0001-01-01T00:00:00Z");
	view_close(&v);
	docker_reply(c->r, 200, d);
}

/* ---- history ---- */

/* "2026-11-22T10:00:00Z" (RFC 3339) -> seconds since 1970; 0 when it is none. */
static int64_t seconds_of(const char *text)
{
	struct tm tm = {.tm_sec = 0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	return rest ? timegm(&tm) : 0;
}

static bool is_empty(yyjson_val *step)
{
	return yyjson_is_true(yyjson_obj_get(step, "empty_layer"));
}

static void add_step(yyjson_mut_doc *d, yyjson_mut_val *list, const struct view *v, yyjson_val *step, uint64_t size,
		     bool top)
{
	yyjson_mut_val *o = yyjson_mut_obj(d), *tags;

	yyjson_mut_obj_add_strcpy(d, o, "Id", top ? text_of(v->root, "id") : "<missing>");
	yyjson_mut_obj_add_int(d, o, "Created", seconds_of(text_of(step, "created")));
	yyjson_mut_obj_add_strcpy(d, o, "CreatedBy", text_of(step, "created_by"));
	if (top && v->group && v->group->tags) {
		tags = yyjson_mut_obj_add_arr(d, o, "Tags");
		for (char **t = v->group->tags; *t; t++)
			yyjson_mut_arr_add_strcpy(d, tags, *t);
	} else {
		yyjson_mut_obj_add_null(d, o, "Tags");
	}
	yyjson_mut_obj_add_uint(d, o, "Size", size);
	yyjson_mut_obj_add_strcpy(d, o, "Comment", text_of(step, "comment"));
	yyjson_mut_arr_prepend(list, o);
}

static size_t told_layers(yyjson_val *steps)
{
	size_t i, n, told = 0;
	yyjson_val *step;

	yyjson_arr_foreach (steps, i, n, step) {
		told += !is_empty(step);
	}
	return told;
}

static uint64_t layer_size(yyjson_val *parts, size_t layer)
{
	return yyjson_get_uint(yyjson_obj_get(yyjson_arr_get(parts, layer), "size"));
}

void docker_image_history(const struct docker_call *c)
{
	struct view v = {.doc = NULL};
	yyjson_mut_doc *d;
	yyjson_mut_val *list;
	yyjson_val *steps, *step, *parts;
	size_t i, n, layer = 0, n_parts;

	if (view_open(c, &v) < 0)
		return;
	d = yyjson_mut_doc_new(NULL);
	list = yyjson_mut_arr(d);
	yyjson_mut_doc_set_root(d, list);
	steps = yyjson_obj_get(v.config, "history");
	parts = yyjson_obj_get(v.root, "parts");
	n_parts = yyjson_arr_size(parts);
	/* Layers without a word about them are those of a base image: they come first. */
	for (; layer + told_layers(steps) < n_parts; layer++)
		add_step(d, list, &v, NULL, layer_size(parts, layer),
			 layer + 1 == n_parts && yyjson_arr_size(steps) == 0);
	yyjson_arr_foreach (steps, i, n, step) {
		add_step(d, list, &v, step, is_empty(step) ? 0 : layer_size(parts, layer), i + 1 == n);
		layer += !is_empty(step);
	}
	view_close(&v);
	docker_reply(c->r, 200, d);
}
