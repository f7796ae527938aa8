/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/node_lines.h"
#include "face/onehost/onehost.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>

/* What a node tells of its own, as it comes. What of it stands in a log there is the log of nobody here. */
#define TARGET "/v1/events?follow=1"

struct source {
	struct source *next;
	struct node_events *events;
	struct node_lines *lines;
	char node[NODE_NAME_MAX];
};

struct node_events {
	struct node_events *next;
	struct onehost *h;
	node_events_fn fn;
	void *ctx;
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

static bool is_container(yyjson_val *event)
{
	const char *kind = yyjson_get_str(yyjson_obj_get(event, "kind"));

	return kind && yyjson_get_uint(yyjson_obj_get(event, "seq")) == 0 &&
	       (!strncmp(kind, "container_", 10) || !strcmp(kind, "image"));
}

static void on_line(void *ctx, yyjson_doc *event)
{
	struct source *s = ctx;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	mem_cleanup char *line = NULL;

	if (!is_container(yyjson_doc_get_root(event)))
		return;
	d = yyjson_doc_mut_copy(event, NULL);
	yyjson_mut_obj_put(yyjson_mut_doc_get_root(d), yyjson_mut_str(d, "node"), yyjson_mut_str(d, s->node));
	line = json_text(d, false, NULL);
	s->events->fn(s->events->ctx, line, strlen(line));
}

static void on_end(void *ctx)
{
	source_free(ctx);
}

static void add(struct node_events *e, const char *node)
{
	static const struct node_lines_hooks hooks = {.line = on_line, .end = on_end};
	struct source *s = e->sources;

	while (s && strcmp(s->node, node) != 0)
		s = s->next;
	if (s || onehost_is_here(e->h, node))
		return;
	s = mem_new(struct source);
	s->events = e;
	snprintf(s->node, sizeof s->node, "%s", node);
	s->lines = node_lines_open(e->h, node, TARGET, &hooks, s);
	if (!s->lines) {
		free(s);
		return;
	}
	s->next = e->sources;
	e->sources = s;
}

struct node_events *node_events_new(struct onehost *h, node_events_fn fn, void *ctx)
{
	struct node_events *e = mem_new(struct node_events);
	char **nodes = onehost_connected(h);

	*e = (struct node_events){.next = h->listeners, .h = h, .fn = fn, .ctx = ctx};
	h->listeners = e;
	for (char **n = nodes; n && *n; n++)
		add(e, *n);
	mem_strv_free(nodes);
	return e;
}

struct node_events *node_events_free(struct node_events *e)
{
	struct node_events **link;

	if (!e)
		return NULL;
	for (link = &e->h->listeners; *link != e; link = &(*link)->next)
		;
	*link = e->next;
	for (struct source *s = e->sources, *next; s; s = next) {
		next = s->next;
		node_lines_free(s->lines);
		free(s);
	}
	free(e);
	return NULL;
}

void node_events_pause(struct node_events *e, bool paused)
{
	for (struct source *s = e ? e->sources : NULL; s; s = s->next)
		(paused ? node_lines_pause : node_lines_resume)(s->lines);
}

void node_events_node(struct onehost *h, const char *node)
{
	for (struct node_events *e = h->listeners; e; e = e->next)
		add(e, node);
}
