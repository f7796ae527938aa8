/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams and their clients with pipes and socket pairs, and the detach keys.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/engine/flow.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* ---- the detach keys ---- */

static void test_detach(void **state)
{
	static const struct {
		const char *keys, *typed, *passed;
		bool left;
	} rows[] = {
	    {NULL, "abc", "abc", false},
	    {NULL, "a\020\021b", "a", true},
	    {NULL, "\020x\020\020\021", "\020x\020", true},
	    {"x", "abxc", "ab", true},
	    {"a,a,b", "aaab", "a", true},
	    {"a,b,a,c", "ababac", "ab", true},
	    {"ctrl-@,DEL", "x\177", "x\177", false},
	    {"", "\020\021", "\020\021", false},
	};
	static const char *const bad[] = {
	    "ctrl-", "ctrl-!", "xx", ",", "a,,b", "ctrl-P", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		/* All at once, and one by one: how it comes must not matter. */
		for (size_t step = 1; step < 10; step += 8) {
			size_t n = strlen(rows[i].typed), w = 0;
			struct detach d;
			uint8_t out[64];
			bool left = false;

			assert_int_equal(detach_parse(&d, rows[i].keys, NULL), 0);
			for (size_t at = 0; at < n && !left; at += step)
				w += detach_filter(&d, (const uint8_t *)rows[i].typed + at,
						   n - at < step ? n - at : step, out + w, &left);
			assert_int_equal(left, rows[i].left);
			assert_int_equal(w + d.matched, strlen(rows[i].passed));
			assert_memory_equal(out, rows[i].passed, w);
		}
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct detach d;

		assert_true(detach_parse(&d, bad[i], NULL) < 0);
	}
}

/* ---- flows ---- */

static struct place {
	char path[64];
	int dir;
	struct flow flow;
	struct logfile log;
	int out[2], in; /* the process' ends */
} p;

static int open_place(void **state)
{
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	p = (struct place){.flow = FLOW_NULL};
	snprintf(p.path, sizeof p.path, "/tmp/berth-flow-XXXXXX");
	if (!mkdtemp(p.path))
		return -1;
	p.dir = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	logfile_init(&p.log, p.dir, 1 << 20, 3);
	p.flow.log = &p.log;
	p.flow.dir = p.dir;
	for (int i = 0; i < 2; i++) {
		if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
			return -1;
		p.flow.out[i] = fds[0];
		p.out[i] = fds[1];
	}
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	p.flow.in = fds[1];
	p.in = fds[0];
	return 0;
}

static int close_place(void **state)
{
	(void)state;
	flow_close(&p.flow);
	logfile_close(&p.log);
	fd_closep(&p.out[0]);
	fd_closep(&p.out[1]);
	fd_closep(&p.in);
	for (unsigned i = 0; i < 3; i++)
		unlinkat(p.dir, ((const char *const[]){"log", "log.1", "log.2"})[i], 0);
	fd_closep(&p.dir);
	return rmdir(p.path);
}

/* Until there is nothing to do. */
static void turn(void)
{
	struct polls polls;

	do {
		polls.n = 0;
		flow_poll(&p.flow, &polls);
		if (poll(polls.v, polls.n, 0) <= 0)
			break;
		flow_serve(&p.flow, &polls);
	} while (true);
}

static int attach(const struct flow_attach *how)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	flow_attach(&p.flow, how, pair[0]);
	return pair[1];
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* What is there now must be this; `end`: and then the end. */
static void expect(int fd, const void *want, size_t n, bool end)
{
	char got[4096];
	ssize_t r = read(fd, got, sizeof got);

	if (n > 0) {
		assert_int_equal(r, n);
		assert_memory_equal(got, want, n);
		r = read(fd, got, sizeof got);
	}
	if (end)
		assert_int_equal(r, 0);
	else
		assert_true(r < 0 && errno == EAGAIN);
}
#define expect_text(fd, text, end) expect(fd, "" text, sizeof(text) - 1, end)

static const struct flow_attach all = {.in = true, .out = true, .err = true, .stream = true};

