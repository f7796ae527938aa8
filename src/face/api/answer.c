/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that comes when an event is durable; the client may have gone by then. */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "face/api/api_private.h"

#include <stdlib.h>
#include <string.h>

struct api_answer {
	struct http_req *req; /* NULL: the client has gone */
	int status;
	const char *key;
	char *warning; /* NULL = none */
	bool done, in_call;
};

static void answer_free(struct api_answer *w)
{
	free(w->warning);
	free(w);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct api_answer *w = ctx;

	(void)r;
	w->req = NULL;
	if (w->done && !w->in_call)
		answer_free(w);
}

void api_answer(void *ctx, const char *id, const struct err *error)
{
	struct api_answer *w = ctx;
	struct http_req *r = w->req;
	buf_cleanup struct buf json = BUF_INIT;

	w->done = true;
	if (!r) {
		answer_free(w);
		return;
	}
	w->in_call = true;
	if (error) {
		http_reply_err(r, error);
	} else if (w->key) {
		buf_printf(&json, "{\"%s\":", w->key);
		json_quote(&json, id, strlen(id));
		buf_adds(&json, ",\"warnings\":[");
		if (w->warning)
			json_quote(&json, w->warning, strlen(w->warning));
		buf_adds(&json, "]}");
		http_reply_json(r, w->status, buf_str(&json));
	} else {
		http_reply_json(r, w->status, "{}");
	}
	w->in_call = false;
	if (!w->req)
		answer_free(w);
}

void api_answer_warn(struct api_answer *w, char *text)
{
	free(w->warning);
	w->warning = text;
}

struct api_answer *api_answer_new(struct http_req *r, int status, const char *key)
{
	struct api_answer *w = mem_new(struct api_answer);

	*w = (struct api_answer){.req = r, .status = status, .key = key};
	http_req_on_close(r, on_close, w);
	return w;
}
