/* SPDX-License-Identifier: Apache-2.0 */
/* One request over a socket pair: the test is the other side. The loop runs until the answer has ended, and never waits for time. */
#include "base/wire/http_ask.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG (4u << 20)

struct asked {
	struct loop *loop;
	struct http_ask *ask;
	struct loop_fd *watch;
	int peer;
	const char *answer; /* given by the peer when `wanted` has come; then it closes */
	const char *wanted;
	struct buf request, body;
	int status, ends;
	int64_t length;
	struct err error;
	size_t left; /* of a body that is sent in pieces */
	size_t pauses;
	bool free_early;
};

static void on_head(void *ctx, int status)
{
	struct asked *a = ctx;

	a->status = status;
	a->length = http_ask_length(a->ask);
	if (!a->free_early)
		return;
	a->ask = http_ask_free(a->ask);
	loop_stop(a->loop);
}

static void on_body(void *ctx, const void *data, size_t n)
{
	struct asked *a = ctx;

	assert_false(a->free_early);
	buf_add(&a->body, data, n);
}

static void on_end(void *ctx, const struct err *error)
{
	struct asked *a = ctx;

	a->ends++;
	if (error)
		a->error = *error;
	loop_stop(a->loop);
}

static void send_more(void *ctx)
{
	struct asked *a = ctx;
	static char piece[64 << 10];

	memset(piece, 'x', sizeof piece);
	while (a->left > 0) {
		a->left -= sizeof piece;
		if (http_ask_body(a->ask, piece, sizeof piece)) {
			a->pauses++;
			return;
		}
	}
	(void)http_ask_body(a->ask, "", 0);
}

static void on_peer(void *ctx, int events)
{
	struct asked *a = ctx;
	char data[65536];
	ssize_t n = recv(a->peer, data, sizeof data, MSG_DONTWAIT);

	(void)events;
	if (n > 0)
		buf_add(&a->request, data, (size_t)n);
	if (n <= 0 || !strstr(buf_str(&a->request) + (a->request.len > 64 ? a->request.len - 64 : 0), a->wanted))
		return;
	a->watch = loop_fd_free(a->watch);
	assert_int_equal(fd_write_all(a->peer, a->answer, strlen(a->answer)), 0);
	shutdown(a->peer, SHUT_RDWR);
}

