/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/crowd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct place {
	struct crowd crowd;
	struct crowd_member members[2 * CROWD_MAX];
	size_t n;
};

static struct sockaddr_storage at(const char *text)
{
	struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
	struct sockaddr_in *four = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		a.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		a.ss_family = AF_INET6;
	else
		fail_msg("%s", text);
	return a;
}

/* Comes, and sends away whoever has to leave: 'n' no place, 'y' a free one, or the address of who has left. */
static char come(struct place *p, const char *from, int64_t now, struct crowd_member **ret_left)
{
	const struct sockaddr_storage a = at(from);

	if (!crowd_has_place(&p->crowd, &a, now, ret_left))
		return 'n';
	if (*ret_left)
		crowd_leave(&p->crowd, *ret_left);
	assert_true(p->n < sizeof p->members / sizeof *p->members);
	crowd_enter(&p->crowd, &p->members[p->n++], &a, now);
	return *ret_left ? 'x' : 'y';
}

static void fill(struct place *p, const char *from, size_t n, int64_t now)
{
	struct crowd_member *left;

	while (n--)
		assert_int_equal(come(p, from, now, &left), 'y');
}

static void end(struct place *p)
{
	for (size_t i = 0; i < p->n; i++)
		crowd_leave(&p->crowd, &p->members[i]);
	assert_int_equal(p->crowd.n, 0);
	assert_null(p->crowd.origins);
	assert_null(p->crowd.first);
}

/* Four addresses have all places: those of a fifth get in at once, and the four have fewer. */
static void test_four_addresses(void **state)
{
	struct place p = {.n = 0};
	struct crowd_member *left;

	(void)state;
	crowd_init(&p.crowd);
	for (int i = 0; i < CROWD_MAX / CROWD_OF_ONE; i++) {
		char from[32];

		snprintf(from, sizeof from, "192.0.2.%d", i + 1);
		fill(&p, from, CROWD_OF_ONE, 0);
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(come(&p, "198.51.100.7", 1, &left), 'x');
	assert_int_equal(p.crowd.n, CROWD_MAX);
	/* And who takes places away from others gets none back by it: 51 to the newcomers, 51 or 52 to each of the four. */
	assert_int_equal(come(&p, "192.0.2.1", 1, &left), 'n');
	end(&p);
}

/* One address: no more than its share, but who comes later has the place of who only stands there. */
static void test_one_address(void **state)
{
	struct place p = {.n = 0};
	struct crowd_member *left;

	(void)state;
	crowd_init(&p.crowd);
	fill(&p, "192.0.2.1", CROWD_OF_ONE, 0);
	assert_int_equal(come(&p, "192.0.2.1", CROWD_GRACE_MS - 1, &left), 'n');
	crowd_hold(&p.members[0], true);
	assert_int_equal(come(&p, "192.0.2.1", CROWD_GRACE_MS, &left), 'x');
	assert_ptr_equal(left, &p.members[1]);
	end(&p);
}

/* As many addresses as places. */
static void test_many_addresses(void **state)
{
	struct place p = {.n = 0};
	struct crowd_member *left;

	(void)state;
	crowd_init(&p.crowd);
	for (int i = 0; i < CROWD_MAX; i++) {
		char from[32];

		snprintf(from, sizeof from, "10.0.%d.1", i);
		fill(&p, from, 1, i);
	}
	assert_int_equal(come(&p, "192.0.2.1", CROWD_GRACE_MS - 1, &left), 'n');
	assert_int_equal(come(&p, "192.0.2.1", CROWD_GRACE_MS, &left), 'x');
	assert_ptr_equal(left, &p.members[0]);
	end(&p);
}

/* Nobody can be sent away who waits for an answer of ours. */
static void test_held(void **state)
{
	struct place p = {.n = 0};
	struct crowd_member *left;

	(void)state;
	crowd_init(&p.crowd);
	fill(&p, "192.0.2.1", CROWD_OF_ONE, 0);
	for (size_t i = 0; i < p.n; i++)
		crowd_hold(&p.members[i], true);
	assert_int_equal(come(&p, "192.0.2.1", INT32_MAX, &left), 'n');
	end(&p);
}

/* Which addresses are one. */
static void test_origins(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.2", false},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	    {"::1", "127.0.0.1", false},
	    {"fe80::1", "fe80::2", false},
	    {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
	    {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct place p = {.n = 0};
		struct crowd_member *left;

		crowd_init(&p.crowd);
		fill(&p, rows[i].one, CROWD_OF_ONE, 0);
		if (come(&p, rows[i].other, 0, &left) != (rows[i].same ? 'n' : 'y'))
			fail_msg("%s and %s", rows[i].one, rows[i].other);
		end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_four_addresses), cmocka_unit_test(test_one_address),
					   cmocka_unit_test(test_many_addresses), cmocka_unit_test(test_held),
					   cmocka_unit_test(test_origins)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
