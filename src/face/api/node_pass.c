/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/nodes/NODE/api/...: a request for the API of a node. It goes there as it came, through a tunnel of the node's link, and what the node answers goes to the
 * caller untouched; so everything works that works at the node, streams and changed protocols included. The connection ends with the answer. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "/v1/nodes/"
#define NODE_MAX 64

struct pass {
	struct server *server;
	char node[NODE_MAX];
	struct buf head; /* the request for the node */
};

/* The rest of the target after .../api, which begins with a slash; NULL: it is no such target. */
static const char *rest_of(const char *target, char node[static NODE_MAX])
{
	const char *name = target + strlen(PREFIX), *end;

	if (strncmp(target, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	end = strchr(name, '/');
	if (!end || (size_t)(end - name) >= NODE_MAX || strncmp(end, "/api/", 5) != 0)
		return NULL;
	snprintf(node, NODE_MAX, "%.*s", (int)(end - name), name);
	return end + 4;
}

/* The few headers that mean something to the API. Their values have been checked by the parser: no line can be smuggled in. */
static void make_head(struct http_req *r, const char *target, struct buf *out)
{
	static const char *const kept[] = {"Content-Type", "Upgrade", "X-Registry-Auth", "X-Registry-Config"};
	const char *body;
	size_t n;

	body = http_req_body(r, &n);
	buf_printf(out, "%s %s HTTP/1.1\r\nHost: berth\r\n", http_req_method(r), target);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = http_req_header(r, kept[i]);

		if (value)
			buf_printf(out, "%s: %s\r\n", kept[i], value);
	}
	buf_printf(out, "Connection: %s\r\n", http_req_header(r, "Upgrade") ? "Upgrade" : "close");
	if (n > 0 || !strcmp(http_req_method(r), "POST") || !strcmp(http_req_method(r), "PUT"))
		buf_printf(out, "Content-Length: %zu\r\n", n);
	buf_adds(out, "\r\n");
	buf_add(out, body, n);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct pass *p = ctx;

	(void)r;
	buf_free(&p->head);
	free(p);
}

static void on_given(void *ctx, int fd)
{
	struct pass *p = ctx;
	struct err err = ERR_INIT;

	/* The node was there a moment ago; if it is not any more the caller finds the connection closed. */
	(void)server_node_tunnel(p->server, p->node, fd, p->head.data, p->head.len, &err);
}

bool node_pass(struct api *a, struct http_req *r)
{
	char node[NODE_MAX];
	const char *target = rest_of(http_req_target(r), node);
	struct err err = ERR_INIT;
	struct pass *p;

	if (!target)
		return false;
	if (server_node_reaches(a->o.server, node, &err) < 0) {
		http_reply_err(r, &err);
		return true;
	}
	p = mem_new(struct pass);
	p->server = a->o.server;
	memcpy(p->node, node, sizeof node);
	make_head(r, target, &p->head);
	http_req_on_close(r, on_close, p);
	http_req_pass(r, on_given, p);
	return true;
}
