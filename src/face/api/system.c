/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"
#include "node/image/image.h"

#include <unistd.h>

void system_ping(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *json = mem_printf("{\"version\":\"%s\",\"pid\":%d}", BERTH_VERSION, (int)getpid());

	(void)a;
	(void)id;
	http_reply_json(r, 200, json);
}

static void add_containers(struct api *a, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	const struct engine_container *c;
	uint64_t running = 0, total = 0;

	while ((c = engine_at(a->o.engine, total))) {
		total++;
		running += c->state == ENGINE_RUNNING || c->state == ENGINE_STOPPING;
	}
	yyjson_mut_obj_add_uint(d, o, "running", running);
	yyjson_mut_obj_add_uint(d, o, "total", total);
}

static uint64_t count_images(struct api *a)
{
	struct image_info **list = image_list(engine_images(a->o.engine));
	uint64_t n = 0;

	for (; list[n]; n++)
		image_info_free(list[n]);
	free(list);
	return n;
}

void system_info(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *part = server_info_json(a->o.server), *text = NULL;
	json_doc_cleanup yyjson_doc *server = yyjson_read(part, strlen(part), 0);
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(server, NULL);
	yyjson_mut_val *o = yyjson_mut_doc_get_root(d);

	(void)id;
	yyjson_mut_obj_add_str(d, o, "version", BERTH_VERSION);
	yyjson_mut_obj_add_str(d, o, "data", a->data_dir);
	yyjson_mut_obj_add_str(d, o, "socket", a->socket);
	yyjson_mut_obj_add_str(d, o, "cgroup", a->cgroup_layout);
	yyjson_mut_obj_add_int(d, o, "pid", getpid());
	yyjson_mut_obj_add_int(d, o, "started_ms", a->o.started_ms);
	add_containers(a, d, yyjson_mut_obj_add_obj(d, o, "containers"));
	yyjson_mut_obj_add_uint(d, o, "images", count_images(a));
	text = json_text(d, false, NULL);
	http_reply_json(r, 200, text);
}

void system_down(struct api *a, struct http_req *r, const char *id)
{
	struct err err = ERR_INIT;
	size_t n;
	const char *body = http_req_body(r, &n);
	json_doc_cleanup yyjson_doc *doc = n ? json_parse(body, n, 4096, "the request", &err) : NULL;
	bool all = false, rest = false;

	(void)id;
	if (n && (!doc || json_opt_bool(yyjson_doc_get_root(doc), "all", &all, &err) < 0 ||
		  json_opt_bool(yyjson_doc_get_root(doc), "rest", &rest, &err) < 0)) {
		http_reply_err(r, &err);
		return;
	}
	http_reply_json(r, 202, "{}");
	a->o.down(a->o.ctx, all ? API_DOWN_ALL : rest ? API_DOWN_REST : API_DOWN_ALONE);
}

/* ---- df ---- */

struct df {
	struct http_req *req; /* NULL: the client has gone, or was answered */
	bool done;
};

static void on_df_close(struct http_req *r, void *ctx)
{
	struct df *d = ctx;

	(void)r;
	d->req = NULL;
	if (d->done)
		free(d);
}

static void on_counted(void *ctx, const char *json, const struct err *error)
{
	struct df *d = ctx;
	struct http_req *r = d->req;

	d->done = true;
	if (!r)
		free(d);
	else if (error)
		http_reply_err(r, error);
	else
		http_reply_json(r, 200, json);
}

void system_df(struct api *a, struct http_req *r, const char *id)
{
	struct df *d = mem_new(struct df);
	struct err err = ERR_INIT;

	(void)id;
	d->req = r;
	http_req_on_close(r, on_df_close, d);
	if (engine_usage(a->o.engine, on_counted, d, &err) == 0)
		return;
	d->done = true;
	http_reply_err(r, &err);
}
