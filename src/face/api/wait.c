/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that come when something has ended: a container or a job. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"
#include "face/docker/policy.h"

#include <string.h>

struct wait {
	struct api *api;
	struct http_req *req;
	char id[128];
	bool empty; /* answer 204, not the exit */
	struct engine_listener *container;
	struct server_listener *job;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct wait *w = ctx;

	(void)r;
	engine_unlisten(w->container);
	server_unlisten(w->job);
	free(w);
}

static bool has_ended(const struct engine_container *c)
{
	return c->state == ENGINE_EXITED || c->state == ENGINE_LOST;
}

static void answer(struct http_req *r, const struct engine_container *c, bool empty)
{
	buf_cleanup struct buf json = BUF_INIT;

	containers_exit(c, &json);
	if (empty)
		http_reply(r, 204, NULL, NULL, 0);
	else
		http_reply_json(r, 200, buf_str(&json));
}

static void on_engine(void *ctx, const struct engine_event *ev)
{
	struct wait *w = ctx;

	if (w->req && ev->type == ENGINE_EV_EXITED && ev->c && !strcmp(ev->c->id, w->id)) {
		struct http_req *r = w->req;

		w->req = NULL;
		answer(r, ev->c, w->empty);
	}
}

static int on_server(void *ctx, const char *json, size_t len, const char *job)
{
	struct wait *w = ctx;
	char *text = NULL;

	(void)json;
	(void)len;
	if (w->req && job && !strcmp(job, w->id) && server_job_ended(w->api->o.server, w->id, &text)) {
		struct http_req *r = w->req;

		w->req = NULL;
		http_reply_json(r, 200, text);
		free(text);
	}
	return 0;
}

static struct wait *wait_new(struct api *a, struct http_req *r, const char *id, bool empty)
{
	struct wait *w = mem_new(struct wait);

	w->api = a;
	w->req = r;
	w->empty = empty;
	snprintf(w->id, sizeof w->id, "%s", id);
	http_req_on_close(r, on_close, w);
	return w;
}

static void wait_container(struct api *a, struct http_req *r, const struct engine_container *c, bool empty)
{
	struct wait *w;

	if (has_ended(c)) {
		answer(r, c, empty);
		return;
	}
	w = wait_new(a, r, c->id, empty);
	w->container = engine_listen(a->o.engine, on_engine, w);
}

void wait_any(struct api *a, struct http_req *r, const char *id)
{
	const struct engine_container *c;
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT, job_err = ERR_INIT;
	char job[128];
	struct wait *w;

	if (engine_find(a->o.engine, id, &c, &err) == 0) {
		wait_container(a, r, c, false);
		return;
	}
	if (server_find(a->o.server, id, job, sizeof job, &job_err) < 0) {
		if (err.code == ENOENT && job_err.code == ENOENT)
			err_set(&err, ENOENT, "there is no container and no job \"%s\"", id);
		http_reply_err(r, &err);
		return;
	}
	if (server_job_ended(a->o.server, job, &text)) {
		http_reply_json(r, 200, text);
		return;
	}
	w = wait_new(a, r, job, false);
	w->job = server_listen(a->o.server, on_server, w);
}

void wait_stop(struct api *a, struct http_req *r, const char *id)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int64_t grace = -1;
	int x;

	if (api_query_int(r, "grace_ms", 0, 24 * 3600 * 1000, &grace) < 0)
		return;
	x = engine_find(a->o.engine, id, &c, &err);
	if (x >= 0)
		x = policy_check_container(a->o.engine, r, c->id, &err);
	if (x >= 0 && !has_ended(c))
		x = engine_stop(a->o.engine, c->id, grace, &err);
	if (x < 0)
		http_reply_err(r, &err);
	else
		wait_container(a, r, c, true);
}
