/* SPDX-License-Identifier: Apache-2.0 */
#include "http_lib.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/group.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct http_client *opened(const char *path)
{
	struct http_client *c = NULL;
	struct err err = ERR_INIT;

	if (http_client_open(path, &c, &err) < 0)
		fail_msg("open: %s", err.text);
	return c;
}

static void check_body(struct http_client *c, const char *want)
{
	struct err err = ERR_INIT;
	char *body = NULL;
	size_t n;

	if (http_client_read_all(c, 1 << 20, &body, &n, &err) < 0)
		fail_msg("read: %s", err.text);
	assert_string_equal(body, want);
	assert_int_equal(n, strlen(want));
	free(body);
}

/* Against our own server: one connection for many requests. */
static void test_requests(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = opened(t->path);
	struct err err = ERR_INIT;
	char piece[16];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(http_client_request(c, "GET", "/hello", NULL, NULL, 0, -1, &err), 200);
		assert_string_equal(http_client_header(c, "content-type"), "text/plain");
		assert_null(http_client_header(c, "x-none"));
		check_body(c, "hello");
		assert_int_equal(http_client_request(c, "POST", "/echo", "text/plain", "abc", 3, -1, &err), 200);
		check_body(c, "abc");
		assert_int_equal(http_client_request(c, "HEAD", "/hello", NULL, NULL, 0, -1, &err), 200);
		check_body(c, "");
		assert_int_equal(http_client_request(c, "DELETE", "/none", NULL, NULL, 0, -1, &err), 204);
		check_body(c, "");
		assert_int_equal(http_client_request(c, "GET", "/stream?n=7", NULL, NULL, 0, -1, &err), 200);
		check_body(c, "sssssss");
		assert_int_equal(http_client_request(c, "GET", "/err", NULL, NULL, 0, -1, &err), 409);
		/* Not read to the end: the next request takes a new connection. */
		assert_int_equal(http_client_read(c, piece, 3, -1, &err), 3);
	}
	assert_int_equal(http_client_request(c, "GET", "/a b", NULL, NULL, 0, -1, &err), -EINVAL);
	http_client_close(c);
	http_lib_stop(t);
}

static void test_timeout_and_end(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = opened(t->path);
	struct err err = ERR_INIT;
	char piece[16];

	(void)state;
	assert_int_equal(http_client_request(c, "GET", "/hold", NULL, NULL, 0, -1, &err), 200);
	assert_int_equal(http_client_read(c, piece, sizeof piece, -1, &err), 5);
	assert_int_equal(http_client_read(c, piece, sizeof piece, 0, &err), -EAGAIN);
	assert_int_equal(http_client_read(c, piece, sizeof piece, 10, &err), -EAGAIN);
	http_lib_stop(t);
	assert_int_equal(http_client_read(c, piece, sizeof piece, -1, &err), -EPROTO);
	assert_int_equal(http_client_request(c, "GET", "/hello", NULL, NULL, 0, -1, &err), -ENOENT);
	http_client_close(c);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void *send_signals(void *ctx)
{
	pthread_t *reader = ctx;

	/* Until one of them comes while it waits. */
	for (int i = 0; i < 20000; i++) {
		if (pthread_kill(*reader, SIGUSR1) != 0)
			break;
		usleep(1000);
		if (reader[1] == 0)
			break;
	}
	return NULL;
}

static void test_interrupted(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = opened(t->path);
	struct sigaction action = {.sa_handler = on_signal}, old;
	volatile pthread_t ids[2] = {pthread_self(), 1};
	struct err err = ERR_INIT;
	pthread_t sender;
	char piece[16];

	(void)state;
	assert_int_equal(http_client_request(c, "GET", "/hold", NULL, NULL, 0, -1, &err), 200);
	assert_int_equal(http_client_read(c, piece, sizeof piece, -1, &err), 5);
	sigaction(SIGUSR1, &action, &old);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, (void *)ids), 0);
	assert_int_equal(http_client_read(c, piece, sizeof piece, -1, &err), -EINTR);
	ids[1] = 0;
	pthread_join(sender, NULL);
	sigaction(SIGUSR1, &old, NULL);
	http_client_close(c);
	http_lib_stop(t);
}

static void test_upload_file(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = opened(t->path);
	fd_cleanup int file = memfd_create("upload", MFD_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ftruncate(file, 20000001), 0);
	assert_int_equal(http_client_request(c, "POST", "/upload", NULL, NULL, 0, file, &err), 200);
	check_body(c, "20000001");
	/* Refused while a pipe that never ends is being uploaded. */
	{
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(http_client_request(c, "POST", "/refuse", NULL, NULL, 0, ends[0], &err), 403);
		check_body(c, "{\"message\":\"no\"}");
		close(ends[0]);
		close(ends[1]);
	}
	/* Refused with more to come than any buffer holds. */
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(http_client_request(c, "POST", "/early", NULL, NULL, 0, file, &err), 409);
	check_body(c, "early");
	assert_int_equal(http_client_request(c, "GET", "/hello", NULL, NULL, 0, -1, &err), 200);
	check_body(c, "hello");
	http_client_close(c);
	http_lib_stop(t);
}

/* A server that says one thing to whoever comes. */
struct liar {
	int fd;
	const char *text;
};

