/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_ask.h"

#include <stdio.h>
#include <string.h>

#define AT_ONCE 64 /* nodes that are asked at the same time */

/* One node's part. */
struct part {
	struct gather *gather;
	struct answer *answer;
	struct http_ask *ask;
	struct buf text;
	bool ended;
};

struct gather {
	struct onehost *h;
	gather_fn fn;
	void *ctx;
	char *method, *target, *body, *only;
	enum policy_role role;
	struct answer *answers;
	struct part *parts;
	size_t n, next, running, ended;
	struct loop_timer *timer;
	int64_t wait_ms;
};

struct gather *gather_free(struct gather *g)
{
	if (!g)
		return NULL;
	for (size_t i = 0; i < g->n; i++) {
		http_ask_free(g->parts[i].ask);
		buf_free(&g->parts[i].text);
		yyjson_doc_free(g->answers[i].doc);
		free(g->answers[i].text);
		free(g->answers[i].error);
	}
	loop_timer_free(g->timer);
	free(g->parts);
	free(g->answers);
	free(g->method);
	free(g->target);
	free(g->body);
	free(g->only);
	free(g);
	return NULL;
}

/* Its answer is there, or will not come. */
static void part_end(struct part *p, const struct err *error)
{
	struct gather *g = p->gather;
	struct answer *a = p->answer;

	p->ended = true;
	p->ask = http_ask_free(p->ask);
	g->ended++;
	g->running--;
	if (error || p->text.full) {
		a->status = 0;
		a->error = mem_strdup(error ? error->text : "its answer is too long");
	} else {
		a->len = p->text.len;
		a->text = buf_take(&p->text);
		a->doc = a->text ? json_parse(a->text, a->len, ONEHOST_ANSWER_MAX, "an answer", NULL) : NULL;
	}
	buf_free(&p->text);
}

static void on_head(void *ctx, int status)
{
	struct part *p = ctx;

	p->answer->status = status;
}

static void on_body(void *ctx, const void *data, size_t n)
{
	struct part *p = ctx;

	buf_add(&p->text, data, n);
}

static void on_end(void *ctx, const struct err *error);

static int ask_node(struct gather *g, struct part *p, struct err *err)
{
	static const struct http_ask_hooks hooks = {.head = on_head, .body = on_body, .end = on_end};
	const char *headers[9] = {"Berth-Node", p->answer->node, POLICY_HEADER, policy_word(g->role)};
	size_t n = 4;
	const struct http_ask_what what = {.method = g->method,
					   .target = g->target,
					   .headers = headers,
					   .body = g->body,
					   .n = g->body ? strlen(g->body) : 0};
	int fd = onehost_dial(g->h, p->answer->node, err);

	if (g->only) {
		headers[n++] = POLICY_OWNER_HEADER;
		headers[n++] = g->only;
	}
	if (g->body) {
		headers[n++] = "Content-Type";
		headers[n++] = "application/json";
	}
	return fd < 0 ? fd : http_ask_new(g->h->loop, fd, &what, &hooks, p, &p->ask, err);
}

static void ask_more(struct gather *g)
{
	while (g->next < g->n && g->running < AT_ONCE) {
		struct part *p = &g->parts[g->next++];
		struct err err = ERR_INIT;

		g->running++;
		if (ask_node(g, p, &err) < 0)
			part_end(p, &err);
	}
	if (g->ended == g->n)
		loop_timer_arm(g->timer, 0);
}

static void on_end(void *ctx, const struct err *error)
{
	struct part *p = ctx;
	struct gather *g = p->gather;

	part_end(p, error);
	ask_more(g);
}

/* All have answered, or the time is over: then who has not is told as such. */
static void on_timer(void *ctx)
{
	struct gather *g = ctx;

	for (size_t i = 0; i < g->n; i++) {
		if (g->parts[i].ended)
			continue;
		g->answers[i].status = 0;
		g->answers[i].error = mem_strdup("it has not answered in time");
	}
	g->fn(g->ctx, g->answers, g->n);
	gather_free(g);
}

struct gather *gather_start(struct onehost *h, const struct question *q, gather_fn fn, void *ctx)
{
	struct gather *g = mem_new(struct gather);
	char **all = q->nodes ? NULL : onehost_connected(h);
	char *const *nodes = q->nodes ? q->nodes : all;

	*g = (struct gather){.h = h,
			     .fn = fn,
			     .ctx = ctx,
			     .method = mem_strdup(q->method),
			     .target = mem_strdup(q->target),
			     .body = mem_strdup(q->body),
			     .only = mem_strdup(q->only),
			     .role = q->role,
			     .n = mem_strv_len(nodes),
			     .wait_ms = q->wait_ms};
	g->answers = mem_new_n(struct answer, g->n + 1);
	g->parts = mem_new_n(struct part, g->n + 1);
	for (size_t i = 0; i < g->n; i++) {
		snprintf(g->answers[i].node, sizeof g->answers[i].node, "%s", nodes[i]);
		g->parts[i] =
		    (struct part){.gather = g, .answer = &g->answers[i], .text = BUF_LIMIT(ONEHOST_ANSWER_MAX)};
	}
	mem_strv_free(all);
	g->timer = loop_timer_new(h->loop, on_timer, g);
	if (g->wait_ms)
		loop_timer_arm(g->timer, g->wait_ms);
	ask_more(g);
	return g;
}
