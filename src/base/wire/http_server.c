/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_conn.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 64
#define LINGER_MS 2000
#define ACCEPT_RETRY_MS 1000

static const struct http_limits defaults = {
    .header_bytes = 64 << 10,
    .body_bytes = 16 << 20,
    .connections = 1024,
    .header_ms = 10 * 1000,
    .idle_ms = 5 * 60 * 1000,
    .out_high = 256 << 10,
};

/* Time: one timer serves every phase of every connection. It may fire too early, never too late. */

static int64_t timeout_of(const struct http_server *s, enum http_phase phase)
{
	if (!RT_GUARD(I11))
		return -1;
	switch (phase) {
	case HTTP_PHASE_HEAD:
		return s->limits.header_ms;
	case HTTP_PHASE_IDLE:
	case HTTP_PHASE_BODY: /* since the last bytes came */
		return s->limits.idle_ms;
	case HTTP_PHASE_SEND: /* since the last bytes went */
		return s->limits.send_ms ? s->limits.send_ms : -1;
	case HTTP_PHASE_CLOSING:
		return LINGER_MS;
	default:
		return -1;
	}
}

static void arm(struct http_server *s, int64_t now, int64_t at)
{
	if (s->timer_at && s->timer_at <= at)
		return;
	s->timer_at = at;
	loop_timer_arm(s->timer, at > now ? at - now : 0);
}

static void list_remove(struct http_list *l, struct http_conn *c)
{
	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
	c->prev = c->next = NULL;
}

static void list_append(struct http_list *l, struct http_conn *c)
{
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}

void http_server_phase(struct http_conn *c, enum http_phase phase)
{
	struct http_server *s = c->server;
	int64_t timeout = timeout_of(s, phase);

	if (c->phase != HTTP_PHASE_NONE)
		list_remove(&s->phases[c->phase], c);
	c->phase = phase;
	if (phase == HTTP_PHASE_NONE)
		return;
	list_append(&s->phases[phase], c);
	if (timeout < 0)
		return;
	c->since = clock_mono_ms();
	arm(s, c->since, c->since + timeout);
}

static void listen_again(struct http_server *s)
{
	if (!s->accept_stopped || s->draining)
		return;
	s->accept_stopped = false;
	loop_fd_set(s->listener, LOOP_IN);
}

static void on_timer(void *ctx)
{
	struct http_server *s = ctx;
	int64_t now = clock_mono_ms();

	s->timer_at = 0;
	listen_again(s);
	for (int phase = 0; phase < HTTP_PHASE_NONE; phase++) {
		int64_t timeout = timeout_of(s, (enum http_phase)phase);
		struct http_conn *c;

		while (timeout >= 0 && (c = s->phases[phase].first) && c->since + timeout <= now)
			http_conn_expire(c);
		if (timeout >= 0 && (c = s->phases[phase].first))
			arm(s, now, c->since + timeout);
	}
}

/* Accepting */

/* Tells a newcomer that there is no room. The text is short enough for any empty socket buffer. */
static void turn_away(int fd)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
				   "Content-Length: 50\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
				   "{\"message\":\"too many connections, try again soon\"}";

	(void)send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: the reserve makes room to accept and answer one newcomer, who would otherwise wake the loop for ever. Without
 * even that, look again in a second or when a connection ends. */
static bool accept_without_fd(struct http_server *s)
{
	int fd;

	if (s->reserve_fd >= 0) {
		fd_closep(&s->reserve_fd);
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			turn_away(fd);
		s->reserve_fd = open_reserve();
		if (fd >= 0)
			return true;
	}
	s->accept_stopped = true;
	loop_fd_set(s->listener, 0);
	arm(s, clock_mono_ms(), clock_mono_ms() + ACCEPT_RETRY_MS);
	return false;
}

static bool accept_one(struct http_server *s)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct err err = ERR_INIT;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		return accept_without_fd(s);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	if (s->handler.on_accept && !s->handler.on_accept(fd, s->handler.ctx)) {
		close(fd);
	} else if (s->n_conns >= s->limits.connections) {
		turn_away(fd);
	} else if (!http_conn_new(s, fd, &err)) {
		log_err(&err, "accept a connection");
		close(fd);
	}
	return true;
}

static void on_listen(void *ctx, int events)
{
	struct http_server *s = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && accept_one(s); i++)
		;
}

void http_server_conn_gone(struct http_server *s)
{
	s->n_conns--;
	if (s->reserve_fd < 0)
		s->reserve_fd = open_reserve();
	listen_again(s);
	if (s->draining && s->n_reqs == 0)
		loop_post_send(s->post);
}

/* Turns */

void http_conn_kick(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (c->running || c->kicked)
		return;
	c->kicked = true;
	c->next_kicked = NULL;
	*s->kicked_end = c;
	s->kicked_end = &c->next_kicked;
	s->n_kicked++;
	loop_post_send(s->post);
}

