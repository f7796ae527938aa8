/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection that is given away, and the pump between it and a pair when it cannot be given as it is: bytes of TLS, or bytes that were read before.
 */
#include "base/wire/http_conn.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <poll.h>
#include <string.h>
#include <strings.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PIECE TLS_PIECE
/* How long a peer may go on sending to somebody who has gone. */
#define LINGER_MS 2000
#define SETTLE_MS 100

/* One direction. */
struct flow {
	char data[PIECE];
	size_t at, n;
	bool ended;  /* nothing more comes */
	bool passed; /* and whom it goes to knows */
	bool broken; /* whom it goes to has gone: what comes is dropped */
};

struct http_pump {
	struct http_server *server;
	struct http_pump *prev, *next;
	struct tls_conn *tls; /* NULL = plain */
	int peer, pair;
	struct loop_fd *peer_watch, *pair_watch;
	struct loop_timer *linger;
	struct buf rest; /* what was read before, at `rest_at`; goes first */
	size_t rest_at;
	struct flow in, out; /* from the peer, to the peer */
};

struct http_pump *http_pump_free(struct http_pump *p)
{
	struct http_server *s = p->server;

	*(p->prev ? &p->prev->next : &s->pumps) = p->next;
	if (p->next)
		p->next->prev = p->prev;
	loop_fd_free(p->peer_watch);
	loop_fd_free(p->pair_watch);
	loop_timer_free(p->linger);
	tls_conn_free(p->tls);
	fd_closep(&p->peer);
	fd_closep(&p->pair);
	buf_free(&p->rest);
	free(p);
	http_server_conn_gone(s);
	return NULL;
}

/* ---- moving ---- */

static ssize_t peer_recv(struct http_pump *p, void *data, size_t n)
{
	size_t left = p->rest.len - p->rest_at;

	if (left == 0)
		return p->tls ? tls_recv(p->tls, data, n) : recv(p->peer, data, n, 0);
	n = left < n ? left : n;
	memcpy(data, p->rest.data + p->rest_at, n);
	p->rest_at += n;
	if (p->rest_at == p->rest.len) {
		buf_free(&p->rest);
		p->rest_at = 0;
	}
	return (ssize_t)n;
}

static ssize_t peer_send(struct http_pump *p, const void *data, size_t n)
{
	return p->tls ? tls_send(p->tls, data, n) : send(p->peer, data, n, MSG_NOSIGNAL);
}

static ssize_t pair_recv(struct http_pump *p, void *data, size_t n)
{
	return recv(p->pair, data, n, 0);
}

static ssize_t pair_send(struct http_pump *p, const void *data, size_t n)
{
	return send(p->pair, data, n, MSG_NOSIGNAL);
}

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

typedef ssize_t (*recv_fn)(struct http_pump *p, void *data, size_t n);
typedef ssize_t (*send_fn)(struct http_pump *p, const void *data, size_t n);

static bool fill(struct http_pump *p, struct flow *f, recv_fn from)
{
	ssize_t n;

	if (f->ended || f->n > 0)
		return false;
	n = from(p, f->data, sizeof f->data);
	if (later(n))
		return false;
	f->ended = n <= 0;
	f->at = 0;
	f->n = n > 0 && !f->broken ? (size_t)n : 0;
	return true;
}

static bool drain(struct http_pump *p, struct flow *f, send_fn to)
{
	ssize_t n;

	if (f->n == 0)
		return false;
	n = to(p, f->data + f->at, f->n);
	if (later(n))
		return false;
	if (n <= 0) {
		f->broken = true;
		f->n = 0;
		return true;
	}
	f->at += (size_t)n;
	f->n -= (size_t)n;
	return true;
}

static bool due(const struct flow *f)
{
	return f->ended && f->n == 0 && !f->passed;
}

/* Both directions have some turns; then it is another one's turn. */
static void move(struct http_pump *p)
{
	for (int turns = 0; turns < 8; turns++) {
		bool any = fill(p, &p->in, peer_recv);

		any = drain(p, &p->in, pair_send) || any;
		any = fill(p, &p->out, pair_recv) || any;
		any = drain(p, &p->out, peer_send) || any;
		if (!any)
			break;
	}
	if (due(&p->in)) {
		p->in.passed = true;
		shutdown(p->pair, SHUT_WR);
	}
	if (due(&p->out) && (!p->tls || tls_end(p->tls))) {
		struct pollfd pfd = {.fd = p->pair};

		p->out.passed = true;
		shutdown(p->peer, SHUT_WR);
		/* Closed altogether, not only for what it sends. */
		if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR)))
			p->in.broken = true;
	}
}

static void watch(struct http_pump *p)
{
	int peer = (p->in.n == 0 && !p->in.ended ? LOOP_IN : 0) |
		   (p->out.n > 0 || due(&p->out) || (p->tls && tls_wants_out(p->tls)) ? LOOP_OUT : 0);
	int pair = (p->out.n == 0 && !p->out.ended ? LOOP_IN : 0) | (p->in.n > 0 ? LOOP_OUT : 0);

	loop_fd_set(p->peer_watch, peer);
	loop_fd_set(p->pair_watch, pair);
}

static void on_linger(void *ctx)
{
	http_pump_free(ctx);
}

