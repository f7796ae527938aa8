/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /build?version=2, the build of clients before buildx and of libraries: what the query asks for, in the words of BuildKit's frontend. The files come
 * from the session that it names, or, without a `remote`, from the body.
 */
#include "face/docker/builder_query.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"

#include <errno.h>
#include <string.h>

#define PARAM_MAX (1u << 20)

struct query {
	const struct http_req *r;
	yyjson_mut_doc *request;
	yyjson_mut_val *attrs;
	struct err *err;
};

static void set(struct query *q, const char *key, const char *value)
{
	yyjson_mut_obj_add(q->attrs, yyjson_mut_strcpy(q->request, key), yyjson_mut_strcpy(q->request, value));
}

static int parse(const struct query *q, const char *param, yyjson_doc **ret)
{
	const char *text = http_req_query(q->r, param);

	*ret = text && *text ? json_parse(text, strlen(text), PARAM_MAX, param, q->err) : NULL;
	return text && *text && !*ret ? -EINVAL : 0;
}

static void add_words(struct query *q)
{
	static const struct {
		const char *param, *word;
	} words[] = {{"dockerfile", "filename"},
		     {"target", "target"},
		     {"platform", "platform"},
		     {"networkmode", "force-network-mode"},
		     {"shmsize", "shm-size"}};
	const char *remote = http_req_query(q->r, "remote");

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const char *value = http_req_query(q->r, words[i].param);

		if (value && *value && strcmp(value, "0") != 0)
			set(q, words[i].word, value);
	}
	if (docker_flag(q->r, "nocache", false))
		set(q, "no-cache", "");
	if (docker_flag(q->r, "pull", false))
		set(q, "image-resolve-mode", "pull");
	if (remote && *remote && strcmp(remote, "client-session") != 0)
		set(q, "context", remote);
}

/* {"A": "1"} becomes PREFIX A = 1. */
static int add_map(struct query *q, const char *param, const char *prefix)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_val *key, *value;
	size_t i, n;

	if (parse(q, param, &doc) < 0)
		return -EINVAL;
	yyjson_obj_foreach (yyjson_doc_get_root(doc), i, n, key, value) {
		const char *name = yyjson_get_str(key), *text = yyjson_get_str(value);
		mem_cleanup char *word = name && text ? mem_printf("%s%s", prefix, name) : NULL;

		if (word)
			set(q, word, text);
	}
	return 0;
}

static void add_hosts(struct query *q)
{
	mem_cleanup char *all = mem_strdup("");
	const char *one;

	for (size_t i = 0; (one = http_req_query_at(q->r, "extrahosts", i)); i++) {
		char *longer = mem_printf("%s%s%s", all, *all ? "," : "", one);

		free(all);
		all = longer;
	}
	if (*all)
		set(q, "add-hosts", all);
}

/* [{"Name": "nofile", "Soft": 1, "Hard": 2}] */
static int add_ulimits(struct query *q)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *all = mem_strdup("");
	yyjson_val *one;
	size_t i, n;

	if (parse(q, "ulimits", &doc) < 0)
		return -EINVAL;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, one) {
		const char *name = yyjson_get_str(yyjson_obj_get(one, "Name"));
		char *longer = mem_printf("%s%s%s=%lld:%lld", all, *all ? "," : "", name ? name : "",
					  (long long)yyjson_get_sint(yyjson_obj_get(one, "Soft")),
					  (long long)yyjson_get_sint(yyjson_obj_get(one, "Hard")));

		free(all);
		all = longer;
	}
	if (*all)
		set(q, "ulimit", all);
	return 0;
}

static int add_caches(struct query *q)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(q->request, yyjson_mut_doc_get_root(q->request), "cache_from");
	yyjson_val *one;
	size_t i, n;

	if (parse(q, "cachefrom", &doc) < 0)
		return -EINVAL;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, one) {
		yyjson_mut_val *cache = yyjson_mut_arr_add_obj(q->request, list);
		const char *ref = yyjson_get_str(one);

		yyjson_mut_obj_add_str(q->request, cache, "type", "registry");
		yyjson_mut_obj_add_strcpy(q->request, yyjson_mut_obj_add_obj(q->request, cache, "attrs"), "ref",
					  ref ? ref : "");
	}
	return 0;
}

/* "outputs": [{"Type": "local", "Attrs": {}}], or an image with the names "t". */
static int add_outputs(struct query *q)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(q->request, yyjson_mut_doc_get_root(q->request), "exporters");
	yyjson_mut_val *exporter = yyjson_mut_arr_add_obj(q->request, list);
	yyjson_mut_val *attrs = yyjson_mut_obj_add_obj(q->request, exporter, "attrs");
	mem_cleanup char *names = mem_strdup("");
	const char *type, *name;

	if (parse(q, "outputs", &doc) < 0)
		return -EINVAL;
	type = yyjson_get_str(yyjson_obj_get(yyjson_arr_get_first(yyjson_doc_get_root(doc)), "Type"));
	for (size_t i = 0; (name = http_req_query_at(q->r, "t", i)); i++) {
		char *longer = mem_printf("%s%s%s", names, *names ? "," : "", docker_local_name(name));

		free(names);
		names = longer;
	}
	yyjson_mut_obj_add_strcpy(q->request, exporter, "type", type ? type : "moby");
	if (*names)
		yyjson_mut_obj_add_strcpy(q->request, attrs, "name", names);
	return 0;
}

int builder_query(const struct http_req *r, yyjson_mut_doc **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *request = yyjson_mut_doc_new(NULL);
	struct query q = {.r = r, .request = request, .err = err};
	const char *remote = http_req_query(r, "remote"), *session = http_req_query(r, "session");
	const bool body = !remote || !*remote;
	yyjson_mut_val *root = yyjson_mut_obj(request);

	if (!body && (!session || !*session))
		return err_set(
		    err, EINVAL,
		    "a build of version=2 with a remote gets its files from a session: session=ID is missing");
	if (session && strlen(session) > BUILDER_SESSION_MAX)
		return err_set(err, EINVAL, "session: longer than %d bytes", BUILDER_SESSION_MAX);
	if (remote && !strcmp(remote, "upload-request"))
		return err_set(err, ENOTSUP,
			       "a context on standard input is not served with DOCKER_BUILDKIT=1 by a client without "
			       "buildx; use buildx, or DOCKER_BUILDKIT=0");
	yyjson_mut_doc_set_root(request, root);
	yyjson_mut_obj_add_bool(request, root, "body", body);
	q.attrs = yyjson_mut_obj_add_obj(request, root, "attrs");
	add_words(&q);
	add_hosts(&q);
	if (add_map(&q, "buildargs", "build-arg:") < 0 || add_map(&q, "labels", "label:") < 0 || add_ulimits(&q) < 0 ||
	    add_caches(&q) < 0 || add_outputs(&q) < 0)
		return -EINVAL;
	*ret = mem_take(request);
	return body;
}
