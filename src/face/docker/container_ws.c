/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /containers/NAME/attach/ws: the container's streams over a websocket (RFC 6455), without frames of our own in it: both kinds of output are one.
 */
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/sha1.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/stream.h"
#include "node/engine/stream.h"
#include "node/registry/base64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 6455, 1.3 */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_SIZE 16

struct ws {
	struct docker *d;
	struct attaching *attaching;
	bool text;
};

static bool is_websocket(const struct http_req *r)
{
	const char *upgrade = http_req_header(r, "upgrade"), *version = http_req_header(r, "sec-websocket-version");

	return upgrade && !strcasecmp(upgrade, "websocket") && version && !strcmp(version, "13");
}

/* The answer to the client's key; NULL when that is none. */
static char *accept_text(const char *key)
{
	size_t n = 0;
	mem_cleanup char *bytes = key ? base64_bytes(key, &n) : NULL, *text = NULL;
	uint8_t digest[20];

	if (!bytes || n != KEY_SIZE)
		return NULL;
	text = mem_printf("%s" GUID, key);
	sha1_of(text, strlen(text), digest);
	return base64_text(digest, sizeof digest);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct ws *w = ctx;

	(void)r;
	attaching_free(w->attaching);
	free(w);
}

static void on_socket(void *ctx, int fd)
{
	struct ws *w = ctx;
	struct err err = ERR_INIT;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		log_error("a websocket cannot be served: make a socket pair: %s", strerror(errno));
		close(fd);
		return;
	}
	if (ws_pump_start(&w->d->pumps, w->d->loop, fd, pair[0], w->text, &err) < 0) {
		log_err(&err, "a websocket cannot be served");
		close(pair[1]);
		return;
	}
	attaching_begin(w->attaching, pair[1]);
}

void docker_container_ws(const struct docker_call *c)
{
	mem_cleanup char *accepted = accept_text(http_req_header(c->r, "sec-websocket-key"));
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	struct ws *w;

	if (!container)
		return;
	if (!is_websocket(c->r) || !accepted) {
		http_reply_header(c->r, "Sec-WebSocket-Version", "13");
		docker_message(c->r, 400, "attach/ws wants the handshake of a websocket (RFC 6455, version 13)");
		return;
	}
	if (c->d->pumps.n >= WS_PUMPS_MAX) {
		docker_message(c->r, 503, "there are %d websockets already", WS_PUMPS_MAX);
		return;
	}
	w = mem_new(struct ws);
	*w = (struct ws){
	    .d = c->d, .attaching = attaching_new(c, container, true), .text = !docker_since(c, DOCKER_SOCKET_BINARY)};
	http_req_on_close(c->r, on_close, w);
	if (attaching_check(w->attaching, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	http_reply_header(c->r, "Sec-WebSocket-Accept", accepted);
	http_req_hijack(c->r, "websocket", NULL, on_socket, w);
}