static void run(struct http_pump *p)
{
	move(p);
	/* A peer that takes nothing more has gone; so has everything when both directions have come to their ends. */
	if (p->out.broken || (p->in.passed && p->out.passed)) {
		http_pump_free(p);
		return;
	}
	if (p->in.broken && p->out.passed && !p->linger) {
		p->linger = loop_timer_new(p->server->loop, on_linger, p);
		loop_timer_arm(p->linger, LINGER_MS);
	}
	watch(p);
}

static void on_event(void *ctx, int events)
{
	(void)events;
	run(ctx);
}

/* ---- the head ---- */

/* A client may read the head through a buffer and the stream past it (docker-py does): bytes that come with the head are lost to it then. So the stream
 * begins when the head has been read, which the kernel tells of a Unix socket; or after a while, for who reads nothing at first. */
struct http_settle {
	struct http_conn *conn;
	int epoll; /* edges of "more room": the peer has read something */
	struct loop_fd *watch;
	struct loop_timer *timer;
	bool over;
};

struct http_settle *http_settle_free(struct http_settle *s)
{
	if (!s)
		return NULL;
	loop_fd_free(s->watch);
	loop_timer_free(s->timer);
	fd_closep(&s->epoll);
	free(s);
	return NULL;
}

static void on_read(void *ctx, int events)
{
	struct http_settle *s = ctx;
	struct epoll_event event;

	(void)events;
	while (epoll_wait(s->epoll, &event, 1, 0) < 0 && errno == EINTR)
		;
	http_conn_kick(s->conn);
}

static void on_settle_time(void *ctx)
{
	struct http_settle *s = ctx;

	s->over = true;
	http_conn_kick(s->conn);
}

static int start_settle(struct http_conn *c)
{
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
	struct http_settle *s = mem_new(struct http_settle);
	struct loop *loop = c->server->loop;

	s->conn = c;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0 ||
	    loop_fd_new(loop, s->epoll, LOOP_IN, on_read, s, &s->watch, NULL) < 0) {
		http_settle_free(s);
		return -1;
	}
	s->timer = loop_timer_new(loop, on_settle_time, s);
	loop_timer_arm(s->timer, SETTLE_MS);
	c->settle = s;
	return 0;
}

bool http_conn_settled(struct http_conn *c)
{
	int unread = 0;

	if (c->tls || c->uid == UINT32_MAX || ioctl(c->fd, SIOCOUTQ, &unread) < 0 || unread == 0)
		return true;
	return c->settle ? c->settle->over : start_settle(c) < 0;
}

/* ---- giving away ---- */

/* Takes the socket out of the connection, which is about to be freed. */
static int take_fd(struct http_conn *c)
{
	if (c->half)
		epoll_ctl(c->server->hup_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->half = false;
	c->watch = loop_fd_free(c->watch);
	c->settle = http_settle_free(c->settle);
	return fd_take(&c->fd);
}

static int watch_both(struct http_pump *p, struct err *err)
{
	int r = loop_fd_new(p->server->loop, p->peer, LOOP_IN, on_event, p, &p->peer_watch, err);

	return r < 0 ? r : loop_fd_new(p->server->loop, p->pair, LOOP_IN, on_event, p, &p->pair_watch, err);
}

/* The other end of the pair, or -1. */
static int start_pump(struct http_conn *c)
{
	struct http_pump *p;
	struct err err = ERR_INIT;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		log_error("a connection cannot be given away: make a socket pair: %s", strerror(errno));
		return -1;
	}
	p = mem_new(struct http_pump);
	p->server = c->server;
	p->tls = mem_take(c->tls);
	p->peer = take_fd(c);
	p->pair = pair[0];
	p->rest = c->rest;
	p->rest_at = c->rest_at;
	c->rest = (struct buf)BUF_INIT;
	p->next = c->server->pumps;
	if (p->next)
		p->next->prev = p;
	c->server->pumps = p;
	c->server->n_conns++;
	if (watch_both(p, &err) < 0) {
		log_err(&err, "a connection cannot be given away");
		http_pump_free(p);
		close(pair[1]);
		return -1;
	}
	run(p);
	return pair[1];
}

void http_conn_give(struct http_conn *c)
{
	struct http_req *r = c->req;
	http_hijack_fn fn = r->hijack;
	int fd = c->tls || c->rest.len > c->rest_at ? start_pump(c) : take_fd(c);

	r->hijack = NULL;
	c->dead = true;
	if (fd >= 0)
		fn(r->hijack_ctx, fd);
}

static bool asks_for(const struct http_req *r, const char *protocol)
{
	const char *wish = http_req_header(r, "upgrade");

	return wish && strcasecmp(wish, protocol) == 0;
}

void http_req_hijack(struct http_req *r, const char *protocol, const char *content_type, http_hijack_fn fn, void *ctx)
{
	if (r->begun)
		return;
	r->begun = true;
	r->hijack = fn;
	r->hijack_ctx = ctx;
	if (asks_for(r, protocol))
		buf_printf(&r->out, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", protocol);
	else
		buf_adds(&r->out, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
	if (content_type)
		buf_printf(&r->out, "Content-Type: %s\r\n", content_type);
	buf_add(&r->out, buf_str(&r->fields), r->fields.len);
	buf_adds(&r->out, "\r\n");
	buf_free(&r->fields);
	http_conn_kick(r->conn);
}

void http_req_pass(struct http_req *r, http_hijack_fn fn, void *ctx)
{
	if (r->begun)
		return;
	r->begun = true;
	r->hijack = fn;
	r->hijack_ctx = ctx;
	http_conn_kick(r->conn);
}
