/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_conn.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/slow.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The largest backlog of one reply. A handler that keeps adding after http_reply_data() said stop loses its connection there. */
#define OUT_MAX (256u << 20)
#define DRAINS_A_TURN 8

static struct http_req *req_new(struct http_conn *c)
{
	struct http_req *r = mem_new(struct http_req);

	r->conn = c;
	r->out.limit = OUT_MAX;
	r->body.limit = c->server->limits.body_bytes;
	http_parse_init(&r->parse, HTTP_PARSE_REQUEST, c->server->limits.header_bytes);
	c->req = r;
	c->server->n_reqs++;
	http_server_phase(c, HTTP_PHASE_HEAD);
	return r;
}

/* on_close is the last thing a handler hears of a request. */
static void req_end(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (r->on_close)
		r->on_close(r, r->on_close_ctx);
	c->req = NULL;
	c->server->n_reqs--;
	http_parse_free(&r->parse);
	http_target_free(&r->target);
	buf_free(&r->body);
	buf_free(&r->out);
	buf_free(&r->fields);
	free(r);
}

static size_t waiting(const struct http_req *r)
{
	return r ? r->out.len - r->out_at : 0;
}

size_t http_conn_buffered(const struct http_conn *c)
{
	return c->rest.cap + (c->req ? c->req->body.cap + c->req->out.cap + c->req->fields.cap : 0);
}

/* Reading */

/* RFC 9110 section 10.1.1 */
static int check_expect(struct http_req *r, struct err *err)
{
	const char *expect = http_parse_header(&r->parse, "expect");

	if (expect && strcasecmp(expect, "100-continue") != 0) {
		err_set(err, EINVAL, "the only expectation known here is \"100-continue\"");
		return 417;
	}
	return 0;
}

/* "http://localhost": one word without a port, which neither a page of the world nor one that a program of this machine serves has for its origin. */
static bool names_no_page(const char *origin)
{
	static const char *const schemes[] = {"http://", "https://"};
	const char *host = NULL;

	for (size_t i = 0; !host && i < sizeof schemes / sizeof *schemes; i++) {
		if (!strncasecmp(origin, schemes[i], strlen(schemes[i])))
			host = origin + strlen(schemes[i]);
	}
	return host && *host && !host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")];
}

/* Libraries of websockets name an origin of their own making (RFC 6455 section 4.1). A Unix socket is no place for browsers, but it may be forwarded to one
 * (ssh -L), so that a page's is refused there, too. */
static bool is_library(const struct http_req *r, const char *origin)
{
	const char *upgrade = http_parse_header(&r->parse, "upgrade");

	return r->conn->uid != UINT32_MAX && upgrade && !strcasecmp(upgrade, "websocket") && names_no_page(origin);
}

/* A browser names the page that makes it send the request; nothing here is meant for pages (attacks.md A3). */
static int check_origin(struct http_req *r, struct err *err)
{
	const char *origin = http_parse_header(&r->parse, "origin");

	if (origin && !is_library(r, origin) && RT_GUARD(A3)) {
		err_set(err, EPERM, "requests from web pages are not accepted");
		return 403;
	}
	return 0;
}

static int check_target(struct http_req *r, struct err *err)
{
	return http_target_parse(&r->target, http_parse_target(&r->parse), err) < 0 ? 400 : 0;
}