static void run_first_kicked(struct http_server *s)
{
	struct http_conn *c = s->kicked;

	s->kicked = c->next_kicked;
	if (!s->kicked)
		s->kicked_end = &s->kicked;
	s->n_kicked--;
	c->kicked = false;
	http_conn_run(c);
}

static void on_post(void *ctx)
{
	struct http_server *s = ctx;
	void (*drained)(void *) = s->drained;

	/* Those that are kicked meanwhile wait for the next turn, or others would starve. */
	for (size_t n = s->n_kicked; n > 0 && s->kicked; n--)
		run_first_kicked(s);
	if (s->kicked)
		loop_post_send(s->post);
	if (!s->draining || s->n_reqs > 0 || !drained)
		return;
	s->drained = NULL;
	drained(s->drained_ctx); /* may free the server */
}

static void on_half_closed(void *ctx, int events)
{
	struct http_server *s = ctx;
	struct epoll_event gone[16];
	int n = epoll_wait(s->hup_fd, gone, 16, 0);

	(void)events;
	for (int i = 0; i < n; i++) {
		struct http_conn *c = gone[i].data.ptr;

		c->dead = true;
		http_conn_run(c);
	}
}

int http_server_hup_fd(struct http_server *s)
{
	struct err err = ERR_INIT;

	if (s->hup_fd >= 0)
		return s->hup_fd;
	s->hup_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->hup_fd >= 0 && loop_fd_new(s->loop, s->hup_fd, LOOP_IN, on_half_closed, s, &s->hup, &err) < 0)
		fd_closep(&s->hup_fd);
	return s->hup_fd;
}

/* Life */

static void set_limits(struct http_limits *l, const struct http_limits *wish)
{
	*l = wish ? *wish : defaults;
	l->header_bytes = l->header_bytes ? l->header_bytes : defaults.header_bytes;
	l->body_bytes = l->body_bytes ? l->body_bytes : defaults.body_bytes;
	l->connections = l->connections ? l->connections : defaults.connections;
	l->header_ms = l->header_ms ? l->header_ms : defaults.header_ms;
	l->idle_ms = l->idle_ms ? l->idle_ms : defaults.idle_ms;
	l->out_high = l->out_high ? l->out_high : defaults.out_high;
}

int http_server_new(struct loop *l, int fd, const struct http_limits *limits, const struct http_handler *h,
		    struct http_server **ret, struct err *err)
{
	struct http_server *s = mem_new(struct http_server);
	int r = fd_nonblock(fd);

	s->loop = l;
	s->fd = s->hup_fd = -1;
	s->kicked_end = &s->kicked;
	s->handler = *h;
	s->reserve_fd = open_reserve();
	set_limits(&s->limits, limits);
	s->in = malloc(HTTP_IN_SIZE);
	s->timer = loop_timer_new(l, on_timer, s);
	if (r < 0 || s->reserve_fd < 0 || !s->in)
		r = err_sys(err, r < 0 ? -r : errno, "prepare the API socket");
	if (r == 0)
		r = loop_post_new(l, on_post, s, &s->post, err);
	if (r == 0)
		r = loop_fd_new(l, fd, LOOP_IN, on_listen, s, &s->listener, err);
	if (r < 0) {
		http_server_free(s);
		return r;
	}
	s->fd = fd;
	*ret = s;
	return 0;
}

void http_server_use_tls(struct http_server *s, struct tls *t)
{
	s->tls = t;
}

static void stop_listening(struct http_server *s)
{
	s->listener = loop_fd_free(s->listener);
	fd_closep(&s->fd);
}

struct http_server *http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	s->draining = true;
	s->drained = NULL;
	stop_listening(s);
	for (int phase = 0; phase < HTTP_PHASE_NONE; phase++)
		while (s->phases[phase].first)
			http_conn_free(s->phases[phase].first);
	while (s->pumps)
		http_pump_free(s->pumps);
	loop_fd_free(s->hup);
	loop_timer_free(s->timer);
	loop_post_free(s->post);
	fd_closep(&s->hup_fd);
	fd_closep(&s->reserve_fd);
	free(s->in);
	free(s);
	return NULL;
}

void http_server_drain(struct http_server *s, void (*fn)(void *ctx), void *ctx)
{
	static const enum http_phase waiting[] = {HTTP_PHASE_IDLE, HTTP_PHASE_HEAD};

	s->draining = true;
	s->drained = fn;
	s->drained_ctx = ctx;
	stop_listening(s);
	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
		struct http_conn *next = s->phases[waiting[i]].first;

		for (struct http_conn *c; (c = next);) {
			next = c->next;
			c->dead = true;
			http_conn_kick(c);
		}
	}
	loop_post_send(s->post);
}

size_t http_server_buffered(const struct http_server *s)
{
	size_t n = 0;

	for (int phase = 0; phase < HTTP_PHASE_NONE; phase++)
		for (const struct http_conn *c = s->phases[phase].first; c; c = c->next)
			n += http_conn_buffered(c);
	return n;
}
