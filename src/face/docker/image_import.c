/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_pipe.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <string.h>

struct import {
	struct http_req *r;
	struct engine_import *import; /* NULL = done */
	struct http_pipe *body;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct import *im = ctx;

	(void)r;
	http_pipe_free(im->body);
	if (im->import)
		engine_import_abort(im->import);
	free(im);
}

static void on_done(void *ctx, const struct image_info *image, const struct err *error)
{
	struct import *im = ctx;
	mem_cleanup char *line = NULL;

	im->import = NULL;
	http_pipe_stop(im->body);
	if (error) {
		docker_fail(im->r, error);
		return;
	}
	line = mem_printf("{\"status\":\"%s\"}\r\n", image->id);
	http_reply(im->r, 200, "application/json", line, strlen(line));
}

static int check(const struct docker_call *c, const char *source, struct err *err)
{
	if (strcmp(source, "-") != 0)
		return err_set(err, EINVAL,
			       "fromSrc: only \"-\", the body of the request, is supported, not \"%.200s\"", source);
	if (http_req_query(c->r, "changes"))
		return err_set(err, EINVAL, "changes are not supported; build an image FROM the imported one instead");
	return 0;
}

void docker_image_import(const struct docker_call *c, const char *source)
{
	const char *repo = http_req_query(c->r, "repo");
	mem_cleanup char *name = NULL;
	struct import *im;
	struct err err = ERR_INIT;
	int fd;

	if (check(c, source, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	name = repo && *repo ? docker_image_name(repo, http_req_query(c->r, "tag")) : NULL;
	im = mem_new(struct import);
	im->r = c->r;
	if (engine_import(c->d->engine, name, NULL, on_done, im, &fd, &im->import, &err) < 0 ||
	    http_pipe_in(c->d->loop, c->r, fd, &im->body, &err) < 0) {
		if (im->import)
			engine_import_abort(im->import);
		free(im);
		docker_fail(c->r, &err);
		return;
	}
	http_req_on_close(c->r, on_close, im);
}
