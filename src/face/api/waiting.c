/* SPDX-License-Identifier: Apache-2.0 */
#include "face/api/waiting.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct waiting {
	struct http_server *http;
	char *leader;
	char *trouble; /* why there is none, or NULL */
	void (*down)(void *ctx, enum api_down how);
	void *ctx;
};

static void refuse(const struct waiting *w, struct http_req *r)
{
	mem_cleanup char *text = w->trouble
				     ? mem_printf("this server waits for its store: %s", w->trouble)
				     : mem_printf("this server waits, another one leads (%s): ask there", w->leader);
	buf_cleanup struct buf json = BUF_INIT;

	buf_adds(&json, "{\"message\":");
	json_quote(&json, text, strlen(text));
	buf_adds(&json, ",\"leader\":");
	json_quote(&json, w->leader, strlen(w->leader));
	buf_addc(&json, '}');
	http_reply_json(r, 503, buf_str(&json));
}

static void ping(const struct waiting *w, struct http_req *r)
{
	buf_cleanup struct buf json = BUF_INIT;

	buf_printf(&json, "{\"version\":\"" BERTH_VERSION "\",\"pid\":%d,\"leader\":", (int)getpid());
	json_quote(&json, w->leader, strlen(w->leader));
	buf_addc(&json, '}');
	http_reply_json(r, 200, buf_str(&json));
}

/* There is no policy yet: only who could kill the process. Nothing runs here that all=true would mean. */
static void end(const struct waiting *w, struct http_req *r)
{
	uint32_t uid = http_req_peer_uid(r);

	if (uid != 0 && uid != geteuid()) {
		http_reply_json(r, 403, "{\"message\":\"a server that waits can be ended by its owner only\"}");
		return;
	}
	http_reply_json(r, 202, "{}");
	w->down(w->ctx, API_DOWN_ALONE);
}

static void on_request(struct http_req *r, void *ctx)
{
	const struct waiting *w = ctx;
	const char *method = http_req_method(r), *path = http_req_path(r);

	if (!strcmp(method, "GET") && !strcmp(path, "/v1/ping"))
		ping(w, r);
	else if (!strcmp(method, "POST") && !strcmp(path, "/v1/down"))
		end(w, r);
	else
		refuse(w, r);
}

int waiting_new(struct loop *l, int fd, void (*down)(void *ctx, enum api_down how), void *ctx, struct waiting **ret,
		struct err *err)
{
	struct waiting *w = mem_new(struct waiting);
	const struct http_handler handler = {.on_request = on_request, .ctx = w};
	const struct http_limits limits = {.body_bytes = 4096};
	int r;

	*w = (struct waiting){.leader = mem_strdup("nobody yet"), .down = down, .ctx = ctx};
	r = http_server_new(l, fd, &limits, &handler, &w->http, err);
	if (r < 0) {
		close(fd);
		waiting_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void waiting_set_leader(struct waiting *w, const char *leader)
{
	free(w->leader);
	w->leader = mem_strdup(leader);
	free(w->trouble);
	w->trouble = NULL;
}

void waiting_set_trouble(struct waiting *w, const char *what)
{
	waiting_set_leader(w, "nobody yet");
	w->trouble = mem_strdup(what);
}

struct waiting *waiting_free(struct waiting *w)
{
	if (!w)
		return NULL;
	http_server_free(w->http);
	free(w->leader);
	free(w->trouble);
	free(w);
	return NULL;
}
