/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_ask.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/docker/docker.h"
#include "face/docker/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EARLY_MAX (4u << 20)

struct relay {
	struct call call; /* arg and version are copies */
	char *arg, *version, *body;
	char node[NODE_NAME_MAX];
	relay_edit_fn edit;
	void (*headed)(const struct call *c, const char *node, int status);
	char *target;
	struct finding *finding;
	struct http_ask *ask;
	struct buf early; /* of a streamed body, before there is a node */
	bool early_end;
	struct buf whole; /* of an answer that is edited */
	int status;
	bool own_ref; /* the node is asked by the route's name */
	bool raw;     /* the connection is given away */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct relay *x = ctx;

	(void)r;
	find_free(x->finding);
	http_ask_free(x->ask);
	buf_free(&x->early);
	buf_free(&x->whole);
	free(x->arg);
	free(x->version);
	free(x->body);
	free(x->target);
	free(x);
}

static struct relay *relay_new(const struct call *c, const struct relay_how *how)
{
	struct relay *x = mem_new(struct relay);

	x->call = *c;
	x->call.arg = x->arg = mem_strdup(c->arg);
	x->call.version = x->version = mem_strdup(c->version);
	x->edit = how ? how->edit : NULL;
	x->headed = how ? how->head : NULL;
	x->body = how ? mem_strdup(how->body) : NULL;
	x->target = how ? mem_strdup(how->target) : NULL;
	x->early.limit = EARLY_MAX;
	x->whole.limit = ONEHOST_ANSWER_MAX;
	http_req_on_close(c->r, on_close, x);
	return x;
}

/* ---- the request's body ---- */

static void give_body(struct relay *x, const void *data, size_t n)
{
	if (http_ask_body(x->ask, data, n))
		http_req_pause(x->call.r);
}

static void on_client_body(struct http_req *r, void *ctx, const void *data, size_t n)
{
	struct relay *x = ctx;

	if (x->ask) {
		give_body(x, data, n);
		return;
	}
	/* It is paused, but a piece may be on its way. */
	if (n > 0)
		buf_add(&x->early, data, n);
	else
		x->early_end = true;
	http_req_pause(r);
}

static void on_room(void *ctx)
{
	struct relay *x = ctx;

	http_req_resume(x->call.r);
}

static void begin_body(struct relay *x)
{
	if (x->early.len > 0)
		give_body(x, x->early.data, x->early.len);
	buf_free(&x->early);
	if (x->early_end)
		give_body(x, "", 0);
	http_req_resume(x->call.r);
}

/* ---- the answer ---- */

static void on_drain(struct http_req *r, void *ctx)
{
	struct relay *x = ctx;

	(void)r;
	if (x->ask)
		http_ask_resume(x->ask);
}

static void on_head(void *ctx, int status)
{
	static const char *const kept[] = {"X-Docker-Container-Path-Stat", "Docker-Experimental", "WWW-Authenticate"};
	struct relay *x = ctx;
	struct http_req *r = x->call.r;
	const char *type = http_ask_header(x->ask, "Content-Type");
	int64_t length = http_ask_length(x->ask);

	x->status = status;
	if (x->headed)
		x->headed(&x->call, x->node, status);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = http_ask_header(x->ask, kept[i]);

		if (value)
			http_reply_header(r, kept[i], value);
	}
	if (x->edit)
		return;
	http_reply_on_drain(r, on_drain, x);
	if (length >= 0)
		http_reply_begin_sized(r, status, type, (uint64_t)length);
	else
		http_reply_begin(r, status, type);
}

static void on_answer_body(void *ctx, const void *data, size_t n)
{
	struct relay *x = ctx;

	if (x->edit)
		buf_add(&x->whole, data, n);
	else if (http_reply_data(x->call.r, data, n))
		http_ask_pause(x->ask);
}

static void reply_edited(struct relay *x)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(buf_str(&x->whole), x->whole.len, 0);
	json_mut_cleanup yyjson_mut_doc *d = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
	mem_cleanup char *text = NULL;

	if (d)
		x->edit(&x->call, x->node, x->status, d);
	text = d ? json_text(d, false, NULL) : NULL;
	http_reply(x->call.r, x->status, text ? "application/json" : "text/plain", text ? text : x->whole.data,
		   text ? strlen(text) : x->whole.len);
}

