/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process of its own finds out about containers: top, and what their files take.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "node/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

void docker_container_top(const struct docker_call *c)
{
	static const struct docker_task body = {.type = "application/json", .status = 200, .answer = true};
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

int docker_count_sizes(struct docker *d, char *const *ids, char *const *volumes, bool build, engine_tool_fn done,
		       void *ctx, struct engine_tool **ret, struct err *err)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	json_mut_cleanup yyjson_mut_doc *request = docker_tool_request("sizes");
	mem_cleanup char *text = NULL;

	if (null < 0)
		return err_sys(err, errno, "open /dev/null");
	json_add_strv(request, yyjson_mut_doc_get_root(request), "ids", ids);
	json_add_strv(request, yyjson_mut_doc_get_root(request), "volumes", volumes);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "build", build);
	text = json_text(request, false, NULL);
	return engine_tool(d->engine, text, &io, done, ctx, ret, err);
}

/* A view that waits for its figures. */
struct sizing {
	struct docker *d;
	struct http_req *r;
	struct engine_tool *tool; /* NULL = it has answered */
	yyjson_mut_doc *view;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct sizing *s = ctx;

	(void)r;
	if (s->tool)
		engine_tool_abort(s->tool);
	yyjson_mut_doc_free(s->view);
	free(s);
}

static void add_size(const struct sizing *s, yyjson_mut_val *o, int64_t n)
{
	const char *image = yyjson_mut_get_str(yyjson_mut_obj_get(o, "ImageID"));
	cleanup_with(image_info_freep) struct image_info *info = NULL;

	if (!image)
		image = yyjson_mut_get_str(yyjson_mut_obj_get(o, "Image"));
	if (image && *image)
		(void)image_find(s->d->images, image, &info, NULL);
	yyjson_mut_obj_add_int(s->view, o, "SizeRw", n);
	yyjson_mut_obj_add_int(s->view, o, "SizeRootFs", n + (info ? (int64_t)info->size : 0));
}

/* The objects of a view, in the order in which they are asked about: the list (or the one) of containers, and that of volumes. */
static yyjson_mut_val *containers_of(yyjson_mut_val *root)
{
	return yyjson_mut_is_arr(root) ? root : yyjson_mut_obj_get(root, "Containers");
}

static void on_sizes(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct sizing *s = ctx;
	yyjson_mut_doc *view = s->view;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(view), *o;
	yyjson_arr_iter sizes = yyjson_arr_iter_with(yyjson_obj_get(answer, "ids"));
	size_t i, n;

	s->tool = NULL;
	if (err) {
		docker_fail(s->r, err);
		return;
	}
	if (yyjson_mut_obj_get(root, "Id"))
		add_size(s, root, yyjson_get_sint(yyjson_arr_iter_next(&sizes)));
	yyjson_mut_arr_foreach (containers_of(root), i, n, o) {
		add_size(s, o, yyjson_get_sint(yyjson_arr_iter_next(&sizes)));
	}
	sizes = yyjson_arr_iter_with(yyjson_obj_get(answer, "volumes"));
	yyjson_mut_arr_foreach (yyjson_mut_obj_get(root, "Volumes"), i, n, o) {
		yyjson_mut_obj_add_int(view, yyjson_mut_obj_get(o, "UsageData"), "Size",
				       yyjson_get_sint(yyjson_arr_iter_next(&sizes)));
	}
	if (yyjson_mut_obj_get(root, "BuildCache"))
		yyjson_mut_obj_put(root, yyjson_mut_str(view, "BuildCache"),
				   yyjson_val_mut_copy(view, yyjson_obj_get(answer, "build_cache")));
	s->view = NULL;
	docker_reply(s->r, 200, view);
}

static void add_text(char ***list, yyjson_mut_val *o, const char *key)
{
	const char *text = yyjson_mut_get_str(yyjson_mut_obj_get(o, key));

	if (text)
		mem_strv_add(list, text);
}

void container_sizes(const struct docker_call *c, yyjson_mut_doc *view)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(view), *o;
	char **ids cleanup_with(mem_strv_freep) = NULL, **volumes cleanup_with(mem_strv_freep) = NULL;
	struct sizing *s = mem_new(struct sizing);
	struct err err = ERR_INIT;
	size_t i, n;

	*s = (struct sizing){.d = c->d, .r = c->r, .view = view};
	http_req_on_close(c->r, on_close, s);
	add_text(&ids, root, "Id");
	yyjson_mut_arr_foreach (containers_of(root), i, n, o) {
		add_text(&ids, o, "Id");
	}
	yyjson_mut_arr_foreach (yyjson_mut_obj_get(root, "Volumes"), i, n, o) {
		add_text(&volumes, o, "Name");
	}
	if (docker_count_sizes(c->d, ids, volumes, yyjson_mut_obj_get(root, "BuildCache") != NULL, on_sizes, s,
			       &s->tool, &err) < 0)
		docker_fail(c->r, &err);
}
