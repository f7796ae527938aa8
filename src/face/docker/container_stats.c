/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/stats_json.h"
#include "node/engine/engine.h"
#include "node/engine/stats.h"

#include <string.h>

#define EVERY_MS 1000

/* Somebody who reads figures. `once`: the second answer is the one that is sent, because the percentages need the first. */
struct watcher {
	struct http_req *r;
	struct docker *d;
	struct loop_timer *timer;
	char id[65];
	bool once, began, full;
	struct stats_before before;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct watcher *w = ctx;

	(void)r;
	loop_timer_free(w->timer);
	stats_before_free(&w->before);
	free(w);
}

static void on_drain(struct http_req *r, void *ctx)
{
	(void)r;
	((struct watcher *)ctx)->full = false;
}

static void reply_once(struct http_req *r, const char *line)
{
	http_reply_json(r, 200, line);
}

/* A slow reader misses figures. */
static void send_line(struct watcher *w, const char *line)
{
	mem_cleanup char *text = NULL;

	if (!w->began)
		http_reply_begin(w->r, 200, "application/json");
	w->began = true;
	if (w->full)
		return;
	/* In one chunk: there are clients that parse each. */
	text = mem_printf("%s\n", line);
	w->full = http_reply_data(w->r, text, strlen(text)) == 1;
}

static void give_up(struct watcher *w, const struct err *err)
{
	if (w->began)
		http_reply_end(w->r);
	else
		docker_fail(w->r, err);
}

/* The present figures, and the container they are of. */
static int look(struct watcher *w, struct stats *ret, const struct engine_container **ret_c, struct err *err)
{
	int r = engine_find(w->d->engine, w->id, ret_c, err);

	return r < 0 ? r : engine_stats(w->d->engine, w->id, ret, err);
}

static void on_timer(void *ctx)
{
	struct watcher *w = ctx;
	const struct engine_container *c;
	struct stats s = {.running = false};
	struct err err = ERR_INIT;
	mem_cleanup char *line = NULL;

	if (look(w, &s, &c, &err) < 0) {
		give_up(w, &err);
		return;
	}
	line = stats_json(c, &s, &w->before);
	stats_keep(&w->before, &s);
	stats_free(&s);
	if (w->once) {
		reply_once(w->r, line);
		return;
	}
	loop_timer_arm(w->timer, EVERY_MS);
	send_line(w, line);
}

static void watch(const struct docker_call *c, const struct engine_container *found, const struct stats *s, bool stream)
{
	struct watcher *w = mem_new(struct watcher);
	mem_cleanup char *line = NULL;

	*w = (struct watcher){.r = c->r, .d = c->d, .once = !stream};
	memcpy(w->id, found->id, sizeof w->id);
	http_req_on_close(c->r, on_close, w);
	http_reply_on_drain(c->r, on_drain, w);
	w->timer = loop_timer_new(c->d->loop, on_timer, w);
	loop_timer_arm(w->timer, EVERY_MS);
	if (stream) {
		line = stats_json(found, s, &w->before);
		stats_keep(&w->before, s);
		send_line(w, line);
	} else {
		stats_keep(&w->before, s);
	}
}

void docker_container_stats(const struct docker_call *c)
{
	static const struct stats_before nothing = {.read_ns = 0};
	bool stream = docker_flag(c->r, "stream", true),
	     one_shot = docker_since(c, DOCKER_STATS_ONE_SHOT) && docker_flag(c->r, "one-shot", false);
	const struct engine_container *found = docker_container(c);
	struct stats s = {.running = false};
	struct err err = ERR_INIT;
	mem_cleanup char *line = NULL;

	if (!found)
		return;
	if (stream && one_shot) {
		docker_message(c->r, 400, "cannot have stream=true and one-shot=true");
		return;
	}
	if (engine_stats(c->d->engine, found->id, &s, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	/* One that does not run has one answer, at once. */
	if (!stream && (one_shot || !s.running)) {
		line = stats_json(found, &s, &nothing);
		reply_once(c->r, line);
	} else {
		watch(c, found, &s, stream);
	}
	stats_free(&s);
}
