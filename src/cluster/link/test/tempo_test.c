/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/tempo.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND 1000000

static struct sockaddr_storage at(const char *text)
{
	struct sockaddr_storage a = {.ss_family = AF_UNSPEC};

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
		a.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1)
		a.ss_family = AF_INET6;
	else
		fail_msg("%s", text);
	return a;
}

/* How many of `n` that come at once are let in. */
static unsigned come(struct tempo *t, const char *from, unsigned n, int64_t now_us)
{
	const struct sockaddr_storage a = at(from);
	unsigned in = 0;

	while (n--)
		in += tempo_take(t, &a, now_us);
	return in;
}

static void test_one_address(void **state)
{
	static struct tempo t;

	(void)state;
	assert_int_equal(come(&t, "192.0.2.1", 5000, SECOND), TEMPO_BURST);
	/* It is nobody else's matter. */
	assert_int_equal(come(&t, "192.0.2.2", 5, SECOND), 5);
	assert_int_equal(come(&t, "192.0.2.1", 5000, 2 * SECOND), TEMPO_PER_S);
	assert_int_equal(come(&t, "192.0.2.1", 5000, 1000 * SECOND), TEMPO_BURST);
}

static void test_one_network(void **state)
{
	static struct tempo t;

	(void)state;
	assert_int_equal(come(&t, "2001:db8::1", 5000, 0), TEMPO_BURST);
	assert_int_equal(come(&t, "2001:db8::2", 1, 0), 0);
	assert_int_equal(come(&t, "2001:db8:0:1::2", 1, 0), 1);
	/* What a socket of both families says of IPv4. */
	assert_int_equal(come(&t, "::ffff:192.0.2.1", 5000, 0), TEMPO_BURST);
	assert_int_equal(come(&t, "::ffff:192.0.2.2", 1, 0), 1);
}

static void test_this_machine(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"};
	static struct tempo t;

	(void)state;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		assert_int_equal(come(&t, here[i], 5000, 0), 5000);
	assert_int_equal(t.n, 0);
}

/* More addresses than it remembers: those that came once do not wash away the one that came too often. */
static void test_full(void **state)
{
	static struct tempo t;
	char from[32];

	(void)state;
	assert_int_equal(come(&t, "192.0.2.1", 5000, 0), TEMPO_BURST);
	for (unsigned i = 0; i < 3 * TEMPO_MAX; i++) {
		snprintf(from, sizeof from, "10.0.%u.%u", i / 256, i % 256);
		assert_int_equal(come(&t, from, 1, 0), 1);
	}
	assert_int_equal(t.n, TEMPO_MAX);
	assert_int_equal(come(&t, "192.0.2.1", 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_address),
	    cmocka_unit_test(test_one_network),
	    cmocka_unit_test(test_this_machine),
	    cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
