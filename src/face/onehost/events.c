/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /events: those of all nodes in one stream, as they come, each with the attribute node.name; and the nodes' own: connect and disconnect, of the type
 * "node". A node that comes later joins in.
 */
#include "face/onehost/node_lines.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

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
	char *target;
	bool begun; /* what happens from now on is told: all nodes that were there have said so */
	bool ends;  /* `until` was given: it ends when all nodes have come to it */
	bool plain; /* without filters: the nodes' own are told */
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

static void on_close(struct http_req *r, void *ctx)
{
	struct events *e = ctx, **link = &e->h->events;

	(void)r;
	while (*link != e)
		link = &(*link)->next;
	*link = e->next;
	while (e->sources)
		source_free(e->sources);
	free(e->target);
	free(e);
}

static void begin(struct events *e)
{
	if (e->begun || !e->r)
		return;
	e->begun = true;
	http_reply_begin(e->r, 200, "application/json");
}

static void begin_if_all(struct events *e)
{
	for (const struct source *s = e->sources; s; s = s->next) {
		if (s->awaited)
			return;
	}
	begin(e);
}

static void send_text(struct events *e, const char *text)
{
	mem_cleanup char *line = mem_printf("%s\n", text);

	begin(e);
	if (!e->r || !http_reply_data(e->r, line, strlen(line)))
		return;
	for (struct source *s = e->sources; s; s = s->next)
		node_lines_pause(s->lines);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	for (struct source *s = e->sources; s; s = s->next)
		node_lines_resume(s->lines);
}

static void on_line(void *ctx, yyjson_doc *event)
{
	struct source *s = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(event, NULL);
	yyjson_mut_val *actor = yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "Actor");
	yyjson_mut_val *attributes = yyjson_mut_obj_get(actor, "Attributes");
	mem_cleanup char *text = NULL;

	if (yyjson_mut_is_obj(attributes))
		yyjson_mut_obj_put(attributes, yyjson_mut_str(d, "node.name"), yyjson_mut_strcpy(d, s->node));
	text = json_text(d, false, NULL);
	send_text(s->events, text);
}

static void on_end(void *ctx)
{
	struct source *s = ctx;
	struct events *e = s->events;
	struct http_req *r = e->r;

	source_free(s);
	begin_if_all(e);
	if (!e->ends || e->sources || !r)
		return;
	e->r = NULL;
	http_reply_end(r);
}

static void on_ready(void *ctx)
{
	struct source *s = ctx;

	s->awaited = false;
	begin_if_all(s->events);
}

static void add_source(struct events *e, const char *node)
{
	static const struct node_lines_hooks hooks = {.ready = on_ready, .line = on_line, .end = on_end};
	struct source *s;

	for (s = e->sources; s; s = s->next) {
		if (!strcmp(s->node, node))
			return;
	}
	s = mem_new(struct source);
	s->events = e;
	s->awaited = !e->begun;
	snprintf(s->node, sizeof s->node, "%s", node);
	s->lines = node_lines_open(e->h, node, e->target, &hooks, s);
	if (!s->lines) {
		free(s);
		return;
	}
	s->next = e->sources;
	e->sources = s;
}

void events_node(struct onehost *h, const char *node, bool up)
{
	int64_t now = clock_wall_ns();
	mem_cleanup char *text =
	    mem_printf("{\"Type\":\"node\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":"
		       "{\"name\":\"%s\"}},\"scope\":\"local\",\"time\":%lld,\"timeNano\":%lld}",
		       up ? "connect" : "disconnect", node, node, (long long)(now / 1000000000), (long long)now);

	for (struct events *e = h->events; e; e = e->next) {
		if (e->plain)
			send_text(e, text);
		if (up && !e->ends)
			add_source(e, node);
	}
}

void call_events(const struct call *c)
{
	struct events *e = mem_new(struct events);
	const char *filters = http_req_query(c->r, "filters"), *until = http_req_query(c->r, "until");
	char **nodes = onehost_connected(c->h);

	e->h = c->h;
	e->r = c->r;
	e->target = onehost_target(c, "");
	e->ends = until && *until;
	e->plain = !filters || strlen(filters) <= 2;
	e->next = c->h->events;
	c->h->events = e;
	http_req_on_close(c->r, on_close, e);
	http_reply_on_drain(c->r, on_drain, e);
	for (char **n = nodes; n && *n; n++)
		add_source(e, *n);
	mem_strv_free(nodes);
	begin_if_all(e);
	if (!e->ends || e->sources)
		return;
	e->r = NULL;
	http_reply_end(c->r);
}
