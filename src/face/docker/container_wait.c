/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/NAME/wait. Status and headers go out at once: `docker run` starts the container when it has them.
 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"

#include <stdio.h>
#include <string.h>

enum condition { NOT_RUNNING, NEXT_EXIT, REMOVED };

struct wait {
	struct http_req *r; /* NULL once answered */
	char id[65];
	enum condition condition;
	bool early; /* the headers are out */
	struct engine_listener *listener;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct wait *w = ctx;

	(void)r;
	engine_unlisten(w->listener);
	free(w);
}

static void answer(struct wait *w, const struct engine_container *c)
{
	buf_cleanup struct buf json = BUF_INIT;
	struct http_req *r = w->r;

	w->r = NULL;
	if (!w->early)
		http_reply_begin(r, 200, "application/json");
	buf_printf(&json, "{\"StatusCode\":%d}\n", container_exit_code(c));
	(void)http_reply_data(r, json.data, json.len);
	http_reply_end(r);
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct wait *w = ctx;

	if (!w->r || !ev->c || strcmp(ev->c->id, w->id) != 0)
		return;
	/* What could not start has not ended: whoever asked for the start is told. */
	if (ev->type == ENGINE_EV_REMOVED ||
	    (w->condition != REMOVED && ev->type == ENGINE_EV_EXITED && !ev->c->exit.never_started))
		answer(w, ev->c);
}

static bool read_condition(const struct docker_call *c, enum condition *ret)
{
	static const char *const names[] = {
	    [NOT_RUNNING] = "not-running", [NEXT_EXIT] = "next-exit", [REMOVED] = "removed"};
	const char *text = http_req_query(c->r, "condition");

	*ret = NOT_RUNNING;
	if (!text || !*text || !docker_since(c, DOCKER_WAIT_CONDITION))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(text, names[i])) {
			*ret = (enum condition)i;
			return true;
		}
	}
	docker_message(c->r, 400, "invalid condition: \"%.100s\"", text);
	return false;
}

void docker_container_wait(const struct docker_call *c)
{
	const struct engine_container *container;
	enum condition condition;
	struct wait *w;

	if (!read_condition(c, &condition))
		return;
	container = docker_container(c);
	if (!container)
		return;
	w = mem_new(struct wait);
	*w = (struct wait){.r = c->r, .condition = condition, .early = docker_since(c, DOCKER_WAIT_CONDITION)};
	snprintf(w->id, sizeof w->id, "%s", container->id);
	http_req_on_close(c->r, on_close, w);
	if (w->early)
		http_reply_begin(c->r, 200, "application/json");
	if (condition == NOT_RUNNING && !container_runs(container) && !container->starting)
		answer(w, container);
	else
		w->listener = engine_listen(c->d->engine, on_event, w);
}