static void before_body(struct http_req *r)
{
	const struct http_limits *limits = &r->conn->server->limits;

	if (!r->on_body && http_parse_length(&r->parse) > limits->body_bytes)
		http_reply_refuse(r, 413, "the body of the request is too large");
	else if (http_parse_header(&r->parse, "expect") && http_parse_is_1_1(&r->parse) && !r->begun)
		buf_adds(&r->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void on_head(struct http_req *r)
{
	static int (*const checks[])(struct http_req *, struct err *) = {check_target, check_origin, check_expect};
	const struct http_handler *h = &r->conn->server->handler;
	struct err err = ERR_INIT;

	slow_about(http_parse_method(&r->parse), http_parse_target(&r->parse));
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		int status = checks[i](r, &err);

		if (status) {
			http_reply_refuse(r, status, err.text);
			return;
		}
	}
	http_server_phase(r->conn, HTTP_PHASE_BODY);
	if (h->on_headers)
		h->on_headers(r, h->ctx);
	if (r->on_body && !r->begun)
		h->on_request(r, h->ctx);
	if (!r->ended && http_parse_has_body(&r->parse))
		before_body(r);
}

static void on_body(struct http_req *r)
{
	if (r->on_body)
		r->on_body(r, r->on_body_ctx, r->parse.body, r->parse.body_len);
	else if (!r->begun && buf_add(&r->body, r->parse.body, r->parse.body_len) < 0)
		http_reply_refuse(r, 413, "the body of the request is too large");
}

static void on_end(struct http_req *r)
{
	const struct http_handler *h = &r->conn->server->handler;

	r->input_done = true;
	http_server_phase(r->conn, HTTP_PHASE_BUSY);
	if (r->on_body)
		r->on_body(r, r->on_body_ctx, NULL, 0);
	else if (!r->begun)
		h->on_request(r, h->ctx);
}

static bool wants_input(const struct http_conn *c)
{
	const struct http_req *r = c->req;

	if (c->dead || c->lingering)
		return false;
	return r ? !r->input_done && !r->paused && !r->ended && !r->hijack : !c->server->draining;
}

/* Gives the parser bytes until it has no more use for them now; returns how many it took. */
static size_t feed(struct http_conn *c, const char *data, size_t n)
{
	static void (*const events[])(struct http_req *) = {
	    [HTTP_PARSE_HEAD] = on_head, [HTTP_PARSE_BODY] = on_body, [HTTP_PARSE_END] = on_end};
	size_t at = 0;

	while (wants_input(c)) {
		struct err err = ERR_INIT;
		size_t used = 0;
		int event;

		if (!c->req && (at == n || !req_new(c)))
			break;
		event = http_parse_feed(&c->req->parse, data + at, n - at, &used, &err);
		at += used;
		if (event < 0)
			http_reply_refuse(c->req, c->req->parse.status, err.text);
		else if (event == HTTP_PARSE_MORE)
			break;
		else
			events[event](c->req);
	}
	return at;
}

static void feed_rest(struct http_conn *c)
{
	if (c->req)
		c->req->again = false;
	c->rest_at += feed(c, buf_str(&c->rest) + c->rest_at, c->rest.len - c->rest_at);
	if (c->rest_at == c->rest.len) {
		buf_free(&c->rest);
		c->rest_at = 0;
	}
}

static void read_some(struct http_conn *c)
{
	char *in = c->server->in;
	ssize_t n = c->tls ? tls_recv(c->tls, in, HTTP_IN_SIZE) : recv(c->fd, in, HTTP_IN_SIZE, 0);
	size_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->dead = true;
		return;
	}
	if (c->lingering)
		return;
	if (c->phase == HTTP_PHASE_BODY)
		http_server_phase(c, HTTP_PHASE_BODY);
	used = feed(c, in, (size_t)n);
	if (used < (size_t)n && !c->dead)
		buf_add(&c->rest, in + used, (size_t)n - used);
}

/* Writing */

static void flush(struct http_conn *c)
{
	struct http_req *r = c->req;
	bool some = false;

	while (waiting(r) > 0) {
		const char *at = r->out.data + r->out_at;
		ssize_t n = c->tls ? tls_send(c->tls, at, waiting(r)) : send(c->fd, at, waiting(r), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			c->dead = true;
		if (n < 0) {
			if (c->phase == HTTP_PHASE_BUSY || (c->phase == HTTP_PHASE_SEND && some))
				http_server_phase(c, HTTP_PHASE_SEND);
			return;
		}
		buf_pass(&r->out, &r->out_at, (size_t)n);
		some = some || n > 0;
	}
	if (c->phase == HTTP_PHASE_SEND)
		http_server_phase(c, HTTP_PHASE_BUSY);
	if (some && r->out.cap > HTTP_IN_SIZE)
		buf_free(&r->out);
}

/* What was sent must not be lost because the peer is still sending: end our side, and read on for a while (RFC 9112 section 9.6). */
static void linger(struct http_conn *c)
{
	if (c->tls)
		(void)tls_end(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->lingering = true;
	buf_free(&c->rest);
	c->rest_at = 0;
	http_server_phase(c, HTTP_PHASE_CLOSING);
}

static void reply_sent(struct http_conn *c)
{
	struct http_req *r = c->req;
	bool input_done = r->input_done || (r->parse.in_body && !http_parse_has_body(&r->parse));
	bool end = r->close;

	req_end(c);
	if (!end)
		http_server_phase(c, HTTP_PHASE_IDLE);
	else if (input_done && !c->rest.len)
		c->dead = true;
	else
		linger(c);
}

static bool drained(struct http_req *r)
{
	if (!r || !r->blocked || waiting(r) > r->conn->server->limits.out_high / 2)
		return false;
	r->blocked = false;
	if (r->on_drain && !r->ended)
		r->on_drain(r, r->on_drain_ctx);
	return true;
}

/* A reader that is as quick as the handler must not keep all others waiting: after some turns it is the next one's. */
static bool drained_enough(struct http_conn *c, int *turns)
{
	struct http_req *r = c->req;

	if (++*turns < DRAINS_A_TURN || !r || !r->blocked || r->ended)
		return false;
	c->running = false;
	http_conn_kick(c);
	c->running = true;
	return true;
}

/* One step of what can be done now; false when nothing can. */
static bool step(struct http_conn *c)
{
	flush(c);
	if (c->dead || c->lingering)
		return false;
	if (c->req && c->req->ended && !waiting(c->req)) {
		reply_sent(c);
		return true;
	}
	if (c->req && c->req->hijack && !waiting(c->req) && http_conn_settled(c)) {
		http_conn_give(c);
		return false;
	}
	if (drained(c->req))
		return true;
	if ((c->rest.len || (c->req && c->req->again)) && wants_input(c)) {
		feed_rest(c);
		return true;
	}
	if (!c->req && c->server->draining)
		c->dead = true;
	return false;
}

/* Level-triggered RDHUP would not let the loop sleep, so a half-closed connection is watched by an epoll of its own that asks for nothing but the
 * HUP and ERR that always come. */
static void watch_half(struct http_conn *c)
{
	struct epoll_event e = {.events = 0, .data.ptr = c};

	c->half = true;
	if (http_server_hup_fd(c->server) < 0 || epoll_ctl(c->server->hup_fd, EPOLL_CTL_ADD, c->fd, &e) < 0)
		c->dead = true;
}

static void watch(struct http_conn *c)
{
	int events = waiting(c->req) ? LOOP_OUT : 0;

	if (c->lingering || (wants_input(c) && !c->rest.len))
		events |= LOOP_IN;
	else if (!c->half)
		events |= LOOP_HUP;
	if (c->tls && tls_wants_out(c->tls))
		events |= LOOP_OUT;
	if (events != c->events)
		loop_fd_set(c->watch, events);
	c->events = events;
}

void http_conn_run(struct http_conn *c)
{
	int turns = 0;

	c->running = true;
	while (!drained_enough(c, &turns) && step(c))
		;
	c->running = false;
	if (c->dead)
		http_conn_free(c);
	else
		watch(c);
}

static void on_hup(struct http_conn *c)
{
	struct pollfd pfd = {.fd = c->fd};

	/* After an error the loop has stopped watching. */
	c->events = -1;
	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR | POLLNVAL)))
		c->dead = true;
	else if (!c->half)
		watch_half(c);
}

