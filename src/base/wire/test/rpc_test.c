/* SPDX-License-Identifier: Apache-2.0
 *
 * Both sides of a connection in one loop.
 */
#include "base/wire/rpc.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE (5u << 20)
#define MANY 1200
#define PIECE 10000

struct side {
	struct rpc *conn;
	struct rpc_stream *stream;
	size_t n_calls, n_messages, bytes, largest;
	enum grpc_status status;
	char text[GRPC_TEXT_MAX], last[64], path[64], field[64];
	bool down, ended, half, drained;
};

struct place {
	struct loop *loop;
	struct side client, server;
	int (*on_message)(struct place *p, const char *data, size_t n); /* of the server */
	void (*on_half)(struct place *p);
	bool hold, raw;
};

static struct place *now;

static void take(struct side *s, const char *data, size_t n)
{
	s->n_messages++;
	s->bytes += n;
	s->largest = n > s->largest ? n : s->largest;
	snprintf(s->last, sizeof s->last, "%.*s", (int)(n < 60 ? n : 60), data);
}

static void client_message(void *ctx, const char *data, size_t n)
{
	take(ctx, data, n);
}

static void side_end(void *ctx, enum grpc_status status, const char *text)
{
	struct side *s = ctx;

	s->ended = true;
	s->stream = NULL;
	s->status = status;
	snprintf(s->text, sizeof s->text, "%s", text);
	if (s == &now->client)
		loop_stop(now->loop);
}

static void server_message(void *ctx, const char *data, size_t n)
{
	take(ctx, data, n);
	if (now->on_message)
		now->on_message(now, data, n);
}

static void server_half(void *ctx)
{
	struct side *s = ctx;

	s->half = true;
	if (now->on_half)
		now->on_half(now);
}

static void server_call(void *ctx, struct rpc_stream *stream)
{
	static const struct rpc_stream_hooks hooks = {.message = server_message, .half = server_half, .end = side_end};
	struct side *s = ctx;
	const char *field = rpc_field(stream, "X-Word");

	s->stream = stream;
	s->n_calls++;
	snprintf(s->path, sizeof s->path, "%s", rpc_path(stream));
	snprintf(s->field, sizeof s->field, "%s", field ? field : "");
	rpc_accept(stream, &hooks, s);
	rpc_hold(stream, now->hold);
}

static void side_down(void *ctx)
{
	struct side *s = ctx;

	s->down = true;
	s->conn = rpc_free(s->conn);
	loop_stop(now->loop);
}

static void drained(void *ctx)
{
	struct side *s = ctx;

	s->drained = true;
	loop_stop(now->loop);
}

