/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/log.h"

#include "base/core/fd.h"

#include <fcntl.h>
#include <poll.h>
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

/* More than any of the three holds: a pipe 64 KiB, a socket some 200 KiB, a terminal 4 to 64 KiB. */
#define LINES 20000

/* Standard error is `to` while it is in place; the process would wait for ever for a reader that is not there, so it gets a time. */
struct place {
	int saved, reader, writer;
};

static void enter(struct place *p)
{
	p->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(p->saved >= 0);
	assert_true(dup2(p->writer, STDERR_FILENO) >= 0);
	alarm(60);
	log_begin();
}

static void leave(struct place *p)
{
	alarm(0);
	assert_true(dup2(p->saved, STDERR_FILENO) >= 0);
	fd_closep(&p->saved);
	fd_closep(&p->reader);
	fd_closep(&p->writer);
}

/* Lines that are whole: "<6>line 17 of many". */
static unsigned read_lines(int fd, unsigned long long *ret_lost)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned n = 0, number;
	char line[512];
	size_t len = 0;

	while (poll(&p, 1, 0) == 1 && read(fd, line + len, 1) == 1) {
		if (len < sizeof line - 2 && line[len] != '\n') {
			len++;
			continue;
		}
		line[len] = '\0';
		len = 0;
		if (strstr(line, " of many") &&
		    (sscanf(line, "<6>line %u", &number) == 1 || sscanf(line, "line %u", &number) == 1))
			n++;
		else if (strstr(line, "were dropped"))
			(void)sscanf(line, *line == '<' ? "<4>%llu" : "%llu", ret_lost);
	}
	return n;
}

/* Nobody reads; then somebody does: what is missing is told, to the line, before what comes next. */
static void drop_and_tell(struct place *p)
{
	unsigned long long lost = 0, none = 0;
	unsigned first, then;

	enter(p);
	for (int i = 0; i < LINES; i++)
		log_info("line %d of many", i);
	first = read_lines(p->reader, &none);
	log_info("line %d of many", LINES);
	then = read_lines(p->reader, &lost);
	leave(p);
	assert_int_equal(none, 0);
	assert_int_equal(then, 1);
	assert_true(first > 0);
	assert_int_equal(first + lost, LINES);
}

static void test_full_pipe(void **state)
{
	struct place p;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p = (struct place){.reader = ends[0], .writer = ends[1]};
	drop_and_tell(&p);
}

static void test_full_socket(void **state)
{
	struct place p;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p = (struct place){.reader = ends[0], .writer = ends[1]};
	drop_and_tell(&p);
}

/* A terminal may take half a line, which counts as told; what follows begins on a line of its own. How often depends on when the kernel
 * moves on what it has, so not each line can be accounted for. */
static void test_full_terminal(void **state)
{
	struct place p = {.reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
	unsigned long long lost = 0, none = 0;
	unsigned first, then;

	(void)state;
	assert_true(p.reader >= 0);
	assert_int_equal(grantpt(p.reader), 0);
	assert_int_equal(unlockpt(p.reader), 0);
	p.writer = open(ptsname(p.reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(p.writer >= 0);
	enter(&p);
	for (int i = 0; i < LINES; i++)
		log_info("line %d of many", i);
	first = read_lines(p.reader, &none);
	log_info("line %d of many", LINES);
	then = read_lines(p.reader, &lost);
	leave(&p);
	assert_int_equal(then, 1);
	assert_true(first > 0);
	assert_true(first < LINES);
	assert_true(first + lost <= LINES);
}

/* A shell that shares it goes on as before. */
static void test_others_still_wait(void **state)
{
	struct place p;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p = (struct place){.reader = ends[0], .writer = ends[1]};
	enter(&p);
	assert_true((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(p.writer, F_GETFL) & O_NONBLOCK) == 0);
	leave(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_full_pipe),
	    cmocka_unit_test(test_full_socket),
	    cmocka_unit_test(test_full_terminal),
	    cmocka_unit_test(test_others_still_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
