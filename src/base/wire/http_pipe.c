/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_pipe.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE 65536
#define PIPE_SIZE (1 << 20)

struct http_pipe {
	struct http_req *req;
	struct loop_fd *watch;
	int fd;
	/* in: what the descriptor did not take waits here while the request is paused */
	char *rest;
	size_t rest_len, rest_at;
	bool body_ended;
	/* out */
	struct http_pipe_source source;
	bool any;
};

static int open_pipe(struct loop *l, struct http_req *r, int fd, int events, loop_fd_fn fn, struct http_pipe **ret,
		     struct err *err)
{
	struct http_pipe *p = mem_new(struct http_pipe);
	int code = fd_nonblock(fd);

	p->req = r;
	p->fd = fd;
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* fewer turns; it works with any size, and with what is no pipe */
	code = code < 0 ? err_sys(err, -code, "make a descriptor non-blocking")
			: loop_fd_new(l, fd, events, fn, p, &p->watch, err);
	if (code < 0) {
		http_pipe_free(p);
		return code;
	}
	*ret = p;
	return 0;
}

void http_pipe_stop(struct http_pipe *p)
{
	p->watch = loop_fd_free(p->watch);
	fd_closep(&p->fd);
}

struct http_pipe *http_pipe_free(struct http_pipe *p)
{
	if (!p)
		return NULL;
	http_pipe_stop(p);
	free(p->rest);
	free(p);
	return NULL;
}

/* ---- in ---- */

/* Writes what waits. 1 = the descriptor is full, 0 = nothing waits any more. */
static int flush(struct http_pipe *p)
{
	while (p->fd >= 0 && p->rest_at < p->rest_len) {
		ssize_t n = write(p->fd, p->rest + p->rest_at, p->rest_len - p->rest_at);

		if (n < 0 && errno == EAGAIN)
			return 1;
		/* The reader has gone, and says why in its own way. */
		if (n < 0 && errno != EINTR)
			http_pipe_stop(p);
		if (n > 0)
			p->rest_at += (size_t)n;
	}
	p->rest_at = p->rest_len = 0;
	if (p->body_ended)
		http_pipe_stop(p);
	return 0;
}

static void on_writable(void *ctx, int events)
{
	struct http_pipe *p = ctx;

	(void)events;
	if (flush(p))
		return;
	if (p->watch)
		loop_fd_set(p->watch, 0);
	http_req_resume(p->req);
}

static void on_body(struct http_req *r, void *ctx, const void *data, size_t n)
{
	struct http_pipe *p = ctx;

	if (p->fd < 0)
		return;
	if (n == 0)
		p->body_ended = true;
	if (n > 0) {
		free(p->rest);
		p->rest = mem_dup(data, n);
		p->rest_len = n;
		p->rest_at = 0;
	}
	if (flush(p)) {
		http_req_pause(r);
		loop_fd_set(p->watch, LOOP_OUT);
	}
}

int http_pipe_in(struct loop *l, struct http_req *r, int fd, struct http_pipe **ret, struct err *err)
{
	int code = open_pipe(l, r, fd, 0, on_writable, ret, err);

	if (code == 0)
		http_req_stream_body(r, on_body, *ret);
	return code;
}

/* ---- out ---- */

static void on_readable(void *ctx, int events)
{
	struct http_pipe *p = ctx;
	char data[PIECE];
	ssize_t n = read(p->fd, data, sizeof data);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		http_pipe_stop(p);
		p->source.ended(p->source.ctx);
		return;
	}
	if (!p->any)
		p->source.first(p->source.ctx);
	p->any = true;
	if (http_reply_data(p->req, data, (size_t)n))
		loop_fd_set(p->watch, 0);
}

static void on_drain(struct http_req *r, void *ctx)
{
	struct http_pipe *p = ctx;

	(void)r;
	if (p->watch)
		loop_fd_set(p->watch, LOOP_IN);
}

int http_pipe_out(struct loop *l, struct http_req *r, int fd, const struct http_pipe_source *s, struct http_pipe **ret,
		  struct err *err)
{
	int code = open_pipe(l, r, fd, LOOP_IN, on_readable, ret, err);

	if (code < 0)
		return code;
	(*ret)->source = *s;
	http_reply_on_drain(r, on_drain, *ret);
	return 0;
}
