/* SPDX-License-Identifier: Apache-2.0
 *
 * pause, unpause, rename and update
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/create.h"
#include "face/docker/shape.h"

#include <errno.h>
#include <string.h>

#define BODY_MAX (1u << 20)

/* A request that waits for the monitor's answer. */
struct wish {
	struct http_req *r; /* NULL once answered */
	struct engine_answer *answer;
	char **warnings;
	bool update; /* it is answered by the warnings, not by 204 */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct wish *w = ctx;

	(void)r;
	if (w->answer)
		engine_answer_forget(w->answer);
	mem_strv_free(w->warnings);
	free(w);
}

static void on_done(void *ctx, const struct err *err)
{
	struct wish *w = ctx;
	struct http_req *r = w->r;
	yyjson_mut_val *list;
	yyjson_mut_doc *d;

	w->answer = NULL;
	w->r = NULL;
	if (err) {
		docker_fail(r, err);
	} else if (w->update) {
		d = yyjson_mut_doc_new(NULL);
		yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
		list = yyjson_mut_obj_add_arr(d, yyjson_mut_doc_get_root(d), "Warnings");
		for (char **text = w->warnings; text && *text; text++)
			yyjson_mut_arr_add_strcpy(d, list, *text);
		docker_reply(r, 200, d);
	} else {
		http_reply(r, 204, NULL, NULL, 0);
	}
}

static struct wish *wish_new(const struct docker_call *c)
{
	struct wish *w = mem_new(struct wish);

	w->r = c->r;
	http_req_on_close(c->r, on_close, w);
	return w;
}

/* What the engine said to a wish: false = it failed, and the caller answers. */
static bool is_taken(struct wish *w, int r)
{
	if (r > 0)
		on_done(w, NULL); /* nobody had to be asked */
	if (r < 0)
		w->r = NULL;
	return r >= 0;
}

static void freeze(const struct docker_call *c, bool pause)
{
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct wish *w;
	int r;

	if (!container)
		return;
	w = wish_new(c);
	r = (pause ? engine_pause : engine_unpause)(c->d->engine, container->id, on_done, w, &w->answer, &err);
	if (is_taken(w, r))
		return;
	if (r == -ESRCH)
		docker_message(c->r, 409, "Container %s is not running", container->id);
	else if (r == -EALREADY)
		docker_message(c->r, pause ? 409 : 500, "Container %s is %s paused", container->id,
			       pause ? "already" : "not");
	else
		docker_fail(c->r, &err);
}

void docker_container_pause(const struct docker_call *c)
{
	freeze(c, true);
}

void docker_container_unpause(const struct docker_call *c)
{
	freeze(c, false);
}

void docker_container_rename(const struct docker_call *c)
{
	const char *name = http_req_query(c->r, "name");
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	int r;

	if (!container)
		return;
	name = name ? name + (*name == '/') : "";
	if (!*name) {
		docker_message(c->r, 400, "Neither old nor new names may be empty");
		return;
	}
	if (!strcmp(name, container->name)) {
		docker_message(c->r, 400, "Renaming a container with the same name as its current name");
		return;
	}
	if (!docker_name_ok(c, name))
		return;
	r = engine_rename(c->d->engine, container->id, name, &err);
	if (r == -EEXIST)
		docker_name_taken(c, name);
	else if (r < 0)
		docker_fail(c->r, &err);
	else
		http_reply(c->r, 204, NULL, NULL, 0);
}

/* ---- update ---- */

/* What inspect will show: the old with the changes. */
static int add_shown(const struct docker_call *c, const struct engine_container *container, struct create *changes,
		     yyjson_mut_val *shown, struct err *err)
{
	yyjson_mut_doc *d = changes->doc;
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(shown);
	struct container_doc doc;
	yyjson_mut_val *docker, *host, *key;
	int r = container_doc_read(c->d, container, &doc, err);

	if (r < 0)
		return r;
	if (!doc.made) {
		docker = yyjson_val_mut_copy(d, yyjson_obj_get(doc.spec, "docker"));
		host = yyjson_mut_obj_get(docker, "HostConfig");
		while ((key = yyjson_mut_obj_iter_next(&it)))
			yyjson_mut_obj_put(host, yyjson_mut_val_mut_copy(d, key),
					   yyjson_mut_val_mut_copy(d, yyjson_mut_obj_iter_get_val(key)));
		yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), "docker", docker);
	}
	container_doc_free(&doc);
	return 0;
}

static int start_update(const struct docker_call *c, const struct engine_container *container, struct wish *w,
			struct err *err)
{
	json_doc_cleanup yyjson_doc *body = NULL, *spec = NULL;
	struct create changes;
	const char *text, *policy;
	yyjson_mut_val *shown;
	size_t n;
	int r;

	text = http_req_body(c->r, &n);
	body = json_parse(text, n, BODY_MAX, "the body", err);
	if (!body)
		return -err->code;
	policy = yyjson_get_str(json_member(json_member(yyjson_doc_get_root(body), "RestartPolicy"), "Name"));
	if (container->remove && policy && *policy && strcmp(policy, "no") != 0)
		return err_set(err, EBUSY,
			       "Restart policy cannot be updated because AutoRemove is enabled for the container");
	r = create_update(yyjson_doc_get_root(body), &changes, &shown, err);
	if (r == 0)
		r = add_shown(c, container, &changes, shown, err);
	if (r == 0) {
		w->warnings = mem_take(changes.warnings);
		spec = yyjson_mut_doc_imut_copy(changes.doc, NULL);
		r = engine_update(c->d->engine, container->id, yyjson_doc_get_root(spec), on_done, w, &w->answer, err);
	}
	create_free(&changes);
	return r;
}

void docker_container_update(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct wish *w;
	int r;

	if (!container)
		return;
	w = wish_new(c);
	w->update = true;
	r = start_update(c, container, w, &err);
	if (!is_taken(w, r))
		docker_fail(c->r, &err);
}