static void on_event(void *ctx, int events)
{
	struct http_conn *c = ctx;
	bool reads = c->lingering || (wants_input(c) && !c->rest.len);

	c->running = true;
	if (events & LOOP_HUP) {
		if (reads)
			c->events = -1;
		else
			on_hup(c);
	}
	if (reads && ((events & LOOP_IN) || (c->tls && tls_wants_out(c->tls))))
		read_some(c);
	http_conn_run(c);
}

static uint32_t uid_of(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof cred;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 ? cred.uid : UINT32_MAX;
}

/* Of no effect on a Unix socket. Replies go out as they are made; a peer that is gone without a word is noticed. */
static void set_tcp(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
		       {SOL_SOCKET, SO_KEEPALIVE, 1},
		       {IPPROTO_TCP, TCP_KEEPIDLE, 60},
		       {IPPROTO_TCP, TCP_KEEPINTVL, 15},
		       {IPPROTO_TCP, TCP_KEEPCNT, 4}};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

struct http_conn *http_conn_new(struct http_server *s, int fd, struct err *err)
{
	struct http_conn *c = mem_new(struct http_conn);

	c->server = s;
	c->fd = fd;
	c->uid = uid_of(fd);
	c->events = LOOP_IN;
	set_tcp(fd);
	if (loop_fd_new(s->loop, fd, LOOP_IN, on_event, c, &c->watch, err) < 0) {
		free(c);
		return NULL;
	}
	if (s->tls) {
		c->tls = tls_conn_new(s->tls, fd);
		if (!c->tls) {
			loop_fd_free(c->watch);
			free(c);
			err_set(err, ENOMEM, "no memory for TLS");
			return NULL;
		}
	}
	c->phase = HTTP_PHASE_NONE;
	/* A handshake has the time of a head. */
	http_server_phase(c, s->tls ? HTTP_PHASE_HEAD : HTTP_PHASE_IDLE);
	s->n_conns++;
	return c;
}

void http_conn_expire(struct http_conn *c)
{
	c->running = true;
	if (c->req && !c->req->begun && c->phase != HTTP_PHASE_CLOSING)
		http_reply_refuse(c->req, 408, "the request did not arrive in time");
	else
		c->dead = true;
	http_conn_run(c);
}

/* Takes it off the list of the connections that want to run. */
static void unkick(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_conn **at = &s->kicked;

	if (!c->kicked)
		return;
	while (*at != c)
		at = &(*at)->next_kicked;
	*at = c->next_kicked;
	if (!*at)
		s->kicked_end = at;
	s->n_kicked--;
	c->kicked = false;
}

struct http_conn *http_conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->dead = true;
	c->running = true; /* what on_close does to the request is of no use any more */
	if (c->req)
		req_end(c);
	unkick(c);
	http_server_phase(c, HTTP_PHASE_NONE);
	if (c->half)
		epoll_ctl(s->hup_fd, EPOLL_CTL_DEL, c->fd, NULL);
	loop_fd_free(c->watch);
	http_settle_free(c->settle);
	if (c->tls)
		(void)tls_end(c->tls);
	tls_conn_free(c->tls);
	fd_closep(&c->fd);
	buf_free(&c->rest);
	free(c);
	http_server_conn_gone(s);
	return NULL;
}
