/* SPDX-License-Identifier: Apache-2.0 */
/* What a client does before there is a connection. Answers are tested with a store over it (base/store). */
#include "base/wire/grpc.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/loop.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Listens, and takes `fill` connections that nobody accepts: a queue that is full answers nobody. */
struct door {
	struct sockaddr_in at;
	int fd, waiting[2];
	char name[32];
};

static void door_open(struct door *d, size_t fill)
{
	socklen_t n = sizeof d->at;

	*d = (struct door){.at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
			   .waiting = {-1, -1}};
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&d->at, sizeof d->at), 0);
	assert_int_equal(listen(d->fd, 0), 0);
	assert_int_equal(getsockname(d->fd, (struct sockaddr *)&d->at, &n), 0);
	snprintf(d->name, sizeof d->name, "127.0.0.1:%u", ntohs(d->at.sin_port));
	for (size_t i = 0; i < fill; i++) {
		d->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(d->waiting[i], (struct sockaddr *)&d->at, sizeof d->at);
	}
}

static void door_close(struct door *d)
{
	for (size_t i = 0; i < 2; i++) {
		if (d->waiting[i] >= 0)
			close(d->waiting[i]);
	}
	close(d->fd);
}

static void on_knock(void *ctx, int events)
{
	(void)events;
	loop_stop(ctx);
}

static void on_meanwhile(void *ctx)
{
	grpc_rotate(ctx);
}

static void on_end(void *ctx, enum grpc_status status, const char *text)
{
	(void)ctx;
	(void)status;
	fail_msg("%s", text);
}

/* The first endpoint does not answer. Whatever happens meanwhile, the call that has no deadline reaches the second. */
static void waiting_goes_on_at_the_next(void **state)
{
	static const struct grpc_hooks hooks = {.end = on_end};
	struct door hole, live;
	struct loop *loop = NULL;
	struct loop_fd *watch = NULL;
	struct loop_timer *meanwhile;
	struct grpc *g = NULL;
	struct err err = ERR_INIT;
	struct buf message = BUF_INIT;

	(void)state;
	door_open(&hole, 2);
	door_open(&live, 0);
	assert_int_equal(loop_new(&loop, &err), 0);
	assert_int_equal(loop_fd_new(loop, live.fd, LOOP_IN, on_knock, loop, &watch, &err), 0);
	assert_int_equal(
	    grpc_new(loop, &(struct grpc_options){.endpoints = (char *[]){hole.name, live.name, NULL}}, &g, &err), 0);
	(void)grpc_call(g, "/a.B/C", &message, 0, 0, &hooks, NULL);
	/* After the timer that begins to connect. */
	meanwhile = loop_timer_new(loop, on_meanwhile, g);
	loop_timer_arm(meanwhile, 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_string_equal(grpc_endpoint(g), live.name);
	grpc_free(g);
	loop_timer_free(meanwhile);
	loop_fd_free(watch);
	loop_free(loop);
	door_close(&hole);
	door_close(&live);
}

struct caller {
	struct loop *loop;
	int door, knocks, peers[2], ended;
	enum grpc_status status;
};

static void on_second_knock(void *ctx, int events)
{
	struct caller *c = ctx;

	(void)events;
	assert_true(c->knocks < 2);
	c->peers[c->knocks] = accept4(c->door, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c->peers[c->knocks] >= 0);
	if (++c->knocks == 2)
		loop_stop(c->loop);
}

static void on_told(void *ctx, enum grpc_status status, const char *text)
{
	struct caller *c = ctx;

	(void)text;
	c->ended++;
	c->status = status;
}

/* A connection has 2^30 numbers for calls. The call for which there is none left goes over the next connection, and those on the way hear that theirs has gone. */
static void numbers_that_are_used_up(void **state)
{
	static const struct grpc_hooks hooks = {.end = on_told}, silent = {.end = on_end};
	struct caller c = {.peers = {-1, -1}};
	struct door live;
	struct loop_fd *watch = NULL;
	struct grpc *g = NULL;
	struct err err = ERR_INIT;
	struct buf message = BUF_INIT;

	(void)state;
	door_open(&live, 0);
	c.door = live.fd;
	assert_int_equal(loop_new(&c.loop, &err), 0);
	assert_int_equal(loop_fd_new(c.loop, live.fd, LOOP_IN, on_second_knock, &c, &watch, &err), 0);
	assert_int_equal(grpc_new(c.loop, &(struct grpc_options){.endpoints = (char *[]){live.name, NULL}}, &g, &err),
			 0);
	grpc_number_from(g, INT32_MAX);
	(void)grpc_call(g, "/a.B/C", &message, 0, 0, &hooks, &c);
	(void)grpc_call(g, "/a.B/D", &message, 0, 0, &silent, &c);
	assert_int_equal(loop_run(c.loop, &err), 0);
	assert_int_equal(c.knocks, 2);
	assert_int_equal(c.ended, 1);
	assert_int_equal(c.status, GRPC_UNAVAILABLE);
	grpc_free(g);
	loop_fd_free(watch);
	loop_free(c.loop);
	for (size_t i = 0; i < 2; i++)
		close(c.peers[i]);
	door_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(waiting_goes_on_at_the_next),
					   cmocka_unit_test(numbers_that_are_used_up)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
