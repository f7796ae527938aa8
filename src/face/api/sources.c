/* SPDX-License-Identifier: Apache-2.0 */
/* Node sources. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

void sources_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_sources_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void sources_get(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (server_source_json(a->o.server, id, &text, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply_json(r, 200, text);
}

void sources_add(struct api *a, struct http_req *r, const char *id)
{
	size_t n;
	const char *text = http_req_body(r, &n);

	(void)id;
	server_source_add(a->o.server, text, n, api_query_bool(r, "replace"), api_answer,
			  api_answer_new(r, 201, "name"));
}

void sources_remove(struct api *a, struct http_req *r, const char *id)
{
	server_source_remove(a->o.server, id, api_query_bool(r, "force"), api_answer, api_answer_new(r, 200, NULL));
}

void sources_pause(struct api *a, struct http_req *r, const char *id)
{
	server_source_pause(a->o.server, id, true, api_answer, api_answer_new(r, 200, NULL));
}

void sources_resume(struct api *a, struct http_req *r, const char *id)
{
	server_source_pause(a->o.server, id, false, api_answer, api_answer_new(r, 200, NULL));
}
