/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"
#include "face/docker/policy.h"
#include "node/image/image.h"

#include <fcntl.h>
#include <string.h>

#define BY_HAND_MAX 4096

/* A space that the user named by its path must be a directory now; managed ones are made when they are needed. */
static int check_spaces(struct api *a, yyjson_val *container, struct err *err)
{
	yyjson_val *spaces = yyjson_obj_get(container, "spaces"), *space;
	size_t i, n, prefix = strlen(a->data_dir);

	yyjson_arr_foreach (spaces, i, n, space) {
		const char *path = yyjson_get_str(yyjson_obj_get(space, "path"));
		fd_cleanup int fd = -1;

		if (!path || (!strncmp(path, a->data_dir, prefix) && path[prefix] == '/') || path[0] != '/')
			continue;
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, errno, "space \"%s\": open directory \"%s\"",
				       yyjson_get_str(yyjson_obj_get(space, "name")), path);
	}
	return 0;
}

static int check_image(struct api *a, yyjson_val *container, struct err *err)
{
	struct image_info *image = NULL;
	const char *name;
	int r = json_get_str(container, "image", &name, err);

	if (r == 0)
		r = image_find(engine_images(a->o.engine), name, &image, err);
	image_info_free(image);
	return r;
}

struct submission {
	struct api *api;
	const struct http_req *req;
};

static int check(void *ctx, yyjson_val *container, const char **ret_key, struct err *err)
{
	const struct submission *s = ctx;
	struct api *a = s->api;
	int r = policy_check_spec(a->o.engine, policy_of(s->req), container, err);

	if (r < 0 || !a->o.node_here)
		return r; /* only the nodes know their images and folders */
	r = check_image(a, container, err);

	if (r < 0) {
		*ret_key = "image";
		return r;
	}
	r = check_spaces(a, container, err);
	return r < 0 ? r : engine_check(a->o.engine, container, err);
}

void jobs_submit(struct api *a, struct http_req *r, const char *id)
{
	size_t n;
	const char *body = http_req_body(r, &n);
	bool dry = api_query_bool(r, "dry");
	struct submission submission = {.api = a, .req = r};
	char owner[OWNER_MAX];
	struct server_user user = {
	    .uid = http_req_peer_uid(r), .owner = owner, .confined = policy_of(r) != POLICY_ADMIN};

	(void)id;
	policy_owner(r, owner);
	server_submit(a->o.server, body, n, &user, dry, check, &submission, api_answer,
		      api_answer_new(r, dry ? 200 : 201, "id"));
}

void jobs_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	int64_t limit = 1000;

	(void)id;
	if (api_query_int(r, "limit", 0, INT32_MAX, &limit) < 0)
		return;
	text = server_jobs_json(a->o.server, api_query_bool(r, "all"), (size_t)limit);
	http_reply_json(r, 200, text);
}

void jobs_get(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (server_job_json(a->o.server, id, &text, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply_json(r, 200, text);
}

void jobs_pause(struct api *a, struct http_req *r, const char *id)
{
	server_pause(a->o.server, id, api_answer, api_answer_new(r, 202, "id"));
}

/* Which copies of which task, and what is to be said of them. */
struct by_hand {
	const char *task, *as;
	uint32_t index;
};

static int read_by_hand(yyjson_doc *doc, struct by_hand *ret, struct err *err)
{
	yyjson_val *root = yyjson_doc_get_root(doc);
	int64_t index = SERVER_ALL_COPIES;
	int r = json_get_str(root, "task", &ret->task, err);

	if (r == 0)
		r = json_opt_int(root, "index", 0, INT32_MAX, &index, err);
	if (r == 0)
		r = json_opt_str(root, "as", &ret->as, err);
	ret->index = (uint32_t)index;
	return r;
}

static void by_hand(struct api *a, struct http_req *r, const char *id,
		    void (*act)(struct api *, struct http_req *, const char *, const struct by_hand *))
{
	size_t n;
	const char *text = http_req_body(r, &n);
	struct err err = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, BY_HAND_MAX, "the request", &err);
	struct by_hand what = {.task = NULL};

	if (!doc || read_by_hand(doc, &what, &err) < 0)
		http_reply_err(r, &err);
	else
		act(a, r, id, &what);
}

static void restart(struct api *a, struct http_req *r, const char *id, const struct by_hand *what)
{
	size_t gang = what->index == SERVER_ALL_COPIES ? 0 : server_gang(a->o.server, id, what->task);
	struct api_answer *answer = api_answer_new(r, 202, "id");

	if (gang > 1)
		api_answer_warn(
		    answer,
		    mem_printf("copy %u is one of a gang: all %zu copies of task \"%s\" start again, because they "
			       "run together or not at all",
			       what->index, gang, what->task));
	server_restart(a->o.server, id, what->task, what->index, api_answer, answer);
}

void jobs_restart(struct api *a, struct http_req *r, const char *id)
{
	by_hand(a, r, id, restart);
}

static void finish(struct api *a, struct http_req *r, const char *id, const struct by_hand *what)
{
	server_finish(a->o.server, id, what->task, what->index, what->as, api_answer, api_answer_new(r, 202, "id"));
}

void jobs_finish(struct api *a, struct http_req *r, const char *id)
{
	by_hand(a, r, id, finish);
}

static void cancel(struct api *a, struct http_req *r, const char *id, const struct by_hand *what)
{
	server_finish(a->o.server, id, what->task, what->index, "cancelled", api_answer, api_answer_new(r, 202, "id"));
}

/* With a body: a task of it, or one of its copies. */
void jobs_cancel(struct api *a, struct http_req *r, const char *id)
{
	size_t n;

	(void)http_req_body(r, &n);
	if (n)
		by_hand(a, r, id, cancel);
	else
		server_cancel(a->o.server, id, api_answer, api_answer_new(r, 202, "id"));
}

void jobs_resume(struct api *a, struct http_req *r, const char *id)
{
	server_resume(a->o.server, id, api_answer, api_answer_new(r, 202, "id"));
}

void jobs_forget(struct api *a, struct http_req *r, const char *id)
{
	server_forget(a->o.server, id, api_answer, api_answer_new(r, 200, "id"));
}
