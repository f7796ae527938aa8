/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /events: those of all nodes in one stream, each with the attribute node.name; and the nodes' own: connect and disconnect, of the type "node".
 * What has been (`since`) is asked of all nodes first and told in the order of time; then each is told as it comes. A node that comes later joins in.
 */
#include "face/onehost/node_lines.h"
#include "face/onehost/recall.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct source {
	struct source *next;
	struct events *events;
	struct node_lines *lines;
	char node[NODE_NAME_MAX];
	bool awaited; /* the answer does not begin before this one has */
};

struct events {
	struct events *next;
	struct onehost *h;
	struct http_req *r; /* NULL: it has ended */
	enum { GATHERING, TELLING, LIVE } phase;
	struct recall past;
	int64_t since_ns, until_ns; /* INT64_MAX = for ever */
	int64_t now_ns;		    /* where the past ends */
	char *path, *filters;	    /* of the nodes' targets; filters: encoded, "" = none */
	bool begun;		    /* what happens from now on is told: all nodes that were there have said so */
	bool plain;		    /* without filters: the nodes' own are told */
	struct source *sources;
};

static void source_free(struct source *s)
{
	struct source **link = &s->events->sources;

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	node_lines_free(s->lines);
	free(s);
}

static void events_free(struct events *e)
{
	for (struct source *s = e->sources, *next; s; s = next) {
		next = s->next;
		node_lines_free(s->lines);
		free(s);
	}
	recall_free(&e->past);
	free(e->path);
	free(e->filters);
	free(e);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct events *e = ctx, **link = &e->h->events;

	(void)r;
	while (*link != e)
		link = &(*link)->next;
	*link = e->next;
	events_free(e);
}

static void finish(struct events *e)
{
	struct http_req *r = e->r;

	if (!r)
		return;
	e->r = NULL;
	http_reply_end(r);
}

/* ---- telling ---- */

static void begin(struct events *e)
{
	if (e->begun || !e->r)
		return;
	e->begun = true;
	http_reply_begin(e->r, 200, "application/json");
}

static void begin_if_all(struct events *e)
{
	if (e->phase != LIVE)
		return;
	for (const struct source *s = e->sources; s; s = s->next) {
		if (s->awaited)
			return;
	}
	begin(e);
}

/* True: the reader takes no more for now. */
static bool send_line(struct events *e, const char *text)
{
	mem_cleanup char *line = mem_printf("%s\n", text);

	begin(e);
	return e->r && http_reply_data(e->r, line, strlen(line));
}

/* Takes the text. */
static void tell(struct events *e, int64_t time_ns, char *text)
{
	if (e->phase != LIVE) {
		recall_add(&e->past, time_ns, text);
		return;
	}
	if (send_line(e, text)) {
		for (struct source *s = e->sources; s; s = s->next)
			node_lines_pause(s->lines);
	}
	free(text);
}

static void add_all(struct events *e);

static void go_live(struct events *e)
{
	e->phase = LIVE;
	recall_free(&e->past);
	if (e->until_ns <= e->now_ns) {
		begin(e);
		finish(e);
		return;
	}
	add_all(e);
}

static void tell_past(struct events *e)
{
	const char *text;

	while (e->r && (text = recall_next(&e->past))) {
		if (send_line(e, text))
			return;
	}
	if (e->r)
		go_live(e);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	if (e->phase == TELLING)
		tell_past(e);
	for (struct source *s = e->sources; s; s = s->next)
		node_lines_resume(s->lines);
}

/* ---- asking ---- */

static void on_line(void *ctx, yyjson_doc *event)
{
	struct source *s = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(event, NULL);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *actor = yyjson_mut_obj_get(root, "Actor");
	yyjson_mut_val *attributes = yyjson_mut_obj_get(actor, "Attributes");

	if (yyjson_mut_is_obj(attributes))
		yyjson_mut_obj_put(attributes, yyjson_mut_str(d, "node.name"), yyjson_mut_strcpy(d, s->node));
	tell(s->events, yyjson_mut_get_sint(yyjson_mut_obj_get(root, "timeNano")), json_text(d, false, NULL));
}

/* All nodes have told their part. */
static void come_to_end(struct events *e)
{
	if (e->phase == GATHERING) {
		e->phase = TELLING;
		recall_sort(&e->past);
		tell_past(e);
	} else if (e->phase == LIVE && e->until_ns != INT64_MAX) {
		finish(e);
	}
}

