/* SPDX-License-Identifier: Apache-2.0
 *
 * commit: a tool makes an image of a container, which is paused meanwhile unless the client says otherwise.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/create.h"
#include "node/engine/action.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define BODY_MAX (4u << 20)

struct commit {
	struct docker *d;
	struct http_req *r;
	char id[65], *name; /* of the container; of the image, "" = none */
	char *request, *comment;
	char *image;		       /* the id of what was made; NULL = not yet */
	struct engine_answer *pausing; /* or letting it go on; NULL = that is over */
	struct engine_tool *tool;      /* NULL = it has answered, or was not started yet */
	bool paused;		       /* by us */
};

static void let_go(struct commit *m)
{
	if (m->paused)
		(void)engine_unpause(m->d->engine, m->id, NULL, NULL, NULL, NULL);
	m->paused = false;
}

static void on_close(struct http_req *r, void *ctx)
{
	struct commit *m = ctx;

	(void)r;
	if (m->pausing)
		engine_answer_forget(m->pausing);
	/* A pause under way has to be taken back, too. */
	m->paused = m->paused || m->pausing;
	if (m->tool)
		engine_tool_abort(m->tool);
	let_go(m);
	free(m->name);
	free(m->request);
	free(m->comment);
	free(m->image);
	free(m);
}

static void tell(const struct commit *m)
{
	const char *const more[] = {"comment", m->comment, "imageID", m->image, "imageRef", m->name, NULL};
	const struct engine_container *c;

	if (*m->name)
		docker_image_tagged(m->d, m->image, m->name);
	if (engine_find(m->d->engine, m->id, &c, NULL) == 0)
		engine_action_of(m->d->engine, c, "commit", more);
}

static void reply(struct commit *m)
{
	mem_cleanup char *json = mem_printf("{\"Id\":\"%s\"}", m->image);

	tell(m);
	http_reply_json(m->r, 201, json);
}

static void on_gone_on(void *ctx, const struct err *err)
{
	struct commit *m = ctx;

	(void)err;
	m->pausing = NULL;
	reply(m);
}

/* Who hears that it is done finds the container as it was. */
static void on_made(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct commit *m = ctx;
	const char *id = yyjson_get_str(yyjson_obj_get(answer, "id"));
	bool paused = m->paused;

	m->tool = NULL;
	if (err) {
		let_go(m);
		docker_fail(m->r, err);
		return;
	}
	m->image = mem_strdup(id ? id : "");
	m->paused = false;
	if (!paused || engine_unpause(m->d->engine, m->id, on_gone_on, m, &m->pausing, NULL) != 0)
		reply(m);
}

static void make(struct commit *m)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	struct err err = ERR_INIT;

	if (null < 0)
		err_sys(&err, errno, "open /dev/null");
	else
		(void)engine_tool(m->d->engine, m->request, &io, on_made, m, &m->tool, &err);
	if (!err.code)
		return;
	let_go(m);
	docker_fail(m->r, &err);
}

/* What cannot be paused, because it does not run, is paused already, or this machine has no freezer, is at rest or taken as it is. */
static void on_paused(void *ctx, const struct err *err)
{
	struct commit *m = ctx;

	m->pausing = NULL;
	m->paused = !err;
	make(m);
}

static void start(struct commit *m, const struct engine_container *c, bool pause)
{
	if (!pause || c->pid <= 0 || c->paused ||
	    engine_pause(m->d->engine, m->id, on_paused, m, &m->pausing, NULL) < 0)
		make(m);
}

/* ---- the request ---- */

/* "changes" comes many times, or once with many lines. */
static void add_changes(yyjson_mut_doc *d, const struct http_req *r)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, yyjson_mut_doc_get_root(d), "changes");
	const char *value;

	for (size_t i = 0; (value = http_req_query_at(r, "changes", i)); i++)
		yyjson_mut_arr_add_strcpy(d, list, value);
}

static void add_text(yyjson_mut_doc *d, const char *key, const char *value)
{
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_doc_get_root(d), key, value ? value : "");
}

/* The body is a Config; what it does not say the container's says, as a container's does not what its image says. */
static int add_config(const struct docker_call *c, yyjson_mut_doc *d, const struct container_doc *doc, struct err *err)
{
	json_doc_cleanup yyjson_doc *body = NULL;
	json_mut_cleanup yyjson_mut_doc *merged = NULL;
	yyjson_mut_val *config = yyjson_val_mut_copy(d, doc->config);
	size_t n;
	const char *text = http_req_body(c->r, &n);

	if (n > 0) {
		body = json_parse(text, n, BODY_MAX, "the body", err);
		if (!body)
			return -EINVAL;
	}
	if (yyjson_obj_size(yyjson_doc_get_root(body)) > 0) {
		merged = create_shape(yyjson_doc_get_root(body), doc->config, err);
		if (!merged)
			return -EINVAL;
		config = yyjson_mut_val_mut_copy(d, yyjson_mut_obj_get(yyjson_mut_doc_get_root(merged), "Config"));
	}
	yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), "config", config);
	return 0;
}

static int fill(const struct docker_call *c, const struct engine_container *found, struct commit *m, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = docker_tool_request("commit");
	const char *repo = http_req_query(c->r, "repo");
	struct container_doc doc = CONTAINER_DOC_INIT;
	int r = container_doc_read(c->d, found, &doc, err);

	if (r < 0)
		return r;
	m->name = repo && *repo ? docker_image_name(repo, http_req_query(c->r, "tag")) : mem_strdup("");
	add_text(d, "id", found->id);
	add_text(d, "image", *doc.image ? doc.image : found->image);
	add_text(d, "ref", m->name);
	add_text(d, "author", http_req_query(c->r, "author"));
	add_text(d, "comment", m->comment);
	add_text(d, "command", found->command);
	add_changes(d, c->r);
	r = add_config(c, d, &doc, err);
	if (r == 0)
		m->request = json_text(d, false, NULL);
	container_doc_free(&doc);
	return r;
}

void docker_commit(const struct docker_call *c)
{
	const char *name = http_req_query(c->r, "container"), *comment = http_req_query(c->r, "comment");
	struct docker_call of = *c;
	const struct engine_container *found;
	struct commit *m;
	struct err err = ERR_INIT;

	of.arg = name ? name : "";
	found = docker_container(&of);
	if (!found)
		return;
	m = mem_new(struct commit);
	*m = (struct commit){.d = c->d, .r = c->r, .comment = mem_strdup(comment ? comment : "")};
	memcpy(m->id, found->id, sizeof m->id);
	http_req_on_close(c->r, on_close, m);
	if (fill(c, found, m, &err) < 0)
		docker_fail(c->r, &err);
	else
		start(m, found, docker_flag(c->r, "pause", true));
}