/* raw: the client's end is a plain socket, which is returned. */
static int place_open(struct place *p, bool raw)
{
	static const struct rpc_hooks hooks = {.call = server_call, .down = side_down};
	struct err err = ERR_INIT;
	int pair[2];

	*p = (struct place){.raw = raw};
	now = p;
	assert_int_equal(loop_new(&p->loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(rpc_new(p->loop, pair[1], true, &hooks, &p->server, &p->server.conn, &err), 0);
	if (!raw)
		assert_int_equal(rpc_new(p->loop, pair[0], false, &hooks, &p->client, &p->client.conn, &err), 0);
	return pair[0];
}

static void place_close(struct place *p)
{
	rpc_free(p->client.conn);
	rpc_free(p->server.conn);
	loop_free(p->loop);
}

static void run(struct place *p)
{
	struct err err = ERR_INIT;

	assert_int_equal(loop_run(p->loop, &err), 0);
}

static struct rpc_stream *call(struct place *p)
{
	static const struct rpc_stream_hooks hooks = {.message = client_message, .drain = drained, .end = side_end};
	static const struct rpc_field fields[] = {{"x-word", "a word"}, {NULL, NULL}};

	p->client.stream = rpc_call(p->client.conn, "/a.B/C", fields, &hooks, &p->client);
	assert_non_null(p->client.stream);
	return p->client.stream;
}

/* ---- tests ---- */

static int echo(struct place *p, const char *data, size_t n)
{
	rpc_send(p->server.stream, data, n);
	return 0;
}

static void good_end(struct place *p)
{
	rpc_end(p->server.stream, GRPC_OK, NULL);
}

static void one_message_each_way(void **state)
{
	struct place p;

	(void)state;
	place_open(&p, false);
	p.on_message = echo;
	p.on_half = good_end;
	rpc_send(call(&p), "hello", 5);
	rpc_half_close(p.client.stream);
	run(&p);
	assert_string_equal(p.server.path, "/a.B/C");
	assert_string_equal(p.server.field, "a word");
	assert_string_equal(p.client.last, "hello");
	assert_int_equal(p.client.n_messages, 1);
	assert_int_equal(p.client.status, GRPC_OK);
	assert_true(p.server.half);
	place_close(&p);
}

static void bad_end(struct place *p)
{
	rpc_end(p->server.stream, GRPC_NOT_FOUND, "no \"x\": 100 % gone\n\xc3\xa9");
}

static void a_failure_has_its_text(void **state)
{
	struct place p;

	(void)state;
	place_open(&p, false);
	p.on_half = bad_end;
	rpc_half_close(call(&p));
	run(&p);
	assert_int_equal(p.client.n_messages, 0);
	assert_int_equal(p.client.status, GRPC_NOT_FOUND);
	assert_string_equal(p.client.text, "no \"x\": 100 % gone?\xc3\xa9");
	place_close(&p);
}

static void a_large_message_comes_whole(void **state)
{
	mem_cleanup char *data = mem_zalloc(1, LARGE);
	struct place p;

	(void)state;
	memset(data, 'x', LARGE);
	place_open(&p, false);
	p.on_half = good_end;
	assert_int_equal(rpc_send(call(&p), data, LARGE), 1);
	rpc_half_close(p.client.stream);
	while (!p.client.ended)
		run(&p);
	assert_int_equal(p.server.n_messages, 1);
	assert_int_equal(p.server.largest, LARGE);
	place_close(&p);
}

static void who_holds_gets_no_more_than_the_window(void **state)
{
	char piece[PIECE] = {0};
	struct place p;
	int slow = 0, sent = 0;

	(void)state;
	place_open(&p, false);
	p.hold = true;
	p.on_half = good_end;
	call(&p);
	/* Until the peer is slow: window and buffer are full then, and stay so. */
	for (; sent < MANY && !slow; sent++)
		slow = rpc_send(p.client.stream, piece, sizeof piece);
	while (!p.client.drained)
		run(&p);
	for (slow = 0; sent < MANY && !slow; sent++)
		slow = rpc_send(p.client.stream, piece, sizeof piece);
	assert_true(sent < MANY);
	assert_true(p.server.bytes <= RPC_WINDOW);
	rpc_hold(p.server.stream, false);
	for (; sent < MANY; sent++)
		rpc_send(p.client.stream, piece, sizeof piece);
	rpc_half_close(p.client.stream);
	while (!p.client.ended)
		run(&p);
	assert_int_equal(p.server.n_messages, MANY);
	assert_int_equal(p.client.status, GRPC_OK);
	place_close(&p);
}

/* As one comes the next is sent, so there is always one that waits: it is what waits that has a limit. */
static int one_more(struct place *p, const char *data, size_t n)
{
	if (p->server.bytes < 8 * LARGE)
		rpc_send(p->client.stream, data, n);
	else
		rpc_half_close(p->client.stream);
	return 0;
}

static void who_always_lags_gets_all(void **state)
{
	mem_cleanup char *data = mem_zalloc(1, LARGE);
	struct place p;

	(void)state;
	place_open(&p, false);
	p.on_message = one_more;
	p.on_half = good_end;
	rpc_send(call(&p), data, LARGE);
	rpc_send(p.client.stream, data, LARGE);
	while (!p.client.ended)
		run(&p);
	assert_string_equal(p.client.text, "");
	assert_int_equal(p.server.bytes, 9 * LARGE);
	place_close(&p);
}

static int cancel(struct place *p, const char *data, size_t n)
{
	(void)data;
	(void)n;
	p->server.stream = rpc_cancel(p->server.stream);
	return 0;
}

static void a_hook_may_cancel_its_own_stream(void **state)
{
	struct place p;

	(void)state;
	place_open(&p, false);
	p.on_message = cancel;
	rpc_send(call(&p), "one", 3);
	rpc_send(p.client.stream, "two", 3);
	run(&p);
	assert_int_equal(p.server.n_messages, 1);
	assert_false(p.server.ended);
	assert_int_not_equal(p.client.status, GRPC_OK);
	place_close(&p);
}

static int leave(struct place *p, const char *data, size_t n)
{
	(void)data;
	(void)n;
	p->server.conn = rpc_free(p->server.conn);
	return 0;
}

static void the_end_of_the_connection_ends_its_streams(void **state)
{
	struct place p;

	(void)state;
	place_open(&p, false);
	p.on_message = leave;
	rpc_send(call(&p), "one", 3);
	while (!p.client.down)
		run(&p);
	assert_true(p.client.ended);
	assert_int_equal(p.client.status, GRPC_UNAVAILABLE);
	assert_false(p.server.ended);
	place_close(&p);
}

static void nonsense_ends_the_connection(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct place p;
	int fd;

	(void)state;
	fd = place_open(&p, true);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	while (!p.server.down)
		run(&p);
	close(fd);
	place_close(&p);
}

static int stop(struct place *p, const char *data, size_t n)
{
	(void)data;
	(void)n;
	loop_stop(p->loop);
	return 0;
}

static void count_end(void *ctx, enum grpc_status status, const char *text)
{
	size_t *ended = ctx;

	(void)status;
	(void)text;
	++*ended;
	loop_stop(now->loop);
}

/* Two that are within the limit of one message grow side by side: the second to pass the limit of both is sent away, the other comes whole. */
static void unfinished_messages_have_one_limit(void **state)
{
	static const struct rpc_stream_hooks hooks = {.end = count_end};
	const size_t large = RPC_UNFINISHED_MAX / 2 + (2u << 20);
	mem_cleanup char *data = mem_zalloc(1, large);
	size_t ended = 0;
	struct place p;

	(void)state;
	assert_true(large <= RPC_MESSAGE_MAX);
	place_open(&p, false);
	p.on_message = stop;
	for (int i = 0; i < 2; i++)
		rpc_send(rpc_call(p.client.conn, "/a.B/C", NULL, &hooks, &ended), data, large);
	while (p.server.n_messages + ended < 2)
		run(&p);
	assert_int_equal(p.server.n_messages, 1);
	assert_int_equal(p.server.largest, large);
	assert_int_equal(ended, 1);
	assert_false(p.server.down);
	place_close(&p);
}

static void frame(int fd, char type, char flags, char stream, const char *data, size_t n)
{
	const char head[9] = {(char)(n >> 16), (char)(n >> 8), (char)n, type, flags, 0, 0, 0, stream};

	assert_int_equal(write(fd, head, sizeof head), sizeof head);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
}

/* A call with so many fields of 4000 bytes each, four to a frame. */
static void raw_call(int fd, char stream, int frames)
{
	/* POST, http, a path "/a", an authority, and then fields of a literal name that are not remembered (RFC 7541 section 6.2.2). */
	static const char first[] = "\x83\x86\x04\x02/a\x01\x01x", field[] = "\x00\x01x\x7f\xa1\x1e";
	char list[4 * (sizeof field - 1 + 4000)];

	memset(list, 'v', sizeof list);
	for (size_t i = 0; i < 4; i++)
		memcpy(list + i * (sizeof list / 4), field, sizeof field - 1);
	frame(fd, 1, 0, stream, first, sizeof first - 1);
	for (int i = 1; i <= frames; i++)
		frame(fd, 9, i == frames ? 4 : 0, stream, list, sizeof list);
}

/* The first call's list is too long, the second's is not. */
static void headers_have_a_limit(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct place p;
	int fd;

	(void)state;
	fd = place_open(&p, true);
	assert_int_equal(write(fd, preface, sizeof preface - 1), sizeof preface - 1);
	frame(fd, 4, 0, 0, "", 0);
	raw_call(fd, 1, 5);
	raw_call(fd, 3, 1);
	shutdown(fd, SHUT_WR);
	while (!p.server.down)
		run(&p);
	assert_int_equal(p.server.n_calls, 1);
	assert_string_equal(p.server.path, "/a");
	close(fd);
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_message_each_way),
	    cmocka_unit_test(a_failure_has_its_text),
	    cmocka_unit_test(a_large_message_comes_whole),
	    cmocka_unit_test(who_holds_gets_no_more_than_the_window),
	    cmocka_unit_test(unfinished_messages_have_one_limit),
	    cmocka_unit_test(who_always_lags_gets_all),
	    cmocka_unit_test(a_hook_may_cancel_its_own_stream),
	    cmocka_unit_test(the_end_of_the_connection_ends_its_streams),
	    cmocka_unit_test(headers_have_a_limit),
	    cmocka_unit_test(nonsense_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
