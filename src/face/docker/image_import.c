/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_pipe.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct import {
	struct docker *d;
	struct http_req *r;
	char *request;		      /* of the tool that makes the changes, NULL = there are none */
	struct engine_tool *tool;     /* NULL = it has answered, or was not started yet */
	struct engine_import *import; /* NULL = done */
	struct http_pipe *body;
	char *name;  /* NULL = none */
	char *plain; /* id of the image without the changes */
};

static void import_free(struct import *im)
{
	free(im->request);
	free(im->name);
	free(im->plain);
	free(im);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct import *im = ctx;

	(void)r;
	http_pipe_free(im->body);
	if (im->import)
		engine_import_abort(im->import);
	if (im->tool)
		engine_tool_abort(im->tool);
	import_free(im);
}

static void tell(struct import *im, const char *id)
{
	mem_cleanup char *line = mem_printf("{\"status\":\"%s\"}\r\n", id);

	if (im->name)
		docker_image_tagged(im->d, id, im->name);
	docker_image_event(im->d, "import", id, id);
	http_reply(im->r, 200, "application/json", line, strlen(line));
}

static void on_changed(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct import *im = ctx;
	const char *id = yyjson_get_str(yyjson_obj_get(answer, "id"));

	im->tool = NULL;
	/* What it was made of has no name, and nobody has seen it. */
	(void)engine_image_remove(im->d->engine, im->plain, false, NULL);
	if (err)
		docker_fail(im->r, err);
	else
		tell(im, id ? id : "");
}

/* Their syntax is a Dockerfile's: the tool that commits containers knows it. */
static void change(struct import *im, const char *image)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	struct err err = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc = yyjson_read(im->request, strlen(im->request), 0);
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(doc, NULL);
	mem_cleanup char *text = NULL;

	im->plain = mem_strdup(image);
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_doc_get_root(d), "image", image);
	text = json_text(d, false, NULL);
	if (null < 0)
		err_sys(&err, errno, "open /dev/null");
	else
		(void)engine_tool(im->d->engine, text, &io, on_changed, im, &im->tool, &err);
	if (err.code)
		docker_fail(im->r, &err);
}

static void on_done(void *ctx, const struct image_info *image, const struct err *error)
{
	struct import *im = ctx;

	im->import = NULL;
	http_pipe_stop(im->body);
	if (error) {
		docker_fail(im->r, error);
		return;
	}
	if (im->request)
		change(im, image->id);
	else
		tell(im, image->id);
}

/* NULL when the client wants none. */
static char *changes_of(const struct docker_call *c, const char *name)
{
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	yyjson_mut_val *root, *list;
	const char *value;

	if (!http_req_query(c->r, "changes"))
		return NULL;
	d = docker_tool_request("commit");
	root = yyjson_mut_doc_get_root(d);
	yyjson_mut_obj_add_strcpy(d, root, "ref", name ? name : "");
	list = yyjson_mut_obj_add_arr(d, root, "changes");
	for (size_t i = 0; (value = http_req_query_at(c->r, "changes", i)); i++)
		yyjson_mut_arr_add_strcpy(d, list, value);
	return json_text(d, false, NULL);
}

static int check(const char *source, struct err *err)
{
	if (strcmp(source, "-") != 0)
		return err_set(err, EINVAL,
			       "fromSrc: only \"-\", the body of the request, is supported, not \"%.200s\"", source);
	return 0;
}

void docker_image_import(const struct docker_call *c, const char *source)
{
	const char *repo = http_req_query(c->r, "repo");
	mem_cleanup char *name = NULL;
	struct import *im;
	struct err err = ERR_INIT;
	int fd;

	if (check(source, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	name = repo && *repo ? docker_image_name(repo, http_req_query(c->r, "tag")) : NULL;
	im = mem_new(struct import);
	*im = (struct import){
	    .d = c->d, .r = c->r, .request = changes_of(c, name), .name = name ? mem_strdup(name) : NULL};
	if (engine_import(c->d->engine, im->request ? NULL : name, NULL, on_done, im, &fd, &im->import, &err) < 0 ||
	    http_pipe_in(c->d->loop, c->r, fd, &im->body, &err) < 0) {
		if (im->import)
			engine_import_abort(im->import);
		import_free(im);
		docker_fail(c->r, &err);
		return;
	}
	http_req_on_close(c->r, on_close, im);
}
