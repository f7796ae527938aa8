/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/policy.h"
#include "face/docker/tool.h"
#include "node/engine/lodger.h"
#include "node/image/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_LIMIT 25
#define SEARCH_MOST 100

static const struct docker_task messages = {.type = "application/json", .status = 200, .messages = true};
static const struct docker_task archive = {.type = "application/x-tar", .status = 200};
static const struct docker_task answer = {.type = "application/json", .status = 200, .answer = true};

static void add_text(yyjson_mut_doc *request, const char *key, const char *value)
{
	if (value && *value)
		yyjson_mut_obj_add_strcpy(request, yyjson_mut_doc_get_root(request), key, value);
}

/* A body that nobody reads, where one may come. */
static void drop_body(struct http_req *r, void *ctx, const void *data, size_t n)
{
	(void)r;
	(void)ctx;
	(void)data;
	(void)n;
}

static void pull(const struct docker_call *c, const char *image, const char *tag)
{
	yyjson_mut_doc *request = docker_tool_request("pull");
	struct docker_task how = messages;
	mem_cleanup char *name = docker_image_name(image, tag);

	add_text(request, "image", name);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "all_tags", docker_image_is_repo(name));
	add_text(request, "platform", http_req_query(c->r, "platform"));
	docker_request_auth(request, c->r, name);
	http_req_stream_body(c->r, drop_body, NULL);
	how.event = "pull";
	docker_task_run(c->d, c->r, &how, request);
}

void docker_image_create(const struct docker_call *c)
{
	const char *image = http_req_query(c->r, "fromImage"), *source = http_req_query(c->r, "fromSrc");
	struct err err = ERR_INIT;

	if (image && *image) {
		pull(c, image, http_req_query(c->r, "tag"));
	} else if (source && *source) {
		docker_image_import(c, source);
	} else {
		err_set(&err, EINVAL, "fromImage or fromSrc must say what to make the image of");
		docker_fail(c->r, &err);
	}
}

void docker_image_push(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("push");
	struct docker_task how = messages;
	const char *tag = http_req_query(c->r, "tag");
	mem_cleanup char *name = docker_image_name(c->arg, tag);

	add_text(request, "image", name);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "all_tags", docker_image_is_repo(name));
	docker_request_auth(request, c->r, name);
	how.event = "push";
	docker_task_run(c->d, c->r, &how, request);
}

void docker_images_load(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("load");
	struct docker_task how = messages;

	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "quiet", docker_flag(c->r, "quiet", false));
	add_text(request, "only", http_req_query(c->r, "only"));
	add_text(request, "as", http_req_query(c->r, "as"));
	how.body = true;
	how.always = true;
	how.event = "load";
	docker_task_run(c->d, c->r, &how, request);
}

/* ---- save ---- */

static void save(const struct docker_call *c, char *const *names)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	yyjson_mut_doc *request;
	struct docker_task how = archive;
	struct err err = ERR_INIT;

	/* Said now, while there is a status to say it with. */
	for (char *const *n = names; *n; n++) {
		info = image_info_free(info);
		if (image_find(c->d->images, *n, &info, &err) < 0) {
			docker_fail(c->r, &err);
			return;
		}
	}
	request = docker_tool_request("save");
	json_add_strv(request, yyjson_mut_doc_get_root(request), "names", names);
	how.event = "save";
	docker_task_run(c->d, c->r, &how, request);
}

void docker_image_get(const struct docker_call *c)
{
	mem_cleanup char *name = mem_strdup(c->arg);
	char *names[] = {name, NULL};

	save(c, names);
}

void docker_images_get(const struct docker_call *c)
{
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct err err = ERR_INIT;
	const char *value;

	for (size_t i = 0; (value = http_req_query_at(c->r, "names", i)); i++)
		mem_strv_add(&names, value);
	if (names) {
		save(c, names);
		return;
	}
	err_set(&err, EINVAL, "names is missing: the images to write");
	docker_fail(c->r, &err);
}

/* ---- registries ---- */

void docker_search(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("search");
	const char *text = http_req_query(c->r, "limit");
	long limit = text ? strtol(text, NULL, 10) : SEARCH_LIMIT;

	add_text(request, "term", http_req_query(c->r, "term"));
	yyjson_mut_obj_add_int(request, yyjson_mut_doc_get_root(request), "limit",
			       limit > 0 && limit <= SEARCH_MOST ? limit : SEARCH_LIMIT);
	docker_task_run(c->d, c->r, &answer, request);
}

