/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /events: what the engine remembers from `since` on, then what happens, each as it comes. A reader that is slow is given the rest from the
 * engine's memory when it has caught up: nothing is held for it, and what was forgotten meanwhile is lost to it.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/container_filter.h"
#include "node/engine/action.h"

#include <string.h>

struct events {
	struct docker *d;
	struct http_req *r; /* NULL once it has ended */
	struct docker_filters filters;
	int64_t since_ns, until_ns; /* INT64_MAX = for ever */
	uint64_t cursor;	    /* the last that was looked at */
	bool full;
	struct engine_action_listener *listener;
	struct loop_timer *until;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	e->d->n_event_clients--;
	engine_action_unlisten(e->listener);
	loop_timer_free(e->until);
	docker_filters_free(&e->filters);
	free(e);
}

static void finish(void *ctx)
{
	struct events *e = ctx;
	struct http_req *r = e->r;

	if (!r)
		return;
	e->r = NULL;
	http_reply_end(r);
}

static const char *attribute(const struct engine_action *a, const char *name)
{
	for (const char *const *v = a->attributes; v && v[0] && v[1]; v += 2) {
		if (!strcmp(v[0], name))
			return v[1];
	}
	return NULL;
}

/* ---- filters ---- */

/* A value of the filter is the id, the beginning of the id, or the name. */
static bool object_fits(const struct docker_filters *f, const char *key, const struct engine_action *a)
{
	const char *name = attribute(a, strcmp(a->type, "image") ? "name" : "image"), *value;
	size_t i = 0;

	for (; (value = docker_filter(f, key, i)); i++) {
		if (strcmp(a->type, key) != 0)
			continue;
		value += *value == '/';
		if ((*value && !strncmp(a->id, value, strlen(value))) || (name && !strcmp(name, value)))
			return true;
	}
	return i == 0;
}

/* Of a container: its image; of an image: itself, with or without a tag. */
static bool image_fits(const struct docker_filters *f, const struct engine_action *a)
{
	const char *image = !strcmp(a->type, "image") ? a->id : attribute(a, "image"), *value;
	const char *name = attribute(a, "name");
	size_t i = 0;

	for (; (value = docker_filter(f, "image", i)); i++) {
		size_t n = strlen(value);

		if (image && !strncmp(image, value, n) && (!image[n] || image[n] == ':'))
			return true;
		if (!strcmp(a->type, "image") && name && !strncmp(name, value, n) && (!name[n] || name[n] == ':'))
			return true;
	}
	return i == 0;
}

static bool word_fits(const struct docker_filters *f, const char *key, const char *text)
{
	const char *value;
	size_t i = 0;

	for (; (value = docker_filter(f, key, i)); i++) {
		size_t n = strlen(value);

		/* "exec_create: sh" is an exec_create, too, and "health_status: healthy" a health_status. */
		if (!strncmp(text, value, n) && (!text[n] || text[n] == ':'))
			return true;
	}
	return i == 0;
}

static bool labels_fit(const struct docker_filters *f, const struct engine_action *a)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, "label", i)); i++) {
		mem_cleanup char *key = mem_strndup(value, strcspn(value, "="));
		const char *has = attribute(a, key);

		if (!has || (strchr(value, '=') && strcmp(has, strchr(value, '=') + 1) != 0))
			return false;
	}
	return true;
}

static bool fits(const struct events *e, const struct engine_action *a)
{
	static const char *const objects[] = {"container", "network", "volume", "daemon", "builder", "plugin"};
	const struct docker_filters *f = &e->filters;

	if (a->time_ns < e->since_ns || a->time_ns > e->until_ns)
		return false;
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
		if (!object_fits(f, objects[i], a))
			return false;
	}
	return word_fits(f, "type", a->type) && word_fits(f, "event", a->action) && word_fits(f, "scope", "local") &&
	       image_fits(f, a) && labels_fit(f, a);
}

/* ---- sending ---- */

