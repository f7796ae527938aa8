/* SPDX-License-Identifier: Apache-2.0
 *
 * start, restart, stop, kill and delete: the engine is asked, and the answer comes with the event that tells of it. A client that goes away takes back
 * nothing.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/shape.h"
#include "node/engine/volume.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum wanted { BEGUN, ENDED, GONE };

/* A request that waits for its container. */
struct change {
	struct docker *d;
	struct http_req *r; /* NULL once answered */
	char id[65];
	enum wanted wanted;
	uint32_t before; /* the number of its life when this was asked for */
	char **volumes;	 /* GONE: those that may go with it */
	struct engine_listener *listener;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct change *w = ctx;

	(void)r;
	engine_unlisten(w->listener);
	mem_strv_free(w->volumes);
	free(w);
}

static void done(struct change *w)
{
	struct http_req *r = w->r;

	w->r = NULL;
	http_reply(r, 204, NULL, NULL, 0);
}

/* Clients tell 127, 126 and 125 apart by these words, in these letters (docs/DOCKER.md); the C library writes some of them in others. */
static bool says(char *text, const char *const *words)
{
	for (; *words; words++) {
		char *at = strcasestr(text, *words);

		if (at) {
			memcpy(at, *words, strlen(*words));
			return true;
		}
	}
	return false;
}

static void tell_failure(struct http_req *r, const struct engine_container *c)
{
	static const char *const missing[] = {"executable file not found", "no such file or directory", NULL};
	static const char *const denied[] = {"permission denied", "is a directory", NULL};
	mem_cleanup char *text = mem_strdup(c->exit.error ? c->exit.error : "the container could not be started");
	const char *more = "";

	if (c->exit.code == 127 && !says(text, missing))
		more = ": executable file not found in $PATH";
	else if (c->exit.code == 126 && !says(text, denied))
		more = ": permission denied";
	docker_message(r, c->exit.code == 126 || c->exit.code == 127 ? 400 : 500, "%s%s", text, more);
}

static void failed(struct change *w, const struct engine_container *c)
{
	struct http_req *r = w->r;

	w->r = NULL;
	if (c->run > w->before)
		tell_failure(r, c);
	else
		docker_message(r, 409, "container %s was stopped or removed before it started", c->id);
}

static void on_start_event(struct change *w, const struct engine_event *ev)
{
	const struct engine_container *c = ev->c;

	if (ev->type == ENGINE_EV_STARTED && c->run > w->before)
		done(w);
	else if (ev->type == ENGINE_EV_REMOVED)
		failed(w, c);
	else if (ev->type == ENGINE_EV_EXITED && !c->starting && !engine_start_due(c) &&
		 (c->run == w->before || c->exit.never_started))
		failed(w, c);
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct change *w = ctx;

	if (!w->r || !ev->c || strcmp(ev->c->id, w->id) != 0)
		return;
	if (w->wanted == BEGUN) {
		on_start_event(w, ev);
	} else if (ev->type == ENGINE_EV_REMOVED) {
		if (w->volumes)
			volume_remove_anonymous(w->d->engine, w->volumes);
		done(w);
	} else if (w->wanted == ENDED && ev->type == ENGINE_EV_EXITED) {
		done(w);
	} else if (w->wanted == GONE && ev->c->dead) {
		docker_message(w->r, 500, "the files of container %s cannot be removed; try again", w->id);
		w->r = NULL;
	}
}

static struct change *await(const struct docker_call *c, const struct engine_container *container, enum wanted wanted)
{
	struct change *w = mem_new(struct change);

	*w = (struct change){.d = c->d, .r = c->r, .wanted = wanted, .before = container->run};
	snprintf(w->id, sizeof w->id, "%s", container->id);
	http_req_on_close(c->r, on_close, w);
	w->listener = engine_listen(c->d->engine, on_event, w);
	return w;
}

/* Answers what the engine said to a wish: true = it is under way. */
static bool asked(struct change *w, int r, const struct err *err)
{
	struct http_req *req = w->r;

	if (r >= 0)
		return true;
	w->r = NULL;
	if (r == -EALREADY || (w->wanted == ENDED && r == -ESRCH))
		http_reply(req, 304, NULL, NULL, 0);
	else
		docker_fail(req, err);
	return false;
}