/* ---- the end ---- */

static void add_frame(struct buf *out, const char *text)
{
	const char head[8] = {2, 0, 0, 0, 0, 0, (char)(strlen(text) >> 8), (char)strlen(text)};

	buf_add(out, head, sizeof head);
	buf_adds(out, text);
}

static void last_word(struct relay *x, const char *text, struct buf *out)
{
	mem_cleanup char *line = mem_printf("berth: %s\r\n", text);

	switch (x->call.route->last) {
	case LAST_CUT:
		break;
	case LAST_FRAME:
		add_frame(out, line);
		break;
	case LAST_MESSAGE:
		buf_adds(out, "{\"errorDetail\":{\"message\":");
		json_quote(out, text, strlen(text));
		buf_adds(out, "},\"error\":");
		json_quote(out, text, strlen(text));
		buf_adds(out, "}\r\n");
		break;
	case LAST_WAIT:
		buf_adds(out, "{\"StatusCode\":125,\"Error\":{\"Message\":");
		json_quote(out, text, strlen(text));
		buf_adds(out, "}}\n");
		break;
	}
}

/* The node has gone, or what it sent is no answer. */
static void cut(struct relay *x, const struct err *error)
{
	buf_cleanup struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	err_set(&err, EAGAIN, "node %s was lost while it answered (%s)", x->node, error->text);
	if (x->status == 0 || x->edit) {
		onehost_fail(x->call.r, &err);
		return;
	}
	last_word(x, err.text, &out);
	if (out.len > 0)
		http_reply_data(x->call.r, out.data, out.len);
	http_reply_cut(x->call.r);
}

static void on_end(void *ctx, const struct err *error)
{
	struct relay *x = ctx;

	if (error)
		cut(x, error);
	else if (x->edit)
		reply_edited(x);
	else
		http_reply_end(x->call.r);
}

/* ---- to the node ---- */

static void fail(struct relay *x, const struct err *error)
{
	struct err neither = ERR_INIT;
	const char *absent = strstr(error->text, FIND_ABSENT);

	if (error->code == ENOENT && x->call.route->job) {
		err_set(&neither, ENOENT,
			"there is no container and no job \"%.300s\" (berth ps -a and berth jobs -a list them)%s",
			x->arg, absent ? absent : "");
		error = &neither;
	}
	onehost_fail(x->call.r, error);
}

static int ask(struct relay *x, const char *target, struct err *err)
{
	static const struct http_ask_hooks hooks = {
	    .head = on_head, .body = on_answer_body, .end = on_end, .drain = on_room};
	static const char *const passed[] = {"Content-Type", "X-Registry-Auth", "X-Registry-Config"};
	char buf[OWNER_MAX];
	const char *only = policy_only(x->call.r, buf);
	const char *headers[6 + 2 * sizeof passed / sizeof *passed + 1] = {"Berth-Node", x->node, POLICY_HEADER,
									   policy_word(policy_of(x->call.r))};
	struct http_ask_what what = {.method = http_req_method(x->call.r),
				     .target = target,
				     .headers = headers,
				     .chunked = x->call.route->stream};
	size_t n = 4;
	int fd = onehost_dial(x->call.h, x->node, err);

	if (fd < 0)
		return fd;
	if (only) {
		headers[n++] = POLICY_OWNER_HEADER;
		headers[n++] = only;
	}
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
		const char *value = http_req_header(x->call.r, passed[i]);

		if (!value)
			continue;
		headers[n++] = passed[i];
		headers[n++] = value;
	}
	if (!what.chunked && x->body) {
		what.body = x->body;
		what.n = strlen(x->body);
	} else if (!what.chunked) {
		what.body = http_req_body(x->call.r, &what.n);
	}
	return http_ask_new(x->call.h->loop, fd, &what, &hooks, x, &x->ask, err);
}

