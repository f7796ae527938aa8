/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/prune: what the containers take is counted first, by a process of its own; then they go, and the answer comes with the last of them.
 */
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/portion.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/policy.h"

#include <string.h>

struct prune {
	struct docker *d;
	struct http_req *r; /* NULL once answered */
	struct engine_tool *tool;
	struct engine_listener *listener;
	struct portion *portion; /* NULL = all have been asked to go */
	char **ids, **gone;
	int64_t *sizes;	    /* of the ids */
	struct map waiting; /* ids that are going -> non-NULL */
	uint64_t bytes;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct prune *p = ctx;

	(void)r;
	if (p->tool)
		engine_tool_abort(p->tool);
	engine_unlisten(p->listener);
	portion_free(p->portion);
	mem_strv_free(p->ids);
	mem_strv_free(p->gone);
	map_free(&p->waiting);
	free(p->sizes);
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

static void answer_if_gone(struct prune *p)
{
	if (!p->portion && p->waiting.n == 0)
		answer(p);
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct prune *p = ctx;

	if (p->r && ev->type == ENGINE_EV_REMOVED && map_remove(&p->waiting, ev->c->id))
		answer_if_gone(p);
}

static void remove_one(void *ctx, size_t i)
{
	struct prune *p = ctx;

	map_put(&p->waiting, p->ids[i], p);
	if (engine_remove(p->d->engine, p->ids[i], false, NULL) < 0) {
		(void)map_remove(&p->waiting, p->ids[i]); /* it was started meanwhile */
		return;
	}
	mem_strv_add(&p->gone, p->ids[i]);
	p->bytes += (uint64_t)p->sizes[i];
}

static void on_asked(void *ctx)
{
	struct prune *p = ctx;

	p->portion = NULL;
	answer_if_gone(p);
}

static void on_sizes(void *ctx, yyjson_val *reply, const struct err *err)
{
	struct prune *p = ctx;
	struct http_req *r = p->r;
	yyjson_arr_iter sizes = yyjson_arr_iter_with(yyjson_obj_get(reply, "ids"));
	size_t n = mem_strv_len(p->ids);

	p->tool = NULL;
	if (err) {
		p->r = NULL;
		docker_fail(r, err);
		return;
	}
	p->listener = engine_listen(p->d->engine, on_event, p);
	p->sizes = mem_new_n(int64_t, n + 1);
	for (size_t i = 0; i < n; i++)
		p->sizes[i] = yyjson_get_sint(yyjson_arr_iter_next(&sizes));
	p->portion = portion_new(p->d->loop, n, remove_one, on_asked, p);
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
