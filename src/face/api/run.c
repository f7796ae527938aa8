/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/containers/run: start, and stay until the end unless detached. One request does it all, so that the command line needs no second round trip. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "face/api/api_private.h"
#include "face/docker/policy.h"

#include <string.h>

#define SPEC_MAX (16u << 20)

struct run {
	struct api *api;
	struct http_req *req; /* NULL once answered */
	char id[65];
	char *name;
	bool detach, log_ended, exited;
	struct buf exit; /* {"exit": ...} */
	struct engine_listener *listener;
	struct engine_log *log;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct run *run = ctx;

	(void)r;
	engine_unlisten(run->listener);
	engine_log_close(run->log);
	buf_free(&run->exit);
	free(run->name);
	free(run);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct run *run = ctx;

	(void)r;
	if (run->log)
		engine_log_resume(run->log);
}

static void finish(struct run *run)
{
	struct http_req *r = run->req;

	if (!r || !run->log_ended || !run->exited)
		return;
	run->req = NULL;
	frame_note(r, buf_str(&run->exit));
	http_reply_end(r);
}

static int on_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct run *run = ctx;

	(void)time_ms;
	if (!run->req)
		return 0;
	if (n == 0) {
		run->log_ended = true;
		finish(run);
		return 0;
	}
	if (stream == 0) {
		mem_cleanup char *text = mem_strndup(data, n);

		return frame_text(run->req, "notice", text);
	}
	return frame_send(run->req, stream, data, n);
}

static void answer_detached(struct run *run, const struct engine_event *ev)
{
	buf_cleanup struct buf json = BUF_INIT;
	struct http_req *r = run->req;

	run->req = NULL;
	if (ev->type == ENGINE_EV_EXITED && ev->c->exit.never_started) {
		buf_printf(&json, "{\"code\":%d,\"message\":", ev->c->exit.code);
		json_quote(&json, ev->c->exit.error ? ev->c->exit.error : "",
			   ev->c->exit.error ? strlen(ev->c->exit.error) : 0);
		buf_addc(&json, '}');
		http_reply_json(r, 400, buf_str(&json));
		return;
	}
	buf_printf(&json, "{\"id\":\"%s\",\"name\":\"%s\"}", run->id, run->name);
	http_reply_json(r, 201, buf_str(&json));
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct run *run = ctx;

	if (!run->req || !ev->c || strcmp(ev->c->id, run->id) != 0)
		return;
	if (run->detach && (ev->type == ENGINE_EV_STARTED || ev->type == ENGINE_EV_EXITED)) {
		answer_detached(run, ev);
		return;
	}
	if (run->detach || ev->type != ENGINE_EV_EXITED)
		return;
	buf_adds(&run->exit, "{\"exit\":");
	containers_exit(ev->c, &run->exit);
	buf_addc(&run->exit, '}');
	run->exited = true;
	finish(run);
}

/* The engine's specification is the request without `detach`, which is between client and API only. */
static yyjson_doc *without_detach(yyjson_doc *doc, bool *ret_detach, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = NULL;

	if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
		err_set(err, EINVAL, "the request is not an object");
		return NULL;
	}
	if (json_opt_bool(yyjson_doc_get_root(doc), "detach", ret_detach, err) < 0)
		return NULL;
	d = yyjson_doc_mut_copy(doc, NULL);
	yyjson_mut_obj_remove_key(yyjson_mut_doc_get_root(d), "detach");
	return yyjson_mut_doc_imut_copy(d, NULL);
}

/* The new container, or NULL with *err set. */
static const struct engine_container *start(struct api *a, struct http_req *r, bool *ret_detach, struct err *err)
{
	static const char *const reserved[] = {"key", "job", "task", "index", "epoch"};
	size_t n;
	const char *body = http_req_body(r, &n);
	json_doc_cleanup yyjson_doc *doc = json_parse(body, n, SPEC_MAX, "the request", err);
	json_doc_cleanup yyjson_doc *spec = doc ? without_detach(doc, ret_detach, err) : NULL;
	const struct engine_container *c = NULL;

	if (!spec)
		return NULL;
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
		if (yyjson_obj_get(yyjson_doc_get_root(spec), reserved[i])) {
			err_set(err, EINVAL, "unknown key \"%s\"", reserved[i]);
			return NULL;
		}
	}
	if (policy_check_spec(a->o.engine, policy_of(r), yyjson_doc_get_root(spec), err) < 0)
		return NULL;
	return engine_run(a->o.engine, yyjson_doc_get_root(spec), &c, err) < 0 ? NULL : c;
}

static void attach(struct run *run)
{
	struct engine_log_options o = {.follow = true, .tail = -1};
	mem_cleanup char *hello = mem_printf("{\"id\":\"%s\",\"name\":\"%s\"}", run->id, run->name);
	struct err err = ERR_INIT;

	http_reply_begin(run->req, 200, FRAME_TYPE);
	http_reply_on_drain(run->req, on_drain, run);
	frame_note(run->req, hello);
	if (engine_log_open(run->api->o.engine, run->id, &o, on_log, run, &run->log, &err) == 0)
		return;
	frame_text(run->req, "notice", err.text);
	run->log_ended = true;
}

void run_start(struct api *a, struct http_req *r, const char *id)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	bool detach = false;
	struct run *run;

	(void)id;
	c = start(a, r, &detach, &err);
	if (!c) {
		http_reply_err(r, &err);
		return;
	}
	run = mem_new(struct run);
	run->api = a;
	run->req = r;
	run->detach = detach;
	run->name = mem_strdup(c->name);
	snprintf(run->id, sizeof run->id, "%s", c->id);
	http_req_on_close(r, on_close, run);
	run->listener = engine_listen(a->o.engine, on_event, run);
	if (!detach)
		attach(run);
}
