/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/prune: what the containers take is counted first, by a process of its own; then they go, and the answer comes with the last of them.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/shape.h"

#include <errno.h>
#include <fcntl.h>
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
	size_t i, n;
	yyjson_val *v;

	p->tool = NULL;
	if (err) {
		p->r = NULL;
		docker_fail(r, err);
		return;
	}
	p->listener = engine_listen(p->d->engine, on_event, p);
	yyjson_arr_foreach (yyjson_obj_get(reply, "body"), i, n, v) {
		remove_one(p, shape_text(v, "Id"), shape_number(v, "SizeRw"));
	}
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

/* A duration as Go writes it ("1h30m", "10s") before now, or a moment. */
static int read_until(const struct docker_filters *f, int64_t *ret_ms, struct err *err)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'h', 3600000}, {'m', 60000}, {'s', 1000}};
	const char *text = docker_filter(f, "until", 0), *p = text;
	int64_t ago = 0;

	*ret_ms = INT64_MAX;
	if (!text)
		return 0;
	while (*p) {
		char *end;
		double n = strtod(p, &end);
		size_t i = 0;

		while (i < 3 && (*end != units[i].unit || end[1] == 's'))
			i++;
		if (end == p || i == 3 || n < 0 || n > 1e9)
			break;
		ago += (int64_t)(n * (double)units[i].ms);
		p = end + 1;
	}
	*ret_ms = clock_wall_ms() - ago;
	if (!*p && p > text)
		return 0;
	*ret_ms = docker_moment_of(text) / 1000000;
	return *ret_ms >= 0 ? 0 : err_set(err, EINVAL, "invalid filter 'until=%.100s'", text);
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
		r = read_until(&f, &until, err);
	for (size_t i = 0; r == 0 && (container = engine_at(c->d->engine, i)); i++) {
		if (!container->job && !container_runs(container) && !container->starting && !container->removing &&
		    container->created_ms <= until && labels_fit(&f, container))
			mem_strv_add(&p->ids, container->id);
	}
	return r;
}

static int count(struct prune *p, struct err *err)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	json_mut_cleanup yyjson_mut_doc *request = docker_tool_request("sizes");
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(request, yyjson_mut_doc_get_root(request), "view");
	mem_cleanup char *text = NULL;

	if (null < 0)
		return err_sys(err, errno, "open /dev/null");
	for (char **id = p->ids; id && *id; id++)
		yyjson_mut_obj_add_str(request, yyjson_mut_arr_add_obj(request, list), "Id", *id);
	text = json_text(request, false, NULL);
	return engine_tool(p->d->engine, text, &io, on_sizes, p, &p->tool, err);
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
		r = count(p, &err);
	if (r < 0) {
		p->r = NULL;
		docker_fail(c->r, &err);
	}
}