static void test_frames_and_ends(void **state)
{
	const struct flow_attach raw = {.out = true, .stream = true, .raw = true};
	int one = attach(&all), two = attach(&raw);

	(void)state;
	/* Before the start they wait. */
	turn();
	expect(one, NULL, 0, false);
	flow_begin(&p.flow);
	say(p.out[0], "hello");
	turn();
	say(p.out[1], "no");
	turn();
	expect_text(one, "\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\2no", false);
	expect_text(two, "hello", false);
	say(one, "to you");
	turn();
	expect_text(p.in, "to you", false);
	/* It has sent all it wants to, and still hears; as with Docker one that is not the only source of the input goes then. */
	p.flow.in_once = true;
	shutdown(one, SHUT_WR);
	turn();
	expect(p.in, NULL, 0, true);
	say(p.out[0], "after");
	turn();
	expect_text(one, "\1\0\0\0\0\0\0\5after", false);
	fd_closep(&p.out[0]);
	fd_closep(&p.out[1]);
	turn();
	expect(one, NULL, 0, true);
	expect_text(two, "after", true);
	assert_int_equal(p.flow.n_clients, 0);
	close(one);
	close(two);
}

static void test_input_stays_open(void **state)
{
	int one = attach(&all), two;

	(void)state;
	flow_begin(&p.flow);
	say(one, "1");
	turn();
	shutdown(one, SHUT_WR);
	turn();
	expect_text(p.in, "1", false);
	expect(one, NULL, 0, true);
	two = attach(&all);
	say(two, "2");
	close(two);
	turn();
	expect_text(p.in, "2", false);
	assert_int_equal(p.flow.n_clients, 0);
	close(one);
}

static void test_terminal_is_left(void **state)
{
	struct flow_attach how = all;
	int one;

	(void)state;
	p.flow.tty = true;
	detach_parse(&how.detach, NULL, NULL);
	one = attach(&how);
	flow_begin(&p.flow);
	say(p.out[0], "raw");
	say(one, "ab\020");
	turn();
	expect_text(one, "raw", false);
	expect_text(p.in, "ab", false);
	say(one, "\021never seen");
	turn();
	expect(one, NULL, 0, true);
	expect(p.in, NULL, 0, false);
	close(one);
}

static size_t fill(int fd, size_t most)
{
	static char piece[65536];
	size_t n = 0;
	ssize_t w;

	while (n < most && (w = write(fd, piece, sizeof piece)) > 0) {
		n += (size_t)w;
		turn();
	}
	return n;
}

static size_t held(void)
{
	return mallinfo2().uordblks;
}

/* Attack row A5: whoever does not read holds the output up, and nothing grows; when it goes, all goes on. */
static void test_client_that_takes_nothing(void **state)
{
	size_t before, n;
	int one, two;

	(void)state;
	p.flow.log = NULL;
	flow_begin(&p.flow);
	one = attach(&(struct flow_attach){.out = true, .stream = true});
	two = attach(&(struct flow_attach){.err = true, .stream = true});
	before = held();
	n = fill(p.out[0], 64 << 20);
	assert_true(n < 8 << 20);
	assert_true(held() < before + (256 << 10));
	/* The other stream goes on. */
	say(p.out[1], "x");
	turn();
	expect_text(two, "\2\0\0\0\0\0\0\1x", false);
	close(one);
	turn();
	assert_int_equal(fill(p.out[0], 32 << 20), 32 << 20);
	assert_true(held() <= before);
	close(two);
}

/* The same for a process that takes nothing. */
static void test_process_that_takes_nothing(void **state)
{
	static char piece[65536];
	size_t n = 0, before;
	ssize_t w;
	int one;

	(void)state;
	p.flow.in_once = true;
	flow_begin(&p.flow);
	one = attach(&all);
	before = held();
	while (n < 64 << 20 && (w = write(one, piece, sizeof piece)) > 0) {
		n += (size_t)w;
		turn();
	}
	assert_true(n < 8 << 20);
	assert_true(held() < before + (256 << 10));
	/* What it sent before it went still arrives, and then the end. */
	close(one);
	for (size_t got = 0; got < n; got += (size_t)w) {
		turn();
		w = read(p.in, piece, sizeof piece);
		assert_true(w > 0);
	}
	turn();
	assert_int_equal(read(p.in, piece, sizeof piece), 0);
	turn();
	assert_int_equal(p.flow.n_clients, 0);
}

