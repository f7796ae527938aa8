/* SPDX-License-Identifier: Apache-2.0
 *
 * attach and resize: the connection becomes the container's streams (node/engine/stream.h).
 */
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/stream.h"
#include "node/engine/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct attaching {
	struct engine *engine;
	char id[65];
	char *keys;
	struct engine_attach how;
};

const char *stream_type(const struct docker_call *c, bool tty)
{
	return docker_since(c, DOCKER_STREAM_TYPES) && !tty ? "application/vnd.docker.multiplexed-stream"
							    : "application/vnd.docker.raw-stream";
}

static bool one_size(const struct docker_call *c, const char *name, unsigned *ret)
{
	const char *text = http_req_query(c->r, name);
	char *end = NULL;
	unsigned long n;

	errno = 0;
	n = text && *text ? strtoul(text, &end, 10) : 0;
	if (!end || *end || errno || n > UINT16_MAX) {
		docker_message(c->r, 400, "invalid resize %s \"%.80s\": a number up to 65535 is needed",
			       *name == 'h' ? "height" : "width", text ? text : "");
		return false;
	}
	*ret = (unsigned)n;
	return true;
}

bool stream_size(const struct docker_call *c, unsigned *ret_rows, unsigned *ret_cols)
{
	return one_size(c, "h", ret_rows) && one_size(c, "w", ret_cols);
}

/* ---- attach ---- */

struct attaching *attaching_new(const struct docker_call *c, const struct engine_container *container, bool raw)
{
	struct attaching *a = mem_new(struct attaching);

	*a = (struct attaching){.engine = c->d->engine, .keys = mem_strdup(http_req_query(c->r, "detachKeys"))};
	memcpy(a->id, container->id, sizeof a->id);
	a->how = (struct engine_attach){
	    .in = docker_flag(c->r, "stdin", false),
	    .out = docker_flag(c->r, "stdout", false),
	    .err = docker_flag(c->r, "stderr", false),
	    .logs = docker_flag(c->r, "logs", false),
	    .stream = docker_flag(c->r, "stream", false),
	    .raw = raw,
	    .detach_keys = a->keys && *a->keys ? a->keys : NULL,
	};
	return a;
}

void attaching_free(struct attaching *a)
{
	free(a->keys);
	free(a);
}

int attaching_check(const struct attaching *a, struct err *err)
{
	return engine_attach_check(a->engine, a->id, &a->how, err);
}

void attaching_begin(const struct attaching *a, int fd)
{
	struct err err = ERR_INIT;

	if (engine_attach(a->engine, a->id, &a->how, fd, &err) < 0)
		log_err(&err, "a client cannot be attached");
}

static void on_close(struct http_req *r, void *ctx)
{
	(void)r;
	attaching_free(ctx);
}

static void on_socket(void *ctx, int fd)
{
	attaching_begin(ctx, fd);
}

void docker_container_attach(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct attaching *a;
	struct err err = ERR_INIT;

	if (!container)
		return;
	a = attaching_new(c, container, false);
	http_req_on_close(c->r, on_close, a);
	if (attaching_check(a, &err) < 0)
		docker_fail(c->r, &err);
	else
		http_req_hijack(c->r, "tcp", stream_type(c, engine_has_tty(a->engine, a->id)), on_socket, a);
}

void docker_container_resize(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct err err = ERR_INIT;
	unsigned rows, cols;

	if (!container || !stream_size(c, &rows, &cols))
		return;
	if (engine_resize(c->d->engine, container->id, rows, cols, &err) < 0)
		docker_fail(c->r, &err);
	else
		http_reply(c->r, 200, NULL, NULL, 0);
}
