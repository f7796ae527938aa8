/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/bucket.h"
#include "base/core/log_quota.h"

#include "base/core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Three at once, one more each 10 us. */
static void test_takes(void **state)
{
	static const struct {
		int64_t now;
		uint32_t n;
		bool may;
	} steps[] = {
	    {100, 1, true},  {100, 2, true},   {100, 1, false}, {109, 1, false},  {110, 1, true}, {110, 1, false},
	    {129, 2, false}, {130, 2, true},   {130, 1, false}, {1000, 4, false}, /* more than there ever is */
	    {1000, 3, true}, {1000, 1, false}, {1000, 0, true},
	};
	struct bucket b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (bucket_take(&b, steps[i].now, 10, 3, steps[i].n) != steps[i].may)
			fail_msg("step %zu", i);
	}
	assert_false(bucket_is_full(&b, 1029));
	assert_true(bucket_is_full(&b, 1030));
}

static int64_t now_ns;

static int64_t now(void)
{
	return now_ns;
}

/* In an hour of a hundred lines a second. */
static void test_lines(void **state)
{
	struct log_quota q = {.told = false};
	unsigned lines = 0;

	(void)state;
	now_ns = 1000000000;
	clock_use(now, now);
	for (int ms = 0; ms < 3600000; ms += 10, now_ns += 10000000)
		lines += log_quota_may(&q, "this test");
	assert_true(q.told);
	assert_in_range(lines, LOG_QUOTA_LINES + 3600 / LOG_QUOTA_EVERY_S - 1,
			LOG_QUOTA_LINES + 3600 / LOG_QUOTA_EVERY_S);
	/* After a silence all of them are there again, and the next that is left out is told. */
	now_ns += (int64_t)LOG_QUOTA_LINES * LOG_QUOTA_EVERY_S * 1000000000;
	for (int i = 0; i < LOG_QUOTA_LINES; i++)
		assert_true(log_quota_may(&q, "this test"));
	assert_false(q.told);
	assert_false(log_quota_may(&q, "this test"));
	assert_true(q.told);
	clock_use(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_takes), cmocka_unit_test(test_lines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
