/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/image_word.h"
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_ask.h"
#include "base/wire/http_client.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX (256u << 10)

struct copy {
	struct onehost *h;
	copy_fn fn;
	void *ctx;
	char *image, from_node[NODE_NAME_MAX], to_node[NODE_NAME_MAX];
	struct http_ask *from, *to;
	struct buf said; /* by the one that loads */
	int from_status, to_status;
	struct err why;
	struct loop_timer *end; /* armed once it is over */
};

struct copy *copy_free(struct copy *c)
{
	if (!c)
		return NULL;
	http_ask_free(c->from);
	http_ask_free(c->to);
	loop_timer_free(c->end);
	buf_free(&c->said);
	free(c->image);
	free(c);
	return NULL;
}

static void on_over(void *ctx)
{
	struct copy *c = ctx;

	c->fn(c->ctx, c->why.code ? &c->why : NULL); /* may free it */
}

static void over(struct copy *c)
{
	c->from = http_ask_free(c->from);
	c->to = http_ask_free(c->to);
	loop_timer_arm(c->end, 0);
}

static void failed(struct copy *c, const char *node, const char *why)
{
	err_set(&c->why, EAGAIN, "image %s goes from node %s to node %s: %s: %s", c->image, c->from_node, c->to_node,
		node, why);
	over(c);
}

/* ---- the one that has it ---- */

static void on_from_head(void *ctx, int status)
{
	struct copy *c = ctx;

	c->from_status = status;
}

static void on_from_body(void *ctx, const void *data, size_t n)
{
	struct copy *c = ctx;

	if (c->from_status == 200 && c->to && http_ask_body(c->to, data, n))
		http_ask_pause(c->from);
}

static void on_from_end(void *ctx, const struct err *error)
{
	struct copy *c = ctx;

	c->from = http_ask_free(c->from);
	if (error)
		failed(c, c->from_node, error->text);
	else if (c->from_status != 200)
		failed(c, c->from_node, "it has not got it any more");
	else if (c->to)
		(void)http_ask_body(c->to, "", 0);
}

/* ---- the one that gets it ---- */

static void on_to_head(void *ctx, int status)
{
	struct copy *c = ctx;

	c->to_status = status;
}

static void on_to_body(void *ctx, const void *data, size_t n)
{
	struct copy *c = ctx;

	buf_add(&c->said, data, n);
}

static void on_to_room(void *ctx)
{
	struct copy *c = ctx;

	if (c->from)
		http_ask_resume(c->from);
}

static void on_to_end(void *ctx, const struct err *error)
{
	struct copy *c = ctx;

	c->to = http_ask_free(c->to);
	/* An error of a load comes in its stream of messages. */
	if (error || c->to_status != 200 || strstr(buf_str(&c->said), "\"errorDetail\"")) {
		failed(c, c->to_node, error ? error->text : buf_str(&c->said));
		return;
	}
	log_info("image %s has gone from node %s to node %s", c->image, c->from_node, c->to_node);
	over(c);
}

/* ---- life ---- */

static int open_from(struct copy *c, struct err *err)
{
	static const struct http_ask_hooks hooks = {.head = on_from_head, .body = on_from_body, .end = on_from_end};
	mem_cleanup char *encoded = http_url_encode(c->image);
	mem_cleanup char *target = mem_printf(ONEHOST_API "/images/%s/get", encoded);
	const char *const headers[] = {"Berth-Node", c->from_node, NULL};
	const struct http_ask_what what = {.method = "GET", .target = target, .headers = headers};
	int fd = onehost_dial(c->h, c->from_node, err);

	return fd < 0 ? fd : http_ask_new(c->h->loop, fd, &what, &hooks, c, &c->from, err);
}

/* An id, or the beginning of one, and what has a digest: these are no names to give. */
static bool is_name(const char *image, const char *id)
{
	return !strchr(image, '@') && strncmp(id, image, strlen(image)) != 0 &&
	       strncmp(id + strlen("sha256:"), image, strlen(image)) != 0;
}

static int open_to(struct copy *c, const char *id, struct err *err)
{
	mem_cleanup char *encoded = http_url_encode(c->image);
	mem_cleanup char *target =
	    mem_printf(ONEHOST_API "/images/load?quiet=1&only=%s%s%s", id, is_name(c->image, id) ? "&as=" : "",
		       is_name(c->image, id) ? encoded : "");
	static const struct http_ask_hooks hooks = {
	    .head = on_to_head, .body = on_to_body, .end = on_to_end, .drain = on_to_room};
	const char *const headers[] = {"Berth-Node", c->to_node, "Content-Type", "application/x-tar", NULL};
	const struct http_ask_what what = {.method = "POST", .target = target, .headers = headers, .chunked = true};
	int fd = onehost_dial(c->h, c->to_node, err);

	return fd < 0 ? fd : http_ask_new(c->h->loop, fd, &what, &hooks, c, &c->to, err);
}

struct copy *copy_start(struct onehost *h, const char *image, const struct image_word *from, const char *to, copy_fn fn,
			void *ctx)
{
	struct copy *c = mem_new(struct copy);
	struct err err = ERR_INIT;

	c->h = h;
	c->fn = fn;
	c->ctx = ctx;
	c->image = mem_strdup(image);
	c->said.limit = SAID_MAX;
	c->end = loop_timer_new(h->loop, on_over, c);
	snprintf(c->from_node, sizeof c->from_node, "%s", from->node);
	snprintf(c->to_node, sizeof c->to_node, "%s", to);
	if (open_to(c, from->id, &err) < 0)
		failed(c, to, err.text);
	else if (open_from(c, &err) < 0)
		failed(c, from->node, err.text);
	return c;
}
