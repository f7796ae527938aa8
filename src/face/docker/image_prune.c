/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /images/prune, Docker's and our own: a tool removes and counts, because there may be many files.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/docker.h"
#include "face/docker/docker_private.h"
#include "face/docker/tool.h"
#include "node/engine/action.h"
#include "node/engine/engine.h"
#include "node/image/prune.h"
#include "node/image/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the tool ---- */

static int work(struct tool *t, struct image_store *s, struct err *err)
{
	const struct image_prune_options o = {.all = tool_flag(t, "all"), .dry_run = tool_flag(t, "dry_run")};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(t->answer);
	mem_cleanup char *report = NULL;
	struct image_pruned p;
	int r = image_prune(s, &o, &p, err);

	if (r < 0)
		return r;
	report = report_pruned(&p);
	json_add_strv(t->answer, root, "images", p.images);
	json_add_strv(t->answer, root, "gone", p.gone);
	yyjson_mut_obj_add_uint(t->answer, root, "bytes", p.bytes);
	yyjson_mut_obj_add_strcpy(t->answer, root, "report", report);
	image_pruned_free(&p);
	return 0;
}

int tool_image_prune(struct tool *t, struct err *err)
{
	return tool_on_store(t, work, err);
}

/* ---- in the daemon ---- */

struct prune {
	struct docker *d;
	struct http_req *r;
	struct engine_tool *tool; /* NULL = it has answered, or was not started */
	bool own;		  /* the answer of our own API */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct prune *p = ctx;

	(void)r;
	if (p->tool)
		engine_tool_abort(p->tool);
	free(p);
}

static void tell(struct prune *p, yyjson_val *answer)
{
	yyjson_val *gone = yyjson_obj_get(answer, "gone"), *v;
	char bytes[24];
	size_t i, n;

	yyjson_arr_foreach (gone, i, n, v) {
		docker_image_event(p->d, "delete", yyjson_get_str(v), yyjson_get_str(v));
	}
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)yyjson_get_uint(yyjson_obj_get(answer, "bytes")));
	engine_action_add(p->d->engine, "image", "prune", "", (const char *const[]){"reclaimed", bytes, NULL});
}

static void reply(struct prune *p, yyjson_val *answer)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *list;
	size_t i, n;
	yyjson_val *v;

	yyjson_mut_doc_set_root(d, root);
	list = yyjson_mut_obj_add_arr(d, root, "ImagesDeleted");
	yyjson_arr_foreach (yyjson_obj_get(answer, "images"), i, n, v) {
		if (strncmp(yyjson_get_str(v), "sha256:", 7) != 0)
			yyjson_mut_obj_add_strcpy(d, yyjson_mut_arr_add_obj(d, list), "Untagged", yyjson_get_str(v));
	}
	yyjson_arr_foreach (yyjson_obj_get(answer, "gone"), i, n, v) {
		yyjson_mut_obj_add_strcpy(d, yyjson_mut_arr_add_obj(d, list), "Deleted", yyjson_get_str(v));
	}
	yyjson_mut_obj_add_uint(d, root, "SpaceReclaimed", yyjson_get_uint(yyjson_obj_get(answer, "bytes")));
	docker_reply(p->r, 200, d);
}

static void fail(const struct prune *p, const struct err *err)
{
	if (p->own)
		http_reply_err(p->r, err);
	else
		docker_fail(p->r, err);
}

static void on_done(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct prune *p = ctx;
	const char *report = yyjson_get_str(yyjson_obj_get(answer, "report"));

	p->tool = NULL;
	if (err) {
		fail(p, err);
	} else if (p->own) {
		http_reply_json(p->r, 200, report ? report : "{}");
	} else {
		tell(p, answer);
		reply(p, answer);
	}
}

static void start(struct docker *d, struct http_req *r, const struct image_prune_options *o, bool own)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct engine_tool_fds io = {.in = null, .out = null};
	json_mut_cleanup yyjson_mut_doc *request = docker_tool_request("image_prune");
	mem_cleanup char *text = NULL;
	struct prune *p = mem_new(struct prune);
	struct err err = ERR_INIT;

	*p = (struct prune){.d = d, .r = r, .own = own};
	http_req_on_close(r, on_close, p);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "all", o->all);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "dry_run", o->dry_run);
	text = json_text(request, false, NULL);
	if (null < 0)
		err_sys(&err, errno, "open /dev/null");
	else
		(void)engine_tool(d->engine, text, &io, on_done, p, &p->tool, &err);
	if (err.code)
		fail(p, &err);
}

void docker_images_prune(const struct docker_call *c)
{
	static const char *const keys[] = {"dangling", NULL};
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	struct image_prune_options o = {.all = false};
	struct err err = ERR_INIT;
	const char *dangling;

	if (docker_filters_parse(http_req_query(c->r, "filters"), &f, &err) < 0 ||
	    docker_filters_check(&f, keys, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	dangling = docker_filter(&f, "dangling", 0);
	o.all = dangling && (!strcmp(dangling, "false") || !strcmp(dangling, "0"));
	start(c->d, c->r, &o, false);
}

void docker_own_images_prune(struct docker *d, struct http_req *r, bool all, bool dry_run)
{
	start(d, r, &(struct image_prune_options){.all = all, .dry_run = dry_run}, true);
}
