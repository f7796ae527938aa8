/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules and calendars. A schedule is made by submitting a job that has one. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

#define BODY_MAX (256u << 10)

void schedules_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_schedules_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void schedules_get(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (server_schedule_json(a->o.server, id, &text, &err) < 0)
		http_reply_err(r, &err);
	else
		http_reply_json(r, 200, text);
}

void schedules_pause(struct api *a, struct http_req *r, const char *id)
{
	server_schedule(a->o.server, id, SERVER_SCHEDULE_PAUSE, api_answer, api_answer_new(r, 200, NULL));
}

void schedules_resume(struct api *a, struct http_req *r, const char *id)
{
	server_schedule(a->o.server, id, SERVER_SCHEDULE_RESUME, api_answer, api_answer_new(r, 200, NULL));
}

void schedules_run(struct api *a, struct http_req *r, const char *id)
{
	server_schedule(a->o.server, id, SERVER_SCHEDULE_RUN, api_answer, api_answer_new(r, 201, "id"));
}

void schedules_remove(struct api *a, struct http_req *r, const char *id)
{
	server_schedule(a->o.server, id, SERVER_SCHEDULE_REMOVE, api_answer, api_answer_new(r, 200, NULL));
}

void calendars_list(struct api *a, struct http_req *r, const char *id)
{
	mem_cleanup char *text = server_calendars_json(a->o.server);

	(void)id;
	http_reply_json(r, 200, text);
}

void calendars_set(struct api *a, struct http_req *r, const char *id)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	const char *text = http_req_body(r, &n);

	doc = json_parse(text, n, BODY_MAX, "the calendar", &err);
	if (!doc)
		http_reply_err(r, &err);
	else
		server_calendar_set(a->o.server, id, yyjson_doc_get_root(doc), api_answer,
				    api_answer_new(r, 200, NULL));
}

void calendars_remove(struct api *a, struct http_req *r, const char *id)
{
	server_calendar_remove(a->o.server, id, api_answer, api_answer_new(r, 200, NULL));
}
