/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/cidr.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct cidr must(const char *text)
{
	struct err err = ERR_INIT;
	struct cidr c = {.prefix = -1};

	if (cidr_parse(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
	    "",		  "10.0.0.0", "10.0.0.0/",   "10.0.0.0/33",	      "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8x",
	    "fd00::/129", "/8",	      "10.0.0.0/ 8", "::1:2:3:4:5:6:7:8:9/64"};
	char text[CIDR_TEXT_MAX];
	struct cidr c;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(cidr_parse(bad[i], &c, NULL), -EINVAL);
	c = must("172.18.3.7/16");
	assert_string_equal(cidr_text(&c, text), "172.18.0.0/16");
	c = must("fd00:1:2:3:4::9/63");
	assert_string_equal(cidr_text(&c, text), "fd00:1:2:2::/63");
	c = must("1.2.3.4/0");
	assert_string_equal(cidr_text(&c, text), "0.0.0.0/0");
}

static void test_sets(void **state)
{
	struct cidr big = must("10.0.0.0/8"), small = must("10.9.0.0/16"), other = must("11.0.0.0/8"),
		    six = must("::/0");

	(void)state;
	assert_true(cidr_within(&big, &small));
	assert_false(cidr_within(&small, &big));
	assert_true(cidr_overlap(&small, &big));
	assert_false(cidr_overlap(&big, &other));
	assert_false(cidr_overlap(&six, &big));
}

static void test_numbers(void **state)
{
	struct cidr c = must("192.168.254.0/23"), six = must("fd00::ff00/112");
	char text[IP_TEXT_MAX];
	struct ip ip = cidr_nth(&c, 257);

	(void)state;
	assert_string_equal(ip_text(&ip, text), "192.168.255.1");
	assert_int_equal(cidr_size(&c), 512);
	ip = cidr_nth(&six, 65535);
	assert_string_equal(ip_text(&ip, text), "fd00::ffff");
	six = must("fd00::/64");
	assert_true(cidr_size(&six) == UINT64_MAX);
	ip = cidr_nth(&six, UINT64_MAX);
	assert_string_equal(ip_text(&ip, text), "fd00::ffff:ffff:ffff:ffff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_sets),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
