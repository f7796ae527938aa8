/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/portion.h"
#include "base/core/slow.h"
#include "base/core/wall_timer.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct seen {
	struct loop *loop;
	struct loop_fd *fd;
	struct loop_timer *timer;
	struct loop_post *post;
	int calls, events, number;
	char order[8];
};

static struct loop *new_loop(void)
{
	struct loop *l;

	assert_int_equal(loop_new(&l, NULL), 0);
	return l;
}

/* Nothing to wait for: the loop ends by itself, and freeing what was made needs no turn. */
static void test_empty(void **state)
{
	struct loop *l = new_loop();

	(void)state;
	assert_int_equal(loop_run(l, NULL), 0);
	loop_timer_free(loop_timer_new(l, NULL, NULL));
	assert_null(loop_free(l));
	assert_null(loop_free(NULL));
	assert_null(loop_fd_free(NULL));
	assert_null(loop_timer_free(NULL));
	assert_null(loop_signal_free(NULL));
	assert_null(loop_post_free(NULL));
}

static void on_fd(void *ctx, int events)
{
	struct seen *s = ctx;
	char c;

	s->calls++;
	s->events |= events;
	if (events & LOOP_HUP)
		s->fd = loop_fd_free(s->fd); /* from its own callback */
	else if (events & LOOP_IN)
		assert_int_equal(read(s->number, &c, 1), 1);
}

static void test_fd(void **state)
{
	struct seen s = {.loop = new_loop()};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[1], "ab", 2), 2);
	close(pair[1]);
	s.number = pair[0];
	assert_int_equal(loop_fd_new(s.loop, pair[0], LOOP_IN, on_fd, &s, &s.fd, NULL), 0);
	loop_fd_set(s.fd, LOOP_IN | LOOP_HUP);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_true(s.events & LOOP_HUP);
	assert_null(s.fd);
	close(pair[0]);
	loop_free(s.loop);
}

static void on_error(void *ctx, int events)
{
	struct seen *s = ctx;

	s->events |= events;
	loop_fd_set(s->fd, LOOP_OUT); /* as it was */
	if (++s->calls == 2)
		s->fd = loop_fd_free(s->fd);
}

/* What is watched in the same way again is watched, also after an error, and what was not for a while. */
static void test_fd_again(void **state)
{
	struct seen s = {.loop = new_loop()};
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	assert_int_equal(loop_fd_new(s.loop, ends[1], LOOP_OUT, on_error, &s, &s.fd, NULL), 0);
	loop_fd_set(s.fd, 0);
	loop_fd_set(s.fd, 0);
	loop_fd_set(s.fd, LOOP_OUT);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_int_equal(s.calls, 2);
	assert_true(s.events & LOOP_HUP);
	close(ends[1]);
	loop_free(s.loop);
}

static void note(struct seen *s, char who)
{
	size_t n = strlen(s->order);

	assert_true(n + 1 < sizeof s->order);
	s->order[n] = who;
}

static void first(void *ctx)
{
	note(ctx, '1');
}

static void second(void *ctx)
{
	struct seen *s = ctx;

	note(s, '2');
	if (++s->calls < 3)
		loop_timer_arm(s->timer, 1);
	else
		s->timer = loop_timer_free(s->timer);
}

static void test_timers(void **state)
{
	struct seen s = {.loop = new_loop()};
	struct loop_timer *t = loop_timer_new(s.loop, first, &s), *never = loop_timer_new(s.loop, first, &s);

	(void)state;
	s.timer = loop_timer_new(s.loop, second, &s);
	loop_timer_arm(s.timer, 20);
	loop_timer_arm(t, 0);
	loop_timer_arm(never, 1);
	loop_timer_disarm(never);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_string_equal(s.order, "1222");
	loop_timer_free(t);
	loop_timer_free(never);
	loop_free(s.loop);
}

static void on_signal(void *ctx, int signal)
{
	struct seen *s = ctx;

	s->number = signal;
	loop_stop(s->loop);
}

static void test_signal(void **state)
{
	struct seen s = {.loop = new_loop()};
	struct loop_signal *h;

	(void)state;
	assert_int_equal(loop_signal_new(s.loop, SIGUSR2, on_signal, &s, &h, NULL), 0);
	raise(SIGUSR2);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_int_equal(s.number, SIGUSR2);
	loop_signal_free(h);
	loop_free(s.loop);
}

static void *send_posts(void *ctx)
{
	for (int i = 0; i < 1000; i++)
		loop_post_send(ctx);
	return NULL;
}

static void on_post(void *ctx)
{
	struct seen *s = ctx;

	s->calls++;
	loop_stop(s->loop);
}

