/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a container without a monitor, for a client that wants nothing else: at the client's speed, one piece in memory.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/engine/container.h"
#include "node/engine/exec.h"

#include <endian.h>
#include <string.h>
#include <sys/socket.h>

struct stream_log {
	struct stream_log *next;
	struct engine *e;
	struct engine_log *log;
	struct loop_fd *watch;
	int fd;
	struct stream_log_want want;
	struct buf out;
	bool ended;
};

static void forget(struct stream_log **at)
{
	struct stream_log *s = *at;

	*at = s->next;
	engine_log_close(s->log);
	loop_fd_free(s->watch);
	fd_closep(&s->fd);
	buf_free(&s->out);
	free(s);
}

static struct stream_log **place_of(const struct stream_log *s)
{
	struct stream_log **at = &s->e->stream_logs;

	while (*at != s)
		at = &(*at)->next;
	return at;
}

/* 1 = something is left, 0 = nothing, -1 = the client has gone. */
static int flush(struct stream_log *s)
{
	while (s->out.len > 0) {
		ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -1;
		buf_drop(&s->out, (size_t)n);
	}
	return 0;
}

static void on_room(void *ctx, int events)
{
	struct stream_log *s = ctx;
	int r = events & LOOP_HUP ? -1 : flush(s);

	if (r < 0 || (r == 0 && s->ended)) {
		forget(place_of(s));
		return;
	}
	if (r > 0)
		return;
	loop_fd_set(s->watch, 0);
	engine_log_resume(s->log);
}

static int on_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct stream_log *s = ctx;
	unsigned char head[8] = {(unsigned char)stream};
	uint32_t size = htobe32((uint32_t)n);

	(void)time_ms;
	if (n == 0 && stream == 0)
		s->ended = true;
	if ((stream == 1 && s->want.out) || (stream == 2 && s->want.err)) {
		memcpy(head + 4, &size, sizeof size);
		if (s->want.framed)
			buf_add(&s->out, head, sizeof head);
		buf_add(&s->out, data, n);
	}
	if (flush(s) == 0 && !s->ended)
		return 0;
	/* Also at the end: it is told from the loop, where everything can be freed. */
	loop_fd_set(s->watch, LOOP_OUT);
	return 1;
}

int stream_log_send(struct engine *e, const char *id, const struct stream_log_want *want, int fd, struct err *err)
{
	const struct engine_log_options all = {.tail = -1};
	struct stream_log *s = mem_new(struct stream_log);
	int r = fd_nonblock(fd);

	*s = (struct stream_log){.next = e->stream_logs, .e = e, .fd = fd, .want = *want};
	e->stream_logs = s;
	r = r < 0 ? err_sys(err, -r, "make a socket non-blocking")
		  : loop_fd_new(e->loop, fd, 0, on_room, s, &s->watch, err);
	if (r == 0)
		r = engine_log_open(e, id, &all, on_log, s, &s->log, err);
	if (r < 0)
		forget(place_of(s));
	return r;
}

void stream_log_close_all(struct engine *e)
{
	while (e->stream_logs)
		forget(&e->stream_logs);
}
