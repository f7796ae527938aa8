/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process of its own finds out about containers: top, and what their files take.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "node/image/image.h"

#include <string.h>

static const struct docker_task body = {.type = "application/json", .status = 200, .answer = true};

void docker_container_top(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	const char *args = http_req_query(c->r, "ps_args");
	yyjson_mut_doc *request;
	yyjson_mut_val *root;

	if (!container)
		return;
	if (container->state != ENGINE_RUNNING && container->state != ENGINE_STOPPING) {
		docker_message(c->r, 409,
			       container->restarting ? "Container %s is restarting, wait until the container is running"
						     : "container %s is not running",
			       container->id);
		return;
	}
	request = docker_tool_request("top");
	root = yyjson_mut_doc_get_root(request);
	yyjson_mut_obj_add_strcpy(request, root, "id", container->id);
	yyjson_mut_obj_add_int(request, root, "pid", container->pid);
	yyjson_mut_obj_add_strcpy(request, root, "args", args ? args : "");
	docker_task_run(c->d, c->r, &body, request);
}

/* ---- sizes ---- */

static void add_image_size(struct docker *d, yyjson_mut_doc *view, yyjson_mut_val *o)
{
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(o, "ImageID"));
	cleanup_with(image_info_freep) struct image_info *info = NULL;

	if (!id)
		id = yyjson_mut_get_str(yyjson_mut_obj_get(o, "Image"));
	if (id && *id && image_find(d->images, id, &info, NULL) == 0)
		yyjson_mut_obj_add_uint(view, o, "SizeRootFs", info->size);
}

void container_sizes(const struct docker_call *c, yyjson_mut_doc *view)
{
	yyjson_mut_doc *request = docker_tool_request("sizes");
	yyjson_mut_val *root = yyjson_mut_doc_get_root(view), *o, *list;
	size_t i, n;

	list = yyjson_mut_is_arr(root) ? root : yyjson_mut_obj_get(root, "Containers");
	if (yyjson_mut_obj_get(root, "Id"))
		add_image_size(c->d, view, root);
	yyjson_mut_arr_foreach (list, i, n, o) {
		add_image_size(c->d, view, o);
	}
	yyjson_mut_obj_add_val(request, yyjson_mut_doc_get_root(request), "view",
			       yyjson_mut_val_mut_copy(request, root));
	yyjson_mut_doc_free(view);
	docker_task_run(c->d, c->r, &body, request);
}
