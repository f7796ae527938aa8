/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/node_lines.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_ask.h"
#include "cluster/server/server.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (1u << 20)

struct node_lines {
	struct http_ask *ask;
	struct node_lines_hooks hooks;
	void *ctx;
	char node[NODE_NAME_MAX];
	struct buf text;
	bool ok;	 /* it answers with what was asked for */
	bool busy, dead; /* in a hook; freed meanwhile */
};

static void release(struct node_lines *l)
{
	http_ask_free(l->ask);
	buf_free(&l->text);
	free(l);
}

struct node_lines *node_lines_free(struct node_lines *l)
{
	if (!l)
		return NULL;
	l->dead = true;
	if (!l->busy)
		release(l);
	return NULL;
}

void node_lines_pause(struct node_lines *l)
{
	http_ask_pause(l->ask);
}

void node_lines_resume(struct node_lines *l)
{
	http_ask_resume(l->ask);
}

static void on_head(void *ctx, int status)
{
	struct node_lines *l = ctx;

	l->ok = status == 200;
	if (!l->ok || !l->hooks.ready)
		return;
	l->busy = true;
	l->hooks.ready(l->ctx);
	l->busy = false;
	if (l->dead)
		release(l);
}

static void take_line(struct node_lines *l, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(l->text.data, n, 0);

	if (yyjson_is_obj(yyjson_doc_get_root(doc)))
		l->hooks.line(l->ctx, doc);
}

static void on_body(void *ctx, const void *data, size_t n)
{
	struct node_lines *l = ctx;
	const char *end;

	if (!l->ok)
		return;
	buf_add(&l->text, data, n);
	/* A line without an end: nothing of ours. */
	if (l->text.full)
		buf_clear(&l->text);
	l->busy = true;
	while (!l->dead && l->text.len > 0 && (end = memchr(l->text.data, '\n', l->text.len))) {
		size_t used = (size_t)(end - l->text.data);

		take_line(l, used);
		if (!l->dead)
			buf_drop(&l->text, used + 1);
	}
	l->busy = false;
	if (l->dead)
		release(l);
}

static void on_end(void *ctx, const struct err *error)
{
	struct node_lines *l = ctx;

	(void)error;
	l->hooks.end(l->ctx);
}

struct node_lines *node_lines_open(struct onehost *h, const char *node, const char *target,
				   const struct node_lines_hooks *hooks, void *ctx)
{
	static const struct http_ask_hooks asked = {.head = on_head, .body = on_body, .end = on_end};
	struct node_lines *l = mem_new(struct node_lines);
	const char *const headers[] = {"Berth-Node", node, NULL};
	const struct http_ask_what what = {.method = "GET", .target = target, .headers = headers};
	struct err err = ERR_INIT;
	int fd = server_node_dial(h->server, node, &err);

	l->hooks = *hooks;
	l->ctx = ctx;
	l->text.limit = LINE_MAX_BYTES;
	snprintf(l->node, sizeof l->node, "%s", node);
	if (fd >= 0 && http_ask_new(h->loop, fd, &what, &asked, l, &l->ask, &err) == 0)
		return l;
	release(l);
	return NULL;
}
