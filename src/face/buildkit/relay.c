/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/relay.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <string.h>
#include <sys/socket.h>

#define WAITING (256u << 10)

struct relay {
	struct rpc_stream *stream; /* NULL = it has ended */
	struct loop_fd *watch;
	struct buf in, out; /* from the process; for it */
	size_t out_at;
	int fd;
	bool shut, slow;
};

static void relay_free(struct relay *r)
{
	r->stream = rpc_cancel(r->stream);
	loop_fd_free(r->watch);
	fd_closep(&r->fd);
	buf_free(&r->in);
	buf_free(&r->out);
	free(r);
}

static void watch(struct relay *r)
{
	const bool more = r->out.len > r->out_at;

	loop_fd_set(r->watch, (r->shut || r->slow ? 0 : LOOP_IN) | (more ? LOOP_OUT : 0));
}

static void add_number(struct buf *b, uint32_t n)
{
	const unsigned char bytes[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
					(unsigned char)(n >> 24)};

	buf_add(b, bytes, sizeof bytes);
}

static uint32_t number_at(const char *data)
{
	const unsigned char *p = (const unsigned char *)data;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- from the client to the process ---- */

static void on_message(void *ctx, const char *data, size_t n)
{
	struct relay *r = ctx;

	add_number(&r->out, (uint32_t)n);
	if (buf_add(&r->out, data, n) < 0)
		r->stream = rpc_cancel(r->stream);
	else if (r->out.len - r->out_at > WAITING)
		rpc_hold(r->stream, true);
	watch(r);
}

static void on_end(void *ctx, enum grpc_status status, const char *text)
{
	struct relay *r = ctx;

	r->stream = NULL;
	add_number(&r->out, RELAY_END);
	add_number(&r->out, (uint32_t)status);
	add_number(&r->out, (uint32_t)strlen(text));
	buf_adds(&r->out, text);
	watch(r);
}

/* False: the process has gone, or has all. */
static bool pour(struct relay *r)
{
	while (r->out.len > r->out_at) {
		ssize_t n = send(r->fd, r->out.data + r->out_at, r->out.len - r->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			return false;
		buf_pass(&r->out, &r->out_at, (size_t)n);
	}
	buf_free(&r->out);
	r->out_at = 0;
	if (r->stream)
		rpc_hold(r->stream, false);
	return r->stream != NULL;
}

/* ---- from the process to the client ---- */

static void on_drain(void *ctx)
{
	struct relay *r = ctx;

	r->slow = false;
	watch(r);
}

static void send_whole(struct relay *r)
{
	size_t at = 0;

	while (r->in.len - at >= 4) {
		const uint32_t n = number_at(r->in.data + at);

		if (n > RPC_MESSAGE_MAX || r->in.len - at - 4 < n)
			break;
		if (r->stream && rpc_send(r->stream, r->in.data + at + 4, n))
			r->slow = true;
		at += 4 + n;
	}
	buf_drop(&r->in, at);
}

static bool fetch(struct relay *r)
{
	static char piece[64 << 10];
	ssize_t n = recv(r->fd, piece, sizeof piece, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0)
		return false;
	if (n == 0) {
		r->shut = true;
		if (r->stream)
			rpc_half_close(r->stream);
		return true;
	}
	if (buf_add(&r->in, piece, (size_t)n) < 0)
		return false;
	send_whole(r);
	return true;
}

static void on_event(void *ctx, int events)
{
	struct relay *r = ctx;
	/* A process that has closed its end shows as HUP in both directions. */
	bool more = true;

	if ((events & LOOP_IN) && !r->shut)
		more = fetch(r);
	else if (events & LOOP_HUP)
		more = false;
	if (more && (events & LOOP_OUT || r->out.len > r->out_at))
		more = pour(r);
	if (more)
		watch(r);
	else
		relay_free(r);
}

void relay_open(struct loop *l, struct rpc *session, const char *path, const struct rpc_field *fields, int fd)
{
	static const struct rpc_stream_hooks hooks = {.message = on_message, .drain = on_drain, .end = on_end};
	struct relay *r = mem_new(struct relay);

	r->fd = fd;
	r->out.limit = RPC_MESSAGE_MAX + 2 * RPC_WINDOW;
	r->in.limit = RPC_MESSAGE_MAX + (64u << 10) + 4;
	if (fd_nonblock(fd) < 0 || loop_fd_new(l, fd, LOOP_IN, on_event, r, &r->watch, NULL) < 0) {
		relay_free(r);
		return;
	}
	r->stream = session ? rpc_call(session, path, fields, &hooks, r) : NULL;
	if (!r->stream)
		on_end(r, GRPC_UNAVAILABLE, "the client has gone");
}
