/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/portion.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/policy.h"
#include "face/docker/volume_group.h"
#include "node/engine/action.h"
#include "node/engine/engine.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX (1u << 20)

/* ---- create ---- */

static int read_pairs(yyjson_val *body, const char *key, char ***ret, struct err *err)
{
	yyjson_val *o = yyjson_obj_get(body, key), *k, *v;
	size_t i, n;

	if (o && !yyjson_is_null(o) && !yyjson_is_obj(o))
		return err_set(err, EINVAL, "%s: an object is needed", key);
	yyjson_obj_foreach (o, i, n, k, v) {
		mem_cleanup char *pair = NULL;

		if (!yyjson_is_str(v) || strchr(yyjson_get_str(k), '='))
			return err_set(err, EINVAL, "%s: \"%.100s\" is not a name with a text", key, yyjson_get_str(k));
		pair = mem_printf("%s=%s", yyjson_get_str(k), yyjson_get_str(v));
		mem_strv_add(ret, pair);
	}
	return 0;
}

static int create(const struct docker_call *c, yyjson_val *body, struct volume **ret, struct err *err)
{
	char **labels cleanup_with(mem_strv_freep) = NULL, **options cleanup_with(mem_strv_freep) = NULL;
	static const char *const members[] = {"Name", "Driver", "Labels", "DriverOpts", NULL};
	struct volume_new n = {.name = NULL};
	int r = yyjson_is_obj(body) ? 0 : err_set(err, EINVAL, "the body must be an object");

	json_fold(body, members);
	if (r == 0)
		r = json_opt_str(body, "Name", &n.name, err);
	if (r == 0)
		r = json_opt_str(body, "Driver", &n.driver, err);
	if (r == 0)
		r = read_pairs(body, "Labels", &labels, err);
	if (r == 0)
		r = read_pairs(body, "DriverOpts", &options, err);
	if (r == 0 && options)
		r = policy_check_host(c->r, "the options of a volume", err);
	n.labels = labels;
	n.options = options;
	return r < 0 ? r : engine_volume_create(c->d->engine, &n, ret, err);
}

void docker_volume_create(const struct docker_call *c)
{
	cleanup_with(volume_freep) struct volume *v = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	const char *body = http_req_body(c->r, &n);

	doc = json_parse(body, n, BODY_MAX, "the body", &err);
	if (!doc || create(c, yyjson_doc_get_root(doc), &v, &err) < 0)
		docker_fail(c->r, &err);
	else
		volume_group_reply(c, 201, v);
}

void docker_volume_delete(const struct docker_call *c)
{
	struct err err = ERR_INIT;

	if (engine_volume_remove(c->d->engine, c->arg, docker_flag(c->r, "force", false), &err) < 0)
		docker_fail(c->r, &err);
	else
		http_reply(c->r, 204, NULL, NULL, 0);
}

/* ---- prune: a tool counts their bytes first ---- */

struct prune {
	struct http_req *r;
	struct engine *engine;
	struct engine_tool *tool; /* NULL = it has answered */
	struct loop *loop;
	struct portion *portion;
	char **names, **gone;
	uint64_t *sizes, sum; /* of the names; of those that have gone */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct prune *p = ctx;

	(void)r;
	if (p->tool)
		engine_tool_abort(p->tool);
	portion_free(p->portion);
	mem_strv_free(p->names);
	mem_strv_free(p->gone);
	free(p->sizes);
	free(p);
}

static void remove_one(void *ctx, size_t i)
{
	struct prune *p = ctx;

	/* Somebody may use it by now. */
	if (engine_volume_remove(p->engine, p->names[i], false, NULL) < 0)
		return;
	mem_strv_add(&p->gone, p->names[i]);
	p->sum += p->sizes[i];
}

static void on_removed(void *ctx)
{
	struct prune *p = ctx;
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *gone;
	char bytes[24];

	p->portion = NULL;
	yyjson_mut_doc_set_root(d, root);
	gone = yyjson_mut_obj_add_arr(d, root, "VolumesDeleted");
	for (char **name = p->gone; name && *name; name++)
		yyjson_mut_arr_add_strcpy(d, gone, *name);
	yyjson_mut_obj_add_uint(d, root, "SpaceReclaimed", p->sum);
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)p->sum);
	engine_action_add(p->engine, "volume", "prune", "", (const char *const[]){"reclaimed", bytes, NULL});
	docker_reply(p->r, 200, d);
}

/* Each waits for the disk. */
static void on_counted(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct prune *p = ctx;
	yyjson_arr_iter sizes = yyjson_arr_iter_with(yyjson_obj_get(answer, "volumes"));
	size_t n = mem_strv_len(p->names);

	p->tool = NULL;
	if (err) {
		docker_fail(p->r, err);
		return;
	}
	p->sizes = mem_new_n(uint64_t, n + 1);
	for (size_t i = 0; i < n; i++)
		p->sizes[i] = yyjson_get_uint(yyjson_arr_iter_next(&sizes));
	p->portion = portion_new(p->loop, n, remove_one, on_removed, p);
}

static int choose(const struct docker_call *c, const struct docker_filters *f, char ***ret, struct err *err)
{
	static const char *const keys[] = {"label", "label!", "all", NULL};
	struct volume **volumes;
	int all, r = docker_filters_check(f, keys, err);

	if (r < 0)
		return r;
	all = volume_group_bool(f, "all", !docker_since(c, DOCKER_PRUNE_ANONYMOUS), err);
	r = all < 0 ? all : engine_volumes(c->d->engine, &volumes, err);
	if (r < 0)
		return r;
	for (struct volume **v = volumes; *v; v++) {
		bool not_these = docker_filter(f, "label!", 0) && volume_group_has_labels(*v, f, "label!");

		if ((*v)->n_users == 0 && (all || (*v)->anonymous) && volume_group_has_labels(*v, f, "label") &&
		    !not_these)
			mem_strv_add(ret, (*v)->name);
	}
	volumes_free(volumes);
	return 0;
}

void docker_volumes_prune(const struct docker_call *c)
{
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	struct prune *p = mem_new(struct prune);
	struct err err = ERR_INIT;

	*p = (struct prune){.r = c->r, .engine = c->d->engine, .loop = c->d->loop};
	http_req_on_close(c->r, on_close, p);
	if (docker_filters_parse(http_req_query(c->r, "filters"), &f, &err) < 0 || choose(c, &f, &p->names, &err) < 0 ||
	    docker_count_sizes(c->d, NULL, p->names, false, on_counted, p, &p->tool, &err) < 0)
		docker_fail(c->r, &err);
}

void docker_volume_update(const struct docker_call *c)
{
	docker_no_swarm(c->r);
}
