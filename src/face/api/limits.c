/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas of users and projects, licences of the cluster. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

#define BODY_MAX (64u << 10)

void quotas_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_quotas_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void quotas_set(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	const char *text = http_req_body(r, &n);

	doc = json_parse(text, n, BODY_MAX, "the quota", &err);
	if (!doc)
		http_reply_err(r, &err);
	else
		server_quota_set(a->o.server, id, yyjson_doc_get_root(doc), api_answer, api_answer_new(r, 200, NULL));
}

void quotas_remove(struct api *a, struct http_req *r, const char *id)
{
	server_quota_remove(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}

void licences_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_licences_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void licences_set(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	int64_t total;
	size_t n;
	const char *text = http_req_body(r, &n);

	doc = json_parse(text, n, BODY_MAX, "the licence", &err);
	if (!doc || json_get_int(yyjson_doc_get_root(doc), "total", 0, INT32_MAX, &total, &err) < 0)
		http_reply_err(r, &err);
	else
		server_licence_set(a->o.server, id, total, api_answer, api_answer_new(r, 200, NULL));
}

void licences_remove(struct api *a, struct http_req *r, const char *id)
{
	server_licence_remove(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}
