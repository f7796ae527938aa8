/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *get(struct dns_cache *c, const char *key, int64_t now, uint32_t *age)
{
	static char text[64];
	size_t n;
	uint32_t a;
	const void *p = dns_cache_get(c, key, now, &n, &a);

	if (!p)
		return "-";
	snprintf(text, sizeof text, "%.*s", (int)n, (const char *)p);
	if (age)
		*age = a;
	return text;
}

static void test_time(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000);
	uint32_t age = 99;

	dns_cache_put(c, "a", "one", 3, 5, 1000);
	dns_cache_put(c, "b", "two", 3, 0, 1000);
	assert_string_equal(get(c, "a", 1999, &age), "one");
	assert_int_equal(age, 0);
	assert_string_equal(get(c, "a", 5999, &age), "one");
	assert_int_equal(age, 4);
	assert_string_equal(get(c, "b", 1000, NULL), "-");
	assert_string_equal(get(c, "a", 6000, NULL), "-");
	assert_int_equal(dns_cache_entries(c), 0);
	assert_int_equal(dns_cache_bytes(c), 0);
	dns_cache_free(c);
	(void)state;
}

static void test_oldest_goes(void **state)
{
	struct dns_cache *c = dns_cache_new(2, 10000);

	dns_cache_put(c, "a", "one", 3, 60, 0);
	dns_cache_put(c, "b", "two", 3, 60, 0);
	assert_string_equal(get(c, "a", 1, NULL), "one");
	dns_cache_put(c, "c", "three", 5, 60, 2);
	assert_string_equal(get(c, "b", 3, NULL), "-");
	assert_string_equal(get(c, "a", 3, NULL), "one");
	assert_string_equal(get(c, "c", 3, NULL), "three");
	dns_cache_put(c, "a", "again", 5, 60, 4);
	assert_string_equal(get(c, "a", 5, NULL), "again");
	assert_int_equal(dns_cache_entries(c), 2);
	dns_cache_free(c);
	(void)state;
}

static void test_bytes(void **state)
{
	struct dns_cache *c = dns_cache_new(1000, 4000);
	char big[DNS_CACHE_ANSWER_MAX + 1] = "";

	for (int i = 0; i < 500; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%d", i);
		dns_cache_put(c, key, big, 300, 60, 0);
		assert_true(dns_cache_bytes(c) <= 4000);
	}
	assert_in_range(dns_cache_entries(c), 5, 13);
	dns_cache_put(c, "big", big, sizeof big, 60, 0);
	assert_string_equal(get(c, "big", 0, NULL), "-");
	assert_in_range(dns_cache_entries(c), 5, 13);
	dns_cache_free(c);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_oldest_goes),
	    cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
