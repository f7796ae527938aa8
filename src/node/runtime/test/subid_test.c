/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/subid.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text, *want; /* "FIRST+COUNT ..." of user ann, number 1000 */
} rows[] = {
    {"", ""},
    {"ann:100000:65536\n", "100000+65536"},
    {"ann:100000:65536", "100000+65536"},
    {"1000:100000:65536\n", "100000+65536"},
    {"bob:100000:65536\nann:165536:65536\n", "165536+65536"},
    {"ann:100000:10\nann:200000:20\n1000:300000:30\n", "100000+10 200000+20 300000+30"},
    /* the second overlaps the first: the kernel would refuse the whole map */
    {"ann:100000:100\nann:100099:10\nann:100100:10\n", "100000+100 100100+10"},
    {"anna:100000:10\nan:200000:10\n10000:1:1\n100:1:1\n", ""},
    {"ann:0:10\nann:5:0\n", ""},
    {"ann:4294967294:1\n", "4294967294+1"},
    {"ann:4294967294:2\nann:4294967295:1\nann:1:4294967295\n", ""},
    {"ann:1:4294967294\n", "1+4294967294"},
    {"ann:99999999999:1\nann:1:99999999999\nann:-1:5\nann:+1:5\nann: 1:5\nann:1:5 \nann:0x10:5\n", ""},
    {"ann\nann:\nann:1\nann::\nann:1:\n::\n\n:1:1\n", ""},
    {"# ann:1:1\nann:7:1\n", "7+1"},
};

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct subid s;
		char got[512] = "";

		subid_parse(rows[i].text, "ann", 1000, &s);
		for (size_t k = 0; k < s.n; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u+%u", k ? " " : "",
				 s.ranges[k].first, s.ranges[k].count);
		assert_string_equal(got, rows[i].want);
	}
}

static void a_user_without_a_name_has_no_lines_without_one(void **state)
{
	struct subid s;

	(void)state;
	subid_parse(":100000:65536\n", NULL, 1000, &s);
	assert_int_equal(s.n, 0);
	subid_parse(":100000:65536\n", "", 1000, &s);
	assert_int_equal(s.n, 0);
}

static void says_where_room_is(void **state)
{
	struct subid s;

	(void)state;
	subid_parse("", "ann", 1000, &s);
	assert_int_equal(s.free, 100000);
	subid_parse("bob:100000:65536\neve:165536:65536\nmax:1:5\n", "ann", 1000, &s);
	assert_int_equal(s.free, 231072);
	subid_parse("bob:4294900000:60000\neve:100000:1\n", "ann", 1000, &s);
	assert_int_equal(s.free, 0);
}

static void takes_a_limited_number_of_ranges(void **state)
{
	static char text[SUBID_RANGES_MAX * 64];
	struct subid_line lines[SUBID_RANGES_MAX + 1];
	struct subid s;

	(void)state;
	for (unsigned i = 0; i < SUBID_RANGES_MAX + 5; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "ann:%u:10\n", 1000 + i * 10);
	subid_parse(text, "ann", 1000, &s);
	assert_int_equal(s.n, SUBID_RANGES_MAX);
	assert_int_equal(subid_map(&s, 1000, lines), SUBID_RANGES_MAX + 1);
}

static void maps_the_user_first_and_the_ranges_after_it(void **state)
{
	struct subid_line lines[SUBID_RANGES_MAX + 1];
	struct subid s;

	(void)state;
	subid_parse("ann:100000:10\nann:200000:4294000000\n", "ann", 1000, &s);
	assert_int_equal(subid_map(&s, 1000, lines), 3);
	assert_memory_equal(lines, ((struct subid_line[]){{0, 1000, 1}, {1, 100000, 10}, {11, 200000, 4294000000u}}),
			    3 * sizeof *lines);
	subid_parse("ann:1:4294967294\n", "ann", 1000, &s);
	assert_int_equal(subid_map(&s, 0, lines), 2);
	/* The last number that is a number is 4294967294. */
	assert_int_equal(lines[1].count, 4294967293u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses),
	    cmocka_unit_test(a_user_without_a_name_has_no_lines_without_one),
	    cmocka_unit_test(says_where_room_is),
	    cmocka_unit_test(takes_a_limited_number_of_ranges),
	    cmocka_unit_test(maps_the_user_first_and_the_ranges_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