void docker_auth(const struct docker_call *c)
{
	static const char *const keys[] = {"username", "password", "serveraddress", "identitytoken"};
	struct docker_task how = answer;
	yyjson_mut_doc *request;
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	const char *body = http_req_body(c->r, &n);

	doc = json_parse(body, n, 65536, "the credentials", &err);
	if (!doc) {
		docker_fail(c->r, &err);
		return;
	}
	request = docker_tool_request("auth");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		add_text(request, keys[i], yyjson_get_str(json_member(yyjson_doc_get_root(doc), keys[i])));
	how.denied = 401;
	docker_task_run(c->d, c->r, &how, request);
}

void docker_distribution(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("distribution");
	struct docker_task how = answer;

	add_text(request, "image", c->arg);
	docker_request_auth(request, c->r, c->arg);
	how.denied = 401;
	docker_task_run(c->d, c->r, &how, request);
}

/* ---- build ---- */

static int join_container(const struct docker_call *c, const char *name, yyjson_mut_doc *request, struct err *err)
{
	const struct engine_container *found;
	int r = engine_find(c->d->engine, name, &found, NULL);

	if (r < 0)
		return err_set(err, ENOENT, "No such container: %.200s", name);
	r = policy_check_container(c->d->engine, c->r, found->id, err);
	if (r == 0 && found->state != ENGINE_RUNNING)
		r = err_set(err, EEXIST, "cannot join network of a non running container: %s", found->id);
	if (r == 0)
		add_text(request, "container", found->id);
	return r;
}

static int find_network(const struct docker_call *c, yyjson_mut_doc *request, struct docker_task *how, struct err *err)
{
	const char *mode = http_req_query(c->r, "networkmode");
	enum build_network known;
	int r;

	if (tool_build_network(mode, &known))
		return known == BUILD_NETWORK_HOST ? policy_check_host(c->r, "the host's network", err) : 0;
	if (!strncmp(mode, "container:", 10))
		return join_container(c, mode + 10, request, err);
	r = lodger_new(c->d->engine, mode, &how->lodger, err);
	if (r == 0)
		add_text(request, "plug", lodger_plug(how->lodger));
	return r;
}

static void build_classic(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("build");
	struct docker_task how = messages;
	struct err err = ERR_INIT;

	docker_request_auth(request, c->r, NULL);
	yyjson_mut_obj_add_bool(request, yyjson_mut_doc_get_root(request), "no_host",
				policy_check_host(c->r, "the host's network", NULL) < 0);
	if (docker_build_request(request, c->r, &err) < 0 || find_network(c, request, &how, &err) < 0) {
		yyjson_mut_doc_free(request);
		docker_fail(c->r, &err);
		return;
	}
	how.body = true;
	how.event = "tag";
	docker_task_run(c->d, c->r, &how, request);
}

void docker_build(const struct docker_call *c)
{
	const char *version = http_req_query(c->r, "version");

	if (version && !strcmp(version, "2"))
		docker_build_session(c);
	else
		build_classic(c);
}

/* Bytes that may stay, from "keep-storage"; false = it is no number. */
static bool kept_storage(const struct docker_call *c, yyjson_mut_doc *request)
{
	const char *text = http_req_query(c->r, "keep-storage");
	char *end = NULL;
	uint64_t n;

	errno = 0;
	n = text && *text ? strtoull(text, &end, 10) : 0;
	if (text && *text && (*end || errno || *text == '-'))
		return false;
	yyjson_mut_obj_add_uint(request, yyjson_mut_doc_get_root(request), "keep", n);
	return true;
}

static int prune_request(const struct docker_call *c, yyjson_mut_doc *request, struct err *err)
{
	static const char *const keys[] = {"until",	  "unused-for", "id",	  "parent",  "type",
					   "description", "inuse",	"shared", "private", NULL};
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	int64_t until;
	int r = docker_filters_parse(http_req_query(c->r, "filters"), &f, err);

	if (r == 0)
		r = docker_filters_check(&f, keys, err);
	if (r == 0)
		r = docker_until(&f, &until, err);
	if (r < 0)
		return r;
	for (const char *const *key = keys + 1; *key; key++) {
		if (docker_filter(&f, *key, 0))
			return err_set(err, EINVAL, "filters: %s: the build cache knows the filter until alone", *key);
	}
	if (until != INT64_MAX)
		yyjson_mut_obj_add_int(request, yyjson_mut_doc_get_root(request), "until_s", until / 1000000000);
	return kept_storage(c, request) ? 0 : err_set(err, EINVAL, "keep-storage: a number of bytes is needed");
}

void docker_build_prune(const struct docker_call *c)
{
	yyjson_mut_doc *request = docker_tool_request("build_prune");
	struct err err = ERR_INIT;

	if (prune_request(c, request, &err) == 0) {
		docker_task_run(c->d, c->r, &answer, request);
		return;
	}
	yyjson_mut_doc_free(request);
	docker_fail(c->r, &err);
}