static void test_post(void **state)
{
	struct seen s = {.loop = new_loop()};
	pthread_t id;

	(void)state;
	assert_int_equal(loop_post_new(s.loop, on_post, &s, &s.post, NULL), 0);
	assert_int_equal(pthread_create(&id, NULL, send_posts, s.post), 0);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	pthread_join(id, NULL);
	assert_true(s.calls >= 1 && s.calls <= 1000);
	loop_post_free(s.post);
	loop_free(s.loop);
}

static int64_t fake(void)
{
	return 1234567890123456789;
}

static void test_clock(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} table[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {1769860800000, "2026-01-31T12:00:00.000Z"},
	    {951782399999, "2000-02-28T23:59:59.999Z"},
	    {951782400000, "2000-02-29T00:00:00.000Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {-1000, "1969-12-31T23:59:59.000Z"},
	};
	char text[CLOCK_TEXT_MAX], text_ns[CLOCK_TEXT_NS_MAX];
	int64_t before = clock_mono_ns();

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_string_equal(clock_format(table[i].ms, text), table[i].text);
	assert_true(clock_mono_ns() >= before);
	clock_use(fake, fake);
	assert_int_equal(clock_wall_ms(), 1234567890123);
	assert_int_equal(clock_mono_ms(), 1234567890123);
	clock_use(NULL, NULL);
	assert_true(clock_wall_ms() > 1234567890123);
	/* No date may overrun the text. */
	clock_format(INT64_MAX, text);
	clock_format(INT64_MIN, text);
	assert_string_equal(clock_format_ns(1, 20, text_ns), "1970-01-01T00:00:01.000000020Z");
	assert_string_equal(clock_format_ns(-1, 0, text_ns), "1969-12-31T23:59:59.000000000Z");
	assert_string_equal(clock_format_ns(INT64_MAX, 0, text_ns), "9999-12-31T23:59:59.000000000Z");
	assert_int_equal(strlen(clock_format_ns(INT64_MIN, UINT32_MAX, text_ns)), 30);
}

