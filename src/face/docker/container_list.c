/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /containers/json, and POST /containers/prune, which has some of its filters.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/container_filter.h"
#include "face/docker/network.h"
#include "face/docker/shape.h"

#include <string.h>

static void add_labels(yyjson_mut_doc *d, yyjson_mut_val *o, const struct engine_container *c)
{
	yyjson_mut_val *labels = yyjson_mut_obj_add_obj(d, o, "Labels");

	for (char **l = c->labels; l && *l; l++) {
		size_t n = strcspn(*l, "=");

		yyjson_mut_obj_add(labels, yyjson_mut_strncpy(d, *l, n),
				   yyjson_mut_strcpy(d, (*l)[n] ? *l + n + 1 : ""));
	}
}

/* Its own comes first. */
static void add_names(yyjson_mut_doc *d, yyjson_mut_val *o, const struct engine_container *c,
		      const struct container_links *links)
{
	yyjson_mut_val *names = yyjson_mut_obj_add_arr(d, o, "Names");
	mem_cleanup char *own = mem_printf("/%s", c->name);

	yyjson_mut_arr_add_strcpy(d, names, own);
	for (size_t i = 0; i < links->n; i++) {
		if (links->v[i].target == c)
			yyjson_mut_arr_add_strcpy(d, names, links->v[i].name);
	}
}

static void add_container(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *list, const struct engine_container *c,
			  const struct container_doc *doc, const struct container_links *links)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list), *part;
	char status[CONTAINER_STATUS_MAX];

	yyjson_mut_obj_add_strcpy(d, o, "Id", c->id);
	add_names(d, o, c, links);
	yyjson_mut_obj_add_strcpy(d, o, "Image", c->image);
	yyjson_mut_obj_add_strcpy(d, o, "ImageID", doc->image);
	yyjson_mut_obj_add_strcpy(d, o, "Command", c->command ? c->command : "");
	yyjson_mut_obj_add_int(d, o, "Created", c->created_ms / 1000);
	yyjson_mut_obj_add_val(d, o, "Ports",
			       network_settings_port_list(dk, d, c->id, yyjson_obj_get(doc->config, "ExposedPorts")));
	add_labels(d, o, c);
	yyjson_mut_obj_add_str(d, o, "State", container_state(c));
	yyjson_mut_obj_add_strcpy(d, o, "Status", container_status(c, clock_wall_ms(), status));
	part = yyjson_mut_obj_add_obj(d, o, "HostConfig");
	yyjson_mut_obj_add_strcpy(d, part, "NetworkMode", shape_text(doc->host, "NetworkMode"));
	if (yyjson_obj_get(doc->host, "Annotations"))
		yyjson_mut_obj_add_val(d, part, "Annotations",
				       yyjson_val_mut_copy(d, yyjson_obj_get(doc->host, "Annotations")));
	part = yyjson_mut_obj_add_obj(d, o, "NetworkSettings");
	yyjson_mut_obj_add_val(d, part, "Networks", network_settings_networks(dk, d, c->id, doc->spec));
	yyjson_mut_obj_add_val(d, o, "Mounts", container_mounts(dk, d, doc));
}

void container_list_add(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *list, const struct container_wanted *w)
{
	struct container_links links;
	size_t n = 0;

	container_links_read(dk, &links);
	while (engine_at(dk->engine, n))
		n++;
	for (size_t left = w->limit; n > 0 && left > 0; n--) {
		const struct engine_container *c = engine_at(dk->engine, n - 1);
		struct container_doc doc = CONTAINER_DOC_INIT;

		if (!container_wanted(w, c))
			continue;
		/* One that is being removed may have lost its files already. */
		if (container_doc_brief(dk, c, &doc, NULL) < 0)
			continue;
		if (container_wanted_doc(w, dk, c, &doc)) {
			add_container(dk, d, list, c, &doc, &links);
			left--;
		}
		container_doc_free(&doc);
	}
	container_links_free(&links);
}

void docker_containers(const struct docker_call *c)
{
	int64_t limit = docker_number(c->r, "limit", 0);
	struct container_wanted w = {.all = docker_flag(c->r, "all", false) || limit > 0};
	struct err err = ERR_INIT;
	yyjson_mut_doc *d;

	w.limit = limit > 0 ? (size_t)limit : SIZE_MAX;
	if (container_wanted_read(&w, c, &err) < 0) {
		docker_fail(c->r, &err);
		container_wanted_free(&w);
		return;
	}
	d = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(d, yyjson_mut_arr(d));
	container_list_add(c->d, d, yyjson_mut_doc_get_root(d), &w);
	container_wanted_free(&w);
	if (docker_flag(c->r, "size", false))
		container_sizes(c, d);
	else
		docker_reply(c->r, 200, d);
}