static void begin(struct asked *a, const struct http_ask_what *what, const char *wanted, const char *answer)
{
	static const struct http_ask_hooks hooks = {
	    .head = on_head, .body = on_body, .end = on_end, .drain = send_more};
	struct err err = ERR_INIT;
	int pair[2];

	assert_int_equal(loop_new(&a->loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	a->peer = pair[1];
	a->wanted = wanted;
	a->answer = answer;
	assert_int_equal(loop_fd_new(a->loop, a->peer, LOOP_IN, on_peer, a, &a->watch, &err), 0);
	assert_int_equal(http_ask_new(a->loop, pair[0], what, &hooks, a, &a->ask, &err), 0);
}

static void finish(struct asked *a)
{
	http_ask_free(a->ask);
	loop_fd_free(a->watch);
	fd_closep(&a->peer);
	buf_free(&a->request);
	buf_free(&a->body);
	loop_free(a->loop);
}

static void run(struct asked *a)
{
	struct err err = ERR_INIT;

	assert_int_equal(loop_run(a->loop, &err), 0);
}

static void test_answers(void **state)
{
	static const struct {
		const char *answer;
		int status;
		const char *body;
		int64_t length;
		int code;
	} table[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", 2, 0},
	    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", -1, 0},
	    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", 404, "x", 1, 0},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, "abcde", -1,
	     0},
	    {"HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end", -1, 0},
	    /* Cut, none, no HTTP. */
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", 200, "hi", 9, EPROTO},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, "abc", -1, EPROTO},
	    {"", 0, "", 0, EPROTO},
	    {"SSH-2.0-x\r\n\r\n", 0, "", 0, EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *const headers[] = {"X-A", "b", NULL};
		const struct http_ask_what what = {.method = "GET", .target = "/x?y=z", .headers = headers};
		struct asked a = {.peer = -1};

		begin(&a, &what, "\r\n\r\n", table[i].answer);
		run(&a);
		assert_int_equal(a.ends, 1);
		assert_int_equal(a.status, table[i].status);
		assert_string_equal(buf_str(&a.body), table[i].body);
		assert_int_equal(a.error.code, table[i].code);
		if (a.status)
			assert_int_equal(a.length, table[i].length);
		assert_string_equal(buf_str(&a.request),
				    "GET /x?y=z HTTP/1.1\r\nHost: berth\r\nConnection: close\r\nX-A: b\r\n\r\n");
		finish(&a);
	}
}

static void test_whole_body(void **state)
{
	const struct http_ask_what what = {.method = "POST", .target = "/", .body = "{}", .n = 2};
	struct asked a = {.peer = -1};

	(void)state;
	begin(&a, &what, "{}", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	run(&a);
	assert_int_equal(a.status, 201);
	assert_non_null(strstr(buf_str(&a.request), "Content-Length: 2\r\n\r\n{}"));
	finish(&a);
}

/* More than any buffer holds: the sender is told to wait, and goes on when there is room. */
static void test_streamed_body(void **state)
{
	const struct http_ask_what what = {.method = "PUT", .target = "/", .chunked = true};
	struct asked a = {.peer = -1, .left = BIG};

	(void)state;
	begin(&a, &what, "\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	send_more(&a);
	assert_int_equal(a.pauses, 1);
	run(&a);
	assert_int_equal(a.status, 200);
	assert_true(a.request.len > BIG);
	finish(&a);
}

/* The other side answers and closes before it has read all. */
static void read_some(int fd, size_t n, struct buf *to)
{
	static char data[256 << 10];
	ssize_t got = recv(fd, data, n < sizeof data ? n : sizeof data, 0);

	assert_true(got > 0);
	buf_add(to, data, (size_t)got);
}

/* A reader that is a little behind all the time: what has been sent must not pile up until the limit of what waits is reached. */
static void test_reader_behind(void **state)
{
	enum { PIECE = 64 << 10, FRAMED = PIECE + 7 + 2, PIECES = 48 << 20 >> 16 };
	static const struct http_ask_hooks hooks = {.end = on_end};
	static const struct http_ask_what what = {.method = "POST", .target = "/", .chunked = true};
	static char piece[PIECE];
	struct asked a = {.peer = -1};
	struct err err = ERR_INIT;
	int pair[2];
	size_t at;

	(void)state;
	assert_int_equal(loop_new(&a.loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(http_ask_new(a.loop, pair[0], &what, &hooks, &a, &a.ask, &err), 0);
	for (int i = 0; i < PIECES; i++) {
		memcpy(piece, &i, sizeof i);
		if (http_ask_body(a.ask, piece, PIECE))
			read_some(pair[1], 2 * FRAMED, &a.request);
	}
	close(pair[1]);
	at = (size_t)(strstr(buf_str(&a.request), "\r\n\r\n") + 4 - buf_str(&a.request));
	assert_true(a.request.len > (PIECES - 16) * (size_t)FRAMED);
	for (int i = 0; at + FRAMED <= a.request.len; i++, at += FRAMED) {
		assert_memory_equal(a.request.data + at, "10000\r\n", 7);
		assert_memory_equal(a.request.data + at + 7, &i, sizeof i);
	}
	finish(&a);
}

static void on_drained(void *ctx)
{
	struct asked *a = ctx;

	a->pauses++;
	loop_stop(a->loop);
}

/* Nobody reads the answer yet, and the peer goes with what it was sent: who waits for room is told. */
static void test_gone_while_paused(void **state)
{
	static const struct http_ask_hooks hooks = {.end = on_end, .drain = on_drained};
	static const struct http_ask_what what = {.method = "POST", .target = "/", .chunked = true};
	static const char piece[64 << 10];
	struct asked a = {.peer = -1};
	struct err err = ERR_INIT;
	int pair[2];

	(void)state;
	assert_int_equal(loop_new(&a.loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(http_ask_new(a.loop, pair[0], &what, &hooks, &a, &a.ask, &err), 0);
	http_ask_pause(a.ask);
	while (!http_ask_body(a.ask, piece, sizeof piece))
		;
	close(pair[1]);
	run(&a);
	assert_int_equal(a.pauses, 1);
	assert_int_equal(a.ends, 0);
	finish(&a);
}

static void test_refused_body(void **state)
{
	const struct http_ask_what what = {.method = "PUT", .target = "/", .chunked = true};
	struct asked a = {.peer = -1, .left = BIG};

	(void)state;
	begin(&a, &what, "PUT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
	a.wanted = "";
	send_more(&a);
	run(&a);
	assert_int_equal(a.status, 403);
	assert_string_equal(buf_str(&a.body), "no");
	assert_int_equal(a.error.code, 0);
	finish(&a);
}

static void test_freed_in_a_hook(void **state)
{
	const struct http_ask_what what = {.method = "GET", .target = "/"};
	struct asked a = {.peer = -1, .free_early = true};

	(void)state;
	begin(&a, &what, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	run(&a);
	assert_null(a.ask);
	assert_int_equal(a.ends, 0);
	finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),	      cmocka_unit_test(test_whole_body),
	    cmocka_unit_test(test_streamed_body),     cmocka_unit_test(test_refused_body),
	    cmocka_unit_test(test_gone_while_paused), cmocka_unit_test(test_reader_behind),
	    cmocka_unit_test(test_freed_in_a_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