static void test_fd_messages(void **state)
{
	int pair[2], fds[FD_MSG_MAX], many[FD_MSG_MAX + 1] = {0};
	size_t n = 9;
	char in[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(fd_recv_msg(pair[1], in, sizeof in, fds, &n), -EAGAIN);
	for (int i = 0; i < FD_MSG_MAX; i++)
		many[i] = pair[0];
	assert_int_equal(fd_send_msg(pair[0], "hello", 5, many, FD_MSG_MAX), 0);
	assert_int_equal(fd_send_msg(pair[0], "none", 4, NULL, 0), 0);
	assert_int_equal(fd_send_msg(pair[0], "x", 1, many, FD_MSG_MAX + 1), -EINVAL);
	assert_int_equal(fd_recv_msg(pair[1], in, sizeof in, fds, &n), 5);
	assert_int_equal(n, FD_MSG_MAX);
	assert_memory_equal(in, "hello", 5);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	assert_int_equal(fd_recv_msg(pair[1], in, sizeof in, fds, &n), 4);
	assert_int_equal(n, 0);
	close(pair[0]);
	assert_int_equal(fd_recv_msg(pair[1], in, sizeof in, fds, &n), 0);
	close(pair[1]);
}

static void *drain_pipe(void *ctx)
{
	static char all[1 << 20];
	size_t n = 0;
	ssize_t r;

	while ((r = read(*(int *)ctx, all, sizeof all)) > 0)
		n += (size_t)r;
	return (void *)n;
}

/* More than a pipe holds, over a descriptor that does not block. */
static void test_fd_all(void **state)
{
	fd_cleanup int file = memfd_create("t", MFD_CLOEXEC);
	mem_cleanup char *data = mem_zalloc(1, 1 << 20);
	mem_cleanup char *back = NULL;
	pthread_t id;
	void *total;
	size_t n;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_nonblock(ends[1]), 0);
	assert_int_equal(pthread_create(&id, NULL, drain_pipe, &ends[0]), 0);
	assert_int_equal(fd_write_all(ends[1], data, 1 << 20), 0);
	close(ends[1]);
	pthread_join(id, &total);
	assert_int_equal((size_t)total, 1 << 20);
	close(ends[0]);
	assert_int_equal(fd_write_all(file, data, 1 << 20), 0);
	lseek(file, 0, SEEK_SET);
	assert_int_equal(fd_read_all(file, (1 << 20) - 1, &back, &n), -E2BIG);
	assert_null(back);
	lseek(file, 0, SEEK_SET);
	assert_int_equal(fd_read_all(file, 1 << 20, &back, &n), 0);
	assert_int_equal(n, 1 << 20);
	assert_int_equal(back[n], 0);
	assert_int_equal(fd_nonblock(-1), -EBADF);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void on_wall(void *ctx)
{
	struct seen *s = ctx;

	s->calls++;
	loop_stop(s->loop);
}

/* A time that has gone, and one that comes; freed without a turn, it does not come. */
static void test_wall_timer(void **state)
{
	struct seen s = {.loop = new_loop()};
	struct wall_timer *t;
	int64_t at;

	(void)state;
	assert_int_equal(wall_timer_new(s.loop, on_wall, &s, &t, NULL), 0);
	wall_timer_arm(t, clock_wall_ms() - 1000);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	at = clock_wall_ms() + 30;
	wall_timer_arm(t, at);
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_int_equal(s.calls, 2);
	assert_true(clock_wall_ms() >= at);
	wall_timer_arm(t, 0);
	assert_null(wall_timer_free(t));
	assert_null(wall_timer_free(NULL));
	assert_int_equal(loop_run(s.loop, NULL), 0);
	assert_int_equal(s.calls, 2);
	loop_free(s.loop);
}

struct shared {
	struct loop *loop;
	struct loop_fd *other;
	struct portion *portion;
	size_t n, served, stop_at;
	bool done;
};

/* As long as a turn may be. */
static void on_thing(void *ctx, size_t i)
{
	struct shared *s = ctx;
	int64_t until = clock_mono_ms() + PORTION_MS;

	assert_int_equal(i, s->n);
	s->n++;
	while (clock_mono_ms() < until)
		;
}

static void on_other(void *ctx, int events)
{
	struct shared *s = ctx;

	(void)events;
	s->served++;
	if (s->n >= s->stop_at) {
		s->portion = portion_free(s->portion);
		loop_stop(s->loop);
	}
}

static void on_all(void *ctx)
{
	struct shared *s = ctx;

	s->done = true;
	s->portion = NULL;
	loop_stop(s->loop);
}

/* Somebody else is served between any two things, all are done once and in order; and who frees it has peace. */
static void test_portion(void **state)
{
	struct shared all = {.loop = new_loop(), .stop_at = SIZE_MAX}, some = {.loop = new_loop(), .stop_at = 3};
	struct shared *both[] = {&all, &some};
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < 2; i++) {
		struct shared *s = both[i];

		assert_int_equal(loop_fd_new(s->loop, ends[1], LOOP_OUT, on_other, s, &s->other, NULL), 0);
		s->portion = portion_new(s->loop, 10, on_thing, on_all, s);
		assert_int_equal(loop_run(s->loop, NULL), 0);
		assert_null(s->portion);
		loop_fd_free(s->other);
		loop_free(s->loop);
	}
	close(ends[0]);
	close(ends[1]);
	assert_true(all.done && all.n == 10 && all.served >= 9);
	assert_true(!some.done && some.n == 3);
}

static void on_long(void *ctx)
{
	int64_t until = clock_mono_ms() + 25;

	slow_about("GET", "/long");
	while (clock_mono_ms() < until)
		;
	loop_stop(ctx);
}

/* Who asks for it is told which callback held up the loop, and nobody else. */
static void test_slow(void **state)
{
	char said[1024] = "";
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10), ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	for (int asked = 0; asked < 2; asked++) {
		struct loop *l;
		struct loop_timer *t;

		if (asked)
			setenv("BERTH_SLOW_MS", "20", 1);
		l = new_loop();
		t = loop_timer_new(l, on_long, l);
		loop_timer_arm(t, 0);
		(void)loop_run(l, NULL);
		loop_timer_free(t);
		loop_free(l);
		if (!asked && read(ends[0], said, sizeof said) >= 0)
			snprintf(said, sizeof said, "something was said unasked");
	}
	unsetenv("BERTH_SLOW_MS");
	slow_begin();
	dup2(saved, STDERR_FILENO);
	assert_string_equal(said, "");
	assert_true(read(ends[0], said, sizeof said - 1) > 0);
	assert_non_null(strstr(said, " in the callback of a timer, berth+0x"));
	assert_non_null(strstr(said, ": GET /long"));
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),      cmocka_unit_test(test_fd),	   cmocka_unit_test(test_fd_again),
	    cmocka_unit_test(test_timers),     cmocka_unit_test(test_signal),	   cmocka_unit_test(test_post),
	    cmocka_unit_test(test_clock),      cmocka_unit_test(test_fd_messages), cmocka_unit_test(test_fd_all),
	    cmocka_unit_test(test_wall_timer), cmocka_unit_test(test_slow),	   cmocka_unit_test(test_portion),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