static void on_end(void *ctx)
{
	struct source *s = ctx;
	struct events *e = s->events;

	source_free(s);
	begin_if_all(e);
	if (!e->sources)
		come_to_end(e);
}

static void on_ready(void *ctx)
{
	struct source *s = ctx;

	s->awaited = false;
	begin_if_all(s->events);
}

static void add_moment(struct buf *b, const char *name, int64_t ns)
{
	buf_printf(b, "&%s=%" PRId64 ".%09" PRId64, name, ns / 1000000000, ns % 1000000000);
}

/* The past: up to now. Then: what came after it, or without one what comes. */
static char *target_of(const struct events *e)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s?%s%s", e->path, *e->filters ? "filters=" : "", e->filters);
	if (e->phase == GATHERING) {
		add_moment(&b, "since", e->since_ns);
		add_moment(&b, "until", e->until_ns < e->now_ns ? e->until_ns : e->now_ns);
		return buf_take(&b);
	}
	if (e->since_ns)
		add_moment(&b, "since", e->since_ns > e->now_ns ? e->since_ns : e->now_ns + 1);
	if (e->until_ns != INT64_MAX)
		add_moment(&b, "until", e->until_ns);
	return buf_take(&b);
}

static void add_source(struct events *e, const char *node)
{
	static const struct node_lines_hooks hooks = {.ready = on_ready, .line = on_line, .end = on_end};
	mem_cleanup char *target = target_of(e);
	struct source *s;

	for (s = e->sources; s; s = s->next) {
		if (!strcmp(s->node, node))
			return;
	}
	s = mem_new(struct source);
	s->events = e;
	s->awaited = !e->begun;
	snprintf(s->node, sizeof s->node, "%s", node);
	s->lines = node_lines_open(e->h, node, target, &hooks, s);
	if (!s->lines) {
		free(s);
		return;
	}
	s->next = e->sources;
	e->sources = s;
}

static void add_all(struct events *e)
{
	char **nodes = onehost_connected(e->h);

	for (char **n = nodes; n && *n; n++)
		add_source(e, *n);
	mem_strv_free(nodes);
	begin_if_all(e);
	if (!e->sources)
		come_to_end(e);
}

void events_node(struct onehost *h, const char *node, bool up)
{
	int64_t now = clock_wall_ns();

	for (struct events *e = h->events; e; e = e->next) {
		if (e->plain)
			tell(e, now,
			     mem_printf("{\"Type\":\"node\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":"
					"{\"name\":\"%s\"}},\"scope\":\"local\",\"time\":%lld,\"timeNano\":%lld}",
					up ? "connect" : "disconnect", node, node, (long long)(now / 1000000000),
					(long long)now));
		/* Who comes while the past is told is asked with all others after it. */
		if (up && e->phase == LIVE && e->until_ns == INT64_MAX)
			add_source(e, node);
	}
}

static bool read_query(const struct call *c, struct events *e)
{
	const char *filters = http_req_query(c->r, "filters"), *wrong = NULL;

	e->since_ns = docker_moment(c->r, "since", 0);
	e->until_ns = docker_moment(c->r, "until", INT64_MAX);
	e->now_ns = clock_wall_ns();
	e->filters = http_url_encode(filters ? filters : "");
	e->plain = !filters || strlen(filters) <= 2;
	if (e->since_ns < 0 || e->until_ns < 0)
		wrong = e->since_ns < 0 ? "since" : "until";
	if (wrong)
		docker_message(c->r, 400, "invalid value for \"%s\": a time in seconds is needed", wrong);
	else if (e->until_ns < e->since_ns)
		docker_message(c->r, 400, "`since` time must be before `until` time");
	return !wrong && e->until_ns >= e->since_ns;
}

void call_events(const struct call *c)
{
	struct events *e = mem_new(struct events);
	bool past;

	e->h = c->h;
	e->r = c->r;
	if (!read_query(c, e)) {
		events_free(e);
		return;
	}
	past = (e->since_ns && e->since_ns <= e->now_ns) || e->until_ns <= e->now_ns;
	e->phase = past ? GATHERING : LIVE;
	e->path = mem_printf("%s/events", c->version);
	e->next = c->h->events;
	c->h->events = e;
	http_req_on_close(c->r, on_close, e);
	http_reply_on_drain(c->r, on_drain, e);
	add_all(e);
}
