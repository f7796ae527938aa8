/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to "nodes" that are all this machine's own socket: one that is not there, or one of the test, which says the same to everybody. */
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/group.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 12000

struct place {
	char dir[32], socket[64];
	struct onehost h;
	struct err err;
};

static void make_place(struct place *p)
{
	*p = (struct place){.dir = "/tmp/berth-gather.XXXXXX"};
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->socket, sizeof p->socket, "%s/socket", p->dir);
	p->h.socket = p->socket;
	assert_int_equal(loop_new(&p->h.loop, &p->err), 0);
}

static void end_place(struct place *p)
{
	loop_free(p->h.loop);
	(void)unlink(p->socket);
	rmdir(p->dir);
}

/* The text of the last answer's error, or of its status. */
struct seen {
	struct loop *loop;
	size_t n, errors, docs;
	int status;
	char error[256];
};

static void on_answers(void *ctx, struct answer *answers, size_t n)
{
	struct seen *s = ctx;

	s->n = n;
	for (size_t i = 0; i < n; i++) {
		s->errors += answers[i].error != NULL;
		s->docs += answers[i].doc != NULL;
		s->status = answers[i].status;
		snprintf(s->error, sizeof s->error, "%s", answers[i].error ? answers[i].error : "");
	}
	loop_stop(s->loop);
}

static void ask(struct place *p, const char *target, size_t n, struct seen *s)
{
	char **nodes = mem_new_n(char *, n + 1);
	struct question q = {.method = "GET", .target = target, .nodes = nodes};

	for (size_t i = 0; i < n; i++)
		nodes[i] = (char *)(uintptr_t)ONEHOST_SELF;
	*s = (struct seen){.loop = p->h.loop};
	assert_non_null(gather_start(&p->h, &q, on_answers, s));
	free(nodes);
	assert_int_equal(loop_run(p->h.loop, &p->err), 0);
}

/* Each fails at once, as when there are no descriptors left: that must not take the stack. */
static void test_nobody_there(void **state)
{
	struct place p;
	struct seen s;

	(void)state;
	make_place(&p);
	ask(&p, "/x", MANY, &s);
	assert_int_equal(s.n, MANY);
	assert_int_equal(s.errors, MANY);
	end_place(&p);
}

/* ---- what is answered ---- */

struct door {
	int fd;
	struct buf answer;
};

/* The question may come after the answer. */
static void on_door(void *ctx, int events)
{
	struct door *d = ctx;
	fd_cleanup int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, d->answer.data, d->answer.len), 0);
}

/* Those who put answers together go down into them: one that is deeper than any of ours is taken for none. */
static void test_deep(void **state)
{
	const size_t depths[] = {JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1};
	struct loop_fd *watch;
	struct place p;
	struct seen s;
	struct door d;

	(void)state;
	make_place(&p);
	d.fd = http_listen_unix(p.socket, 0600, GROUP_NONE, &p.err);
	assert_true(d.fd >= 0);
	assert_int_equal(loop_fd_new(p.h.loop, d.fd, LOOP_IN, on_door, &d, &watch, &p.err), 0);
	for (size_t k = 0; k < 2; k++) {
		d.answer = (struct buf)BUF_INIT;
		buf_printf(&d.answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", 2 * depths[k]);
		for (size_t i = 0; i < depths[k]; i++)
			buf_addc(&d.answer, '[');
		for (size_t i = 0; i < depths[k]; i++)
			buf_addc(&d.answer, ']');
		ask(&p, "/x", 2, &s);
		assert_int_equal(s.status, 200);
		assert_int_equal(s.docs, k == 0 ? 2 : 0);
		buf_free(&d.answer);
	}
	loop_fd_free(watch);
	fd_closep(&d.fd);
	end_place(&p);
}

/* A second request behind the first would be nobody's wish. */
static void test_target(void **state)
{
	const char *const targets[] = {"/a b", "/a\r\n\r\nDELETE /b", "/a\x7f"};
	struct place p;
	struct seen s;
	int fd;

	(void)state;
	make_place(&p);
	fd = http_listen_unix(p.socket, 0600, GROUP_NONE, &p.err);
	for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
		ask(&p, targets[k], 1, &s);
		assert_int_equal(s.errors, 1);
		assert_non_null(strstr(s.error, "target"));
	}
	close(fd);
	end_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
