/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/events.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "face/cli/lines.h"
#include "face/cli/show.h"
#include "face/project/call.h"
#include "face/project/project.h"

#include <stdlib.h>
#include <string.h>

struct events {
	struct project *p;
	struct call *call;
	struct lines lines;
	event_fn fn;
	event_end_fn ended;
	void *ctx;
	struct err failed;
	bool begun, opening;
};

static int on_line(void *ctx, const char *line, size_t len, struct err *err)
{
	struct events *e = ctx;
	yyjson_doc *doc json_doc_cleanup = json_parse(line, len, LINES_MAX, "an event", err);
	yyjson_val *root = yyjson_doc_get_root(doc), *actor, *attributes;
	struct event ev = {.json = root};

	if (!doc)
		return -EPROTO;
	actor = yyjson_obj_get(root, "Actor");
	attributes = yyjson_obj_get(actor, "Attributes");
	ev.action = show_str(root, "Action", "");
	ev.id = show_str(actor, "ID", "");
	ev.name = show_str(attributes, "name", "");
	ev.service = show_str(attributes, PROJECT_LABEL "service", "");
	ev.exit_code = strtoll(show_str(attributes, "exitCode", "0"), NULL, 10);
	ev.oneoff = !strcasecmp(show_str(attributes, PROJECT_LABEL "oneoff", ""), "true");
	ev.time_ns = show_int(root, "timeNano", 0);
	e->fn(e->ctx, &ev);
	return 0;
}

static void on_data(void *ctx, const char *data, size_t n)
{
	struct events *e = ctx;
	struct err err = ERR_INIT;

	if (lines_feed(&e->lines, data, n, on_line, e, &err) < 0 && e->ended)
		e->ended(e->ctx, &err);
}

static void on_begin(void *ctx)
{
	struct events *e = ctx;

	e->begun = true;
	if (e->opening)
		loop_stop(e->p->loop);
}

static void on_end(void *ctx, int status, yyjson_val *reply, const struct err *err)
{
	struct events *e = ctx;

	(void)status;
	(void)reply;
	if (err)
		e->failed = *err;
	if (e->opening)
		loop_stop(e->p->loop);
	else if (e->ended)
		e->ended(e->ctx, err);
}

int events_open(struct project *p, const char *more, event_fn fn, event_end_fn ended, void *ctx, struct events **ret,
		struct err *err)
{
	mem_cleanup char *filter = project_filter(p, "container");
	mem_cleanup char *target = mem_printf("/events?filters=%s%s", filter, more ? more : "");
	struct events *e = mem_new(struct events);
	const struct call_request rq = {
	    .method = "GET", .target = target, .on_begin = on_begin, .on_data = on_data, .on_end = on_end, .ctx = e};
	int r;

	*e = (struct events){.p = p, .fn = fn, .ended = ended, .ctx = ctx, .lines = LINES_INIT, .opening = true};
	r = call_open(p->loop, p->dial, &rq, &e->call, err);
	if (r == 0)
		r = loop_run(p->loop, err);
	e->opening = false;
	if (r == 0 && !e->begun) {
		if (err)
			*err = e->failed;
		r = e->failed.code ? -e->failed.code : err_set(err, EIO, "berth tells no events");
	}
	if (r < 0) {
		events_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct events *events_free(struct events *e)
{
	if (!e)
		return NULL;
	call_free(e->call);
	lines_free(&e->lines);
	free(e);
	return NULL;
}