static void *lie(void *ctx)
{
	struct liar *l = ctx;
	int fd = accept(l->fd, NULL, NULL);
	char in[4096];

	(void)!read(fd, in, sizeof in);
	http_lib_send(fd, l->text, strlen(l->text));
	close(fd);
	return NULL;
}

static const struct {
	const char *text;
	int status;	  /* of the request, or -errno */
	const char *body; /* NULL: reading fails with -EPROTO */
} replies[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"},
    {"HTTP/1.0 200 OK\r\n\r\n", 200, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
     200, "a"},
    {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n", 200, "abcde"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", 200, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", 200, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Le", -EPROTO, NULL},
    {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", -EPROTO, NULL},
    {"SSH-2.0-OpenSSH\r\n", -EPROTO, NULL},
    {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", -EPROTO, NULL},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", -EPROTO, NULL},
    {"", -EPROTO, NULL},
};

static void test_replies(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct liar l = {.fd = -1};
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/liar", t->dir);
	l.fd = http_listen_unix(path, 0600, GROUP_NONE, NULL);
	assert_true(l.fd >= 0);
	assert_int_equal(fcntl(l.fd, F_SETFL, fcntl(l.fd, F_GETFL) & ~O_NONBLOCK), 0);
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		struct http_client *c = opened(path);
		struct err err = ERR_INIT;
		char *body = NULL;
		pthread_t id;
		int r;

		l.text = replies[i].text;
		assert_int_equal(pthread_create(&id, NULL, lie, &l), 0);
		r = http_client_request(c, "GET", "/", NULL, NULL, 0, -1, &err);
		if (r != replies[i].status)
			fail_msg("reply %zu: %d expected, got %d: %s", i, replies[i].status, r, err.text);
		if (r > 0) {
			r = http_client_read_all(c, 100, &body, NULL, &err);
			assert_int_equal(r, replies[i].body ? 0 : -EPROTO);
			if (replies[i].body)
				assert_string_equal(body, replies[i].body);
		}
		free(body);
		pthread_join(id, NULL);
		http_client_close(c);
	}
	close(l.fd);
	unlink(path);
	http_lib_stop(t);
}

/* What comes with the head belongs to the new protocol; the client goes on with another connection. */
static void test_upgrade(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = NULL;
	struct err err = ERR_INIT;
	buf_cleanup struct buf early = BUF_INIT;
	struct liar l = {.fd = -1,
			 .text = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly bytes"};
	char path[128], piece[32];
	pthread_t id;
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/liar", t->dir);
	l.fd = http_listen_unix(path, 0600, GROUP_NONE, NULL);
	assert_int_equal(fcntl(l.fd, F_SETFL, fcntl(l.fd, F_GETFL) & ~O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&id, NULL, lie, &l), 0);
	c = opened(path);
	assert_int_equal(http_client_upgrade(c, "/x", NULL, NULL, 0, "tcp", &err), 101);
	fd = http_client_take(c, &early);
	assert_true(fd >= 0);
	pthread_join(id, NULL);
	for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;)
		buf_add(&early, piece, (size_t)n);
	assert_string_equal(buf_str(&early), "early bytes");
	close(fd);
	http_client_close(c);
	close(l.fd);
	unlink(path);
	c = opened(t->path);
	assert_int_equal(http_client_upgrade(c, "/none-such", NULL, NULL, 0, "tcp", &err), 404);
	check_body(c, "{\"message\":\"no such path\"}");
	assert_int_equal(http_client_upgrade(c, "/hijack", NULL, NULL, 0, "tcp", &err), 101);
	fd = http_client_take(c, &early);
	assert_int_equal(http_client_request(c, "GET", "/hello", NULL, NULL, 0, -1, &err), 200);
	check_body(c, "hello");
	close(fd);
	while (atomic_load(&t->given) == 0)
		sched_yield();
	http_client_close(c);
	http_lib_stop(t);
}

static void test_read_limit(void **state)
{
	struct http_lib *t = http_lib_start(NULL);
	struct http_client *c = opened(t->path);
	struct err err = ERR_INIT;
	char *body;

	(void)state;
	assert_int_equal(http_client_request(c, "GET", "/stream?n=100000", NULL, NULL, 0, -1, &err), 200);
	assert_int_equal(http_client_read_all(c, 99999, &body, NULL, &err), -E2BIG);
	http_client_close(c);
	http_lib_stop(t);
}

static void test_nobody(void **state)
{
	struct http_client *c;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(http_client_open("/nonexistent/sock", &c, &err), -ENOENT);
	assert_null(http_client_close(NULL));
}

static void test_url_encode(void **state)
{
	char *s = http_url_encode("a-Z_0.~/ %+\303\244?");

	(void)state;
	assert_string_equal(s, "a-Z_0.~%2F%20%25%2B%C3%A4%3F");
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests),	cmocka_unit_test(test_timeout_and_end),
	    cmocka_unit_test(test_interrupted), cmocka_unit_test(test_upload_file),
	    cmocka_unit_test(test_replies),	cmocka_unit_test(test_upgrade),
	    cmocka_unit_test(test_read_limit),	cmocka_unit_test(test_nobody),
	    cmocka_unit_test(test_url_encode),
	};

	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
