/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_pipe.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "face/api/api_private.h"
#include "face/docker/docker.h"
#include "node/image/report.h"

#include <string.h>

struct import {
	struct http_req *req; /* NULL once answered */
	struct engine_import *import;
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

static void answer_image(struct http_req *r, int status, const struct image_info *image, const struct err *error)
{
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	mem_cleanup char *text = NULL;

	if (error) {
		http_reply_err(r, error);
		return;
	}
	d = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	report_image(d, yyjson_mut_doc_get_root(d), image);
	text = json_text(d, false, NULL);
	http_reply_json(r, status, text);
}

static void on_done(void *ctx, const struct image_info *image, const struct err *error)
{
	struct import *im = ctx;
	struct http_req *r = im->req;

	im->import = NULL;
	im->req = NULL;
	http_pipe_stop(im->body);
	answer_image(r, 201, image, error);
}

void images_import(struct api *a, struct http_req *r, const char *id)
{
	const char *name = http_req_query(r, "name"), *config = http_req_query(r, "config");
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct import *im;
	struct err err = ERR_INIT;
	int fd, x = 0;

	(void)id;
	if (!name || !*name)
		x = err_set(&err, EINVAL, "name is missing: the image needs one");
	if (x == 0 && config) {
		doc = json_parse(config, strlen(config), 1 << 20, "config", &err);
		x = doc ? 0 : -err.code;
	}
	if (x < 0) {
		http_reply_err(r, &err);
		return;
	}
	im = mem_new(struct import);
	im->req = r;
	x = engine_import(a->o.engine, name, yyjson_doc_get_root(doc), on_done, im, &fd, &im->import, &err);
	if (x == 0)
		x = http_pipe_in(a->loop, r, fd, &im->body, &err);
	if (x < 0) {
		if (im->import)
			engine_import_abort(im->import);
		free(im);
		http_reply_err(r, &err);
		return;
	}
	http_req_on_close(r, on_close, im);
}

static bool is_true(struct http_req *r, const char *key)
{
	const char *value = http_req_query(r, key);

	return value && (!strcmp(value, "true") || !strcmp(value, "1"));
}

/* ---- pull ---- */

struct pull {
	struct http_req *req; /* NULL: the client has gone, or was answered */
	bool done;
};

static void on_pull_close(struct http_req *r, void *ctx)
{
	struct pull *p = ctx;

	(void)r;
	p->req = NULL;
	if (p->done)
		free(p);
}

static void on_pulled(void *ctx, const struct image_info *image, const struct err *error)
{
	struct pull *p = ctx;

	p->done = true;
	if (p->req)
		answer_image(p->req, 200, image, error);
	else
		free(p);
}

void images_pull(struct api *a, struct http_req *r, const char *id)
{
	const char *name = http_req_query(r, "name");
	struct pull *p = mem_new(struct pull);
	struct err err = ERR_INIT;
	int x;

	(void)id;
	p->req = r;
	http_req_on_close(r, on_pull_close, p);
	x = name && *name ? 0 : err_set(&err, EINVAL, "name is missing: which image?");
	if (x == 0)
		x = engine_pull(a->o.engine, name, on_pulled, p, &err);
	if (x == 0)
		return;
	p->done = true;
	http_reply_err(r, &err);
}

void images_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = report_images(engine_images(a->o.engine), is_true(r, "all"));

	(void)id;
	http_reply_json(r, 200, text);
}

void images_inspect(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (report_inspect(engine_images(a->o.engine), id, &text, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply_json(r, 200, text);
}

void images_tag(struct api *a, struct http_req *r, const char *id)
{
	const char *name = http_req_query(r, "name");
	struct err err = ERR_INIT;
	int x = name && *name ? 0 : err_set(&err, EINVAL, "name is missing: the image needs one");

	if (x == 0)
		x = image_tag(engine_images(a->o.engine), id, name,
			      is_true(r, "force") ? IMAGE_REPLACE_YES : IMAGE_REPLACE_NO, &err);
	if (x < 0)
		http_reply_err(r, &err);
	else
		http_reply(r, 204, NULL, NULL, 0);
}

void images_prune(struct api *a, struct http_req *r, const char *id)
{
	(void)id;
	docker_own_images_prune(a->docker, r, is_true(r, "all"), is_true(r, "dry_run"));
}

void images_remove(struct api *a, struct http_req *r, const char *id)
{
	struct err err = ERR_INIT;

	if (engine_image_remove(a->o.engine, id, false, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply(r, 204, NULL, NULL, 0);
}
