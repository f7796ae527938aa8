/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions over TCP (RFC 7766): several on one connection, answered in the order in which the answers come. Who does not read his answers is not
 * read from either; who says nothing for a while is cut off.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/net/dns_private.h"

#include <errno.h>
#include <sys/socket.h>

struct stream {
	struct served *c;
	struct stream *next, **prev;
	int fd;
	struct loop_fd *watch;
	struct loop_timer *idle;
	struct buf in, out;
	size_t n_asks;
	bool ended;   /* the client has said all */
	bool working; /* its packets are being looked at: it is not freed from in there */
	bool broken;
};

void stream_free(struct stream *t)
{
	served_forget(t->c, t);
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->c->n_streams--;
	t->c->s->n_streams--;
	loop_fd_free(t->watch);
	loop_timer_free(t->idle);
	fd_closep(&t->fd);
	buf_free(&t->in);
	buf_free(&t->out);
	free(t);
}

static bool has_room(const struct stream *t)
{
	return t->out.len < DNS_STREAM_OUT_MAX && t->n_asks < DNS_STREAM_ASKS_MAX;
}

static bool may_read(const struct stream *t)
{
	return !t->ended && has_room(t);
}

static void flush(struct stream *t)
{
	while (t->out.len > 0 && !t->broken) {
		ssize_t n = send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL);

		if (n > 0)
			buf_drop(&t->out, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n == 0 || errno != EINTR)
			t->broken = true;
	}
}

/* Sent by settle(). */
void stream_reply(struct stream *t, const uint8_t *p, size_t n)
{
	const uint8_t length[] = {(uint8_t)(n >> 8), (uint8_t)n};

	buf_add(&t->out, length, sizeof length);
	buf_add(&t->out, p, n);
}

/* The packets that are there. */
static void work(struct stream *t)
{
	const struct dns_peer peer = {.stream = t};
	size_t used = 0;

	t->working = true;
	while (t->in.len - used >= 2 && has_room(t)) {
		const uint8_t *p = (const uint8_t *)t->in.data + used;
		size_t n = (size_t)(p[0] << 8 | p[1]);

		if (t->in.len - used - 2 < n)
			break;
		if (!served_packet(t->c, &peer, p + 2, n)) {
			t->broken = true;
			break;
		}
		used += 2 + n;
	}
	buf_drop(&t->in, used);
	t->working = false;
}

/* What was read and waits, what it waits for now; when that is nothing any more, it goes. */
static void settle(struct stream *t)
{
	if (t->working)
		return;
	work(t);
	flush(t);
	if (t->broken || (t->ended && t->n_asks == 0 && t->out.len == 0)) {
		stream_free(t);
		return;
	}
	loop_fd_set(t->watch, (may_read(t) ? LOOP_IN : 0) | (t->out.len > 0 ? LOOP_OUT : 0));
	loop_timer_arm(t->idle, DNS_STREAM_IDLE_MS);
}

/* After the reply: may free it. */
void stream_asks(struct stream *t, int change)
{
	if (change > 0)
		t->n_asks++;
	else
		t->n_asks--;
	settle(t);
}

static void take_bytes(struct stream *t)
{
	char *room = buf_room(&t->in, 2048);
	ssize_t n = room ? recv(t->fd, room, 2048, 0) : -1;

	if (!room || (n < 0 && errno != EAGAIN && errno != EINTR))
		t->broken = true;
	else if (n == 0)
		t->ended = true;
	else if (n > 0)
		buf_added(&t->in, (size_t)n);
}

static void on_ready(void *ctx, int events)
{
	struct stream *t = ctx;

	if (events & LOOP_OUT)
		flush(t);
	if (events & LOOP_IN && !t->broken && may_read(t))
		take_bytes(t);
	settle(t);
}

static void on_idle(void *ctx)
{
	struct stream *t = ctx;

	stream_free(t);
}

static void stream_new(struct served *c, int fd)
{
	struct stream *t = mem_new(struct stream);

	*t = (struct stream){.c = c, .fd = fd, .in = BUF_LIMIT(2 + DNS_PACKET_MAX + 2048)};
	t->next = c->streams;
	t->prev = &c->streams;
	if (t->next)
		t->next->prev = &t->next;
	c->streams = t;
	c->n_streams++;
	c->s->n_streams++;
	t->idle = loop_timer_new(c->s->loop, on_idle, t);
	if (loop_fd_new(c->s->loop, fd, LOOP_IN, on_ready, t, &t->watch, NULL) < 0)
		stream_free(t);
	else
		settle(t);
}

void stream_accept(struct served *c)
{
	for (;;) {
		int fd = accept4(c->sockets.tcp, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (c->n_streams >= DNS_STREAMS_MAX || c->s->n_streams >= DNS_STREAMS_ALL)
			close(fd);
		else
			stream_new(c, fd);
	}
}