void docker_container_start(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct change *w;
	int r;

	if (!container)
		return;
	if (container->paused) {
		docker_message(c->r, 409, "cannot start a paused container, try unpause instead");
		return;
	}
	w = await(c, container, BEGUN);
	r = engine_start(c->d->engine, container->id, &err);
	(void)asked(w, r, &err);
	/* One that shall not stay does not stay when it cannot be started either; `docker run --rm` waits for that. */
	if (r < 0 && r != -EALREADY && r != -EBUSY && container->remove && !container->removing)
		(void)engine_remove(c->d->engine, container->id, true, NULL);
}

/* In ms; -1 = as the container says, for ever: longer than anybody waits. */
static int64_t grace(const struct docker_call *c)
{
	int64_t s = docker_number(c->r, "t", INT64_MIN);

	if (s == INT64_MIN)
		return -1;
	return s < 0 || s > 365ll * 24 * 3600 ? 365ll * 24 * 3600 * 1000 : s * 1000;
}

void docker_container_restart(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct change *w;

	if (!container)
		return;
	w = await(c, container, BEGUN);
	(void)asked(w, engine_restart(c->d->engine, container->id, grace(c), &err), &err);
}

/* ---- stop and kill ---- */

void docker_container_stop(const struct docker_call *c)
{
	const char *text = docker_since(c, DOCKER_STOP_SIGNAL) ? http_req_query(c->r, "signal") : NULL;
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct change *w;
	int signal;

	if (!container)
		return;
	signal = text && *text ? docker_signal(text, &err) : 0;
	if (signal < 0) {
		docker_fail(c->r, &err);
		return;
	}
	if (!container_runs(container) && !container->starting) {
		http_reply(c->r, 304, NULL, NULL, 0);
		return;
	}
	w = await(c, container, ENDED);
	if (!asked(w, engine_stop_by(c->d->engine, container->id, signal, grace(c), &err), &err))
		return;
	/* It was waiting for its policy: there is no end to come. */
	if (w->r && !container_runs(container) && !container->starting)
		done(w);
}

void docker_container_kill(const struct docker_call *c)
{
	const char *text = http_req_query(c->r, "signal");
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	int signal;

	if (!container)
		return;
	signal = docker_signal(text && *text ? text : "KILL", &err);
	if (signal < 0) {
		docker_fail(c->r, &err);
		return;
	}
	if (!container_runs(container)) {
		docker_message(c->r, 409, "cannot kill container: %.300s: container %s is not running", c->arg,
			       container->id);
		return;
	}
	if (signal == SIGKILL) {
		struct change *w = await(c, container, ENDED);

		if (asked(w, engine_kill(c->d->engine, container->id, signal, &err), &err) && w->r &&
		    !container_runs(container))
			done(w);
		return;
	}
	if (engine_kill(c->d->engine, container->id, signal, &err) < 0)
		docker_message(c->r, 409, "cannot kill container: %.300s: %s", c->arg, err.text);
	else
		http_reply(c->r, 204, NULL, NULL, 0);
}

/* ---- delete ---- */

/* The volumes that nobody gave a name. */
static char **anonymous_volumes(struct docker *d, const struct engine_container *c)
{
	struct container_doc doc;
	char **names = NULL;
	size_t i, n;
	yyjson_val *v;

	if (container_doc_read(d, c, &doc, NULL) < 0)
		return NULL;
	yyjson_arr_foreach (yyjson_obj_get(doc.spec, "mounts"), i, n, v) {
		if (yyjson_is_true(yyjson_obj_get(v, "anonymous")))
			mem_strv_add(&names, shape_text(v, "source"));
	}
	container_doc_free(&doc);
	return names;
}

void docker_container_delete(const struct docker_call *c)
{
	const struct engine_container *container;
	bool force = docker_flag(c->r, "force", false);
	struct err err = ERR_INIT;
	struct change *w;

	if (docker_flag(c->r, "link", false)) {
		container_link_delete(c);
		return;
	}
	container = docker_container(c);
	if (!container)
		return;
	if (container->job) {
		docker_message(c->r, 409, "container %s belongs to job %s; remove that: berth rm %s", container->name,
			       container->job, container->job);
		return;
	}
	if (container->removing && !container->dead) {
		docker_message(c->r, 409, "removal of container %s is already in progress", container->name);
		return;
	}
	if (!force && container_runs(container)) {
		docker_message(
		    c->r, 409,
		    "cannot remove container \"/%s\": container is %s: stop the container before removing or "
		    "force remove",
		    container->name, container_state(container));
		return;
	}
	w = await(c, container, GONE);
	if (docker_flag(c->r, "v", false))
		w->volumes = anonymous_volumes(c->d, container);
	(void)asked(w, engine_remove(c->d->engine, container->id, force, &err), &err);
}
