/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/events: first the log from `since`, read in pages at the reader's speed, then what happens now. A reader that falls behind in the second part goes back
 * to the first: nothing is held in memory for it and nothing of the log is lost. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"
#include "face/onehost/onehost.h"

#include <inttypes.h>
#include <string.h>

#define PAGE 256

struct events {
	struct api *api;
	struct http_req *req; /* NULL once ended */
	char *job;	      /* NULL = all */
	uint64_t cursor;      /* the last that was sent */
	bool follow, live, full;
	struct server_listener *server;
	struct engine_listener *engine;
	struct node_events *nodes; /* NULL: this is one machine, or only the log is wanted */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	server_unlisten(e->server);
	engine_unlisten(e->engine);
	node_events_free(e->nodes);
	free(e->job);
	free(e);
}

static bool wanted(const struct events *e, const char *job)
{
	return !e->job || (job && !strcmp(job, e->job));
}

static int send_line(struct events *e, const char *json, size_t len)
{
	http_reply_data(e->req, json, len);
	return http_reply_data(e->req, "\n", 1);
}

static int from_log(void *ctx, const char *json, size_t len, const char *job)
{
	struct events *e = ctx;

	if (wanted(e, job) && send_line(e, json, len))
		e->full = true;
	return 0;
}

/* Pages of the log until the reader is full or all is read. */
static void pump(struct events *e)
{
	struct err err = ERR_INIT;

	while (e->req && !e->full && !e->live) {
		uint64_t before = e->cursor;

		if (server_events_read(e->api->o.server, e->cursor, PAGE, &e->cursor, from_log, e, &err) < 0) {
			struct http_req *r = e->req;

			e->req = NULL;
			http_reply_end(r);
			return;
		}
		if (e->cursor - before < PAGE)
			e->live = true;
	}
	if (e->req && e->live && !e->follow) {
		struct http_req *r = e->req;

		e->req = NULL;
		http_reply_end(r);
	}
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	e->full = false;
	node_events_pause(e->nodes, false);
	pump(e);
}

static int from_server(void *ctx, const char *json, size_t len, const char *job)
{
	struct events *e = ctx;
	uint64_t seq = strtoull(json + strlen("{\"seq\":"), NULL, 10);

	if (!e->req || !e->live || (seq && seq <= e->cursor))
		return 0;
	if (seq)
		e->cursor = seq;
	if (wanted(e, job) && send_line(e, json, len)) {
		e->full = true;
		e->live = false; /* the rest comes from the log when the reader has caught up */
	}
	return 0;
}

static void add(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_quote(out, value, strlen(value));
}

/* Containers of no job are no part of the log: told live only. What happens here while the reader is behind he does not hear of; other nodes wait for him. */
static void tell_live(struct events *e, const char *json, size_t len)
{
	if (!e->req || !e->live || e->full || !send_line(e, json, len))
		return;
	e->full = true;
	node_events_pause(e->nodes, true);
}

static void from_node(void *ctx, const char *line, size_t len)
{
	tell_live(ctx, line, len);
}

static void from_engine(void *ctx, const struct engine_event *ev)
{
	static const char *const kinds[] = {
	    [ENGINE_EV_CREATED] = "container_created",
	    [ENGINE_EV_STARTED] = "container_started",
	    [ENGINE_EV_HEALTH] = "container_health",
	    [ENGINE_EV_STOPPING] = "container_stopping",
	    [ENGINE_EV_EXITED] = "container_exited",
	    [ENGINE_EV_REMOVED] = "container_removed",
	    [ENGINE_EV_CHANGED] = "container_changed",
	    [ENGINE_EV_WARNED] = "container_warned",
	    [ENGINE_EV_IMAGE] = "image",
	};
	struct events *e = ctx;
	buf_cleanup struct buf line = BUF_INIT;

	if (!e->req || !e->live || e->job || (ev->c && ev->c->job))
		return;
	buf_printf(&line, "{\"seq\":0,\"time_ms\":%" PRId64 ",\"kind\":\"%s\"", ev->time_ms, kinds[ev->type]);
	if (ev->c) {
		add(&line, "container", ev->c->id);
		add(&line, "name", ev->c->name);
		add(&line, "image", ev->c->image);
		if (ev->type == ENGINE_EV_EXITED)
			buf_printf(&line, ",\"exit_code\":%d", ev->c->exit.code);
	}
	add(&line, "text", ev->text);
	buf_addc(&line, '}');
	tell_live(e, buf_str(&line), line.len);
}

static int read_query(struct events *e, struct http_req *r)
{
	const char *job = http_req_query(r, "job");
	struct err err = ERR_INIT;
	int64_t since = -1;
	char id[128];

	if (api_query_int(r, "since", 0, INT64_MAX, &since) < 0)
		return -EINVAL;
	e->follow = api_query_bool(r, "follow");
	e->live = e->follow && since < 0; /* following without a position starts now */
	e->cursor = since > 0 ? (uint64_t)since : 0;
	if (!job)
		return 0;
	if (server_find(e->api->o.server, job, id, sizeof id, &err) < 0) {
		http_reply_err(r, &err);
		return -ENOENT;
	}
	e->job = mem_strdup(id);
	return 0;
}

void events_get(struct api *a, struct http_req *r, const char *id)
{
	struct events *e = mem_new(struct events);

	(void)id;
	e->api = a;
	e->req = r;
	if (read_query(e, r) < 0) {
		free(e->job);
		free(e);
		return;
	}
	http_req_on_close(r, on_close, e);
	http_reply_begin(r, 200, "application/x-ndjson");
	http_reply_on_drain(r, on_drain, e);
	e->server = server_listen(a->o.server, from_server, e);
	e->engine = engine_listen(a->o.engine, from_engine, e);
	/* With the header it is a server that asks this node alone. */
	if (a->onehost && e->follow && !e->job && !http_req_header(r, "Berth-Node"))
		e->nodes = node_events_new(a->onehost, from_node, e);
	pump(e);
}
