/* SPDX-License-Identifier: Apache-2.0
 *
 * cp, diff and export. What is found out about a path goes into a header, which comes before the content: so reading a path takes two processes, one
 * for each.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/path_stat.h"

#include <fcntl.h>
#include <string.h>

#define STAT_HEADER "X-Docker-Container-Path-Stat"

static const struct docker_task archive = {.type = "application/x-tar", .status = 200};
static const struct docker_task nothing = {.type = "text/plain", .status = 200, .body = true};
static const struct docker_task answer = {.type = "application/json", .status = 200, .answer = true};

static yyjson_mut_doc *request_for(const char *op, const char *id)
{
	yyjson_mut_doc *request = docker_tool_request(op);

	yyjson_mut_obj_add_strcpy(request, yyjson_mut_doc_get_root(request), "id", id);
	return request;
}

static yyjson_mut_doc *path_request(const char *op, const struct docker_call *c, const char *id, const char *path)
{
	yyjson_mut_doc *request = request_for(op, id);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(request);

	yyjson_mut_obj_add_strcpy(request, root, "path", path);
	yyjson_mut_obj_add_strcpy(request, root, "container", c->arg);
	return request;
}

/* The container and the path of the query; what is missing has been answered. */
static const struct engine_container *find(const struct docker_call *c, const char **ret_path)
{
	const struct engine_container *found = docker_container(c);

	*ret_path = http_req_query(c->r, "path");
	if (found && (!*ret_path || !**ret_path)) {
		docker_message(c->r, 400, "bad parameter: path cannot be empty");
		return NULL;
	}
	return found;
}

/* ---- stat, and get ---- */

struct look {
	struct docker *d;
	struct http_req *r;
	struct engine_tool *tool; /* NULL = it has answered */
	yyjson_mut_doc *then;	  /* NULL = the header is all */
};

static void look_free(struct look *l)
{
	yyjson_mut_doc_free(l->then);
	free(l);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct look *l = ctx;

	(void)r;
	if (l->tool)
		engine_tool_abort(l->tool);
	look_free(l);
}

static void on_stat(void *ctx, yyjson_val *found, const struct err *err)
{
	struct look *l = ctx;
	mem_cleanup char *header = NULL;
	struct docker *d = l->d;
	struct http_req *r = l->r;
	yyjson_mut_doc *then;

	l->tool = NULL;
	if (err) {
		docker_fail(r, err);
		return;
	}
	header = path_stat_header(found);
	http_reply_header(r, STAT_HEADER, header);
	then = mem_take(l->then);
	if (!then) {
		http_reply(r, 200, NULL, NULL, 0);
		return;
	}
	/* From here on the request is the task's. */
	http_req_on_close(r, NULL, NULL);
	look_free(l);
	docker_task_run(d, r, &archive, then);
}

static int start_look(struct look *l, yyjson_mut_doc *request, struct err *err)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	mem_cleanup char *text = json_text(request, false, NULL);

	if (null < 0)
		return err_sys(err, errno, "open /dev/null");
	return engine_tool(l->d->engine, text, &io, on_stat, l, &l->tool, err);
}

static void look_at(const struct docker_call *c, const char *id, const char *path, yyjson_mut_doc *then)
{
	json_mut_cleanup yyjson_mut_doc *request = path_request("files_stat", c, id, path);
	struct look *l = mem_new(struct look);
	struct err err = ERR_INIT;

	*l = (struct look){.d = c->d, .r = c->r, .then = then};
	http_req_on_close(c->r, on_close, l);
	if (start_look(l, request, &err) < 0)
		docker_fail(c->r, &err);
}

void docker_archive_stat(const struct docker_call *c)
{
	const char *path;
	const struct engine_container *found = find(c, &path);

	if (found)
		look_at(c, found->id, path, NULL);
}

void docker_archive_get(const struct docker_call *c)
{
	const char *path;
	const struct engine_container *found = find(c, &path);

	if (found)
		look_at(c, found->id, path, path_request("files_get", c, found->id, path));
}

/* ---- put ---- */

void docker_archive_put(const struct docker_call *c)
{
	const char *path, *user = NULL;
	const struct engine_container *found = find(c, &path);
	struct container_doc doc = CONTAINER_DOC_INIT;
	yyjson_mut_doc *request;
	yyjson_mut_val *root;

	if (!found)
		return;
	request = path_request("files_put", c, found->id, path);
	root = yyjson_mut_doc_get_root(request);
	yyjson_mut_obj_add_bool(request, root, "no_overwrite", docker_flag(c->r, "noOverwriteDirNonDir", false));
	if (docker_flag(c->r, "copyUIDGID", false) && container_doc_read(c->d, found, &doc, NULL) == 0)
		user = yyjson_get_str(yyjson_obj_get(doc.config, "User"));
	yyjson_mut_obj_add_strcpy(request, root, "user", user ? user : "");
	container_doc_free(&doc);
	docker_task_run(c->d, c->r, &nothing, request);
}

/* ---- all of it ---- */

void docker_container_changes(const struct docker_call *c)
{
	const struct engine_container *found = docker_container(c);

	if (found)
		docker_task_run(c->d, c->r, &answer, request_for("files_changes", found->id));
}

void docker_container_export(const struct docker_call *c)
{
	const struct engine_container *found = docker_container(c);
	struct docker_task how = archive;

	how.type = "application/octet-stream";
	if (found)
		docker_task_run(c->d, c->r, &how, request_for("files_export", found->id));
}
