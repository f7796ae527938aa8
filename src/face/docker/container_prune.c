/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/prune: what the containers take is counted first, by a process of its own; then they go, and the answer comes with the last of them.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/policy.h"

#include <string.h>

struct prune {
	struct docker *d;
	struct http_req *r; /* NULL once answered */
	struct engine_tool *tool;
	struct engine_listener *listener;
	char **ids, **gone;
	size_t waiting;
	uint64_t bytes;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct prune *p = ctx;

	(void)r;
	if (p->tool)
		engine_tool_abort(p->tool);
	engine_unlisten(p->listener);
	mem_strv_free(p->ids);
	mem_strv_free(p->gone);
	free(p);
}

static void answer(struct prune *p)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *list;
	struct http_req *r = p->r;

	yyjson_mut_doc_set_root(d, root);
	list = yyjson_mut_obj_add_arr(d, root, "ContainersDeleted");
	for (char **id = p->gone; id && *id; id++)
		yyjson_mut_arr_add_strcpy(d, list, *id);
	yyjson_mut_obj_add_uint(d, root, "SpaceReclaimed", p->bytes);
	p->r = NULL;
	docker_reply(r, 200, d);
}

static bool is_ours(const struct prune *p, const char *id)
{
	for (char **v = p->gone; v && *v; v++) {
		if (!strcmp(*v, id))
			return true;
	}
	return false;
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct prune *p = ctx;

	if (!p->r || ev->type != ENGINE_EV_REMOVED || !is_ours(p, ev->c->id))
		return;
	if (--p->waiting == 0)
		answer(p);
}

static void remove_one(struct prune *p, const char *id, int64_t bytes)
{
	if (engine_remove(p->d->engine, id, false, NULL) < 0)
		return; /* it was started meanwhile */
	mem_strv_add(&p->gone, id);
	p->bytes += (uint64_t)bytes;
	p->waiting++;
}

static void on_sizes(void *ctx, yyjson_val *reply, const struct err *err)
{
	struct prune *p = ctx;
	struct http_req *r = p->r;
	yyjson_arr_iter sizes = yyjson_arr_iter_with(yyjson_obj_get(reply, "ids"));

	p->tool = NULL;
	if (err) {
		p->r = NULL;
		docker_fail(r, err);
		return;
	}
	p->listener = engine_listen(p->d->engine, on_event, p);
	for (char **id = p->ids; *id; id++)
		remove_one(p, *id, yyjson_get_sint(yyjson_arr_iter_next(&sizes)));
	if (p->waiting == 0)
		answer(p);
}

/* ---- which ---- */

static bool labels_fit(const struct docker_filters *f, const struct engine_container *c)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, "label", i)); i++) {
		if (!container_label_fits(c, value))
			return false;
	}
	for (size_t i = 0; (value = docker_filter(f, "label!", i)); i++) {
		if (container_label_fits(c, value))
			return false;
	}
	return true;
}

static int choose(const struct docker_call *c, struct prune *p, struct err *err)
{
	static const char *const keys[] = {"until", "label", "label!", NULL};
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	const struct engine_container *container;
	int64_t until;
	int r = docker_filters_parse(http_req_query(c->r, "filters"), &f, err);

	if (r == 0)
		r = docker_filters_check(&f, keys, err);
	if (r == 0)
		r = docker_until(&f, &until, err);
	for (size_t i = 0; r == 0 && (container = engine_at(c->d->engine, i)); i++) {
		if (!container->job && !container_runs(container) && !container->starting && !container->removing &&
		    container->created_ms <= until / 1000000 && labels_fit(&f, container) &&
		    policy_check_container(c->d->engine, c->r, container->id, NULL) == 0)
			mem_strv_add(&p->ids, container->id);
	}
	return r;
}

void docker_containers_prune(const struct docker_call *c)
{
	struct prune *p = mem_new(struct prune);
	struct err err = ERR_INIT;
	int r;

	p->d = c->d;
	p->r = c->r;
	http_req_on_close(c->r, on_close, p);
	r = choose(c, p, &err);
	if (r == 0 && !p->ids) {
		answer(p);
		return;
	}
	if (r == 0)
		r = docker_count_sizes(c->d, p->ids, NULL, false, on_sizes, p, &p->tool, &err);
	if (r < 0) {
		p->r = NULL;
		docker_fail(c->r, &err);
	}
}