static size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_attach_and_drop(void **state)
{
	size_t fds = count_fds(), before = held();

	(void)state;
	flow_begin(&p.flow);
	for (int i = 0; i < 2000; i++) {
		int fd = attach(&all);

		say(p.out[0], "output");
		if (i % 3)
			turn();
		close(fd);
		turn();
		(void)!read(p.in, (char[64]){0}, 64);
	}
	assert_int_equal(p.flow.n_clients, 0);
	fd_closep(&p.log.fd);
	assert_int_equal(count_fds(), fds);
	assert_true(held() <= before);
}

static void test_too_many(void **state)
{
	int fds[ENGINE_ATTACH_MAX + 1];

	(void)state;
	flow_begin(&p.flow);
	for (size_t i = 0; i <= ENGINE_ATTACH_MAX; i++)
		fds[i] = attach(&all);
	expect(fds[ENGINE_ATTACH_MAX], NULL, 0, true);
	say(p.out[0], "x");
	turn();
	for (size_t i = 0; i <= ENGINE_ATTACH_MAX; i++) {
		if (i < ENGINE_ATTACH_MAX)
			expect_text(fds[i], "\1\0\0\0\0\0\0\1x", false);
		close(fds[i]);
	}
}

/* The log comes first, over its rotations, while more is written; then what is new: each number once and in order. */
static void test_replay(void **state)
{
	const struct flow_attach how = {.out = true, .logs = true, .stream = true, .raw = true};
	buf_cleanup struct buf got = BUF_INIT;
	char text[32], piece[65536];
	long next = -1, seen = 0;
	ssize_t n;
	int fd;

	(void)state;
	p.log.max_size = 64 << 10;
	flow_begin(&p.flow);
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "%d\n", i);
		say(p.out[0], text);
		if (i % 10 == 9)
			turn();
	}
	fd = attach(&how);
	for (int i = 10000; i < 12000; i++) {
		snprintf(text, sizeof text, "%d\n", i);
		say(p.out[0], text);
		turn();
		while ((n = read(fd, piece, sizeof piece)) > 0)
			buf_add(&got, piece, (size_t)n);
	}
	for (char *line = got.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		long number = strtol(line, NULL, 10);

		if (next >= 0)
			assert_int_equal(number, next);
		next = number + 1;
		seen++;
	}
	assert_int_equal(next, 12000);
	assert_true(seen > 2000 && seen <= 12000);
	close(fd);
}

/* The process has ended: what it left comes to a client that has not read for a while, and then the end. */
static void test_end(void **state)
{
	size_t n, got = 0;
	char piece[65536];
	ssize_t r;
	int one;

	(void)state;
	p.flow.log = NULL;
	flow_begin(&p.flow);
	one = attach(&(struct flow_attach){.out = true, .stream = true, .raw = true});
	n = fill(p.out[0], 64 << 20);
	flow_end(&p.flow);
	do {
		turn();
		r = read(one, piece, sizeof piece);
		got += r > 0 ? (size_t)r : 0;
	} while (r > 0);
	assert_int_equal(r, 0);
	assert_int_equal(got, n);
	close(one);
}

static void test_drain_is_bounded(void **state)
{
	int one;

	(void)state;
	flow_begin(&p.flow);
	one = attach(&(struct flow_attach){.out = true, .stream = true});
	fill(p.out[0], 64 << 20);
	fd_closep(&p.out[0]);
	flow_drain(&p.flow, 1 << 20, 0);
	flow_close(&p.flow);
	assert_int_equal(p.flow.n_clients, 0);
	close(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_detach),
	    cmocka_unit_test_setup_teardown(test_frames_and_ends, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_input_stays_open, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_terminal_is_left, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_client_that_takes_nothing, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_process_that_takes_nothing, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_attach_and_drop, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_too_many, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_replay, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_end, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_drain_is_bounded, open_place, close_place),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
