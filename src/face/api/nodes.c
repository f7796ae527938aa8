/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the cluster, and the tokens that let machines join it. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

#define BODY_MAX (64u << 10)
#define LIFE_MS (24 * 3600 * 1000LL)
#define LIFE_MAX_MS (10LL * 365 * 24 * 3600 * 1000)

/* The JSON of a body that may be empty; false: refused already. */
static bool body_of(struct http_req *r, yyjson_doc **ret, struct err *err)
{
	size_t n;
	const char *text = http_req_body(r, &n);

	*ret = n ? json_parse(text, n, BODY_MAX, "the request", err) : NULL;
	if (n && !*ret) {
		http_reply_err(r, err);
		return false;
	}
	return true;
}

void nodes_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_nodes_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void nodes_get(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (server_node_json(a->o.server, id, &text, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply_json(r, 200, text);
}

void nodes_lock(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	const char *reason = NULL;

	if (!body_of(r, &doc, &err))
		return;
	if (doc && json_opt_str(yyjson_doc_get_root(doc), "reason", &reason, &err) < 0)
		http_reply_err(r, &err);
	else
		server_node_lock(a->o.server, id, reason, api_answer, api_answer_new(r, 200, NULL));
}

void nodes_drain(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	const char *reason = NULL;
	int64_t deadline = 0;

	if (!body_of(r, &doc, &err))
		return;
	if (doc && (json_opt_str(yyjson_doc_get_root(doc), "reason", &reason, &err) < 0 ||
		    json_opt_int(yyjson_doc_get_root(doc), "deadline_ms", 0, LIFE_MAX_MS, &deadline, &err) < 0))
		http_reply_err(r, &err);
	else
		server_node_drain(a->o.server, id, reason, deadline, api_answer, api_answer_new(r, 200, NULL));
}

void nodes_unlock(struct api *a, struct http_req *r, const char *id)
{
	server_node_unlock(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}

void nodes_label(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;

	if (body_of(r, &doc, &err))
		server_node_label(a->o.server, id, yyjson_doc_get_root(doc), api_answer, api_answer_new(r, 200, NULL));
}

void nodes_remove(struct api *a, struct http_req *r, const char *id)
{
	server_node_remove(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}

/* ---- tokens ---- */

void tokens_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_tokens_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void tokens_create(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	int64_t life = LIFE_MS, uses = 0;

	(void)id;
	if (!body_of(r, &doc, &err))
		return;
	if (doc && (json_opt_int(yyjson_doc_get_root(doc), "life_ms", 0, LIFE_MAX_MS, &life, &err) < 0 ||
		    json_opt_int(yyjson_doc_get_root(doc), "uses", 0, INT32_MAX, &uses, &err) < 0))
		http_reply_err(r, &err);
	else
		server_token_create(a->o.server, life, uses, api_answer, api_answer_new(r, 201, "token"));
}

void tokens_remove(struct api *a, struct http_req *r, const char *id)
{
	server_token_remove(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}
