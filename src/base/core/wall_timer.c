/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/wall_timer.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FAR_S ((int64_t)100 * 366 * 24 * 3600)

struct wall_timer {
	int fd;
	struct loop_fd *watch;
	loop_fn fn;
	void *ctx;
};

/* A clock that was set makes read() fail with ECANCELED (timerfd_create(2)); that counts as a call, too. */
static void on_ready(void *ctx, int events)
{
	struct wall_timer *t = ctx;
	uint64_t n;

	(void)events;
	if (read(t->fd, &n, sizeof n) < 0 && errno == EAGAIN)
		return;
	t->fn(t->ctx);
}

int wall_timer_new(struct loop *l, loop_fn fn, void *ctx, struct wall_timer **ret, struct err *err)
{
	struct wall_timer *t = mem_new(struct wall_timer);
	int r;

	*t =
	    (struct wall_timer){.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), .fn = fn, .ctx = ctx};
	r = t->fd < 0 ? err_sys(err, errno, "make a timer of the clock")
		      : loop_fd_new(l, t->fd, LOOP_IN, on_ready, t, &t->watch, err);
	if (r < 0) {
		wall_timer_free(t);
		return r;
	}
	wall_timer_arm(t, INT64_MAX);
	*ret = t;
	return 0;
}

/* The clock that berth goes by may be a test's: the kernel's is set as far ahead. */
void wall_timer_arm(struct wall_timer *t, int64_t wall_ms)
{
	int64_t wait_ms = wall_ms == INT64_MAX ? FAR_S * 1000 : wall_ms - clock_wall_ms(), at_ns;
	struct itimerspec when = {.it_interval = {0}};
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (wait_ms < 0 || wait_ms > FAR_S * 1000)
		wait_ms = wait_ms < 0 ? 0 : FAR_S * 1000;
	at_ns = now.tv_nsec + wait_ms % 1000 * 1000000;
	when.it_value.tv_sec = now.tv_sec + wait_ms / 1000 + at_ns / 1000000000;
	when.it_value.tv_nsec = at_ns % 1000000000;
	(void)timerfd_settime(t->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

struct wall_timer *wall_timer_free(struct wall_timer *t)
{
	if (!t)
		return NULL;
	loop_fd_free(t->watch);
	fd_closep(&t->fd);
	free(t);
	return NULL;
}
