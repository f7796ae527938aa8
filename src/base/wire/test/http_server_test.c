/* SPDX-License-Identifier: Apache-2.0 */
#include "http_lib.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/group.h"
#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST "Host: x\r\n"
#define WEBSOCKET "GET /hello HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define CHUNKED "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* What is sent, and the status that the reply must begin with; 0 = the connection is closed without one. */
static const struct {
	const char *name, *text;
	int status;
} one_shot[] = {
    {"plain", "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200},
    {"empty line first", "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n", 200},
    {"absolute form", "GET http://a/hello HTTP/1.1\r\n" HOST "\r\n", 200},
    {"escaped", "GET /%68ello HTTP/1.1\r\n" HOST "\r\n", 200},
    {"HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", 200},
    {"no such path", "GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404},
    {"error", "GET /err HTTP/1.1\r\n" HOST "\r\n", 409},
    {"refused at the headers", "GET /refuse HTTP/1.1\r\n" HOST "\r\n", 403},
    {"refused at the headers, body", "POST /refuse HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 403},
    {"nothing", "", 0},
    {"half a head", "GET /hello HTTP/1.1\r\nHost", 0},
    {"half a body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc", 0},
    {"no host", "GET /hello HTTP/1.1\r\n\r\n", 400},
    {"two hosts", "GET /hello HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"blank before the colon", "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", 400},
    {"tab before the colon", "GET /hello HTTP/1.1\r\nHost\t: x\r\n\r\n", 400},
    {"blank before the first header", "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"folded header", "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
    {"header without a name", "GET /hello HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400},
    {"header without a colon", "GET /hello HTTP/1.1\r\n" HOST "abc\r\n\r\n", 400},
    {"LF alone", "GET /hello HTTP/1.1\nHost: x\n\n", 400},
    {"LF alone in headers", "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
    {"CR alone", "GET /hello HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400},
    {"control byte in a value", "GET /hello HTTP/1.1\r\nHost: x\001\r\n\r\n", 400},
    {"bad escape", "GET /a%zz HTTP/1.1\r\n" HOST "\r\n", 400},
    {"cut escape", "GET /a%4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"escaped NUL", "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"bad escape in the query", "GET /a?b=%x1 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"not a path", "GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"bytes over 0x7f in the target", "GET /\303\244 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"two blanks", "GET  /hello HTTP/1.1\r\n" HOST "\r\n", 400},
    {"tab", "GET\t/hello HTTP/1.1\r\n" HOST "\r\n", 400},
    {"no version", "GET /hello\r\n\r\n", 400},
    {"HTTP/2", "GET /hello HTTP/2.0\r\n" HOST "\r\n", 505},
    {"HTTP/0.9", "GET /hello HTTP/0.9\r\n" HOST "\r\n", 505},
    {"another protocol", "GET /hello RTSP/1.0\r\n" HOST "\r\n", 400},
    {"TLS hello", "\026\003\001\002", 400},
    {"unknown method", "BREW /hello HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"upgrade is ignored", "GET /hello HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200},
    {"origin", "GET /hello HTTP/1.1\r\n" HOST "Origin: http://evil\r\n\r\n", 403},
    {"origin null", "POST /hello HTTP/1.1\r\n" HOST "origin: null\r\nContent-Length: 0\r\n\r\n", 403},
    {"library's origin, not a websocket", "GET /hello HTTP/1.1\r\n" HOST "Origin: http://localhost\r\n\r\n", 403},
    {"library's origin of a websocket", WEBSOCKET "Origin: http://localhost\r\n\r\n", 200},
    {"the same with TLS", WEBSOCKET "Origin: https://docker\r\n\r\n", 200},
    {"page's origin of a websocket", WEBSOCKET "Origin: http://evil.test\r\n\r\n", 403},
    {"page of this machine", WEBSOCKET "Origin: http://localhost:3000\r\n\r\n", 403},
    {"page at an address", WEBSOCKET "Origin: http://[::1]\r\n\r\n", 403},
    {"page without a name", WEBSOCKET "Origin: null\r\n\r\n", 403},
    {"page of an extension", WEBSOCKET "Origin: moz-extension://abc\r\n\r\n", 403},
    {"page of no host", WEBSOCKET "Origin: http://\r\n\r\n", 403},
    {"expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417},
    {"two lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
    {"length list", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", 400},
    {"signed length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 400},
    {"hexadecimal length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na", 400},
    {"length overflow", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\na", 400},
    {"body too large", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2000\r\n\r\na", 413},
    {"length and chunked",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunked and length",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
    {"other coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"coding not last", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400},
    {"two codings",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunked in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunks", CHUNKED "3\r\nabc\r\n0\r\n\r\n", 200},
    {"chunks with trailers", CHUNKED "3\r\nabc\r\n0\r\nA: b\r\n\r\n", 200},
    {"chunk size is no number", CHUNKED "x\r\nabc\r\n0\r\n\r\n", 400},
    {"chunk size signed", CHUNKED "-1\r\nabc\r\n0\r\n\r\n", 400},
    {"chunk size overflow", CHUNKED "fffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400},
    {"chunk longer than said", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400},
    {"chunk with LF alone", CHUNKED "3\nabc\r\n0\r\n\r\n", 400},
    {"chunk end with LF alone", CHUNKED "3\r\nabc\n0\r\n\r\n", 400},
    {"trailer with CR alone", CHUNKED "0\r\nA: b\rC: d\r\n\r\n", 400},
    {"end with CR alone", CHUNKED "0\r\n\rGET /hello HTTP/1.1\r\n\r\n", 400},
    {"chunks too large", CHUNKED "7d0\r\nabc", 0},
};

static int status_of(const char *reply)
{
	return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? (int)strtol(reply + 9, NULL, 10) : 0;
}

static void test_one_shot(void **state)
{
	struct http_limits limits = {.body_bytes = 1000, .header_bytes = 4000};
	struct http_lib *t = http_lib_start(&limits);

	(void)state;
	for (size_t i = 0; i < sizeof one_shot / sizeof *one_shot; i++) {
		char *reply = http_lib_talk(t, one_shot[i].text);

		if (status_of(reply) != one_shot[i].status)
			fail_msg("%s: %d expected, got: %s", one_shot[i].name, one_shot[i].status, reply);
		free(reply);
	}
	http_lib_stop(t);
}

/* The same, byte by byte: the result may not depend on how the bytes come. */
static void test_one_shot_slowly(void **state)
{
	struct http_limits limits = {.body_bytes = 1000, .header_bytes = 4000};
	struct http_lib *t = http_lib_start(&limits);

	(void)state;
	for (size_t i = 0; i < sizeof one_shot / sizeof *one_shot; i++) {
		int fd = http_lib_connect(t);
		char *reply;

		for (const char *p = one_shot[i].text; *p; p++)
			http_lib_send(fd, p, 1);
		shutdown(fd, SHUT_WR);
		reply = http_lib_recv(fd, 0, NULL);
		close(fd);
		if (status_of(reply) != one_shot[i].status)
			fail_msg("%s: %d expected, got: %s", one_shot[i].name, one_shot[i].status, reply);
		free(reply);
	}
	http_lib_stop(t);
}

static void expect(struct http_lib *t, const char *request, const char *has, const char *ends)
{
	char *reply = http_lib_talk(t, request);
	size_t n = strlen(reply), m = strlen(ends);

	if (!strstr(reply, has) || n < m || strcmp(reply + n - m, ends) != 0)
		fail_msg("\"%s\" ... \"%s\" expected, got: %s", has, ends, reply);
	free(reply);
}

static void test_replies(void **state)
{
	struct http_lib *t = http_lib_start(NULL);

	(void)state;
	expect(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 5\r\n", "\r\n\r\nhello");
	expect(t, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 5\r\n", "\r\n\r\n");
	expect(t, "GET /none HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 204 No Content\r\n", "\r\n\r\n");
	expect(t, "GET /twice HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 1\r\n", "\r\n\r\n1");
	expect(t, "GET /hello HTTP/1.0\r\n\r\n", "Connection: close\r\n", "\r\n\r\nhello");
	expect(t, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n",
	       "Connection: keep-alive\r\n", "Connection: close\r\n\r\nhello");
	expect(t, "GET /stream?n=5 HTTP/1.1\r\n" HOST "\r\n", "Transfer-Encoding: chunked\r\n",
	       "\r\n\r\n5\r\nsssss\r\n0\r\n\r\n");
	expect(t, "GET /stream?n=5 HTTP/1.0\r\n\r\n", "Connection: close\r\n", "\r\n\r\nsssss");
	expect(t, "HEAD /stream?n=5 HTTP/1.1\r\n" HOST "\r\n", "200 OK", "\r\n\r\n");
	expect(t, "GET /err HTTP/1.1\r\n" HOST "\r\n", "application/json",
	       "{\"message\":\"there is \\\"one\\\" already\"}");
	expect(t, "GET /info%20x?b=1&a=%41+b&a=2 HTTP/1.1\r\n" HOST "x-TEST:  v \r\n\r\n", "200", "");
	expect(t, CHUNKED "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n", "Content-Length: 5\r\n", "\r\n\r\nabcde");
	http_lib_stop(t);
}

/* Known sizes: what is too much is dropped, what is too little ends the connection, and a header cannot start another. */
static void test_sized(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	char *reply;

	(void)state;
	expect(t, "GET /sized HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
	       "Content-Length: 7\r\nX-Test: a??X-Other: b\r\n\r\n1234567HTTP/1.1 200 OK\r\n", "\r\n\r\nhello");
	expect(t, "HEAD /sized HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 7\r\n", "\r\n\r\n");
	expect(t, "HEAD /short HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n", "200", "hello");
	reply = http_lib_talk(t, "GET /short HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_null(strstr(reply, "hello"));
	free(reply);
	http_lib_stop(t);
}

static const struct {
	const char *address;
	bool good;
} addresses[] = {
    {"127.0.0.1:0", true},  {"[::1]:0", true},		{":0", true},
    {"localhost:0", true},  {"::1:0", false},		{"127.0.0.1", false},
    {"127.0.0.1:", false},  {"[::1]", false},		{"127.0.0.1:http", false},
    {"300.0.0.1:0", false}, {"127.0.0.1:99999", false},
};

static void test_tcp(void **state)
{
	char name[HTTP_NAME_MAX];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		int fd = http_listen_tcp(addresses[i].address, &err);

		if ((fd >= 0) != addresses[i].good)
			fail_msg("%s: %s", addresses[i].address, err.text);
		if (fd < 0)
			continue;
		http_listen_name(fd, name);
		assert_non_null(strrchr(name, ':'));
		assert_true(strtol(strrchr(name, ':') + 1, NULL, 10) > 0);
		/* Taken: a second one gets an error that names the address. */
		assert_int_equal(http_listen_tcp(name, &err), -EADDRINUSE);
		assert_non_null(strstr(err.text, name));
		close(fd);
	}
}

static void test_info(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	char *want = mem_printf("\r\n\r\nGET /info x a=A b x=v uid=%u", getuid());

	(void)state;
	expect(t, "GET /info%20x?b=1&a=%41+b&a=2 HTTP/1.1\r\n" HOST "x-TEST:  v \r\n\r\n", "200 OK", want);
	free(want);
	http_lib_stop(t);
}

/* Many requests at once: answered in order, one at a time, on one connection. */
static void test_pipeline(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct buf out = BUF_INIT;
	char *reply, *at;
	enum { N = 3000 };

	(void)state;
	for (int i = 0; i < N; i++)
		buf_printf(&out, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\n<%04d>", i);
	reply = http_lib_talk(t, buf_str(&out));
	at = reply;
	for (int i = 0; i < N; i++) {
		char want[16];

		snprintf(want, sizeof want, "\r\n\r\n<%04d>", i);
		at = strstr(at, "\r\n\r\n");
		assert_non_null(at);
		assert_memory_equal(at, want, strlen(want));
		at++;
	}
	assert_int_equal(atomic_load(&t->requests), N);
	free(reply);
	buf_free(&out);
	http_lib_stop(t);
}

static void test_continue(void **state)
{
	static const char head[] =
	    "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_lib *t = http_lib_start(NULL);
	int fd = http_lib_connect(t);
	char *reply;

	(void)state;
	http_lib_send(fd, head, strlen(head));
	reply = http_lib_recv(fd, strlen(go_on), NULL);
	assert_string_equal(reply, go_on);
	free(reply);
	http_lib_send(fd, "abc", 3);
	reply = http_lib_recv(fd, 0, NULL);
	assert_int_equal(status_of(reply), 200);
	assert_non_null(strstr(reply, "\r\n\r\nabc"));
	free(reply);
	close(fd);
	expect(t, "POST /refuse HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 403",
	       "{\"message\":\"no\"}");
	http_lib_stop(t);
}

static void test_head_limit(void **state)
{
	struct http_limits limits = {.header_bytes = 2000};
	struct http_lib *t = http_lib_start(&limits);
	struct buf out = BUF_INIT;
	char *reply;

	(void)state;
	buf_adds(&out, "GET /");
	for (int i = 0; i < 5000; i++)
		buf_addc(&out, 'a');
	reply = http_lib_talk(t, buf_str(&out));
	assert_int_equal(status_of(reply), 431);
	free(reply);
	buf_clear(&out);
	buf_adds(&out, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 1000; i++)
		buf_adds(&out, "A:b\r\n");
	reply = http_lib_talk(t, buf_str(&out));
	assert_int_equal(status_of(reply), 431);
	free(reply);
	buf_clear(&out);
	for (int i = 0; i < 5000; i++)
		buf_adds(&out, "\r\n");
	reply = http_lib_talk(t, buf_str(&out));
	assert_int_equal(status_of(reply), 431);
	free(reply);
	buf_free(&out);
	http_lib_stop(t);
}

/* Endless chunk extensions and trailers are no way around the limits. */
static void test_chunk_extras(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct buf out = BUF_INIT;
	char *reply;

	(void)state;
	buf_adds(&out, CHUNKED "1;a=");
	for (int i = 0; i < 100000; i++)
		buf_addc(&out, 'x');
	reply = http_lib_talk(t, buf_str(&out));
	assert_int_equal(status_of(reply), 400);
	free(reply);
	buf_clear(&out);
	buf_adds(&out, CHUNKED "0\r\n");
	for (int i = 0; i < 20000; i++)
		buf_adds(&out, "A: b\r\n");
	reply = http_lib_talk(t, buf_str(&out));
	assert_int_equal(status_of(reply), 400);
	free(reply);
	buf_free(&out);
	http_lib_stop(t);
}

/* Slow loris: the first bytes of a head, and then silence. */
static void test_slow_head(void **state)
{
	struct http_limits limits = {.header_ms = 50};
	struct http_lib *t = http_lib_start(&limits);
	int fd = http_lib_connect(t);
	char *reply;

	(void)state;
	http_lib_send(fd, "GET /", 5);
	reply = http_lib_recv(fd, 0, NULL);
	assert_int_equal(status_of(reply), 408);
	free(reply);
	close(fd);
	http_lib_stop(t);
}

static void test_idle_and_body_timeout(void **state)
{
	struct http_limits limits = {.idle_ms = 50};
	struct http_lib *t = http_lib_start(&limits);
	static const char half[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na";
	int fd = http_lib_connect(t);
	char *reply = http_lib_recv(fd, 0, NULL);

	(void)state;
	assert_string_equal(reply, "");
	/* Who was held up before the first byte was idle: again. */
	for (int i = 0; i < 100 && !*reply; i++) {
		free(reply);
		close(fd);
		fd = http_lib_connect(t);
		http_lib_send(fd, half, strlen(half));
		reply = http_lib_recv(fd, 0, NULL);
	}
	assert_int_equal(status_of(reply), 408);
	free(reply);
	close(fd);
	http_lib_stop(t);
}

/* A reader that takes nothing, of a reply that no buffer holds. */
static void test_reader_who_does_not(void **state)
{
	struct http_limits limits = {.send_ms = 50, .out_high = 4096};
	struct http_lib *t = http_lib_start(&limits);
	static const char much[] = "GET /stream?n=50000000 HTTP/1.1\r\n" HOST "\r\n";
	int fd = http_lib_connect(t);
	size_t n = 0;
	char *reply;

	(void)state;
	http_lib_send(fd, much, strlen(much));
	http_lib_until(&t->closed, 1);
	assert_true(atomic_load(&t->streamed) < 50000000);
	reply = http_lib_recv(fd, 0, &n);
	assert_true(n < 50000000);
	free(reply);
	close(fd);
	http_lib_stop(t);
}

static void test_connection_limit(void **state)
{
	struct http_limits limits = {.connections = 3};
	struct http_lib *t = http_lib_start(&limits);
	static const char wait[] = "GET /wait HTTP/1.1\r\n" HOST "\r\n";
	int fds[3];
	char *reply;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = http_lib_connect(t);
		http_lib_send(fds[i], wait, strlen(wait));
	}
	http_lib_until(&t->requests, 3);
	reply = http_lib_talk(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(status_of(reply), 503);
	assert_non_null(strstr(reply, "again soon\"}"));
	free(reply);
	close(fds[0]);
	http_lib_until(&t->closed, 1);
	reply = http_lib_talk(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(status_of(reply), 200);
	free(reply);
	close(fds[1]);
	close(fds[2]);
	http_lib_stop(t);
}

/* A peer that is gone ends its request at once, also when the reply has not begun, and when it had half-closed before. */
static void test_vanish(void **state)
{
	static const struct {
		const char *text;
		bool half, begun;
	} table[] = {
	    {"GET /wait HTTP/1.1\r\n" HOST "\r\n", false, false},
	    {"GET /wait HTTP/1.1\r\n" HOST "\r\n", true, false},
	    {"GET /hold HTTP/1.1\r\n" HOST "\r\n", false, true},
	    {"GET /hold HTTP/1.1\r\n" HOST "\r\n", true, true},
	    {"GET /wait HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n", true, false},
	    {"POST /upload HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc", false, false},
	    {"GET /stream?n=100000000 HTTP/1.1\r\n" HOST "\r\n", false, true},
	    {"GET /stream?n=100000000 HTTP/1.1\r\n" HOST "\r\n", true, true},
	};
	struct http_lib *t = http_lib_start(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		int fd = http_lib_connect(t);

		http_lib_send(fd, table[i].text, strlen(table[i].text));
		if (table[i].half)
			shutdown(fd, SHUT_WR);
		http_lib_until(&t->requests, (long)i + 1);
		if (table[i].begun)
			free(http_lib_recv(fd, 20, NULL));
		else if (table[i].half)
			free(http_lib_talk(t, "")); /* a turn of the loop: it has seen the half-close */
		assert_int_equal(atomic_load(&t->closed), (long)i);
		close(fd);
		http_lib_until(&t->closed, (long)i + 1);
	}
	http_lib_stop(t);
}

#define HIJACK "POST /hijack HTTP/1.1\r\n" HOST

/* Both forms, with and without bytes that came together with the request; the count shows that none is lost. */
static void test_hijack(void **state)
{
	static const struct {
		const char *text, *has, *count;
	} table[] = {
	    {HIJACK "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
	     "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: test/raw\r\n\r\n", "0"},
	    {HIJACK "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nabc", "Upgrade: tcp\r\nContent-Type: test/raw\r\n\r\n",
	     "3"},
	    {HIJACK "Content-Length: 2\r\nConnection: Upgrade\r\nUpgrade: TCP\r\n\r\n{}abcd",
	     "HTTP/1.1 101 UPGRADED\r\n", "4"},
	    {HIJACK "\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: test/raw\r\n\r\n", "0"},
	    {HIJACK "Upgrade: h2c\r\n\r\nGET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n", "16"},
	};
	struct http_lib *t = http_lib_start(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		int fd = http_lib_connect(t);
		const char *body;
		char *reply;
		size_t n;

		http_lib_send(fd, table[i].text, strlen(table[i].text));
		shutdown(fd, SHUT_WR);
		reply = http_lib_recv(fd, 0, &n);
		body = strstr(reply, "\r\n\r\n");
		if (!strstr(reply, table[i].has) || !body || strcmp(body + 4, table[i].count) != 0)
			fail_msg("%zu: %s", i, reply);
		assert_int_equal(n, (size_t)(body + 4 - reply) + strlen(table[i].count) + 1000000);
		free(reply);
		close(fd);
		http_lib_until(&t->given, (long)i + 1);
	}
	http_lib_until(&t->closed, 5);
	http_lib_stop(t);
}

static void test_slow_reader(void **state)
{
	struct http_limits limits = {.out_high = 64 << 10};
	struct http_lib *t = http_lib_start(&limits);
	static const char get[] = "GET /stream?n=30000000 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
	int fd = http_lib_connect(t);
	size_t n;
	char *reply;

	(void)state;
	http_lib_send(fd, get, strlen(get));
	http_lib_until(&t->streamed, 64 << 10);
	reply = http_lib_recv(fd, 0, &n);
	assert_int_equal(atomic_load(&t->streamed), 30000000);
	assert_true(n > 30000000);
	assert_string_equal(reply + n - 7, "\r\n0\r\n\r\n");
	/* The buffer grows by doubling, and one piece goes over the mark. */
	assert_in_range(atomic_load(&t->max_buffered), 1, 2 * (64 << 10) + 4096);
	free(reply);
	close(fd);
	http_lib_stop(t);
}

/* 64 MB to a consumer that pauses after every piece: nothing piles up inside. */
static void test_big_upload(void **state)
{
	struct http_limits limits = {.body_bytes = 1000};
	struct http_lib *t = http_lib_start(&limits);
	static const char head[] =
	    "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 67108864\r\nConnection: close\r\n\r\n";
	mem_cleanup char *piece = mem_zalloc(1, 1 << 20);
	int fd = http_lib_connect(t);
	char *reply;

	(void)state;
	http_lib_send(fd, head, strlen(head));
	for (int i = 0; i < 64; i++)
		http_lib_send(fd, piece, 1 << 20);
	reply = http_lib_recv(fd, 0, NULL);
	assert_non_null(strstr(reply, "\r\n\r\n67108864"));
	assert_int_equal(atomic_load(&t->body_bytes), 67108864);
	assert_true(atomic_load(&t->max_buffered) <= 128 << 10);
	free(reply);
	close(fd);
	http_lib_stop(t);
}

/* The reply to an upload that is refused must arrive although the peer is still sending. */
static void test_early_reply(void **state)
{
	static const char *const paths[] = {"/early", "/refuse", "/echo"};
	static const int want[] = {409, 403, 413};
	struct http_limits limits = {.body_bytes = 100000};
	struct http_lib *t = http_lib_start(&limits);
	mem_cleanup char *piece = mem_zalloc(1, 1 << 20);

	(void)state;
	for (int i = 0; i < 3; i++) {
		int fd = http_lib_connect(t);
		char *head = mem_printf("POST %s HTTP/1.1\r\n" HOST "Content-Length: 4194304\r\n\r\n", paths[i]);
		char *reply;

		http_lib_send(fd, head, strlen(head));
		for (int k = 0; k < 4; k++)
			http_lib_send(fd, piece, 1 << 20);
		reply = http_lib_recv(fd, 0, NULL);
		assert_int_equal(status_of(reply), want[i]);
		assert_non_null(strstr(reply, "Connection: close\r\n"));
		free(reply);
		free(head);
		close(fd);
	}
	http_lib_stop(t);
}

/* No descriptor is left: the newcomer is told, nothing spins, and it works again afterwards. */
static void test_no_descriptors(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct rlimit old, few;
	int mine = http_lib_connect(t), top = dup(mine);
	char *reply;

	(void)state;
	free(http_lib_talk(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = (rlim_t)top + 1, .rlim_max = old.rlim_max};
	close(top);
	/* From here one number is free, and our next socket takes it. */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	reply = http_lib_talk(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(status_of(reply), 503);
	free(reply);
	reply = http_lib_talk(t, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(status_of(reply), 200);
	free(reply);
	close(mine);
	http_lib_stop(t);
}

static void drained(void *ctx)
{
	struct http_lib *t = ctx;

	t->server = http_server_free(t->server);
	atomic_store(&t->drained, true);
	atomic_fetch_add(&t->streamed, 1000000000);
}

static void drain(struct http_lib *t)
{
	http_server_drain(t->server, drained, t);
}

static void test_drain(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	static const char get[] = "GET /stream?n=10000000 HTTP/1.1\r\n" HOST "\r\n";
	int idle = http_lib_connect(t), fd = http_lib_connect(t);
	size_t n;
	char *reply;

	(void)state;
	http_lib_send(fd, get, strlen(get));
	http_lib_until(&t->streamed, 1000);
	http_lib_call(t, drain);
	reply = http_lib_recv(idle, 0, &n);
	assert_int_equal(n, 0);
	free(reply);
	assert_false(atomic_load(&t->drained));
	reply = http_lib_recv(fd, 0, &n);
	assert_true(n > 10000000);
	free(reply);
	http_lib_until(&t->streamed, 1000000000);
	assert_true(atomic_load(&t->drained));
	close(idle);
	close(fd);
	http_lib_stop(t);
}

static void test_listen(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct err err = ERR_INIT;
	char longer[200], file[128];
	struct stat st;
	gid_t group = geteuid() == 0 ? 1 : getegid();
	mode_t old = umask(077);
	int fd;

	(void)state;
	assert_int_equal(http_listen_unix(t->path, 0660, GROUP_NONE, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "berth down"));
	snprintf(file, sizeof file, "%s/other", t->dir);
	fd = http_listen_unix(file, 0660, GROUP_NONE, &err);
	assert_true(fd >= 0);
	close(fd); /* now the file is dead */
	fd = http_listen_unix(file, 0660, group, &err);
	assert_true(fd >= 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, group);
	close(fd);
	unlink(file);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(http_listen_unix(file, 0660, GROUP_NONE, &err), -EEXIST);
	unlink(file);
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(http_listen_unix(longer, 0660, GROUP_NONE, &err), -EINVAL);
	assert_int_equal(http_listen_unix("", 0660, GROUP_NONE, &err), -EINVAL);
	umask(old);
	http_lib_stop(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_shot),
	    cmocka_unit_test(test_one_shot_slowly),
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_sized),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_info),
	    cmocka_unit_test(test_pipeline),
	    cmocka_unit_test(test_continue),
	    cmocka_unit_test(test_head_limit),
	    cmocka_unit_test(test_chunk_extras),
	    cmocka_unit_test(test_slow_head),
	    cmocka_unit_test(test_idle_and_body_timeout),
	    cmocka_unit_test(test_reader_who_does_not),
	    cmocka_unit_test(test_connection_limit),
	    cmocka_unit_test(test_vanish),
	    cmocka_unit_test(test_hijack),
	    cmocka_unit_test(test_slow_reader),
	    cmocka_unit_test(test_big_upload),
	    cmocka_unit_test(test_early_reply),
	    cmocka_unit_test(test_no_descriptors),
	    cmocka_unit_test(test_drain),
	    cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