static void go(struct relay *x, const char *node, const char *ref)
{
	mem_cleanup char *target = x->target ? mem_take(x->target) : onehost_target(&x->call, ref);
	struct err err = ERR_INIT;

	snprintf(x->node, sizeof x->node, "%s", node);
	if (ask(x, target, &err) < 0)
		fail(x, &err);
	else if (x->call.route->stream)
		begin_body(x);
}

static void hold_body(struct relay *x)
{
	if (!x->call.route->stream)
		return;
	http_req_stream_body(x->call.r, on_client_body, x);
	http_req_pause(x->call.r);
}

void relay_to(const struct call *c, const char *node, const char *ref, const struct relay_how *how)
{
	struct relay *x = relay_new(c, how);

	hold_body(x);
	go(x, node, ref);
}

static void on_given(void *ctx, int fd);

/* What the node gets before the bytes of the client. */
static void make_head(struct relay *x, const char *ref, struct buf *out)
{
	static const char *const kept[] = {"Content-Type",	     "Upgrade",
					   "Sec-WebSocket-Key",	     "Sec-WebSocket-Version",
					   "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"};
	mem_cleanup char *target = onehost_target(&x->call, ref);
	struct http_req *r = x->call.r;
	char buf[OWNER_MAX];
	const char *body, *only = policy_only(r, buf);
	size_t n;

	body = http_req_body(r, &n);
	buf_printf(out, "%s %s HTTP/1.1\r\nHost: berth\r\nBerth-Node: %s\r\n" POLICY_HEADER ": %s\r\n",
		   http_req_method(r), target, x->node, policy_word(policy_of(r)));
	if (only)
		buf_printf(out, POLICY_OWNER_HEADER ": %s\r\n", only);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = http_req_header(r, kept[i]);

		if (value)
			buf_printf(out, "%s: %s\r\n", kept[i], value);
	}
	buf_printf(out, "Connection: %s\r\n", http_req_header(r, "Upgrade") ? "Upgrade" : "close");
	if (strcmp(http_req_method(r), "GET") != 0)
		buf_printf(out, "Content-Length: %zu\r\n", n);
	buf_adds(out, "\r\n");
	buf_add(out, body, n);
}

static void give_away(struct relay *x, const char *ref)
{
	struct err err = ERR_INIT;

	if (onehost_is_here(x->call.h, x->node)) {
		struct http_req *r = x->call.r;
		struct docker *docker = x->call.h->docker;

		/* The request becomes that of this machine's own handlers. */
		http_req_on_close(r, NULL, NULL);
		on_close(r, x);
		docker_request(docker, r);
		return;
	}
	if (server_node_reaches(x->call.h->server, x->node, &err) < 0) {
		err.code = EAGAIN;
		fail(x, &err);
		return;
	}
	make_head(x, ref, &x->whole);
	http_req_pass(x->call.r, on_given, x);
}

static void on_given(void *ctx, int fd)
{
	struct relay *x = ctx;
	struct err err = ERR_INIT;

	/* The node was there a moment ago; if it is not any more the client finds its stream at an end, and is told when it asks how it ended. */
	(void)server_node_tunnel(x->call.h->server, x->node, fd, x->whole.data, x->whole.len, &err);
}

static void on_found(void *ctx, const struct found *f, const struct err *error)
{
	struct relay *x = ctx;

	x->finding = find_free(x->finding);
	if (error) {
		fail(x, error);
	} else if (x->raw) {
		snprintf(x->node, sizeof x->node, "%s", f->node);
		give_away(x, f->ref);
	} else {
		go(x, f->node, x->own_ref ? x->arg : f->ref);
	}
}

void relay_found(const struct call *c, enum kind kind, const struct relay_how *how)
{
	struct relay *x = relay_new(c, how);

	hold_body(x);
	x->own_ref = how && how->look_for;
	x->finding = find_start(c->h, kind, x->own_ref ? how->look_for : c->arg, on_found, x);
}

void relay_stream(const struct call *c, enum kind kind)
{
	struct relay *x = relay_new(c, NULL);

	x->raw = true;
	x->finding = find_start(c->h, kind, c->arg, on_found, x);
}
