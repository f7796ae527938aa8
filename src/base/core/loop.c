/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/loop.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/slow.h"

#include <uv.h>

/* Every handle is one allocation whose first member is the uv handle, so that the close callback can free it; between the call of
 * loop_*_free() and that callback `fn` is NULL and nothing is delivered. */

struct loop {
	uv_loop_t uv;
};

struct loop_fd {
	uv_poll_t uv;
	loop_fd_fn fn;
	void *ctx;
	int events; /* as loop_fd_set() was told, or UNWATCHED */
};
#define UNWATCHED (-1)

struct loop_timer {
	uv_timer_t uv;
	loop_fn fn;
	void *ctx;
};

struct loop_signal {
	uv_signal_t uv;
	loop_signal_fn fn;
	void *ctx;
};

struct loop_post {
	uv_async_t uv;
	loop_fn fn;
	void *ctx;
};

static int uv_error(struct err *err, int r, const char *what)
{
	return err_set(err, -r, "%s: %s", what, uv_strerror(r));
}

static void closed(uv_handle_t *h)
{
	free(h);
}

int loop_new(struct loop **ret, struct err *err)
{
	struct loop *l = mem_new(struct loop);
	int r = uv_loop_init(&l->uv);

	if (r < 0) {
		free(l);
		return uv_error(err, r, "start the event loop");
	}
	slow_begin();
	*ret = l;
	return 0;
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	/* Let the close callbacks of handles that were freed last run, then close. */
	for (int more = 1; uv_loop_close(&l->uv) == UV_EBUSY && more;)
		more = uv_run(&l->uv, UV_RUN_NOWAIT);
	free(l);
	return NULL;
}

int loop_run(struct loop *l, struct err *err)
{
	int r = uv_run(&l->uv, UV_RUN_DEFAULT);

	return r < 0 ? uv_error(err, r, "run the event loop") : 0;
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static void on_fd(uv_poll_t *uv, int status, int events)
{
	struct loop_fd *h = (struct loop_fd *)uv;
	struct slow slow = slow_start();
	loop_fd_fn fn = h->fn;
	int out = 0;

	if (!fn)
		return;
	if (status < 0) {
		out = LOOP_IN | LOOP_HUP;
		h->events = UNWATCHED; /* libuv has stopped to look */
	}
	if (events & UV_READABLE)
		out |= LOOP_IN;
	if (events & UV_WRITABLE)
		out |= LOOP_OUT;
	if (events & UV_DISCONNECT)
		out |= LOOP_IN | LOOP_HUP;
	fn(h->ctx, out);
	slow_end(&slow, "descriptor", (uintptr_t)fn);
}

void loop_fd_set(struct loop_fd *h, int events)
{
	int uv = 0;

	/* libuv would leave epoll and come again for it. */
	if (events == h->events)
		return;
	h->events = events;
	if (events & LOOP_IN)
		uv |= UV_READABLE;
	if (events & LOOP_OUT)
		uv |= UV_WRITABLE;
	if (events & LOOP_HUP)
		uv |= UV_DISCONNECT;
	if (uv)
		uv_poll_start(&h->uv, uv, on_fd);
	else
		uv_poll_stop(&h->uv);
}

int loop_fd_new(struct loop *l, int fd, int events, loop_fd_fn fn, void *ctx, struct loop_fd **ret, struct err *err)
{
	struct loop_fd *h = mem_new(struct loop_fd);
	int r = uv_poll_init(&l->uv, &h->uv, fd);

	if (r < 0) {
		free(h);
		return uv_error(err, r, "watch a file descriptor");
	}
	h->fn = fn;
	h->ctx = ctx;
	h->events = UNWATCHED;
	loop_fd_set(h, events);
	*ret = h;
	return 0;
}

struct loop_fd *loop_fd_free(struct loop_fd *h)
{
	if (!h)
		return NULL;
	h->fn = NULL;
	uv_poll_stop(&h->uv);
	uv_close((uv_handle_t *)&h->uv, closed);
	return NULL;
}

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *t = (struct loop_timer *)uv;
	struct slow slow = slow_start();
	loop_fn fn = t->fn;

	if (fn)
		fn(t->ctx);
	slow_end(&slow, "timer", (uintptr_t)fn);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx)
{
	struct loop_timer *t = mem_new(struct loop_timer);

	uv_timer_init(&l->uv, &t->uv);
	t->fn = fn;
	t->ctx = ctx;
	return t;
}

void loop_timer_arm(struct loop_timer *t, int64_t ms)
{
	/* libuv counts from the start of the turn; a long turn would fire early. */
	uv_update_time(t->uv.loop);
	uv_timer_start(&t->uv, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

void loop_timer_disarm(struct loop_timer *t)
{
	uv_timer_stop(&t->uv);
}

struct loop_timer *loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return NULL;
	t->fn = NULL;
	uv_close((uv_handle_t *)&t->uv, closed);
	return NULL;
}

static void on_signal(uv_signal_t *uv, int signal)
{
	struct loop_signal *s = (struct loop_signal *)uv;
	struct slow slow = slow_start();
	loop_signal_fn fn = s->fn;

	if (fn)
		fn(s->ctx, signal);
	slow_end(&slow, "signal", (uintptr_t)fn);
}

int loop_signal_new(struct loop *l, int signal, loop_signal_fn fn, void *ctx, struct loop_signal **ret, struct err *err)
{
	struct loop_signal *s = mem_new(struct loop_signal);
	int r;

	uv_signal_init(&l->uv, &s->uv);
	s->fn = fn;
	s->ctx = ctx;
	r = uv_signal_start(&s->uv, on_signal, signal);
	if (r < 0) {
		loop_signal_free(s);
		return uv_error(err, r, "watch a signal");
	}
	*ret = s;
	return 0;
}

struct loop_signal *loop_signal_free(struct loop_signal *s)
{
	if (!s)
		return NULL;
	s->fn = NULL;
	uv_close((uv_handle_t *)&s->uv, closed);
	return NULL;
}

static void on_post(uv_async_t *uv)
{
	struct loop_post *p = (struct loop_post *)uv;
	struct slow slow = slow_start();
	loop_fn fn = p->fn;

	if (fn)
		fn(p->ctx);
	slow_end(&slow, "wake-up", (uintptr_t)fn);
}

int loop_post_new(struct loop *l, loop_fn fn, void *ctx, struct loop_post **ret, struct err *err)
{
	struct loop_post *p = mem_new(struct loop_post);
	int r = uv_async_init(&l->uv, &p->uv, on_post);

	if (r < 0) {
		free(p);
		return uv_error(err, r, "open a wake-up of the event loop");
	}
	p->fn = fn;
	p->ctx = ctx;
	*ret = p;
	return 0;
}

void loop_post_send(struct loop_post *p)
{
	uv_async_send(&p->uv);
}

struct loop_post *loop_post_free(struct loop_post *p)
{
	if (!p)
		return NULL;
	p->fn = NULL;
	uv_close((uv_handle_t *)&p->uv, closed);
	return NULL;
}