static int send_action(struct events *e, const struct engine_action *a)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *o;
	mem_cleanup char *text = NULL, *line = NULL;

	yyjson_mut_doc_set_root(d, root);
	/* These three are what clients before 1.22 read. */
	if (!strcmp(a->type, "container") || !strcmp(a->type, "image")) {
		yyjson_mut_obj_add_str(d, root, "status", a->action);
		yyjson_mut_obj_add_str(d, root, "id", a->id);
		if (attribute(a, "image"))
			yyjson_mut_obj_add_str(d, root, "from", attribute(a, "image"));
	}
	yyjson_mut_obj_add_str(d, root, "Type", a->type);
	yyjson_mut_obj_add_str(d, root, "Action", a->action);
	o = yyjson_mut_obj_add_obj(d, root, "Actor");
	yyjson_mut_obj_add_str(d, o, "ID", a->id);
	o = yyjson_mut_obj_add_obj(d, o, "Attributes");
	for (const char *const *v = a->attributes; v && v[0] && v[1]; v += 2)
		yyjson_mut_obj_add_str(d, o, v[0], v[1]);
	yyjson_mut_obj_add_str(d, root, "scope", "local");
	yyjson_mut_obj_add_int(d, root, "time", a->time_ns / 1000000000);
	yyjson_mut_obj_add_int(d, root, "timeNano", a->time_ns);
	/* In one piece: docker-py does not understand an end of line that comes alone. */
	text = json_text(d, false, NULL);
	line = mem_printf("%s\n", text);
	return http_reply_data(e->r, line, strlen(line));
}

/* Everything that has happened since, as far as the reader takes it. */
static void pump(struct events *e)
{
	const struct engine_action *a;

	while (e->r && !e->full && (a = engine_action_after(e->d->engine, e->cursor))) {
		e->cursor = a->number;
		if (fits(e, a) && send_action(e, a))
			e->full = true;
	}
	if (e->r && !e->full && e->until_ns <= clock_wall_ns())
		finish(e);
}

static void on_action(void *ctx, const struct engine_action *a)
{
	(void)a;
	pump(ctx);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct events *e = ctx;

	(void)r;
	e->full = false;
	pump(e);
}

/* Without `since` a client wants to know what happens from now on. */
static void skip_past(struct events *e)
{
	const struct engine_action *a;

	while ((a = engine_action_after(e->d->engine, e->cursor)))
		e->cursor = a->number;
}

static bool read_query(const struct docker_call *c, struct events *e)
{
	struct err err = ERR_INIT;

	e->since_ns = docker_moment(c->r, "since", 0);
	e->until_ns = docker_moment(c->r, "until", INT64_MAX);
	if (e->since_ns < 0 || e->until_ns < 0) {
		docker_message(c->r, 400, "invalid value for \"%s\": a time in seconds is needed",
			       e->since_ns < 0 ? "since" : "until");
		return false;
	}
	if (e->until_ns < e->since_ns) {
		docker_message(c->r, 400, "`since` time must be before `until` time");
		return false;
	}
	/* As with Docker, a filter that nobody knows fits everything here. */
	if (docker_filters_parse(http_req_query(c->r, "filters"), &e->filters, &err) < 0) {
		docker_fail(c->r, &err);
		return false;
	}
	return true;
}

void docker_events(const struct docker_call *c)
{
	struct events *e = mem_new(struct events);
	int64_t left;

	e->d = c->d;
	e->r = c->r;
	if (!read_query(c, e)) {
		docker_filters_free(&e->filters);
		free(e);
		return;
	}
	left = e->until_ns == INT64_MAX ? 0 : (e->until_ns - clock_wall_ns()) / 1000000;
	c->d->n_event_clients++;
	http_req_on_close(c->r, on_close, e);
	http_reply_begin(c->r, 200, "application/json");
	http_reply_on_drain(c->r, on_drain, e);
	if (e->since_ns == 0 && left >= 0)
		skip_past(e);
	if (left > 0) {
		e->until = loop_timer_new(c->d->loop, finish, e);
		loop_timer_arm(e->until, left);
	}
	e->listener = engine_action_listen(c->d->engine, on_action, e);
	pump(e);
}
